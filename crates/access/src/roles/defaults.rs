//! The roles that every tenant begins with. Their names and kinds are the product's known ones; the contents of
//! most of them are this project's choice, since they were published only as pictures.

use crate::kinds::{FOLDER, MIXED, TENANT};
use bandmaster_api::rights::{ACTIONS, Level, RESOURCES, level_of};

/// A role that the server makes.
#[derive(Debug, Clone, Copy)]
pub struct DefaultRole {
    /// Its name.
    pub name: &'static str,
    /// Number of `RoleType`.
    pub role_type: i64,
    /// Whether its permissions may be changed.
    pub editable: bool,
    /// Other roles whose permissions it has too.
    includes: &'static [&'static str],
    /// Resources with letters for View, Edit, Create, Delete; `*T` and `*F` stand for every tenant and folder
    /// resource.
    grants: &'static str,
}

/// The role of the built-in administrator.
pub const ADMINISTRATOR: &str = "Administrator";
/// The role of whoever made a folder.
pub const FOLDER_ADMINISTRATOR: &str = "Folder Administrator";
/// The role of an owner in the own workspace.
pub const WORKSPACE_ADMINISTRATOR: &str = "Personal Workspace Administrator";
/// The folder role of people and robots that run automations.
pub const AUTOMATION_USER: &str = "Automation User";
/// The tenant role that goes with it.
pub const ALLOW_AUTOMATION_USER: &str = "Allow to be Automation User";
/// The tenant role of folder administrators.
pub const ALLOW_FOLDER_ADMINISTRATOR: &str = "Allow to be Folder Administrator";

const TENANT_ADMINISTRATION: &str = "Alerts:VEC Audit:V BackgroundTasks:V License:V Libraries:VECD Machines:VECD \
    Packages:VECD Robots:VECD Roles:VECD Settings:VECD Tags:VECD Units:VECD Users:VECD Webhooks:VECD";

/// The roles, in the order in which they are made.
pub static DEFAULT_ROLES: &[DefaultRole] = &[
    DefaultRole {
        name: ADMINISTRATOR,
        role_type: MIXED,
        editable: false,
        includes: &["Tenant Administrator", FOLDER_ADMINISTRATOR],
        grants: "",
    },
    DefaultRole {
        name: "Orchestrator Administrator",
        role_type: TENANT,
        editable: false,
        includes: &["Tenant Administrator"],
        grants: "",
    },
    DefaultRole {
        name: "Tenant Administrator",
        role_type: TENANT,
        editable: false,
        includes: &[],
        grants: TENANT_ADMINISTRATION,
    },
    DefaultRole {
        name: ALLOW_FOLDER_ADMINISTRATOR,
        role_type: TENANT,
        editable: false,
        includes: &[],
        grants: "Alerts:V Libraries:V License:V Machines:V Packages:V Robots:V Roles:V Settings:V Users:V",
    },
    DefaultRole { name: FOLDER_ADMINISTRATOR, role_type: FOLDER, editable: false, includes: &[], grants: "*F:VECD" },
    DefaultRole {
        name: ALLOW_AUTOMATION_USER,
        role_type: TENANT,
        editable: false,
        includes: &[],
        grants: "Alerts:VC Libraries:V License:V Machines:V Packages:V Settings:V",
    },
    DefaultRole {
        name: AUTOMATION_USER,
        role_type: FOLDER,
        editable: false,
        includes: &[],
        grants: "Assets:V BlobFiles:VEC Buckets:V BusinessRules:V ExecutionMedia:C FolderPackages:V Jobs:VC Logs:C \
                 Processes:V Queues:V SubFolders:V TaskAssignment:C TaskCatalogs:V Tasks:VEC TestDataQueueItems:VEC \
                 TestDataQueues:V Transactions:VEC",
    },
    DefaultRole {
        name: "Allow to be Automation Publisher",
        role_type: TENANT,
        editable: false,
        includes: &[],
        grants: "Libraries:VC License:V Packages:VC Settings:V",
    },
    DefaultRole {
        name: "Automation Publisher",
        role_type: FOLDER,
        editable: false,
        includes: &[AUTOMATION_USER],
        grants: "FolderPackages:VC Jobs:VEC Processes:VEC",
    },
    DefaultRole {
        name: "Allow to be Automation Developer",
        role_type: TENANT,
        editable: false,
        includes: &[ALLOW_AUTOMATION_USER, "Allow to be Automation Publisher"],
        grants: "Machines:V Robots:V",
    },
    DefaultRole {
        name: "Automation Developer",
        role_type: FOLDER,
        editable: false,
        includes: &["Automation Publisher"],
        grants: "Assets:VECD BlobFiles:VECD Buckets:VECD BusinessRules:VECD Logs:VC Monitoring:V Queues:VECD \
                 Schedules:VECD TaskCatalogs:VECD Tasks:VECD TestCaseExecutionArtifacts:VECD TestDataQueueItems:VECD \
                 TestDataQueues:VECD TestSetExecutions:VECD TestSetSchedules:VECD TestSets:VECD Transactions:VECD",
    },
    DefaultRole {
        name: WORKSPACE_ADMINISTRATOR,
        role_type: FOLDER,
        editable: false,
        includes: &[],
        grants: "*F:VECD -SubFolders",
    },
    DefaultRole {
        name: "Robot",
        role_type: MIXED,
        editable: true,
        includes: &[ALLOW_AUTOMATION_USER, AUTOMATION_USER],
        grants: "",
    },
];

fn find(name: &str) -> Option<&'static DefaultRole> {
    DEFAULT_ROLES.iter().find(|r| r.name == name)
}

impl DefaultRole {
    /// The permissions that it grants, in the usual order, with the scope's number.
    pub fn permissions(&self) -> Vec<(String, i64)> {
        let mut granted = Vec::new();
        self.collect(&mut granted);
        bandmaster_api::rights::all_permissions()
            .filter(|name| granted.contains(name))
            .map(|name| {
                let scope = i64::from(level_of(&name) == Some(Level::Folder));
                (name, scope)
            })
            .collect()
    }

    fn collect(&self, into: &mut Vec<String>) {
        for other in self.includes.iter().filter_map(|name| find(name)) {
            other.collect(into);
        }
        for word in self.grants.split_whitespace() {
            if let Some(resource) = word.strip_prefix('-') {
                into.retain(|name| name.split('.').next() != Some(resource));
                continue;
            }
            let (resource, letters) = word.split_once(':').unwrap_or((word, ""));
            let level = match resource {
                "*T" => Some(Level::Tenant),
                "*F" => Some(Level::Folder),
                _ => None,
            };
            let resources = RESOURCES.iter().filter(|(r, l)| level.map_or(*r == resource, |wanted| wanted == *l));
            for (resource, _) in resources {
                let actions = ACTIONS.iter().filter(|a| a.starts_with(|c| letters.contains(c)));
                into.extend(actions.map(|action| format!("{resource}.{action}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Vec<String> {
        find(name).unwrap().permissions().into_iter().map(|(n, _)| n).collect()
    }

    #[test]
    fn every_word_is_a_resource_and_every_role_fits_its_kind() {
        for role in DEFAULT_ROLES {
            for word in role.grants.split_whitespace().filter(|w| !w.starts_with('*')) {
                let resource = word.trim_start_matches('-').split(':').next().unwrap();
                assert!(RESOURCES.iter().any(|(r, _)| *r == resource), "{resource} in {}", role.name);
            }
            assert!(role.includes.iter().all(|name| find(name).is_some()), "{}", role.name);
            for (name, scope) in role.permissions() {
                assert!(
                    role.role_type == MIXED || (role.role_type == FOLDER) == (scope == 1),
                    "{name} in {}",
                    role.name
                );
            }
            assert!(!role.permissions().is_empty(), "{}", role.name);
        }
    }

    #[test]
    fn contents() {
        let administrator = of(ADMINISTRATOR);
        for (permission, granted) in [
            ("Alerts.Create", true),
            ("Alerts.Delete", false),
            ("Audit.View", true),
            ("Audit.Edit", false),
            ("License.Edit", false),
            ("Units.Delete", true),
            ("Webhooks.Edit", true),
            ("Assets.Delete", true),
            ("RemoteControl.Create", true),
        ] {
            assert_eq!(administrator.iter().any(|p| p == permission), granted, "{permission}");
        }
        assert!(of(AUTOMATION_USER).contains(&"Jobs.Create".to_owned()));
        assert!(!of(AUTOMATION_USER).contains(&"Jobs.Edit".to_owned()));
        assert!(of("Automation Publisher").contains(&"FolderPackages.Create".to_owned()));
        assert!(of("Automation Developer").contains(&"Jobs.Edit".to_owned()), "what it includes, included");
        assert!(!of(WORKSPACE_ADMINISTRATOR).iter().any(|p| p.starts_with("SubFolders.")));
        assert_eq!(of(FOLDER_ADMINISTRATOR).len() % 4, 0);
        assert!(of("Robot").contains(&"Packages.View".to_owned()) && of("Robot").contains(&"Assets.View".to_owned()));
    }
}
