//! What queues have to say when a folder is deleted: links go, and queues that are linked nowhere else.

use crate::definitions;
use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// The queues of folders.
pub struct QueueContents;

impl FolderContents for QueueContents {
    fn hindrance<'a>(&'a self, _unit: &'a mut Unit, _folders: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async { Ok(None) })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for folder in folders {
                let rows = unit
                    .query("DELETE FROM queue_folders WHERE folder_id = $1 RETURNING queue_id", params![*folder])
                    .await?;
                for row in &rows {
                    let queue: i64 = row.get(0)?;
                    let left =
                        unit.query_opt("SELECT 1 FROM queue_folders WHERE queue_id = $1", params![queue]).await?;
                    if left.is_none() {
                        definitions::remove(unit, queue).await?;
                    }
                }
            }
            Ok(())
        })
    }
}
