//! StartTransaction: the next item of a queue, or a new one, in progress. Two callers never get the same item.
//!
//! Order of processing: items with a deadline before those without; then priority; then the earlier deadline; then
//! the order of arrival. Deferred items are out of it until their time has come.

use crate::definitions::{Definition, by_name};
use crate::items::{ITEM, NewItem, add, answer, insert, row_version};
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Dialect, Value as DbValue, fold, params};
use serde_json::{Map, Value};

/// Which references are wanted.
enum Wanted {
    Any,
    Equal(String),
    Prefix(String),
}

/// StartTransaction.
pub async fn start(call: &mut Call) -> Result<Output> {
    let Some(fields) = call.body().fields("transactionData") else {
        return Err(Error::unbound("transactionData"));
    };
    let name = fields.need_text("Name")?.to_owned();
    let robot_key = fields.filled("RobotIdentifier").and_then(parse_guid);
    let reference = fields.filled("Reference").map(str::to_owned);
    let prefix =
        matches!(fields.get("ReferenceFilterOption").map(|v| v.as_str().unwrap_or("1")), Some("StartsWith" | "1"));
    let new = match fields.get("SpecificContent") {
        Some(_) => Some(NewItem {
            status: 1,
            // A deferral makes no sense for an item that is begun at once.
            defer_at: None,
            executor_job_key: call.principal.job_key.clone(),
            ..add::read(fields, call.principal.job_key.as_ref())?
        }),
        None => None,
    };
    let wanted = match reference {
        None => Wanted::Any,
        Some(text) if prefix => Wanted::Prefix(fold(&text)),
        Some(text) => Wanted::Equal(fold(&text)),
    };
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let job = call.principal.job_key.clone();
    let mut unit = call.begin().await?;
    let queue = by_name(&mut unit, tenant, folder, &name).await?;
    let robot = match robot_key {
        Some(key) => {
            bandmaster_fleet::robots::by_key(&mut unit, &key).await?.filter(|r| r.tenant_id == tenant).map(|r| r.id)
        }
        None => None,
    };
    let id = match new {
        Some(item) => {
            let (id, unique_key) = insert(&mut unit, &keys, &queue, NewItem { robot_id: robot, ..item }).await?;
            add::event(&mut unit, "queueItem.added", &unique_key, id, &queue).await?;
            Some((id, unique_key))
        }
        None => take(&mut unit, &queue, &wanted, robot, job.as_deref()).await?,
    };
    let Some((id, unique_key)) = id else {
        unit.commit().await?;
        return Ok(Output::empty().status(204));
    };
    add::event(&mut unit, "queueItem.transactionStarted", &unique_key, id, &queue).await?;
    let shown: Map<String, Value> = answer(&mut unit, &keys, id).await?;
    unit.commit().await?;
    Ok(Output::entity(ITEM.set, shown))
}

/// Takes the next eligible item.
async fn take(
    unit: &mut Unit,
    queue: &Definition,
    wanted: &Wanted,
    robot: Option<i64>,
    job: Option<&str>,
) -> Result<Option<(i64, String)>> {
    let now = unit.now();
    // Deferred items whose time has come join the order. Most of the time the index says at once that there are none.
    let due = unit
        .query_opt(
            "SELECT 1 FROM queue_items WHERE queue_id = $1 AND status = 0 AND ready = 0 AND defer_at <= $2",
            params![queue.id, now],
        )
        .await?;
    if due.is_some() {
        unit.execute(
            "UPDATE queue_items SET ready = 1 WHERE queue_id = $1 AND status = 0 AND ready = 0 AND defer_at <= $2",
            params![queue.id, now],
        )
        .await?;
    }
    let (condition, value) = match wanted {
        Wanted::Any => ("$6 = ''", String::new()),
        Wanted::Equal(text) => ("fold(c.reference) = $6", text.clone()),
        Wanted::Prefix(text) => ("fold(c.reference) LIKE $6 ESCAPE '\\'", like_prefix(text)),
    };
    // Rows that another claim holds are passed over; on SQLite there is only one writer.
    let lock = if unit.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE queue_items SET status = 1, started_at = $2, robot_id = $3, executor_job_key = $4, row_version = $5 \
         WHERE id = (SELECT c.id FROM queue_items c WHERE c.queue_id = $1 AND c.status = 0 AND c.ready = 1 AND {condition} \
         ORDER BY c.no_due, c.priority, c.due_at, c.id LIMIT 1{lock}) RETURNING id, unique_key"
    );
    let values: &[DbValue] = params![queue.id, now, robot, job, row_version(now), value];
    let row = unit.query_opt(&sql, values).await?;
    match row {
        Some(row) => Ok(Some((row.get(0)?, row.get(1)?))),
        None => Ok(None),
    }
}

fn like_prefix(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('%');
    out
}
