//! From what a process wants to the package version and entry point that it gets.

use super::draft::EntryWish;
use super::record::ReleaseRecord;
use crate::nupkg::Version;
use crate::versions::record::{self, EntryRecord, VersionRecord, by_path, main_entry};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::Conn;

/// A package version and where jobs start in it.
pub(super) struct Target {
    pub version: VersionRecord,
    pub entry: Option<EntryRecord>,
}

/// The version of a package that a text names in a feed.
pub(super) async fn version(conn: &mut Conn, feed_id: &str, package_id: &str, text: &str) -> Result<VersionRecord> {
    let version = Version::parse(text).map_err(|e| Error::new(400, codes::INVALID_PACKAGE_VERSION, e.to_string()))?;
    if let Some(found) = record::find(conn, feed_id, package_id, &version).await? {
        return Ok(found);
    }
    let shown: String = package_id.chars().take(100).collect();
    Err(if record::latest(conn, feed_id, package_id).await?.is_some() {
        Error::new(404, codes::VERSION_NOT_FOUND, format!("The package {shown} has no version {version}."))
    } else {
        Error::new(404, codes::PACKAGE_NOT_FOUND, format!("The package {shown} does not exist."))
    })
}

/// The entry point of a version that is wished for. `present` is the process as it is.
pub(super) async fn target(
    conn: &mut Conn,
    version: VersionRecord,
    wish: &EntryWish,
    present: Option<&ReleaseRecord>,
) -> Result<Target> {
    let entries = record::entries(conn, version.id).await?;
    let chosen = match wish {
        EntryWish::Main => main_entry(&version, &entries),
        EntryWish::Path(path) => Some(by_path(&entries, path).ok_or_else(not_there)?),
        EntryWish::Id(id) => Some(match entries.iter().find(|e| e.id == *id) {
            Some(entry) => entry,
            None => same_elsewhere(conn, &version, &entries, *id).await?,
        }),
        EntryWish::Keep => kept(conn, &entries, present).await?.or_else(|| main_entry(&version, &entries)),
    };
    if chosen.is_none() && entries.len() > 1 && *wish == EntryWish::Main && present.is_none() {
        return Err(Error::argument("The package has several entry points; EntryPointId must name one of them."));
    }
    let entry = chosen.cloned();
    Ok(Target { version, entry })
}

fn not_there() -> Error {
    Error::argument("The entry point does not belong to this version of the package.")
}

/// The entry point of another version of the same package, found again in this one: clients change the version and
/// send back the id that they have read.
async fn same_elsewhere<'e>(
    conn: &mut Conn,
    version: &VersionRecord,
    entries: &'e [EntryRecord],
    id: i64,
) -> Result<&'e EntryRecord> {
    let other = record::entry_by_id(conn, id).await?.ok_or_else(not_there)?;
    let owner = record::by_id(conn, other.version_id).await?.ok_or_else(not_there)?;
    if owner.package_ref != version.package_ref {
        return Err(not_there());
    }
    again(entries, &other.unique_id, &other.path).ok_or_else(not_there)
}

fn again<'e>(entries: &'e [EntryRecord], unique_id: &str, path: &str) -> Option<&'e EntryRecord> {
    by_path(entries, path).or_else(|| entries.iter().find(|e| e.unique_id == unique_id))
}

async fn kept<'e>(
    conn: &mut Conn,
    entries: &'e [EntryRecord],
    present: Option<&ReleaseRecord>,
) -> Result<Option<&'e EntryRecord>> {
    let Some(present) = present else { return Ok(None) };
    let used = match present.entry_point_id {
        Some(id) => record::entry_by_id(conn, id).await?,
        None => None,
    };
    Ok(match (used, &present.entry_point_path) {
        (Some(used), _) => again(entries, &used.unique_id, &used.path),
        (None, Some(path)) => by_path(entries, path),
        (None, None) => None,
    })
}
