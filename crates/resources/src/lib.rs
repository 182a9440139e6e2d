//! What robots work with besides queues: assets and the credential stores behind them, attachments, storage buckets and
//! the files behind those.
//!
//! Business rules are not served yet; [`files`] is made so that they can use it.

pub mod assets;
pub mod attachments;
pub mod buckets;
pub mod credential_stores;
pub mod files;
mod leaving;
mod neighbours;
mod types;

pub use leaving::TenantResources;

use bandmaster_access::parts::FolderContents;
use bandmaster_api::{Duty, Registry};
use bandmaster_automation::parts::Attachments;
use bandmaster_queues::parts::ArchiveBuckets;
use std::sync::Arc;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    r.types(&types::text());
    assets::register(r);
    credential_stores::register(r);
    attachments::register(r);
    buckets::register(r);
}

/// The background duties of this crate.
pub fn duties() -> Vec<Arc<dyn Duty>> {
    vec![Arc::new(files::FileRemoval)]
}

/// What becomes of this crate's things when folders are deleted: members of the part `Vec<Box<dyn FolderContents>>`.
pub fn folder_contents() -> Vec<Box<dyn FolderContents>> {
    vec![
        Box::new(assets::AssetsOfFolders),
        Box::new(attachments::AttachmentsOfFolders),
        Box::new(buckets::BucketsOfFolders),
    ]
}

/// The part `Box<dyn ArchiveBuckets>` that the queues crate asks.
pub fn archives_part() -> Box<dyn ArchiveBuckets> {
    Box::new(buckets::BucketArchives)
}

/// The part `Box<dyn Attachments>` that the automation crate asks.
pub fn attachments_part() -> Box<dyn Attachments> {
    Box::new(attachments::StoredAttachments)
}
