//! The rights of one caller in one tenant, from roles, groups and assignments.
//!
//! - In the tenant: the tenant permissions of tenant and mixed roles of the account and its groups.
//! - In a folder: the folder permissions of folder and mixed roles that the account or its groups have there or
//!   above. A mixed role given in the tenant gives nothing in folders.
//! - The owner of a personal workspace is assigned to it; who explores one is its folder administrator meanwhile.
//! - Robots may always write logs where they work. What proves itself with a machine's key may also fetch packages.
//! - Applications have what was given to themselves; their groups are left out, as in the view `user_groups`.

use super::model::Model;
use crate::mine::account_and_groups;
use bandmaster_api::PermissionSet;
use bandmaster_api::Rights;
use bandmaster_api::rights::{Level, all_permissions};
use bandmaster_core::Result;
use bandmaster_store::{Conn, params};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a machine needs of the tenant: the packages that it is told to run, and their libraries.
const MACHINE_TENANT: [&str; 2] = ["Libraries.View", "Packages.View"];
/// What a machine needs of its folders: their packages, and a place for logs.
const MACHINE_FOLDER: [&str; 2] = ["FolderPackages.View", "Logs.Create"];

static EVERY_FOLDER_PERMISSION: LazyLock<PermissionSet> = LazyLock::new(|| {
    let mut set = PermissionSet::EMPTY;
    all_permissions().for_each(|name| set.insert(&name));
    set.at(Level::Folder)
});

/// An account's row in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountRow {
    /// `users.id`.
    pub id: i64,
    /// Number of `UserDto.Type`.
    pub user_type: i64,
    /// Switched on.
    pub active: bool,
}

/// The account's row, by its key in the identity service.
pub async fn account_row(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<AccountRow>> {
    let row = conn
        .query_opt("SELECT id, type, is_active FROM users WHERE tenant_id = $1 AND key = $2", params![tenant_id, key])
        .await?;
    row.map(|r| Ok(AccountRow { id: r.get(0)?, user_type: r.get(1)?, active: r.get(2)? })).transpose()
}

const IN_TENANT: i64 = 0;
const IN_FOLDER: i64 = 1;

/// All that was given to an account ($1) and its groups, in one statement: kind, folder, role.
const GIVEN: &str = concat!(
    account_and_groups!(),
    "SELECT 0 AS kind, CAST(NULL AS BIGINT) AS folder_id, ur.role_id FROM mine CROSS JOIN user_roles ur \
     WHERE ur.user_id = mine.id \
     UNION ALL SELECT 1, fu.folder_id, fr.role_id FROM mine CROSS JOIN folder_users fu \
     LEFT JOIN folder_user_roles fr ON fr.folder_id = fu.folder_id AND fr.user_id = fu.user_id \
     WHERE fu.user_id = mine.id \
     UNION ALL SELECT 2, we.folder_id, CAST(NULL AS BIGINT) FROM workspace_explorers we WHERE we.user_id = $1"
);

/// The rights of an account.
pub async fn of_account(conn: &mut Conn, model: &Model, user_id: i64) -> Result<Rights> {
    let rows = conn.query(GIVEN, params![user_id]).await?;
    let mut tenant = PermissionSet::EMPTY;
    let mut direct: HashMap<i64, PermissionSet> = HashMap::new();
    for row in rows {
        let (folder, role) = (row.get::<Option<i64>>(1)?, row.get::<Option<i64>>(2)?);
        let of = |roles: &HashMap<i64, PermissionSet>| role.and_then(|role| roles.get(&role)).copied();
        match (row.get::<i64>(0)?, folder) {
            (IN_TENANT, _) => tenant.extend(&of(&model.tenant_roles).unwrap_or_default()),
            (IN_FOLDER, Some(folder)) => {
                direct.entry(folder).or_default().extend(&of(&model.roles).unwrap_or_default())
            }
            (_, Some(folder)) => direct.entry(folder).or_default().extend(&EVERY_FOLDER_PERMISSION),
            (_, None) => {}
        }
    }
    Ok(combine(model, Some(user_id), tenant, &direct))
}

/// Rights from what was given directly: inheritance down the tree.
pub fn combine(
    model: &Model,
    user_id: Option<i64>,
    tenant: PermissionSet,
    direct: &HashMap<i64, PermissionSet>,
) -> Rights {
    let folders = model.tree.inherit(direct, PermissionSet::extend);
    let mut assigned: Vec<i64> = direct.keys().copied().filter(|id| folders.contains_key(id)).collect();
    assigned.sort_unstable();
    Rights { user_id, tenant, folders, assigned, everything: false }
}

/// The rights of a machine that works in these folders.
pub fn of_machine(model: &Model, folders: &[i64]) -> Rights {
    let set: PermissionSet = MACHINE_FOLDER.into_iter().collect();
    let direct: HashMap<i64, PermissionSet> = folders.iter().map(|id| (*id, set)).collect();
    // Inherited assignments are in the list already; a machine without the switch does not reach below.
    let folders = direct.iter().filter(|(id, _)| model.tree.get(**id).is_some()).map(|(id, s)| (*id, *s)).collect();
    let mut assigned: Vec<i64> = direct.into_keys().collect();
    assigned.sort_unstable();
    Rights { user_id: None, tenant: MACHINE_TENANT.into_iter().collect(), folders, assigned, everything: false }
}

/// What a robot has besides its account's roles.
pub fn add_robot(rights: &mut Rights, on_machine: bool) {
    let extra: PermissionSet =
        if on_machine { MACHINE_FOLDER.into_iter().collect() } else { ["Logs.Create"].into_iter().collect() };
    for set in rights.folders.values_mut() {
        set.extend(&extra);
    }
    if on_machine {
        rights.tenant.extend(&MACHINE_TENANT.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::tree::tests::sample;

    fn model() -> Model {
        Model { version: 1, tree: sample(), ..Model::default() }
    }

    fn set(names: &[&str]) -> PermissionSet {
        names.iter().copied().collect()
    }

    #[test]
    fn rights_reach_down_and_not_up() {
        let direct = HashMap::from([(2, set(&["Assets.View"])), (3, set(&["Jobs.Create"])), (99, set(&["Jobs.View"]))]);
        let r = combine(&model(), Some(7), set(&["Users.View"]), &direct);
        for (permission, folder, held) in [
            ("Assets.View", 2, true),
            ("Assets.View", 3, true),
            ("Jobs.Create", 3, true),
            ("Jobs.Create", 2, false),
            ("Assets.View", 1, false),
            ("Assets.View", 4, false),
            ("Jobs.View", 99, false),
        ] {
            assert_eq!(r.has(permission, Some(folder)), held, "{permission} in {folder}");
        }
        assert!(r.has("Users.View", None) && !r.sees(1) && r.sees(3));
        assert_eq!(r.assigned, [2, 3]);
    }

    #[test]
    fn machines_fetch_packages_and_write_logs() {
        let r = of_machine(&model(), &[2, 99]);
        assert!(r.has("FolderPackages.View", Some(2)) && r.has("Logs.Create", Some(2)) && r.has("Packages.View", None));
        assert!(!r.has("Logs.Create", Some(3)), "inherited assignments are told by the fleet, not assumed");
        assert!(!r.has("Jobs.View", Some(2)) && !r.has("Assets.View", Some(2)) && !r.sees(99));
        assert_eq!(r.user_id, None);
    }

    #[test]
    fn robots_always_log() {
        let direct = HashMap::from([(4, set(&["Assets.View"]))]);
        let mut r = combine(&model(), Some(7), PermissionSet::EMPTY, &direct);
        add_robot(&mut r, false);
        assert!(
            r.has("Logs.Create", Some(4)) && !r.has("FolderPackages.View", Some(4)) && !r.has("Logs.Create", Some(1))
        );
        add_robot(&mut r, true);
        assert!(r.has("FolderPackages.View", Some(4)) && r.has("Packages.View", None));
    }
}
