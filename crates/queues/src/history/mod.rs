//! The history of items: one row a change, made in the unit of the change together with the event that others react
//! to. Figures (`figures`) are added up from these rows.

mod entity;
mod show;

pub use entity::EVENT;

use bandmaster_api::{Call, Registry, Unit};
use bandmaster_core::{PrincipalKind, Result};
use bandmaster_store::{Dialect, Kind, Value as DbValue, each, many, params};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&EVENT);
    r.serve("QueueItemEvents_Get", show::list);
    r.serve("QueueItemEvents_GetById", show::one).also(&[404]);
    r.serve("QueueItemEvents_GetQueueItemEventsHistoryByQueueitemid", show::of_item).also(&[404]);
}

/// What was done to an item. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// It was added.
    #[default]
    Create = 0,
    /// Its content, dates or review were changed.
    Edit = 1,
    /// It was deleted.
    Delete = 2,
    /// It was started, ended, put back or abandoned.
    Status = 3,
    /// A new attempt was made of it.
    Retry = 4,
}

/// A change of an item.
#[derive(Debug, Default)]
pub struct Step<'a> {
    /// Kind of the event for others; empty: the history alone.
    pub kind: &'a str,
    /// What was done.
    pub action: Action,
    /// Id of the item.
    pub item: i64,
    /// Its unique key.
    pub unique_key: &'a str,
    /// Id of its queue.
    pub queue: i64,
    /// State before; none for a new item.
    pub was: Option<i64>,
    /// State after.
    pub status: i64,
    /// Review state after.
    pub review: i64,
    /// Reviewer after.
    pub reviewer: Option<i64>,
    /// JSON text of edited members; never contents of items, which may be sealed.
    pub data: Option<String>,
    /// Kind of the exception that ended it.
    pub exception: Option<i64>,
    /// Microseconds of processing that ended.
    pub took: i64,
}

const HISTORY: &str = "INSERT INTO queue_item_events (tenant_id, queue_id, item_id, at, action, was, status, \
     review_status, reviewer_user_id, user_id, client_id, data, exception_type, took) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// History and event in one statement, hence one round trip; SQLite knows no such thing and needs none.
const BOTH: &str = "WITH history AS (INSERT INTO queue_item_events (tenant_id, queue_id, item_id, at, action, was, status, \
     review_status, reviewer_user_id, user_id, client_id, data, exception_type, took) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)) \
     INSERT INTO events (tenant_id, folder_id, at, kind, entity_key, actor_id, payload) \
     VALUES ($1, $15, $4, $16, $17, $10, $18)";

/// Who acts in a unit: the account, and the application when it is one.
pub fn actor(unit: &Unit) -> (Option<i64>, Option<String>) {
    let context = unit.context();
    let client = match context.principal.kind {
        PrincipalKind::Application => context.principal.client_id.clone(),
        _ => None,
    };
    (context.user_id, client)
}

/// The parameters of [`HISTORY`], in their order.
fn values(unit: &Unit, step: &Step<'_>) -> Vec<DbValue> {
    let (user, client) = actor(unit);
    params![
        unit.tenant_id(),
        step.queue,
        step.item,
        unit.now(),
        step.action as i64,
        step.was,
        step.status,
        step.review,
        step.reviewer,
        user,
        client,
        step.data.as_deref(),
        step.exception,
        step.took
    ]
    .to_vec()
}

/// What the event says. It names the item; what it is, is read when the event is used, so that no content lies about
/// twice.
fn payload(step: &Step<'_>) -> Value {
    json!({"ItemId": step.item, "QueueId": step.queue})
}

/// Writes down a change.
pub async fn record(unit: &mut Unit, step: Step<'_>) -> Result<()> {
    let folder = unit.context().folder_id;
    let mut values = values(unit, &step);
    if step.kind.is_empty() {
        unit.execute(HISTORY, &values).await?;
    } else if unit.dialect() == Dialect::Postgres {
        values.extend_from_slice(params![folder, step.kind, step.unique_key, payload(&step).to_string()]);
        unit.execute(BOTH, &values).await?;
    } else {
        unit.execute(HISTORY, &values).await?;
        unit.event(step.kind, folder, Some(step.unique_key), &payload(&step)).await?;
    }
    Ok(())
}

/// Who acted, when it is not whom a unit runs for.
#[derive(Debug, Clone, Default)]
pub struct Acted {
    user: Option<i64>,
    client: Option<String>,
}

impl Acted {
    /// The caller.
    pub fn by(call: &Call) -> Acted {
        let application = call.principal.kind == PrincipalKind::Application;
        Acted { user: call.user_id(), client: call.principal.client_id.clone().filter(|_| application) }
    }
}

/// A change, and who made it.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Who made it.
    pub who: &'a Acted,
    /// The change; its kind is not empty.
    pub step: Step<'a>,
}

/// What [`record_all`] writes of an entry.
const ENTRY: [(&str, Kind); 15] = [
    ("queue_id", Kind::Int),
    ("item_id", Kind::Int),
    ("action", Kind::Int),
    ("was", Kind::Int),
    ("status", Kind::Int),
    ("review_status", Kind::Int),
    ("reviewer_user_id", Kind::Int),
    ("user_id", Kind::Int),
    ("client_id", Kind::Text),
    ("data", Kind::Text),
    ("exception_type", Kind::Int),
    ("took", Kind::Int),
    ("kind", Kind::Text),
    ("unique_key", Kind::Text),
    ("payload", Kind::Text),
];

/// Statements for any number of entries: both in one on PostgreSQL.
fn texts(dialect: Dialect) -> [String; 2] {
    let columns: Vec<&str> = ENTRY[..12].iter().map(|(name, _)| *name).collect();
    let columns = columns.join(", ");
    let rows = each(dialect, "$1", &ENTRY);
    let history = format!(
        "INSERT INTO queue_item_events (tenant_id, at, {columns}) \
         SELECT CAST($2 AS BIGINT), CAST($3 AS BIGINT), {columns} FROM {rows} AS w WHERE true ORDER BY n"
    );
    let outbox = format!(
        "INSERT INTO events (tenant_id, at, folder_id, kind, entity_key, actor_id, payload) \
         SELECT CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), kind, unique_key, user_id, payload \
         FROM {rows} AS w WHERE true ORDER BY n"
    );
    match dialect {
        Dialect::Sqlite => [history, outbox],
        Dialect::Postgres => [format!("WITH history AS ({history}) {outbox}"), String::new()],
    }
}

/// Writes down many changes in one go.
pub async fn record_all(unit: &mut Unit, entries: &[Entry<'_>]) -> Result<()> {
    static TEXTS: LazyLock<[[String; 2]; 2]> = LazyLock::new(|| [Dialect::Sqlite, Dialect::Postgres].map(texts));
    if entries.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<DbValue>> = entries
        .iter()
        .map(|Entry { who, step }| {
            params![
                step.queue,
                step.item,
                step.action as i64,
                step.was,
                step.status,
                step.review,
                step.reviewer,
                who.user,
                who.client.as_deref(),
                step.data.as_deref(),
                step.exception,
                step.took,
                step.kind,
                step.unique_key,
                payload(step).to_string()
            ]
            .to_vec()
        })
        .collect();
    let (rows, tenant, now, folder) = (many(&rows)?, unit.tenant_id(), unit.now(), unit.context().folder_id);
    let [sqlite, postgres] = &*TEXTS;
    if unit.dialect() == Dialect::Postgres {
        unit.execute(&postgres[0], params![rows, tenant, now, folder]).await?;
    } else {
        unit.execute(&sqlite[0], params![rows.clone(), tenant, now]).await?;
        unit.execute(&sqlite[1], params![rows, tenant, now, folder]).await?;
    }
    Ok(())
}

/// Runs an `UPDATE` of one item and, if it changed the row, writes the change down: on PostgreSQL in one round trip.
/// Whether it changed the row. `update` is a fixed text with its own parameters.
pub async fn apply(unit: &mut Unit, update: &'static str, own: &[DbValue], step: Step<'_>) -> Result<bool> {
    if unit.dialect() == Dialect::Sqlite {
        let changed = unit.execute(update, own).await? == 1;
        if changed {
            record(unit, step).await?;
        }
        return Ok(changed);
    }
    let folder = unit.context().folder_id;
    let mut all = own.to_vec();
    all.extend(values(unit, &step));
    all.extend_from_slice(params![folder, step.kind, step.unique_key, payload(&step).to_string()]);
    let int = |n: usize| format!("CAST(${} AS BIGINT)", own.len() + n);
    let text = |n: usize| format!("CAST(${} AS TEXT)", own.len() + n);
    let history: Vec<String> = (1..=14).map(|n| if matches!(n, 11 | 12) { text(n) } else { int(n) }).collect();
    let sql = format!(
        "WITH changed AS ({update} RETURNING id), history AS (INSERT INTO queue_item_events (tenant_id, queue_id, item_id, at, \
         action, was, status, review_status, reviewer_user_id, user_id, client_id, data, exception_type, took) \
         SELECT {} FROM changed), outbox AS (INSERT INTO events (tenant_id, folder_id, at, kind, entity_key, actor_id, payload) \
         SELECT {}, {}, {}, {}, {}, {}, {} FROM changed) SELECT id FROM changed",
        history.join(", "),
        int(1),
        int(15),
        int(4),
        text(16),
        text(17),
        int(10),
        text(18),
    );
    Ok(unit.query_opt(&sql, &all).await?.is_some())
}

/// JSON text of edited members for [`Step::data`].
pub fn edited(members: Value) -> Option<String> {
    Some(members.to_string())
}
