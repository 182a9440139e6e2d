//! The duty that clears away what the mechanism itself leaves: stored replies whose time is over, and old events.
//! What features keep they clear away themselves.

use crate::app::App;
use crate::duties::Duty;
use crate::unit::{Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, HOUR};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Events are kept this long after they were made.
const EVENTS_KEPT: Micros = 30 * DAY;
/// Rows removed in one unit, so that others never wait long.
const AT_ONCE: u64 = 2_000;

/// The duty. It may run on every node.
pub struct Housekeeping;

impl Duty for Housekeeping {
    fn name(&self) -> &'static str {
        "housekeeping"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
            let mut unit = Unit::begin(app, UnitContext::duty(self.name()), Fates::default()).await?;
            unit.execute("DELETE FROM stored_replies WHERE expires_at < $1", params![now]).await?;
            let gone = unit
                .execute(
                    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < $1 ORDER BY at LIMIT $2)",
                    params![now - EVENTS_KEPT, limit],
                )
                .await?;
            unit.commit().await?;
            // A full batch tells that there is more.
            Ok(if gone >= AT_ONCE { now } else { now + HOUR })
        })
    }
}

/// Removes what the mechanism keeps of a tenant: stored replies, and events looked through by number from `mark` on, since
/// no index finds them by tenant. Rows removed, and where to go on; `None` at the end.
pub async fn forget_tenant(unit: &mut Unit, tenant_id: i64, mark: i64, most: i64) -> Result<(u64, Option<i64>)> {
    let replies = unit
        .execute(
            "DELETE FROM stored_replies WHERE (scope, key_hash) IN \
             (SELECT scope, key_hash FROM stored_replies WHERE scope LIKE $1 LIMIT $2)",
            params![format!("{tenant_id}/%"), most],
        )
        .await?;
    if replies > 0 {
        return Ok((replies, Some(mark)));
    }
    let piece = "SELECT MAX(id) FROM (SELECT id FROM events WHERE id > $1 ORDER BY id LIMIT $2) p";
    let row = unit.query_one(piece, params![mark, most]).await?;
    let Some(end) = row.get::<Option<i64>>(0)? else { return Ok((0, None)) };
    let gone = unit
        .execute("DELETE FROM events WHERE id > $1 AND id <= $2 AND tenant_id = $3", params![mark, end, tenant_id])
        .await?;
    Ok((gone, Some(end)))
}
