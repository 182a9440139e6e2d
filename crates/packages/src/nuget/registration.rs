//! Registrations: what the versions of a package say about themselves, all of them on one page.

use super::access::{challenged, enter};
use super::base;
use crate::feeds::Feed;
use crate::nupkg::Version;
use crate::versions::record;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, time};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Value, json};

struct Entry {
    id: String,
    version: String,
    title: Option<String>,
    authors: Option<String>,
    description: Option<String>,
    tags: Option<String>,
    license_url: Option<String>,
    project_url: Option<String>,
    dependencies: String,
    published_at: i64,
    version_key: String,
}

fn entry(row: &Row) -> Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        version: row.get(1)?,
        title: row.get(2)?,
        authors: row.get(3)?,
        description: row.get(4)?,
        tags: row.get(5)?,
        license_url: row.get(6)?,
        project_url: row.get(7)?,
        dependencies: row.get(8)?,
        published_at: row.get(9)?,
        version_key: row.get(10)?,
    })
}

async fn entries(conn: &mut Conn, feed: &Feed, id: &str) -> Result<Vec<Entry>> {
    let rows = conn
        .query(
            "SELECT v.package_id, v.normal_version, v.title, v.authors, v.description, v.tags, v.license_url, \
             v.project_url, v.dependencies, v.published_at, v.version_key \
             FROM package_versions v JOIN packages p ON p.id = v.package_ref \
             WHERE p.feed_id = $1 AND fold(p.package_id) = fold($2) ORDER BY v.version_key",
            params![feed.id.as_str(), id],
        )
        .await?;
    if rows.is_empty() {
        return Err(Error::not_found(record::what(feed.purpose)));
    }
    rows.iter().map(entry).collect()
}

/// Tags as a list, the way the protocol has them.
pub(super) fn tags(text: Option<&str>) -> Vec<&str> {
    text.unwrap_or_default().split([' ', ',', ';']).filter(|t| !t.is_empty()).collect()
}

/// Addresses of a package: registration index, one version's leaf, its file.
pub(super) fn addresses(base: &str, id: &str, version: &str) -> (String, String, String) {
    let id = id.to_lowercase();
    (
        format!("{base}/registrations/{id}/index.json"),
        format!("{base}/registrations/{id}/{version}.json"),
        format!("{base}/flat/{id}/{version}/{id}.{version}.nupkg"),
    )
}

/// Dependencies by framework.
fn groups(text: &str) -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for row in rows {
        let framework = row["targetFramework"].clone();
        let dependency = json!({"id": row["id"], "range": row["range"].as_str().unwrap_or("(, )")});
        match groups.iter_mut().find(|(f, _)| *f == framework) {
            Some((_, list)) => list.push(dependency),
            None => groups.push((framework, vec![dependency])),
        }
    }
    groups
        .into_iter()
        .map(|(framework, dependencies)| match framework {
            Value::Null => json!({ "dependencies": dependencies }),
            framework => json!({"targetFramework": framework, "dependencies": dependencies}),
        })
        .collect()
}

fn show(base: &str, entry: &Entry) -> Value {
    let (registration, leaf, content) = addresses(base, &entry.id, &entry.version);
    json!({
        "@id": leaf,
        "@type": "Package",
        "packageContent": content,
        "registration": registration,
        "catalogEntry": {
            "@id": leaf,
            "@type": "PackageDetails",
            "id": entry.id,
            "version": entry.version,
            "title": entry.title,
            "authors": entry.authors.as_deref().unwrap_or_default(),
            "description": entry.description.as_deref().unwrap_or_default(),
            "licenseUrl": entry.license_url.as_deref().unwrap_or_default(),
            "projectUrl": entry.project_url.as_deref().unwrap_or_default(),
            "tags": tags(entry.tags.as_deref()),
            "listed": true,
            "published": time::iso(entry.published_at),
            "packageContent": content,
            "dependencyGroups": groups(&entry.dependencies),
        },
    })
}

/// `GET …/registrations/{id}/index.json`
pub(super) async fn index(call: &mut Call) -> Result<Output> {
    let outcome = page(call).await;
    challenged(call, outcome)
}

async fn page(call: &Call) -> Result<Output> {
    let feed = enter(call, "View").await?.feed;
    let id = call.need_argument("id")?;
    let entries = entries(&mut call.read().await?, &feed, id).await?;
    let base = base(call, &feed.id);
    let version = |e: Option<&Entry>| e.map(|e| e.version.clone()).unwrap_or_default();
    let (lower, upper) = (version(entries.first()), version(entries.last()));
    let (address, _, _) = addresses(&base, id, "");
    let items: Vec<Value> = entries.iter().map(|e| show(&base, e)).collect();
    Ok(Output::json(json!({
        "@id": address,
        "count": 1,
        "items": [{
            "@id": format!("{address}#page/{lower}/{upper}"),
            "count": items.len(),
            "lower": lower,
            "upper": upper,
            "items": items,
        }],
    })))
}

/// `GET …/registrations/{id}/{version}.json`
pub(super) async fn leaf(call: &mut Call) -> Result<Output> {
    let outcome = one(call).await;
    challenged(call, outcome)
}

async fn one(call: &Call) -> Result<Output> {
    let feed = enter(call, "View").await?.feed;
    let absent = || Error::not_found(record::what(feed.purpose));
    let version = call.need_argument("leaf")?.strip_suffix(".json").ok_or_else(absent)?;
    let key = Version::parse(version).map_err(|e| absent().because(e))?.sort_key();
    let entries = entries(&mut call.read().await?, &feed, call.need_argument("id")?).await?;
    let entry = entries.iter().find(|e| e.version_key == key).ok_or_else(absent)?;
    Ok(Output::json(show(&base(call, &feed.id), entry)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_grouped_by_framework() {
        let text = r#"[{"id":"A","range":"[1.0]","targetFramework":"net8.0"},{"id":"B","range":null,"targetFramework":null},
            {"id":"C","range":"2.0","targetFramework":"net8.0"}]"#;
        assert_eq!(
            groups(text),
            [
                json!({"targetFramework": "net8.0", "dependencies": [{"id": "A", "range": "[1.0]"}, {"id": "C", "range": "2.0"}]}),
                json!({"dependencies": [{"id": "B", "range": "(, )"}]}),
            ]
        );
        assert!(groups("nonsense").is_empty());
    }

    #[test]
    fn tags_become_a_list() {
        assert_eq!(tags(Some("VisualBasic VB, Process;x")), ["VisualBasic", "VB", "Process", "x"]);
        assert!(tags(None).is_empty());
    }
}
