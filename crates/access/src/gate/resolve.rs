//! Which folder the headers of a request mean. Path beats key beats id; names are matched without regard to case.
//!
//! A GUID may be a folder's key or a feed's: the feed of a folder hierarchy or workspace has the GUID of the
//! folder that it belongs to, so both name the same folder.
//!
//! Relative paths are understood in the encoded header only. They begin at the ambient folder, which another
//! header names: `/a` is below the root of its tree, `./a` below itself, `../a` below its parent.

use crate::folders::tree::{Node, Tree};
use bandmaster_api::FolderWish;

/// The folder that is meant; `None` when there is none.
pub fn resolve<'t>(tree: &'t Tree, wish: &FolderWish) -> Option<&'t Node> {
    match &wish.path {
        Some(path) if wish.encoded => by_relative_path(tree, path, || ambient(tree, wish)),
        Some(path) => tree.by_path(path),
        None => ambient(tree, wish),
    }
}

fn ambient<'t>(tree: &'t Tree, wish: &FolderWish) -> Option<&'t Node> {
    match (&wish.key, wish.id) {
        (Some(key), _) => tree.by_key(key),
        (None, Some(id)) => tree.get(id),
        (None, None) => None,
    }
}

fn by_relative_path<'t>(tree: &'t Tree, path: &str, ambient: impl Fn() -> Option<&'t Node>) -> Option<&'t Node> {
    if let Some(rest) = path.strip_prefix('/') {
        // Without an ambient folder there is one root only: the top of the tenant.
        return match ambient() {
            Some(folder) => walk(tree, Some(tree.root_of(folder.id)?), rest),
            None => walk(tree, None, rest),
        };
    }
    let first = path.split('/').next().unwrap_or_default();
    if first == "." || first == ".." {
        return walk(tree, Some(ambient()?), path);
    }
    tree.by_path(path)
}

/// Follows steps from a folder (from the top of the tenant without one).
fn walk<'t>(tree: &'t Tree, from: Option<&'t Node>, steps: &str) -> Option<&'t Node> {
    let mut at = from;
    for step in steps.split('/').filter(|_| !steps.is_empty()) {
        at = match step {
            "." => at,
            ".." => Some(tree.get(at?.parent_id?)?),
            name => {
                let path = at.map_or_else(|| name.to_owned(), |n| format!("{}/{name}", n.path));
                // An empty step names nothing.
                Some(tree.by_path(&path).filter(|_| !name.is_empty())?)
            }
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::tree::tests::sample;

    fn wish(path: Option<&str>, encoded: bool, key: Option<i64>, id: Option<i64>) -> FolderWish {
        let key = key.map(|k| format!("00000000-0000-4000-8000-{k:012}"));
        FolderWish { path: path.map(Into::into), encoded, key, id }
    }

    #[test]
    fn every_form() {
        let tree = sample();
        type Case = (Option<&'static str>, bool, Option<i64>, Option<i64>, Option<i64>);
        let cases: &[Case] = &[
            (None, false, None, Some(3), Some(3)),
            (None, false, None, Some(9), None),
            (None, false, Some(2), Some(3), Some(2)),
            (None, false, Some(9), Some(3), None),
            (Some("shared"), false, Some(2), Some(3), Some(4)),
            (Some("Finance/INVOICES"), true, None, None, Some(2)),
            (Some("Invoices"), true, Some(1), None, None),
            (Some("."), true, Some(2), None, Some(2)),
            (Some("./EU"), true, Some(2), None, Some(3)),
            (Some(".."), true, Some(3), None, Some(2)),
            (Some("../.."), true, None, Some(3), Some(1)),
            (Some("../../.."), true, Some(3), None, None),
            (Some("../Invoices/EU"), true, Some(2), None, Some(3)),
            (Some("/Invoices"), true, Some(3), None, Some(2)),
            (Some("/"), true, Some(3), None, Some(1)),
            (Some("/Shared"), true, None, None, Some(4)),
            (Some("/"), true, None, None, None),
            (Some("./EU"), true, None, None, None),
            (Some("./EU"), true, Some(9), None, None),
            (Some("./EU"), false, Some(2), None, None),
            (Some("Finance/"), true, None, None, None),
            (Some("./"), true, Some(2), None, None),
            (Some("Finance//Invoices"), true, None, None, None),
            (Some(".hidden"), true, Some(2), None, None),
            (None, false, None, None, None),
        ];
        for (path, encoded, key, id, expected) in cases {
            let found = resolve(&tree, &wish(*path, *encoded, *key, *id)).map(|n| n.id);
            assert_eq!(found, *expected, "{path:?} {key:?} {id:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_path_or_none(path in "[./a-zÄ\\PC]{0,24}", id in 0i64..6, encoded: bool) {
            let tree = sample();
            let found = resolve(&tree, &wish(Some(&path), encoded, None, Some(id)));
            if let Some(node) = found {
                // Whatever way led there, its full path leads there too.
                let direct = resolve(&tree, &wish(Some(&node.path), encoded, None, None));
                proptest::prop_assert_eq!(direct.map(|n| n.id), Some(node.id));
            }
        }

        #[test]
        fn steps_down_and_up_cancel(id in 1i64..4, depth in 0usize..3) {
            let tree = sample();
            let Some(node) = tree.get(id) else { return Ok(()) };
            let names: Vec<&str> = node.path.split('/').collect();
            let depth = depth.min(names.len() - 1);
            let up = vec![".."; depth].join("/");
            let down = names[names.len() - depth..].join("/");
            let path = if depth == 0 { ".".to_owned() } else { format!("{up}/{down}") };
            let found = resolve(&tree, &wish(Some(&path), true, None, Some(id)));
            proptest::prop_assert_eq!(found.map(|n| n.id), Some(id));
        }
    }
}
