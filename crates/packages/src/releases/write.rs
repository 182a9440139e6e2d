//! Writing processes: the rows, the history of versions, audit entries and events.

use super::check;
use super::draft::Draft;
use super::entity::RELEASE;
use super::events;
use super::record::ReleaseRecord;
use super::target::Target;
use crate::codes;
use crate::enums::PROCESS_TEST;
use crate::versions::record::VersionRecord;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Change, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{DbError, params};
use serde_json::Value;

fn refused(error: DbError, name: &str) -> Error {
    match error {
        e if e.is_unique("releases_name") => Error::name_taken(name),
        // The folder was deleted at the same moment.
        DbError::ForeignKey => Error::folder(),
        other => other.into(),
    }
}

/// The process for the audit and for events.
pub(super) async fn snapshot(unit: &mut Unit, id: i64) -> Result<Option<Value>> {
    let tenant = unit.tenant_id();
    Ok(entity_json(unit, &RELEASE, id, tenant).await?.map(Value::Object))
}

/// A second process of test cases of one package would make it unclear which one runs them.
async fn only_one_of_tests(unit: &mut Unit, folder_id: i64, feed_id: &str, version: &VersionRecord) -> Result<()> {
    if version.process_type != PROCESS_TEST {
        return Ok(());
    }
    if super::record::of_package(unit, folder_id, feed_id, &version.package_id).await?.is_empty() {
        return Ok(());
    }
    Err(Error::conflict(
        codes::TEST_AUTOMATION_PROCESS_ALREADY_EXISTS,
        "The folder has a process of these test cases already.",
    ))
}

/// Makes a process; its id.
pub(super) async fn create(unit: &mut Unit, folder_id: i64, draft: &Draft, target: &Target) -> Result<i64> {
    let (tenant, now, user, key) = (unit.tenant_id(), unit.now(), unit.context().user_id, unit.guid());
    let version = &target.version;
    only_one_of_tests(unit, folder_id, &version.feed_id, version).await?;
    let arguments = check::arguments(draft.input_arguments.as_deref(), target.entry.as_ref())?;
    let row = unit
        .query_one(
            "INSERT INTO releases (key, tenant_id, folder_id, name, description, process_key, process_version, feed_id, \
             input_arguments, environment_variables, priority, auto_update, hidden_for_attended, automation_hub_url, \
             process_settings, video_settings, tags, robot_size, remote_control, retention_action, retention_period, \
             retention_bucket_id, created_at, creator_user_id, updated_at, updater_user_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
             $23, $24, $23, $24) RETURNING id",
            params![
                key.as_str(),
                tenant,
                folder_id,
                draft.name.as_str(),
                draft.description.as_deref(),
                version.package_id.as_str(),
                version.version.as_str(),
                version.feed_id.as_str(),
                arguments,
                draft.environment_variables.as_deref(),
                draft.priority,
                draft.auto_update,
                draft.hidden,
                draft.hub_url.as_deref(),
                draft.process_settings.as_deref(),
                draft.video_settings.as_deref(),
                draft.tags.as_str(),
                draft.robot_size,
                draft.remote_control,
                draft.retention.action,
                draft.retention.period,
                draft.retention.bucket_id,
                now,
                user
            ],
        )
        .await
        .map_err(|e| refused(e, &draft.name))?;
    let id: i64 = row.get(0)?;
    take_into_use(unit, id, target).await?;
    let after = snapshot(unit, id).await?;
    events::tell(unit, "process.created", folder_id, id, after.as_ref()).await?;
    unit.audit(Change {
        component: "Processes",
        action: "Create",
        id: Some(id),
        key: Some(&key),
        name: &draft.name,
        after,
        ..Change::default()
    })
    .await?;
    Ok(id)
}

/// Changes a locked process into what the draft says.
pub(super) async fn update(
    unit: &mut Unit,
    record: &ReleaseRecord,
    draft: &Draft,
    target: Option<&Target>,
) -> Result<()> {
    let before = snapshot(unit, record.id).await?;
    let (now, user) = (unit.now(), unit.context().user_id);
    // Values that were accepted before, for an older version, do not stand in the way of other changes.
    let arguments = if draft.input_arguments == record.input_arguments {
        record.input_arguments.clone()
    } else {
        check::arguments(draft.input_arguments.as_deref(), target.and_then(|t| t.entry.as_ref()))?
    };
    unit.execute(
        "UPDATE releases SET name = $1, description = $2, input_arguments = $3, environment_variables = $4, \
         priority = $5, auto_update = $6, hidden_for_attended = $7, automation_hub_url = $8, process_settings = $9, \
         video_settings = $10, tags = $11, robot_size = $12, remote_control = $13, retention_action = $14, \
         retention_period = $15, retention_bucket_id = $16, updated_at = $17, updater_user_id = $18 WHERE id = $19",
        params![
            draft.name.as_str(),
            draft.description.as_deref(),
            arguments,
            draft.environment_variables.as_deref(),
            draft.priority,
            draft.auto_update,
            draft.hidden,
            draft.hub_url.as_deref(),
            draft.process_settings.as_deref(),
            draft.video_settings.as_deref(),
            draft.tags.as_str(),
            draft.robot_size,
            draft.remote_control,
            draft.retention.action,
            draft.retention.period,
            draft.retention.bucket_id,
            now,
            user,
            record.id
        ],
    )
    .await
    .map_err(|e| refused(e, &draft.name))?;
    if let Some(target) = target {
        if record.package_version_id == Some(target.version.id) {
            start_at(unit, record.id, target).await?;
        } else {
            take_into_use(unit, record.id, target).await?;
        }
    }
    changed(unit, record, &draft.name, before).await
}

/// Moves a locked process to another version.
pub(super) async fn move_to(unit: &mut Unit, record: &ReleaseRecord, target: &Target) -> Result<()> {
    let before = snapshot(unit, record.id).await?;
    let (now, user) = (unit.now(), unit.context().user_id);
    unit.execute(
        "UPDATE releases SET updated_at = $1, updater_user_id = $2 WHERE id = $3",
        params![now, user, record.id],
    )
    .await?;
    take_into_use(unit, record.id, target).await?;
    changed(unit, record, &record.name, before).await
}

async fn changed(unit: &mut Unit, record: &ReleaseRecord, name: &str, before: Option<Value>) -> Result<()> {
    let after = snapshot(unit, record.id).await?;
    events::tell(unit, "process.updated", record.folder_id, record.id, after.as_ref()).await?;
    unit.audit(Change {
        component: "Processes",
        action: "Update",
        id: Some(record.id),
        key: Some(&record.key),
        name,
        before,
        after,
    })
    .await
}

/// The entry point alone.
async fn start_at(unit: &mut Unit, id: i64, target: &Target) -> Result<()> {
    unit.execute(
        "UPDATE releases SET entry_point_id = $1, entry_point_path = $2 WHERE id = $3",
        params![target.entry.as_ref().map(|e| e.id), target.entry.as_ref().map(|e| e.path.as_str()), id],
    )
    .await?;
    Ok(())
}

/// Takes a version into use: what the package states is copied, the history gets a row.
async fn take_into_use(unit: &mut Unit, id: i64, target: &Target) -> Result<()> {
    let (now, user) = (unit.now(), unit.context().user_id);
    let version = &target.version;
    let row = unit
        .query_one(
            "INSERT INTO release_versions (release_id, version, created_at, creator_user_id) \
             VALUES ($1, $2, $3, $4) RETURNING id",
            params![id, version.version.as_str(), now, user],
        )
        .await?;
    let current: i64 = row.get(0)?;
    unit.execute(
        "UPDATE releases SET process_version = $1, package_version_id = $2, current_version_id = $3, \
         requires_user_interaction = $4, target_framework = $5, process_type = $6, is_attended = $7, \
         is_conversational = $8, is_compiled = $9, multiple_entry_points = $10, min_robot_version = $11 WHERE id = $12",
        params![
            version.version.as_str(),
            version.id,
            current,
            version.requires_user_interaction,
            version.target_framework,
            version.process_type,
            version.is_attended,
            version.is_conversational,
            version.is_compiled,
            version.multiple_entry_points,
            version.min_robot_version.as_deref(),
            id
        ],
    )
    .await
    .map_err(|e| match e {
        // The package was deleted at the same moment.
        DbError::ForeignKey => Error::not_found("Package"),
        other => other.into(),
    })?;
    start_at(unit, id, target).await
}
