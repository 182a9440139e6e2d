//! Assets and their values as queries see them. No column with a secret is named here, so no query can show one.
//!
//! Texts, numbers and user names stand in plain columns, since lists filter and show them; whoever may read the
//! database file may read those. Passwords and secrets are sealed.

use super::kinds::{VALUE_SCOPE, VALUE_TYPE};
use bandmaster_model::{EntityType, Kind, Link, Navigation, Property, Scope};

/// The value in words, beside the type's number and the value's columns.
macro_rules! rendered {
    () => {
        "CASE {t}.value_type WHEN 0 THEN COALESCE({t}.text_value, '') WHEN 1 THEN COALESCE({t}.text_value, '') \
         WHEN 2 THEN COALESCE({t}.text_value, '') \
         WHEN 3 THEN CASE {t}.bool_value WHEN 1 THEN 'True' WHEN 0 THEN 'False' ELSE '' END \
         WHEN 4 THEN COALESCE(CAST({t}.int_value AS TEXT), '') \
         WHEN 5 THEN COALESCE('username: ' || {t}.credential_user, '') \
         WHEN 6 THEN COALESCE('username: ' || {t}.credential_user, '') ELSE '' END"
    };
}

/// The value's members; those that do not belong to the type are neutral.
macro_rules! value_properties {
    ($($before:expr),*; $($after:expr),*) => {
        &[
            $($before,)*
            Property::new("ValueType", Kind::Enum(&VALUE_TYPE), "value_type"),
            Property::computed("Value", Kind::Text, rendered!()),
            Property::computed("StringValue", Kind::Text, "COALESCE({t}.text_value, '')"),
            Property::computed("BoolValue", Kind::Bool, "COALESCE({t}.bool_value, 0)"),
            Property::computed("IntValue", Kind::Int32, "COALESCE({t}.int_value, 0)"),
            Property::computed("CredentialUsername", Kind::Text, "COALESCE({t}.credential_user, '')"),
            Property::computed("CredentialPassword", Kind::Text, "''").unfilterable(),
            Property::computed("SecretValue", Kind::Text, "''").unfilterable(),
            Property::new("ExternalName", Kind::Text, "external_name"),
            Property::new("CredentialStoreId", Kind::Int64, "store_id"),
            Property::computed("KeyValueList", Kind::Json, "COALESCE({t}.pairs, '[]')"),
            $($after,)*
        ]
    };
}

/// An asset with its value for everybody.
pub static ASSET: EntityType = EntityType {
    name: "AssetDto",
    set: "Assets",
    table: "(SELECT a.id, a.key, a.tenant_id, a.name, a.description, a.value_type, a.value_scope, a.can_be_deleted, \
            a.allow_direct, a.tags, a.created_at, a.creator_user_id, a.updated_at, a.updater_user_id, \
            v.id AS default_id, v.text_value, v.bool_value, v.int_value, v.pairs, v.credential_user, v.store_id, \
            v.external_name \
            FROM assets a LEFT JOIN asset_values v ON v.asset_id = a.id AND v.user_id IS NULL)",
    key: "Id",
    scope: Scope::Linked { local: "id", table: "asset_folders", item: "asset_id", folder: "folder_id" },
    properties: value_properties![
        Property::new("Key", Kind::Guid, "key"),
        Property::new("Name", Kind::Text, "name"),
        Property::new("CanBeDeleted", Kind::Bool, "can_be_deleted"),
        Property::new("ValueScope", Kind::Enum(&VALUE_SCOPE), "value_scope");
        Property::computed("HasDefaultValue", Kind::Bool, "CASE WHEN {t}.default_id IS NULL THEN 0 ELSE 1 END"),
        Property::new("Description", Kind::Text, "description"),
        Property::new("Tags", Kind::Json, "tags"),
        Property::computed(
            "FoldersCount",
            Kind::Int32,
            "(SELECT count(*) FROM asset_folders f WHERE f.asset_id = {t}.id)"
        ),
        Property::new("AllowDirectApiAccess", Kind::Bool, "allow_direct"),
        Property::new("LastModificationTime", Kind::DateTime, "updated_at"),
        Property::new("LastModifierUserId", Kind::Int64, "updater_user_id"),
        Property::new("CreationTime", Kind::DateTime, "created_at"),
        Property::new("CreatorUserId", Kind::Int64, "creator_user_id"),
        Property::new("Id", Kind::Int64, "id")
    ],
    navigations: &[
        Navigation { name: "UserValues", target: || &USER_VALUE, link: Link::Many { local: "id", remote: "asset_id" } },
        Navigation {
            name: "RobotValues",
            target: || &ROBOT_VALUE,
            link: Link::Many { local: "id", remote: "asset_id" },
        },
    ],
};

/// The value of an account, or of an account on a machine.
pub static USER_VALUE: EntityType = EntityType {
    name: "AssetUserValueDto",
    set: "AssetUserValues",
    table: "(SELECT v.id, v.asset_id, v.user_id, v.machine_id, v.text_value, v.bool_value, v.int_value, v.pairs, \
            v.credential_user, v.store_id, v.external_name, a.name, a.value_type, u.user_name AS account_name, \
            m.name AS machine_name \
            FROM asset_values v JOIN assets a ON a.id = v.asset_id JOIN users u ON u.id = v.user_id \
            LEFT JOIN machines m ON m.id = v.machine_id)",
    key: "Id",
    scope: Scope::Within,
    properties: value_properties![
        Property::new("Name", Kind::Text, "name"),
        Property::new("UserId", Kind::Int64, "user_id"),
        Property::new("UserName", Kind::Text, "account_name"),
        Property::new("MachineId", Kind::Int64, "machine_id"),
        Property::new("MachineName", Kind::Text, "machine_name");
        Property::new("Id", Kind::Int64, "id")
    ],
    navigations: &[],
};

/// The same in the old form, by robot: only values for all machines can be told so. Of the two robots that an account
/// may have, the unattended one stands for it.
pub static ROBOT_VALUE: EntityType = EntityType {
    name: "AssetRobotValueDto",
    set: "AssetRobotValues",
    table: "(SELECT v.id, v.asset_id, v.text_value, v.bool_value, v.int_value, v.pairs, v.credential_user, \
            v.store_id, v.external_name, a.name, a.value_type, r.id AS robot_id, substr(r.name, 1, 19) AS robot_name \
            FROM asset_values v JOIN assets a ON a.id = v.asset_id JOIN robots r ON r.user_id = v.user_id \
            WHERE v.machine_id IS NULL \
            AND r.kind = (SELECT max(o.kind) FROM robots o WHERE o.user_id = v.user_id))",
    key: "Id",
    scope: Scope::Within,
    properties: value_properties![
        Property::new("Name", Kind::Text, "name"),
        Property::new("RobotId", Kind::Int64, "robot_id"),
        Property::new("RobotName", Kind::Text, "robot_name"),
        Property::absent("KeyTrail", Kind::Text);
        Property::new("Id", Kind::Int64, "id")
    ],
    navigations: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::{Source, contract};

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&ASSET, &USER_VALUE, &ROBOT_VALUE] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                let known = ty.property(&property.name).is_some() || ty.navigation(&property.name).is_some();
                assert!(known, "{} of {}", property.name, ty.name);
            }
        }
    }

    #[test]
    fn no_query_reads_a_secret() {
        for ty in [&ASSET, &USER_VALUE, &ROBOT_VALUE] {
            assert!(!ty.table.contains("sealed"));
            for name in ["CredentialPassword", "SecretValue"] {
                let property = ty.property(name).unwrap();
                assert!(property.source == Source::Expression("''") && !property.filterable, "{name} of {}", ty.name);
            }
        }
    }
}
