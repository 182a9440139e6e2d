//! Returning an item: its holder puts it back unchanged, at once or after a while. The attempt does not count.

use super::holder;
use crate::attempt::{self, Attempt};
use crate::definitions::Definition;
use crate::history::{Action, Step, record};
use crate::items::row_version;
use bandmaster_api::registry::own;
use bandmaster_api::{Call, Output, Registry, Unit};
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, codes};
use bandmaster_model::FolderRule;
use bandmaster_store::params;
use serde_json::json;

/// Longest delay in seconds: 30 days.
const LONGEST_DELAY: i64 = 30 * 86_400;

/// Kinds of the events.
pub const RETURNED: &str = "queueItem.returned";
/// The same because the lease ran out.
pub const EXPIRED: &str = "queueItem.leaseExpired";

/// Registers the operation.
pub fn register(r: &mut Registry) {
    r.types("type QueueItemReturnRequest\n  delaySeconds int32\n  deferDate datetime\n");
    let row = own("QueueItems_Return", "POST", "/odata/QueueItems({key})/Bandmaster.Return")
        .scopes("OR.Queues,OR.Queues.Write")
        .permission("Queues.View&Transactions.Edit")
        .folder(FolderRule::Required)
        .path("key", "int64")
        .body("QueueItemReturnRequest")
        .returns(200, "object");
    r.add(row, give_back).evented().also(&[404, 409]).events(&[RETURNED]);
}

/// `POST /odata/QueueItems({key})/Bandmaster.Return`
async fn give_back(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (delay, date) = (call.body().int("delaySeconds"), call.body().time("deferDate"));
    if delay.is_some() && date.is_some() {
        return Err(Error::argument("Either delaySeconds or deferDate, not both."));
    }
    if delay.is_some_and(|d| !(0..=LONGEST_DELAY).contains(&d)) {
        return Err(Error::argument(format!("delaySeconds lies between 0 and {LONGEST_DELAY}.")));
    }
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (item, queue) = attempt::seen(&mut unit, tenant, folder, id).await?;
    if item.status != 1 {
        return Err(not_in_progress());
    }
    holder::strictly(&item, call.principal.job_key.as_deref())?;
    let defer_at = date.or_else(|| delay.filter(|d| *d > 0).map(|d| unit.now() + d * SECOND));
    if !put(&mut unit, &queue, &item, defer_at, None).await? {
        return Err(not_in_progress());
    }
    unit.commit().await?;
    Ok(Output::json(json!({})))
}

fn not_in_progress() -> Error {
    Error::conflict(codes::QUEUE_ITEM_INVALID_TRANSITION, "Only an item in progress can be returned.")
}

/// Puts an item back as it was before it was started, deferred if `defer_at` lies ahead; whether its holder of before
/// still held it. With `silent_since` it is taken from a holder without a sign of life since that moment.
pub async fn put(
    unit: &mut Unit,
    queue: &Definition,
    item: &Attempt,
    defer_at: Option<Micros>,
    silent_since: Option<Micros>,
) -> Result<bool> {
    let (now, version) = (unit.now(), row_version(unit));
    let expired = silent_since.is_some();
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = 0, ready = $1, defer_at = coalesce($2, defer_at), started_at = NULL, \
             robot_id = NULL, executor_job_key = NULL, row_version = $3, handovers = handovers + 1, \
             lease_losses = lease_losses + $4 \
             WHERE id = $5 AND status = 1 AND handovers = $6 AND started_at <= $7 AND (renewed_at IS NULL OR renewed_at <= $7)",
            params![
                defer_at.is_none_or(|d| d <= now),
                defer_at,
                version,
                expired,
                item.id,
                item.handovers,
                silent_since.unwrap_or(i64::MAX)
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    let step = Step {
        kind: if expired { EXPIRED } else { RETURNED },
        action: Action::Status,
        item: item.id,
        unique_key: &item.unique_key,
        queue: queue.id,
        was: Some(1),
        review: item.review_status,
        reviewer: item.reviewer,
        ..Step::default()
    };
    record(unit, step).await?;
    unit.nudge(format!("queue:{}", queue.id));
    Ok(true)
}
