//! Creating, showing and deleting attachments.

use super::entity::{ACCESSIBLE, ATTACHMENT};
use crate::files::sign::{self, Verb};
use crate::files::{self, Area};
use bandmaster_api::output::Content;
use bandmaster_api::query::{complete, visibility};
use bandmaster_api::{Call, Change, Folders, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_odata::{KeyValue, Query, Run};
use bandmaster_store::params;
use serde_json::{Map, Value};

/// The operation's permission in the call's folder; the id of the folder. Clients know the refusal by its code.
fn permitted(call: &Call) -> Result<i64> {
    let folder = call.folder()?.id;
    if call.rights.grants(&call.operation.facts.permission, Some(folder)) {
        return Ok(folder);
    }
    Err(Error::new(403, codes::REQUIRED_PERMISSIONS, "You are not authorized!"))
}

/// The attachments of the folder.
pub async fn list(call: &mut Call) -> Result<Output> {
    let folder = permitted(call)?;
    call.list_query(call.bound_query(&ATTACHMENT)?, &Folders::These(vec![folder])).await
}

async fn json(unit: &mut Unit, key: &str, tenant: i64) -> Result<Option<Map<String, Value>>> {
    let run =
        Run::by_key(&Query::all(&ACCESSIBLE), &KeyValue::Text(key.to_owned()), &visibility(0, tenant, &Folders::All));
    Ok(complete(unit, run).await?.pop())
}

/// What the audit keeps.
fn bare(mut attachment: Map<String, Value>) -> Value {
    attachment.remove("BlobFileAccess");
    Value::Object(attachment)
}

fn add_access(call: &Call, value: &mut Map<String, Value>, key: &str, verb: Verb) -> Result<()> {
    // It is missing when the request selects other members.
    if let Some(access) = value.get_mut("BlobFileAccess") {
        *access = sign::access(&call.app.keys, &call.origin, verb, Area::Attachments, key, call.now())?;
    }
    Ok(())
}

/// One attachment with the address to read it from. Before its content has arrived there is nothing to read, and the
/// address answers 404.
pub async fn one(call: &mut Call) -> Result<Output> {
    let folder = permitted(call)?;
    let key = call.guid_argument("key")?;
    let folders = Folders::These(vec![folder]);
    let mut output = call.entity_by(&ACCESSIBLE, KeyValue::Text(key.clone()), &folders).await?;
    if let Content::Entity { value, .. } = &mut output.content {
        add_access(call, value, &key, Verb::Get)?;
    }
    Ok(output)
}

/// POST: the attachment without content, and the address to write it to.
pub async fn create(call: &mut Call) -> Result<Output> {
    let folder = permitted(call)?;
    let name = call.body().need_text("Name")?.trim().to_owned();
    if name.is_empty() {
        return Err(Error::argument("The field Name is required."));
    }
    bandmaster_access::changes::check_name(&name, "The name of the attachment")?;
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let (key, now, user) = (unit.guid(), unit.now(), unit.context().user_id);
    unit.execute(
        "INSERT INTO attachments (key, tenant_id, folder_id, name, created_at, creator_user_id) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![key.as_str(), tenant, folder, name.as_str(), now, user],
    )
    .await?;
    let made = json(&mut unit, &key, tenant).await?;
    let mut made = made.ok_or_else(|| Error::internal("a new attachment is gone"))?;
    record(&mut unit, "Create", &key, &name, None, Some(bare(made.clone()))).await?;
    unit.commit().await?;
    add_access(call, &mut made, &key, Verb::Put)?;
    Ok(Output::entity(ATTACHMENT.set, made))
}

async fn record(
    unit: &mut Unit,
    action: &str,
    key: &str,
    name: &str,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    let change = Change { component: "JobAttachments", action, id: None, key: Some(key), name, before, after };
    unit.audit(change).await
}

/// DELETE: the attachment and its content. Addresses to it that are still about answer 404.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let folder = permitted(call)?;
    let (tenant, key) = (call.tenant_id()?, call.guid_argument("key")?);
    let mut unit = call.begin().await?;
    let before = json(&mut unit, &key, tenant).await?;
    let gone = unit
        .query_opt(
            "DELETE FROM attachments WHERE key = $1 AND tenant_id = $2 AND folder_id = $3 RETURNING name, file_id",
            params![key.as_str(), tenant, folder],
        )
        .await?;
    let gone = gone.ok_or_else(|| Error::not_found("Attachment"))?;
    let (name, file): (String, Option<String>) = (gone.get(0)?, gone.get(1)?);
    if let Some(file) = file {
        files::discard(&mut unit, &file).await?;
    }
    record(&mut unit, "Delete", &key, &name, before.map(bare), None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
