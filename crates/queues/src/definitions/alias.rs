//! Operations in no contract that command lines call: a queue together with its retention in one body.

use super::entity::QUEUE;
use super::{lookup, write};
use crate::retention;
use bandmaster_api::query::entity_json;
use bandmaster_api::registry::own;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_model::FolderRule;
use serde_json::{Map, Value};

/// The described type: a queue with its retention.
const TYPE: &str = "QueueDefinitionWithRetentionDto";

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(&described());
    let base = "/odata/QueueDefinitions/UiPath.Server.Configuration.OData";
    let row = |id: &str, method: &str, path: &str, scopes: &str, permission: &str| {
        own(&format!("QueueDefinitions_{id}"), method, &format!("{base}.{path}"))
            .scopes(scopes)
            .permission(permission)
            .folder(FolderRule::Required)
    };
    let writes = "OR.Queues,OR.Queues.Write";
    let make = row("CreateQueue", "POST", "CreateQueue", writes, "Queues.Create").body(TYPE).returns(201, TYPE);
    r.add(make, create).also(&[409]);
    let edit = row("EditQueue", "POST", "EditQueue", writes, "Queues.Edit").body(TYPE).returns(200, "-");
    r.add(edit, change).also(&[404, 409]);
    let get = row("GetQueue", "GET", "GetQueue(id={id})", "OR.Queues,OR.Queues.Read", "Queues.View");
    r.add(get.path("id", "int64").returns(200, TYPE), one).also(&[404]);
}

/// What the contract's queue has, and its retention.
fn described() -> String {
    let mut text = format!("type {TYPE}\n");
    let edge = |n: Option<String>| n.unwrap_or_default();
    if let Some(queue) = bandmaster_model::contract().type_def("QueueDefinitionDto") {
        for p in queue.properties() {
            text.push_str(&format!("  {} {}", p.name, p.ty));
            if p.required {
                text.push_str(" !");
            }
            if let (least, Some(most)) = p.length {
                text.push_str(&format!(" len={}..{most}", edge(least.map(|n| n.to_string()))));
            }
            if let (least, Some(most)) = p.range {
                text.push_str(&format!(" range={}..{most}", edge(least.map(|n| n.to_string()))));
            }
            text.push('\n');
        }
    }
    text.push_str("  RetentionAction enum(Delete|Archive|None)\n  RetentionPeriod int32\n");
    text.push_str("  RetentionBucketId int64\n  RetentionBucketName string\n");
    text
}

async fn with_retention(call: &Call, id: i64, mut queue: Map<String, Value>) -> Result<Output> {
    let policy = retention::of(&mut call.read().await?, id).await?;
    queue.insert("RetentionAction".into(), policy.label());
    queue.insert("RetentionPeriod".into(), policy.shown_period());
    queue.insert("RetentionBucketId".into(), policy.bucket.map_or(Value::Null, Value::from));
    queue.insert("RetentionBucketName".into(), Value::Null);
    Ok(Output::entity(QUEUE.set, queue))
}

async fn create(call: &mut Call) -> Result<Output> {
    let made = write::made(call).await?;
    let id = made.get("Id").and_then(Value::as_i64).unwrap_or_default();
    with_retention(call, id, made).await
}

async fn change(call: &mut Call) -> Result<Output> {
    let id = call.body().need_int("Id")?;
    write::change(call, id).await
}

async fn one(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("id")?, call.tenant_id()?, call.folder()?.id);
    let mut conn = call.read().await?;
    lookup::linked(&mut conn, tenant, folder, id).await?;
    let queue = entity_json(&mut conn, &QUEUE, id, tenant).await?.ok_or_else(|| Error::not_found("Queue"))?;
    drop(conn);
    with_retention(call, id, queue).await
}
