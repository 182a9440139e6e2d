//! The device authorization endpoint (RFC 8628, section 3.1): a client asks for codes.

use super::super::client;
use super::super::failure::{Outcome, answered, refuse};
use super::super::form::Form;
use super::super::grants::asked;
use super::super::request;
use super::{LIFE, PATH, PAUSE, codes};
use crate::identity::Identity;
use crate::signin::client_address;
use bandmaster_api::{Call, Output};
use bandmaster_core::clock::SECOND;
use bandmaster_core::{Error, Result, codes as numbers};
use bandmaster_store::params;
use serde_json::json;

/// How often another short code is made when one is taken.
const TRIES: usize = 5;

/// `POST /identity/connect/deviceauthorization`.
pub(super) async fn start(call: &mut Call) -> Result<Output> {
    answered(decide(call).await)
}

async fn decide(call: &Call) -> Outcome<Output> {
    let devices = Identity::of(&call.app)?.devices();
    let address = client_address(call);
    if let Some(seconds) = devices.wait(address, call.now()) {
        let error = Error::new(429, numbers::INVALID_REQUEST, "Too many requests from this address. Try again later.");
        return Err(error.retry_after(seconds).into());
    }
    // Anybody can ask in the name of a client without a secret, and every request leaves a row.
    devices.failed(address, call.now());
    let form = Form::body(call)?;
    let (application, _) = client::authenticated(call, &form).await?;
    let granted = request::may_have(&application, &asked(&form)?).map_err(|(error, text)| refuse(error, text))?;
    let device_code = call.app.ids.secret();
    let device_hash = call.app.keys.hash(&device_code, super::poll::PURPOSE)?;
    let mut unit = call.begin().await?;
    let (family, now) = (unit.guid(), unit.now());
    let mut user_code = None;
    for _ in 0..TRIES {
        let code = codes::fresh(call.app.ids.as_ref());
        let made = unit
            .execute(
                "INSERT INTO device_authorizations (device_hash, user_hash, family, application_id, scopes, client_address, \
                 created_at, expires_at, pause) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 ON CONFLICT (user_hash) DO NOTHING",
                params![
                    device_hash.as_str(),
                    super::verify::hashed(call, &code)?,
                    family.as_str(),
                    application.id,
                    granted.join(" "),
                    address.map(|a| a.to_string()),
                    now,
                    now + LIFE,
                    PAUSE
                ],
            )
            .await?;
        if made > 0 {
            user_code = Some(codes::shown(&code));
            break;
        }
    }
    let user_code = user_code.ok_or_else(|| Error::internal("no free code for a device was found"))?;
    unit.commit().await?;
    let page = format!("{}{}{PATH}", call.origin, super::super::authorize::prefix(call));
    Ok(Output::json(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": LIFE / SECOND,
        "interval": PAUSE,
    })))
}
