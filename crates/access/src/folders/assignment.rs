//! Accounts assigned to folders, with their roles there.

use super::{find, rules};
use crate::changes::rights_changed_in;
use crate::roles::{self, Place};
use crate::users;
use bandmaster_api::Unit;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};

fn missing(what: &str) -> Error {
    Error::new(
        404,
        crate::codes::ENTITIES_REQUIRED_FOR_ASSIGNMENT_NOT_FOUND,
        format!("{what} of the assignment does not exist."),
    )
}

/// Assigns an account to a folder with exactly these roles there; none of them makes it a plain member. Unknown
/// folders, accounts and roles are a 404 with code 2808, tenant roles a 409. Personal workspaces have only their
/// owner: 2836.
pub async fn assign_user(
    unit: &mut Unit,
    tenant_id: i64,
    folder_id: i64,
    user_id: i64,
    role_ids: &[i64],
) -> Result<()> {
    let folder = find(unit, tenant_id, folder_id).await?.ok_or_else(|| missing("A folder"))?;
    rules::check_standard(&folder)?;
    set_roles(unit, tenant_id, &folder, user_id, role_ids).await
}

/// The same without asking what kind of folder it is.
pub(crate) async fn set_roles(
    unit: &mut Unit,
    tenant_id: i64,
    folder: &super::Node,
    user_id: i64,
    role_ids: &[i64],
) -> Result<()> {
    let user = users::find(unit, tenant_id, user_id).await?.ok_or_else(|| missing("An account"))?;
    let wanted = roles::check_for(unit, tenant_id, role_ids, Place::Folder).await?;
    let before = names(unit, folder.id, user_id).await?;
    let now = unit.now();
    unit.execute(
        "INSERT INTO folder_users (folder_id, user_id, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (folder_id, user_id) DO NOTHING",
        params![folder.id, user_id, now],
    )
    .await?;
    unit.execute("DELETE FROM folder_user_roles WHERE folder_id = $1 AND user_id = $2", params![folder.id, user_id])
        .await?;
    for role in &wanted {
        unit.execute(
            "INSERT INTO folder_user_roles (folder_id, user_id, role_id) VALUES ($1, $2, $3) \
             ON CONFLICT (folder_id, user_id, role_id) DO NOTHING",
            params![folder.id, user_id, role.id],
        )
        .await?;
    }
    rights_changed_in(unit, tenant_id).await?;
    let names: Vec<&str> = wanted.iter().map(|r| r.name.as_str()).collect();
    unit.audit(Change {
        component: "Folders",
        action: "Assign",
        id: Some(folder.id),
        key: Some(&folder.key),
        name: &folder.name,
        before: before.map(|roles| json!({ "UserId": user.id, "UserName": user.user_name, "Roles": roles })),
        after: Some(json!({ "UserId": user.id, "UserName": user.user_name, "Roles": names })),
    })
    .await
}

/// Names of the roles that an account is assigned with; `None` when it is not assigned.
async fn names(conn: &mut Conn, folder_id: i64, user_id: i64) -> Result<Option<Value>> {
    let rows = conn
        .query(
            "SELECT r.name FROM folder_users fu LEFT JOIN folder_user_roles fr ON fr.folder_id = fu.folder_id \
             AND fr.user_id = fu.user_id LEFT JOIN roles r ON r.id = fr.role_id \
             WHERE fu.folder_id = $1 AND fu.user_id = $2 ORDER BY r.name",
            params![folder_id, user_id],
        )
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let names: Result<Vec<Option<String>>> = rows.iter().map(|r| Ok(r.get(0)?)).collect();
    Ok(Some(json!(names?.into_iter().flatten().collect::<Vec<_>>())))
}

/// Takes an account out of a folder; what it inherits from above stays. 2830 when it is not assigned to the folder
/// itself.
pub async fn unassign_user(unit: &mut Unit, tenant_id: i64, folder_id: i64, user_id: i64) -> Result<()> {
    let folder = find(unit, tenant_id, folder_id).await?.ok_or_else(|| Error::not_found("Folder"))?;
    rules::check_standard(&folder)?;
    let before = names(unit, folder_id, user_id).await?;
    let gone = unit
        .execute("DELETE FROM folder_users WHERE folder_id = $1 AND user_id = $2", params![folder_id, user_id])
        .await?;
    if gone == 0 {
        return Err(Error::conflict(
            crate::codes::CANNOT_UNASSIGN_FROM_FOLDER,
            "The account is not assigned to this folder itself.",
        ));
    }
    rights_changed_in(unit, tenant_id).await?;
    unit.audit(Change {
        component: "Folders",
        action: "Unassign",
        id: Some(folder.id),
        key: Some(&folder.key),
        name: &folder.name,
        before: Some(json!({ "UserId": user_id, "Roles": before })),
        after: None,
    })
    .await
}
