//! Renaming and moving folders. Paths repeat the names of the folders above, so both rewrite the whole subtree.

use super::tree::{Node, Tree};
use super::{entity, rules};
use crate::changes::rights_changed_in;
use bandmaster_api::Unit;
use bandmaster_api::query::entity_json;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Value as DbValue, params};
use serde_json::Value;

/// Gives a folder another name and description (`None`: leave as it is).
pub async fn edit(
    unit: &mut Unit,
    tenant_id: i64,
    id: i64,
    name: Option<String>,
    description: Option<Option<String>>,
) -> Result<()> {
    rights_changed_in(unit, tenant_id).await?;
    let tree = Tree::load(unit, tenant_id).await?;
    let node = tree.get(id).ok_or_else(|| Error::not_found("Folder"))?;
    rules::check_standard(node)?;
    let before = entity_json(unit, &entity::FOLDER, id, tenant_id).await?;
    let now = unit.now();
    if let Some(description) = description {
        unit.execute(
            "UPDATE folders SET description = $2, updated_at = $3 WHERE id = $1",
            params![id, description.as_deref(), now],
        )
        .await?;
    }
    if let Some(name) = name.filter(|n| *n != node.name) {
        let parent = node.parent_id.and_then(|p| tree.get(p));
        place(unit, &tree, node, parent, &name).await?;
    }
    record(unit, tenant_id, node, "Update", before).await
}

/// Puts a folder below another, or on the first level. 2820 for its own descendants, 2834 for workspaces, 2802 when
/// it would come to another feed, 2804 when it would reach too deep.
pub async fn relocate(unit: &mut Unit, tenant_id: i64, id: i64, parent_id: Option<i64>) -> Result<()> {
    rights_changed_in(unit, tenant_id).await?;
    let tree = Tree::load(unit, tenant_id).await?;
    let node = tree.get(id).ok_or_else(|| Error::not_found("Folder"))?;
    let parent = match parent_id {
        Some(p) => Some(tree.get(p).ok_or_else(|| Error::not_found("Folder"))?),
        None => None,
    };
    check_move(&tree, node, parent)?;
    if node.parent_id == parent_id {
        return Ok(());
    }
    let before = entity_json(unit, &entity::FOLDER, id, tenant_id).await?;
    place(unit, &tree, node, parent, &node.name).await?;
    record(unit, tenant_id, node, "Move", before).await
}

fn check_move(tree: &Tree, node: &Node, parent: Option<&Node>) -> Result<()> {
    if rules::check_standard(node).is_err() || parent.is_some_and(|p| rules::check_standard(p).is_err()) {
        return Err(Error::conflict(crate::codes::CANNOT_MOVE_FOLDER, "A personal workspace stays where it is."));
    }
    if parent.is_some_and(|p| tree.is_within(p.id, node.id)) {
        return Err(Error::conflict(
            crate::codes::CANNOT_MOVE_TO_DESCENDANT_FOLDER,
            "A folder cannot be moved into itself or a folder below it.",
        ));
    }
    let feed = |id: i64| rules::feed_root(tree, id).map(|n| n.id);
    // A root with a feed of its own takes the feed along only when it stays a root.
    let after = match parent {
        Some(p) => feed(p.id),
        None => node.has_feed().then_some(node.id),
    };
    if feed(node.id) != after {
        return Err(Error::conflict(
            crate::codes::INCOMPATIBLE_FOLDER_PROPERTIES,
            "A folder can only be moved to where the same package feed is used.",
        ));
    }
    let deepest = tree.subtree(node.id).iter().map(|n| n.depth).max().unwrap_or(node.depth);
    rules::check_depth(parent, deepest - node.depth + 1)
}

/// Writes place, name and path of a folder, and the paths below it.
async fn place(unit: &mut Unit, tree: &Tree, node: &Node, parent: Option<&Node>, name: &str) -> Result<()> {
    let now = unit.now();
    let path = rules::path(parent, name);
    let depth = parent.map_or(0, |p| p.depth + 1);
    let written = unit
        .execute(
            "UPDATE folders SET parent_id = $2, display_name = $3, path = $4, depth = $5, updated_at = $6 WHERE id = $1",
            params![node.id, parent.map(|p| p.id), name, path.as_str(), depth, now],
        )
        .await;
    match written {
        Err(e) if e.is_unique("folders_path") => return Err(Error::name_taken(name)),
        written => written?,
    };
    let below: Vec<Vec<DbValue>> = tree
        .subtree(node.id)
        .into_iter()
        .filter(|n| n.id != node.id)
        .map(|n| {
            let rest = n.path.get(node.path.len()..).unwrap_or_default();
            vec![DbValue::Int(n.id), DbValue::Text(format!("{path}{rest}")), DbValue::Int(n.depth - node.depth + depth)]
        })
        .collect();
    unit.execute_many("UPDATE folders SET path = $2, depth = $3 WHERE id = $1", &below).await?;
    Ok(())
}

async fn record(
    unit: &mut Unit,
    tenant_id: i64,
    node: &Node,
    action: &str,
    before: Option<serde_json::Map<String, Value>>,
) -> Result<()> {
    let after = entity_json(unit, &entity::FOLDER, node.id, tenant_id).await?;
    unit.audit(Change {
        component: "Folders",
        action,
        id: Some(node.id),
        key: Some(&node.key),
        name: &node.name,
        before: before.map(Value::Object),
        after: after.map(Value::Object),
    })
    .await
}
