//! Reading packages: the latest versions of a feed, the versions of one package, entry points.

use super::entity::VERSION_ORDER;
use super::record::{self, entity_type};
use crate::feeds::{self, Purpose};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::text::{Within, like};
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::Param;
use bandmaster_odata::{Class, OrderTerm, PropertyPath, Scalar};
use bandmaster_store::fold;

/// The latest version of every package of a feed; `searchTerm` looks into id, title and description.
pub(super) async fn latest(call: &Call, purpose: Purpose) -> Result<Output> {
    let feed = feeds::of_call(call, purpose, "View").await?;
    let mut query = call.bound_query(entity_type(purpose))?;
    query.and_sql("{t}.feed_id = ? AND {t}.is_latest = 1", vec![Param::from(feed.id)]);
    if let Some(term) = call.query("searchTerm") {
        let pattern = like(term, Within::Anywhere);
        query.and_sql(
            "(fold({t}.package_id) LIKE ? ESCAPE '\\' OR fold({t}.title) LIKE ? ESCAPE '\\' \
             OR fold({t}.description) LIKE ? ESCAPE '\\')",
            vec![Param::from(pattern.as_str()), Param::from(pattern.as_str()), Param::from(pattern)],
        );
    }
    call.list_query(query, &Folders::All).await
}

/// All versions of one package, newest first. An unknown id has none.
pub(super) async fn versions(call: &Call, purpose: Purpose, argument: &str) -> Result<Output> {
    let feed = feeds::of_call(call, purpose, "View").await?;
    let id = call.need_argument(argument)?;
    let mut query = call.bound_query(entity_type(purpose))?;
    query.and_sql(
        "{t}.package_ref IN (SELECT p.id FROM packages p WHERE p.feed_id = ? AND fold(p.package_id) = ?)",
        vec![Param::from(feed.id), Param::from(fold(id))],
    );
    if query.order.is_empty() {
        let path = PropertyPath { variable: 0, hops: Vec::new(), property: &VERSION_ORDER };
        query.order.push(OrderTerm { scalar: Scalar::Property(path), class: Class::Guid, descending: true });
    }
    call.list_query(query, &Folders::All).await
}

/// `GET …GetProcessVersion(key='Id:Version')`
pub(super) async fn one_version(call: &mut Call) -> Result<Output> {
    let feed = feeds::of_call(call, Purpose::Processes, "View").await?;
    let found = record::of_key(&mut call.read().await?, &feed, call.need_argument("key")?).await?;
    let ty = entity_type(Purpose::Processes);
    let shown = call.entity_where(ty, &Folders::All, "{t}.id = ?", vec![found.id.into()]).await;
    // Deleted in between.
    shown.map_err(|e| if e.status() == 404 { Error::not_found("Package") } else { e })
}

/// `GET …GetPackageEntryPoints(key='Id:Version')`
pub(super) async fn entry_points(call: &mut Call) -> Result<Output> {
    let feed = feeds::of_call(call, Purpose::Processes, "View").await?;
    let mut conn = call.read().await?;
    let version = record::of_key(&mut conn, &feed, call.need_argument("key")?).await?;
    let entries = record::entries(&mut conn, version.id).await?;
    drop(conn);
    call.computed("EntryPoints", entries.iter().map(record::EntryRecord::json).collect())
}

/// `GET …GetPackageMainEntryPoint(key='Id:Version')`; 404 when the package does not tell which is the main one.
pub(super) async fn main_entry_point(call: &mut Call) -> Result<Output> {
    let feed = feeds::of_call(call, Purpose::Processes, "View").await?;
    let mut conn = call.read().await?;
    let version = record::of_key(&mut conn, &feed, call.need_argument("key")?).await?;
    let entries = record::entries(&mut conn, version.id).await?;
    let main = record::main_entry(&version, &entries).ok_or_else(|| Error::not_found("EntryPoint"))?;
    match main.json() {
        serde_json::Value::Object(members) => Ok(Output::entity("EntryPoints", members)),
        _ => Err(Error::internal("an entry point is no object")),
    }
}
