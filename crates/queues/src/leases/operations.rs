//! Setting the lease of a queue, and renewing that of an item.

use super::LONGEST;
use crate::abandon;
use crate::attempt;
use crate::definitions;
use crate::transactions::holder;
use bandmaster_api::registry::own;
use bandmaster_api::{Call, Change, Output, Registry};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_model::FolderRule;
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types("type QueueLeaseDto\n  LeaseMinutes int32 !\n");
    r.types("type QueueItemLeaseDto\n  LeaseUntil datetime\n");
    let row = |id: &str, method: &str, path: &str, scopes: &str, permission: &str| {
        own(id, method, path).scopes(scopes).permission(permission).folder(FolderRule::Required).path("key", "int64")
    };
    let (reads, writes) = ("OR.Queues,OR.Queues.Read", "OR.Queues,OR.Queues.Write");
    let queue = "/odata/QueueDefinitions({key})/Bandmaster";
    let get = row("QueueDefinitions_GetLease", "GET", &format!("{queue}.GetLease()"), reads, "Queues.View");
    r.add(get.returns(200, "QueueLeaseDto"), of_queue).also(&[404]);
    let set = row("QueueDefinitions_SetLease", "POST", &format!("{queue}.SetLease"), writes, "Queues.Edit");
    r.add(set.body("QueueLeaseDto").returns(200, "QueueLeaseDto"), set_lease).also(&[404]).events(&["queue.updated"]);
    let item = "/odata/QueueItems({key})/Bandmaster.RenewLease";
    let renewal = row("QueueItems_RenewLease", "POST", item, writes, "Queues.View&Transactions.Edit");
    r.add(renewal.returns(200, "QueueItemLeaseDto"), renew).telemetry().also(&[404, 409]);
}

async fn minutes(conn: &mut Conn, queue: i64) -> Result<i64> {
    let sql = "SELECT lease_minutes FROM queue_definitions WHERE id = $1";
    let row = conn.query_opt(sql, params![queue]).await?.ok_or_else(|| Error::not_found("Queue"))?;
    Ok(row.get(0)?)
}

fn shown(minutes: i64) -> Output {
    Output::json(json!({"LeaseMinutes": minutes}))
}

/// `GET /odata/QueueDefinitions({key})/Bandmaster.GetLease()`
async fn of_queue(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let mut conn = call.read().await?;
    definitions::linked(&mut conn, tenant, folder, id).await?;
    Ok(shown(minutes(&mut conn, id).await?))
}

/// `POST /odata/QueueDefinitions({key})/Bandmaster.SetLease`. It holds for items in progress too.
async fn set_lease(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let wanted = call.body().need_int("LeaseMinutes")?;
    if !(0..=LONGEST).contains(&wanted) {
        return Err(Error::argument(format!("LeaseMinutes lies between 0 (no lease) and {LONGEST}.")));
    }
    let mut unit = call.begin().await?;
    let (key, queue, folders) = definitions::seen(&mut unit, id, tenant, folder).await?;
    let before = minutes(&mut unit, id).await?;
    let now = unit.now();
    unit.execute(
        "UPDATE queue_definitions SET lease_minutes = $1, updated_at = $2 WHERE id = $3",
        params![wanted, now, id],
    )
    .await?;
    for folder in folders {
        unit.event("queue.updated", Some(folder), Some(&key), &queue).await?;
    }
    let change = Change {
        component: "Queues",
        action: "Update",
        id: Some(id),
        key: Some(&key),
        name: queue["Name"].as_str().unwrap_or_default(),
        before: Some(json!({"LeaseMinutes": before})),
        after: Some(json!({"LeaseMinutes": wanted})),
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(shown(wanted))
}

/// `POST /odata/QueueItems({key})/Bandmaster.RenewLease`. The version of the item stays: nothing of it has changed.
async fn renew(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let job = call.principal.job_key.clone();
    let mut unit = call.begin().await?;
    let (item, queue) = attempt::seen(&mut unit, tenant, folder, id).await?;
    let over =
        || Error::conflict(codes::QUEUE_ITEM_INVALID_TRANSITION, "Only the lease of an item in progress is renewed.");
    if item.status != 1 {
        return Err(over());
    }
    holder::strictly(&item, job.as_deref())?;
    let now = unit.now();
    let changed = unit
        .execute(
            "UPDATE queue_items SET renewed_at = $1 WHERE id = $2 AND status = 1 AND handovers = $3",
            params![now, id, item.handovers],
        )
        .await?;
    if changed == 0 {
        return Err(over());
    }
    let lease = minutes(&mut unit, queue.id).await?;
    unit.commit().await?;
    let last = item.started_at.unwrap_or(now) + abandon::LONGEST;
    let until = (lease > 0 && item.executor.is_some()).then(|| (now + lease * MINUTE).min(last));
    Ok(Output::json(json!({"LeaseUntil": until.map_or(Value::Null, |at| Value::String(time::iso(at)))})))
}
