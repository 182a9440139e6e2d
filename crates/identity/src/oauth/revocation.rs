//! Giving tokens back (RFC 7009). A refresh token takes its whole family with it. A token that is not the client's,
//! or none at all, is answered like one that was given back.

use super::client;
use super::code::{end_access, end_family};
use super::failure::{Outcome, answered};
use super::form::Form;
use super::refresh;
use crate::jwt;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_store::params;

/// `POST /identity/connect/revocation`.
pub async fn revoke(call: &mut Call) -> Result<Output> {
    answered(decide(call).await)
}

async fn decide(call: &Call) -> Outcome<Output> {
    let form = Form::body(call)?;
    let (application, _) = client::authenticated(call, &form).await?;
    let token = form.need("token")?;
    let hash = refresh::hashed(call, token)?;
    let claims = jwt::checked(&call.app, token).await.ok().filter(|c| c.client_id == application.key);
    let mut unit = call.begin().await?;
    let row = unit
        .query_opt(
            "SELECT family FROM refresh_tokens WHERE token_hash = $1 AND application_id = $2",
            params![hash, application.id],
        )
        .await?;
    if let Some(row) = row {
        let family: String = row.get(0)?;
        end_family(&mut unit, &family).await?;
    } else if let Some(claims) = claims {
        end_access(&mut unit, &claims.jti, claims.expires_at).await?;
    }
    unit.commit().await?;
    Ok(Output::empty().status(200))
}
