//! What becomes of buckets when their folder goes.

use super::row;
use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// Buckets in folders.
#[derive(Debug, Default, Clone, Copy)]
pub struct BucketsOfFolders;

impl FolderContents for BucketsOfFolders {
    fn hindrance<'a>(&'a self, _: &'a mut Unit, _: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async { Ok(None) })
    }

    /// Unlinks them. What is linked nowhere any more is deleted with its files.
    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for folder in folders {
                let sql = "SELECT bucket_id FROM bucket_folders WHERE folder_id = $1 ORDER BY bucket_id";
                for found in unit.query(sql, params![*folder]).await? {
                    let bucket: i64 = found.get(0)?;
                    row::hold(unit, bucket).await?;
                    let gone = "DELETE FROM bucket_folders WHERE bucket_id = $1 AND folder_id = $2";
                    unit.execute(gone, params![bucket, *folder]).await?;
                    let left = "SELECT 1 FROM bucket_folders WHERE bucket_id = $1";
                    if unit.query_opt(left, params![bucket]).await?.is_none() {
                        row::remove(unit, bucket).await?;
                    }
                }
            }
            Ok(())
        })
    }
}
