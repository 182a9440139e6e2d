//! How queue definitions are listed.

use bandmaster_model::{EntityType, Kind, Property, Scope};

/// A queue definition.
pub static QUEUE: EntityType = EntityType {
    name: "QueueDefinitionDto",
    set: "QueueDefinitions",
    table: "queue_definitions",
    key: "Id",
    scope: Scope::Linked { local: "id", table: "queue_folders", item: "queue_id", folder: "folder_id" },
    properties: &[
        Property::new("Key", Kind::Guid, "key"),
        Property::new("Name", Kind::Text, "name"),
        Property::new("Description", Kind::Text, "description"),
        Property::new("MaxNumberOfRetries", Kind::Int32, "max_retries"),
        Property::new("AcceptAutomaticallyRetry", Kind::Bool, "auto_retry"),
        Property::new("RetryAbandonedItems", Kind::Bool, "retry_abandoned"),
        Property::new("EnforceUniqueReference", Kind::Bool, "unique_reference"),
        Property::new("Encrypted", Kind::Bool, "encrypted"),
        Property::new("SpecificDataJsonSchema", Kind::Text, "specific_schema").unfilterable(),
        Property::new("OutputDataJsonSchema", Kind::Text, "output_schema").unfilterable(),
        Property::new("AnalyticsDataJsonSchema", Kind::Text, "analytics_schema").unfilterable(),
        Property::new("CreationTime", Kind::DateTime, "created_at"),
        Property::absent("ProcessScheduleId", Kind::Int64),
        Property::new("SlaInMinutes", Kind::Int32, "sla_minutes"),
        Property::new("RiskSlaInMinutes", Kind::Int32, "risk_sla_minutes"),
        Property::new("ReleaseId", Kind::Int64, "release_id"),
        Property::absent("IsProcessInCurrentFolder", Kind::Bool),
        Property::computed(
            "FoldersCount",
            Kind::Int32,
            "(SELECT count(*) FROM queue_folders f WHERE f.queue_id = {t}.id)",
        ),
        Property::computed("OrganizationUnitId", Kind::Int64, HOME),
        Property::computed(
            "OrganizationUnitFullyQualifiedName",
            Kind::Text,
            "(SELECT p.path FROM folders p WHERE p.id = (SELECT min(f.folder_id) FROM queue_folders f WHERE f.queue_id = {t}.id))",
        ),
        Property::new("Tags", Kind::Json, "tags"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

/// The folder that stands for a queue where only one can be told.
const HOME: &str = "(SELECT min(f.folder_id) FROM queue_folders f WHERE f.queue_id = {t}.id)";
