//! What packages read of folders and tenants, which belong to the access crate, in the shape that they need.

use bandmaster_access::folders::{self, Node, Tree};
use bandmaster_core::Result;
use bandmaster_store::{Conn, params};

/// A folder that owns a feed. The feed's GUID is the folder's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedFolder {
    pub id: i64,
    pub key: String,
    pub name: String,
    pub personal: bool,
    /// The folders that take their packages from the feed, the owner included.
    pub users: Vec<i64>,
}

fn feed_folder(tree: &Tree, node: &Node) -> FeedFolder {
    FeedFolder {
        id: node.id,
        key: node.key.clone(),
        name: node.name.clone(),
        personal: node.is_personal(),
        users: tree.subtree(node.id).into_iter().map(|n| n.id).collect(),
    }
}

/// The folder that owns the feed of that GUID.
pub(crate) async fn owner_of_feed(conn: &mut Conn, tenant_id: i64, feed: &str) -> Result<Option<FeedFolder>> {
    let Some(node) = folders::find_by_key(conn, tenant_id, feed).await?.filter(Node::has_feed) else {
        return Ok(None);
    };
    let tree = Tree::load(conn, tenant_id).await?;
    Ok(Some(feed_folder(&tree, &node)))
}

/// All folders of a tenant that own a feed.
pub(crate) async fn owners_of_feeds(conn: &mut Conn, tenant_id: i64) -> Result<Vec<FeedFolder>> {
    let tree = Tree::load(conn, tenant_id).await?;
    Ok(tree.iter().filter(|n| n.has_feed()).map(|n| feed_folder(&tree, n)).collect())
}

/// GUID of the feed that a folder takes its packages from, when that is not the tenant's.
pub(crate) async fn feed_of_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Option<String>> {
    Ok(folders::feed_root(conn, tenant_id, folder_id).await?.map(|n| n.key))
}

/// The folder of that key.
pub(crate) async fn folder_by_key(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<i64>> {
    Ok(folders::find_by_key(conn, tenant_id, key).await?.map(|n| n.id))
}

/// GUID of a folder.
pub(crate) async fn key_of_folder(conn: &mut Conn, folder_id: i64) -> Result<Option<String>> {
    let row = conn.query_opt("SELECT key FROM folders WHERE id = $1", params![folder_id]).await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

/// GUID of a tenant.
pub(crate) async fn tenant_key(conn: &mut Conn, tenant_id: i64) -> Result<Option<String>> {
    let row = conn.query_opt("SELECT key FROM tenants WHERE id = $1", params![tenant_id]).await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}
