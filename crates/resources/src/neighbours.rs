//! What this crate reads of accounts and machines, which belong to others, in the shape that it needs. All such
//! reading is in this file and in the descriptions of entity types.

use bandmaster_core::Result;
use bandmaster_store::{Conn, Row, params};
use std::collections::HashSet;
use std::fmt::Write;

/// Numbers as the inside of an SQL list.
fn list(ids: &[i64]) -> String {
    let mut text = String::new();
    for id in ids {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{id}", if text.is_empty() { "" } else { ", " });
    }
    text
}

async fn known(conn: &mut Conn, tenant_id: i64, from: &str, ids: &[i64]) -> Result<HashSet<i64>> {
    let mut found = HashSet::new();
    for chunk in ids.chunks(1_000) {
        let sql = format!("SELECT id FROM {from} tenant_id = $1 AND id IN ({})", list(chunk));
        let rows: Vec<Row> = conn.query_dynamic(&sql, params![tenant_id]).await?;
        for row in &rows {
            found.insert(row.get(0)?);
        }
    }
    Ok(found)
}

/// Those of the ids that are accounts of the tenant. Groups are none: nothing runs as a group.
pub(crate) async fn accounts(conn: &mut Conn, tenant_id: i64, ids: &[i64]) -> Result<HashSet<i64>> {
    known(conn, tenant_id, "users WHERE type <> 3 AND", ids).await
}

/// Those of the ids that are machines of the tenant.
pub(crate) async fn machines(conn: &mut Conn, tenant_id: i64, ids: &[i64]) -> Result<HashSet<i64>> {
    known(conn, tenant_id, "machines WHERE", ids).await
}

/// The robots whose password is kept in a store: ids and names.
pub(crate) async fn robots_of_store(conn: &mut Conn, tenant_id: i64, store_id: i64) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT id, name FROM robots WHERE tenant_id = $1 AND credential_store_id = $2 ORDER BY name, id";
    let rows = conn.query(sql, params![tenant_id, store_id]).await?;
    rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect()
}
