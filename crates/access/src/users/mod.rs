//! Accounts of a tenant: the tenant's record of a person, group, robot account or application of the organization.

pub mod assignment;
pub mod culture;
pub mod current;
pub mod directory_search;
pub mod entity;
mod gone;
pub mod operations;
pub mod shown;
pub mod switches;
pub mod write;

pub use assignment::assign_roles;
pub use entity::USER;

use crate::changes::{acting_user, rights_changed_in};
use crate::directory::Account;
use crate::kinds;
use bandmaster_api::Unit;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Row, params};
use serde_json::json;

/// An account of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `users.id`.
    pub id: i64,
    /// GUID in the identity service.
    pub key: String,
    /// Number of `UserDto.Type`.
    pub user_type: i64,
    /// Name, unique among its kind.
    pub user_name: String,
    /// First and family name.
    pub full_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Switched on.
    pub active: bool,
    /// May sign in; counting its groups, like the following.
    pub user_session: bool,
    /// May have an attended robot.
    pub robot_session: bool,
    /// May have an unattended robot.
    pub unattended_session: bool,
    /// May have a personal workspace.
    pub personal_workspace: bool,
}

fn select(condition: &str) -> String {
    let shown = |name: &str| {
        let source = entity::USER.property(name).map(|p| p.source);
        match source {
            Some(bandmaster_model::entity::Source::Expression(text)) => text.replace("{t}", "u"),
            _ => "0".to_owned(),
        }
    };
    format!(
        "SELECT u.id, u.key, u.type, u.user_name, {}, {}, u.is_active, {}, {}, u.may_have_unattended_session, {} \
         FROM users u WHERE u.tenant_id = $1 AND {condition}",
        shown("FullName"),
        shown("EmailAddress"),
        shown("MayHaveUserSession"),
        shown("MayHaveRobotSession"),
        shown("MayHavePersonalWorkspace"),
    )
}

fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get(0)?,
        key: row.get(1)?,
        user_type: row.get(2)?,
        user_name: row.get(3)?,
        full_name: row.get(4)?,
        email: row.get(5)?,
        active: row.get(6)?,
        user_session: row.get(7)?,
        robot_session: row.get(8)?,
        unattended_session: row.get(9)?,
        personal_workspace: row.get(10)?,
    })
}

/// The account of that id, if the tenant has it.
pub async fn find(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<User>> {
    let row = conn.query_opt(&select("u.id = $2"), params![tenant_id, id]).await?;
    row.as_ref().map(user).transpose()
}

/// The account of that key in the identity service.
pub async fn find_by_key(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<User>> {
    let row = conn.query_opt(&select("u.key = $2"), params![tenant_id, key]).await?;
    row.as_ref().map(user).transpose()
}

/// Accounts of that name or e-mail address, without regard to case, of one kind (`None`: any).
pub async fn find_by_name(conn: &mut Conn, tenant_id: i64, name: &str, user_type: Option<i64>) -> Result<Vec<User>> {
    let sql = select(
        "(fold(u.user_name) = fold($2) OR EXISTS (SELECT 1 FROM account_facts a WHERE a.key = u.key AND fold(a.email) = fold($2))) AND (CAST($3 AS BIGINT) < 0 OR u.type = $3) ORDER BY u.id",
    );
    let rows = conn.query(&sql, params![tenant_id, name, user_type.unwrap_or(-1)]).await?;
    rows.iter().map(user).collect()
}

/// The accounts of a tenant that are in a folder (assigned to it or above, themselves or through a group), with
/// what they may be there.
pub async fn in_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Vec<User>> {
    let tree = crate::folders::tree::Tree::load(conn, tenant_id).await?;
    let mut folders: Vec<i64> = tree.above(folder_id).map(|n| n.id).collect();
    folders.push(folder_id);
    let mut found: Vec<User> = Vec::new();
    let sql = select(
        "u.type <> 3 AND u.id IN (SELECT fu.user_id FROM folder_users fu WHERE fu.folder_id = $2 UNION \
         SELECT ug.user_id FROM folder_users fu JOIN user_groups ug ON ug.group_id = fu.user_id WHERE fu.folder_id = $2) \
         ORDER BY u.id",
    );
    for folder in folders {
        for row in conn.query(&sql, params![tenant_id, folder]).await? {
            let user = user(&row)?;
            if !found.iter().any(|u| u.id == user.id) {
                found.push(user);
            }
        }
    }
    Ok(found)
}

/// The tenant's record of an account: the one that is there, else a new one, added by hand.
pub async fn ensure(unit: &mut Unit, tenant_id: i64, account: &Account) -> Result<i64> {
    ensure_provisioned(unit, tenant_id, account, kinds::MANUAL).await
}

/// The same with the way in which a new account came. A record that came in by itself and is now added by hand
/// becomes one added by hand.
pub async fn ensure_provisioned(unit: &mut Unit, tenant_id: i64, account: &Account, provision: i64) -> Result<i64> {
    let now = unit.now();
    let creator = acting_user(unit, tenant_id);
    free_name(unit, tenant_id, account).await?;
    let made = unit
        .query_opt(
            "INSERT INTO users (key, tenant_id, type, provision_type, user_name, full_name, name, surname, email, \
             created_at, creator_user_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (tenant_id, key) DO NOTHING RETURNING id",
            params![
                account.key.as_str(),
                tenant_id,
                account.user_type,
                provision,
                account.user_name.as_str(),
                account.full_name(),
                account.name.as_deref(),
                account.surname.as_deref(),
                account.email.as_deref(),
                now,
                creator
            ],
        )
        .await?;
    let Some(row) = made else {
        let row = unit
            .query_one(
                "SELECT id, provision_type FROM users WHERE tenant_id = $1 AND key = $2",
                params![tenant_id, account.key.as_str()],
            )
            .await?;
        let id: i64 = row.get(0)?;
        if provision == kinds::MANUAL && row.get::<i64>(1)? == kinds::AUTOMATIC {
            unit.execute("UPDATE users SET provision_type = 0 WHERE id = $1", params![id]).await?;
        }
        return Ok(id);
    };
    let id = row.get(0)?;
    rights_changed_in(unit, tenant_id).await?;
    unit.audit(Change {
        component: "Users",
        action: "Create",
        id: Some(id),
        key: Some(&account.key),
        name: &account.user_name,
        before: None,
        after: Some(json!({
            "UserName": account.user_name,
            "Type": kinds::label(&kinds::USER_TYPE, account.user_type),
            "ProvisionType": kinds::label(&kinds::PROVISION_TYPE, provision),
        })),
    })
    .await?;
    Ok(id)
}

/// The name of a record whose account is gone, so that another may have the one it had.
fn retired_name(user_name: &str, id: i64) -> String {
    format!("{user_name} (removed {id})")
}

/// A record whose account is gone from the directory must not keep the name from its successor, nor pass its rights
/// on to it.
async fn free_name(unit: &mut Unit, tenant_id: i64, account: &Account) -> Result<()> {
    let row = unit
        .query_opt(
            "SELECT u.id, CASE WHEN EXISTS (SELECT 1 FROM directory_accounts d WHERE d.key = u.key) THEN 1 ELSE 0 END \
             FROM users u WHERE u.tenant_id = $1 AND fold(u.user_name) = fold($2) AND u.type = $3 AND u.key <> $4",
            params![tenant_id, account.user_name.as_str(), account.user_type, account.key.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    if row.get::<bool>(1)? {
        return Err(Error::name_taken(&account.user_name));
    }
    let id: i64 = row.get(0)?;
    let name = retired_name(&account.user_name, id);
    unit.execute("UPDATE users SET user_name = $2, is_active = 0 WHERE id = $1", params![id, name]).await?;
    Ok(())
}
