//! The end of transactions that needs nothing but the item's own row: a success, or a failure that nothing can retry. All
//! that are reported at the same moment in a folder are written down in one turn (`bandmaster_api::gather`).
//! What makes a new attempt, puts an item back or has to be held against schemas is `result`'s, one by one.

use super::holder;
use super::result::not_in_progress;
use crate::attempt::{self, Ending};
use crate::definitions::Definition;
use crate::history::{Acted, Action, Entry, Step, record_all};
use crate::items::content::{self, Part};
use crate::items::row_version;
use bandmaster_api::Unit;
use bandmaster_api::gather::Work;
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_store::{Dialect, Kind, each, many, params};
use futures::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Longest texts of a report that goes with others, in bytes.
const LARGE: usize = 16_384;

/// How processing of an item ended.
pub(super) struct End {
    /// Id of the item.
    pub item: i64,
    /// Key of the job that tells, if it is one.
    pub job: Option<String>,
    /// Who tells.
    pub who: Acted,
    /// JSON text of the exception of a business failure; none for a success.
    pub exception: Option<String>,
    /// JSON text of the output.
    pub output: Option<String>,
    /// JSON text of the analytics.
    pub analytics: Option<String>,
    /// Last progress.
    pub progress: Option<String>,
    /// Operation.
    pub operation_id: Option<String>,
    /// For sealing.
    pub keys: KeyRing,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is written down.
    Yes,
    /// It has to be done by itself; nothing was changed.
    Alone,
}

impl End {
    /// Whether it is small enough to go with others.
    pub fn is_small(&self) -> bool {
        let texts = [&self.exception, &self.output, &self.analytics, &self.progress, &self.operation_id];
        texts.into_iter().flatten().map(String::len).sum::<usize>() <= LARGE
    }

    fn outcome(&self) -> (i64, &'static str) {
        match self.exception {
            None => (3, "queueItem.transactionCompleted"),
            Some(_) => (2, "queueItem.transactionFailed"),
        }
    }
}

impl Work for End {
    /// Tenant and folder.
    type Key = (i64, i64);
    type Reply = Ended;

    fn together<'a>(
        unit: &'a mut Unit,
        key: &'a (i64, i64),
        parts: &'a [End],
    ) -> BoxFuture<'a, Result<Vec<Result<Ended>>>> {
        Box::pin(together(unit, *key, parts))
    }
}

async fn together(unit: &mut Unit, (tenant, folder): (i64, i64), parts: &[End]) -> Result<Vec<Result<Ended>>> {
    let ids: Vec<i64> = parts.iter().map(|end| end.item).collect();
    let mut found: HashMap<i64, (Ending, Definition)> = HashMap::with_capacity(ids.len());
    for (ending, queue) in attempt::endings(unit, tenant, folder, &ids).await? {
        found.insert(ending.id, (ending, queue));
    }
    let mut once = HashSet::with_capacity(parts.len());
    let mut rows = Vec::with_capacity(parts.len());
    let mut verdicts = Vec::with_capacity(parts.len());
    for end in parts {
        let verdict = match found.get(&end.item) {
            None => Err(Error::not_found("QueueItem")),
            // Two who end the same item: the second is judged by what the first left.
            Some(_) if !once.insert(end.item) => Ok(Ended::Alone),
            Some((ending, queue)) => judged(end, ending, queue),
        };
        if let (Ok(Ended::Yes), Some((ending, queue))) = (&verdict, found.get(&end.item)) {
            rows.push(row(unit, end, ending, queue)?);
        }
        verdicts.push(verdict);
    }
    if rows.is_empty() {
        return Ok(verdicts);
    }
    let written = write(unit, &rows).await?;
    let now = unit.now();
    let mut entries = Vec::with_capacity(rows.len());
    for (end, verdict) in parts.iter().zip(&mut verdicts) {
        let (Ok(Ended::Yes), Some((ending, queue))) = (&verdict, found.get(&end.item)) else { continue };
        if !written.contains(&end.item) {
            *verdict = Err(not_in_progress(2));
            continue;
        }
        let (status, kind) = end.outcome();
        let step = Step {
            kind,
            action: Action::Status,
            item: ending.id,
            unique_key: &ending.unique_key,
            queue: queue.id,
            was: Some(1),
            status,
            review: ending.review_status,
            reviewer: ending.reviewer,
            exception: end.exception.as_ref().map(|_| 1),
            took: ending.started_at.map_or(0, |s| (now - s).max(0)),
            ..Step::default()
        };
        entries.push(Entry { who: &end.who, step });
    }
    record_all(unit, &entries).await?;
    Ok(verdicts)
}

fn judged(end: &End, ending: &Ending, queue: &Definition) -> Result<Ended> {
    if ending.status != 1 {
        return Err(not_in_progress(ending.status));
    }
    holder::held(ending.handovers, ending.executor.as_deref(), end.job.as_deref())?;
    let schemas = queue.schema_version.is_some() && end.exception.is_none();
    Ok(if schemas { Ended::Alone } else { Ended::Yes })
}

const COLUMNS: [(&str, Kind); 10] = [
    ("id", Kind::Int),
    ("handovers", Kind::Int),
    ("status", Kind::Int),
    ("output", Kind::Text),
    ("analytics", Kind::Text),
    ("progress", Kind::Text),
    ("exception", Kind::Text),
    ("exception_type", Kind::Int),
    ("operation_id", Kind::Text),
    ("version", Kind::Text),
];

/// The values of [`COLUMNS`].
fn row(unit: &Unit, end: &End, ending: &Ending, queue: &Definition) -> Result<Vec<bandmaster_store::Value>> {
    let stored = |text: &Option<String>, part| {
        content::stored(&end.keys, text.clone(), queue.encrypted, part, &ending.unique_key)
    };
    Ok(params![
        ending.id,
        ending.handovers,
        end.outcome().0,
        stored(&end.output, Part::Output)?,
        stored(&end.analytics, Part::Analytics)?,
        end.progress.as_deref(),
        end.exception.as_deref(),
        end.exception.as_ref().map(|_| 1),
        end.operation_id.as_deref(),
        row_version(unit)
    ]
    .to_vec())
}

/// Ends the items that are still held as they were seen; their ids.
async fn write(unit: &mut Unit, rows: &[Vec<bandmaster_store::Value>]) -> Result<HashSet<i64>> {
    static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| {
        Dialect::each(|dialect| {
            format!(
                "UPDATE queue_items SET status = w.status, ended_at = $2, output = w.output, analytics = w.analytics, \
                 progress = coalesce(w.progress, queue_items.progress), exception = w.exception, \
                 exception_type = w.exception_type, operation_id = w.operation_id, row_version = w.version FROM {} AS w \
                 WHERE queue_items.id = w.id AND queue_items.status = 1 AND queue_items.handovers = w.handovers \
                 RETURNING queue_items.id",
                each(dialect, "$1", &COLUMNS)
            )
        })
    });
    let sql = unit.dialect().pick(&TEXTS);
    let now = unit.now();
    let ended = unit.query(sql, params![many(rows)?, now]).await?;
    ended.iter().map(|row| Ok(row.get(0)?)).collect()
}
