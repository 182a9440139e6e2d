//! What there is: organizations with their tenants, folders and accounts. Read straight from the tables, since it
//! belongs to no feature and changes nothing.

use bandmaster_api::App;
use bandmaster_core::{Result, time};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Value, json};
use std::sync::Arc;

/// Everything with ids and keys.
pub async fn show(app: &Arc<App>) -> Result<Value> {
    let mut conn = app.store.read().await?;
    let mut organizations = Vec::new();
    for row in conn.query("SELECT id, key, name FROM organizations ORDER BY id", params![]).await? {
        let id: i64 = row.get(0)?;
        let mut organization = named(&row)?;
        organization["users"] = accounts(&mut conn, id).await?;
        organization["applications"] = applications(&mut conn, id).await?;
        let mut tenants = Vec::new();
        let sql = "SELECT id, key, name FROM present_tenants WHERE organization_id = $1 ORDER BY id";
        for row in conn.query(sql, params![id]).await? {
            tenants.push(tenant(&mut conn, &row).await?);
        }
        organization["tenants"] = json!(tenants);
        organizations.push(organization);
    }
    let leaving = leaving(&mut conn).await?;
    Ok(json!({"organizations": organizations, "leaving": leaving}))
}

/// Deleted tenants whose rows are being removed, and how far that is.
async fn leaving(conn: &mut Conn) -> Result<Vec<Value>> {
    let sql = "SELECT id, key, name, deleted_at, removal_stage, removed_rows, emptied_at FROM tenants \
         WHERE deleted_at IS NOT NULL AND removed_at IS NULL ORDER BY deleted_at, id";
    let mut out = Vec::new();
    for row in conn.query(sql, params![]).await? {
        let mut tenant = named(&row)?;
        tenant["deleted"] = json!(time::iso(row.get(3)?));
        tenant["stage"] = json!(row.get::<Option<String>>(4)?);
        tenant["rows_removed"] = json!(row.get::<i64>(5)?);
        tenant["emptied"] = json!(row.get::<Option<i64>>(6)?.map(time::iso));
        out.push(tenant);
    }
    Ok(out)
}

fn named(row: &Row) -> Result<Value> {
    Ok(json!({"id": row.get::<i64>(0)?, "key": row.get::<String>(1)?, "name": row.get::<String>(2)?}))
}

async fn tenant(conn: &mut Conn, row: &Row) -> Result<Value> {
    let id: i64 = row.get(0)?;
    let mut tenant = named(row)?;
    let mut folders = Vec::new();
    let sql = "SELECT id, key, display_name, path FROM folders WHERE tenant_id = $1 ORDER BY path";
    for row in conn.query(sql, params![id]).await? {
        let mut folder = named(&row)?;
        folder["path"] = json!(row.get::<String>(3)?);
        folders.push(folder);
    }
    tenant["folders"] = json!(folders);
    let mut users = Vec::new();
    let sql = "SELECT id, key, user_name, type FROM users WHERE tenant_id = $1 ORDER BY id";
    for row in conn.query(sql, params![id]).await? {
        let mut user = named(&row)?;
        user["type"] = bandmaster_access::kinds::label(&bandmaster_access::kinds::USER_TYPE, row.get(3)?);
        users.push(user);
    }
    tenant["users"] = json!(users);
    Ok(tenant)
}

async fn accounts(conn: &mut Conn, organization: i64) -> Result<Value> {
    let sql = "SELECT id, key, user_name, kind, is_active FROM identity_users \
         WHERE organization_id = $1 AND is_deleted = 0 ORDER BY id";
    let mut out = Vec::new();
    for row in conn.query(sql, params![organization]).await? {
        let mut user = named(&row)?;
        user["robot"] = json!(row.get::<i64>(3)? == 1);
        user["active"] = json!(row.get::<bool>(4)?);
        out.push(user);
    }
    Ok(json!(out))
}

async fn applications(conn: &mut Conn, organization: i64) -> Result<Value> {
    let sql = "SELECT id, key, name FROM applications WHERE organization_id = $1 AND is_deleted = 0 ORDER BY id";
    let rows = conn.query(sql, params![organization]).await?;
    let out: Result<Vec<Value>> = rows.iter().map(named).collect();
    Ok(json!(out?))
}
