//! Folders: the tree, who is assigned to them, and the operations on both.
//!
//! Machines in folders belong to the fleet, resources in folders to their features.

pub mod assignment;
pub mod change;
pub mod create;
pub mod current;
pub mod delete;
pub mod entity;
pub mod navigation;
pub mod operations;
pub mod roles_of_user;
pub mod rules;
pub mod tree;
pub mod units;
pub mod users;

pub use assignment::{assign_user, unassign_user};
pub use create::{NewFolder, create};
pub use tree::{Node, Tree};

use bandmaster_core::Result;
use bandmaster_store::{Conn, params};

/// The folder of that id, if the tenant has it.
pub async fn find(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<Node>> {
    let sql = format!("SELECT {} FROM folders f WHERE f.tenant_id = $1 AND f.id = $2", Node::COLUMNS);
    conn.query_opt(&sql, params![tenant_id, id]).await?.as_ref().map(Node::of).transpose()
}

/// The folder of that key (lower case).
pub async fn find_by_key(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<Node>> {
    let sql = format!("SELECT {} FROM folders f WHERE f.tenant_id = $1 AND f.key = $2", Node::COLUMNS);
    conn.query_opt(&sql, params![tenant_id, key]).await?.as_ref().map(Node::of).transpose()
}

/// The folder of that full path, without regard to case.
pub async fn find_by_path(conn: &mut Conn, tenant_id: i64, path: &str) -> Result<Option<Node>> {
    let sql = format!("SELECT {} FROM folders f WHERE f.tenant_id = $1 AND fold(f.path) = fold($2)", Node::COLUMNS);
    conn.query_opt(&sql, params![tenant_id, path]).await?.as_ref().map(Node::of).transpose()
}

/// The folders above one, nearest first.
pub async fn ancestors(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Vec<Node>> {
    Ok(Tree::load(conn, tenant_id).await?.above(id).cloned().collect())
}

/// The folders below one, parents before children; the folder itself is not among them.
pub async fn descendants(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Vec<Node>> {
    Ok(Tree::load(conn, tenant_id).await?.subtree(id).into_iter().filter(|n| n.id != id).cloned().collect())
}

/// The folder whose feed a folder takes its packages from: its first-level folder or workspace, when that has a feed
/// of its own; `None`: the tenant's feed. The feed's GUID is that folder's key.
pub async fn feed_root(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<Node>> {
    Ok(rules::feed_root(&Tree::load(conn, tenant_id).await?, id).cloned())
}
