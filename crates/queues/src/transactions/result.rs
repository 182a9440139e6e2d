//! SetTransactionResult: how processing ended. An application exception makes a new attempt while one is left; a
//! deferral without a result puts the item back.

use crate::definitions::{Definition, of_item};
use crate::items::add;
use crate::items::content::{self, Part};
use crate::items::{EXCEPTION_TYPE, NewItem, insert, row_version};
use bandmaster_api::{Call, Fields, Output, Unit};
use bandmaster_core::clock::SECOND;
use bandmaster_core::{Error, KeyRing, Result, codes, time};
use bandmaster_store::params;
use serde_json::json;

/// Longest reason and details.
const EXCEPTION_FIELD: usize = 102_400;

/// What was reported.
struct Report {
    outcome: Outcome,
    output: Option<String>,
    analytics: Option<String>,
    progress: Option<String>,
    operation_id: Option<String>,
    defer_at: Option<i64>,
    due_at: Option<i64>,
}

enum Outcome {
    Successful,
    Failed { business: bool, exception: String },
    Deferred,
}

fn report(f: Fields<'_>, now: i64) -> Result<Report> {
    let defer_at = f.time("DeferDate");
    let exception = f.fields("ProcessingException");
    let outcome = match (f.bool("IsSuccessful"), exception) {
        (Some(true), _) => Outcome::Successful,
        (_, Some(exception)) => failed(exception, now)?,
        (_, None) if defer_at.is_some() => Outcome::Deferred,
        (_, None) => return Err(Error::argument("A failure needs a ProcessingException.")),
    };
    Ok(Report {
        outcome,
        output: content::text(f.get("Output"), Part::Output)?,
        analytics: content::text(f.get("Analytics"), Part::Analytics)?,
        progress: add::progress(f.text("Progress"))?,
        operation_id: f.filled("OperationId").map(str::to_owned),
        defer_at,
        due_at: f.time("DueDate"),
    })
}

fn failed(f: Fields<'_>, now: i64) -> Result<Outcome> {
    for name in ["Reason", "Details"] {
        if f.text(name).is_some_and(|t| t.chars().count() > EXCEPTION_FIELD) {
            return Err(Error::new(
                400,
                codes::QUEUE_EXCEPTION_FIELD_SIZE_EXCEEDED,
                format!("{name} has more than {EXCEPTION_FIELD} characters."),
            ));
        }
    }
    let business = f.choice("Type", &EXCEPTION_TYPE)?.unwrap_or(0) == 1;
    let exception = json!({
        "Reason": f.text("Reason"),
        "Details": f.text("Details"),
        "Type": EXCEPTION_TYPE.label(i64::from(business)),
        "AssociatedImageFilePath": f.text("AssociatedImageFilePath"),
        "CreationTime": time::iso(now),
    });
    Ok(Outcome::Failed { business, exception: exception.to_string() })
}

/// The present attempt, as far as its end needs it.
struct Current {
    key: String,
    unique_key: String,
    status: i64,
    retry_number: i64,
    review_status: i64,
    started_at: i64,
    content: Option<String>,
    item: NewItem,
    manual: (Option<i64>, Option<String>, i64),
}

async fn current(unit: &mut Unit, id: i64) -> Result<Current> {
    let row = unit
        .query_one(
            "SELECT key, unique_key, status, retry_number, review_status, started_at, content, priority, reference, defer_at, \
             due_at, risk_at, source, parent_operation_id, creator_job_key, manual_ancestor_id, manual_ancestor_key, \
             manual_retry_number FROM queue_items WHERE id = $1",
            params![id],
        )
        .await?;
    Ok(Current {
        key: row.get(0)?,
        unique_key: row.get(1)?,
        status: row.get(2)?,
        retry_number: row.get(3)?,
        review_status: row.get(4)?,
        started_at: row.get::<Option<i64>>(5)?.unwrap_or(unit.now()),
        content: row.get(6)?,
        item: NewItem {
            status: 0,
            priority: row.get(7)?,
            reference: row.get(8)?,
            defer_at: row.get(9)?,
            due_at: row.get(10)?,
            risk_at: row.get(11)?,
            source: row.get(12)?,
            parent_operation_id: row.get(13)?,
            creator_job_key: row.get(14)?,
            ..NewItem::default()
        },
        manual: (row.get(15)?, row.get(16)?, row.get(17)?),
    })
}

/// SetTransactionResult.
pub async fn set(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let Some(fields) = call.body().fields("transactionResult") else {
        return Err(Error::unbound("transactionResult"));
    };
    let report = report(fields, call.now())?;
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let queue = of_item(&mut unit, tenant, folder, id).await?;
    let current = current(&mut unit, id).await?;
    if current.status != 1 {
        return Err(not_in_progress(current.status));
    }
    match &report.outcome {
        Outcome::Deferred => defer(&mut unit, &queue, id, &current, &report).await?,
        Outcome::Successful | Outcome::Failed { .. } => end(&mut unit, &keys, &queue, id, current, report).await?,
    }
    unit.commit().await?;
    Ok(Output::json(json!({})))
}

fn not_in_progress(status: i64) -> Error {
    if status == 0 {
        Error::conflict(codes::TRANSACTION_NOT_STARTED, "The item was not started.")
    } else {
        Error::conflict(codes::QUEUE_ITEM_INVALID_TRANSITION, "The item has ended; its result stands.")
    }
}

/// Whoever ends an item has to find it in progress: the condition decides between two who try.
fn lost(changed: u64) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(not_in_progress(2)) }
}

async fn defer(unit: &mut Unit, queue: &Definition, id: i64, current: &Current, report: &Report) -> Result<()> {
    let now = unit.now();
    let ready = report.defer_at.is_none_or(|d| d <= now);
    let due_at = report.due_at.or(current.item.due_at);
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = 0, ready = $1, defer_at = $2, due_at = $3, no_due = $4, started_at = NULL, \
             robot_id = NULL, executor_job_key = NULL, progress = coalesce($5, progress), row_version = $6 \
             WHERE id = $7 AND status = 1",
            params![ready, report.defer_at, due_at, due_at.is_none(), report.progress.as_deref(), row_version(now), id],
        )
        .await?;
    lost(changed)?;
    add::event(unit, "queueItem.deferred", &current.unique_key, id, queue).await?;
    unit.nudge(format!("queue:{}", queue.id));
    Ok(())
}

async fn end(
    unit: &mut Unit,
    keys: &KeyRing,
    queue: &Definition,
    id: i64,
    current: Current,
    report: Report,
) -> Result<()> {
    let now = unit.now();
    let (business, exception) = match report.outcome {
        Outcome::Failed { business, exception } => (Some(business), Some(exception)),
        _ => (None, None),
    };
    // A verified item is retried by hand only.
    let retry = business == Some(false)
        && queue.auto_retry
        && current.retry_number < queue.max_retries
        && current.review_status != 2;
    let status = match business {
        None => 3,
        Some(_) if retry => 5,
        Some(_) => 2,
    };
    let stored = |text, part| content::stored(keys, text, queue.encrypted, part, &current.unique_key);
    let output = stored(report.output, Part::Output)?;
    let analytics = stored(report.analytics, Part::Analytics)?;
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = CAST($1 AS BIGINT), ended_at = $2, output = $3, analytics = $4, progress = coalesce($5, progress), \
             exception = $6, exception_type = $7, operation_id = $8, row_version = $9, \
             unique_reference = CASE WHEN CAST($1 AS BIGINT) = 5 THEN NULL ELSE unique_reference END \
             WHERE id = $10 AND status = 1",
            params![
                status,
                now,
                output,
                analytics,
                report.progress,
                exception,
                business.map(i64::from),
                report.operation_id,
                row_version(now),
                id
            ],
        )
        .await?;
    lost(changed)?;
    let kind = if business.is_none() { "queueItem.transactionCompleted" } else { "queueItem.transactionFailed" };
    add::event(unit, kind, &current.unique_key, id, queue).await?;
    if retry {
        let content = match &current.content {
            Some(text) => Some(content::clear(keys, text, queue.encrypted, Part::Specific, &current.unique_key)?),
            None => None,
        };
        let again = NewItem {
            content,
            defer_at: report.defer_at.or(current.item.defer_at),
            due_at: report.due_at.or(current.item.due_at),
            after: Some(crate::items::Attempt {
                key: current.key,
                id,
                unique_key: current.unique_key,
                retry_number: current.retry_number,
                seconds: (now - current.started_at).max(0) / SECOND,
                manual: current.manual,
            }),
            ..current.item
        };
        let (next, unique_key) = insert(unit, keys, queue, again).await?;
        add::event(unit, "queueItem.added", &unique_key, next, queue).await?;
        unit.nudge(format!("queue:{}", queue.id));
    }
    Ok(())
}
