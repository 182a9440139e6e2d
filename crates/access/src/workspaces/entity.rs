//! Personal workspaces as the API shows them.

use bandmaster_model::entity::{EntityType, Kind, Property, Scope};

const EXPLORERS: &str = "COALESCE((SELECT '[' || string_agg(CAST(e.user_id AS TEXT), ',') || ']' \
    FROM workspace_explorers e WHERE e.folder_id = {t}.id), '[]')";

/// A personal workspace. `Id` and `Key` are those of the folder.
pub static WORKSPACE: EntityType = EntityType {
    name: "PersonalWorkspaceDto",
    set: "PersonalWorkspaces",
    table: "(SELECT f.id, f.key, f.tenant_id, f.display_name, f.owner_user_id, u.key AS owner_key, \
            u.user_name AS owner_name, a.last_login_at FROM folders f LEFT JOIN users u ON u.id = f.owner_user_id \
            LEFT JOIN account_facts a ON a.key = u.key WHERE f.folder_type = 1)",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::new("Key", Kind::Guid, "key"),
        Property::new("Name", Kind::Text, "display_name"),
        Property::computed("IsActive", Kind::Bool, "CASE WHEN {t}.owner_user_id IS NULL THEN 0 ELSE 1 END"),
        Property::new("OwnerId", Kind::Int64, "owner_user_id"),
        Property::new("OwnerKey", Kind::Guid, "owner_key"),
        Property::new("OwnerName", Kind::Text, "owner_name"),
        Property::new("LastLogin", Kind::DateTime, "last_login_at"),
        Property::computed("ExploringUserIds", Kind::Json, EXPLORERS),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
