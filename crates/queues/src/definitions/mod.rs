//! Queue definitions: what a queue is called, how it retries, and in which folders it is linked.

mod alias;
mod entity;
mod links;
pub(crate) mod lookup;
mod write;

pub use entity::QUEUE;
pub use lookup::{Definition, ForClaim, by_id, by_name, for_claim, linked, of_item};
pub(crate) use write::{remove, seen};

use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;
use bandmaster_odata::sql::Param;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&QUEUE);
    r.serve("QueueDefinitions_Get", list);
    r.serve("QueueDefinitions_GetById", one).also(&[404]);
    r.serve("QueueDefinitions_GetByKeyByIdentifier", by_key).also(&[404]);
    r.serve("QueueDefinitions_Post", write::create).also(&[409]);
    r.serve("QueueDefinitions_PutById", write::update).also(&[404, 409]);
    r.serve("QueueDefinitions_DeleteById", write::delete).also(&[404, 409]);
    r.serve("QueueDefinitions_GetJsonSchemaDefinitionByIdAndJsonschematype", schema).also(&[404]);
    alias::register(r);
    r.serve("QueueDefinitions_ShareToFolders", links::share).also(&[409]);
    r.serve("QueueDefinitions_GetFoldersForQueueById", links::folders).also(&[404]);
    r.serve("QueueDefinitions_GetQueuesAcrossFolders", links::across);
}

async fn list(call: &mut Call) -> Result<Output> {
    call.list(&QUEUE).await
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&QUEUE, id).await
}

async fn by_key(call: &mut Call) -> Result<Output> {
    let key = call.guid_argument("identifier")?;
    call.entity_where(&QUEUE, &call.visible(), "{t}.key = ?", vec![Param::Text(key)]).await
}

/// GetJsonSchemaDefinition: one of the schemas as a file.
async fn schema(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let kind = call.need_argument("jsonSchemaType")?.to_owned();
    let mut conn = call.read().await?;
    lookup::linked(&mut conn, tenant, folder, id).await?;
    let (text, name) = crate::schemas::text(&mut conn, id, &kind).await?;
    Ok(Output::file("application/json", Some(&format!("{name}.json")), text.into_bytes()))
}
