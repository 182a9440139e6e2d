//! The rules of folders: names, levels, feeds, and who may do what with which folder.

use super::tree::{Node, Tree};
use crate::{codes as folder_codes, kinds};
use bandmaster_api::Call;
use bandmaster_core::{Error, Result};

/// Levels of folders: a first-level folder and six below it.
pub const LEVELS: i64 = 7;
/// Characters of a folder's name.
pub const NAME_LENGTH: usize = 115;
/// Characters of a folder's description.
pub const DESCRIPTION_LENGTH: usize = 500;

/// A folder's name without the blanks around it; 2810 when it is empty, too long, or could not stand in a path.
pub fn name(text: &str) -> Result<String> {
    let name = text.trim();
    let length = name.chars().count();
    let bad = length == 0
        || length > NAME_LENGTH
        || name == "."
        || name == ".."
        || name.chars().any(|c| c == '/' || c.is_control());
    if bad {
        return Err(Error::new(
            400,
            folder_codes::INVALID_FOLDER_DISPLAY_NAME,
            format!(
                "A folder's name has 1 to {NAME_LENGTH} characters, none of them a slash or a control character, \
                 and is neither '.' nor '..'."
            ),
        ));
    }
    Ok(name.to_owned())
}

/// A description; an empty one is none.
pub fn description(text: Option<&str>) -> Result<Option<String>> {
    match text {
        Some(t) if t.chars().count() > DESCRIPTION_LENGTH => {
            Err(Error::argument(format!("Description may have at most {DESCRIPTION_LENGTH} characters.")))
        }
        Some(t) if !t.is_empty() => Ok(Some(t.to_owned())),
        _ => Ok(None),
    }
}

/// The path of a folder of that name below a parent.
pub fn path(parent: Option<&Node>, name: &str) -> String {
    parent.map_or_else(|| name.to_owned(), |p| format!("{}/{name}", p.path))
}

/// 2804 when a subtree of that height (1: a folder alone) does not fit below the parent.
pub fn check_depth(parent: Option<&Node>, height: i64) -> Result<()> {
    if parent.map_or(0, |p| p.depth + 1) + height > LEVELS {
        return Err(Error::conflict(
            folder_codes::MAXIMUM_FOLDER_HIERARCHY_DEPTH_REACHED,
            format!("Folders have at most {LEVELS} levels."),
        ));
    }
    Ok(())
}

/// Refuses what is not done with personal workspaces.
pub fn check_standard(node: &Node) -> Result<()> {
    if node.folder_type == kinds::STANDARD {
        return Ok(());
    }
    Err(Error::conflict(folder_codes::FOLDER_TYPE_MISMATCH, "This cannot be done with a personal workspace."))
}

/// The folder whose feed a folder takes its packages from; `None`: the tenant's feed.
pub fn feed_root(tree: &Tree, id: i64) -> Option<&Node> {
    tree.root_of(id).filter(|root| root.has_feed())
}

/// What is to be done with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look at it.
    View,
    /// Change it.
    Edit,
    /// Make folders below it.
    Create,
    /// Delete or move it.
    Delete,
}

impl Action {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Action::View => ("Units.View", "SubFolders.View"),
            Action::Edit => ("Units.Edit", "SubFolders.Edit"),
            Action::Create => ("Units.Create", "SubFolders.Create"),
            Action::Delete => ("Units.Delete", "SubFolders.Delete"),
        }
    }
}

/// Whether the caller may do it with any folder of the tenant.
pub fn everywhere(call: &Call, action: Action) -> bool {
    call.rights.has(action.names().0, None)
}

/// Whether the caller may do it with this folder; with none: on the first level.
pub fn may(call: &Call, action: Action, folder: Option<i64>) -> bool {
    everywhere(call, action) || folder.is_some_and(|id| call.rights.has(action.names().1, Some(id)))
}

/// Whether the caller may know of the folder: another's workspace is hidden even from those who administer all
/// folders, unless nobody owns it any more.
pub fn knows(call: &Call, action: Action, node: &Node) -> bool {
    let others = node.is_personal() && node.owner_user_id.is_some();
    call.rights.sees(node.id) || (everywhere(call, action) && !others)
}

/// The folder, if the caller may do that with it: 404 when it is unknown to the caller, 403 when it is known only.
pub fn target<'t>(call: &Call, tree: &'t Tree, id: i64, action: Action) -> Result<&'t Node> {
    let node = tree.get(id).filter(|n| knows(call, action, n)).ok_or_else(|| Error::not_found("Folder"))?;
    if may(call, action, Some(id)) { Ok(node) } else { Err(Error::forbidden()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::tree::tests::{node, sample};

    #[test]
    fn names() {
        let long = "n".repeat(116);
        for (text, expected) in [
            ("Invoices", Some("Invoices")),
            ("  Büro 2 ", Some("Büro 2")),
            ("a.b", Some("a.b")),
            ("", None),
            ("  ", None),
            ("a/b", None),
            ("..", None),
            (".", None),
            ("a\nb", None),
            (long.as_str(), None),
            (&long[1..], Some(&long[1..])),
        ] {
            assert_eq!(name(text).ok().as_deref(), expected, "{text:?}");
        }
        assert_eq!(name("a/b").unwrap_err().code(), 2810);
        assert!(description(Some(&"d".repeat(501))).is_err());
        assert_eq!(description(Some("")).unwrap(), None);
    }

    #[test]
    fn levels() {
        let mut deepest = node(9, "a/b/c/d/e/f", None);
        assert!(check_depth(Some(&deepest), 1).is_ok());
        assert_eq!(check_depth(Some(&deepest), 2).unwrap_err().code(), 2804);
        deepest.depth = 6;
        assert!(check_depth(Some(&deepest), 1).is_err());
        assert!(check_depth(None, 7).is_ok() && check_depth(None, 8).is_err());
    }

    #[test]
    fn feeds_belong_to_roots() {
        let tree = sample();
        assert_eq!(feed_root(&tree, 3), None);
        let mut root = node(1, "Own", None);
        root.feed_type = kinds::FEED_HIERARCHY;
        let mut child = node(2, "Own/Child", Some(1));
        child.feed_type = kinds::FEED_HIERARCHY;
        let tree = Tree::of(vec![root, child]);
        assert_eq!(feed_root(&tree, 2).map(|n| n.id), Some(1));
        assert_eq!(feed_root(&tree, 1).map(|n| n.id), Some(1));
    }
}
