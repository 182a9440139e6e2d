//! Taking the next item of a queue. All who ask at the same moment are served in one turn (`bandmaster_api::gather`): the
//! next items of the order are locked, given out one each, and written down, whatever their number, in a handful of
//! statements.

use super::start::started;
use crate::definitions::{Definition, ForClaim, for_claim};
use crate::history::{Acted, Entry, Step, record_all};
use crate::items::{row, row_version};
use bandmaster_api::gather::{Work, join};
use bandmaster_api::{Call, Unit};
use bandmaster_core::Result;
use bandmaster_fleet::robots::by_key;
use bandmaster_store::{Dialect, Kind, Row, each, many, params};
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A caller who wants the next item.
pub(super) struct Claim {
    /// Key of the robot that asks, when it is told.
    pub robot_key: Option<String>,
    job: Option<String>,
    who: Acted,
}

/// Whose claims are served together: tenant, folder, name of the queue.
type Line = (i64, i64, String);

/// Takes the next item; none when nothing waits.
pub(super) async fn next(call: &Call, queue: &str, robot_key: Option<String>) -> Result<Option<Map<String, Value>>> {
    let line = (call.tenant_id()?, call.folder()?.id, queue.to_owned());
    let claim = Claim { robot_key, job: call.principal.job_key.clone(), who: Acted::by(call) };
    match join(call, line, claim).await? {
        Some(row) => {
            call.changed_elsewhere();
            Ok(Some(row::item(&call.app.keys, row)?))
        }
        None => Ok(None),
    }
}

impl Work for Claim {
    type Key = Line;
    type Reply = Option<Row>;

    fn together<'a>(
        unit: &'a mut Unit,
        key: &'a Line,
        parts: &'a [Claim],
    ) -> BoxFuture<'a, Result<Vec<Result<Option<Row>>>>> {
        Box::pin(async move {
            let (tenant, folder, name) = key;
            let now = unit.now();
            let found = for_claim(unit, *tenant, *folder, name, now).await?;
            if found.due {
                release(unit, &found.queue).await?;
            }
            let items = locked(unit, &found.queue, parts.len()).await?;
            let mut taken = given(unit, *tenant, &found, parts, &items).await?;
            Ok(parts.iter().enumerate().map(|(n, _)| Ok(items.get(n).and_then(|id| taken.remove(id)))).collect())
        })
    }
}

/// Deferred items whose time has come join the order.
pub(super) async fn release(unit: &mut Unit, queue: &Definition) -> Result<()> {
    let now = unit.now();
    unit.execute(
        "UPDATE queue_items SET ready = 1 WHERE queue_id = $1 AND status = 0 AND ready = 0 AND defer_at <= $2",
        params![queue.id, now],
    )
    .await?;
    Ok(())
}

/// The next items in the order of processing. On PostgreSQL they are locked, and those that another claim holds passed over.
async fn locked(unit: &mut Unit, queue: &Definition, most: usize) -> Result<Vec<i64>> {
    const NEXT: &str = "SELECT c.id FROM queue_items c WHERE c.queue_id = $1 AND c.status = 0 AND c.ready = 1 \
         ORDER BY c.no_due, c.priority, c.due_at, c.id LIMIT $2";
    const LOCKED: &str = "SELECT c.id FROM queue_items c WHERE c.queue_id = $1 AND c.status = 0 AND c.ready = 1 \
         ORDER BY c.no_due, c.priority, c.due_at, c.id LIMIT $2 FOR UPDATE SKIP LOCKED";
    let sql = if unit.dialect() == Dialect::Postgres { LOCKED } else { NEXT };
    let most = i64::try_from(most).unwrap_or(1);
    let rows = unit.query(sql, params![queue.id, most]).await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Gives the items out, one to each, and writes it down; the rows of the items by their ids.
async fn given(
    unit: &mut Unit,
    tenant: i64,
    found: &ForClaim,
    parts: &[Claim],
    items: &[i64],
) -> Result<HashMap<i64, Row>> {
    static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| Dialect::each(give));
    let mut robots: HashMap<&str, Option<i64>> = HashMap::new();
    let mut rows = Vec::with_capacity(items.len());
    for (claim, id) in parts.iter().zip(items) {
        let robot = match claim.robot_key.as_deref() {
            None => None,
            Some(key) => match robots.get(key) {
                Some(known) => *known,
                None => {
                    let found = by_key(unit, key).await?.filter(|r| r.tenant_id == tenant).map(|r| r.id);
                    robots.insert(key, found);
                    found
                }
            },
        };
        rows.push(params![*id, robot, claim.job.as_deref(), row_version(unit)].to_vec());
    }
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = unit.dialect().pick(&TEXTS);
    let (now, (folder, path)) = (unit.now(), &found.place);
    let values = params![many(&rows)?, now, *folder, path.as_deref()];
    let mut taken = HashMap::with_capacity(items.len());
    for row in unit.query(sql, values).await? {
        let seen = row::seen(&row)?;
        taken.insert(seen.id, (seen, row));
    }
    let entries: Vec<Entry<'_>> = parts
        .iter()
        .zip(items)
        .filter_map(|(claim, id)| {
            let (seen, _) = taken.get(id)?;
            let step = started(&found.queue, *id, &seen.unique_key, 0);
            Some(Entry { who: &claim.who, step: Step { review: seen.review, reviewer: seen.reviewer, ..step } })
        })
        .collect();
    record_all(unit, &entries).await?;
    Ok(taken.into_iter().map(|(id, (_, row))| (id, row)).collect())
}

fn give(dialect: Dialect) -> String {
    let columns = [("id", Kind::Int), ("robot", Kind::Int), ("job", Kind::Text), ("version", Kind::Text)];
    // The same for all items of a queue, hence read once.
    let returned = row::columns(|name| match name {
        "OrganizationUnitId" => Some("CAST($3 AS BIGINT)"),
        "OrganizationUnitFullyQualifiedName" => Some("CAST($4 AS TEXT)"),
        _ => None,
    });
    format!(
        "UPDATE queue_items SET status = 1, started_at = $2, robot_id = w.robot, executor_job_key = w.job, \
         row_version = w.version FROM {} AS w WHERE queue_items.id = w.id AND queue_items.status = 0 RETURNING {returned}",
        each(dialect, "$1", &columns),
    )
}
