//! Attachments as queries see them.

use bandmaster_model::{EntityType, Kind, Property, Scope};

macro_rules! attachment {
    ($($more:expr),*) => {
        EntityType {
            name: "AttachmentDto",
            set: "Attachments",
            table: "attachments",
            key: "Id",
            scope: Scope::Folder { column: "folder_id" },
            properties: &[
                Property::new("Name", Kind::Text, "name"),
                $($more,)*
                Property::new("LastModificationTime", Kind::DateTime, "updated_at"),
                Property::new("LastModifierUserId", Kind::Int64, "updater_user_id"),
                Property::new("CreationTime", Kind::DateTime, "created_at"),
                Property::new("CreatorUserId", Kind::Int64, "creator_user_id"),
                Property::new("Id", Kind::Guid, "key"),
            ],
            navigations: &[],
        }
    };
}

/// An attachment in a list.
pub static ATTACHMENT: EntityType = attachment!();

/// An attachment by itself: `BlobFileAccess`, which no column holds, is filled in afterwards.
pub static ACCESSIBLE: EntityType = attachment!(Property::absent("BlobFileAccess", Kind::Json));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_published_properties_are_there() {
        for property in bandmaster_model::contract().type_def("AttachmentDto").unwrap().properties() {
            assert!(ATTACHMENT.property(&property.name).is_some(), "{}", property.name);
        }
        assert!(ACCESSIBLE.property("BlobFileAccess").is_some());
    }
}
