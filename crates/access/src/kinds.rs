//! The enumerations of folders, accounts and roles, with the numbers under which the tables store them.

use bandmaster_model::EnumType;

/// `UserDto.Type`.
pub static USER_TYPE: EnumType = EnumType {
    name: "UserType",
    members: &[
        ("User", 0),
        ("Robot", 1),
        ("DirectoryUser", 2),
        ("DirectoryGroup", 3),
        ("DirectoryRobot", 4),
        ("DirectoryExternalApplication", 5),
    ],
};

/// How an account came into the tenant, and how a folder provides robots.
pub static PROVISION_TYPE: EnumType = EnumType { name: "ProvisionType", members: &[("Manual", 0), ("Automatic", 1)] };

/// Where the roles of a folder come from.
pub static PERMISSION_MODEL: EnumType =
    EnumType { name: "PermissionModel", members: &[("InheritFromTenant", 0), ("FineGrained", 1)] };

/// What a folder is.
pub static FOLDER_TYPE: EnumType = EnumType {
    name: "FolderType",
    members: &[("Standard", 0), ("Personal", 1), ("Virtual", 2), ("Solution", 3), ("DebugSolution", 4)],
};

/// Which feed a folder takes its packages from.
pub static FEED_TYPE: EnumType = EnumType {
    name: "FeedType",
    members: &[("Undefined", 0), ("Processes", 1), ("Libraries", 2), ("PersonalWorkspace", 3), ("FolderHierarchy", 4)],
};

/// Where a role may be given.
pub static ROLE_TYPE: EnumType = EnumType { name: "RoleType", members: &[("Mixed", 0), ("Tenant", 1), ("Folder", 2)] };

/// Where a permission holds.
pub static PERMISSION_SCOPE: EnumType =
    EnumType { name: "PermissionScope", members: &[("Global", 0), ("Folder", 1), ("GlobalOrFolder", 2)] };

/// A local user of old installations.
pub const USER: i64 = 0;
/// A person that the identity service knows.
pub const DIRECTORY_USER: i64 = 2;
/// A group of the identity service.
pub const DIRECTORY_GROUP: i64 = 3;
/// A robot account.
pub const DIRECTORY_ROBOT: i64 = 4;
/// A confidential application.
pub const DIRECTORY_APPLICATION: i64 = 5;

/// Added by hand.
pub const MANUAL: i64 = 0;
/// Came in through a group.
pub const AUTOMATIC: i64 = 1;

/// An ordinary folder.
pub const STANDARD: i64 = 0;
/// Somebody's personal workspace.
pub const PERSONAL: i64 = 1;

/// The tenant's feed.
pub const FEED_PROCESSES: i64 = 1;
/// A workspace's own feed.
pub const FEED_WORKSPACE: i64 = 3;
/// A feed of a first-level folder and everything below it.
pub const FEED_HIERARCHY: i64 = 4;

/// A role for tenant and folders.
pub const MIXED: i64 = 0;
/// A role for the tenant.
pub const TENANT: i64 = 1;
/// A role for folders.
pub const FOLDER: i64 = 2;

/// The word for a number, as JSON.
pub fn label(of: &EnumType, number: i64) -> serde_json::Value {
    of.label(number).map_or(serde_json::Value::Null, serde_json::Value::from)
}
