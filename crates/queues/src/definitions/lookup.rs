//! Finding the definition of a queue or an item, as transactions need it.

use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Row, fold, params};
use std::sync::LazyLock;

/// What adding and processing of items needs to know of a queue.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Most automatic retries.
    pub max_retries: i64,
    /// Application exceptions are retried.
    pub auto_retry: bool,
    /// Abandoned items are retried.
    pub retry_abandoned: bool,
    /// References must be there and unique.
    pub unique_reference: bool,
    /// Contents are sealed.
    pub encrypted: bool,
    /// Minutes until an item without a deadline of its own is due; 0: none.
    pub sla_minutes: i64,
    /// Minutes until it is at risk; 0: none.
    pub risk_sla_minutes: i64,
    /// Version of its JSON Schemas; none while it has none.
    pub schema_version: Option<String>,
}

const COLUMNS: &str = "q.id, q.name, q.max_retries, q.auto_retry, q.retry_abandoned, q.unique_reference, q.encrypted, \
     q.sla_minutes, q.risk_sla_minutes, q.schema_version";

/// How many columns of a row make a definition.
pub const WIDTH: usize = 10;

/// The columns of a definition, of a table called `q`.
pub fn columns() -> &'static str {
    COLUMNS
}

/// The definition in the first columns of a row.
pub fn definition(row: &Row) -> Result<Definition> {
    Ok(Definition {
        id: row.get(0)?,
        name: row.get(1)?,
        max_retries: row.get(2)?,
        auto_retry: row.get(3)?,
        retry_abandoned: row.get(4)?,
        unique_reference: row.get(5)?,
        encrypted: row.get(6)?,
        sla_minutes: row.get(7)?,
        risk_sla_minutes: row.get(8)?,
        schema_version: row.get(9)?,
    })
}

/// The queue of that name in a folder; names do not regard case.
pub async fn by_name(conn: &mut Conn, tenant: i64, folder: i64, name: &str) -> Result<Definition> {
    let sql = select(
        "FROM queue_folders f JOIN queue_definitions q ON q.id = f.queue_id \
         WHERE f.folder_id = $1 AND f.name = $2 AND q.tenant_id = $3",
    );
    let row = conn.query_opt(&sql, params![folder, fold(name), tenant]).await?;
    row.as_ref().map(definition).transpose()?.ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let shown: String = name.chars().take(50).collect();
    Error::not_found(&format!("Queue {shown}"))
}

/// What a caller who wants an item needs to know of a queue.
pub struct ForClaim {
    /// The queue.
    pub queue: Definition,
    /// Whether deferred items have become due.
    pub due: bool,
    /// The folder that its items are shown with: id and path.
    pub place: (Option<i64>, Option<String>),
}

/// The same for a caller who wants an item. One question instead of three.
pub async fn for_claim(conn: &mut Conn, tenant: i64, folder: i64, name: &str, now: i64) -> Result<ForClaim> {
    const HOME: &str = "(SELECT min(h.folder_id) FROM queue_folders h WHERE h.queue_id = q.id)";
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {COLUMNS}, EXISTS (SELECT 1 FROM queue_items d WHERE d.queue_id = q.id AND d.status = 0 \
             AND d.ready = 0 AND d.defer_at <= $4), {HOME}, (SELECT p.path FROM folders p WHERE p.id = {HOME}) \
             FROM queue_folders f JOIN queue_definitions q ON q.id = f.queue_id \
             WHERE f.folder_id = $1 AND f.name = $2 AND q.tenant_id = $3"
        )
    });
    match conn.query_opt(&SQL, params![folder, fold(name), tenant, now]).await? {
        Some(row) => Ok(ForClaim {
            queue: definition(&row)?,
            due: row.get(WIDTH)?,
            place: (row.get(WIDTH + 1)?, row.get(WIDTH + 2)?),
        }),
        None => Err(unknown(name)),
    }
}

/// The queue of an item that is seen from a folder; "QueueItem does not exist." otherwise.
pub async fn of_item(conn: &mut Conn, tenant: i64, folder: i64, item: i64) -> Result<Definition> {
    let sql = select(
        "FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_id \
         JOIN queue_folders f ON f.queue_id = q.id AND f.folder_id = $1 \
         WHERE i.id = $2 AND i.tenant_id = $3",
    );
    let row = conn.query_opt(&sql, params![folder, item, tenant]).await?;
    row.as_ref().map(definition).transpose()?.ok_or_else(|| Error::not_found("QueueItem"))
}

/// The queue of that id, for duties.
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Definition>> {
    let sql = select("FROM queue_definitions q WHERE q.id = $1");
    conn.query_opt(&sql, params![id]).await?.as_ref().map(definition).transpose()
}

fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} {rest}")
}

/// Refuses a queue that is not linked to the folder.
pub async fn linked(conn: &mut Conn, tenant: i64, folder: i64, id: i64) -> Result<()> {
    let sql = "SELECT 1 FROM queue_folders f JOIN queue_definitions q ON q.id = f.queue_id \
         WHERE f.folder_id = $1 AND q.id = $2 AND q.tenant_id = $3";
    let row = conn.query_opt(sql, params![folder, id, tenant]).await?;
    row.map(|_| ()).ok_or_else(|| Error::not_found("Queue"))
}
