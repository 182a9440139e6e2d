//! Refresh tokens: each is used once and gives the next. One that is shown again was stolen, from the client or by
//! it; the whole family ends (RFC 9700, section 4.14).

use super::code::end_family;
use super::failure::{Outcome, invalid_grant};
use super::form::Form;
use super::grants::{asked, too_much};
use super::issue::{self, Issue};
use crate::applications::Application;
use crate::claims::ACCESS_LIFE;
use crate::scopes;
use crate::users::{self, User};
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::Result;
use bandmaster_core::clock::DAY;
use bandmaster_core::time::Micros;
use bandmaster_store::params;

/// Life of a refresh token.
const LIFE: Micros = 60 * DAY;
const PURPOSE: &str = "refresh-token";

/// What the next token of a family stands for.
pub(crate) struct Next<'a> {
    pub family: &'a str,
    pub application: &'a Application,
    pub user: &'a User,
    pub scopes: &'a [String],
    pub auth_time: Micros,
}

/// The stored form of a token's value.
pub(crate) fn hashed(call: &Call, token: &str) -> Result<String> {
    call.app.keys.hash(token, PURPOSE)
}

/// Makes the next token of a family.
pub(crate) async fn issue(call: &Call, unit: &mut Unit, next: &Next<'_>) -> Result<String> {
    let token = call.app.ids.secret();
    let now = unit.now();
    unit.execute(
        "INSERT INTO refresh_tokens (token_hash, family, application_id, user_id, scopes, auth_time, created_at, \
         expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            hashed(call, &token)?,
            next.family,
            next.application.id,
            next.user.id,
            next.scopes.join(" "),
            next.auth_time,
            now,
            now + LIFE
        ],
    )
    .await?;
    Ok(token)
}

/// `refresh_token`.
pub(crate) async fn refresh(call: &Call, form: &Form, application: &Application) -> Outcome<Output> {
    let hash = hashed(call, form.need("refresh_token")?)?;
    let wanted = asked(form)?;
    let mut unit = call.begin().await?;
    let now = unit.now();
    let row = unit
        .query_opt(
            "SELECT family, user_id, scopes, auth_time, expires_at, used_at, revoked_at FROM refresh_tokens \
             WHERE token_hash = $1 AND application_id = $2",
            params![hash.as_str(), application.id],
        )
        .await?;
    let Some(row) = row else { return Err(invalid_grant()) };
    let family: String = row.get(0)?;
    if row.get::<Option<Micros>>(6)?.is_some() || row.get::<Micros>(4)? <= now {
        return Err(invalid_grant());
    }
    let granted: Vec<String> = row.get::<String>(2)?.split(' ').map(str::to_owned).collect();
    let user = users::by_id(&mut unit, row.get(1)?).await?.filter(|u| u.is_active);
    let Some(user) = user else { return Err(invalid_grant()) };
    // A request may ask for less this time; the next token keeps what was granted (RFC 6749, section 6).
    let narrowed = match wanted.is_empty() {
        true => granted.clone(),
        false if application.is_first_party => wanted.into_iter().filter(|s| granted.contains(s)).collect(),
        false if wanted.iter().all(|s| scopes::contained(&granted, s)) => wanted,
        false => return Err(too_much()),
    };
    if narrowed.is_empty() {
        return Err(too_much());
    }
    // Decides between two uses at once: the second finds nothing to change.
    let first = unit
        .execute(
            "UPDATE refresh_tokens SET used_at = $1 WHERE token_hash = $2 AND used_at IS NULL AND revoked_at IS NULL",
            params![now, hash.as_str()],
        )
        .await?;
    if first == 0 {
        end_family(&mut unit, &family).await?;
        unit.commit().await?;
        tracing::warn!(client = application.key, user = user.key, "a refresh token was used twice; its family ends");
        return Err(invalid_grant());
    }
    let auth_time = row.get(3)?;
    let next = Next { family: &family, application, user: &user, scopes: &granted, auth_time };
    let token = issue(call, &mut unit, &next).await?;
    unit.commit().await?;
    let issue = Issue {
        client_id: &application.key,
        user: &user,
        scopes: &narrowed,
        tenant_id: None,
        sid: Some(&family),
        auth_time,
        life: ACCESS_LIFE,
    };
    let access = issue::access_token(call, &issue).await?;
    let identity = match narrowed.iter().any(|s| s == scopes::OPENID) {
        true => Some(issue::identity_token(call, &issue, None, &access).await?),
        false => None,
    };
    Ok(Output::json(issue::answer(&access, ACCESS_LIFE, &narrowed, Some(&token), identity.as_deref())))
}
