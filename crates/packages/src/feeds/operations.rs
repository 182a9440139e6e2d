//! The operations that tell which feeds there are. Addresses in their answers lead to the NuGet surface.

use super::{Feed, Purpose, of_folder, url, visible};
use crate::neighbours;
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

const TYPES: &str = "\
type PackageFeedDto
  name string
  purpose enum(Processes|Libraries)
  isShared bool
  isPublic bool
  isExternal bool
  feedUrl string
  publishUrl string
  authenticationType string
  basicUserName string
  basicPassword string
  apiKey string
  feedType enum(Undefined|Processes|Libraries|PersonalWorkspace|FolderHierarchy)
  folderId int64
  id uuid
";

/// Registers them.
pub fn register(r: &mut Registry) {
    r.types(TYPES);
    r.serve("PackageFeeds_GetFolderFeed", folder_feed).also(&[400, 404]);
    let own = |id, name: &str| {
        own(id, "GET", &format!("/api/PackageFeeds/{name}"))
            .tag("PackageFeeds")
            .scopes("OR.Execution,OR.Execution.Read")
    };
    r.add(
        own("PackageFeeds_GetFolderFeedByKey", "GetFolderFeedByKey").query("folderKey", "uuid").returns(200, "uuid"),
        folder_feed_by_key,
    )
    .also(&[400, 404]);
    r.add(own("PackageFeeds_GetFeeds", "GetFeeds").returns(200, "[PackageFeedDto]"), feeds);
    r.add(own("PackageFeeds_GetLibraryFeeds", "GetLibraryFeeds").returns(200, "[PackageFeedDto]"), library_feeds);
}

/// The feed's GUID, or null for the tenant's feed, as a plain JSON value. Folders that the caller does not see
/// do not exist.
async fn tell_folder_feed(call: &Call, folder_id: Option<i64>) -> Result<Output> {
    let folder_id = folder_id.filter(|id| call.rights.sees(*id)).ok_or_else(|| Error::not_found("Folder"))?;
    let mut conn = call.read().await?;
    let feed = of_folder(&mut conn, call.tenant_id()?, folder_id).await?;
    let own = feed != Feed::of_tenant(&call.tenant()?.key, Purpose::Processes).id;
    Ok(Output::json(if own { Value::String(feed) } else { Value::Null }))
}

/// `GET /api/PackageFeeds/GetFolderFeed?folderId=`
async fn folder_feed(call: &mut Call) -> Result<Output> {
    match call.int_query("folderId")? {
        Some(id) => tell_folder_feed(call, Some(id)).await,
        // No folder takes its packages from the tenant.
        None => Ok(Output::json(Value::Null)),
    }
}

/// `GET /api/PackageFeeds/GetFolderFeedByKey?folderKey=`
async fn folder_feed_by_key(call: &mut Call) -> Result<Output> {
    let Some(key) = call.guid_query("folderKey")? else { return Ok(Output::json(Value::Null)) };
    let found = neighbours::folder_by_key(&mut call.read().await?, call.tenant_id()?, &key).await?;
    tell_folder_feed(call, found).await
}

fn show(call: &Call, feed: &Feed) -> Value {
    let address = url(&call.base, &feed.id);
    let feed_type = match (&feed.folder, feed.purpose) {
        (Some(folder), _) if folder.personal => "PersonalWorkspace",
        (Some(_), _) => "FolderHierarchy",
        (None, purpose) => purpose.as_str(),
    };
    json!({
        "name": feed.name(),
        "purpose": feed.purpose.as_str(),
        "isShared": false,
        "isPublic": false,
        "isExternal": false,
        "publishUrl": address,
        "feedUrl": address,
        "authenticationType": "None",
        "basicUserName": null,
        "basicPassword": null,
        // The key of the tenant's feeds is told to administrators only, with the settings.
        "apiKey": null,
        "feedType": feed_type,
        "folderId": feed.folder.as_ref().map(|f| f.id),
        "id": feed.id,
    })
}

/// `GET /api/PackageFeeds/GetFeeds`: the feeds whose packages the caller may view, as a plain array.
async fn feeds(call: &mut Call) -> Result<Output> {
    let feeds = visible(call).await?;
    Ok(Output::json(feeds.iter().map(|f| show(call, f)).collect::<Vec<Value>>()))
}

/// `GET /api/PackageFeeds/GetLibraryFeeds`
async fn library_feeds(call: &mut Call) -> Result<Output> {
    let feeds = visible(call).await?;
    let libraries = feeds.iter().filter(|f| f.purpose == Purpose::Libraries);
    Ok(Output::json(libraries.map(|f| show(call, f)).collect::<Vec<Value>>()))
}
