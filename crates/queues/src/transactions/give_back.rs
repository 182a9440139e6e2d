//! Items that go back to the queue before they have ended, and the operation with which their holder returns one
//! unchanged, at once or after a while. The attempt does not count.

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
    if !put(&mut unit, &queue, &item, Back { kind: RETURNED, defer_at, ..Back::default() }).await? {
        return Err(not_in_progress());
    }
    unit.commit().await?;
    Ok(Output::json(json!({})))
}

fn not_in_progress() -> Error {
    Error::conflict(codes::QUEUE_ITEM_INVALID_TRANSITION, "Only an item in progress can be returned.")
}

/// How an item goes back to the queue.
#[derive(Debug, Default)]
pub struct Back<'a> {
    /// Kind of the event.
    pub kind: &'static str,
    /// Not to be processed before; none keeps what it had.
    pub defer_at: Option<Micros>,
    /// A new deadline; none keeps the one it had.
    pub due_at: Option<Micros>,
    /// A new progress text; none keeps it.
    pub progress: Option<&'a str>,
    /// It is taken from a holder without a sign of life since that moment.
    pub silent_since: Option<Micros>,
}

/// Puts an item back; whether its holder of before still held it. What came from the start of processing is undone.
pub async fn put(unit: &mut Unit, queue: &Definition, item: &Attempt, back: Back<'_>) -> Result<bool> {
    let (now, version) = (unit.now(), row_version(unit));
    let due_at = back.due_at.or(item.item.due_at);
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = 0, ready = $1, defer_at = coalesce($2, defer_at), due_at = $3, no_due = $4, \
             started_at = NULL, robot_id = NULL, executor_job_key = NULL, progress = coalesce($5, progress), \
             row_version = $6, handovers = handovers + 1, lease_losses = lease_losses + $7 \
             WHERE id = $8 AND status = 1 AND handovers = $9 AND started_at <= $10 \
             AND (renewed_at IS NULL OR renewed_at <= $10)",
            params![
                back.defer_at.is_none_or(|d| d <= now),
                back.defer_at,
                due_at,
                due_at.is_none(),
                back.progress,
                version,
                back.silent_since.is_some(),
                item.id,
                item.handovers,
                back.silent_since.unwrap_or(i64::MAX)
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    let step = Step {
        kind: back.kind,
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
