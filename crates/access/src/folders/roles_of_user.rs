//! All roles of one account, in the tenant and folder by folder, with what comes through its groups.

use super::current::checked_paging;
use super::entity::simple;
use super::rules::Action;
use super::tree::Tree;
use super::{rules, users::kinds_of};
use crate::kinds::{USER_TYPE, label};
use crate::users::{self, User};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, fold, params};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Registers them.
pub fn register(r: &mut Registry) {
    r.serve("Folders_GetAllRolesForUserByUsernameAndSkipAndTake", by_path).also(&[400, 404]);
    r.serve("FoldersNavigation_GetAllRolesForUser", by_query).refuses_more().also(&[400, 404]);
}

async fn by_path(call: &mut Call) -> Result<Output> {
    let name = call.need_argument("username")?.to_owned();
    let (skip, take) = (call.int_argument("skip")?, call.int_argument("take")?);
    let answer = roles(call, &name, skip, take).await?;
    Ok(Output::complex("UserRoleAssignmentsDto", answer))
}

async fn by_query(call: &mut Call) -> Result<Output> {
    super::navigation::for_people(call)?;
    let name = call.query("username").ok_or_else(|| Error::argument("The parameter username is missing."))?.to_owned();
    let (skip, take) = (call.int_query("skip")?.unwrap_or(0), call.int_query("take")?.unwrap_or(1000));
    let answer = roles(call, &name, skip, take).await?;
    Ok(Output::json(Value::Object(answer)))
}

/// Roles by id: the name and who gives them (the account itself or a group of it).
type Given = BTreeMap<i64, (String, Vec<i64>)>;

async fn roles(call: &Call, name: &str, skip: i64, take: i64) -> Result<Map<String, Value>> {
    let (skip, take) = checked_paging(skip, take, 1000)?;
    let search = call.query("searchText").map(fold);
    let kinds = kinds_of(call.query("type").unwrap_or("User"))?;
    let tenant_id = call.tenant_id()?;
    let mut conn = call.read().await?;
    let found = users::find_by_name(&mut conn, tenant_id, name, None).await?;
    let user = found.into_iter().find(|u| kinds.contains(&u.user_type)).ok_or_else(|| Error::not_found("User"))?;
    let mut holders = vec![user.clone()];
    for row in conn.query("SELECT group_id FROM user_groups WHERE user_id = $1", params![user.id]).await? {
        holders.extend(users::find(&mut conn, tenant_id, row.get(0)?).await?);
    }
    let mut in_tenant = Given::new();
    let mut in_folders: BTreeMap<i64, Given> = BTreeMap::new();
    for holder in &holders {
        collect(&mut conn, holder.id, &mut in_tenant, &mut in_folders).await?;
    }
    let tree = Tree::load(&mut conn, tenant_id).await?;
    let shown: Vec<_> = tree
        .in_depth()
        .into_iter()
        .filter(|n| in_folders.contains_key(&n.id))
        .filter(|n| rules::knows(call, Action::View, n) && rules::may(call, Action::View, Some(n.id)))
        .filter(|n| search.as_ref().is_none_or(|s| fold(&n.path).contains(s)))
        .collect();
    let nothing = Given::new();
    let items: Vec<Value> = shown
        .iter()
        .skip(skip)
        .take(take)
        .map(|n| {
            let given = in_folders.get(&n.id).unwrap_or(&nothing);
            json!({ "Folder": simple(n), "Roles": listed(given, &holders, &user, Some(n.id)) })
        })
        .collect();
    Ok(super::entity::into_map(json!({
        "TenantRoles": listed(&in_tenant, &holders, &user, None),
        "PageItems": items,
        "Count": shown.len(),
        "Id": user.id,
    })))
}

async fn collect(
    conn: &mut Conn,
    holder: i64,
    in_tenant: &mut Given,
    in_folders: &mut BTreeMap<i64, Given>,
) -> Result<()> {
    let rows = conn
        .query(
            "SELECT r.id, r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = $1",
            params![holder],
        )
        .await?;
    for row in rows {
        in_tenant.entry(row.get(0)?).or_insert((row.get(1)?, Vec::new())).1.push(holder);
    }
    let rows = conn
        .query(
            "SELECT fu.folder_id, r.id, r.name FROM folder_users fu LEFT JOIN folder_user_roles fr \
             ON fr.folder_id = fu.folder_id AND fr.user_id = fu.user_id LEFT JOIN roles r ON r.id = fr.role_id \
             WHERE fu.user_id = $1",
            params![holder],
        )
        .await?;
    for row in rows {
        let given = in_folders.entry(row.get(0)?).or_default();
        if let Some(role) = row.get::<Option<i64>>(1)? {
            given.entry(role).or_insert((row.get(2)?, Vec::new())).1.push(holder);
        }
    }
    Ok(())
}

/// `RoleUsersDto` for each role.
fn listed(given: &Given, holders: &[User], user: &User, folder: Option<i64>) -> Vec<Value> {
    given
        .iter()
        .map(|(role, (name, by))| {
            let who: Vec<Value> = holders
                .iter()
                .filter(|h| by.contains(&h.id))
                .map(|h| {
                    json!({
                        "UserName": h.user_name,
                        "IsInherited": h.id != user.id,
                        "AssignedToFolderIds": folder.into_iter().collect::<Vec<_>>(),
                        "MayHaveAttended": h.robot_session,
                        "MayHaveUnattended": h.unattended_session,
                        "Type": label(&USER_TYPE, h.user_type),
                        "Source": "Orchestrator",
                        "Id": h.id,
                    })
                })
                .collect();
            json!({ "Name": name, "Users": who, "Id": role })
        })
        .collect()
}
