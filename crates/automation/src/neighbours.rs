//! What jobs read of folders, tenants and accounts, which belong to the access and identity crates. All such reading
//! is in this file and in the descriptions of entity types.

use bandmaster_core::Result;
use bandmaster_store::{Conn, params};

/// Where a job belongs, as its program is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// GUID of the folder.
    pub folder_key: String,
    /// Path of the folder.
    pub folder_path: String,
    /// Its own name.
    pub folder_name: String,
    /// GUID of the tenant.
    pub tenant_key: String,
    /// Its name.
    pub tenant_name: String,
    /// GUID of the organization.
    pub organization_key: String,
    /// Its name.
    pub organization_name: String,
}

/// The place of a folder.
pub async fn place(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Option<Place>> {
    let row = conn
        .query_opt(
            "SELECT f.key, f.path, f.display_name, t.key, t.name, o.key, o.name FROM folders f \
             JOIN tenants t ON t.id = f.tenant_id JOIN organizations o ON o.id = t.organization_id \
             WHERE f.id = $1 AND f.tenant_id = $2",
            params![folder_id, tenant_id],
        )
        .await?;
    row.map(|r| {
        Ok(Place {
            folder_key: r.get(0)?,
            folder_path: r.get(1)?,
            folder_name: r.get(2)?,
            tenant_key: r.get(3)?,
            tenant_name: r.get(4)?,
            organization_key: r.get(5)?,
            organization_name: r.get(6)?,
        })
    })
    .transpose()
}

/// GUID and name of an account (`users.id`).
pub async fn account(conn: &mut Conn, user_id: i64) -> Result<Option<(String, String)>> {
    let row = conn.query_opt("SELECT key, user_name FROM users WHERE id = $1", params![user_id]).await?;
    row.map(|r| Ok((r.get(0)?, r.get(1)?))).transpose()
}

/// A number that rises with every change of assignments and rights in a tenant.
pub async fn access_version(conn: &mut Conn, tenant_id: i64) -> Result<i64> {
    let row = conn.query_opt("SELECT access_version FROM tenants WHERE id = $1", params![tenant_id]).await?;
    Ok(row.map(|r| r.get(0)).transpose()?.unwrap_or(0))
}

/// Whether an account is assigned to one of these folders itself.
pub async fn is_assigned(conn: &mut Conn, user_id: i64, path: &[i64]) -> Result<bool> {
    for folder in path {
        let sql = "SELECT 1 FROM folder_users WHERE folder_id = $1 AND user_id = $2";
        if conn.query_opt(sql, params![*folder, user_id]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folders that an account is assigned to itself, and those below them, by id.
pub async fn folders_of(conn: &mut Conn, tenant_id: i64, user_id: i64) -> Result<Vec<i64>> {
    let rows = conn
        .query(
            "WITH RECURSIVE reached (id) AS (\
             SELECT fu.folder_id FROM folder_users fu JOIN folders f ON f.id = fu.folder_id \
             WHERE fu.user_id = $1 AND f.tenant_id = $2 UNION \
             SELECT f.id FROM folders f JOIN reached r ON f.parent_id = r.id) SELECT id FROM reached ORDER BY id",
            params![user_id, tenant_id],
        )
        .await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}
