//! Finding the definition of a queue or an item, as transactions need it.

use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Row, fold, params};

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
}

const COLUMNS: &str = "q.id, q.name, q.max_retries, q.auto_retry, q.retry_abandoned, q.unique_reference, q.encrypted, \
     q.sla_minutes, q.risk_sla_minutes";

fn definition(row: &Row) -> Result<Definition> {
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
    })
}

/// The queue of that name in a folder; names do not regard case.
pub async fn by_name(conn: &mut Conn, tenant: i64, folder: i64, name: &str) -> Result<Definition> {
    let sql = const_format(
        "FROM queue_folders f JOIN queue_definitions q ON q.id = f.queue_id \
         WHERE f.folder_id = $1 AND f.name = $2 AND q.tenant_id = $3",
    );
    let row = conn.query_opt(&sql, params![folder, fold(name), tenant]).await?;
    row.as_ref().map(definition).transpose()?.ok_or_else(|| {
        let shown: String = name.chars().take(50).collect();
        Error::not_found(&format!("Queue {shown}"))
    })
}

/// The queue of an item that is seen from a folder; "QueueItem does not exist." otherwise.
pub async fn of_item(conn: &mut Conn, tenant: i64, folder: i64, item: i64) -> Result<Definition> {
    let sql = const_format(
        "FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_id \
         JOIN queue_folders f ON f.queue_id = q.id AND f.folder_id = $1 \
         WHERE i.id = $2 AND i.tenant_id = $3",
    );
    let row = conn.query_opt(&sql, params![folder, item, tenant]).await?;
    row.as_ref().map(definition).transpose()?.ok_or_else(|| Error::not_found("QueueItem"))
}

fn const_format(rest: &str) -> String {
    format!("SELECT {COLUMNS} {rest}")
}
