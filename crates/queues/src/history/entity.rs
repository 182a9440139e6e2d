//! How the history of items is listed.

use crate::items::{REVIEW, STATUS};
use bandmaster_model::{EntityType, EnumType, Kind, Property, Scope};

/// What can be done to an item.
pub static ACTION: EnumType = EnumType {
    name: "QueueItemEventAction",
    members: &[("Create", 0), ("Edit", 1), ("Delete", 2), ("Status", 3), ("Retry", 4)],
};

/// A change of an item; states are those after it.
pub static EVENT: EntityType = EntityType {
    name: "QueueItemEventDto",
    set: "QueueItemEvents",
    table: "queue_item_events",
    key: "Id",
    scope: Scope::Linked { local: "queue_id", table: "queue_folders", item: "queue_id", folder: "folder_id" },
    properties: &[
        Property::new("QueueItemId", Kind::Int64, "item_id"),
        Property::new("Timestamp", Kind::DateTime, "at"),
        Property::new("Action", Kind::Enum(&ACTION), "action"),
        Property::new("Data", Kind::Text, "data"),
        Property::new("UserId", Kind::Int64, "user_id"),
        Property::computed("UserName", Kind::Text, "(SELECT u.user_name FROM users u WHERE u.id = {t}.user_id)"),
        Property::new("Status", Kind::Enum(&STATUS), "status"),
        Property::new("ReviewStatus", Kind::Enum(&REVIEW), "review_status"),
        Property::new("ReviewerUserId", Kind::Int64, "reviewer_user_id"),
        Property::computed(
            "ReviewerUserName",
            Kind::Text,
            "(SELECT u.user_name FROM users u WHERE u.id = {t}.reviewer_user_id)",
        ),
        Property::new("ExternalClientId", Kind::Text, "client_id"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
