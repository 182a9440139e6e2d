//! Folders by their old name, organization units: the same rows with fewer members.

use super::create::NewFolder;
use super::rules::{self, Action};
use super::tree::Tree;
use crate::users::{self, USER};
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Folders, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_model::entity::{EntityType, Kind, Property, Scope};
use bandmaster_odata::sql::Param;
use bandmaster_store::params;
use serde_json::{Value, json};

/// An organization unit.
pub static UNIT: EntityType = EntityType {
    name: "OrganizationUnitDto",
    set: "OrganizationUnits",
    table: "folders",
    key: "Id",
    scope: Scope::Folder { column: "id" },
    properties: &[Property::new("DisplayName", Kind::Text, "display_name"), Property::new("Id", Kind::Int64, "id")],
    navigations: &[],
};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&UNIT);
    r.serve("OrganizationUnits_Get", list);
    r.serve("OrganizationUnits_GetById", get).also(&[404]);
    r.serve("OrganizationUnits_Post", post).also(&[400, 409]);
    r.serve("OrganizationUnits_PutById", put).also(&[400, 404, 409]);
    r.serve("OrganizationUnits_DeleteById", delete).also(&[404, 409]);
    r.serve("OrganizationUnits_SetUsersById", set_users).also(&[404, 409]);
    r.serve("OrganizationUnits_GetUsersForUnitByKey", users_of).also(&[404]);
    r.serve("OrganizationUnits_GetUserIdsForUnitByKey", user_ids).also(&[404]);
}

const SHARED: &str = "{t}.folder_type = 0";

async fn list(call: &mut Call) -> Result<Output> {
    call.list_where(&UNIT, &Folders::All, SHARED, Vec::<Param>::new()).await
}

async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity_where(&UNIT, &Folders::All, "{t}.folder_type = 0 AND {t}.id = ?", vec![id.into()]).await
}

async fn post(call: &mut Call) -> Result<Output> {
    let name = rules::name(call.body().text("DisplayName").unwrap_or_default())?;
    let tenant_id = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let id = super::create(&mut unit, tenant_id, &NewFolder { name, ..NewFolder::default() }).await?;
    let made = entity_json(&mut unit, &UNIT, id, tenant_id).await?;
    unit.commit().await?;
    Ok(Output::entity(UNIT.set, made.unwrap_or_default()).status(201))
}

/// Refuses folders that the caller does not know.
async fn check(call: &Call, id: i64, action: Action) -> Result<()> {
    let tree = Tree::load(&mut call.read().await?, call.tenant_id()?).await?;
    let known = tree.get(id).filter(|n| rules::knows(call, action, n) || rules::knows(call, Action::View, n));
    known.map(|_| ()).ok_or_else(|| Error::not_found("OrganizationUnit"))
}

async fn put(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let name = rules::name(call.body().text("DisplayName").unwrap_or_default())?;
    check(call, id, Action::Edit).await?;
    let mut unit = call.begin().await?;
    super::change::edit(&mut unit, tenant_id, id, Some(name), None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn delete(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    check(call, id, Action::Delete).await?;
    let mut unit = call.begin().await?;
    super::delete::delete(&call.app, &mut unit, tenant_id, id).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// Plain membership. Who is assigned already keeps the roles; who is not is no error when taken out.
async fn set_users(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (added, removed) = (body.ints("addedUserIds"), body.ints("removedUserIds"));
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let tree = Tree::load(&mut call.read().await?, tenant_id).await?;
    // The permission asked for is about accounts, so any shared folder will do.
    let folder = tree.get(id).filter(|n| !n.is_personal()).ok_or_else(|| Error::not_found("OrganizationUnit"))?;
    let id = folder.id;
    let mut unit = call.begin().await?;
    let rows = unit.query("SELECT user_id FROM folder_users WHERE folder_id = $1", params![id]).await?;
    let present: Vec<i64> = rows.iter().map(|r| Ok(r.get(0)?)).collect::<Result<_>>()?;
    for user in added.into_iter().filter(|u| !present.contains(u)) {
        super::assign_user(&mut unit, tenant_id, id, user, &[]).await?;
    }
    for user in removed.into_iter().filter(|u| present.contains(u)) {
        super::unassign_user(&mut unit, tenant_id, id, user).await?;
    }
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

async fn users_of(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    check(call, id, Action::View).await?;
    users::shown::page_with_first(
        call,
        &USER,
        "{t}.type <> 1 AND EXISTS (SELECT 1 FROM folder_users fu WHERE fu.user_id = {t}.id AND fu.folder_id = ?)",
        "{t}.type <> 1 AND NOT EXISTS (SELECT 1 FROM folder_users fu WHERE fu.user_id = {t}.id AND fu.folder_id = ?)",
        id,
    )
    .await
}

async fn user_ids(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    check(call, id, Action::View).await?;
    let mut conn = call.read().await?;
    let rows =
        conn.query("SELECT user_id FROM folder_users WHERE folder_id = $1 ORDER BY user_id", params![id]).await?;
    let ids: Vec<Value> = rows.iter().map(|r| Ok(json!(r.get::<i64>(0)?))).collect::<Result<_>>()?;
    call.options()?;
    let count = u64::try_from(ids.len()).ok();
    Ok(Output::page("Collection(Edm.Int64)", ids, count))
}
