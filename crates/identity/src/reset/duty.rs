//! Dealing with the requests: find the account, make a link, put the mail into the outbox, all in one unit with the
//! request's end.

use super::{TOPIC, context};
use crate::BoxFuture;
use crate::links::{self, Purpose};
use crate::mail::{self, Letter};
use crate::users::{self, Kind};
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{HOUR, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use std::sync::Arc;

/// Links that one account gets in an hour; what is asked beyond goes unheard.
const MOST_PER_HOUR: i64 = 3;
/// Requests dealt with before others get their turn.
const AT_ONCE: usize = 100;

/// The duty. It may run on every node at once.
#[derive(Debug, Default)]
pub struct ResetRequests;

impl Duty for ResetRequests {
    fn name(&self) -> &'static str {
        "password-reset"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TOPIC]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            for _ in 0..AT_ONCE {
                if !next(app).await? {
                    return Ok(now + MINUTE);
                }
            }
            Ok(now)
        })
    }
}

/// Deals with the oldest request. False when there is none.
async fn next(app: &App) -> Result<bool> {
    let mut unit = Unit::begin(app, UnitContext::duty("password-reset"), Fates::default()).await?;
    let sql = "DELETE FROM password_reset_requests WHERE id = (SELECT id FROM password_reset_requests ORDER BY at, id LIMIT 1) \
         RETURNING key, organization_id, name_sealed";
    let Some(row) = unit.query_opt(sql, params![]).await? else { return Ok(false) };
    let (key, organization_id, sealed): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    // A request that no key opens any more is dropped like one for nobody.
    if let Ok(name) = app.keys.open_text(&sealed, &context(&key)) {
        answer(&mut unit, app, organization_id, name.reveal()).await?;
    }
    unit.commit().await?;
    Ok(true)
}

async fn answer(unit: &mut Unit, app: &App, organization_id: i64, name: &str) -> Result<()> {
    let Some(base) = app.settings.public_url.as_deref() else { return Ok(()) };
    let user = users::find(unit, organization_id, name).await?;
    // Who has no password signs in otherwise, or has an invitation to accept.
    let entitled =
        |u: &users::User| u.kind == Kind::Person && u.is_active && u.email.is_some() && u.password_hash.is_some();
    let Some(user) = user.filter(entitled) else { return Ok(()) };
    let since = unit.now() - HOUR;
    if links::made_since(unit, user.id, Purpose::NewPassword, since).await? >= MOST_PER_HOUR {
        return Ok(());
    }
    let made = links::make(unit, app, &user, Purpose::NewPassword).await?;
    let link = format!("{base}/identity/account/reset?token={}", made.token.reveal());
    let letter = Letter { kind: mail::NEW_PASSWORD, to: &user, link: &link, link_id: made.id, until: made.expires_at };
    mail::put(unit, app, &letter).await?;
    users::note(unit, &user, "RequestPasswordReset").await
}
