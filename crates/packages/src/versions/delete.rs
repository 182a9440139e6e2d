//! Deleting versions. One that a process is made of stays.

use super::record::{self, VersionRecord, what};
use super::refresh;
use crate::feeds::{self, Feed, Purpose};
use crate::files;
use crate::nupkg::{PackageId, PackageKey};
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{DbError, params};
use serde_json::Value;

/// What a key names.
enum Wish {
    One(PackageKey),
    All(PackageId),
}

fn wish(key: &str, purpose: Purpose) -> Result<Wish> {
    let parsed =
        if key.contains(':') { PackageKey::parse(key).map(Wish::One) } else { PackageId::parse(key).map(Wish::All) };
    parsed.map_err(|e| match purpose {
        Purpose::Processes => Error::not_found(what(purpose)).because(e),
        Purpose::Libraries => Error::argument(e.to_string()),
    })
}

fn in_use(version: &VersionRecord) -> Error {
    Error::conflict(
        codes::HAS_ATTACHED_PROCESSES,
        format!("The package {}:{} is used by processes.", version.package_id, version.version),
    )
}

/// `DELETE /odata/Processes('Id:Version')` and its sibling for libraries. An id alone stands for all its versions; then
/// all of them or, when a process is made of one, none are deleted.
pub(super) async fn delete(call: &Call, purpose: Purpose) -> Result<Output> {
    let feed = feeds::of_call(call, purpose, "Delete").await?;
    let wish = wish(call.need_argument("key")?, purpose)?;
    let mut unit = call.begin().await?;
    let files = remove(&mut unit, &feed, &wish).await?;
    unit.commit().await?;
    files::remove(&call.app, &files).await;
    Ok(Output::empty().status(204))
}

async fn remove(unit: &mut Unit, feed: &Feed, wish: &Wish) -> Result<Vec<String>> {
    let id = match wish {
        Wish::One(key) => &key.id,
        Wish::All(id) => id,
    };
    let now = unit.now();
    let locked = unit
        .query_opt(
            "UPDATE packages SET touched_at = $1 WHERE feed_id = $2 AND fold(package_id) = fold($3) RETURNING id",
            params![now, feed.id.as_str(), id.as_str()],
        )
        .await?;
    let absent = || Error::not_found(what(feed.purpose));
    let package_ref: i64 = locked.ok_or_else(absent)?.get(0)?;
    let doomed = match wish {
        Wish::One(key) => record::find(unit, &feed.id, id.as_str(), &key.version).await?.into_iter().collect(),
        Wish::All(_) => record::all(unit, &feed.id, id.as_str()).await?,
    };
    if doomed.is_empty() {
        return Err(absent());
    }
    let mut files = Vec::new();
    for version in &doomed {
        remove_one(unit, feed.purpose, version).await?;
        files.push(version.file.clone());
    }
    if refresh(unit, package_ref).await?.is_none() {
        unit.execute("DELETE FROM packages WHERE id = $1", params![package_ref]).await?;
    }
    Ok(files)
}

async fn remove_one(unit: &mut Unit, purpose: Purpose, version: &VersionRecord) -> Result<()> {
    let tenant = unit.tenant_id();
    let used = unit.query_opt("SELECT 1 FROM releases WHERE package_version_id = $1", params![version.id]).await?;
    if used.is_some() {
        return Err(in_use(version));
    }
    let before = record::json(unit, purpose, tenant, version.id).await?;
    unit.execute("DELETE FROM package_versions WHERE id = $1", params![version.id]).await.map_err(|e| match e {
        // A process was made of it at the same moment.
        DbError::ForeignKey => in_use(version),
        other => other.into(),
    })?;
    let name = format!("{}:{}", version.package_id, version.version);
    unit.audit(Change {
        component: component(purpose),
        action: "Delete",
        id: Some(version.id),
        name: &name,
        before: before.map(Value::Object),
        ..Change::default()
    })
    .await
}

/// The audit's word for a feed's packages.
pub(crate) fn component(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Processes => "Packages",
        Purpose::Libraries => "Libraries",
    }
}

/// Deletes everything in the feeds of folders that are deleted themselves, with processes already gone. The
/// files are left to the duty.
pub(crate) async fn delete_feeds(unit: &mut Unit, feeds: &[String]) -> Result<()> {
    for feed in feeds {
        unit.execute("DELETE FROM package_versions WHERE feed_id = $1", params![feed.as_str()]).await?;
        unit.execute("DELETE FROM packages WHERE feed_id = $1", params![feed.as_str()]).await?;
    }
    Ok(())
}
