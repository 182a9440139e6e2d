//! Upkeep of the identity service: making the following signing key in time, writing down when personal access
//! tokens were used, removing what is over.

use crate::identity::Identity;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, HOUR, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How long attempts to sign in are kept.
const ATTEMPTS_KEPT: Micros = 90 * DAY;
/// Used and ended refresh tokens are kept this long after their end, so that a late theft is still noticed.
const ENDED_KEPT: Micros = 7 * DAY;
/// Rows removed at once.
const AT_ONCE: i64 = 1_000;

/// The duty. It may run on every node at once.
#[derive(Default)]
pub struct Upkeep {
    cleaned_at: AtomicI64,
}

impl Duty for Upkeep {
    fn name(&self) -> &'static str {
        "identity-upkeep"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> crate::BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let identity = Identity::of(app)?;
            write_uses(app, identity).await?;
            let cleaned_at = self.cleaned_at.load(Ordering::Acquire);
            if cleaned_at > now || now - cleaned_at >= HOUR {
                identity.keys().rotate(app).await?;
                clean(app, now).await?;
                self.cleaned_at.store(now, Ordering::Release);
            }
            Ok(now + MINUTE)
        })
    }
}

async fn write_uses(app: &App, identity: &Identity) -> Result<()> {
    let used = identity.take_used_tokens();
    if used.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<_> = used.into_iter().collect();
    // In order of ids, so that two nodes cannot wait for each other.
    rows.sort_unstable();
    let rows: Vec<_> = rows.into_iter().map(|(id, at)| params![at, id].to_vec()).collect();
    let mut unit = Unit::begin(app, UnitContext::duty("identity-upkeep"), Fates::default()).await?;
    unit.execute_many("UPDATE personal_access_tokens SET last_used_at = $1 WHERE id = $2", &rows).await?;
    unit.commit().await
}

async fn clean(app: &App, now: Micros) -> Result<()> {
    // Each statement in a unit of its own: on SQLite everybody else's writes wait for it.
    for (sql, before) in [
        (
            "DELETE FROM authorization_codes WHERE code_hash IN (SELECT code_hash FROM authorization_codes WHERE expires_at < $1 LIMIT $2)",
            now - DAY,
        ),
        (
            "DELETE FROM refresh_tokens WHERE token_hash IN (SELECT token_hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)",
            now - ENDED_KEPT,
        ),
        (
            "DELETE FROM device_authorizations WHERE id IN (SELECT id FROM device_authorizations WHERE expires_at < $1 LIMIT $2)",
            now - HOUR,
        ),
        (
            "DELETE FROM device_code_guesses WHERE user_id IN (SELECT user_id FROM device_code_guesses WHERE since < $1 LIMIT $2)",
            now - HOUR,
        ),
        ("DELETE FROM revoked_tokens WHERE id IN (SELECT id FROM revoked_tokens WHERE expires_at < $1 LIMIT $2)", now),
        (
            "DELETE FROM browser_sessions WHERE id_hash IN (SELECT id_hash FROM browser_sessions WHERE expires_at < $1 LIMIT $2)",
            now,
        ),
        (
            "DELETE FROM outside_sign_ins WHERE state_hash IN (SELECT state_hash FROM outside_sign_ins WHERE expires_at < $1 LIMIT $2)",
            now,
        ),
        (
            "DELETE FROM login_attempts WHERE id IN (SELECT id FROM login_attempts WHERE at < $1 ORDER BY at LIMIT $2)",
            now - ATTEMPTS_KEPT,
        ),
    ] {
        loop {
            let mut unit = Unit::begin(app, UnitContext::duty("identity-upkeep"), Fates::default()).await?;
            let gone = unit.execute(sql, params![before, AT_ONCE]).await?;
            unit.commit().await?;
            if gone < AT_ONCE.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}
