//! Comments on items. Only the author changes or deletes one.

mod entity;

pub use entity::COMMENT;

use crate::definitions::of_item;
use crate::items::chain;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Output, Registry, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::Param;
use bandmaster_store::params;
use serde_json::{Map, Value};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&COMMENT);
    r.serve("QueueItemComments_Get", list);
    r.serve("QueueItemComments_GetById", one).also(&[404]);
    r.serve("QueueItemComments_Post", add).also(&[404]);
    r.serve("QueueItemComments_PutById", edit).also(&[404]);
    r.serve("QueueItemComments_DeleteById", delete).also(&[404]);
    r.serve("QueueItemComments_GetQueueItemCommentsHistoryByQueueitemid", of_chain).also(&[404]);
}

async fn list(call: &mut Call) -> Result<Output> {
    call.list(&COMMENT).await
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&COMMENT, id).await
}

/// The comments on an item and on all attempts that belong to it.
async fn of_chain(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("queueItemId")?;
    let key = chain::key_of(call, id).await?;
    let condition = "{t}.item_id IN (SELECT c.id FROM queue_items c WHERE c.key = ?)";
    call.list_where(&COMMENT, &call.visible(), condition, vec![Param::Text(key)]).await
}

async fn shown(unit: &mut Unit, id: i64) -> Result<Map<String, Value>> {
    let tenant = unit.tenant_id();
    entity_json(unit, &COMMENT, id, tenant).await?.ok_or_else(|| Error::not_found("QueueItemComment"))
}

async fn audit(
    unit: &mut Unit,
    action: &str,
    id: i64,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Result<()> {
    let change = Change {
        component: "Comments",
        action,
        id: Some(id),
        name: "queue item comment",
        before: before.map(Value::Object),
        after: after.map(Value::Object),
        ..Change::default()
    };
    unit.audit(change).await
}

async fn add(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (text, item) = (body.need_text("Text")?.to_owned(), body.need_int("QueueItemId")?);
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let (user, author, name) = (call.user_id(), call.principal.key.clone(), call.principal.name.clone());
    let mut unit = call.begin().await?;
    let queue = of_item(&mut unit, tenant, folder, item).await?;
    let now = unit.now();
    let row = unit
        .query_one(
            "INSERT INTO queue_item_comments (tenant_id, queue_id, item_id, user_id, author_key, author_name, text, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
            params![tenant, queue.id, item, user, author, name, text, now],
        )
        .await?;
    let id: i64 = row.get(0)?;
    let made = shown(&mut unit, id).await?;
    audit(&mut unit, "Create", id, None, Some(made.clone())).await?;
    unit.commit().await?;
    Ok(Output::entity(COMMENT.set, made))
}

/// The comment as it is, when it is seen from the folder and is the caller's own.
async fn own(unit: &mut Unit, id: i64, tenant: i64, folder: i64, author: &str) -> Result<Map<String, Value>> {
    let row = unit
        .query_opt(
            "SELECT c.author_key FROM queue_item_comments c JOIN queue_folders f ON f.queue_id = c.queue_id \
             WHERE c.id = $1 AND c.tenant_id = $2 AND f.folder_id = $3",
            params![id, tenant, folder],
        )
        .await?
        .ok_or_else(|| Error::not_found("QueueItemComment"))?;
    if row.get::<String>(0)? != author {
        return Err(Error::forbidden());
    }
    shown(unit, id).await
}

async fn edit(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let text = call.body().need_text("Text")?.to_owned();
    let (tenant, folder, author) = (call.tenant_id()?, call.folder()?.id, call.principal.key.clone());
    let mut unit = call.begin().await?;
    let before = own(&mut unit, id, tenant, folder, &author).await?;
    unit.execute("UPDATE queue_item_comments SET text = $1 WHERE id = $2", params![text, id]).await?;
    let after = shown(&mut unit, id).await?;
    audit(&mut unit, "Update", id, Some(before), Some(after)).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (tenant, folder, author) = (call.tenant_id()?, call.folder()?.id, call.principal.key.clone());
    let mut unit = call.begin().await?;
    let before = own(&mut unit, id, tenant, folder, &author).await?;
    unit.execute("DELETE FROM queue_item_comments WHERE id = $1", params![id]).await?;
    audit(&mut unit, "Delete", id, Some(before), None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
