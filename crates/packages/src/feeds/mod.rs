//! Feeds: where packages are. A tenant has a feed of processes and one of libraries; a first-level folder may own
//! a feed for itself and everything below it, a personal workspace always does.
//!
//! A feed is not a row: its GUID is the key of the folder that owns it, or is made from the tenant's key, so it is
//! there from the start and stays the same. A feed that the caller may not know of answers like one that does not
//! exist.

mod key;
mod operations;

pub use key::api_key;
pub(crate) use key::tenant_of_api_key;

use crate::neighbours::{self, FeedFolder};
use crate::nupkg::derived_guid;
use bandmaster_api::{Call, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_store::Conn;

/// What a feed holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Packages that processes are made of.
    Processes,
    /// Packages that other packages are built on.
    Libraries,
}

impl Purpose {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Processes => "Processes",
            Purpose::Libraries => "Libraries",
        }
    }
}

/// A feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// GUID.
    pub id: String,
    /// What it holds.
    pub purpose: Purpose,
    /// The folder that owns it; the tenant's feeds have none.
    pub(crate) folder: Option<FeedFolder>,
}

impl Feed {
    /// One of the tenant's two feeds.
    pub fn of_tenant(tenant_key: &str, purpose: Purpose) -> Feed {
        Feed { id: derived_guid(&["feed", purpose.as_str(), tenant_key]), purpose, folder: None }
    }

    /// The name by which people know it.
    pub fn name(&self) -> String {
        match (&self.folder, self.purpose) {
            (Some(folder), _) => format!("Orchestrator {} Feed", folder.name),
            (None, purpose) => format!("Orchestrator Tenant {} Feed", purpose.as_str()),
        }
    }

    /// The resource whose permissions guard it.
    fn resource(&self) -> &'static str {
        match (&self.folder, self.purpose) {
            (Some(_), _) => "FolderPackages",
            (None, Purpose::Processes) => "Packages",
            (None, Purpose::Libraries) => "Libraries",
        }
    }

    /// Refuses unless the caller may do that (`View`, `Create`, `Edit`, `Delete`) with the feed's packages. A folder's
    /// packages may be viewed with the permission in any folder that uses the feed, since processes there are
    /// made of them and run; everything else needs it in the folder that owns the feed.
    fn require(&self, call: &Call, action: &str) -> Result<()> {
        let permission = format!("{}.{action}", self.resource());
        match &self.folder {
            None => call.require(&permission, None),
            Some(folder) => {
                if !folder.users.iter().any(|id| call.rights.sees(*id)) {
                    return Err(unknown());
                }
                let anywhere =
                    action == "View" && folder.users.iter().any(|id| call.rights.has(&permission, Some(*id)));
                if anywhere { Ok(()) } else { call.require(&permission, Some(folder.id)) }
            }
        }
    }
}

fn unknown() -> Error {
    Error::not_found("Feed")
}

/// Address of a feed's NuGet service index. `base` is scheme, host and layout prefix.
pub fn url(base: &str, feed_id: &str) -> String {
    format!("{base}/nuget/v3/{feed_id}/index.json")
}

/// The feed that a folder takes its packages from.
pub async fn of_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<String> {
    if let Some(id) = neighbours::feed_of_folder(conn, tenant_id, folder_id).await? {
        return Ok(id);
    }
    let key = neighbours::tenant_key(conn, tenant_id).await?.ok_or_else(|| Error::internal("a tenant vanished"))?;
    Ok(Feed::of_tenant(&key, Purpose::Processes).id)
}

/// The feed of that GUID, whatever the caller may do there.
async fn of_id(call: &Call, conn: &mut Conn, id: &str) -> Result<Feed> {
    let tenant = call.tenant()?;
    for purpose in [Purpose::Processes, Purpose::Libraries] {
        let feed = Feed::of_tenant(&tenant.key, purpose);
        if feed.id == id {
            return Ok(feed);
        }
    }
    let folder = neighbours::owner_of_feed(conn, tenant.id, id).await?.ok_or_else(unknown)?;
    Ok(Feed { id: folder.key.clone(), purpose: Purpose::Processes, folder: Some(folder) })
}

/// The feed that the request's `feedId` names, the tenant's own without one, if the caller may do `action` there.
pub(crate) async fn of_call(call: &Call, purpose: Purpose, action: &str) -> Result<Feed> {
    let feed = match call.guid_query("feedId")? {
        Some(id) => {
            let mut conn = call.read().await?;
            let found = of_id(call, &mut conn, &id).await?;
            if found.purpose != purpose {
                return Err(unknown());
            }
            found
        }
        None => Feed::of_tenant(&call.tenant()?.key, purpose),
    };
    feed.require(call, action)?;
    Ok(feed)
}

/// The feed of that GUID, if the caller may do `action` there.
pub(crate) async fn permitted(call: &Call, id: &str, action: &str) -> Result<Feed> {
    let mut conn = call.read().await?;
    let feed = of_id(call, &mut conn, id).await?;
    feed.require(call, action)?;
    Ok(feed)
}

/// All feeds whose packages the caller may view.
async fn visible(call: &Call) -> Result<Vec<Feed>> {
    let tenant = call.tenant()?;
    let mut conn = call.read().await?;
    let own = [Purpose::Processes, Purpose::Libraries].map(|purpose| Feed::of_tenant(&tenant.key, purpose));
    let folders = neighbours::owners_of_feeds(&mut conn, tenant.id).await?;
    let folders = folders.into_iter().map(|f| Feed { id: f.key.clone(), purpose: Purpose::Processes, folder: Some(f) });
    Ok(own.into_iter().chain(folders).filter(|feed| feed.require(call, "View").is_ok()).collect())
}

/// Registers the operations of feeds.
pub fn register(r: &mut Registry) {
    operations::register(r);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_of_tenants_are_told_apart_and_stay() {
        let ids: Vec<String> = ["a", "b"]
            .iter()
            .flat_map(|t| [Purpose::Processes, Purpose::Libraries].map(|p| Feed::of_tenant(t, p).id))
            .collect();
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 4);
        assert_eq!(Feed::of_tenant("a", Purpose::Processes).id, ids[0]);
        assert_eq!(bandmaster_core::ids::parse_guid(&ids[0]).as_ref(), Some(&ids[0]));
    }

    #[test]
    fn names_and_addresses() {
        let feed = Feed::of_tenant("a", Purpose::Libraries);
        assert_eq!(feed.name(), "Orchestrator Tenant Libraries Feed");
        let folder = FeedFolder { id: 1, key: "k".into(), name: "Finance".into(), personal: false, users: vec![1] };
        let feed = Feed { id: "k".into(), purpose: Purpose::Processes, folder: Some(folder) };
        assert_eq!(feed.name(), "Orchestrator Finance Feed");
        assert_eq!(url("http://h/a/b", "k"), "http://h/a/b/nuget/v3/k/index.json");
    }
}
