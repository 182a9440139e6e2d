//! The operations on roles.

use super::entity::{PERMISSION, ROLE};
use super::{Place, Role, check_for, find, permission_name, replace_permissions, scope_of};
use crate::changes::{check_name, rights_changed_in};
use crate::kinds::{self, ROLE_TYPE};
use crate::users::{self, USER, assignment};
use bandmaster_api::body::Fields;
use bandmaster_api::query::{complete, visibility};
use bandmaster_api::unit::Change;
use bandmaster_api::{Call, Folders, Output, Registry, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_odata::{Expand, KeyValue, Query, Run};
use bandmaster_store::params;
use serde_json::{Map, Value, json};

/// Characters of a role's name.
const NAME_LENGTH: usize = 64;

/// Registers them.
pub fn register(r: &mut Registry) {
    r.entity(&ROLE);
    r.serve("Roles_Get", list);
    r.serve("Roles_GetById", get).also(&[404]);
    r.serve("Roles_Post", post).also(&[400, 409]);
    r.serve("Roles_PutById", put).also(&[400, 404, 409]);
    r.serve("Roles_DeleteById", delete).also(&[404, 409]);
    r.serve("Roles_SetUsersById", set_users).also(&[404, 409]);
    r.serve("Roles_GetUserIdsForRoleByKey", user_ids).also(&[404]);
    r.serve("Roles_GetUsersForRoleByKey", users_of).also(&[404]);
}

async fn list(call: &mut Call) -> Result<Output> {
    call.list(&ROLE).await
}

async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&ROLE, id).await
}

/// The permissions that a body grants; `None` when it does not speak of them.
fn granted(body: Fields<'_>) -> Result<Option<Vec<String>>> {
    if body.get("Permissions").is_none() {
        return Ok(None);
    }
    let mut names: Vec<String> = Vec::new();
    for entry in body.list("Permissions").iter().map(Fields::of) {
        let written = entry.need_text("Name")?;
        let unknown =
            || Error::argument(format!("There is no permission '{}'.", written.chars().take(100).collect::<String>()));
        let name = permission_name(written).ok_or_else(unknown)?;
        if entry.bool("IsGranted") == Some(true) && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Some(names))
}

/// Tenant roles have permissions of the tenant, folder roles those of folders; mixed ones have both.
fn check_fit(role_type: i64, permissions: &[String]) -> Result<()> {
    let (kind, scope) = match role_type {
        kinds::TENANT => ("tenant", 0),
        kinds::FOLDER => ("folder", 1),
        _ => return Ok(()),
    };
    match permissions.iter().find(|p| scope_of(p) != scope) {
        Some(odd) => Err(Error::argument(format!("A {kind} role cannot grant the permission {odd}."))),
        None => Ok(()),
    }
}

fn checked_name(text: &str) -> Result<&str> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_LENGTH {
        return Err(Error::argument(format!("A role's name has 1 to {NAME_LENGTH} characters.")));
    }
    check_name(name, "Name")?;
    Ok(name)
}

async fn post(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let name = checked_name(body.need_text("Name")?)?;
    let display_name = checked_name(body.filled("DisplayName").unwrap_or(name))?;
    let permissions = granted(body)?.unwrap_or_default();
    let role_type = match body.choice("Type", &ROLE_TYPE)? {
        Some(kinds::MIXED) => {
            return Err(Error::conflict(codes::FORBIDDEN_OPERATION, "Roles of the type Mixed are not made any more."));
        }
        Some(given) => given,
        // Where all permissions are of one kind the role can only be of that kind.
        None => match (permissions.iter().any(|p| scope_of(p) == 0), permissions.iter().any(|p| scope_of(p) == 1)) {
            (true, false) => kinds::TENANT,
            (false, true) => kinds::FOLDER,
            _ => return Err(Error::argument("Type must be Tenant or Folder.")),
        },
    };
    check_fit(role_type, &permissions)?;
    let (tenant_id, now) = (call.tenant_id()?, call.now());
    let mut unit = call.begin().await?;
    let made = unit
        .query_one(
            "INSERT INTO roles (tenant_id, name, display_name, type, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) RETURNING id",
            params![tenant_id, name, display_name, role_type, now],
        )
        .await;
    let id: i64 = match made {
        Err(e) if e.is_unique("roles_name") => return Err(Error::name_taken(name)),
        made => made?.get(0)?,
    };
    replace_permissions(&mut unit, id, &permissions).await?;
    rights_changed_in(&mut unit, tenant_id).await?;
    let after = snapshot(&mut unit, tenant_id, id).await?;
    record(&mut unit, "Create", id, name, None, Some(after.clone())).await?;
    unit.commit().await?;
    Ok(Output::entity(ROLE.set, after).status(201))
}

/// A role with its permissions.
async fn snapshot(unit: &mut Unit, tenant_id: i64, id: i64) -> Result<Map<String, Value>> {
    let mut query = Query::all(&ROLE);
    query.expand = ROLE.navigations.iter().map(|n| Expand { navigation: n, query: Query::all(&PERMISSION) }).collect();
    let run = Run::by_key(&query, &KeyValue::Int(id), &visibility(0, tenant_id, &Folders::All));
    complete(unit, run).await?.pop().ok_or_else(|| Error::not_found("Role"))
}

async fn record(
    unit: &mut Unit,
    action: &str,
    id: i64,
    name: &str,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Result<()> {
    unit.audit(Change {
        component: "Roles",
        action,
        id: Some(id),
        key: None,
        name,
        before: before.map(Value::Object),
        after: after.map(Value::Object),
    })
    .await
}

async fn known(unit: &mut Unit, tenant_id: i64, id: i64) -> Result<Role> {
    find(unit, tenant_id, id).await?.ok_or_else(|| Error::not_found("Role"))
}

async fn put(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let permissions = granted(body)?;
    let role_type = body.choice("Type", &ROLE_TYPE)?;
    let name = body.filled("Name").map(checked_name).transpose()?;
    let display_name = body.filled("DisplayName").map(checked_name).transpose()?;
    let (tenant_id, id, now) = (call.tenant_id()?, call.int_argument("key")?, call.now());
    let mut unit = call.begin().await?;
    let role = known(&mut unit, tenant_id, id).await?;
    if role_type.is_some_and(|t| t != role.role_type) {
        return Err(Error::conflict(codes::FIELD_NOT_EDITABLE, "The type of a role cannot be changed."));
    }
    if role.is_static && name.is_some_and(|n| n != role.name) {
        return Err(Error::conflict(codes::FIELD_NOT_EDITABLE, "The name of a role of the server cannot be changed."));
    }
    let before = snapshot(&mut unit, tenant_id, id).await?;
    if let Some(permissions) = &permissions {
        check_fit(role.role_type, permissions)?;
        if !role.is_editable && differs(&before, permissions) {
            return Err(Error::conflict(codes::FORBIDDEN_OPERATION, "The permissions of this role cannot be changed."));
        }
    }
    let written = unit
        .execute(
            "UPDATE roles SET name = COALESCE($2, name), display_name = COALESCE($3, display_name), updated_at = $4 \
             WHERE id = $1",
            params![id, name, display_name, now],
        )
        .await;
    match written {
        Err(e) if e.is_unique("roles_name") => return Err(Error::name_taken(name.unwrap_or_default())),
        written => written?,
    };
    if let Some(permissions) = &permissions
        && role.is_editable
    {
        replace_permissions(&mut unit, id, permissions).await?;
    }
    rights_changed_in(&mut unit, tenant_id).await?;
    let after = snapshot(&mut unit, tenant_id, id).await?;
    record(&mut unit, "Update", id, &role.name, Some(before), Some(after)).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// Whether permissions are not the ones that a role has.
fn differs(before: &Map<String, Value>, permissions: &[String]) -> bool {
    let present = before.get("Permissions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let names: Vec<String> =
        present.iter().filter_map(|p| p.get("Name")?.as_str()).filter_map(permission_name).collect();
    names.len() != permissions.len() || permissions.iter().any(|p| !names.contains(p))
}

async fn delete(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    let role = known(&mut unit, tenant_id, id).await?;
    if role.is_static {
        return Err(Error::conflict(codes::ERROR_DELETING, "A role of the server cannot be deleted."));
    }
    let before = snapshot(&mut unit, tenant_id, id).await?;
    // Assignments go with it.
    unit.execute("DELETE FROM roles WHERE id = $1", params![id]).await?;
    rights_changed_in(&mut unit, tenant_id).await?;
    record(&mut unit, "Delete", id, &role.name, Some(before), None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn set_users(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (added, removed) = (body.ints("addedUserIds"), body.ints("removedUserIds"));
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    known(&mut unit, tenant_id, id).await?;
    check_for(&mut unit, tenant_id, &[id], Place::Tenant).await?;
    // A repeated addition or removal is no error in bulk.
    for (users, on) in [(added, true), (removed, false)] {
        for user in users {
            users::find(&mut unit, tenant_id, user).await?.ok_or_else(|| Error::not_found("User"))?;
            let mut ids = assignment::roles_of(&mut unit, user).await?;
            ids.retain(|r| *r != id);
            if on {
                ids.push(id);
            }
            assignment::assign_roles(&mut unit, tenant_id, user, &ids).await?;
        }
    }
    unit.commit().await?;
    Ok(Output::empty())
}

async fn user_ids(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut conn = call.read().await?;
    find(&mut conn, tenant_id, id).await?.ok_or_else(|| Error::not_found("Role"))?;
    let rows = conn.query("SELECT user_id FROM user_roles WHERE role_id = $1 ORDER BY user_id", params![id]).await?;
    let ids: Vec<Value> = rows.iter().map(|r| Ok(json!(r.get::<i64>(0)?))).collect::<Result<_>>()?;
    call.options()?;
    let count = u64::try_from(ids.len()).ok();
    Ok(Output::page("Collection(Edm.Int64)", ids, count))
}

async fn users_of(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    find(&mut call.read().await?, tenant_id, id).await?.ok_or_else(|| Error::not_found("Role"))?;
    users::shown::page_with_first(
        call,
        &USER,
        "EXISTS (SELECT 1 FROM user_roles ur WHERE ur.user_id = {t}.id AND ur.role_id = ?)",
        "NOT EXISTS (SELECT 1 FROM user_roles ur WHERE ur.user_id = {t}.id AND ur.role_id = ?)",
        id,
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_must_fit_the_kind() {
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        for (kind, permissions, fits) in [
            (kinds::TENANT, &["Users.View"][..], true),
            (kinds::TENANT, &["Users.View", "Assets.View"], false),
            (kinds::FOLDER, &["Assets.View"], true),
            (kinds::FOLDER, &["Units.View"], false),
            (kinds::MIXED, &["Units.View", "Assets.View"], true),
        ] {
            assert_eq!(check_fit(kind, &names(permissions)).is_ok(), fits, "{permissions:?}");
        }
    }

    #[test]
    fn only_what_is_granted_counts() {
        let body = json!({"Permissions": [
            {"Name": "Queues", "IsGranted": true}, {"Name": "Queues.View", "IsGranted": true},
            {"Name": "Queues.Edit", "IsGranted": false}, {"Name": "Assets"}
        ]});
        assert_eq!(granted(Fields::of(&body)).unwrap(), Some(vec!["Queues.View".to_owned()]));
        assert_eq!(granted(Fields::of(&json!({}))).unwrap(), None);
        assert!(granted(Fields::of(&json!({"Permissions": [{"Name": "Nonsense", "IsGranted": true}]}))).is_err());
    }
}
