//! Folders as a tree for navigation. Folders that lead to the caller's own are shown too, but cannot be selected.

use super::current::{own_tree, paging, parent_key};
use super::entity::{full, simple};
use super::tree::{Node, Tree};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, PrincipalKind, Result};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Registers them.
pub fn register(r: &mut Registry) {
    r.serve("FoldersNavigation_GetAllFoldersForCurrentUser", all).refuses_more();
    r.serve("FoldersNavigation_GetFolderNavigationContextForCurrentUser", context).refuses_more().also(&[400, 404]);
}

/// Refuses tokens that an application got for itself: these operations are for people.
pub fn for_people(call: &Call) -> Result<()> {
    if call.principal.kind == PrincipalKind::Application { Err(Error::forbidden()) } else { Ok(()) }
}

/// What the caller is shown of a tree.
struct Shown<'t> {
    tree: &'t Tree,
    ids: HashSet<i64>,
}

impl<'t> Shown<'t> {
    fn to(call: &Call, tree: &'t Tree) -> Shown<'t> {
        let own = tree.iter().filter(|n| call.rights.sees(n.id));
        let ids = own.flat_map(|n| tree.above(n.id).chain([n])).map(|n| n.id).collect();
        Shown { tree, ids }
    }

    fn children(&self, id: Option<i64>) -> Vec<&'t Node> {
        self.tree.children(id).filter(|n| self.ids.contains(&n.id)).collect()
    }

    /// `ExtendedFolderDto`
    fn extended(&self, call: &Call, node: &Node) -> Value {
        let mut map = full(node, parent_key(self.tree, node));
        map.insert("IsSelectable".into(), json!(call.rights.sees(node.id)));
        map.insert("HasChildren".into(), json!(!self.children(Some(node.id)).is_empty()));
        map.insert("Level".into(), json!(node.depth));
        Value::Object(map)
    }
}

async fn all(call: &mut Call) -> Result<Output> {
    for_people(call)?;
    let tree = own_tree(call).await?;
    let shown = Shown::to(call, &tree);
    let rows = tree.in_depth().into_iter().filter(|n| shown.ids.contains(&n.id));
    Ok(Output::json(rows.map(|n| shown.extended(call, n)).collect::<Vec<_>>()))
}

async fn context(call: &mut Call) -> Result<Output> {
    for_people(call)?;
    let (skip, take) = paging(call, 1000)?;
    let id = call.int_query("folderId")?;
    let tree = own_tree(call).await?;
    let shown = Shown::to(call, &tree);
    let node = match id {
        Some(id) => {
            let node = tree.get(id).filter(|n| shown.ids.contains(&n.id));
            Some(node.ok_or_else(|| Error::not_found("Folder"))?)
        }
        None => None,
    };
    let children = shown.children(id);
    let page: Vec<Value> = children.iter().skip(skip).take(take).map(|n| shown.extended(call, n)).collect();
    let mut ancestors: Vec<Value> = id.into_iter().flat_map(|id| tree.above(id)).map(simple).collect();
    ancestors.reverse();
    Ok(Output::json(json!({
        "Id": node.map(|n| n.id),
        "DisplayName": node.map(|n| n.name.as_str()),
        "IsSelectable": node.is_some_and(|n| call.rights.sees(n.id)),
        "IsPersonal": node.is_some_and(Node::is_personal),
        "ProvisionType": "Automatic",
        "Ancestors": ancestors,
        "ChildrenPage": page,
        "ChildrenCount": children.len(),
    })))
}
