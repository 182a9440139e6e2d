//! Package versions as the program reads them.

use super::entity::{LIBRARY, PACKAGE};
use crate::feeds::{Feed, Purpose};
use crate::nupkg::{PackageKey, Version};
use bandmaster_api::Folders;
use bandmaster_api::query::{complete, visibility};
use bandmaster_core::{Error, Result};
use bandmaster_model::EntityType;
use bandmaster_odata::{Query, Run};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Map, Value};

/// A package version.
#[derive(Debug, Clone)]
pub(crate) struct VersionRecord {
    pub id: i64,
    pub package_ref: i64,
    pub package_id: String,
    pub version: String,
    pub version_key: String,
    pub process_type: i64,
    pub target_framework: i64,
    pub requires_user_interaction: bool,
    pub is_attended: bool,
    pub is_conversational: bool,
    pub is_compiled: bool,
    pub multiple_entry_points: bool,
    pub main_entry_point: Option<String>,
    pub min_robot_version: Option<String>,
    pub arguments: String,
    pub bindings: String,
    pub file: String,
    pub feed_id: String,
}

const COLUMNS: &str = "v.id, v.package_ref, v.package_id, v.version, v.version_key, v.process_type, v.target_framework, \
     v.requires_user_interaction, v.is_attended, v.is_conversational, v.is_compiled, v.multiple_entry_points, \
     v.main_entry_point, v.min_robot_version, v.arguments, v.bindings, v.file, v.feed_id";

fn record(row: &Row) -> Result<VersionRecord> {
    Ok(VersionRecord {
        id: row.get(0)?,
        package_ref: row.get(1)?,
        package_id: row.get(2)?,
        version: row.get(3)?,
        version_key: row.get(4)?,
        process_type: row.get(5)?,
        target_framework: row.get(6)?,
        requires_user_interaction: row.get(7)?,
        is_attended: row.get(8)?,
        is_conversational: row.get(9)?,
        is_compiled: row.get(10)?,
        multiple_entry_points: row.get(11)?,
        main_entry_point: row.get(12)?,
        min_robot_version: row.get(13)?,
        arguments: row.get(14)?,
        bindings: row.get(15)?,
        file: row.get(16)?,
        feed_id: row.get(17)?,
    })
}

/// Versions of a package in a feed; newest first.
pub(crate) async fn all(conn: &mut Conn, feed_id: &str, package_id: &str) -> Result<Vec<VersionRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM package_versions v JOIN packages p ON p.id = v.package_ref \
         WHERE p.feed_id = $1 AND fold(p.package_id) = fold($2) ORDER BY v.version_key DESC"
    );
    conn.query(&sql, params![feed_id, package_id]).await?.iter().map(record).collect()
}

/// A version of a package in a feed, by its version's meaning: `1.0` finds `1.0.0`.
pub(crate) async fn find(
    conn: &mut Conn,
    feed_id: &str,
    package_id: &str,
    version: &Version,
) -> Result<Option<VersionRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM package_versions v JOIN packages p ON p.id = v.package_ref \
         WHERE p.feed_id = $1 AND fold(p.package_id) = fold($2) AND v.version_key = $3"
    );
    conn.query_opt(&sql, params![feed_id, package_id, version.sort_key()]).await?.as_ref().map(record).transpose()
}

/// The latest version of a package in a feed.
pub(crate) async fn latest(conn: &mut Conn, feed_id: &str, package_id: &str) -> Result<Option<VersionRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM package_versions v JOIN packages p ON p.id = v.package_ref \
         WHERE p.feed_id = $1 AND fold(p.package_id) = fold($2) AND v.is_latest = 1"
    );
    conn.query_opt(&sql, params![feed_id, package_id]).await?.as_ref().map(record).transpose()
}

/// The version of that id.
pub(crate) async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<VersionRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM package_versions v WHERE v.id = $1");
    conn.query_opt(&sql, params![id]).await?.as_ref().map(record).transpose()
}

/// What a feed's packages are called in messages.
pub(crate) fn what(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Processes => "Package",
        Purpose::Libraries => "Library",
    }
}

/// The version that a key `Id:Version` names in a feed; 404 when there is none, also for texts that are no key.
pub(crate) async fn of_key(conn: &mut Conn, feed: &Feed, key: &str) -> Result<VersionRecord> {
    let found = match PackageKey::parse(key) {
        Ok(key) => find(conn, &feed.id, key.id.as_str(), &key.version).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Error::not_found(what(feed.purpose)))
}

/// The entity type of a feed's packages.
pub(crate) fn entity_type(purpose: Purpose) -> &'static EntityType {
    match purpose {
        Purpose::Processes => &PACKAGE,
        Purpose::Libraries => &LIBRARY,
    }
}

/// A package version as JSON, for answers and the audit.
pub(crate) async fn json(
    conn: &mut Conn,
    purpose: Purpose,
    tenant_id: i64,
    id: i64,
) -> Result<Option<Map<String, Value>>> {
    let mut query = Query::all(entity_type(purpose));
    query.and_sql("{t}.id = ?", vec![id.into()]);
    let run = Run::page(&query, &visibility(0, tenant_id, &Folders::All), 1);
    Ok(complete(conn, run).await?.pop())
}

/// An entry point of a package version.
#[derive(Debug, Clone)]
pub(crate) struct EntryRecord {
    pub id: i64,
    pub version_id: i64,
    pub unique_id: String,
    pub path: String,
    pub input_arguments: Option<String>,
    pub output_arguments: Option<String>,
    pub data_variation: Option<String>,
}

const ENTRY_COLUMNS: &str =
    "e.id, e.package_version_id, e.unique_id, e.path, e.input_arguments, e.output_arguments, e.data_variation";

fn entry(row: &Row) -> Result<EntryRecord> {
    Ok(EntryRecord {
        id: row.get(0)?,
        version_id: row.get(1)?,
        unique_id: row.get(2)?,
        path: row.get(3)?,
        input_arguments: row.get(4)?,
        output_arguments: row.get(5)?,
        data_variation: row.get(6)?,
    })
}

/// The entry points of a version, in the order of the package.
pub(crate) async fn entries(conn: &mut Conn, version_id: i64) -> Result<Vec<EntryRecord>> {
    let sql =
        format!("SELECT {ENTRY_COLUMNS} FROM package_entry_points e WHERE e.package_version_id = $1 ORDER BY e.id");
    conn.query(&sql, params![version_id]).await?.iter().map(entry).collect()
}

/// The entry point of that id.
pub(crate) async fn entry_by_id(conn: &mut Conn, id: i64) -> Result<Option<EntryRecord>> {
    let sql = format!("SELECT {ENTRY_COLUMNS} FROM package_entry_points e WHERE e.id = $1");
    conn.query_opt(&sql, params![id]).await?.as_ref().map(entry).transpose()
}

/// The entry point of that path; letter case counts only where two differ in nothing else.
pub(crate) fn by_path<'e>(entries: &'e [EntryRecord], path: &str) -> Option<&'e EntryRecord> {
    let folded = bandmaster_store::fold(path);
    entries
        .iter()
        .find(|e| e.path == path)
        .or_else(|| entries.iter().find(|e| bandmaster_store::fold(&e.path) == folded))
}

/// The entry point that jobs start at when none is chosen: the stated one, else the only one.
pub(crate) fn main_entry<'e>(version: &VersionRecord, entries: &'e [EntryRecord]) -> Option<&'e EntryRecord> {
    let stated = version.main_entry_point.as_deref().and_then(|path| by_path(entries, path));
    stated.or(match entries {
        [only] => Some(only),
        _ => None,
    })
}

impl EntryRecord {
    /// As an `EntryPointDto`.
    pub(crate) fn json(&self) -> Value {
        let content = self.data_variation.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let variation = content.map(|c| serde_json::json!({"Content": c, "ContentType": "Json", "Id": self.id}));
        serde_json::json!({
            "UniqueId": self.unique_id,
            "Path": self.path,
            "InputArguments": self.input_arguments,
            "OutputArguments": self.output_arguments,
            "DataVariation": variation,
            "Id": self.id,
        })
    }
}
