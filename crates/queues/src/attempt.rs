//! Attempts: what is known of an item when it ends, and the new attempt that may follow.

use crate::definitions::{Definition, lookup};
use crate::history::{Action, Step, record};
use crate::items::content::{self, Part};
use crate::items::{Lineage, NewItem, insert};
use bandmaster_api::Unit;
use bandmaster_core::clock::SECOND;
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_store::{Dialect, Kind, Row, Value as DbValue, each, many, params};
use std::sync::LazyLock;

/// An item as its end and the next attempt need it.
#[derive(Debug)]
pub struct Attempt {
    /// Id.
    pub id: i64,
    /// Key of the chain of attempts.
    pub key: String,
    /// Key of this attempt.
    pub unique_key: String,
    /// Number of its state.
    pub status: i64,
    /// Automatic retries before it.
    pub retry_number: i64,
    /// Number of its review state.
    pub review_status: i64,
    /// Reviewer.
    pub reviewer: Option<i64>,
    /// Version of the row.
    pub row_version: String,
    /// When it was started.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Its content as stored.
    pub content: Option<String>,
    /// What the next attempt takes over.
    pub item: NewItem,
    /// Lineage of manual retries.
    pub manual: (Option<i64>, Option<String>, i64),
    /// Key of the job that processes it.
    pub executor: Option<String>,
    /// How often it went back from a holder to the queue.
    pub handovers: i64,
    /// How often that was because a lease ran out.
    pub lease_losses: i64,
}

impl Attempt {
    /// Microseconds of processing up to a moment.
    pub fn took(&self, until: i64) -> i64 {
        self.started_at.map_or(0, |s| (until - s).max(0))
    }
}

const COLUMNS: &str = "i.key, i.unique_key, i.status, i.retry_number, i.review_status, i.started_at, i.content, i.priority, \
     i.reference, i.defer_at, i.due_at, i.risk_at, i.source, i.parent_operation_id, i.creator_job_key, i.manual_ancestor_id, \
     i.manual_ancestor_key, i.manual_retry_number, i.reviewer_user_id, i.row_version, i.ended_at, \
     i.executor_job_key, i.handovers, i.lease_losses";

/// Reads an item.
pub async fn load(unit: &mut Unit, id: i64) -> Result<Attempt> {
    let sql = format!("SELECT {COLUMNS} FROM queue_items i WHERE i.id = $1");
    let row = unit.query_opt(&sql, params![id]).await?.ok_or_else(|| Error::not_found("QueueItem"))?;
    attempt(id, &row, 0)
}

/// Reads an item that is seen from a folder, with its queue.
pub async fn seen(unit: &mut Unit, tenant: i64, folder: i64, id: i64) -> Result<(Attempt, Definition)> {
    let sql = format!(
        "SELECT {}, {COLUMNS} FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_id \
         JOIN queue_folders f ON f.queue_id = q.id AND f.folder_id = $1 WHERE i.id = $2 AND i.tenant_id = $3",
        lookup::columns()
    );
    let row = unit.query_opt(&sql, params![folder, id, tenant]).await?.ok_or_else(|| Error::not_found("QueueItem"))?;
    Ok((attempt(id, &row, lookup::WIDTH)?, lookup::definition(&row)?))
}

/// An item in progress as its end needs it, when no other attempt can follow.
#[derive(Debug)]
pub struct Ending {
    /// Id.
    pub id: i64,
    /// Key of this attempt.
    pub unique_key: String,
    /// Number of its state.
    pub status: i64,
    /// Number of its review state.
    pub review_status: i64,
    /// Reviewer.
    pub reviewer: Option<i64>,
    /// When it was started.
    pub started_at: Option<i64>,
    /// Key of the job that processes it.
    pub executor: Option<String>,
    /// How often it went back from a holder to the queue.
    pub handovers: i64,
}

/// Reads those of many items that are seen from a folder, with their queues.
pub async fn endings(unit: &mut Unit, tenant: i64, folder: i64, ids: &[i64]) -> Result<Vec<(Ending, Definition)>> {
    static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| {
        Dialect::each(|dialect| {
            format!(
                "SELECT {}, i.id, i.unique_key, i.status, i.review_status, i.reviewer_user_id, i.started_at, \
                 i.executor_job_key, i.handovers FROM {} AS w CROSS JOIN queue_items i \
                 JOIN queue_definitions q ON q.id = i.queue_id \
                 JOIN queue_folders f ON f.queue_id = q.id AND f.folder_id = $2 WHERE i.id = w.id AND i.tenant_id = $3",
                lookup::columns(),
                each(dialect, "$1", &[("id", Kind::Int)])
            )
        })
    });
    let sql = unit.dialect().pick(&TEXTS);
    let rows: Vec<Vec<DbValue>> = ids.iter().map(|id| params![*id].to_vec()).collect();
    let at = lookup::WIDTH;
    let found = unit.query(sql, params![many(&rows)?, folder, tenant]).await?;
    found
        .iter()
        .map(|row| {
            let ending = Ending {
                id: row.get(at)?,
                unique_key: row.get(at + 1)?,
                status: row.get(at + 2)?,
                review_status: row.get(at + 3)?,
                reviewer: row.get(at + 4)?,
                started_at: row.get(at + 5)?,
                executor: row.get(at + 6)?,
                handovers: row.get(at + 7)?,
            };
            Ok((ending, lookup::definition(row)?))
        })
        .collect()
}

/// The attempt in the columns of a row that begin at `at`.
fn attempt(id: i64, row: &Row, at: usize) -> Result<Attempt> {
    Ok(Attempt {
        id,
        key: row.get(at)?,
        unique_key: row.get(at + 1)?,
        status: row.get(at + 2)?,
        retry_number: row.get(at + 3)?,
        review_status: row.get(at + 4)?,
        started_at: row.get(at + 5)?,
        content: row.get(at + 6)?,
        item: NewItem {
            status: 0,
            priority: row.get(at + 7)?,
            reference: row.get(at + 8)?,
            defer_at: row.get(at + 9)?,
            due_at: row.get(at + 10)?,
            risk_at: row.get(at + 11)?,
            source: row.get(at + 12)?,
            parent_operation_id: row.get(at + 13)?,
            creator_job_key: row.get(at + 14)?,
            ..NewItem::default()
        },
        manual: (row.get(at + 15)?, row.get(at + 16)?, row.get(at + 17)?),
        reviewer: row.get(at + 18)?,
        row_version: row.get(at + 19)?,
        ended_at: row.get(at + 20)?,
        executor: row.get(at + 21)?,
        handovers: row.get(at + 22)?,
        lease_losses: row.get(at + 23)?,
    })
}

/// Who wanted the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The queue's rule.
    Automatically,
    /// A person; automatic retries begin anew.
    ByHand,
}

/// Makes the next attempt of an item whose own row says Retried already; the id of the new one.
pub async fn next(
    unit: &mut Unit,
    keys: &KeyRing,
    queue: &Definition,
    attempt: Attempt,
    wanted: Wanted,
) -> Result<i64> {
    let until = attempt.ended_at.unwrap_or(unit.now());
    let seconds = attempt.took(until) / SECOND;
    let content = match &attempt.content {
        Some(text) => Some(content::clear(keys, text, queue.encrypted, Part::Specific, &attempt.unique_key)?),
        None => None,
    };
    let lineage = match wanted {
        Wanted::Automatically => Lineage {
            key: attempt.key,
            seconds,
            ancestor: (Some(attempt.id), Some(attempt.unique_key)),
            retry_number: attempt.retry_number + 1,
            manual: attempt.manual,
        },
        Wanted::ByHand => Lineage {
            key: attempt.key,
            seconds,
            ancestor: (None, None),
            retry_number: 0,
            manual: (Some(attempt.id), Some(attempt.unique_key), attempt.manual.2 + 1),
        },
    };
    let item = NewItem { content, lineage: Some(lineage), ..attempt.item };
    let (id, unique_key) = insert(unit, keys, queue, item).await?;
    record(
        unit,
        Step {
            kind: "queueItem.added",
            action: Action::Create,
            item: id,
            unique_key: &unique_key,
            queue: queue.id,
            ..Step::default()
        },
    )
    .await?;
    unit.nudge(format!("queue:{}", queue.id));
    Ok(id)
}
