//! Permissions by name, sets of them, and what a caller may do in a tenant and its folders.
//!
//! How roles become rights is the access crate's business; here is only the result and its questions.

use bandmaster_model::Permission;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// Where permissions of a resource hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// In the tenant.
    Tenant,
    /// In a folder and those below it.
    Folder,
}

/// Resources that permissions name, with their level. A permission is `<Resource>.<View|Edit|Create|Delete>`.
pub static RESOURCES: &[(&str, Level)] = &[
    ("Alerts", Level::Tenant),
    ("Audit", Level::Tenant),
    ("BackgroundTasks", Level::Tenant),
    ("Libraries", Level::Tenant),
    ("License", Level::Tenant),
    ("Machines", Level::Tenant),
    ("Packages", Level::Tenant),
    ("Robots", Level::Tenant),
    ("Roles", Level::Tenant),
    ("Settings", Level::Tenant),
    ("Tags", Level::Tenant),
    ("Units", Level::Tenant),
    ("Users", Level::Tenant),
    ("Webhooks", Level::Tenant),
    ("ActionDesign", Level::Folder),
    ("Assets", Level::Folder),
    ("BlobFiles", Level::Folder),
    ("Buckets", Level::Folder),
    ("BusinessRules", Level::Folder),
    ("Environments", Level::Folder),
    ("ExecutionMedia", Level::Folder),
    ("FolderPackages", Level::Folder),
    ("Jobs", Level::Folder),
    ("Logs", Level::Folder),
    ("Monitoring", Level::Folder),
    ("Processes", Level::Folder),
    ("Queues", Level::Folder),
    ("RemoteControl", Level::Folder),
    ("Schedules", Level::Folder),
    ("SubFolders", Level::Folder),
    ("TaskAssignment", Level::Folder),
    ("TaskCatalogs", Level::Folder),
    ("Tasks", Level::Folder),
    ("TestCaseExecutionArtifacts", Level::Folder),
    ("TestDataQueueItems", Level::Folder),
    ("TestDataQueues", Level::Folder),
    ("TestSetExecutions", Level::Folder),
    ("TestSetSchedules", Level::Folder),
    ("TestSets", Level::Folder),
    ("Transactions", Level::Folder),
];

/// What one may do with a resource.
pub static ACTIONS: &[&str] = &["View", "Edit", "Create", "Delete"];

static INDEX: LazyLock<HashMap<String, (usize, Level)>> = LazyLock::new(|| {
    let mut index = HashMap::new();
    for (r, (resource, level)) in RESOURCES.iter().enumerate() {
        for (a, action) in ACTIONS.iter().enumerate() {
            index.insert(format!("{resource}.{action}"), (r * ACTIONS.len() + a, *level));
        }
    }
    index
});

/// The level of a permission; `None` when there is no such permission.
pub fn level_of(permission: &str) -> Option<Level> {
    INDEX.get(permission).map(|(_, level)| *level)
}

/// All permission names, in order.
pub fn all_permissions() -> impl Iterator<Item = String> {
    RESOURCES.iter().flat_map(|(r, _)| ACTIONS.iter().map(move |a| format!("{r}.{a}")))
}

const WORDS: usize = 4;

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet([u64; WORDS]);

impl PermissionSet {
    /// Nothing.
    pub const EMPTY: PermissionSet = PermissionSet([0; WORDS]);

    /// Adds a permission by name; unknown names are ignored (an older version may have stored them).
    pub fn insert(&mut self, permission: &str) {
        if let Some((bit, _)) = INDEX.get(permission) {
            self.0[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Whether a permission is in it.
    pub fn contains(&self, permission: &str) -> bool {
        INDEX.get(permission).is_some_and(|(bit, _)| self.has_bit(*bit))
    }

    fn has_bit(&self, bit: usize) -> bool {
        self.0[bit / 64] & (1 << (bit % 64)) != 0
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &PermissionSet) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    /// The part of one level.
    #[must_use]
    pub fn at(&self, level: Level) -> PermissionSet {
        let mut part = PermissionSet::EMPTY;
        for (r, (_, l)) in RESOURCES.iter().enumerate().filter(|(_, (_, l))| *l == level) {
            debug_assert_eq!(*l, level);
            for a in 0..ACTIONS.len() {
                let bit = r * ACTIONS.len() + a;
                part.0[bit / 64] |= self.0[bit / 64] & (1 << (bit % 64));
            }
        }
        part
    }

    /// The names in it, in order.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        all_permissions().filter(|n| self.contains(n))
    }
}

impl<'a> FromIterator<&'a str> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> PermissionSet {
        let mut set = PermissionSet::EMPTY;
        names.into_iter().for_each(|n| set.insert(n));
        set
    }
}

/// A permission as it is asked for in many folders.
enum Asked {
    /// The same everywhere: held, or not.
    Known(bool),
    /// This bit of the folder's set.
    OfFolder(usize),
}

/// Folders a query may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folders {
    /// Every folder of the tenant.
    All,
    /// These only; none of them means an empty answer.
    These(Vec<i64>),
}

/// What a caller may do in one tenant.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// The caller's account in the tenant (`users.id`); none for machines and the server.
    pub user_id: Option<i64>,
    /// Permissions held in the tenant.
    pub tenant: PermissionSet,
    /// Folders the caller sees, with the permissions held there (inherited ones included).
    pub folders: BTreeMap<i64, PermissionSet>,
    /// Folders the caller is assigned to directly or through a group, not by inheritance.
    pub assigned: Vec<i64>,
    /// Everything everywhere: the server itself.
    pub everything: bool,
}

impl Rights {
    /// The server's own rights.
    pub fn everything() -> Rights {
        Rights { everything: true, ..Rights::default() }
    }

    /// Whether a permission is held: a tenant's in the tenant; a folder's in that folder, or without one in
    /// any folder at all (the operation then narrows its result to those folders).
    pub fn has(&self, permission: &str, folder: Option<i64>) -> bool {
        if self.everything {
            return true;
        }
        match (level_of(permission), folder) {
            (Some(Level::Tenant), _) => self.tenant.contains(permission),
            (Some(Level::Folder), Some(id)) => self.folders.get(&id).is_some_and(|set| set.contains(permission)),
            (Some(Level::Folder), None) => {
                INDEX.get(permission).is_some_and(|(bit, _)| self.folders.values().any(|set| set.has_bit(*bit)))
            }
            (None, _) => false,
        }
    }

    /// Whether what an operation asks for is held.
    pub fn grants(&self, permission: &Permission, folder: Option<i64>) -> bool {
        permission.granted(|name| self.has(name, folder))
    }

    /// The folders in which what is asked for is held.
    pub fn folders_granting(&self, permission: &Permission) -> Folders {
        if self.everything {
            return Folders::All;
        }
        // Names are looked up once, not in every folder.
        let asked: Vec<Vec<Asked>> =
            permission.0.iter().map(|group| group.iter().map(|name| self.asked(name)).collect()).collect();
        let granting = |set: &PermissionSet| {
            asked.iter().all(|group| {
                group.iter().any(|asked| match asked {
                    Asked::Known(held) => *held,
                    Asked::OfFolder(bit) => set.has_bit(*bit),
                })
            })
        };
        Folders::These(self.folders.iter().filter(|(_, set)| granting(set)).map(|(id, _)| *id).collect())
    }

    fn asked(&self, permission: &str) -> Asked {
        match INDEX.get(permission) {
            Some((bit, Level::Folder)) => Asked::OfFolder(*bit),
            Some((bit, Level::Tenant)) => Asked::Known(self.tenant.has_bit(*bit)),
            None => Asked::Known(false),
        }
    }

    /// Whether the caller may know of the folder.
    pub fn sees(&self, folder: i64) -> bool {
        self.everything || self.folders.contains_key(&folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_the_contract_is_known() {
        for o in bandmaster_model::contract().operations() {
            for name in o.permission.0.iter().flatten() {
                assert!(level_of(name).is_some(), "{} asks for {name}", o.id);
            }
        }
        assert!(RESOURCES.len() * ACTIONS.len() <= WORDS * 64);
    }

    #[test]
    fn folder_permissions_hold_where_they_were_given() {
        let mut rights = Rights::default();
        rights.tenant.insert("Users.View");
        rights.tenant.insert("Assets.View");
        rights.folders.insert(3, ["Assets.View"].into_iter().collect());
        rights.folders.insert(4, PermissionSet::EMPTY);
        let assets = Permission::parse("Assets.View");
        assert!(rights.has("Users.View", Some(4)) && !rights.has("Users.Edit", None));
        assert!(rights.has("Assets.View", Some(3)) && !rights.has("Assets.View", Some(4)));
        assert!(rights.has("Assets.View", None) && !rights.has("Assets.Edit", None));
        assert_eq!(rights.folders_granting(&assets), Folders::These(vec![3]));
        let granting = |text: &str| rights.folders_granting(&Permission::parse(text));
        for text in ["Users.View|Roles.View", "Assets.View&Users.View", "Users.Edit&Assets.View", "Nonsense.View", "-"]
        {
            let asked = Permission::parse(text);
            let one_by_one = rights.folders.keys().copied().filter(|id| rights.grants(&asked, Some(*id))).collect();
            assert_eq!(granting(text), Folders::These(one_by_one), "{text}");
        }
        assert!(!rights.has("Nonsense.View", None));
        assert_eq!(rights.tenant.at(Level::Folder).names().collect::<Vec<_>>(), ["Assets.View"]);
    }
}
