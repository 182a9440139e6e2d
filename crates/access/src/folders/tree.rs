//! The folders of a tenant as a tree in memory: ancestors, descendants, paths. Pure; reading it is the only SQL.

use crate::kinds;
use bandmaster_core::Result;
use bandmaster_store::{Conn, Row, fold, params};
use std::collections::{BTreeMap, HashMap};

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Id.
    pub id: i64,
    /// GUID; also that of the folder's own feed, where it has one.
    pub key: String,
    /// Its own name.
    pub name: String,
    /// Names from the root on, joined with `/`.
    pub path: String,
    /// Free text.
    pub description: Option<String>,
    /// The folder above.
    pub parent_id: Option<i64>,
    /// Number of folders above.
    pub depth: i64,
    /// Number of `FolderType`.
    pub folder_type: i64,
    /// Number of `FeedType`.
    pub feed_type: i64,
    /// The owner of a personal workspace.
    pub owner_user_id: Option<i64>,
}

impl Node {
    /// The columns that [`Node::of`] reads, of a table called `f`.
    pub const COLUMNS: &'static str = "f.id, f.key, f.display_name, f.path, f.description, f.parent_id, f.depth, \
                                       f.folder_type, f.feed_type, f.owner_user_id";

    /// A row of [`Node::COLUMNS`].
    pub fn of(row: &Row) -> Result<Node> {
        Ok(Node {
            id: row.get(0)?,
            key: row.get(1)?,
            name: row.get(2)?,
            path: row.get(3)?,
            description: row.get(4)?,
            parent_id: row.get(5)?,
            depth: row.get(6)?,
            folder_type: row.get(7)?,
            feed_type: row.get(8)?,
            owner_user_id: row.get(9)?,
        })
    }

    /// Whether this is somebody's personal workspace.
    pub fn is_personal(&self) -> bool {
        self.folder_type == kinds::PERSONAL
    }

    /// Whether the folder has a feed of its own. Folders below it share that.
    pub fn has_feed(&self) -> bool {
        matches!(self.feed_type, kinds::FEED_WORKSPACE | kinds::FEED_HIERARCHY) && self.parent_id.is_none()
    }
}

/// All folders of a tenant.
#[derive(Debug, Default)]
pub struct Tree {
    /// Parents before children, siblings by name.
    nodes: Vec<Node>,
    by_id: HashMap<i64, usize>,
    by_key: HashMap<String, usize>,
    by_path: HashMap<String, usize>,
    children: HashMap<Option<i64>, Vec<usize>>,
}

impl Tree {
    /// Reads a tenant's folders.
    pub async fn load(conn: &mut Conn, tenant_id: i64) -> Result<Tree> {
        let sql = format!("SELECT {} FROM folders f WHERE f.tenant_id = $1", Node::COLUMNS);
        let rows = conn.query(&sql, params![tenant_id]).await?;
        Ok(Tree::of(rows.iter().map(Node::of).collect::<Result<_>>()?))
    }

    /// A tree of these folders.
    pub fn of(mut nodes: Vec<Node>) -> Tree {
        nodes.sort_by_cached_key(|n| (n.depth, fold(&n.path)));
        let mut tree = Tree::default();
        for (at, node) in nodes.iter().enumerate() {
            tree.by_id.insert(node.id, at);
            tree.by_key.insert(node.key.clone(), at);
            tree.by_path.insert(fold(&node.path), at);
            tree.children.entry(node.parent_id).or_default().push(at);
        }
        tree.nodes = nodes;
        tree
    }

    /// All folders, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// All folders, every folder followed by what is below it.
    pub fn in_depth(&self) -> Vec<&Node> {
        let mut out = Vec::with_capacity(self.nodes.len());
        let mut stack: Vec<usize> = self.below(None).rev().collect();
        while let Some(at) = stack.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            out.push(node);
            stack.extend(self.below(Some(node.id)).rev());
        }
        out
    }

    fn below(&self, parent: Option<i64>) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.children.get(&parent).map_or(&[][..], Vec::as_slice).iter().copied()
    }

    fn at(&self, index: Option<&usize>) -> Option<&Node> {
        index.and_then(|i| self.nodes.get(*i))
    }

    /// The folder of that id.
    pub fn get(&self, id: i64) -> Option<&Node> {
        self.at(self.by_id.get(&id))
    }

    /// The folder of that key (lower case).
    pub fn by_key(&self, key: &str) -> Option<&Node> {
        self.at(self.by_key.get(key))
    }

    /// The folder of that full path, without regard to case.
    pub fn by_path(&self, path: &str) -> Option<&Node> {
        self.at(self.by_path.get(&fold(path)))
    }

    /// The folders directly below; of none: the first level.
    pub fn children(&self, id: Option<i64>) -> impl Iterator<Item = &Node> {
        self.below(id).filter_map(|at| self.nodes.get(at))
    }

    /// The folders above, nearest first.
    pub fn above(&self, id: i64) -> impl Iterator<Item = &Node> {
        let mut next = self.get(id).and_then(|n| n.parent_id);
        std::iter::from_fn(move || {
            let node = self.get(next?)?;
            next = node.parent_id;
            Some(node)
        })
    }

    /// The folder and everything below it.
    pub fn subtree(&self, id: i64) -> Vec<&Node> {
        let mut out: Vec<&Node> = self.get(id).into_iter().collect();
        let mut next = 0;
        while let Some(node) = out.get(next) {
            let id = node.id;
            out.extend(self.children(Some(id)));
            next += 1;
        }
        out
    }

    /// Whether a folder is `root` or below it.
    pub fn is_within(&self, id: i64, root: i64) -> bool {
        id == root || self.above(id).any(|n| n.id == root)
    }

    /// The first-level folder above (or the folder itself).
    pub fn root_of(&self, id: i64) -> Option<&Node> {
        self.above(id).last().or_else(|| self.get(id))
    }

    /// What holds in folders also holds below them: `direct` values carried down the tree with `join`.
    pub fn inherit<T: Clone>(&self, direct: &HashMap<i64, T>, join: impl Fn(&mut T, &T)) -> BTreeMap<i64, T> {
        let mut out: BTreeMap<i64, T> = BTreeMap::new();
        for node in &self.nodes {
            let mut value = node.parent_id.and_then(|p| out.get(&p)).cloned();
            if let Some(own) = direct.get(&node.id) {
                match &mut value {
                    Some(inherited) => join(inherited, own),
                    None => value = Some(own.clone()),
                }
            }
            if let Some(value) = value {
                out.insert(node.id, value);
            }
        }
        out
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn node(id: i64, path: &str, parent_id: Option<i64>) -> Node {
        Node {
            id,
            key: format!("00000000-0000-4000-8000-{id:012}"),
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path: path.to_owned(),
            description: None,
            parent_id,
            depth: i64::try_from(path.matches('/').count()).unwrap(),
            folder_type: kinds::STANDARD,
            feed_type: kinds::FEED_PROCESSES,
            owner_user_id: None,
        }
    }

    /// Finance(1) with Invoices(2) with EU(3); Shared(4).
    pub(crate) fn sample() -> Tree {
        Tree::of(vec![
            node(3, "Finance/Invoices/EU", Some(2)),
            node(4, "Shared", None),
            node(1, "Finance", None),
            node(2, "Finance/Invoices", Some(1)),
        ])
    }

    fn ids<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Vec<i64> {
        nodes.into_iter().map(|n| n.id).collect()
    }

    #[test]
    fn walks() {
        let t = sample();
        assert_eq!(ids(t.above(3)), [2, 1]);
        assert_eq!(ids(t.subtree(1)), [1, 2, 3]);
        assert_eq!(ids(t.children(None)), [1, 4]);
        assert_eq!(ids(t.in_depth()), [1, 2, 3, 4]);
        assert_eq!(t.root_of(3).map(|n| n.id), Some(1));
        assert_eq!(t.root_of(4).map(|n| n.id), Some(4));
        assert_eq!(t.root_of(9), None);
        assert!(t.is_within(3, 1) && !t.is_within(1, 3) && t.is_within(4, 4));
        assert_eq!(t.by_path("FINANCE/invoices").map(|n| n.id), Some(2));
        assert_eq!(t.by_key("00000000-0000-4000-8000-000000000004").map(|n| n.id), Some(4));
        assert!(t.subtree(9).is_empty());
    }

    #[test]
    fn inheritance_adds_up_downwards_only() {
        let direct = HashMap::from([(2, vec!["a"]), (3, vec!["b"])]);
        let got = sample().inherit(&direct, |mine, own| mine.extend(own));
        assert_eq!(got.into_iter().collect::<Vec<_>>(), [(2, vec!["a"]), (3, vec!["a", "b"])]);
    }
}
