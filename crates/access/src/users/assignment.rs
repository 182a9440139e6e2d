//! Tenant roles of an account.

use super::find;
use crate::changes::rights_changed_in;
use crate::roles::{self, Place};
use bandmaster_api::Unit;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};

/// Ids of the roles that the account itself has in the tenant.
pub async fn roles_of(conn: &mut Conn, user_id: i64) -> Result<Vec<i64>> {
    let rows =
        conn.query("SELECT role_id FROM user_roles WHERE user_id = $1 ORDER BY role_id", params![user_id]).await?;
    rows.iter().map(|r| Ok(r.get(0)?)).collect()
}

async fn names_of(conn: &mut Conn, user_id: i64) -> Result<Value> {
    let rows = conn
        .query(
            "SELECT r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = $1 ORDER BY r.name",
            params![user_id],
        )
        .await?;
    let names: Result<Vec<String>> = rows.iter().map(|r| Ok(r.get(0)?)).collect();
    Ok(json!(names?))
}

/// Gives an account exactly these roles in the tenant. 404 for an unknown account or role, 409 for a folder role and
/// for taking the Administrator role from the last who has it.
pub async fn assign_roles(unit: &mut Unit, tenant_id: i64, user_id: i64, role_ids: &[i64]) -> Result<()> {
    let user = find(unit, tenant_id, user_id).await?.ok_or_else(|| Error::not_found("User"))?;
    let wanted = roles::check_for(unit, tenant_id, role_ids, Place::Tenant).await?;
    let present = roles_of(unit, user_id).await?;
    let added: Vec<i64> = wanted.iter().map(|r| r.id).filter(|id| !present.contains(id)).collect();
    let removed: Vec<i64> = present.iter().copied().filter(|id| !wanted.iter().any(|r| r.id == *id)).collect();
    if added.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let administrates = wanted.iter().any(|r| r.is_static && r.name == roles::defaults::ADMINISTRATOR);
    if !administrates {
        roles::keep_an_administrator(unit, tenant_id, user_id).await?;
    }
    let before = names_of(unit, user_id).await?;
    for role in removed {
        unit.execute("DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2", params![user_id, role]).await?;
    }
    for role in added {
        unit.execute(
            "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT (user_id, role_id) DO NOTHING",
            params![user_id, role],
        )
        .await?;
    }
    let after = names_of(unit, user_id).await?;
    rights_changed_in(unit, tenant_id).await?;
    unit.audit(Change {
        component: "Users",
        action: "Update",
        id: Some(user_id),
        key: Some(&user.key),
        name: &user.user_name,
        before: Some(json!({ "RolesList": before })),
        after: Some(json!({ "RolesList": after })),
    })
    .await
}
