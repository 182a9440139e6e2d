//! The duty that adds the history up. A change is counted in the unit that marks it, so it is counted once however
//! many nodes run this.

use super::sums::{Delta, Sums};
use super::totals::Changes;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, HOUR, MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_store::{Dialect, Value, params};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Changes counted in one unit.
const AT_ONCE: u64 = 1_000;
/// How often it is looked. Whoever reads figures adds up what is not counted yet, so there should not be much of it.
const PAUSE: Micros = 2 * SECOND;

/// Kinds of periods: number, length, and how long their figures are kept.
pub const GRAINS: [(i64, Micros, Micros); 3] = [(1, MINUTE, 3 * HOUR), (2, HOUR, 3 * DAY), (3, DAY, 400 * DAY)];

/// The duty.
#[derive(Debug, Default)]
pub struct Folding {
    cleared_at: AtomicI64,
}

impl Duty for Folding {
    fn name(&self) -> &'static str {
        "queue-figures"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let more = fold(app).await?;
            if now - self.cleared_at.load(Ordering::Relaxed) > HOUR {
                clear(app, now).await?;
                self.cleared_at.store(now, Ordering::Relaxed);
            }
            Ok(if more { now } else { now + PAUSE })
        })
    }
}

/// Counts a batch of changes; whether there may be more.
pub async fn fold(app: &App) -> Result<bool> {
    // Most of the time there is nothing, and then no writer is taken.
    let waiting = "SELECT 1 FROM queue_item_events WHERE counted = 0 LIMIT 1";
    if app.store.read().await?.query_opt(waiting, &[]).await?.is_none() {
        return Ok(false);
    }
    let mut unit = Unit::begin(app, UnitContext::duty("queue-figures"), Fates::default()).await?;
    let lock = if unit.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE queue_item_events SET counted = 1 WHERE id IN (SELECT n.id FROM queue_item_events n WHERE n.counted = 0 \
         ORDER BY n.id LIMIT $1{lock}) RETURNING queue_id, at, was, status, exception_type, took"
    );
    let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let rows = unit.query(&sql, params![limit]).await?;
    let mut figures: BTreeMap<(i64, i64, i64), Sums> = BTreeMap::new();
    let mut totals = Changes::default();
    for row in &rows {
        let (queue, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let delta = Delta {
            was: row.get(2)?,
            status: row.get(3)?,
            exception: row.get(4)?,
            count: 1,
            took: row.get(5)?,
            last_at: at,
        };
        totals.add(queue, delta.was, Some(delta.status));
        figures.entry((queue, 0, 0)).or_default().add(&delta);
        for (grain, length, _) in GRAINS {
            figures.entry((queue, grain, at - at.rem_euclid(length))).or_default().add(&delta);
        }
    }
    let values: Vec<Vec<Value>> = figures
        .iter()
        .map(|((queue, grain, begins_at), s)| {
            params![
                *queue,
                *grain,
                *begins_at,
                s.new,
                s.running,
                s.successful.0,
                s.successful.1,
                s.application.0,
                s.application.1,
                s.business.0,
                s.business.1,
                s.retried,
                s.last_ended_at
            ]
            .to_vec()
        })
        .collect();
    unit.execute_many(ADD, &values).await?;
    totals.store(&mut unit).await?;
    unit.commit().await?;
    Ok(u64::try_from(rows.len()).unwrap_or(0) >= AT_ONCE)
}

/// A queue that was deleted meanwhile takes no figures.
const ADD: &str = "INSERT INTO queue_figures (queue_id, grain, begins_at, new_delta, running_delta, successful, successful_time, \
     application, application_time, business, business_time, retried, last_ended_at) \
     SELECT q.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM queue_definitions q WHERE q.id = $1 \
     ON CONFLICT (queue_id, grain, begins_at) DO UPDATE SET \
     new_delta = queue_figures.new_delta + excluded.new_delta, \
     running_delta = queue_figures.running_delta + excluded.running_delta, \
     successful = queue_figures.successful + excluded.successful, \
     successful_time = queue_figures.successful_time + excluded.successful_time, \
     application = queue_figures.application + excluded.application, \
     application_time = queue_figures.application_time + excluded.application_time, \
     business = queue_figures.business + excluded.business, \
     business_time = queue_figures.business_time + excluded.business_time, \
     retried = queue_figures.retried + excluded.retried, \
     last_ended_at = CASE WHEN excluded.last_ended_at IS NULL OR queue_figures.last_ended_at > excluded.last_ended_at \
     THEN queue_figures.last_ended_at ELSE excluded.last_ended_at END";

/// Removes figures of periods that nobody can ask for any more.
async fn clear(app: &App, now: Micros) -> Result<()> {
    let mut unit = Unit::begin(app, UnitContext::duty("queue-figures"), Fates::default()).await?;
    for (grain, _, kept) in GRAINS {
        unit.execute("DELETE FROM queue_figures WHERE grain = $1 AND begins_at < $2", params![grain, now - kept])
            .await?;
    }
    unit.commit().await
}
