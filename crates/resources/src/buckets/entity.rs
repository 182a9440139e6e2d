//! Buckets and their files as queries see them.

use bandmaster_model::{EntityType, EnumType, Kind, Property, Scope};

/// Files cannot be written or deleted.
pub const READ_ONLY: i64 = 1;
/// Every address to read leaves an audit entry.
pub const AUDIT_READS: i64 = 2;

/// What can be switched on for a bucket: flags, and their sums as clients write them.
pub static OPTIONS: EnumType = EnumType {
    name: "BucketOptions",
    members: &[
        ("None", 0),
        ("ReadOnly", READ_ONLY),
        ("AuditReadAccess", AUDIT_READS),
        ("ReadOnly, AuditReadAccess", 3),
        // Contents of this server's own buckets pass through it anyway.
        ("AccessDataThroughOrchestrator", 4),
        ("ReadOnly, AccessDataThroughOrchestrator", 5),
        ("AuditReadAccess, AccessDataThroughOrchestrator", 6),
        ("ReadOnly, AuditReadAccess, AccessDataThroughOrchestrator", 7),
    ],
};

/// A bucket. Members of outside providers are always null.
pub static BUCKET: EntityType = EntityType {
    name: "BucketDto",
    set: "Buckets",
    table: "buckets",
    key: "Id",
    scope: Scope::Linked { local: "id", table: "bucket_folders", item: "bucket_id", folder: "folder_id" },
    properties: &[
        Property::new("Name", Kind::Text, "name"),
        Property::new("Description", Kind::Text, "description"),
        Property::new("Identifier", Kind::Guid, "key"),
        Property::computed("StorageProvider", Kind::Text, "'Orchestrator'"),
        Property::absent("StorageParameters", Kind::Text),
        Property::absent("StorageContainer", Kind::Text),
        Property::new("Options", Kind::Enum(&OPTIONS), "options"),
        Property::absent("CredentialStoreId", Kind::Int64),
        Property::absent("ExternalName", Kind::Text),
        Property::absent("Password", Kind::Text),
        Property::computed(
            "FoldersCount",
            Kind::Int32,
            "(SELECT count(*) FROM bucket_folders f WHERE f.bucket_id = {t}.id)",
        ),
        Property::new("Tags", Kind::Json, "tags"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

/// A file of a bucket. Its path is its key, since it is what files are asked for by.
pub static FILE: EntityType = EntityType {
    name: "BlobFileDto",
    set: "BlobFiles",
    table: "bucket_files",
    key: "Id",
    scope: Scope::Linked { local: "bucket_id", table: "bucket_folders", item: "bucket_id", folder: "folder_id" },
    properties: &[
        Property::new("FullPath", Kind::Text, "path"),
        Property::new("ContentType", Kind::Text, "content_type"),
        Property::new("Size", Kind::Int64, "size"),
        Property::computed("IsDirectory", Kind::Bool, "0"),
        Property::new("Id", Kind::Text, "path"),
        // The Python SDK shows it.
        Property::new("LastModified", Kind::DateTime, "written_at"),
    ],
    navigations: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&BUCKET, &FILE] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                assert!(ty.property(&property.name).is_some(), "{} of {}", property.name, ty.name);
            }
        }
    }
}
