//! Robots as queries see them.

use crate::enums::{CREDENTIAL_TYPE, HOSTING_TYPE, ROBOT_TYPE};
use bandmaster_access::kinds::{PROVISION_TYPE, USER_TYPE};
use bandmaster_model::{EntityType, Kind, Link, Navigation, Property, Scope};

/// The name of a robot has at most 19 characters in the API; it is the beginning of its account's name.
const NAME: &str = "substr({t}.name, 1, 19)";

macro_rules! robot {
    ($name:literal, $table:expr, [$($more:expr),*], [$($navigation:expr),*]) => {
        EntityType {
            name: $name,
            set: "Robots",
            table: $table,
            key: "Id",
            scope: Scope::Tenant { column: "tenant_id" },
            properties: &[
                $($more,)*
                Property::absent("LicenseKey", Kind::Text),
                Property::absent("MachineName", Kind::Text),
                Property::absent("MachineId", Kind::Int64),
                Property::computed("Name", Kind::Text, NAME),
                Property::new("Username", Kind::Text, "os_user_name"),
                Property::new("ExternalName", Kind::Text, "credential_external_name"),
                Property::new("Description", Kind::Text, "description"),
                Property::new("Type", Kind::Enum(&ROBOT_TYPE), "type"),
                Property::computed("HostingType", Kind::Enum(&HOSTING_TYPE), "1"),
                Property::computed("ProvisionType", Kind::Enum(&PROVISION_TYPE), "1"),
                Property::secret("Password"),
                Property::new("CredentialStoreId", Kind::Int64, "credential_store_id"),
                Property::new("UserId", Kind::Int64, "user_id"),
                Property::new("Enabled", Kind::Bool, "enabled"),
                Property::new("CredentialType", Kind::Enum(&CREDENTIAL_TYPE), "credential_type"),
                Property::computed("Environments", Kind::Json, "'[]'"),
                Property::computed("RobotEnvironments", Kind::Text, "''"),
                Property::new("ExecutionSettings", Kind::Json, "execution_settings"),
                Property::computed("IsExternalLicensed", Kind::Bool, "0"),
                Property::new("LimitConcurrentExecution", Kind::Bool, "limit_concurrent"),
                Property::new("LastModificationTime", Kind::DateTime, "updated_at"),
                Property::new("LastModifierUserId", Kind::Int64, "updater_user_id"),
                Property::new("CreationTime", Kind::DateTime, "created_at"),
                Property::new("CreatorUserId", Kind::Int64, "creator_user_id"),
                Property::new("Id", Kind::Int64, "id"),
            ],
            navigations: &[$($navigation),*],
        }
    };
}

const USER: Navigation = Navigation {
    name: "User",
    target: || &bandmaster_access::users::entity::USER,
    link: Link::One { local: "user_id", remote: "id" },
};

/// A robot alone. The target of navigations from other types.
pub static ROBOT: EntityType = robot!("RobotDto", "robots", [], []);

/// A robot with its account.
pub static EXTENDED_ROBOT: EntityType = robot!("ExtendedRobotDto", "robots", [], [USER]);

/// A robot with what it is good to know of its account.
pub static FOLDER_ROBOT: EntityType = robot!(
    "RobotsFromFolderModel",
    "(SELECT r.*, u.type AS user_type, u.email AS user_email, u.full_name AS user_full_name, u.key AS user_key \
     FROM robots r JOIN users u ON u.id = r.user_id)",
    [
        Property::new("UserType", Kind::Enum(&USER_TYPE), "user_type"),
        Property::new("UserEmail", Kind::Text, "user_email"),
        Property::new("UserFullName", Kind::Text, "user_full_name"),
        Property::new("UserKey", Kind::Guid, "user_key")
    ],
    []
);

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&ROBOT, &EXTENDED_ROBOT, &FOLDER_ROBOT] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                let known = ty.property(&property.name).is_some() || ty.navigation(&property.name).is_some();
                assert!(known, "{} of {}", property.name, ty.name);
            }
        }
    }
}
