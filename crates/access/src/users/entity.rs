//! Accounts of a tenant as the API shows them.
//!
//! Switches that a group may have turned on are shown as they count (the own one, else the greatest of the groups,
//! else the default), and beside it, as `Explicit…`, what was set on the account itself. Robots are filled in by
//! [`super::shown`], since they belong to the fleet.

use crate::folders::entity::FOLDER;
use crate::kinds::{PROVISION_TYPE, ROLE_TYPE, USER_TYPE};
use bandmaster_model::entity::{EntityType, Kind, Link, Navigation, Property, Scope};

/// SQL of a switch as it counts. The groups are those of the view `user_groups`, found from the account's memberships;
/// that view looks at every group of the tenant, too much for each row of a list. What is joined with CROSS JOIN is
/// read in that order.
macro_rules! counts {
    ($column:literal, $default:literal) => {
        concat!(
            "COALESCE({t}.",
            $column,
            ", (SELECT MAX(own.value) FROM (SELECT g.",
            $column,
            " AS value FROM identity_group_members m CROSS JOIN identity_groups ig CROSS JOIN users g \
             WHERE {t}.type NOT IN (3, 5) AND m.member_key = {t}.key AND ig.id = m.group_id \
             AND g.tenant_id = {t}.tenant_id AND g.key = ig.key AND g.type = 3 AND g.is_active = 1 \
             UNION ALL SELECT g.",
            $column,
            " FROM tenants o CROSS JOIN identity_groups ig CROSS JOIN users g \
             WHERE {t}.type NOT IN (3, 5) AND o.id = {t}.tenant_id AND ig.organization_id = o.organization_id \
             AND fold(ig.name) = fold('Everyone') AND ig.is_built_in = 1 \
             AND g.tenant_id = {t}.tenant_id AND g.key = ig.key AND g.type = 3 AND g.is_active = 1) AS own), ",
            $default,
            ")"
        )
    };
}

/// SQL of what the identity service knows now, else of what the record was made with.
macro_rules! fact {
    ($column:literal) => {
        concat!("COALESCE((SELECT a.", $column, " FROM account_facts a WHERE a.key = {t}.key), {t}.", $column, ")")
    };
}

const LAST_LOGIN: &str = "SELECT a.last_login_at FROM account_facts a WHERE a.key = {t}.key";

/// Robot accounts sign in nowhere and have no attended robot unless told so.
const USER_SESSION: &str = counts!("may_have_user_session", "CASE WHEN {t}.type = 4 THEN 0 ELSE 1 END");
const ROBOT_SESSION: &str = counts!("may_have_robot_session", "CASE WHEN {t}.type = 4 THEN 0 ELSE 1 END");
/// SQL (with `{t}` for the table `users`) of whether an account may have a personal workspace.
pub const PERSONAL_WORKSPACE: &str = counts!("may_have_personal_workspace", "0");
const RESTRICTED: &str = counts!("restrict_to_personal_workspace", "0");

/// Names of the account's own tenant roles as JSON. Role names have no control characters.
const ROLES: &str = concat!(
    "COALESCE((SELECT '[' || string_agg('\"' || replace(replace(r.name, '\\', '\\\\'), '\"', '\\\"') || '\"', ',' ",
    "ORDER BY r.name) || ']' FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = {t}.id), '[]')"
);

const ONLY_INHERITED: &str = "CASE WHEN EXISTS (SELECT 1 FROM user_roles ur WHERE ur.user_id = {t}.id) \
    OR EXISTS (SELECT 1 FROM folder_users fu WHERE fu.user_id = {t}.id) THEN 0 ELSE 1 END";

const NOTIFICATIONS: &str = "COALESCE({t}.notifications, '{\"Queues\":false,\"Robots\":false,\"Jobs\":false,\
    \"Schedules\":false,\"Tasks\":false,\"QueueItems\":false,\"Insights\":false,\"CloudRobots\":false,\
    \"Serverless\":false,\"Export\":false,\"RateLimitsDaily\":false,\"RateLimitsRealTime\":false,\
    \"AutopilotForRobotsDetectedIssues\":false,\"Webhooks\":false}')";

/// The properties of an account, and more.
macro_rules! user_properties {
    ($($extra:expr),* $(,)?) => {
        &[
            Property::computed("Name", Kind::Text, fact!("name")),
            Property::computed("Surname", Kind::Text, fact!("surname")),
            Property::new("UserName", Kind::Text, "user_name"),
            Property::computed("Domain", Kind::Text, "''"),
            Property::absent("DirectoryIdentifier", Kind::Text),
            Property::computed("FullName", Kind::Text, fact!("full_name")),
            Property::computed("EmailAddress", Kind::Text, fact!("email")),
            Property::computed("LastLoginTime", Kind::DateTime, LAST_LOGIN),
            Property::new("IsActive", Kind::Bool, "is_active"),
            Property::new("CreationTime", Kind::DateTime, "created_at"),
            Property::absent("AuthenticationSource", Kind::Text),
            Property::secret("Password"),
            Property::computed("IsExternalLicensed", Kind::Bool, "0"),
            Property::computed("RolesList", Kind::Json, ROLES),
            Property::computed("LoginProviders", Kind::Json, "'[]'"),
            Property::new("TenantId", Kind::Int32, "tenant_id"),
            Property::computed("TenancyName", Kind::Text, "SELECT tn.name FROM tenants tn WHERE tn.id = {t}.tenant_id"),
            Property::computed(
                "TenantDisplayName",
                Kind::Text,
                "SELECT COALESCE(tn.display_name, tn.name) FROM tenants tn WHERE tn.id = {t}.tenant_id",
            ),
            Property::computed("TenantKey", Kind::Text, "SELECT tn.key FROM tenants tn WHERE tn.id = {t}.tenant_id"),
            Property::new("Type", Kind::Enum(&USER_TYPE), "type"),
            Property::new("ProvisionType", Kind::Enum(&PROVISION_TYPE), "provision_type"),
            Property::absent("LicenseType", Kind::Text),
            Property::absent("RobotProvision", Kind::Json),
            Property::absent("UnattendedRobot", Kind::Json),
            Property::computed("NotificationSubscription", Kind::Json, NOTIFICATIONS),
            Property::new("Key", Kind::Guid, "key"),
            Property::computed("MayHaveUserSession", Kind::Bool, USER_SESSION),
            Property::computed("MayHaveRobotSession", Kind::Bool, ROBOT_SESSION),
            Property::new("MayHaveUnattendedSession", Kind::Bool, "may_have_unattended_session"),
            Property::computed("MayHavePersonalWorkspace", Kind::Bool, PERSONAL_WORKSPACE),
            Property::computed("RestrictToPersonalWorkspace", Kind::Bool, RESTRICTED),
            Property::new("UpdatePolicy", Kind::Json, "update_policy"),
            Property::absent("AccountId", Kind::Text),
            Property::computed("HasOnlyInheritedPrivileges", Kind::Bool, ONLY_INHERITED),
            Property::new("ExplicitMayHaveUserSession", Kind::Bool, "may_have_user_session"),
            Property::new("ExplicitMayHaveRobotSession", Kind::Bool, "may_have_robot_session"),
            Property::new("ExplicitMayHavePersonalWorkspace", Kind::Bool, "may_have_personal_workspace"),
            Property::new("ExplicitRestrictToPersonalWorkspace", Kind::Bool, "restrict_to_personal_workspace"),
            Property::new("LastModificationTime", Kind::DateTime, "updated_at"),
            Property::new("LastModifierUserId", Kind::Int64, "updater_user_id"),
            Property::new("CreatorUserId", Kind::Int64, "creator_user_id"),
            $($extra,)*
            Property::new("Id", Kind::Int64, "id"),
        ]
    };
}

/// An account of a tenant.
pub static USER: EntityType = EntityType {
    name: "UserDto",
    set: "Users",
    table: "users",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: user_properties![],
    navigations: &[ROLES_OF_USER, UNITS_OF_USER],
};

/// The caller's account with the personal workspace. The spelling of the feed's member is the one that clients read.
pub static EXTENDED_USER: EntityType = EntityType {
    name: "ExtendedUserDto",
    set: "Users",
    table: "users",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: user_properties![
        Property::computed(
            "PersonalWorskpaceFeedId",
            Kind::Guid,
            "SELECT w.key FROM folders w WHERE w.owner_user_id = {t}.id AND w.folder_type = 1",
        ),
        Property::absent("VirtualFolderId", Kind::Int64),
        Property::absent("Preferences", Kind::Json),
    ],
    navigations: &[ROLES_OF_USER, UNITS_OF_USER, WORKSPACE_OF_USER],
};

/// The described type of [`EXTENDED_USER`], in the text form of the model: what the contract's `UserDto` has, and
/// more.
pub fn extended_type() -> String {
    let mut text = String::from("type ExtendedUserDto\n");
    if let Some(user) = bandmaster_model::contract().type_def("UserDto") {
        for property in user.properties() {
            text.push_str(&format!("  {} {}\n", property.name, property.ty));
        }
    }
    text.push_str("  PersonalWorkspace FolderDto\n  PersonalWorskpaceFeedId uuid\n  VirtualFolderId int64\n");
    text.push_str("  Preferences object\n");
    text
}

const ROLES_OF_USER: Navigation =
    Navigation { name: "UserRoles", target: || &USER_ROLE, link: Link::Many { local: "id", remote: "user_id" } };

const UNITS_OF_USER: Navigation = Navigation {
    name: "OrganizationUnits",
    target: || &UNIT_OF_USER,
    link: Link::Many { local: "id", remote: "user_id" },
};

const WORKSPACE_OF_USER: Navigation = Navigation {
    name: "PersonalWorkspace",
    target: || &FOLDER,
    link: Link::One { local: "id", remote: "owner_user_id" },
};

/// A tenant role that an account has itself.
pub static USER_ROLE: EntityType = EntityType {
    name: "UserRoleDto",
    set: "UserRoles",
    table: "(SELECT ur.id, ur.user_id, ur.role_id, u.user_name, r.name AS role_name, r.type AS role_type \
            FROM user_roles ur JOIN users u ON u.id = ur.user_id JOIN roles r ON r.id = ur.role_id)",
    key: "Id",
    scope: Scope::Within,
    properties: &[
        Property::new("UserId", Kind::Int64, "user_id"),
        Property::new("RoleId", Kind::Int32, "role_id"),
        Property::new("UserName", Kind::Text, "user_name"),
        Property::new("RoleName", Kind::Text, "role_name"),
        Property::new("RoleType", Kind::Enum(&ROLE_TYPE), "role_type"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

/// A folder that an account is assigned to, by its old name.
pub static UNIT_OF_USER: EntityType = EntityType {
    name: "OrganizationUnitDto",
    set: "OrganizationUnits",
    table: "(SELECT fu.user_id, f.id, f.display_name FROM folder_users fu JOIN folders f ON f.id = fu.folder_id)",
    key: "Id",
    scope: Scope::Within,
    properties: &[Property::new("DisplayName", Kind::Text, "display_name"), Property::new("Id", Kind::Int64, "id")],
    navigations: &[],
};
