//! The caller's own permissions, each with a role that grants it.

use super::{scope_of, shown_permission};
use crate::kinds::{PERMISSION_SCOPE, label};
use bandmaster_api::rights::all_permissions;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;
use bandmaster_store::params;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Registers the operation.
pub fn register(r: &mut Registry) {
    r.entity(&super::entity::PERMISSION);
    r.serve("Permissions_Get", list);
}

async fn list(call: &mut Call) -> Result<Output> {
    let held = |name: &str| call.rights.has(name, None);
    let granted = match call.user_id() {
        Some(user) => by_roles(call, user).await?,
        None => BTreeMap::new(),
    };
    let rows: Vec<Value> = all_permissions()
        .filter(|name| held(name))
        .enumerate()
        .map(|(at, name)| {
            let (role, id) = granted.get(&name).copied().unwrap_or((0, i64::try_from(at).unwrap_or(0)));
            json!({
                "Name": shown_permission(&name),
                "IsGranted": true,
                "RoleId": role,
                "Scope": label(&PERMISSION_SCOPE, scope_of(&name)),
                "Id": id,
            })
        })
        .collect();
    call.computed("Permissions", rows)
}

/// For each permission the first role of the caller that grants it, and the id of that grant.
async fn by_roles(call: &Call, user_id: i64) -> Result<BTreeMap<String, (i64, i64)>> {
    let rows = call
        .read()
        .await?
        .query(
            "SELECT p.permission, p.role_id, p.id FROM role_permissions p WHERE p.role_id IN (\
             SELECT ur.role_id FROM user_roles ur WHERE ur.user_id = $1 \
             OR ur.user_id IN (SELECT group_id FROM user_groups WHERE user_id = $1) UNION \
             SELECT fr.role_id FROM folder_user_roles fr WHERE fr.user_id = $1 \
             OR fr.user_id IN (SELECT group_id FROM user_groups WHERE user_id = $1)) ORDER BY p.role_id DESC",
            params![user_id],
        )
        .await?;
    let mut granted = BTreeMap::new();
    for row in rows {
        // Descending, so that the first role is written last.
        granted.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    Ok(granted)
}
