//! Roles: what they permit, where they may be given, and who has them.

pub mod defaults;
pub mod entity;
pub mod operations;
pub mod permissions;

use crate::kinds;
use bandmaster_api::Unit;
use bandmaster_api::rights::{Level, level_of};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Conn, Row, Value, params};

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Id.
    pub id: i64,
    /// Name, unique in the tenant.
    pub name: String,
    /// Number of `RoleType`.
    pub role_type: i64,
    /// Made by the server.
    pub is_static: bool,
    /// Whether its permissions may change.
    pub is_editable: bool,
}

const SELECT: &str = "SELECT id, name, type, is_static, is_editable FROM roles WHERE tenant_id = $1";

fn role(row: &Row) -> Result<Role> {
    Ok(Role {
        id: row.get(0)?,
        name: row.get(1)?,
        role_type: row.get(2)?,
        is_static: row.get(3)?,
        is_editable: row.get(4)?,
    })
}

/// The role of that id, if the tenant has it.
pub async fn find(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<Role>> {
    let row = conn.query_opt(&format!("{SELECT} AND id = $2"), params![tenant_id, id]).await?;
    row.as_ref().map(role).transpose()
}

/// The role of that name, without regard to case.
pub async fn find_by_name(conn: &mut Conn, tenant_id: i64, name: &str) -> Result<Option<Role>> {
    let row = conn.query_opt(&format!("{SELECT} AND fold(name) = fold($2)"), params![tenant_id, name]).await?;
    row.as_ref().map(role).transpose()
}

/// Where roles are to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To an account in the tenant.
    Tenant,
    /// To an account in a folder.
    Folder,
}

/// Checks that the roles exist and may be given there; repeated ids count once. A folder role in the tenant or a
/// tenant role in a folder is a 409.
pub async fn check_for(conn: &mut Conn, tenant_id: i64, ids: &[i64], place: Place) -> Result<Vec<Role>> {
    let mut roles: Vec<Role> = Vec::with_capacity(ids.len());
    for id in ids {
        if roles.iter().any(|r| r.id == *id) {
            continue;
        }
        let role = find(conn, tenant_id, *id).await?;
        let role = role.ok_or_else(|| match place {
            Place::Tenant => Error::not_found("Role"),
            Place::Folder => Error::new(
                404,
                crate::codes::ENTITIES_REQUIRED_FOR_ASSIGNMENT_NOT_FOUND,
                "A role of the assignment does not exist.",
            ),
        })?;
        match (place, role.role_type) {
            (Place::Tenant, kinds::FOLDER) => {
                let text = format!("The role {} is for folders and cannot be given to an account.", role.name);
                return Err(Error::conflict(codes::INVALID_ARGUMENT, text));
            }
            (Place::Folder, kinds::TENANT) => {
                let text = format!("The role {} is for the tenant and cannot be given in a folder.", role.name);
                return Err(Error::conflict(codes::INVALID_ARGUMENT, text));
            }
            _ => roles.push(role),
        }
    }
    Ok(roles)
}

/// The stored name of a permission as clients write it: the bare resource means View. `None`: no such permission.
pub fn permission_name(written: &str) -> Option<String> {
    let (resource, action) = written.trim().split_once('.').unwrap_or((written.trim(), "View"));
    let (resource, _) =
        bandmaster_api::rights::RESOURCES.iter().find(|(known, _)| known.eq_ignore_ascii_case(resource))?;
    let action = bandmaster_api::rights::ACTIONS.iter().find(|known| known.eq_ignore_ascii_case(action))?;
    Some(format!("{resource}.{action}"))
}

/// A stored permission as clients read it.
pub fn shown_permission(stored: &str) -> &str {
    stored.strip_suffix(".View").unwrap_or(stored)
}

/// Number of the scope of a stored permission.
pub fn scope_of(permission: &str) -> i64 {
    i64::from(level_of(permission) == Some(Level::Folder))
}

/// Gives a role exactly these permissions.
pub async fn replace_permissions(unit: &mut Unit, role_id: i64, permissions: &[String]) -> Result<()> {
    unit.execute("DELETE FROM role_permissions WHERE role_id = $1", params![role_id]).await?;
    let rows: Vec<Vec<Value>> = permissions
        .iter()
        .map(|p| vec![Value::Int(role_id), Value::Text(p.clone()), Value::Int(scope_of(p))])
        .collect();
    unit.execute_many("INSERT INTO role_permissions (role_id, permission, scope) VALUES ($1, $2, $3)", &rows).await?;
    Ok(())
}

/// Makes the default roles of a new tenant.
pub async fn create_defaults(unit: &mut Unit, tenant_id: i64) -> Result<()> {
    let now = unit.now();
    for role in defaults::DEFAULT_ROLES {
        let row = unit
            .query_one(
                "INSERT INTO roles (tenant_id, name, display_name, type, is_static, is_editable, created_at, updated_at) \
                 VALUES ($1, $2, $2, $3, 1, $4, $5, $5) RETURNING id",
                params![tenant_id, role.name, role.role_type, role.editable, now],
            )
            .await?;
        let names: Vec<String> = role.permissions().into_iter().map(|(name, _)| name).collect();
        replace_permissions(unit, row.get(0)?, &names).await?;
    }
    Ok(())
}

/// Whether somebody besides this account would still hold the Administrator role: a person, or a group with
/// another member.
pub async fn another_administrator(conn: &mut Conn, tenant_id: i64, user_id: i64) -> Result<bool> {
    let row = conn
        .query_opt(
            "SELECT 1 FROM user_roles ur JOIN roles r ON r.id = ur.role_id JOIN users u ON u.id = ur.user_id \
             WHERE r.tenant_id = $1 AND r.is_static = 1 AND r.name = 'Administrator' AND u.id <> $2 AND u.is_active = 1 \
             AND (u.type IN (0, 2) OR EXISTS (SELECT 1 FROM identity_groups g JOIN identity_group_members m \
             ON m.group_id = g.id WHERE g.key = u.key AND m.member_key <> \
             (SELECT own.key FROM users own WHERE own.id = $2))) LIMIT 1",
            params![tenant_id, user_id],
        )
        .await?;
    Ok(row.is_some())
}

/// Refuses what would leave the tenant without an administrator.
pub async fn keep_an_administrator(conn: &mut Conn, tenant_id: i64, user_id: i64) -> Result<()> {
    if holds_administrator(conn, user_id).await? && !another_administrator(conn, tenant_id, user_id).await? {
        return Err(Error::conflict(
            codes::FORBIDDEN_OPERATION,
            "The last administrator of the tenant keeps the role and stays active.",
        ));
    }
    Ok(())
}

/// Whether the account itself has the Administrator role.
pub async fn holds_administrator(conn: &mut Conn, user_id: i64) -> Result<bool> {
    let row = conn
        .query_opt(
            "SELECT 1 FROM user_roles ur JOIN roles r ON r.id = ur.role_id \
             WHERE ur.user_id = $1 AND r.is_static = 1 AND r.name = 'Administrator'",
            params![user_id],
        )
        .await?;
    Ok(row.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_names() {
        for (written, stored) in [
            ("Queues", Some("Queues.View")),
            ("queues.view", Some("Queues.View")),
            ("Transactions.Edit", Some("Transactions.Edit")),
            ("Units.DELETE", Some("Units.Delete")),
            ("Nothing.View", None),
            ("Queues.Fly", None),
            ("", None),
            ("Queues.View.Edit", None),
        ] {
            assert_eq!(permission_name(written).as_deref(), stored, "{written}");
        }
        assert_eq!(shown_permission("Queues.View"), "Queues");
        assert_eq!(shown_permission("Queues.Edit"), "Queues.Edit");
        assert_eq!((scope_of("Queues.Edit"), scope_of("Units.Edit")), (1, 0));
    }
}
