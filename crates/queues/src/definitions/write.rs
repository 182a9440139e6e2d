//! Creating, editing and deleting queues.

use super::entity::QUEUE;
use crate::retention::Policy;
use crate::schemas;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Fields, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{DbError, fold, params};
use serde_json::{Map, Value};

/// Members that hold JSON Schemas, in the order of their columns.
const SCHEMAS: [&str; 3] = ["SpecificDataJsonSchema", "OutputDataJsonSchema", "AnalyticsDataJsonSchema"];
/// Longest deadline of a queue in minutes: 90 days.
const LONGEST_SLA: i64 = 129_600;

/// What a body says about a queue.
struct Wish {
    name: String,
    description: Option<String>,
    max_retries: i64,
    auto_retry: bool,
    retry_abandoned: bool,
    unique_reference: bool,
    encrypted: bool,
    sla: i64,
    risk: i64,
    release: Option<i64>,
    tags: String,
    schemas: [Option<String>; 3],
    retention: Option<Policy>,
}

impl Wish {
    /// A fresh version of the schemas; none when there are none.
    fn version(&self, unit: &Unit) -> Option<String> {
        self.schemas.iter().any(Option::is_some).then(|| unit.guid())
    }
}

fn wish(f: Fields<'_>) -> Result<Wish> {
    let name = f.need_text("Name")?.trim();
    if name.is_empty() {
        return Err(Error::argument("The field Name is required."));
    }
    let mut texts = [const { None }; 3];
    for (text, member) in texts.iter_mut().zip(SCHEMAS) {
        *text = f.filled(member).map(str::to_owned);
        if let Some(text) = text {
            schemas::accept(member, text)?;
        }
    }
    let (sla, risk) = (f.int("SlaInMinutes").unwrap_or(0), f.int("RiskSlaInMinutes").unwrap_or(0));
    if !(0..=LONGEST_SLA).contains(&sla) || !(0..=LONGEST_SLA).contains(&risk) {
        return Err(Error::argument(format!("A deadline lies between 0 and {LONGEST_SLA} minutes.")));
    }
    if sla > 0 && risk >= sla {
        return Err(Error::argument("RiskSlaInMinutes must be less than SlaInMinutes."));
    }
    Ok(Wish {
        name: name.to_owned(),
        description: f.text("Description").map(str::to_owned),
        max_retries: f.int("MaxNumberOfRetries").unwrap_or(0),
        auto_retry: f.bool("AcceptAutomaticallyRetry").unwrap_or(false),
        retry_abandoned: f.bool("RetryAbandonedItems").unwrap_or(false),
        unique_reference: f.bool("EnforceUniqueReference").unwrap_or(false),
        encrypted: f.bool("Encrypted").unwrap_or(false),
        sla,
        risk,
        release: f.int("ReleaseId"),
        tags: f.get("Tags").cloned().unwrap_or_else(|| Value::Array(Vec::new())).to_string(),
        schemas: texts,
        retention: Policy::inline(f)?,
    })
}

fn taken(error: DbError, name: &str) -> Error {
    if error.is_unique("queue_folders_name") { Error::name_taken(name) } else { error.into() }
}

/// POST.
pub async fn create(call: &mut Call) -> Result<Output> {
    Ok(Output::entity(QUEUE.set, made(call).await?))
}

/// Makes a queue and tells what it is.
pub async fn made(call: &mut Call) -> Result<Map<String, Value>> {
    let wish = wish(call.body())?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (now, key) = (unit.now(), unit.guid());
    let version = wish.version(&unit);
    let retention = wish.retention.unwrap_or_default();
    let [specific, output, analytics] = wish.schemas;
    let row = unit
        .query_one(
            "INSERT INTO queue_definitions (key, tenant_id, name, description, max_retries, auto_retry, retry_abandoned, \
             unique_reference, encrypted, sla_minutes, risk_sla_minutes, release_id, tags, specific_schema, output_schema, \
             analytics_schema, schema_version, retention_action, retention_period, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20) \
             RETURNING id",
            params![
                key.as_str(),
                tenant,
                wish.name.as_str(),
                wish.description.as_deref(),
                wish.max_retries,
                wish.auto_retry,
                wish.retry_abandoned,
                wish.unique_reference,
                wish.encrypted,
                wish.sla,
                wish.risk,
                wish.release,
                wish.tags,
                specific,
                output,
                analytics,
                version,
                retention.action,
                retention.period,
                now
            ],
        )
        .await?;
    let id: i64 = row.get(0)?;
    unit.execute(
        "INSERT INTO queue_folders (queue_id, folder_id, name) VALUES ($1, $2, $3)",
        params![id, folder, fold(&wish.name)],
    )
    .await
    .map_err(|e| taken(e, &wish.name))?;
    let made =
        entity_json(&mut unit, &QUEUE, id, tenant).await?.ok_or_else(|| Error::internal("a new queue is gone"))?;
    let made = Value::Object(made);
    retention.usable(call, &mut unit, &made).await?;
    retention.store(&mut unit, id).await?;
    let change = Change {
        component: "Queues",
        action: "Create",
        id: Some(id),
        key: Some(&key),
        name: &wish.name,
        after: Some(made.clone()),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.event("queue.created", Some(folder), Some(&key), &made).await?;
    unit.commit().await?;
    match made {
        Value::Object(made) => Ok(made),
        _ => Err(Error::internal("a queue is no object")),
    }
}

/// A queue that is seen from the call's folder: its key, its present state, and the folders it is linked to.
pub(crate) async fn seen(unit: &mut Unit, id: i64, tenant: i64, folder: i64) -> Result<(String, Value, Vec<i64>)> {
    let rows =
        unit.query("SELECT folder_id FROM queue_folders WHERE queue_id = $1 ORDER BY folder_id", params![id]).await?;
    let folders: Vec<i64> = rows.iter().map(|r| r.get(0)).collect::<Result<_, _>>()?;
    let found = if folders.contains(&folder) { entity_json(unit, &QUEUE, id, tenant).await? } else { None };
    let found = found.ok_or_else(|| Error::not_found("Queue"))?;
    let key = found.get("Key").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((key, Value::Object(found), folders))
}

/// PUT: everything is replaced but what is fixed at creation.
pub async fn update(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    change(call, id).await
}

/// Replaces a queue by what the body says.
pub async fn change(call: &mut Call, id: i64) -> Result<Output> {
    let wish = wish(call.body())?;
    if call.body().int("Id").is_some_and(|given| given != id && given != 0) {
        return Err(Error::argument("The Id in the body is not the one in the address."));
    }
    let (has_unique, has_encrypted) = (call.body().has("EnforceUniqueReference"), call.body().has("Encrypted"));
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (key, before, folders) = seen(&mut unit, id, tenant, folder).await?;
    let differs = |name: &str, wanted: bool, given: bool| given && before[name].as_bool() != Some(wanted);
    if differs("EnforceUniqueReference", wish.unique_reference, has_unique)
        || differs("Encrypted", wish.encrypted, has_encrypted)
    {
        return Err(Error::conflict(
            codes::QUEUE_DEFINITION_PARAMETERS_CANNOT_CHANGE,
            "Unique references and encryption are chosen when a queue is created.",
        ));
    }
    let now = unit.now();
    let version = wish.version(&unit);
    let [specific, output, analytics] = wish.schemas;
    unit.execute(
        "UPDATE queue_definitions SET name = $1, description = $2, max_retries = $3, auto_retry = $4, retry_abandoned = $5, \
         sla_minutes = $6, risk_sla_minutes = $7, release_id = $8, tags = $9, updated_at = $10, \
         specific_schema = $11, output_schema = $12, analytics_schema = $13, schema_version = $14 WHERE id = $15",
        params![
            wish.name.as_str(),
            wish.description.as_deref(),
            wish.max_retries,
            wish.auto_retry,
            wish.retry_abandoned,
            wish.sla,
            wish.risk,
            wish.release,
            wish.tags,
            now,
            specific,
            output,
            analytics,
            version,
            id
        ],
    )
    .await?;
    if let Some(policy) = wish.retention {
        policy.usable(call, &mut unit, &before).await?;
        policy.store(&mut unit, id).await?;
    }
    unit.execute("UPDATE queue_folders SET name = $1 WHERE queue_id = $2", params![fold(&wish.name), id])
        .await
        .map_err(|e| taken(e, &wish.name))?;
    let after = entity_json(&mut unit, &QUEUE, id, tenant).await?.map(Value::Object);
    for folder in folders {
        unit.event("queue.updated", Some(folder), Some(&key), after.as_ref().unwrap_or(&Value::Null)).await?;
    }
    let change = Change {
        component: "Queues",
        action: "Update",
        id: Some(id),
        key: Some(&key),
        name: &wish.name,
        before: Some(before),
        after,
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// DELETE: the queue, its items and its links.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (key, before, folders) = seen(&mut unit, id, tenant, folder).await?;
    remove(&mut unit, id).await?;
    for folder in folders {
        unit.event("queue.deleted", Some(folder), Some(&key), &before).await?;
    }
    let name = before["Name"].as_str().unwrap_or_default().to_owned();
    let change = Change {
        component: "Queues",
        action: "Delete",
        id: Some(id),
        key: Some(&key),
        name: &name,
        before: Some(before),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// Removes a queue with everything in it.
pub(crate) async fn remove(unit: &mut Unit, id: i64) -> Result<()> {
    unit.execute("DELETE FROM queue_item_events WHERE queue_id = $1", params![id]).await?;
    unit.execute("DELETE FROM queue_items WHERE queue_id = $1", params![id]).await?;
    unit.execute("DELETE FROM queue_folders WHERE queue_id = $1", params![id]).await?;
    unit.execute("DELETE FROM queue_definitions WHERE id = $1", params![id]).await?;
    Ok(())
}
