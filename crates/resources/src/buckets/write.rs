//! Creating, editing and deleting buckets.

use super::entity::BUCKET;
use super::row::{self, Bucket};
use super::wish::Wish;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{DbError, fold, params};
use serde_json::{Map, Value};

fn taken(error: DbError, name: &str) -> Error {
    if error.is_unique("bucket_folders_name") { Error::name_taken(name) } else { error.into() }
}

async fn json(unit: &mut Unit, tenant: i64, id: i64) -> Result<Map<String, Value>> {
    entity_json(unit, &BUCKET, id, tenant).await?.ok_or_else(|| Error::internal("a bucket is gone"))
}

async fn record(
    unit: &mut Unit,
    action: &str,
    (id, key, name): (i64, &str, &str),
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Result<()> {
    let (before, after) = (before.map(Value::Object), after.map(Value::Object));
    unit.audit(Change { component: "Buckets", action, id: Some(id), key: Some(key), name, before, after }).await
}

/// POST: an empty bucket and its link to the call's folder.
pub async fn create(call: &mut Call) -> Result<Output> {
    let wish = Wish::of(call.body())?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (now, storage_key) = (unit.now(), unit.guid());
    let row = unit
        .query_one(
            "INSERT INTO buckets (key, storage_key, tenant_id, name, description, options, tags, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
            params![
                wish.identifier.as_str(),
                storage_key,
                tenant,
                wish.name.as_str(),
                wish.description,
                wish.options,
                wish.tags,
                now
            ],
        )
        .await;
    let row = match row {
        Err(e) if e.is_unique("buckets_key") => {
            return Err(Error::conflict(codes::ITEM_ALREADY_EXISTS, "A bucket with this Identifier exists already."));
        }
        row => row?,
    };
    let id: i64 = row.get(0)?;
    let link = "INSERT INTO bucket_folders (bucket_id, folder_id, name) VALUES ($1, $2, $3)";
    unit.execute(link, params![id, folder, fold(&wish.name)]).await.map_err(|e| taken(e, &wish.name))?;
    let made = json(&mut unit, tenant, id).await?;
    record(&mut unit, "Create", (id, &wish.identifier, &wish.name), None, Some(made.clone())).await?;
    unit.commit().await?;
    Ok(Output::entity(BUCKET.set, made))
}

/// The bucket that the call names, held and seen from its folder.
async fn held(unit: &mut Unit, tenant: i64, folder: i64, id: i64) -> Result<Bucket> {
    row::linked(unit, tenant, folder, id).await?.ok_or_else(row::missing)?;
    row::hold(unit, id).await
}

/// PUT: everything is replaced but the identifier and the provider.
pub async fn update(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let wish = Wish::of(call.body())?;
    if call.body().int("Id").is_some_and(|given| given != id && given != 0) {
        return Err(Error::argument("The Id in the body is not the one in the address."));
    }
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let old = held(&mut unit, tenant, folder, id).await?;
    if wish.identifier != old.key {
        return Err(Error::conflict(codes::FIELD_NOT_EDITABLE, "A bucket keeps its Identifier."));
    }
    let before = json(&mut unit, tenant, id).await?;
    let now = unit.now();
    unit.execute(
        "UPDATE buckets SET name = $1, description = $2, options = $3, tags = $4, updated_at = $5 WHERE id = $6",
        params![wish.name.as_str(), wish.description, wish.options, wish.tags, now, id],
    )
    .await?;
    unit.execute("UPDATE bucket_folders SET name = $1 WHERE bucket_id = $2", params![fold(&wish.name), id])
        .await
        .map_err(|e| taken(e, &wish.name))?;
    let after = json(&mut unit, tenant, id).await?;
    record(&mut unit, "Update", (id, &old.key, &wish.name), Some(before), Some(after.clone())).await?;
    unit.commit().await?;
    Ok(Output::entity(BUCKET.set, after))
}

/// DELETE: the bucket with its files and all its links, read-only or not.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let old = held(&mut unit, tenant, folder, id).await?;
    let before = json(&mut unit, tenant, id).await?;
    row::remove(&mut unit, id).await?;
    record(&mut unit, "Delete", (id, &old.key, &old.name), Some(before), None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
