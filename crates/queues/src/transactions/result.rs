//! SetTransactionResult: how processing ended. An application exception makes a new attempt while one is left; a
//! deferral without a result puts the item back.

use super::end::{End, Ended};
use super::give_back::{self, Back};
use super::holder;
use crate::attempt::{self, Attempt, Wanted};
use crate::definitions::Definition;
use crate::history::{Acted, Action, Step, apply};
use crate::items::add;
use crate::items::content::{self, Part};
use crate::items::{EXCEPTION_TYPE, row_version};
use crate::schemas;
use bandmaster_api::gather::join;
use bandmaster_api::{Call, Fields, Output, Unit};
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

/// SetTransactionResult.
pub async fn set(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let Some(fields) = call.body().fields("transactionResult") else {
        return Err(Error::unbound("transactionResult"));
    };
    let report = report(fields, call.now())?;
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    if let Some(end) = simple(call, id, &report).filter(End::is_small)
        && join(call, (tenant, folder), end).await? == Ended::Yes
    {
        call.changed_elsewhere();
        return Ok(Output::json(json!({})));
    }
    let mut unit = call.begin().await?;
    let (attempt, queue) = attempt::seen(&mut unit, tenant, folder, id).await?;
    if attempt.status != 1 {
        return Err(not_in_progress(attempt.status));
    }
    holder::is(&attempt, call.principal.job_key.as_deref())?;
    let report = judged(&mut unit, &queue, report).await?;
    match &report.outcome {
        Outcome::Deferred => {
            let Report { defer_at, due_at, .. } = report;
            let back = Back { kind: "queueItem.deferred", defer_at, due_at, ..Back::default() };
            let put =
                give_back::put(&mut unit, &queue, &attempt, Back { progress: report.progress.as_deref(), ..back });
            lost(put.await?.into())?;
        }
        Outcome::Successful | Outcome::Failed { .. } => end(&mut unit, &keys, &queue, attempt, report).await?,
    }
    unit.commit().await?;
    Ok(Output::json(json!({})))
}

/// A report that changes nothing but the item itself and can be written down with others.
fn simple(call: &Call, item: i64, report: &Report) -> Option<End> {
    let exception = match &report.outcome {
        Outcome::Successful => None,
        Outcome::Failed { business: true, exception } => Some(exception.clone()),
        // It may be retried.
        Outcome::Failed { business: false, .. } | Outcome::Deferred => return None,
    };
    Some(End {
        item,
        job: call.principal.job_key.clone(),
        who: Acted::by(call),
        exception,
        output: report.output.clone(),
        analytics: report.analytics.clone(),
        progress: report.progress.clone(),
        operation_id: report.operation_id.clone(),
        keys: call.app.keys.clone(),
    })
}

/// A success whose output or analytics do not fit the queue's schemas is a failure of the business kind.
async fn judged(unit: &mut Unit, queue: &Definition, mut report: Report) -> Result<Report> {
    if let (Some(version), Outcome::Successful) = (&queue.schema_version, &report.outcome) {
        let schemas = schemas::of(unit, queue.id, version).await?;
        let violation = schemas
            .violation(Part::Output, report.output.as_deref())
            .or_else(|| schemas.violation(Part::Analytics, report.analytics.as_deref()));
        if let Some(reason) = violation {
            let exception = json!({
                "Reason": reason,
                "Details": null,
                "Type": EXCEPTION_TYPE.label(1),
                "AssociatedImageFilePath": null,
                "CreationTime": time::iso(unit.now()),
            });
            report.outcome = Outcome::Failed { business: true, exception: exception.to_string() };
        }
    }
    Ok(report)
}

pub(super) fn not_in_progress(status: i64) -> Error {
    if status == 0 {
        Error::conflict(codes::TRANSACTION_NOT_STARTED, "The item was not started.")
    } else {
        Error::conflict(
            codes::QUEUE_ITEM_INVALID_TRANSITION,
            "The item is not in progress any more; what became of it stands.",
        )
    }
}

/// Whoever ends an item has to find it in progress: the condition decides between two who try.
fn lost(changed: u64) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(not_in_progress(2)) }
}

fn step<'a>(attempt: &'a Attempt, queue: &Definition, kind: &'a str, status: i64) -> Step<'a> {
    Step {
        kind,
        action: Action::Status,
        item: attempt.id,
        unique_key: &attempt.unique_key,
        queue: queue.id,
        was: Some(1),
        status,
        review: attempt.review_status,
        reviewer: attempt.reviewer,
        ..Step::default()
    }
}

const END: &str = "UPDATE queue_items SET status = CAST($1 AS BIGINT), ended_at = $2, output = $3, analytics = $4, \
     progress = coalesce($5, progress), exception = $6, exception_type = $7, operation_id = $8, row_version = $9, \
     unique_reference = CASE WHEN CAST($1 AS BIGINT) = 5 THEN NULL ELSE unique_reference END \
     WHERE id = $10 AND status = 1 AND handovers = $11";

async fn end(unit: &mut Unit, keys: &KeyRing, queue: &Definition, mut attempt: Attempt, report: Report) -> Result<()> {
    let now = unit.now();
    let (business, exception) = match report.outcome {
        Outcome::Failed { business, exception } => (Some(business), Some(exception)),
        _ => (None, None),
    };
    // A verified item is retried by hand only.
    let retry = business == Some(false)
        && queue.auto_retry
        && attempt.retry_number < queue.max_retries
        && attempt.review_status != 2;
    let status = match business {
        None => 3,
        Some(_) if retry => 5,
        Some(_) => 2,
    };
    let stored = |text, part| content::stored(keys, text, queue.encrypted, part, &attempt.unique_key);
    let output = stored(report.output, Part::Output)?;
    let analytics = stored(report.analytics, Part::Analytics)?;
    let version = row_version(unit);
    let values = params![
        status,
        now,
        output,
        analytics,
        report.progress,
        exception,
        business.map(i64::from),
        report.operation_id,
        version,
        attempt.id,
        attempt.handovers
    ];
    let kind = if business.is_none() { "queueItem.transactionCompleted" } else { "queueItem.transactionFailed" };
    let ended = Step {
        action: if retry { Action::Retry } else { Action::Status },
        exception: business.map(i64::from),
        took: attempt.took(now),
        ..step(&attempt, queue, kind, status)
    };
    lost(apply(unit, END, values, ended).await?.into())?;
    if retry {
        attempt.item.defer_at = report.defer_at.or(attempt.item.defer_at);
        attempt.item.due_at = report.due_at.or(attempt.item.due_at);
        attempt.ended_at = Some(now);
        attempt::next(unit, keys, queue, attempt, Wanted::Automatically).await?;
    }
    Ok(())
}
