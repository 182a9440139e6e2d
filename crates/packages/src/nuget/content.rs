//! Package content: which versions there are, and their files.

use super::access::{challenged, enter};
use crate::nupkg::Version;
use crate::versions::{download, record};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::json;

/// `GET …/flat/{id}/index.json`
pub(super) async fn versions(call: &mut Call) -> Result<Output> {
    let outcome = list(call).await;
    challenged(call, outcome)
}

async fn list(call: &Call) -> Result<Output> {
    let feed = enter(call, "View").await?.feed;
    let mut conn = call.read().await?;
    let rows = conn
        .query(
            "SELECT v.normal_version FROM package_versions v JOIN packages p ON p.id = v.package_ref \
             WHERE p.feed_id = $1 AND fold(p.package_id) = fold($2) ORDER BY v.version_key",
            params![feed.id, call.need_argument("id")?],
        )
        .await?;
    if rows.is_empty() {
        return Err(Error::not_found(record::what(feed.purpose)));
    }
    let versions: Vec<String> = rows.iter().map(|r| r.get(0)).collect::<Result<_, _>>()?;
    Ok(Output::json(json!({ "versions": versions })))
}

/// `GET …/flat/{id}/{version}/{id}.{version}.nupkg`
pub(super) async fn file(call: &mut Call) -> Result<Output> {
    let outcome = content(call).await;
    challenged(call, outcome)
}

async fn content(call: &Call) -> Result<Output> {
    let feed = enter(call, "View").await?.feed;
    let absent = || Error::not_found(record::what(feed.purpose));
    let (id, version) = (call.need_argument("id")?, call.need_argument("version")?);
    let expected = format!("{id}.{version}.nupkg");
    if !call.need_argument("file")?.eq_ignore_ascii_case(&expected) {
        return Err(absent());
    }
    let version = Version::parse(version).map_err(|e| absent().because(e))?;
    let found = record::find(&mut call.read().await?, &feed.id, id, &version).await?.ok_or_else(absent)?;
    download::file(&call.app, &found, feed.purpose).await
}
