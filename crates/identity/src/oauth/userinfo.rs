//! What a client may know about the person whose token it shows (OpenID Connect Core, section 5.3).

use super::issue;
use crate::{scopes, users};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, PrincipalKind, Result, Scopes};
use serde_json::{Value, json};

/// `GET` and `POST /identity/connect/userinfo`.
pub async fn userinfo(call: &mut Call) -> Result<Output> {
    let held = match &call.principal.scopes {
        Scopes::All => vec![scopes::EVERYTHING.to_owned()],
        Scopes::These(held) => held.clone(),
    };
    let may = held.iter().any(|s| s == scopes::OPENID || s == scopes::EVERYTHING);
    if call.principal.kind != PrincipalKind::User || !may {
        return Err(Error::new(403, 0, "The token was not issued with the scope openid."));
    }
    let mut conn = call.read().await?;
    let user = users::by_key(&mut conn, &call.principal.key).await?.ok_or_else(Error::unauthenticated)?;
    let mut out = issue::opened(&user, &held);
    out.insert("sub".into(), json!(user.key));
    out.insert("prt_id".into(), json!(user.organization_key));
    Ok(Output::json(Value::Object(out)))
}
