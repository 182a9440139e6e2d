//! Operations on credential stores.

use super::entity::{CREDENTIAL_STORE, RESOURCE_TYPE};
use super::{DATABASE, codes, own, provide};
use bandmaster_api::query::{entity_json, refused};
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_model::{TypeBody, TypeDef};
use bandmaster_odata::memory;
use bandmaster_store::{Conn, params};
use serde_json::{Map, Value, json};

/// The id of the tenant's own store, which is made if need be.
async fn ready(call: &Call) -> Result<i64> {
    let tenant = call.tenant_id()?;
    if let Some(id) = own(&mut call.read().await?, tenant).await? {
        return Ok(id);
    }
    let mut unit = call.begin().await?;
    let id = provide(&mut unit, tenant).await?;
    unit.commit().await?;
    Ok(id)
}

/// All stores.
pub async fn list(call: &mut Call) -> Result<Output> {
    ready(call).await?;
    call.list(&CREDENTIAL_STORE).await
}

/// One store.
pub async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    ready(call).await?;
    call.entity(&CREDENTIAL_STORE, id).await
}

/// Types that a store can be made of.
pub async fn types(call: &mut Call) -> Result<Output> {
    // Texts have no members, so options can name none.
    let text = TypeDef { name: "String".into(), body: TypeBody::Object(Vec::new()) };
    memory::check(&call.options()?, &text).map_err(|e| refused(&e))?;
    Ok(Output::page("Collection(Edm.String)", vec![json!(DATABASE)], Some(1)))
}

fn resource_type(call: &Call) -> Result<&'static str> {
    let word = call.need_argument("resourceType")?;
    let number = RESOURCE_TYPE.number(word);
    number
        .and_then(|n| RESOURCE_TYPE.label(n))
        .ok_or_else(|| Error::argument("resourceType is none of the known resource types."))
}

/// The default store for a type of resources.
pub async fn default(call: &mut Call) -> Result<Output> {
    call.options()?;
    resource_type(call)?;
    Ok(Output::scalar("Edm.Int64", ready(call).await?))
}

/// The store of that id, as it is shown.
async fn seen(unit: &mut Unit, tenant: i64, id: i64) -> Result<Map<String, Value>> {
    provide(unit, tenant).await?;
    entity_json(unit, &CREDENTIAL_STORE, id, tenant).await?.ok_or_else(|| Error::not_found("CredentialStore"))
}

fn name_of(store: &Map<String, Value>) -> String {
    store.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Makes a store the default for a type of resources. The only one is it already; that somebody wanted it so is noted.
pub async fn set_default(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let kind = call.body().choice("resourceType", &RESOURCE_TYPE)?.and_then(|n| RESOURCE_TYPE.label(n));
    let kind = kind.ok_or_else(|| Error::unbound("resourceType"))?;
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let name = name_of(&seen(&mut unit, tenant, id).await?);
    let change = Change {
        component: "DefaultCredentialStores",
        action: "Set",
        id: Some(id),
        name: &name,
        after: Some(json!({"ResourceType": kind})),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// POST: refused, since there is nothing behind other types yet, and one store of the own type.
pub async fn create(call: &mut Call) -> Result<Output> {
    let wanted = call.body().need_text("Type")?;
    if wanted.eq_ignore_ascii_case(DATABASE) {
        return Err(Error::conflict(
            codes::INVALID_TYPE,
            "Every tenant has one store of type Database, and has it already.",
        ));
    }
    Err(Error::new(
        400,
        codes::UNKNOWN_TYPE,
        "This server keeps secrets in its own database only; stores of other types are not supported.",
    ))
}

/// PUT: the name can change, nothing else.
pub async fn update(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let body = call.body();
    let name = body.need_text("Name")?.trim().to_owned();
    if name.is_empty() || name.chars().count() > 256 {
        return Err(Error::argument("The name of a credential store has 1 to 256 characters."));
    }
    let same_type = body.need_text("Type")?.eq_ignore_ascii_case(DATABASE);
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let before = seen(&mut unit, tenant, id).await?;
    if !same_type {
        return Err(Error::conflict(codes::INVALID_TYPE, "A credential store keeps its type."));
    }
    let renamed = unit
        .execute(
            "UPDATE credential_stores SET name = $1 WHERE id = $2 AND tenant_id = $3",
            params![name.as_str(), id, tenant],
        )
        .await;
    match renamed {
        Err(e) if e.is_unique("credential_stores_name") => return Err(Error::name_taken(&name)),
        renamed => renamed?,
    };
    let after = seen(&mut unit, tenant, id).await?;
    let change = Change {
        component: "CredentialStores",
        action: "Update",
        id: Some(id),
        name: &name,
        before: Some(Value::Object(before)),
        after: Some(Value::Object(after)),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// DELETE: refused, since the only store is the default one.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.bool_query("forceDelete")?;
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    seen(&mut unit, tenant, id).await?;
    Err(Error::conflict(codes::CANNOT_DELETE_DEFAULT, "A default credential store cannot be deleted."))
}

/// What has secrets in a store: assets by their type, and robots whose password stands there.
pub async fn resources(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let kind = resource_type(call)?;
    let tenant = call.tenant_id()?;
    if id != ready(call).await? {
        return Err(Error::not_found("CredentialStore"));
    }
    let mut conn = call.read().await?;
    let found = match kind {
        "AssetCredential" => assets(&mut conn, tenant, id, "a.value_type IN (5, 6)").await?,
        "Secrets" => assets(&mut conn, tenant, id, "a.value_type = 8").await?,
        "RobotCredential" => crate::neighbours::robots_of_store(&mut conn, tenant, id).await?,
        // Buckets of the built-in provider have no credentials.
        _ => Vec::new(),
    };
    drop(conn);
    let rows = found.into_iter().map(|(id, name)| json!({"Name": name, "Type": kind, "Id": id})).collect();
    call.computed("CredentialStoreResources", rows)
}

async fn assets(conn: &mut Conn, tenant: i64, store: i64, types: &'static str) -> Result<Vec<(i64, String)>> {
    let sql = format!(
        "SELECT a.id, a.name FROM assets a WHERE a.tenant_id = $1 AND {types} \
         AND EXISTS (SELECT 1 FROM asset_values v WHERE v.asset_id = a.id AND v.store_id = $2) ORDER BY a.name, a.id"
    );
    let rows = conn.query(&sql, params![tenant, store]).await?;
    rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect()
}

/// What has secrets behind a credentials proxy. There are no proxies, so none has the key that is asked for.
pub async fn proxy_resources(call: &mut Call) -> Result<Output> {
    call.options()?;
    call.int_argument("key")?;
    Err(Error::not_found("CredentialsProxy"))
}
