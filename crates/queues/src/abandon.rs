//! Abandoning items: whoever took one and told no result for a day has lost it. Where the queue wants that, a new
//! attempt is made while one is left.

use crate::attempt::{self, Attempt, Wanted};
use crate::definitions::{self, Definition};
use crate::history::{Action, Step, record};
use crate::items::row_version;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;
use bandmaster_core::{KeyRing, Result};
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Longest processing: 1440 minutes after its start, however much progress was told of.
pub const LONGEST: Micros = 1_440 * MINUTE;
/// Items looked at in one tick.
const AT_ONCE: i64 = 200;

/// The duty. It may run on every node: the state of an item decides who abandons it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Abandoning;

/// An item that was started too long ago.
struct Late {
    id: i64,
    queue: i64,
    tenant: i64,
    organization: i64,
    folder: Option<i64>,
}

impl Duty for Abandoning {
    fn name(&self) -> &'static str {
        "queue-abandoning"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let late = late(app, now).await?;
            let full = i64::try_from(late.len()).unwrap_or(i64::MAX) >= AT_ONCE;
            for of_queue in late.chunk_by(|a, b| a.queue == b.queue) {
                abandon(app, self.name(), of_queue).await?;
            }
            // A full batch tells that there is more.
            Ok(if full { now } else { now + MINUTE })
        })
    }
}

async fn late(app: &App, now: Micros) -> Result<Vec<Late>> {
    let rows = app
        .store
        .read()
        .await?
        .query(
            "SELECT l.id, l.queue_id, l.tenant_id, t.organization_id, \
             (SELECT min(f.folder_id) FROM queue_folders f WHERE f.queue_id = l.queue_id) \
             FROM (SELECT i.id, i.queue_id, i.tenant_id FROM queue_items i WHERE i.status = 1 AND i.started_at <= $1 \
             ORDER BY i.started_at LIMIT $2) l JOIN tenants t ON t.id = l.tenant_id ORDER BY l.queue_id, l.id",
            params![now - LONGEST, AT_ONCE],
        )
        .await?;
    rows.iter()
        .map(|r| {
            Ok(Late { id: r.get(0)?, queue: r.get(1)?, tenant: r.get(2)?, organization: r.get(3)?, folder: r.get(4)? })
        })
        .collect()
}

/// Abandons items of one queue in one unit.
async fn abandon(app: &App, name: &str, late: &[Late]) -> Result<()> {
    let Some(first) = late.first() else { return Ok(()) };
    let mut context = UnitContext::duty(name).within(first.organization, first.tenant);
    context.folder_id = first.folder;
    let mut unit = Unit::begin(app, context, Fates::default()).await?;
    let Some(queue) = definitions::by_id(&mut unit, first.queue).await? else { return Ok(()) };
    for item in late {
        let attempt = match attempt::load(&mut unit, item.id).await {
            Err(e) if e.status() == 404 => continue,
            found => found?,
        };
        let before = unit.now() - LONGEST;
        one(&mut unit, &app.keys, &queue, attempt, before).await?;
    }
    unit.commit().await
}

/// Abandons an item that its present holder has had since `before` or longer.
pub(crate) async fn one(
    unit: &mut Unit,
    keys: &KeyRing,
    queue: &Definition,
    mut item: Attempt,
    before: Micros,
) -> Result<()> {
    let (now, version) = (unit.now(), row_version(unit));
    let retry = queue.retry_abandoned && item.retry_number < queue.max_retries && item.review_status != 2;
    let status = if retry { 5 } else { 4 };
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = CAST($1 AS BIGINT), ended_at = $2, row_version = $3, \
             unique_reference = CASE WHEN CAST($1 AS BIGINT) = 5 THEN NULL ELSE unique_reference END \
             WHERE id = $4 AND status = 1 AND started_at <= $5 AND handovers = $6",
            params![status, now, version, item.id, before, item.handovers],
        )
        .await?;
    if changed == 0 {
        return Ok(());
    }
    let step = Step {
        kind: "queueItem.transactionAbandoned",
        action: if retry { Action::Retry } else { Action::Status },
        item: item.id,
        unique_key: &item.unique_key,
        queue: queue.id,
        was: Some(1),
        status,
        review: item.review_status,
        reviewer: item.reviewer,
        ..Step::default()
    };
    record(unit, step).await?;
    if retry {
        item.ended_at = Some(now);
        attempt::next(unit, keys, queue, item, Wanted::Automatically).await?;
    }
    Ok(())
}
