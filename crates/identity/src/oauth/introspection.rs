//! Asking whether a token counts (RFC 7662). Only confidential clients may ask, and only about tokens of their own
//! organization; everything else is simply not active.

use super::failure::{Outcome, answered, invalid_client};
use super::form::Form;
use super::{client, issue, refresh};
use crate::claims::AUDIENCE;
use crate::{jwt, organizations, pats, principal, users};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use serde_json::{Value, json};

/// `POST /identity/connect/introspect`.
pub async fn introspect(call: &mut Call) -> Result<Output> {
    answered(decide(call).await)
}

async fn decide(call: &Call) -> Outcome<Output> {
    let form = Form::body(call)?;
    let (application, shown) = client::authenticated(call, &form).await?;
    let Some(organization_id) = application.organization_id.filter(|_| application.is_confidential) else {
        return Err(invalid_client(shown.by_header));
    };
    let token = form.need("token")?;
    let found = match access(call, organization_id, token).await? {
        Some(found) => Some(found),
        None => match personal(call, organization_id, token).await? {
            Some(found) => Some(found),
            None => refresh_token(call, application.id, token).await?,
        },
    };
    Ok(Output::json(found.unwrap_or_else(|| json!({"active": false}))))
}

async fn access(call: &Call, organization_id: i64, token: &str) -> Result<Option<Value>> {
    let Ok(claims) = jwt::checked(&call.app, token).await else { return Ok(None) };
    let mut conn = call.read().await?;
    let organization = organizations::by_id(&mut conn, organization_id).await?;
    drop(conn);
    if organization.is_none_or(|o| o.key != claims.organization) {
        return Ok(None);
    }
    let caller = match principal::of_claims(&call.app, &claims).await {
        Ok(caller) => caller,
        Err(e) if e.status() == 401 => return Ok(None),
        Err(e) => return Err(e),
    };
    if let Some(job) = &claims.job_key {
        let live = match principal::fleet(&call.app) {
            Some(fleet) => fleet.job_is_live(&call.app, job).await?,
            None => false,
        };
        if !live {
            return Ok(None);
        }
    }
    Ok(Some(json!({
        "active": true,
        "scope": claims.scopes.join(" "),
        "client_id": claims.client_id,
        "username": caller.name,
        "token_type": "Bearer",
        "exp": claims.expires_at / SECOND,
        "iat": claims.issued_at / SECOND,
        "nbf": claims.issued_at / SECOND,
        "sub": claims.sub,
        "aud": AUDIENCE,
        "iss": issue::issuer(call),
        "jti": claims.jti,
        "prt_id": claims.organization,
    })))
}

async fn personal(call: &Call, organization_id: i64, token: &str) -> Result<Option<Value>> {
    if !token.starts_with(pats::PREFIX) {
        return Ok(None);
    }
    let mut conn = call.read().await?;
    let Some(token) = pats::shown(&mut conn, &call.app.keys, token, call.now()).await? else { return Ok(None) };
    let user = users::by_id(&mut conn, token.user_id).await?;
    let user = user.filter(|u| u.is_active && u.organization_id == organization_id);
    Ok(user.map(|user| {
        json!({
            "active": true,
            "scope": token.scopes.join(" "),
            "username": user.user_name,
            "token_type": "Bearer",
            "exp": token.expires_at / SECOND,
            "sub": user.key,
            "prt_id": user.organization_key,
        })
    }))
}

async fn refresh_token(call: &Call, application_id: i64, token: &str) -> Result<Option<Value>> {
    let mut conn = call.read().await?;
    let row = conn
        .query_opt(
            "SELECT scopes, expires_at, user_id FROM refresh_tokens WHERE token_hash = $1 AND application_id = $2 \
             AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $3",
            params![refresh::hashed(call, token)?, application_id, call.now()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let user = users::by_id(&mut conn, row.get(2)?).await?.filter(|u| u.is_active);
    let Some(user) = user else { return Ok(None) };
    Ok(Some(json!({
        "active": true,
        "scope": row.get::<String>(0)?,
        "token_type": "refresh_token",
        "exp": row.get::<Micros>(1)? / SECOND,
        "username": user.user_name,
        "sub": user.key,
    })))
}
