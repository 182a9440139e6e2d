//! Writing a new item: the one place where rows of `queue_items` are made.

use crate::definitions::Definition;
use crate::items::content::{self, Part};
use bandmaster_api::Unit;
use bandmaster_core::clock::MINUTE;
use bandmaster_core::{Error, KeyRing, Result, codes};
use bandmaster_store::{fold, params};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A new item.
#[derive(Debug, Clone, Default)]
pub struct NewItem {
    /// Number of its state: New or InProgress.
    pub status: i64,
    /// Number of its priority.
    pub priority: i64,
    /// Reference.
    pub reference: Option<String>,
    /// JSON text of its content, in clear.
    pub content: Option<String>,
    /// Not to be processed before.
    pub defer_at: Option<i64>,
    /// To be processed until.
    pub due_at: Option<i64>,
    /// At risk from here on.
    pub risk_at: Option<i64>,
    /// Progress text.
    pub progress: Option<String>,
    /// Where it came from.
    pub source: Option<String>,
    /// Operation it belongs to.
    pub parent_operation_id: Option<String>,
    /// Job that added it.
    pub creator_job_key: Option<String>,
    /// Job that processes it, when it is made in progress.
    pub executor_job_key: Option<String>,
    /// Robot that processes it, when it is made in progress.
    pub robot_id: Option<i64>,
    /// Where it stands in its chain of attempts; none for the first one.
    pub lineage: Option<Lineage>,
}

/// Where a retry stands in its chain of attempts.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    /// Key of the chain.
    pub key: String,
    /// Seconds that the attempt before took.
    pub seconds: i64,
    /// Id and unique key of the attempt that was retried automatically.
    pub ancestor: (Option<i64>, Option<String>),
    /// Number of automatic retries.
    pub retry_number: i64,
    /// Id and unique key of the attempt that was retried by hand, and the number of such retries.
    pub manual: (Option<i64>, Option<String>, i64),
}

/// A version that differs from every other one of the row: eight random bytes in Base64.
pub fn row_version(unit: &Unit) -> String {
    let digits: String = unit.guid().chars().filter(char::is_ascii_hexdigit).take(16).collect();
    STANDARD.encode(u64::from_str_radix(&digits, 16).unwrap_or_default().to_be_bytes())
}

/// Whether a New item may be served now, and the moment it may otherwise.
fn ready(defer_at: Option<i64>, now: i64) -> bool {
    defer_at.is_none_or(|d| d <= now)
}

/// Inserts an item; its id and unique key.
pub async fn insert(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: NewItem) -> Result<(i64, String)> {
    let now = unit.now();
    let unique_key = unit.guid();
    let lineage = match item.lineage {
        Some(lineage) => lineage,
        None => Lineage { key: unit.guid(), ..Lineage::default() },
    };
    let reference = item.reference.filter(|r| !r.is_empty());
    if queue.unique_reference && reference.is_none() {
        return Err(Error::new(
            400,
            codes::TRANSACTION_REFERENCE_REQUIRED,
            "Items of a queue with unique references need a reference.",
        ));
    }
    let unique = reference.as_deref().filter(|_| queue.unique_reference).map(fold);
    let minutes = |m: i64| (m > 0).then(|| now + m * MINUTE);
    let due_at = item.due_at.or_else(|| minutes(queue.sla_minutes));
    let risk_at = item.risk_at.or_else(|| minutes(queue.risk_sla_minutes).filter(|_| item.due_at.is_none()));
    let stored = content::stored(keys, item.content, queue.encrypted, Part::Specific, &unique_key)?;
    let in_progress = item.status == 1;
    let version = row_version(unit);
    let tenant = unit.tenant_id();
    let row = unit
        .query_one(
            "INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, ready, no_due, priority, due_at, risk_at, \
             defer_at, reference, unique_reference, encrypted, content, progress, robot_id, creator_job_key, \
             executor_job_key, source, parent_operation_id, created_at, started_at, seconds_previous, ancestor_id, \
             ancestor_key, retry_number, manual_ancestor_id, manual_ancestor_key, manual_retry_number, row_version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
             $23, $24, $25, $26, $27, $28, $29, $30, $31) RETURNING id",
            params![
                tenant,
                queue.id,
                lineage.key,
                unique_key.as_str(),
                item.status,
                in_progress || ready(item.defer_at, now),
                due_at.is_none(),
                item.priority,
                due_at,
                risk_at,
                item.defer_at,
                reference,
                unique,
                queue.encrypted,
                stored,
                item.progress,
                item.robot_id,
                item.creator_job_key,
                item.executor_job_key,
                item.source,
                item.parent_operation_id,
                now,
                in_progress.then_some(now),
                lineage.seconds,
                lineage.ancestor.0,
                lineage.ancestor.1,
                lineage.retry_number,
                lineage.manual.0,
                lineage.manual.1,
                lineage.manual.2,
                version
            ],
        )
        .await
        .map_err(|e| {
            if e.is_unique("queue_items_unique_reference") { duplicate_reference() } else { Error::from(e) }
        })?;
    Ok((row.get(0)?, unique_key))
}

/// 409 with code 1016.
pub fn duplicate_reference() -> Error {
    Error::conflict(codes::DUPLICATE_REFERENCE, "Error creating Transaction. Duplicate Reference.")
}
