//! What this crate and the mechanism keep of tenants.

use crate::parts::{Leaving, Removed, TenantContents, remove_rows};
use crate::rows_of_tenant;
use bandmaster_api::{Unit, housekeeping};
use bandmaster_core::Result;
use futures::future::BoxFuture;

/// Folders, accounts, roles, events, stored replies. Other features' rows refer to folders and accounts, so these come
/// last.
#[derive(Debug, Default, Clone, Copy)]
pub struct TenantRows;

/// Assignments first, since a folder or a role may have very many. `CROSS JOIN` keeps SQLite at the order in which the
/// tables stand. Folders from the deepest up: they refer to the one above.
const ROWS: &[&str] = &[
    "DELETE FROM folder_user_roles WHERE (folder_id, user_id, role_id) IN (SELECT r.folder_id, r.user_id, r.role_id \
     FROM folders f CROSS JOIN folder_user_roles r WHERE f.tenant_id = $1 AND r.folder_id = f.id LIMIT $2)",
    "DELETE FROM folder_users WHERE (folder_id, user_id) IN (SELECT a.folder_id, a.user_id \
     FROM folders f CROSS JOIN folder_users a WHERE f.tenant_id = $1 AND a.folder_id = f.id LIMIT $2)",
    "DELETE FROM user_roles WHERE id IN (SELECT r.id \
     FROM users u CROSS JOIN user_roles r WHERE u.tenant_id = $1 AND r.user_id = u.id LIMIT $2)",
    "DELETE FROM folders WHERE id IN (SELECT id FROM folders WHERE tenant_id = $1 ORDER BY depth DESC LIMIT $2)",
    rows_of_tenant!("users"),
    rows_of_tenant!("roles"),
];

impl TenantContents for TenantRows {
    fn name(&self) -> &'static str {
        "access"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(async move {
            let removed = remove_rows(unit, leaving, ROWS).await?;
            if removed.more {
                return Ok(removed);
            }
            let (rows, next) = housekeeping::forget_tenant(unit, leaving.tenant_id, leaving.mark, leaving.most).await?;
            leaving.mark = next.unwrap_or(leaving.mark);
            Ok(Removed { rows, more: next.is_some() })
        })
    }
}
