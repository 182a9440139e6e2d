//! How audit entries are listed. One entry tells of one thing, so it is listed twice: as what was done, and as the thing
//! that it was done to.

use super::words::{ACTION, ACTION_NUMBER, COMPONENT, COMPONENT_NUMBER, ENTITY, SENTENCE};
use bandmaster_access::kinds::USER_TYPE;
use bandmaster_model::{EntityType, Kind, Link, Navigation, Property, Scope};

// What stands before the last underscore of an operation's id, with it. Neither database has a word for that which the
// other knows: trimming every character but the underscore off the end leaves it.
macro_rules! chapter {
    () => {
        "rtrim({t}.operation, replace({t}.operation, '_', ''))"
    };
}

/// Numbers of `USER_TYPE` for actors whose account the tenant does not have, or no longer.
const USER_TYPE_NUMBER: &str = "COALESCE((SELECT u.type FROM users u WHERE u.id = {t}.actor_id AND u.tenant_id = {t}.tenant_id), \
     CASE {t}.actor_kind WHEN 'User' THEN 2 WHEN 'Robot' THEN 4 WHEN 'Application' THEN 5 WHEN 'Machine' THEN 1 ELSE 0 END)";

/// An entry of the audit. `ServiceName` and `MethodName` are the two halves of the operation's id; what was sent is
/// not kept, so `Parameters` is what came of it, which holds no secrets.
pub static AUDIT_ENTRY: EntityType = EntityType {
    name: "AuditLogDto",
    set: "AuditLogs",
    table: "audit_entries",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::computed("ServiceName", Kind::Text, concat!("rtrim(", chapter!(), ", '_')")),
        Property::computed("MethodName", Kind::Text, concat!("substr({t}.operation, length(", chapter!(), ") + 1)")),
        Property::new("Parameters", Kind::Text, "after_json"),
        Property::new("ExecutionTime", Kind::DateTime, "at").required(),
        Property::computed("Action", Kind::Enum(&ACTION), ACTION_NUMBER),
        Property::computed("Component", Kind::Enum(&COMPONENT), COMPONENT_NUMBER),
        Property::new("DisplayName", Kind::Text, "entity_name"),
        Property::new("EntityId", Kind::Int64, "entity_id"),
        Property::computed("OperationText", Kind::Text, SENTENCE),
        Property::new("UserName", Kind::Text, "actor_name"),
        Property::computed("UserType", Kind::Enum(&USER_TYPE), USER_TYPE_NUMBER),
        Property::new("ExternalClientId", Kind::Text, "client_id"),
        Property::new("UserId", Kind::Int64, "actor_id"),
        Property::computed(
            "UserIsDeleted",
            Kind::Bool,
            "CASE WHEN {t}.actor_id IS NULL OR EXISTS (SELECT 1 FROM users u WHERE u.id = {t}.actor_id) THEN 0 ELSE 1 END",
        ),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[Navigation {
        name: "Entities",
        target: || &AUDIT_ENTITY,
        link: Link::Many { local: "id", remote: "id" },
    }],
};

/// What an entry tells of. `CustomData` is a JSON text with the states before and after.
pub static AUDIT_ENTITY: EntityType = EntityType {
    name: "AuditLogEntityDto",
    set: "AuditLogEntities",
    table: "audit_entries",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::new("AuditLogId", Kind::Int64, "id"),
        Property::computed(
            "CustomData",
            Kind::Text,
            "'{\"Before\":' || COALESCE({t}.before_json, 'null') || ',\"After\":' || COALESCE({t}.after_json, 'null') || '}'",
        ),
        Property::new("EntityId", Kind::Int64, "entity_id"),
        Property::computed("EntityName", Kind::Text, ENTITY),
        Property::computed("Action", Kind::Enum(&ACTION), ACTION_NUMBER),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
