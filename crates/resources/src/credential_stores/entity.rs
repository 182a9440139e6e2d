//! Credential stores as queries see them.

use bandmaster_model::{EntityType, EnumType, Kind, Link, Navigation, Property, Scope};

/// What stores keep secrets of.
pub static RESOURCE_TYPE: EnumType = EnumType {
    name: "CredentialStoreResourceType",
    members: &[("AssetCredential", 0), ("RobotCredential", 1), ("BucketCredential", 2), ("Secrets", 3)],
};

/// How a proxy is reached; there are no proxies.
static PROXY_TYPE: EnumType =
    EnumType { name: "CredentialsProxyType", members: &[("Connected", 0), ("Disconnected", 1)] };

/// A credential store.
pub static CREDENTIAL_STORE: EntityType = EntityType {
    name: "CredentialStoreDto",
    set: "CredentialStores",
    table: "credential_stores",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::absent("ProxyId", Kind::Int64),
        Property::absent("ProxyType", Kind::Enum(&PROXY_TYPE)),
        Property::absent("HostName", Kind::Text),
        Property::new("Name", Kind::Text, "name"),
        Property::new("Type", Kind::Text, "type"),
        Property::absent("AdditionalConfiguration", Kind::Text),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[
        Navigation { name: "Details", target: || &DETAILS, link: Link::One { local: "id", remote: "id" } },
        Navigation {
            name: "DefaultCredentialStores",
            target: || &DEFAULT,
            link: Link::Many { local: "id", remote: "id" },
        },
    ],
};

/// What a store can do.
static DETAILS: EntityType = EntityType {
    name: "CredentialStoreDetailsDto",
    set: "CredentialStoreDetails",
    table: "credential_stores",
    key: "IsReadOnly",
    scope: Scope::Within,
    properties: &[Property::computed("IsReadOnly", Kind::Bool, "0")],
    navigations: &[],
};

/// For what a store is the default: the only one is it for everything.
static DEFAULT: EntityType = EntityType {
    name: "DefaultCredentialStoreDto",
    set: "DefaultCredentialStores",
    table: "(SELECT s.id, k.kind FROM credential_stores s CROSS JOIN \
            (SELECT 0 AS kind UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) k WHERE s.type = 'Database')",
    key: "ResourceType",
    scope: Scope::Within,
    properties: &[
        Property::new("ResourceType", Kind::Enum(&RESOURCE_TYPE), "kind"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&CREDENTIAL_STORE, &DETAILS, &DEFAULT] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                let known = ty.property(&property.name).is_some() || ty.navigation(&property.name).is_some();
                assert!(known, "{} of {}", property.name, ty.name);
            }
        }
    }
}
