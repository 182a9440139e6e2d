//! What fleet reads of folders and accounts, which belong to the access crate, in the shape that it needs. All
//! such reading is in this file and in the descriptions of entity types.

use bandmaster_api::Call;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Row, params};

/// A folder, as far as machines need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FolderRef {
    pub id: i64,
    pub key: String,
    pub name: String,
    pub path: String,
    pub parent_id: Option<i64>,
    pub folder_type: i64,
}

const FOLDER: &str = "SELECT id, key, display_name, path, parent_id, folder_type FROM folders ";

fn folder_of(row: &Row) -> Result<FolderRef> {
    Ok(FolderRef {
        id: row.get(0)?,
        key: row.get(1)?,
        name: row.get(2)?,
        path: row.get(3)?,
        parent_id: row.get(4)?,
        folder_type: row.get(5)?,
    })
}

/// The folder of a tenant.
pub(crate) async fn folder(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<FolderRef>> {
    let sql = format!("{FOLDER} WHERE tenant_id = $1 AND id = $2");
    conn.query_opt(&sql, params![tenant_id, id]).await?.as_ref().map(folder_of).transpose()
}

/// The folder and those above it, nearest first; nothing when the tenant has no such folder.
pub async fn folder_path(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Vec<i64>> {
    let rows = conn
        .query(
            "WITH RECURSIVE above (id, parent_id, far) AS (\
             SELECT f.id, f.parent_id, 0 FROM folders f WHERE f.id = $1 AND f.tenant_id = $2 UNION ALL \
             SELECT p.id, p.parent_id, a.far + 1 FROM folders p JOIN above a ON p.id = a.parent_id WHERE a.far < 32) \
             SELECT id FROM above ORDER BY far",
            params![folder_id, tenant_id],
        )
        .await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// The folder that an argument names, if the caller has one of the permissions (`A.View|B.View`) there. A folder
/// that the caller does not see answers like one that does not exist.
pub(crate) async fn permitted_folder(call: &Call, conn: &mut Conn, id: i64, permission: &str) -> Result<FolderRef> {
    call.require(permission, None)?;
    let found = folder(conn, call.tenant_id()?, id).await?;
    let found = found.ok_or_else(|| Error::not_found("Folder"))?;
    match call.require(permission, Some(id)) {
        Ok(()) => Ok(found),
        Err(error) if call.rights.sees(id) => Err(error),
        Err(_) => Err(Error::not_found("Folder")),
    }
}

/// Accounts (`users.id`) that are assigned to one of these folders themselves, groups and inactive accounts left out.
pub(crate) async fn assigned_accounts(conn: &mut Conn, path: &[i64]) -> Result<Vec<i64>> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT fu.user_id FROM folder_users fu JOIN users u ON u.id = fu.user_id \
         WHERE u.type <> 3 AND u.is_active = $1 AND fu.folder_id IN ({}) ORDER BY fu.user_id",
        crate::sql::PATH_PLACES
    );
    let rows = conn.query(&sql, &crate::sql::path_params(1, path)?).await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Folders that an account is assigned to itself.
pub(crate) async fn folders_of_account(conn: &mut Conn, user_id: i64) -> Result<Vec<i64>> {
    let rows = conn.query("SELECT folder_id FROM folder_users WHERE user_id = $1", params![user_id]).await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// An account, as far as credentials need it.
pub(crate) struct AccountRef {
    pub key: String,
    pub name: String,
    pub active: bool,
}

/// The account of that id.
pub(crate) async fn account(conn: &mut Conn, user_id: i64) -> Result<Option<AccountRef>> {
    let row = conn.query_opt("SELECT key, user_name, is_active FROM users WHERE id = $1", params![user_id]).await?;
    row.map(|r| Ok(AccountRef { key: r.get(0)?, name: r.get(1)?, active: r.get(2)? })).transpose()
}

/// The organization of a tenant that is switched on.
pub(crate) async fn organization_of(conn: &mut Conn, tenant_id: i64) -> Result<Option<i64>> {
    let row = conn
        .query_opt("SELECT organization_id FROM tenants WHERE id = $1 AND is_active = 1", params![tenant_id])
        .await?;
    row.map(|r| Ok(r.get(0)?)).transpose()
}
