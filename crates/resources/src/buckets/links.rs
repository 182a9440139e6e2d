//! Links of buckets to folders.

use super::entity::BUCKET;
use bandmaster_access::links::{self, Links};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

static BUCKETS: Links = Links {
    entity: &BUCKET,
    what: "Bucket",
    resource: "Buckets",
    ids: "BucketIds",
    table: "buckets",
    links: "bucket_folders",
    item: "bucket_id",
    unique: "bucket_folders_name",
    elsewhere: "NOT EXISTS (SELECT 1 FROM bucket_folders x WHERE x.bucket_id = {t}.id AND x.folder_id = ?)",
};

/// Adds and removes links.
pub async fn share(call: &mut Call) -> Result<Output> {
    links::share(call, &BUCKETS).await
}

/// The folders of a bucket.
pub async fn folders(call: &mut Call) -> Result<Output> {
    links::folders(call, &BUCKETS).await
}

/// Buckets of all folders but one.
pub async fn across(call: &mut Call) -> Result<Output> {
    links::across(call, &BUCKETS).await
}
