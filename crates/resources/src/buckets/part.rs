//! What other features ask of buckets.

use super::path::FilePath;
use super::row;
use super::save::{self, Target};
use bandmaster_api::{App, UnitContext};
use bandmaster_core::Result;
use bandmaster_queues::parts::{ArchiveBuckets, ArchiveFile, Unusable};
use bandmaster_store::Conn;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use std::convert::Infallible;

/// The part `Box<dyn ArchiveBuckets>`.
#[derive(Debug, Default, Clone, Copy)]
pub struct BucketArchives;

impl ArchiveBuckets for BucketArchives {
    fn check<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
        bucket_id: i64,
    ) -> BoxFuture<'a, Result<Option<Unusable>>> {
        Box::pin(async move {
            Ok(match row::linked(conn, tenant_id, folder_id, bucket_id).await? {
                None => Some(Unusable::Missing),
                Some(bucket) if bucket.writable().is_err() => Some(Unusable::ReadOnly),
                Some(_) => None,
            })
        })
    }

    fn store<'a>(
        &'a self,
        app: &'a App,
        context: UnitContext,
        tenant_id: i64,
        bucket_id: i64,
        file: ArchiveFile,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let bucket = row::of_tenant(&mut app.store.read().await?, tenant_id, bucket_id).await?;
            let bucket = bucket.ok_or_else(row::missing)?;
            bucket.writable()?;
            let path = FilePath::parse(&file.path)?;
            let target =
                Target { bucket: bucket.id, path: &path, content_type: Some(file.content_type), folder: None, context };
            let content = stream::iter([Ok::<_, Infallible>(Bytes::from(file.content))]);
            save::save(app, &target, content, u64::MAX).await
        })
    }
}
