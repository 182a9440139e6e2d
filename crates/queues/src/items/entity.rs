//! How queue items are listed.

use crate::definitions::QUEUE;
use bandmaster_model::{EntityType, EnumType, Kind, Link, Navigation, Property, Scope};

/// States of an item.
pub static STATUS: EnumType = EnumType {
    name: "QueueItemStatus",
    members: &[
        ("New", 0),
        ("InProgress", 1),
        ("Failed", 2),
        ("Successful", 3),
        ("Abandoned", 4),
        ("Retried", 5),
        ("Deleted", 6),
    ],
};

/// States of review.
pub static REVIEW: EnumType = EnumType {
    name: "QueueItemReviewStatus",
    members: &[("None", 0), ("InReview", 1), ("Verified", 2), ("Retried", 3)],
};

/// Priorities; the smaller number is served first.
pub static PRIORITY: EnumType =
    EnumType { name: "QueueItemPriority", members: &[("High", 0), ("Normal", 1), ("Low", 2)] };

/// Kinds of exceptions.
pub static EXCEPTION_TYPE: EnumType =
    EnumType { name: "ProcessingExceptionType", members: &[("ApplicationException", 0), ("BusinessException", 1)] };

/// A queue item. Contents of encrypted queues are sealed in the table and opened after reading (`show::open`).
pub static ITEM: EntityType = EntityType {
    name: "QueueItemDto",
    set: "QueueItems",
    table: "queue_items",
    key: "Id",
    scope: Scope::Linked { local: "queue_id", table: "queue_folders", item: "queue_id", folder: "folder_id" },
    properties: &[
        Property::new("QueueDefinitionId", Kind::Int64, "queue_id").required(),
        Property::new("ProcessingException", Kind::Json, "exception"),
        Property::new("Encrypted", Kind::Bool, "encrypted"),
        Property::new("SpecificContent", Kind::Json, "content"),
        Property::new("Output", Kind::Json, "output"),
        Property::new("OutputData", Kind::Text, "output").unfilterable(),
        Property::new("Analytics", Kind::Json, "analytics"),
        Property::new("AnalyticsData", Kind::Text, "analytics").unfilterable(),
        Property::new("Status", Kind::Enum(&STATUS), "status").required(),
        Property::new("ReviewStatus", Kind::Enum(&REVIEW), "review_status"),
        Property::new("ReviewerUserId", Kind::Int64, "reviewer_user_id"),
        Property::new("Key", Kind::Guid, "key"),
        Property::new("Reference", Kind::Text, "reference"),
        Property::new("ProcessingExceptionType", Kind::Enum(&EXCEPTION_TYPE), "exception_type"),
        Property::new("DueDate", Kind::DateTime, "due_at"),
        Property::new("RiskSlaDate", Kind::DateTime, "risk_at"),
        Property::new("Priority", Kind::Enum(&PRIORITY), "priority").required(),
        Property::new("RobotId", Kind::Int64, "robot_id"),
        Property::new("CreatorJobKey", Kind::Guid, "creator_job_key"),
        Property::new("ExecutorJobKey", Kind::Guid, "executor_job_key"),
        Property::new("DeferDate", Kind::DateTime, "defer_at"),
        Property::new("StartProcessing", Kind::DateTime, "started_at"),
        Property::new("EndProcessing", Kind::DateTime, "ended_at"),
        Property::new("SecondsInPreviousAttempts", Kind::Int32, "seconds_previous"),
        Property::new("AncestorId", Kind::Int64, "ancestor_id"),
        Property::new("AncestorUniqueKey", Kind::Guid, "ancestor_key"),
        Property::new("RetryNumber", Kind::Int32, "retry_number"),
        Property::new("ManualAncestorId", Kind::Int64, "manual_ancestor_id"),
        Property::new("ManualAncestorUniqueKey", Kind::Guid, "manual_ancestor_key"),
        Property::new("ManualRetryNumber", Kind::Int32, "manual_retry_number"),
        Property::new("UniqueKey", Kind::Guid, "unique_key"),
        Property::computed("HasVideoRecorded", Kind::Bool, "0"),
        Property::new("SpecificData", Kind::Text, "content").unfilterable(),
        Property::new("CreationTime", Kind::DateTime, "created_at").required(),
        Property::new("Progress", Kind::Text, "progress"),
        Property::new("RowVersion", Kind::Text, "row_version").unfilterable(),
        Property::new("ParentOperationId", Kind::Text, "parent_operation_id"),
        Property::new("OperationId", Kind::Text, "operation_id"),
        Property::computed(
            "OrganizationUnitId",
            Kind::Int64,
            "(SELECT min(f.folder_id) FROM queue_folders f WHERE f.queue_id = {t}.queue_id)",
        ),
        Property::computed(
            "OrganizationUnitFullyQualifiedName",
            Kind::Text,
            "(SELECT p.path FROM folders p WHERE p.id = (SELECT min(f.folder_id) FROM queue_folders f WHERE f.queue_id = {t}.queue_id))",
        ),
        Property::new("Id", Kind::Int64, "id"),
        // The Python SDK lists the items of a queue by its name.
        Property::computed(
            "QueueDefinitionName",
            Kind::Text,
            "(SELECT q.name FROM queue_definitions q WHERE q.id = {t}.queue_id)",
        )
        .hidden(),
    ],
    navigations: &[
        Navigation { name: "QueueDefinition", target: || &QUEUE, link: Link::One { local: "queue_id", remote: "id" } },
        Navigation {
            name: "Robot",
            target: || &bandmaster_fleet::robots::ROBOT,
            link: Link::One { local: "robot_id", remote: "id" },
        },
        Navigation {
            name: "ReviewerUser",
            target: || &bandmaster_access::users::USER,
            link: Link::One { local: "reviewer_user_id", remote: "id" },
        },
    ],
};
