//! The operations on accounts in folders.

use super::entity::simple;
use super::rules::{self, Action};
use super::tree::{Node, Tree};
use crate::kinds::{ROLE_TYPE, USER_TYPE, label};
use crate::{directory, kinds, users};
use bandmaster_api::body::Fields;
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Registers them.
pub fn register(r: &mut Registry) {
    r.serve("Folders_AssignUsers", assign).also(&[400, 404, 409]);
    r.serve("Folders_AssignDomainUser", assign_directory).also(&[400, 404, 409]);
    r.serve("Folders_GetUsersForFolderByKeyAndIncludeinherited", list).checks_itself().also(&[404]);
    r.serve("Folders_RemoveUserFromFolderById", remove).also(&[404, 409]);
    r.serve("Folders_RemoveUserFromFolderByKey", remove_by_key).also(&[404, 409]);
    // Newer clients call the same thing by this name.
    let row = own(
        "Folders_AssignDirectoryUser",
        "POST",
        "/odata/Folders/UiPath.Server.Configuration.OData.AssignDirectoryUser",
    )
    .tag("Folders")
    .scopes("OR.Folders,OR.Folders.Write")
    .permission("Units.Edit|SubFolders.Edit")
    .body("FolderAssignDomainUserRequest")
    .returns(204, "-");
    r.add(row, assign_directory).also(&[400, 404, 409]);
}

/// Folders with the roles to be given there, from a list of `FolderRolesDto`.
fn roles_per_folder(fields: Fields<'_>) -> Result<Vec<(i64, Vec<i64>)>> {
    let list: Vec<(i64, Vec<i64>)> = fields
        .list("RolesPerFolder")
        .iter()
        .map(|v| {
            let f = Fields::of(v);
            Ok((f.need_int("FolderId")?, f.ints("RoleIds")))
        })
        .collect::<Result<_>>()?;
    if list.is_empty() {
        return Err(Error::argument("The field RolesPerFolder names no folder."));
    }
    Ok(list)
}

/// Every folder must be one that the caller may change; an unknown one is missing from the assignment.
fn check_folders(call: &Call, tree: &Tree, folders: &[(i64, Vec<i64>)]) -> Result<()> {
    for (id, _) in folders {
        rules::target(call, tree, *id, Action::Edit).map_err(|e| match e.status() {
            404 => Error::new(
                404,
                crate::codes::ENTITIES_REQUIRED_FOR_ASSIGNMENT_NOT_FOUND,
                "A folder of the assignment does not exist.",
            ),
            _ => e,
        })?;
    }
    Ok(())
}

async fn assign(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let assignments = body.fields("assignments").ok_or_else(|| Error::unbound("assignments"))?;
    let (user_ids, folders) = (assignments.ints("UserIds"), roles_per_folder(assignments)?);
    if user_ids.is_empty() {
        return Err(Error::argument("The field UserIds names no account."));
    }
    let tenant_id = call.tenant_id()?;
    let tree = Tree::load(&mut call.read().await?, tenant_id).await?;
    check_folders(call, &tree, &folders)?;
    let mut unit = call.begin().await?;
    for (folder, roles) in &folders {
        for user in &user_ids {
            super::assign_user(&mut unit, tenant_id, *folder, *user, roles).await?;
        }
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// Assigns an account of the directory; the tenant takes it in when it has not yet.
async fn assign_directory(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let assignment = body.fields("assignment").ok_or_else(|| Error::unbound("assignment"))?;
    let folders = roles_per_folder(assignment)?;
    let wanted = users::write::Wanted::of(assignment, "UserType")?;
    let tenant = call.tenant()?.clone();
    let mut conn = call.read().await?;
    let tree = Tree::load(&mut conn, tenant.id).await?;
    check_folders(call, &tree, &folders)?;
    let account = wanted.find(&mut conn, tenant.organization_id).await?;
    drop(conn);
    let mut unit = call.begin().await?;
    let user_id = users::ensure(&mut unit, tenant.id, &account).await?;
    for (folder, roles) in &folders {
        super::assign_user(&mut unit, tenant.id, *folder, user_id, roles).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

async fn remove(call: &mut Call) -> Result<Output> {
    let user_id = call.body().need_int("userId")?;
    unassign(call, user_id).await
}

async fn remove_by_key(call: &mut Call) -> Result<Output> {
    let key = call.body().need_text("userKey")?.to_owned();
    let user = users::find_by_key(&mut call.read().await?, call.tenant_id()?, &key).await?;
    let user = user.ok_or_else(|| Error::not_found("User"))?;
    unassign(call, user.id).await
}

async fn unassign(call: &Call, user_id: i64) -> Result<Output> {
    let (tenant_id, folder_id) = (call.tenant_id()?, call.int_argument("key")?);
    let tree = Tree::load(&mut call.read().await?, tenant_id).await?;
    rules::target(call, &tree, folder_id, Action::Edit)?;
    let mut unit = call.begin().await?;
    super::unassign_user(&mut unit, tenant_id, folder_id, user_id).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// What one account is in a folder.
#[derive(Default)]
struct Entry {
    /// Folders of the chain to which it is assigned itself.
    folders: Vec<i64>,
    /// Role id, name, kind, and the folder it comes from when that is another.
    roles: Vec<(i64, String, i64, Option<i64>)>,
}

async fn list(call: &mut Call) -> Result<Output> {
    let folder_id = call.int_argument("key")?;
    let inherited = match call.need_argument("includeInherited")?.to_ascii_lowercase().as_str() {
        "true" | "1" => true,
        "false" | "0" => false,
        _ => return Err(Error::argument("includeInherited is neither true nor false.")),
    };
    let alerts = call.bool_query("includeAlertsEnabled")?.unwrap_or(false);
    let tenant_id = call.tenant_id()?;
    let mut conn = call.read().await?;
    let tree = Tree::load(&mut conn, tenant_id).await?;
    let node = readable(call, &tree, folder_id)?;
    let mut chain = vec![node];
    if inherited {
        chain.extend(tree.above(folder_id));
    }
    let entries = entries(&mut conn, &chain).await?;
    let mut rows = Vec::with_capacity(entries.len());
    for (user_id, entry) in entries {
        if let Some(user) = users::find(&mut conn, tenant_id, user_id).await? {
            rows.push(row(&tree, node, &user, &entry, alerts));
        }
    }
    drop(conn);
    call.computed("UserRoles", rows)
}

/// Who sets values per account needs the list of accounts as well.
fn readable<'t>(call: &Call, tree: &'t Tree, id: i64) -> Result<&'t Node> {
    let picks = ["Assets.Create", "Assets.Edit"];
    if picks.iter().any(|p| call.rights.has(p, Some(id))) {
        return tree.get(id).ok_or_else(|| Error::not_found("Folder"));
    }
    let somewhere = ["Units.View", "SubFolders.View"].iter().chain(&picks).any(|p| call.rights.has(p, None));
    if somewhere { rules::target(call, tree, id, Action::View) } else { Err(Error::forbidden()) }
}

async fn entries(conn: &mut Conn, chain: &[&Node]) -> Result<BTreeMap<i64, Entry>> {
    let mut entries: BTreeMap<i64, Entry> = BTreeMap::new();
    for (distance, folder) in chain.iter().enumerate() {
        let rows = conn
            .query(
                "SELECT fu.user_id, r.id, r.name, r.type FROM folder_users fu LEFT JOIN folder_user_roles fr \
                 ON fr.folder_id = fu.folder_id AND fr.user_id = fu.user_id LEFT JOIN roles r ON r.id = fr.role_id \
                 WHERE fu.folder_id = $1 ORDER BY fu.user_id, r.id",
                params![folder.id],
            )
            .await?;
        for row in rows {
            let entry = entries.entry(row.get(0)?).or_default();
            if entry.folders.last() != Some(&folder.id) {
                entry.folders.push(folder.id);
            }
            if let Some(role) = row.get::<Option<i64>>(1)? {
                entry.roles.push((role, row.get(2)?, row.get(3)?, (distance > 0).then_some(folder.id)));
            }
        }
    }
    Ok(entries)
}

/// `UserRolesDto`
fn row(tree: &Tree, node: &Node, user: &users::User, entry: &Entry, alerts: bool) -> Value {
    let roles: Vec<Value> = entry
        .roles
        .iter()
        .map(|(id, name, kind, from)| {
            json!({
                "Origin": if from.is_some() { "Inherited" } else { "Assigned" },
                "RoleType": label(&ROLE_TYPE, *kind),
                "InheritedFromFolder": from.and_then(|f| tree.get(f)).map(simple),
                "Name": name,
                "Id": id,
            })
        })
        .collect();
    json!({
        "Id": user.id,
        "UserEntity": {
            "FullName": user.full_name,
            "AuthenticationSource": null,
            "UserName": user.user_name,
            "IsInherited": !entry.folders.contains(&node.id),
            "AssignedToFolderIds": entry.folders,
            "MayHaveAttended": user.robot_session,
            "MayHaveUnattended": user.unattended_session,
            "Type": label(&USER_TYPE, user.user_type),
            "Source": "Orchestrator",
            "Id": user.id,
        },
        "Roles": roles,
        "HasAlertsEnabled": if alerts { json!(false) } else { Value::Null },
    })
}

/// The kind of `users.type` that a word of role queries means, with the older kind of local people.
pub fn kinds_of(word: &str) -> Result<Vec<i64>> {
    match directory::type_of_word(word) {
        Some(kinds::DIRECTORY_USER) => Ok(vec![kinds::DIRECTORY_USER, kinds::USER]),
        Some(kind) if kind >= 0 => Ok(vec![kind]),
        // Machines are no accounts.
        None if word.eq_ignore_ascii_case("Machine") => Ok(Vec::new()),
        _ => Err(Error::argument(format!("There is no type '{word}'."))),
    }
}
