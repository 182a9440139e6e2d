//! Where a permission of an account comes from: which role, given in the tenant or on which folder, to the account or
//! to which group of it. The statements follow those of `gate::compute`, which decide; these only tell.

use crate::folders::tree::Tree;
use bandmaster_api::rights::{Level, level_of};
use bandmaster_core::Result;
use bandmaster_store::{Conn, Row, params};

/// One way in which a permission is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The permission.
    pub permission: String,
    /// Id and name of the role.
    pub role: (i64, String),
    /// The account itself or a group: id and name.
    pub holder: (i64, String),
    /// The folder on which the role was given; none: the tenant.
    pub folder: Option<i64>,
}

fn grant(row: &Row, folder: Option<i64>) -> Result<Grant> {
    Ok(Grant { permission: row.get(0)?, role: (row.get(1)?, row.get(2)?), holder: (row.get(3)?, row.get(4)?), folder })
}

/// Everything that gives the account one of these permissions in that folder (without one: in any).
pub async fn of(conn: &mut Conn, tree: &Tree, user_id: i64, names: &[&str], folder: Option<i64>) -> Result<Vec<Grant>> {
    let mut found = Vec::new();
    if names.iter().any(|n| level_of(n) == Some(Level::Tenant)) {
        let rows = conn
            .query(
                "SELECT p.permission, r.id, r.name, h.id, h.user_name FROM user_roles ur \
                 JOIN roles r ON r.id = ur.role_id JOIN role_permissions p ON p.role_id = r.id \
                 JOIN users h ON h.id = ur.user_id WHERE r.type IN (0, 1) AND p.scope = 0 AND (ur.user_id = $1 \
                 OR ur.user_id IN (SELECT group_id FROM user_groups WHERE user_id = $1)) ORDER BY r.id, h.id",
                params![user_id],
            )
            .await?;
        for row in &rows {
            found.push(grant(row, None)?);
        }
    }
    if names.iter().any(|n| level_of(n) == Some(Level::Folder)) {
        let rows = conn
            .query(
                "SELECT p.permission, r.id, r.name, h.id, h.user_name, fr.folder_id FROM folder_user_roles fr \
                 JOIN roles r ON r.id = fr.role_id JOIN role_permissions p ON p.role_id = r.id \
                 JOIN users h ON h.id = fr.user_id WHERE r.type IN (0, 2) AND p.scope = 1 AND (fr.user_id = $1 \
                 OR fr.user_id IN (SELECT group_id FROM user_groups WHERE user_id = $1)) \
                 ORDER BY fr.folder_id, r.id, h.id",
                params![user_id],
            )
            .await?;
        let line: Option<Vec<i64>> = folder.map(|id| std::iter::once(id).chain(tree.above(id).map(|n| n.id)).collect());
        for row in &rows {
            let on: i64 = row.get(5)?;
            if line.as_ref().is_none_or(|l| l.contains(&on)) {
                found.push(grant(row, Some(on))?);
            }
        }
    }
    found.retain(|g| names.contains(&g.permission.as_str()));
    Ok(found)
}

/// Whether the account explores this workspace or one above it, which gives every permission there.
pub async fn explores(conn: &mut Conn, tree: &Tree, user_id: i64, folder: i64) -> Result<bool> {
    let rows = conn.query("SELECT folder_id FROM workspace_explorers WHERE user_id = $1", params![user_id]).await?;
    for row in rows {
        let id: i64 = row.get(0)?;
        if id == folder || tree.above(folder).any(|n| n.id == id) {
            return Ok(true);
        }
    }
    Ok(false)
}
