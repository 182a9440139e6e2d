//! RetrieveLastDaysProcessingRecords: figures of a queue by minute (the last hour), by hour (the last day) or by day.

use super::status::seconds;
use super::sums::{Sums, read, statement};
use crate::definitions::linked;
use bandmaster_api::{Call, Output};
use bandmaster_core::clock::{DAY, HOUR, MINUTE};
use bandmaster_core::{Error, Result, time};
use bandmaster_store::params;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most days that can be asked for.
const MOST_DAYS: i64 = 365;

/// The records, oldest first, one for every period.
pub async fn list(call: &mut Call) -> Result<Output> {
    let (days, queue) = (call.int_argument("daysNo")?, call.int_argument("queueDefinitionId")?);
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let (grain, length, count, word) = match days {
        0 => (1, MINUTE, 60, "Minute"),
        1 => (2, HOUR, 24, "Hour"),
        2..=MOST_DAYS => (3, DAY, days, "Day"),
        _ => return Err(Error::argument(format!("daysNo lies between 0 and {MOST_DAYS}."))),
    };
    let now = call.now();
    let newest = now - now.rem_euclid(length);
    let oldest = newest - (count - 1) * length;
    let mut conn = call.read().await?;
    linked(&mut conn, tenant, folder, queue).await?;
    // Grain 0 tells how many items there are now; from there it is counted backwards.
    let figures = "f.queue_id = $1 AND (f.grain = 0 OR f.grain = $2 AND f.begins_at >= $3)";
    let rows = conn.query(&statement(figures, "e.queue_id = $1"), params![queue, grain, oldest]).await?;
    drop(conn);
    let (mut all, mut periods) = (Sums::default(), BTreeMap::<i64, Sums>::new());
    for row in &rows {
        let (_, begins_at, part) = read(row)?;
        let change = row.get::<i64>(0)? == 1;
        if change || begins_at == 0 {
            all.merge(&part);
        }
        if change || begins_at > 0 {
            periods.entry(begins_at - begins_at.rem_euclid(length)).or_default().merge(&part);
        }
    }
    let (mut left, mut running) = (all.new, all.running);
    let mut records = Vec::new();
    for n in (0..count).rev() {
        let begins_at = oldest + n * length;
        let s = periods.get(&begins_at).copied().unwrap_or_default();
        records.push(record(n + 1, queue, tenant, begins_at, word, &s, (left, running)));
        left -= s.new;
        running -= s.running;
    }
    records.reverse();
    call.computed("QueueProcessingRecords", records)
}

fn record(id: i64, queue: i64, tenant: i64, at: i64, word: &str, s: &Sums, (left, running): (i64, i64)) -> Value {
    json!({
        "QueueDefinitionId": queue,
        "UiQueueMetadata": Value::Null,
        "ProcessingTime": time::iso(at),
        "ReportType": word,
        "NumberOfRemainingTransactions": left.max(0),
        "NumberOfInProgressTransactions": running.max(0),
        "NumberOfApplicationExceptions": s.application.0,
        "NumberOfBusinessExceptions": s.business.0,
        "NumberOfSuccessfulTransactions": s.successful.0,
        "NumberOfRetriedItems": s.retried,
        "ApplicationExceptionsProcessingTime": seconds(s.application.1),
        "BusinessExceptionsProcessingTime": seconds(s.business.1),
        "SuccessfulTransactionsProcessingTime": seconds(s.successful.1),
        "TotalNumberOfTransactions": s.total(),
        "TenantId": tenant,
        "Id": id,
    })
}
