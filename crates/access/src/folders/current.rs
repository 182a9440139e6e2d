//! The folders of the caller, as lists and pages outside of OData.

use super::entity::{brief, full};
use super::tree::{Node, Tree};
use crate::kinds::FOLDER_TYPE;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_store::fold;
use serde_json::{Value, json};

/// Registers them.
pub fn register(r: &mut Registry) {
    r.serve("Folders_GetAllForCurrentUser", all).also(&[400]);
    r.serve("FoldersNavigation_GetFoldersForCurrentUser", found).also(&[400]);
}

/// `skip` and `take` of the query. More than `most` is refused, never cut silently.
pub fn paging(call: &Call, most: i64) -> Result<(usize, usize)> {
    let skip = call.int_query("skip")?.unwrap_or(0);
    let take = call.int_query("take")?.unwrap_or(most);
    checked_paging(skip, take, most)
}

/// The same for numbers that came otherwise.
pub fn checked_paging(skip: i64, take: i64, most: i64) -> Result<(usize, usize)> {
    if !(0..=most).contains(&take) {
        return Err(Error::argument(format!("The field take must be between 0 and {most}.")));
    }
    let skip = usize::try_from(skip).map_err(|_| Error::argument("The field skip must not be negative."))?;
    Ok((skip, usize::try_from(take).unwrap_or(0)))
}

/// The tree and the folders that the caller is in, in the order of the tree.
pub async fn own_tree(call: &Call) -> Result<Tree> {
    Tree::load(&mut call.read().await?, call.tenant_id()?).await
}

fn own<'t>(call: &Call, tree: &'t Tree) -> Vec<&'t Node> {
    tree.in_depth().into_iter().filter(|n| call.rights.sees(n.id)).collect()
}

/// The key of the folder above.
pub fn parent_key<'t>(tree: &'t Tree, node: &Node) -> Option<&'t str> {
    Some(tree.get(node.parent_id?)?.key.as_str())
}

fn page(rows: &[&Node], skip: usize, take: usize, show: impl Fn(&Node) -> Value) -> Output {
    let items: Vec<Value> = rows.iter().skip(skip).take(take).map(|n| show(n)).collect();
    Output::json(json!({ "PageItems": items, "Count": rows.len() }))
}

async fn all(call: &mut Call) -> Result<Output> {
    let (skip, take) = paging(call, 1000)?;
    let tree = own_tree(call).await?;
    Ok(page(&own(call, &tree), skip, take, |n| Value::Object(brief(n, parent_key(&tree, n)))))
}

async fn found(call: &mut Call) -> Result<Output> {
    let (skip, take) = paging(call, 100)?;
    let text = call.query("searchText").map(fold);
    let mut types = Vec::new();
    // Clients repeat the parameter or separate the words by commas.
    for word in call.query_all("folderTypes").flat_map(|w| w.split(',')).map(str::trim).filter(|w| !w.is_empty()) {
        let number = FOLDER_TYPE.number(word);
        types.push(number.ok_or_else(|| Error::argument(format!("There is no folder type '{word}'.")))?);
    }
    let tree = own_tree(call).await?;
    let mut rows = own(call, &tree);
    rows.retain(|n| {
        text.as_ref().is_none_or(|t| fold(&n.path).contains(t)) && (types.is_empty() || types.contains(&n.folder_type))
    });
    Ok(page(&rows, skip, take, |n| {
        let mut map = full(n, parent_key(&tree, n));
        map.insert("FolderPath".into(), json!(n.path));
        Value::Object(map)
    }))
}
