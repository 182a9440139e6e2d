//! Personal workspaces: folders of one person each, with a feed of their own (whose GUID is the folder's key).
//!
//! A workspace is made when its owner may have one and calls for the first time. It becomes an orphan when the owner
//! loses that or is removed; administrators then explore, convert or delete it.

pub mod entity;
pub mod operations;

use crate::changes::{acting_user, rights_changed_in};
use crate::folders::{self, rules};
use crate::kinds;
use crate::mine::account_and_groups;
use crate::roles::{self, defaults};
use bandmaster_api::Unit;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::json;

/// What a group grants counts as in [`crate::users::entity::PERSONAL_WORKSPACE`].
const DUE: &str = concat!(
    account_and_groups!(),
    "SELECT 1 FROM users u WHERE u.id = $1 AND u.type IN (0, 2) AND u.is_active = 1 \
     AND COALESCE(u.may_have_personal_workspace, (SELECT MAX(g.may_have_personal_workspace) \
     FROM mine CROSS JOIN users g WHERE g.id = mine.id AND g.type = 3), 0) = 1 \
     AND NOT EXISTS (SELECT 1 FROM folders f WHERE f.tenant_id = u.tenant_id AND f.owner_user_id = u.id)"
);

/// Whether the account may have a workspace and lacks it.
pub async fn is_due(conn: &mut Conn, user_id: i64) -> Result<bool> {
    Ok(conn.query_opt(DUE, params![user_id]).await?.is_some())
}

/// The workspace of an account.
pub async fn of_owner(conn: &mut Conn, tenant_id: i64, user_id: i64) -> Result<Option<folders::Node>> {
    let sql = format!(
        "SELECT {} FROM folders f WHERE f.tenant_id = $1 AND f.owner_user_id = $2 AND f.folder_type = 1",
        folders::Node::COLUMNS
    );
    conn.query_opt(&sql, params![tenant_id, user_id]).await?.as_ref().map(folders::Node::of).transpose()
}

/// The name of somebody's workspace; tries after the first one carry a number.
fn name_for(user_name: &str, number: u32) -> String {
    let suffix = if number > 1 { format!(" {number}") } else { String::new() };
    let end = format!("'s workspace{suffix}");
    let room = rules::NAME_LENGTH.saturating_sub(end.chars().count());
    let plain = |c: char| if c == '/' || c.is_control() { '_' } else { c };
    let owner: String = user_name.trim().chars().take(room).map(plain).collect();
    format!("{owner}{end}")
}

/// Makes the workspace of an account that lacks one, and its owner the administrator in it.
pub async fn create(unit: &mut Unit, tenant_id: i64, user_id: i64) -> Result<i64> {
    rights_changed_in(unit, tenant_id).await?;
    let owner = crate::users::find(unit, tenant_id, user_id).await?.ok_or_else(|| Error::not_found("User"))?;
    let now = unit.now();
    for number in 1..=1000 {
        let (name, key) = (name_for(&owner.user_name, number), unit.guid());
        if folders::find_by_path(unit, tenant_id, &name).await?.is_some() {
            continue;
        }
        let row = unit
            .query_one(
                "INSERT INTO folders (key, tenant_id, display_name, path, depth, folder_type, feed_type, owner_user_id, \
                 created_at, updated_at) VALUES ($1, $2, $3, $3, 0, 1, 3, $4, $5, $5) RETURNING id",
                params![key.as_str(), tenant_id, name.as_str(), user_id, now],
            )
            .await?;
        let id = row.get(0)?;
        unit.audit(Change {
            component: "PersonalWorkspaces",
            action: "Create",
            id: Some(id),
            key: Some(&key),
            name: &name,
            before: None,
            after: Some(json!({ "OwnerId": user_id, "OwnerName": owner.user_name })),
        })
        .await?;
        give(unit, tenant_id, id, user_id, defaults::WORKSPACE_ADMINISTRATOR).await?;
        return Ok(id);
    }
    Err(Error::conflict(crate::codes::CANNOT_CREATE_PERSONAL_WORKSPACE, "No free name for the workspace was found."))
}

/// Assigns an account to a workspace with one more of the default roles.
async fn give(unit: &mut Unit, tenant_id: i64, folder_id: i64, user_id: i64, role: &str) -> Result<()> {
    let folder = folders::find(unit, tenant_id, folder_id).await?.ok_or_else(|| Error::not_found("Folder"))?;
    let mut ids: Vec<i64> = Vec::new();
    let rows = unit
        .query(
            "SELECT role_id FROM folder_user_roles WHERE folder_id = $1 AND user_id = $2",
            params![folder_id, user_id],
        )
        .await?;
    for row in rows {
        ids.push(row.get(0)?);
    }
    if let Some(role) = roles::find_by_name(unit, tenant_id, role).await? {
        ids.push(role.id);
    }
    folders::assignment::set_roles(unit, tenant_id, &folder, user_id, &ids).await
}

/// Makes the workspace or lets go of it after the switch of an account changed. A group's switch reaches its members
/// when they next call, and then only to make workspaces.
pub async fn follow_switch(unit: &mut Unit, tenant_id: i64, user_id: i64) -> Result<()> {
    if is_due(unit, user_id).await? {
        create(unit, tenant_id, user_id).await?;
        return Ok(());
    }
    let may = crate::users::find(unit, tenant_id, user_id).await?.is_some_and(|u| u.personal_workspace);
    if may { Ok(()) } else { orphan(unit, tenant_id, user_id).await }
}

/// Takes the owner from a workspace, if there is one.
pub async fn orphan(unit: &mut Unit, tenant_id: i64, user_id: i64) -> Result<()> {
    let Some(workspace) = of_owner(unit, tenant_id, user_id).await? else { return Ok(()) };
    unit.execute("UPDATE folders SET owner_user_id = NULL WHERE id = $1", params![workspace.id]).await?;
    unit.execute("DELETE FROM folder_users WHERE folder_id = $1 AND user_id = $2", params![workspace.id, user_id])
        .await?;
    rights_changed_in(unit, tenant_id).await?;
    unit.audit(Change {
        component: "PersonalWorkspaces",
        action: "Unassign",
        id: Some(workspace.id),
        key: Some(&workspace.key),
        name: &workspace.name,
        before: Some(json!({ "OwnerId": user_id })),
        after: None,
    })
    .await
}

/// Makes an ordinary folder of a workspace. It keeps its feed; the owner keeps the role, whoever converts becomes its
/// folder administrator, and a new workspace is made when the owner may still have one.
pub async fn convert(unit: &mut Unit, tenant_id: i64, id: i64, name: &str) -> Result<()> {
    rights_changed_in(unit, tenant_id).await?;
    let workspace = personal(unit, tenant_id, id).await?;
    let now = unit.now();
    let written = unit
        .execute(
            "UPDATE folders SET folder_type = 0, feed_type = $3, owner_user_id = NULL, display_name = $2, path = $2, \
             updated_at = $4 WHERE id = $1",
            params![id, name, kinds::FEED_HIERARCHY, now],
        )
        .await;
    match written {
        Err(e) if e.is_unique("folders_path") => return Err(Error::name_taken(name)),
        written => written?,
    };
    unit.execute("DELETE FROM workspace_explorers WHERE folder_id = $1", params![id]).await?;
    unit.audit(Change {
        component: "PersonalWorkspaces",
        action: "Convert",
        id: Some(id),
        key: Some(&workspace.key),
        name,
        before: Some(json!({ "Name": workspace.name, "OwnerId": workspace.owner_user_id })),
        after: Some(json!({ "DisplayName": name })),
    })
    .await?;
    if let Some(user) = acting_user(unit, tenant_id) {
        give(unit, tenant_id, id, user, defaults::FOLDER_ADMINISTRATOR).await?;
    }
    if let Some(owner) = workspace.owner_user_id
        && is_due(unit, owner).await?
    {
        create(unit, tenant_id, owner).await?;
    }
    Ok(())
}

/// The workspace of that id.
pub async fn personal(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<folders::Node> {
    let found = folders::find(conn, tenant_id, id).await?;
    found.filter(folders::Node::is_personal).ok_or_else(|| Error::not_found("PersonalWorkspace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_paths() {
        assert_eq!(name_for("ana", 1), "ana's workspace");
        assert_eq!(name_for("corp/ana", 2), "corp_ana's workspace 2");
        let long = name_for(&"x".repeat(300), 12);
        assert_eq!(long.chars().count(), rules::NAME_LENGTH);
        assert!(long.ends_with("'s workspace 12") && rules::name(&long).is_ok());
    }
}
