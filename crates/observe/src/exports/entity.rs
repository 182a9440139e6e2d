//! How exports are read back.

use bandmaster_model::{EntityType, EnumType, Kind, Property, Scope};

/// Kinds of exports. The first five are made here.
pub static KIND: EnumType = EnumType {
    name: "ExportType",
    members: &[
        ("OrchestratorAudit", 0),
        ("TestAutomationAudit", 1),
        ("Queues", 2),
        ("Logs", 3),
        ("Jobs", 4),
        ("Privileges", 5),
        ("RateLimitsReportQueueItems", 6),
        ("RateLimitsReportJobs", 7),
        ("AutopilotForRobotsData", 8),
    ],
};

/// Waits to be carried out.
pub const NEW: i64 = 0;
/// Is being carried out.
pub const IN_PROGRESS: i64 = 1;
/// Can be fetched.
pub const COMPLETED: i64 = 2;
/// Was given up.
pub const FAILED: i64 = 3;

/// States of an export.
pub static STATUS: EnumType = EnumType {
    name: "ExportStatus",
    members: &[("New", NEW), ("InProgress", IN_PROGRESS), ("Completed", COMPLETED), ("Failed", FAILED)],
};

/// An export. Whose it is, and whether it has not expired, is checked by whoever reads it.
pub static EXPORT: EntityType = EntityType {
    name: "ExportModel",
    set: "Exports",
    table: "exports",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::new("Name", Kind::Text, "name"),
        Property::new("Type", Kind::Enum(&KIND), "kind"),
        Property::new("Status", Kind::Enum(&STATUS), "status"),
        Property::new("RequestedAt", Kind::DateTime, "requested_at"),
        Property::new("ExecutedAt", Kind::DateTime, "executed_at"),
        Property::new("Size", Kind::Int64, "size"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
