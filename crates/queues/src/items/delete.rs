//! Deleting items: the row stays with the state Deleted, until retention removes it. What is in progress stays.

use super::bulk::{self, Outcome};
use super::row_version;
use crate::attempt::{self, Attempt};
use crate::definitions::Definition;
use crate::history::{Action, Step, record};
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use serde_json::{Value, json};

/// Marks an item that is neither in progress nor deleted; whether it still had the version and was such.
pub async fn mark(unit: &mut Unit, queue: &Definition, item: &Attempt) -> Result<bool> {
    if matches!(item.status, 1 | 6) {
        return Ok(false);
    }
    let (now, version) = (unit.now(), row_version(unit));
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = 6, unique_reference = NULL, changed_at = $1, row_version = $2 \
             WHERE id = $3 AND row_version = $4 AND status = $5",
            params![now, version, item.id, item.row_version.as_str(), item.status],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    let step = Step {
        kind: "queueItem.deleted",
        action: Action::Delete,
        item: item.id,
        unique_key: &item.unique_key,
        queue: queue.id,
        was: Some(item.status),
        status: 6,
        review: item.review_status,
        reviewer: item.reviewer,
        ..Step::default()
    };
    record(unit, step).await?;
    Ok(true)
}

/// DELETE of one.
pub async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (tenant, folder) = bulk::place(call)?;
    let mut unit = call.begin().await?;
    let (item, queue) = attempt::seen(&mut unit, tenant, folder, id).await?;
    if !mark(&mut unit, &queue, &item).await? {
        return Err(Error::conflict(
            codes::QUEUE_ITEM_INVALID_TRANSITION,
            "An item that is in progress, or is deleted already, cannot be deleted.",
        ));
    }
    let change = Change {
        component: "Queues",
        action: "Delete",
        id: Some(id),
        key: Some(&item.unique_key),
        name: item.item.reference.as_deref().unwrap_or("queue item"),
        before: Some(json!({"QueueItem": id, "Queue": queue.name, "Status": super::STATUS.label(item.status)})),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// DeleteBulk.
pub async fn many(call: &mut Call) -> Result<Output> {
    let chosen = bulk::chosen(call.body())?;
    let (tenant, folder) = bulk::place(call)?;
    let mut unit = call.begin().await?;
    let mut outcome = Outcome::default();
    for wish in &chosen {
        let done = match bulk::current(&mut unit, tenant, folder, wish).await? {
            Some((item, queue)) => mark(&mut unit, &queue, &item).await?,
            None => false,
        };
        outcome.note(wish.id, done);
    }
    outcome.finish(unit, "Delete", Value::Null).await
}
