//! The device's side of the token endpoint (RFC 8628, sections 3.4 and 3.5): not yet, not so fast, no, too late, or the
//! tokens, once.

use super::super::code::{self, Grant};
use super::super::failure::{Failure, Outcome, invalid_grant, refuse};
use super::super::form::Form;
use super::PAUSE;
use crate::applications::Application;
use crate::users;
use bandmaster_api::{Call, Output};
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_store::params;

/// The grant's name.
pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub(super) const PURPOSE: &str = "device-code";

/// `urn:ietf:params:oauth:grant-type:device_code`.
pub(crate) async fn redeem(call: &Call, form: &Form, application: &Application) -> Outcome<Output> {
    let hash = call.app.keys.hash(form.need("device_code")?, PURPOSE)?;
    let mut unit = call.begin().await?;
    let now = unit.now();
    // Polls with one code wait for each other at this row until the unit ends; a code of another client is not touched.
    let row = unit
        .query_opt(
            "UPDATE device_authorizations SET polled_at = $1, \
             too_fast = CASE WHEN polled_at + pause * $2 > $1 THEN 1 ELSE 0 END, \
             pause = CASE WHEN polled_at + pause * $2 > $1 THEN pause + $3 ELSE pause END \
             WHERE device_hash = $4 AND application_id = $5 \
             RETURNING id, family, scopes, expires_at, too_fast, decided_at, is_allowed, user_id, security_stamp, \
             auth_time, used_at",
            params![now, SECOND, PAUSE, hash, application.id],
        )
        .await?;
    let Some(row) = row else { return Err(invalid_grant()) };
    let family: String = row.get(1)?;
    if row.get::<Option<Micros>>(10)?.is_some() {
        // Like an authorization code that is shown twice.
        code::end_family(&mut unit, &family).await?;
        unit.commit().await?;
        tracing::warn!(client = application.key, "a device code was shown twice; what came from it ends");
        return Err(invalid_grant());
    }
    let decided = row.get::<Option<Micros>>(5)?.is_some();
    let not_yet: Option<Failure> = if row.get::<Micros>(3)? <= now {
        Some(refuse("expired_token", "The code has expired. Begin again."))
    } else if decided && !row.get::<bool>(6)? {
        Some(refuse("access_denied", "The user did not agree."))
    } else if decided {
        None
    } else if row.get::<bool>(4)? {
        Some(refuse("slow_down", "The client asks too often; it must wait five seconds longer from now on."))
    } else {
        Some(refuse("authorization_pending", "The user has not decided yet."))
    };
    if let Some(refusal) = not_yet {
        unit.commit().await?;
        return Err(refusal);
    }
    let first = unit
        .execute(
            "UPDATE device_authorizations SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND is_allowed = 1",
            params![now, row.get::<i64>(0)?],
        )
        .await?;
    let stamp: Option<String> = row.get(8)?;
    let user = match row.get::<Option<i64>>(7)? {
        Some(id) => users::by_id(&mut unit, id).await?,
        None => None,
    };
    // Whoever was shut out, or has a new password since, has not agreed to this.
    let user = user.filter(|u| u.is_active && stamp.as_deref() == Some(u.security_stamp.as_str()));
    let (Some(user), true) = (user, first > 0) else {
        unit.commit().await?;
        return Err(invalid_grant());
    };
    let granted: Vec<String> = row.get::<String>(2)?.split(' ').map(str::to_owned).collect();
    let auth_time = row.get::<Option<Micros>>(9)?.unwrap_or(now);
    let grant = Grant { application, user: &user, scopes: &granted, family: &family, auth_time, nonce: None };
    code::tokens(call, unit, &grant).await
}
