//! Roles and permissions as the API shows them.

use crate::kinds::{PERMISSION_SCOPE, ROLE_TYPE};
use bandmaster_model::entity::{EntityType, Kind, Link, Navigation, Property, Scope};

/// A role.
pub static ROLE: EntityType = EntityType {
    name: "RoleDto",
    set: "Roles",
    table: "roles",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::new("Name", Kind::Text, "name"),
        Property::new("DisplayName", Kind::Text, "display_name"),
        Property::new("Type", Kind::Enum(&ROLE_TYPE), "type"),
        Property::absent("Groups", Kind::Text),
        Property::new("IsStatic", Kind::Bool, "is_static"),
        Property::new("IsEditable", Kind::Bool, "is_editable"),
        Property::new("Id", Kind::Int32, "id"),
    ],
    navigations: &[Navigation {
        name: "Permissions",
        target: || &PERMISSION,
        link: Link::Many { local: "id", remote: "role_id" },
    }],
};

/// A permission that a role grants. The bare resource is the permission to view it.
pub static PERMISSION: EntityType = EntityType {
    name: "PermissionDto",
    set: "Permissions",
    table: "role_permissions",
    key: "Id",
    scope: Scope::Within,
    properties: &[
        Property::computed(
            "Name",
            Kind::Text,
            "CASE WHEN {t}.permission LIKE '%.View' THEN substr({t}.permission, 1, length({t}.permission) - 5) \
             ELSE {t}.permission END",
        ),
        Property::computed("IsGranted", Kind::Bool, "1"),
        Property::new("RoleId", Kind::Int32, "role_id"),
        Property::new("Scope", Kind::Enum(&PERMISSION_SCOPE), "scope"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
