//! Creating, editing and deleting assets.

use super::entity::ASSET;
use super::kinds::{Shape, VALUE_TYPE};
use super::plan::{Wished, plan};
use super::rows::{self, Head};
use super::value::Given;
use super::wish::{self, Wish};
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{DbError, fold, params};
use serde_json::Value;

/// The type of assets that do not say.
const TEXT: i64 = 2;

pub(super) fn taken(error: DbError, name: &str) -> Error {
    if error.is_unique("asset_folders_name") { Error::name_taken(name) } else { error.into() }
}

/// What the audit is told.
pub(super) async fn record(
    unit: &mut Unit,
    action: &str,
    id: i64,
    head: &Head,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    let change =
        Change { component: "Assets", action, id: Some(id), key: Some(&head.key), name: &head.name, before, after };
    unit.audit(change).await
}

/// POST: the asset and its link to the call's folder.
pub async fn create(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let wish = Wish::of(body)?;
    let value_type = wish.value_type.unwrap_or(TEXT);
    let shape = Shape::of(value_type);
    let entries = wish::entries(body, value_type)?;
    let default = Given::of(body, shape)?;
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let accounts = match entries {
        Some(entries) => Some(wish::resolve(&mut unit, tenant, entries).await?),
        None => None,
    };
    let wished = Wished { scope: wish.scope, has_default: wish.has_default, default, accounts };
    let plan = plan(shape, wished, &[])?;
    let head = Head {
        key: unit.guid(),
        name: wish.name,
        value_type,
        scope: wish.scope,
        can_be_deleted: wish.can_be_deleted.unwrap_or(true),
        allow_direct: wish.allow_direct.unwrap_or(false),
    };
    let (now, user) = (unit.now(), unit.context().user_id);
    let row = unit
        .query_one(
            "INSERT INTO assets (key, tenant_id, name, description, value_type, value_scope, can_be_deleted, \
             allow_direct, tags, created_at, creator_user_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
            params![
                head.key.as_str(),
                tenant,
                head.name.as_str(),
                wish.description.as_deref(),
                value_type,
                head.scope,
                head.can_be_deleted,
                head.allow_direct,
                wish.tags,
                now,
                user
            ],
        )
        .await?;
    let id: i64 = row.get(0)?;
    let link = "INSERT INTO asset_folders (asset_id, folder_id, name) VALUES ($1, $2, $3)";
    unit.execute(link, params![id, folder, fold(&head.name)]).await.map_err(|e| taken(e, &head.name))?;
    rows::apply(&mut unit, &keys, tenant, id, shape, &[], &plan).await?;
    let after = rows::snapshot(&mut unit, tenant, id).await?;
    record(&mut unit, "Create", id, &head, None, after).await?;
    let made = entity_json(&mut unit, &ASSET, id, tenant).await?;
    let made = made.ok_or_else(|| Error::internal("a new asset is gone"))?;
    unit.commit().await?;
    Ok(Output::entity(ASSET.set, made))
}

/// PUT: everything is replaced but the type, and passwords and secrets that the body leaves out. `CanBeDeleted` and
/// `AllowDirectApiAccess` stay when they are not given, since older clients do not know them.
pub async fn update(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let body = call.body();
    let wish = Wish::of(body)?;
    if body.int("Id").is_some_and(|given| given != id && given != 0) {
        return Err(Error::argument("The Id in the body is not the one in the address."));
    }
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let old = rows::lock_in(&mut unit, tenant, folder, id).await?;
    if wish.value_type.is_some_and(|given| given != old.value_type) {
        let label = VALUE_TYPE.label(old.value_type).unwrap_or_default();
        return Err(Error::conflict(codes::ASSET_TYPE_NON_UPDATABLE, format!("The asset keeps its type, {label}.")));
    }
    let shape = Shape::of(old.value_type);
    let accounts = match wish::entries(body, old.value_type)? {
        Some(entries) => Some(wish::resolve(&mut unit, tenant, entries).await?),
        None => None,
    };
    let default = Given::of(body, shape)?;
    let before = rows::snapshot(&mut unit, tenant, id).await?;
    let stored = rows::values(&mut unit, id).await?;
    let wished = Wished { scope: wish.scope, has_default: wish.has_default, default, accounts };
    let plan = plan(shape, wished, &stored)?;
    let head = Head {
        name: wish.name,
        scope: wish.scope,
        can_be_deleted: wish.can_be_deleted.unwrap_or(old.can_be_deleted),
        allow_direct: wish.allow_direct.unwrap_or(old.allow_direct),
        ..old
    };
    let (now, user) = (unit.now(), unit.context().user_id);
    unit.execute(
        "UPDATE assets SET name = $1, description = $2, value_scope = $3, can_be_deleted = $4, allow_direct = $5, \
         tags = $6, updated_at = $7, updater_user_id = $8 WHERE id = $9",
        params![
            head.name.as_str(),
            wish.description.as_deref(),
            head.scope,
            head.can_be_deleted,
            head.allow_direct,
            wish.tags,
            now,
            user,
            id
        ],
    )
    .await?;
    unit.execute("UPDATE asset_folders SET name = $1 WHERE asset_id = $2", params![fold(&head.name), id])
        .await
        .map_err(|e| taken(e, &head.name))?;
    rows::apply(&mut unit, &keys, tenant, id, shape, &stored, &plan).await?;
    let after = rows::snapshot(&mut unit, tenant, id).await?;
    record(&mut unit, "Update", id, &head, before, after).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// DELETE: the asset with its values and all its links.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let head = rows::lock_in(&mut unit, tenant, folder, id).await?;
    if !head.can_be_deleted {
        return Err(Error::conflict(codes::ERROR_DELETING, "The asset is marked as not to be deleted."));
    }
    let before = rows::snapshot(&mut unit, tenant, id).await?;
    // Values and links go with it.
    unit.execute("DELETE FROM assets WHERE id = $1", params![id]).await?;
    record(&mut unit, "Delete", id, &head, before, None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
