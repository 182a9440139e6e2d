//! Processes and the versions of their package: to the latest, to a named one, back, and along with the feed.

use super::draft::{Draft, EntryWish};
use super::record::{self, Named, ReleaseRecord, lock};
use super::target::{self, Target};
use super::write;
use crate::codes;
use crate::feeds::Feed;
use crate::versions::record::{self as packages, VersionRecord};
use bandmaster_api::Unit;
use bandmaster_core::codes as common;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;

/// Where a process is to be moved.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move<'a> {
    Latest,
    To(&'a str),
    Back,
}

fn managed() -> Error {
    Error::conflict(
        codes::VERSIONS_MANAGED_AUTOMATICALLY,
        "The process follows its package by itself; switch AutoUpdate off to choose a version.",
    )
}

/// Moves a process; the process as it was. Being there already is no change.
pub(super) async fn shift(unit: &mut Unit, folder_id: i64, named: Named<'_>, to: Move<'_>) -> Result<ReleaseRecord> {
    let tenant = unit.tenant_id();
    let record = lock(unit, tenant, folder_id, named).await?.ok_or_else(|| Error::not_found("Release"))?;
    if record.auto_update && !matches!(to, Move::Latest) {
        return Err(managed());
    }
    let version = match to {
        Move::Latest => {
            let latest = packages::latest(unit, &record.feed_id, &record.process_key).await?;
            latest.ok_or_else(|| Error::new(404, common::PACKAGE_NOT_FOUND, "The package does not exist any more."))?
        }
        Move::To(text) => target::version(unit, &record.feed_id, &record.process_key, text).await?,
        Move::Back => {
            let text = previous(unit, &record).await?.ok_or_else(|| {
                Error::conflict(common::PREVIOUS_VERSION_NOT_FOUND, "The process had no other version before.")
            })?;
            target::version(unit, &record.feed_id, &record.process_key, &text).await?
        }
    };
    if record.package_version_id != Some(version.id) || matches!(to, Move::Back) {
        settle(unit, &record, version).await?;
    }
    Ok(record)
}

/// The version in use before the current one.
async fn previous(unit: &mut Unit, record: &ReleaseRecord) -> Result<Option<String>> {
    let row = unit
        .query_opt(
            "SELECT version FROM release_versions WHERE release_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1",
            params![record.id, record.current_version_id.unwrap_or(i64::MAX)],
        )
        .await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

async fn settle(unit: &mut Unit, record: &ReleaseRecord, version: VersionRecord) -> Result<()> {
    let target = target::target(unit, version, &EntryWish::Keep, Some(record)).await?;
    write::move_to(unit, record, &target).await
}

/// The target of an edited process; `None` when neither version nor entry point is touched.
pub(super) async fn of_draft(unit: &mut Unit, record: &ReleaseRecord, draft: &Draft) -> Result<Option<Target>> {
    let moved = draft.process_version != record.process_version;
    let version = match (moved, record.package_version_id) {
        (false, Some(id)) => packages::by_id(unit, id).await?,
        _ => None,
    };
    let version = match version {
        Some(version) => version,
        // The package was deleted; all but the version can still be edited.
        None if !moved => return Ok(None),
        None => target::version(unit, &record.feed_id, &record.process_key, &draft.process_version).await?,
    };
    // Another spelling of the version in use moves nothing.
    if record.package_version_id != Some(version.id) && draft.auto_update && record.auto_update {
        return Err(managed());
    }
    target::target(unit, version, &draft.entry, Some(record)).await.map(Some)
}

/// Moves the processes that follow a package by themselves to its latest version. Called in the unit that changed
/// which one that is, with the package's row locked.
pub(crate) async fn follow(unit: &mut Unit, feed: &Feed, package_id: &str, latest: i64) -> Result<()> {
    let tenant = unit.tenant_id();
    for (folder_id, id) in record::followers(unit, &feed.id, package_id).await? {
        let Some(record) = lock(unit, tenant, folder_id, Named::Id(id)).await?.filter(|r| r.auto_update) else {
            continue;
        };
        let Some(version) = packages::by_id(unit, latest).await? else { return Ok(()) };
        let newer = match record.package_version_id {
            Some(present) if present == latest => false,
            Some(present) => packages::by_id(unit, present).await?.is_none_or(|p| p.version_key < version.version_key),
            None => true,
        };
        if newer {
            settle(unit, &record, version).await?;
        }
    }
    Ok(())
}

/// Deploys a version that was published to a personal workspace: its process there moves to it, and is made if there
/// is none.
pub(crate) async fn deploy(unit: &mut Unit, folder_id: i64, version_id: i64) -> Result<()> {
    let tenant = unit.tenant_id();
    let Some(version) = packages::by_id(unit, version_id).await? else { return Ok(()) };
    let present = record::of_package(unit, folder_id, &version.feed_id, &version.package_id).await?;
    if let Some(id) = present.first() {
        let record = lock(unit, tenant, folder_id, Named::Id(*id)).await?;
        return match record {
            Some(record) if record.package_version_id != Some(version.id) => settle(unit, &record, version).await,
            _ => Ok(()),
        };
    }
    let name = free_name(unit, folder_id, &version.package_id).await?;
    let draft = Draft::of(&name, &version.package_id, &version.version);
    match target::target(unit, version, &EntryWish::Main, None).await {
        Ok(target) => write::create(unit, folder_id, &draft, &target).await.map(drop),
        // Nobody is there to choose among several entry points; the process can be made by hand.
        Err(error) if error.status() == 400 => Ok(()),
        Err(error) => Err(error),
    }
}

/// The package's id, with a number behind it when a process of another package has that name.
async fn free_name(unit: &mut Unit, folder_id: i64, package_id: &str) -> Result<String> {
    let mut name = package_id.to_owned();
    for number in 2.. {
        let taken = unit
            .query_opt(
                "SELECT 1 FROM releases WHERE folder_id = $1 AND fold(name) = fold($2)",
                params![folder_id, name.as_str()],
            )
            .await?;
        if taken.is_none() {
            break;
        }
        name = format!("{package_id} {number}");
    }
    Ok(name)
}
