//! How actions are read back.

use super::rule::ACTION;
use crate::items::PRIORITY;
use bandmaster_model::{EntityType, EnumType, Kind, Property, Scope};

/// States of an action. The first two are unfinished.
pub static STATE: EnumType = EnumType {
    name: "QueueItemActionState",
    members: &[("New", 0), ("InProgress", 1), ("Completed", 2), ("Cancelled", 3), ("Failed", 4)],
};

/// Everything was done.
pub const COMPLETED: i64 = 2;
/// Somebody ended it; what was done stays.
pub const CANCELLED: i64 = 3;
/// It could not go on.
pub const FAILED: i64 = 4;

/// An action on many items.
pub static ITEM_ACTION: EntityType = EntityType {
    name: "QueueItemActionDto",
    set: "QueueItemActions",
    table: "queue_item_actions",
    key: "Id",
    scope: Scope::Folder { column: "folder_id" },
    properties: &[
        Property::new("Action", Kind::Enum(&ACTION), "action"),
        Property::new("Priority", Kind::Enum(&PRIORITY), "priority"),
        Property::new("Filter", Kind::Text, "filter"),
        Property::new("QueueDefinitionId", Kind::Int64, "queue_id"),
        Property::new("State", Kind::Enum(&STATE), "state"),
        Property::new("Message", Kind::Text, "message"),
        Property::new("Total", Kind::Int64, "total"),
        Property::new("Done", Kind::Int64, "done"),
        Property::new("Skipped", Kind::Int64, "skipped"),
        Property::new("SkippedReasons", Kind::Json, "reasons"),
        Property::new("Failed", Kind::Int64, "failed"),
        Property::new("Failures", Kind::Json, "failures"),
        Property::new("UserId", Kind::Int64, "user_id"),
        Property::new("UserName", Kind::Text, "user_name"),
        Property::new("OrganizationUnitId", Kind::Int64, "folder_id"),
        Property::new("CreationTime", Kind::DateTime, "requested_at"),
        Property::new("StartTime", Kind::DateTime, "started_at"),
        Property::new("EndTime", Kind::DateTime, "ended_at"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
