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
