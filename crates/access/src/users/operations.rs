//! The operations on accounts of the tenant.

use super::entity::{USER, USER_ROLE};
use super::write::{self, Extent, Wanted};
use super::{assignment, find, find_by_key, shown};
use crate::parts::RobotProvisioning;
use crate::{folders, roles, users};
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result, codes};
use serde_json::{Map, Value};

/// Registers them.
pub fn register(r: &mut Registry) {
    r.entity(&USER);
    r.entity(&USER_ROLE);
    r.serve("Users_Get", list);
    r.serve("Users_GetById", get).checks_itself().also(&[404]);
    r.serve("Users_Post", post).also(&[400, 404, 409]);
    r.serve("Users_PutById", put).also(&[400, 404, 409]);
    r.serve("Users_PatchById", patch).checks_itself().also(&[400, 404, 409]);
    r.serve("Users_DeleteById", delete).also(&[404, 409]);
    r.serve("Users_AssignRolesById", assign_roles).also(&[404, 409]);
    r.serve("Users_ToggleRoleById", toggle_role).also(&[404, 409]);
    r.serve("Users_SetActiveById", set_active).also(&[404, 409]);
    r.serve("Users_ToggleOrganizationUnitById", toggle_unit).also(&[404, 409]);
    r.serve("Users_ValidateByUserids", validate).also(&[400]);
}

async fn list(call: &mut Call) -> Result<Output> {
    let query = call.bound_query(&USER)?;
    shown::page(call, query).await
}

/// Whoever is known in the tenant may look at an account, as the contract has it.
async fn get(call: &mut Call) -> Result<Output> {
    if call.user_id().is_none() && !call.rights.has("Users.View", None) {
        return Err(Error::forbidden());
    }
    let id = call.int_argument("key")?;
    let query = call.bound_query(&USER)?;
    Ok(Output::entity(USER.set, shown::one(call, query, id).await?))
}

async fn post(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let wanted = Wanted::of(body, "Type")?;
    let tenant = call.tenant()?.clone();
    let mut conn = call.read().await?;
    let account = wanted.find(&mut conn, tenant.organization_id).await?;
    drop(conn);
    let mut unit = call.begin().await?;
    if let Some(present) = find_by_key(&mut unit, tenant.id, &account.key).await? {
        let row = entity_json(&mut unit, &USER, present.id, tenant.id).await?.unwrap_or_default();
        // Who came in by itself may still be added by hand.
        if row.get("ProvisionType").and_then(Value::as_str) == Some("Manual") {
            return Err(Error::name_taken(&present.user_name));
        }
    }
    let id = users::ensure(&mut unit, tenant.id, &account).await?;
    let extent = Extent { account: true, roles: true };
    write::apply(&call.app, &mut unit, id, body, extent, None).await?;
    unit.commit().await?;
    Ok(Output::entity(USER.set, shown::whole(call, &USER, id).await?).status(201))
}

async fn put(call: &mut Call) -> Result<Output> {
    let administers = call.rights.has("Users.Edit", None);
    change(call, Extent { account: administers, roles: administers }).await
}

/// Everybody may change what is theirs; others' accounts ask for a permission. Roles are never changed so.
async fn patch(call: &mut Call) -> Result<Output> {
    let own = call.user_id() == Some(call.int_argument("key")?);
    let administers = call.rights.has("Users.Edit", None);
    if !own && !administers && !call.rights.has("Robots.Edit", None) {
        return Err(Error::forbidden());
    }
    change(call, Extent { account: administers, roles: false }).await
}

async fn change(call: &Call, extent: Extent) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let body = call.body();
    let mut unit = call.begin().await?;
    let before = entity_json(&mut unit, &USER, id, tenant_id).await?.ok_or_else(|| Error::not_found("User"))?;
    check_echo(&before, body.filled("UserName"))?;
    write::apply(&call.app, &mut unit, id, body, extent, Some(&before)).await?;
    write::record(&mut unit, tenant_id, id, Some(before)).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// The name belongs to the identity service.
fn check_echo(before: &Map<String, Value>, user_name: Option<&str>) -> Result<()> {
    let present = before.get("UserName").and_then(Value::as_str).unwrap_or_default();
    match user_name {
        Some(name) if !name.eq_ignore_ascii_case(present) => Err(Error::conflict(
            codes::FIELD_NOT_EDITABLE,
            "The name of an account is changed in the identity service.",
        )),
        _ => Ok(()),
    }
}

async fn delete(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    write::remove(&call.app, &mut unit, tenant_id, id).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn assign_roles(call: &mut Call) -> Result<Output> {
    let (tenant_id, id, roles) = (call.tenant_id()?, call.int_argument("key")?, call.body().ints("roleIds"));
    let mut unit = call.begin().await?;
    assignment::assign_roles(&mut unit, tenant_id, id, &roles).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn toggle_role(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (name, on) = (body.need_text("role")?, body.bool("toggle").unwrap_or(false));
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    find(&mut unit, tenant_id, id).await?.ok_or_else(|| Error::not_found("User"))?;
    let role = roles::find_by_name(&mut unit, tenant_id, name).await?.ok_or_else(|| Error::not_found("Role"))?;
    let mut ids = assignment::roles_of(&mut unit, id).await?;
    match (on, ids.contains(&role.id)) {
        (true, true) => {
            return Err(Error::conflict(codes::ITEM_ALREADY_EXISTS, "The account has that role already."));
        }
        (false, false) => return Err(Error::conflict(codes::INVALID_REQUEST, "The account does not have that role.")),
        (true, false) => ids.push(role.id),
        (false, true) => ids.retain(|r| *r != role.id),
    }
    assignment::assign_roles(&mut unit, tenant_id, id, &ids).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn set_active(call: &mut Call) -> Result<Output> {
    let active = call.body().bool("active").unwrap_or(false);
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    let before = entity_json(&mut unit, &USER, id, tenant_id).await?.ok_or_else(|| Error::not_found("User"))?;
    write::set_active(&mut unit, tenant_id, id, active).await?;
    write::record(&mut unit, tenant_id, id, Some(before)).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// Plain membership of a folder, by the folder's old name.
async fn toggle_unit(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (folder_id, on) = (body.need_int("organizationUnitId")?, body.bool("toggle").unwrap_or(false));
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    find(&mut unit, tenant_id, id).await?.ok_or_else(|| Error::not_found("User"))?;
    if on {
        folders::assign_user(&mut unit, tenant_id, folder_id, id, &[]).await?;
    } else {
        folders::unassign_user(&mut unit, tenant_id, folder_id, id).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// Whether a robot of the account runs something.
async fn validate(call: &mut Call) -> Result<Output> {
    let text = call.need_argument("userIds")?.trim_matches(['[', ']']).to_owned();
    let mut ids = Vec::new();
    for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        ids.push(word.parse::<i64>().map_err(|_| Error::argument("userIds is no list of integers."))?);
    }
    if ids.len() > 1000 {
        return Err(Error::argument("userIds may have at most 1000 elements."));
    }
    let tenant_id = call.tenant_id()?;
    let mut conn = call.read().await?;
    let mut known = Vec::new();
    for id in ids {
        if find(&mut conn, tenant_id, id).await?.is_some() {
            known.push(id);
        }
    }
    let busy = match call.app.parts.get::<Box<dyn RobotProvisioning>>() {
        Some(part) => part.busy(&mut conn, tenant_id, &known).await?,
        None => Vec::new(),
    };
    let map: Map<String, Value> = known.iter().map(|id| (id.to_string(), Value::Bool(busy.contains(id)))).collect();
    Ok(Output::scalar("System.Collections.Generic.IDictionary_2OfInt64_Boolean", Value::Object(map)))
}
