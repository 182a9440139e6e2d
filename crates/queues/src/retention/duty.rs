//! The duty that deletes old items, once a calendar day a queue. With a period of X days an item that ended on day D
//! goes on day D + X + 1. Items under review are kept until the review has ended.

use crate::figures;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Items deleted in one unit, so that others never wait long.
const AT_ONCE: i64 = 500;
/// How often it is looked whether a day is over.
const PAUSE: Micros = 5 * MINUTE;

/// The duty. It may run on every node.
#[derive(Debug, Default, Clone, Copy)]
pub struct Retention;

impl Duty for Retention {
    fn name(&self) -> &'static str {
        "queue-retention"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let today = now - now.rem_euclid(DAY);
            let queue = app
                .store
                .read()
                .await?
                .query_opt(
                    "SELECT id, retention_period FROM queue_definitions WHERE retention_action = 0 AND retention_done_at < $1 \
                     ORDER BY id LIMIT 1",
                    params![today],
                )
                .await?;
            let Some(queue) = queue else { return Ok(now + PAUSE) };
            let (id, period): (i64, i64) = (queue.get(0)?, queue.get(1)?);
            batch(app, self.name(), id, today - period * DAY, today).await?;
            Ok(now)
        })
    }
}

/// Deletes a batch of a queue's items that ended before a moment; notes the day when none is left.
async fn batch(app: &App, name: &str, queue: i64, before: Micros, today: Micros) -> Result<()> {
    let rows = app
        .store
        .read()
        .await?
        .query_long(
            "SELECT id FROM queue_items WHERE queue_id = $1 AND status IN (2, 3, 4, 5, 6) AND review_status <> 1 \
             AND COALESCE(changed_at, ended_at, started_at, created_at) < $2 ORDER BY id LIMIT $3",
            params![queue, before, AT_ONCE],
        )
        .await?;
    let ids: Vec<Vec<bandmaster_store::Value>> =
        rows.iter().map(|r| Ok(params![r.get::<i64>(0)?].to_vec())).collect::<Result<_>>()?;
    if !ids.is_empty() {
        // What the history adds up to stays when the history goes.
        while figures::fold(app).await? {}
    }
    let fates = Fates::default();
    let mut unit = Unit::begin(app, UnitContext::duty(name), fates.clone()).await?;
    if ids.is_empty() {
        unit.execute("UPDATE queue_definitions SET retention_done_at = $1 WHERE id = $2", params![today, queue])
            .await?;
    } else {
        unit.execute_many("DELETE FROM queue_item_events WHERE item_id = $1", &ids).await?;
        unit.execute_many("DELETE FROM queue_item_comments WHERE item_id = $1", &ids).await?;
        unit.execute_many("DELETE FROM queue_items WHERE id = $1 AND status >= 2", &ids).await?;
    }
    unit.commit().await?;
    fates.settled().await
}
