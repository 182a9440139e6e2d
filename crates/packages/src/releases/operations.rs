//! Creating, changing and deleting processes.

use super::draft::{Draft, EntryWish};
use super::entity::{FULL_RELEASE, RELEASE};
use super::parts::check_unused;
use super::record::{self, Named, ReleaseRecord, lock};
use super::{events, target, versions, write};
use crate::feeds;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Fields, Output, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_model::EntityType;
use bandmaster_store::params;

fn absent() -> Error {
    Error::not_found("Release")
}

/// Watching and controlling from afar needs a right of its own, asked for where it is switched.
fn check_remote_control(call: &Call, before: i64, after: i64) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let folder = call.folder()?.id;
    call.require("RemoteControl.Create", Some(folder))
}

/// `POST /odata/Releases`
pub(super) async fn create(call: &mut Call) -> Result<Output> {
    made(call, &RELEASE).await
}

/// `POST /odata/Releases/…CreateRelease`
pub(super) async fn create_full(call: &mut Call) -> Result<Output> {
    made(call, &FULL_RELEASE).await
}

async fn made(call: &Call, ty: &'static EntityType) -> Result<Output> {
    let mut draft = Draft::new(&call.body())?;
    check_remote_control(call, 0, draft.remote_control)?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let feed = feeds::of_folder(&mut unit, tenant, folder).await?;
    let version = target::version(&mut unit, &feed, &draft.process_key, &draft.process_version).await?;
    // The package's own spelling counts, as does its feed.
    draft.process_key.clone_from(&version.package_id);
    let target = target::target(&mut unit, version, &draft.entry, None).await?;
    let id = write::create(&mut unit, folder, &draft, &target).await?;
    let shown = entity_json(&mut unit, ty, id, tenant).await?;
    unit.commit().await?;
    let shown = shown.ok_or_else(|| Error::internal("a process vanished while it was made"))?;
    Ok(Output::entity(ty.set, shown).status(201))
}

/// Changes a locked process into what a draft says.
async fn apply(call: &Call, unit: &mut Unit, record: &ReleaseRecord, draft: &Draft) -> Result<()> {
    check_remote_control(call, record.remote_control, draft.remote_control)?;
    let target = versions::of_draft(unit, record, draft).await?;
    write::update(unit, record, draft, target.as_ref()).await
}

/// `PUT /odata/Releases({key})`: what the body leaves out becomes null.
pub(super) async fn replace(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    call.require("Processes.Edit", Some(folder))?;
    let mut unit = call.begin().await?;
    let record = lock(&mut unit, tenant, folder, Named::Id(id)).await?.ok_or_else(absent)?;
    let draft = Draft::replacing(&record, &call.body())?;
    apply(call, &mut unit, &record, &draft).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// `PATCH /odata/Releases({key})`
pub(super) async fn change(call: &mut Call) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let record = lock(&mut unit, tenant, folder, Named::Id(id)).await?.ok_or_else(absent)?;
    let draft = Draft::changing(&record, &call.body())?;
    apply(call, &mut unit, &record, &draft).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Releases/…EditRelease`: a replacement whose id stands in the body.
pub(super) async fn edit_full(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let key = body.filled("Key").and_then(bandmaster_core::ids::parse_guid);
    let named = match (body.int("Id"), &key) {
        (Some(id), _) => Named::Id(id),
        (None, Some(key)) => Named::Key(key),
        (None, None) => return Err(Error::argument("The field Id is required.")),
    };
    let mut unit = call.begin().await?;
    let record = lock(&mut unit, tenant, folder, named).await?.ok_or_else(absent)?;
    let draft = Draft::replacing(&record, &body)?;
    apply(call, &mut unit, &record, &draft).await?;
    let shown = entity_json(&mut unit, &FULL_RELEASE, record.id, tenant).await?;
    unit.commit().await?;
    Ok(Output::entity(FULL_RELEASE.set, shown.ok_or_else(absent)?))
}

/// `POST /odata/Releases/…UpdateByKey`: version, entry point and default arguments, each as far as it is given.
pub(super) async fn update_by_key(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let key = bandmaster_core::ids::parse_guid(body.need_text("releaseKey")?)
        .ok_or_else(|| Error::argument("releaseKey is no GUID."))?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let record = lock(&mut unit, tenant, folder, Named::Key(&key)).await?.ok_or_else(absent)?;
    let draft = by_key(&record, &body);
    apply(call, &mut unit, &record, &draft).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

fn by_key(record: &ReleaseRecord, body: &Fields<'_>) -> Draft {
    let mut draft = Draft::unchanged(record);
    if let Some(version) = body.filled("processVersion") {
        draft.process_version = version.to_owned();
    }
    if let Some(path) = body.filled("entryPointPath") {
        draft.entry = EntryWish::Path(path.to_owned());
    }
    if let Some(arguments) = body.text("inputArgs") {
        draft.input_arguments = Some(arguments.to_owned()).filter(|a| !a.is_empty());
    }
    draft
}

async fn remove(call: &Call, folder: i64, named: Named<'_>) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let record = lock(&mut unit, tenant, folder, named).await?.ok_or_else(absent)?;
    check_unused(&call.app, &mut unit, record.id).await?;
    let before = write::snapshot(&mut unit, record.id).await?;
    events::tell(&mut unit, "process.deleted", folder, record.id, before.as_ref()).await?;
    unit.execute("DELETE FROM releases WHERE id = $1", params![record.id]).await?;
    unit.audit(Change {
        component: "Processes",
        action: "Delete",
        id: Some(record.id),
        key: Some(&record.key),
        name: &record.name,
        before,
        ..Change::default()
    })
    .await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// `DELETE /odata/Releases({key})`
pub(super) async fn delete(call: &mut Call) -> Result<Output> {
    let (id, folder) = (call.int_argument("key")?, call.folder()?.id);
    remove(call, folder, Named::Id(id)).await
}

/// `DELETE /api/Releases/DeleteByKey?key=`, which names no folder. A process that the caller does not see does not exist.
pub(super) async fn delete_by_key(call: &mut Call) -> Result<Output> {
    let key = call.guid_query("key")?.ok_or_else(|| Error::argument("The argument key is missing."))?;
    call.require("Processes.Delete", None)?;
    let found = record::folder_of_key(&mut call.read().await?, call.tenant_id()?, &key).await?;
    let folder = found.filter(|id| call.rights.has("Processes.View", Some(*id))).ok_or_else(absent)?;
    call.require("Processes.Delete", Some(folder))?;
    remove(call, folder, Named::Key(&key)).await
}
