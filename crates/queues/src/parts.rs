//! What queues ask of other features, as traits. Implementations are parts of the app; a missing part means that the
//! feature is not there.
//!
//! | part (type in `app.parts`) | asked for |
//! |---|---|
//! | `Box<dyn ArchiveBuckets>` | the storage buckets to which old items are archived |

use bandmaster_api::{App, UnitContext};
use bandmaster_core::Result;
use bandmaster_store::Conn;
use futures::future::BoxFuture;

/// Why a bucket cannot take archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// The folder has no such bucket.
    Missing,
    /// Files of the bucket cannot be written.
    ReadOnly,
}

/// A file for a bucket.
#[derive(Debug, Clone)]
pub struct ArchiveFile {
    /// Path in the bucket, parts separated by slashes.
    pub path: String,
    /// Media type.
    pub content_type: &'static str,
    /// The whole content.
    pub content: Vec<u8>,
}

/// Storage buckets that take archives.
pub trait ArchiveBuckets: Send + Sync + 'static {
    /// Whether a bucket of the folder can be written; `None` when it can.
    fn check<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
        bucket_id: i64,
    ) -> BoxFuture<'a, Result<Option<Unusable>>>;

    /// Puts a file into a bucket of the tenant. When this returns without an error the file is durable; one that stood
    /// at the path is replaced. An error says nothing about whether the file is there.
    fn store<'a>(
        &'a self,
        app: &'a App,
        context: UnitContext,
        tenant_id: i64,
        bucket_id: i64,
        file: ArchiveFile,
    ) -> BoxFuture<'a, Result<()>>;
}
