//! The old password endpoint of Orchestrator. It gives a token of half an hour for everything the account may do.

use crate::claims::LEGACY_LIFE;
use crate::oauth::issue::{self, Issue};
use crate::signin::{self, Attempt, Refused, WRONG};
use crate::{applications, builtin, scopes};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result, Secret, codes};
use serde_json::{Value, json};

/// Registers the operation.
pub fn register(r: &mut Registry) {
    r.serve("Account_Authenticate", authenticate).telemetry().also(&[400, 429]);
}

async fn authenticate(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (name, password) = (body.need_text("usernameOrEmailAddress")?, Secret::new(body.need_text("password")?));
    let place = signin::place(call, body.text("tenancyName")).await?;
    let attempt = Attempt { place: &place, user_name: name, password: &password };
    let user = match signin::with_password(call, attempt).await? {
        Ok(user) => user,
        Err(Refused::Wrong) => return Ok(refusal(WRONG)),
        Err(Refused::MustChange(_)) => return Ok(refusal("The password must be changed before it can be used here.")),
        Err(Refused::Slow(seconds)) => {
            let error = Error::new(429, codes::INVALID_REQUEST, "Too many failed attempts. Try again later.");
            return Err(error.retry_after(seconds));
        }
    };
    let mut conn = call.read().await?;
    let client = applications::by_key(&mut conn, builtin::PUBLIC_CLIENT).await?;
    drop(conn);
    let client = client.ok_or_else(|| Error::internal("the built-in client is missing"))?;
    let token = issue::access_token(
        call,
        &Issue {
            client_id: &client.key,
            user: &user,
            scopes: &[scopes::EVERYTHING.to_owned()],
            tenant_id: place.tenant_id,
            sid: None,
            auth_time: call.now(),
            life: LEGACY_LIFE,
        },
    )
    .await?;
    Ok(Output::json(json!({
        "result": token,
        "targetUrl": null,
        "success": true,
        "error": null,
        "unAuthorizedRequest": false,
        "__abp": true,
    })))
}

fn refusal(message: &str) -> Output {
    let code = codes::INVALID_REQUEST;
    Output::json(json!({
        "message": message,
        "errorCode": code,
        "result": null,
        "targetUrl": null,
        "success": false,
        "error": {"code": code, "message": message, "details": null, "validationErrors": Value::Null},
        "unAuthorizedRequest": false,
        "__abp": true,
    }))
    .status(400)
}
