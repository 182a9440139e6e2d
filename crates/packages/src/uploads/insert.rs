//! The rows of a new package version.

use crate::enums;
use crate::feeds::Feed;
use crate::nupkg::{EntryPoint, Fingerprint, PackageInfo};
use bandmaster_api::Unit;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Value as DbValue, params};
use serde_json::{Value, json};

/// The rows that were made.
pub(super) struct Inserted {
    pub package_ref: i64,
    pub version_id: i64,
}

/// Makes the rows of a version. Locks the package first, so that uploads of one package go one after another.
pub(super) async fn insert(
    unit: &mut Unit,
    tenant_id: i64,
    feed: &Feed,
    info: &PackageInfo,
    print: &Fingerprint,
    file: &str,
) -> Result<Inserted> {
    let now = unit.now();
    let row = unit
        .query_one(
            "INSERT INTO packages (tenant_id, feed_id, package_id, touched_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (feed_id, fold(package_id)) DO UPDATE SET touched_at = excluded.touched_at RETURNING id",
            params![tenant_id, feed.id.as_str(), info.id.as_str(), now],
        )
        .await?;
    let package_ref: i64 = row.get(0)?;
    same_type(unit, package_ref, info).await?;
    let version_id = version(unit, tenant_id, feed, package_ref, info, print, file).await?;
    let rows: Vec<Vec<DbValue>> = info.entry_points.iter().map(|entry| entry_row(version_id, entry)).collect();
    if !rows.is_empty() {
        unit.execute_many(
            "INSERT INTO package_entry_points (package_version_id, unique_id, path, display_name, input_arguments, \
             output_arguments, input_schema, output_schema, arguments, is_test_case, data_variation) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &rows,
        )
        .await?;
    }
    Ok(Inserted { package_ref, version_id })
}

/// A package id stays with the kind of package that it began with, so that processes can follow its versions.
async fn same_type(unit: &mut Unit, package_ref: i64, info: &PackageInfo) -> Result<()> {
    let row = unit
        .query_opt(
            "SELECT package_type FROM package_versions WHERE package_ref = $1 AND package_type <> 0 \
             ORDER BY id DESC LIMIT 1",
            params![package_ref],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (was, is) = (row.get::<i64>(0)?, enums::package_type(info.kind));
    if is == 0 || is == was {
        return Ok(());
    }
    let before = enums::PACKAGE_TYPE.label(was).unwrap_or_default();
    Err(Error::new(
        400,
        codes::INVALID_PACKAGE_DETAILS,
        format!(
            "The package {} is of type {before}; a version of type {} cannot be added.",
            info.id,
            info.kind.package_type()
        ),
    ))
}

/// What `ArgumentMetadata` shows of an entry point.
fn metadata(entry: Option<&EntryPoint>) -> String {
    let input = entry.map(|e| e.input_arguments_json.as_str());
    let output = entry.map(|e| e.output_arguments_json.as_str());
    json!({"Input": input, "Output": output}).to_string()
}

fn entry_row(version_id: i64, entry: &EntryPoint) -> Vec<DbValue> {
    // The expression that shows it puts the text into JSON as it is.
    let variation = entry.data_variation_json.as_ref().map(|text| Value::String(text.clone()).to_string());
    params![
        version_id,
        entry.unique_id.as_str(),
        entry.path.as_str(),
        entry.display_name.as_deref(),
        entry.input_arguments_json.as_str(),
        entry.output_arguments_json.as_str(),
        entry.input_schema.as_deref(),
        entry.output_schema.as_deref(),
        metadata(Some(entry)),
        entry.is_test_case,
        variation
    ]
    .to_vec()
}

fn bindings(info: &PackageInfo) -> String {
    let rows = info.bindings.iter().map(|b| {
        json!({
            "resource": b.resource,
            "key": b.key,
            "name": b.name,
            "folderPath": b.folder_path,
            "isExpression": b.is_expression,
        })
    });
    Value::Array(rows.collect()).to_string()
}

fn dependencies(info: &PackageInfo) -> String {
    let rows =
        info.dependencies.iter().map(|d| json!({"id": d.id, "range": d.range, "targetFramework": d.target_framework}));
    Value::Array(rows.collect()).to_string()
}

async fn version(
    unit: &mut Unit,
    tenant_id: i64,
    feed: &Feed,
    package_ref: i64,
    info: &PackageInfo,
    print: &Fingerprint,
    file: &str,
) -> Result<i64> {
    let (now, user) = (unit.now(), unit.context().user_id);
    let size = i64::try_from(print.size).map_err(|_| Error::internal("a package is larger than files can be"))?;
    let row = unit
        .query_opt(
            "INSERT INTO package_versions (tenant_id, feed_id, package_ref, package_id, version, version_key, \
             normal_version, is_prerelease, title, authors, owners, description, summary, release_notes, project_url, \
             license_url, icon_url, tags, project_type, package_type, process_type, target_framework, target_runtime, \
             requires_user_interaction, is_attended, is_conversational, is_compiled, multiple_entry_points, \
             main_entry_point, min_robot_version, project_id, arguments, dependencies, bindings, file, size, sha256, \
             published_at, creator_user_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
             $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39) \
             ON CONFLICT (package_ref, version_key) DO NOTHING RETURNING id",
            params![
                tenant_id,
                feed.id.as_str(),
                package_ref,
                info.id.as_str(),
                info.version.as_str(),
                info.version.sort_key(),
                info.version.normalized(),
                info.version.is_prerelease(),
                info.title.as_str(),
                info.authors.as_deref(),
                info.owners.as_deref(),
                info.description.as_deref(),
                info.summary.as_deref(),
                info.release_notes.as_deref(),
                info.project_url.as_deref(),
                info.license_url.as_deref(),
                info.icon_url.as_deref(),
                info.tags.as_deref(),
                enums::project_type(info.kind),
                enums::package_type(info.kind),
                enums::process_type(info.kind),
                enums::target_framework(info.target_framework),
                info.target_runtime.as_deref(),
                info.requires_user_interaction,
                info.is_attended,
                info.is_conversational,
                info.is_compiled,
                info.supports_multiple_entry_points,
                info.main_entry_point_path.as_deref(),
                info.min_required_robot_version.as_deref(),
                info.project_id.as_deref(),
                metadata(info.main_entry_point()),
                dependencies(info),
                bindings(info),
                file,
                size,
                print.sha256.as_str(),
                now,
                user
            ],
        )
        .await?;
    row.ok_or_else(|| exists(info))?.get(0).map_err(Error::from)
}

/// 409: the version is there already.
pub(super) fn exists(info: &PackageInfo) -> Error {
    Error::conflict(codes::ITEM_ALREADY_EXISTS, format!("The package {} already exists.", info.key()))
}
