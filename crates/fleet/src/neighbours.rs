//! What fleet reads of folders and accounts, which belong to the access crate, in the shape that it needs. All
//! such reading is in this file and in the descriptions of entity types.

use bandmaster_access::folders;
use bandmaster_api::Call;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};

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

/// Refuses unless the caller has one of the permissions (`A.View|B.View`) in the folder that an argument names. A
/// folder that the caller may not know of answers like one that does not exist; so does another's personal workspace.
pub(crate) async fn permitted_folder(call: &Call, conn: &mut Conn, id: i64, permission: &str) -> Result<()> {
    call.require(permission, None)?;
    let found = folders::find(conn, call.tenant_id()?, id).await?;
    let found = found.ok_or_else(|| Error::not_found("Folder"))?;
    let sees = call.rights.sees(id);
    let hidden = found.is_personal() && found.owner_user_id.is_some() && !sees;
    match call.require(permission, Some(id)) {
        Ok(()) if !hidden => Ok(()),
        Err(error) if sees => Err(error),
        _ => Err(Error::not_found("Folder")),
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

/// Folders where an account (itself, or by a folder above) and a machine (inherited assignments included) meet.
/// `first` asks only whether there is one where both are assigned directly, which is cheap and the usual case.
pub(crate) async fn meeting_folders(conn: &mut Conn, user_id: i64, machine_id: i64, first: bool) -> Result<Vec<i64>> {
    let sql = if first {
        "SELECT m.folder_id FROM folder_machines m JOIN folder_users u ON u.folder_id = m.folder_id \
         WHERE m.machine_id = $1 AND u.user_id = $2 LIMIT 1"
    } else {
        "WITH RECURSIVE by_machine (id, passes_on) AS (\
         SELECT m.folder_id, m.propagate FROM folder_machines m WHERE m.machine_id = $1 UNION \
         SELECT f.id, 1 FROM folders f JOIN by_machine b ON f.parent_id = b.id WHERE b.passes_on = 1), \
         by_account (id) AS (SELECT u.folder_id FROM folder_users u WHERE u.user_id = $2 UNION \
         SELECT f.id FROM folders f JOIN by_account b ON f.parent_id = b.id) \
         SELECT DISTINCT m.id FROM by_machine m JOIN by_account a ON a.id = m.id ORDER BY m.id"
    };
    let rows = conn.query(sql, params![machine_id, user_id]).await?;
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

/// The organization of a tenant, and whether the tenant is switched on.
pub(crate) async fn organization_of(conn: &mut Conn, tenant_id: i64) -> Result<Option<(i64, bool)>> {
    let row =
        conn.query_opt("SELECT organization_id, is_active FROM tenants WHERE id = $1", params![tenant_id]).await?;
    row.map(|r| Ok((r.get(0)?, r.get(1)?))).transpose()
}
