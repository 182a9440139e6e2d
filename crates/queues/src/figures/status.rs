//! RetrieveQueuesProcessingStatus: one row of totals a queue of the folder.

use super::sums::{Sums, read, statement};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_core::time;
use bandmaster_store::{Row, params};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Seconds with their fraction.
pub fn seconds(micros: i64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let micros = micros as f64;
    micros / 1_000_000.0
}

/// The rows.
pub async fn list(call: &mut Call) -> Result<Output> {
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut conn = call.read().await?;
    let queues = conn
        .query(
            "SELECT q.id, q.key, q.name, q.description, q.auto_retry, q.retry_abandoned, q.max_retries, q.unique_reference, \
             q.release_id, (SELECT r.name FROM releases r WHERE r.id = q.release_id), q.specific_schema IS NOT NULL, \
             q.output_schema IS NOT NULL, q.analytics_schema IS NOT NULL, \
             (SELECT count(*) FROM queue_folders c WHERE c.queue_id = q.id), q.tags FROM queue_definitions q \
             JOIN queue_folders f ON f.queue_id = q.id WHERE f.folder_id = $1 AND q.tenant_id = $2 ORDER BY q.id",
            params![folder, tenant],
        )
        .await?;
    let linked = "IN (SELECT l.queue_id FROM queue_folders l WHERE l.folder_id = $1)";
    let sql = statement(&format!("f.grain = 0 AND f.queue_id {linked}"), &format!("e.queue_id {linked}"));
    let mut sums: HashMap<i64, Sums> = HashMap::new();
    for row in conn.query(&sql, params![folder]).await? {
        let (queue, _, part) = read(&row)?;
        sums.entry(queue).or_default().merge(&part);
    }
    drop(conn);
    let rows: Result<Vec<Value>> = queues.iter().map(|row| shown(row, &sums)).collect();
    call.computed("QueueProcessingRecords", rows?)
}

fn shown(row: &Row, sums: &HashMap<i64, Sums>) -> Result<Value> {
    let id: i64 = row.get(0)?;
    let s = sums.get(&id).copied().unwrap_or_default();
    let text = |i| row.get::<Option<String>>(i);
    let mean = if s.successful.0 > 0 { seconds(s.successful.1 / s.successful.0) } else { 0.0 };
    let tags: Value = serde_json::from_str(&row.get::<String>(14)?).unwrap_or(Value::Null);
    Ok(json!({
        "ItemsToProcess": s.new.max(0),
        "ItemsInProgress": s.running.max(0),
        "QueueDefinitionId": id,
        "QueueDefinitionKey": text(1)?,
        "QueueDefinitionName": text(2)?,
        "QueueDefinitionDescription": text(3)?,
        "QueueDefinitionAcceptAutomaticallyRetry": row.get::<bool>(4)?,
        "QueueDefinitionRetryAbandonedItems": row.get::<bool>(5)?,
        "QueueDefinitionMaxNumberOfRetries": row.get::<i64>(6)?,
        "QueueDefinitionEnforceUniqueReference": row.get::<bool>(7)?,
        "ProcessingMeanTime": mean,
        "SuccessfulTransactionsNo": s.successful.0,
        "ApplicationExceptionsNo": s.application.0,
        "BusinessExceptionsNo": s.business.0,
        "SuccessfulTransactionsProcessingTime": seconds(s.successful.1),
        "ApplicationExceptionsProcessingTime": seconds(s.application.1),
        "BusinessExceptionsProcessingTime": seconds(s.business.1),
        "TotalNumberOfTransactions": s.total(),
        "LastProcessed": s.last_ended_at.map(time::iso),
        "ReleaseName": text(9)?,
        "ReleaseId": row.get::<Option<i64>>(8)?,
        "IsProcessInCurrentFolder": Value::Null,
        "SpecificDataJsonSchemaExists": row.get::<bool>(10)?,
        "OutputDataJsonSchemaExists": row.get::<bool>(11)?,
        "AnalyticsDataJsonSchemaExists": row.get::<bool>(12)?,
        "ProcessScheduleId": Value::Null,
        "QueueFoldersCount": row.get::<i64>(13)?,
        "Tags": tags,
        "Id": id,
    }))
}
