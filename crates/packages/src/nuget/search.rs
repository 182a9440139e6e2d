//! Search: the latest version of every package that fits.

use super::access::{challenged, enter};
use super::base;
use super::registration::{addresses, tags};
use bandmaster_api::{Call, Output};
use bandmaster_core::text::{Within, like};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Packages of a page.
const MOST: i64 = 100;
const USUAL: i64 = 20;

/// `GET …/query?q=&skip=&take=&prerelease=`
pub(super) async fn search(call: &mut Call) -> Result<Output> {
    let outcome = found(call).await;
    challenged(call, outcome)
}

fn number(call: &Call, name: &str, default: i64) -> Result<i64> {
    let value = call.int_query(name)?.unwrap_or(default);
    if value < 0 { Err(Error::argument(format!("{name} must not be negative."))) } else { Ok(value) }
}

async fn found(call: &Call) -> Result<Output> {
    let feed = enter(call, "View").await?.feed;
    let (skip, take) = (number(call, "skip", 0)?, number(call, "take", USUAL)?.min(MOST));
    let prerelease = call.bool_query("prerelease")?.unwrap_or(false);
    let pattern = like(call.query("q").unwrap_or_default(), Within::Anywhere);
    let mut conn = call.read().await?;
    let total = conn
        .query_one(
            "SELECT COUNT(*) FROM package_versions WHERE feed_id = $1 AND is_latest = 1 AND is_prerelease <= $2 \
             AND (fold(package_id) LIKE $3 ESCAPE '\\' OR fold(title) LIKE $3 ESCAPE '\\' \
             OR fold(description) LIKE $3 ESCAPE '\\' OR fold(tags) LIKE $3 ESCAPE '\\')",
            params![feed.id.as_str(), prerelease, pattern.as_str()],
        )
        .await?;
    let total: i64 = total.get(0)?;
    let rows = conn
        .query(
            "SELECT package_ref, package_id, normal_version, title, description, authors, tags FROM package_versions \
             WHERE feed_id = $1 AND is_latest = 1 AND is_prerelease <= $2 \
             AND (fold(package_id) LIKE $3 ESCAPE '\\' OR fold(title) LIKE $3 ESCAPE '\\' \
             OR fold(description) LIKE $3 ESCAPE '\\' OR fold(tags) LIKE $3 ESCAPE '\\') \
             ORDER BY fold(package_id) LIMIT $4 OFFSET $5",
            params![feed.id.as_str(), prerelease, pattern, take, skip],
        )
        .await?;
    let refs: Vec<String> = rows.iter().map(|r| Ok(r.get::<i64>(0)?.to_string())).collect::<Result<_>>()?;
    let mut versions: HashMap<i64, Vec<String>> = HashMap::new();
    if !refs.is_empty() {
        let sql = format!(
            "SELECT package_ref, normal_version FROM package_versions WHERE package_ref IN ({}) AND is_prerelease <= $1 \
             ORDER BY version_key",
            refs.join(", ")
        );
        for row in conn.query_dynamic(&sql, params![prerelease]).await? {
            versions.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
    }
    let base = base(call, &feed.id);
    let mut data = Vec::with_capacity(rows.len());
    for row in &rows {
        let (id, version): (String, String) = (row.get(1)?, row.get(2)?);
        let text = |column| row.get::<Option<String>>(column).map(Option::unwrap_or_default);
        let (registration, _, _) = addresses(&base, &id, &version);
        let all = versions.remove(&row.get::<i64>(0)?).unwrap_or_default();
        let all: Vec<Value> =
            all.iter().map(|v| json!({"version": v, "downloads": 0, "@id": addresses(&base, &id, v).1})).collect();
        data.push(json!({
            "@id": registration,
            "@type": "Package",
            "registration": registration,
            "id": id,
            "version": version,
            "title": text(3)?,
            "description": text(4)?,
            "authors": text(5)?.split(',').map(str::trim).filter(|a| !a.is_empty()).collect::<Vec<_>>(),
            "tags": tags(row.get::<Option<String>>(6)?.as_deref()),
            "totalDownloads": 0,
            "versions": all,
        }));
    }
    Ok(Output::json(json!({"totalHits": total, "data": data})))
}
