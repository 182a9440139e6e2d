//! How comments are listed.

use bandmaster_model::{EntityType, Kind, Property, Scope};

/// A comment on an item. `UserName` is the author's name when it was written.
pub static COMMENT: EntityType = EntityType {
    name: "QueueItemCommentDto",
    set: "QueueItemComments",
    table: "queue_item_comments",
    key: "Id",
    scope: Scope::Linked { local: "queue_id", table: "queue_folders", item: "queue_id", folder: "folder_id" },
    properties: &[
        Property::new("Text", Kind::Text, "text"),
        Property::new("QueueItemId", Kind::Int64, "item_id"),
        Property::new("CreationTime", Kind::DateTime, "created_at"),
        Property::new("UserId", Kind::Int64, "user_id"),
        Property::new("UserName", Kind::Text, "author_name"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
