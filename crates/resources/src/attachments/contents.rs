//! What becomes of attachments when their folder goes.

use crate::files;
use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// Attachments in folders.
#[derive(Debug, Default, Clone, Copy)]
pub struct AttachmentsOfFolders;

impl FolderContents for AttachmentsOfFolders {
    fn hindrance<'a>(&'a self, _: &'a mut Unit, _: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async { Ok(None) })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for folder in folders {
                let gone = unit
                    .query("DELETE FROM attachments WHERE folder_id = $1 RETURNING file_id", params![*folder])
                    .await?;
                for row in &gone {
                    if let Some(file) = row.get::<Option<String>>(0)? {
                        files::discard(unit, &file).await?;
                    }
                }
            }
            Ok(())
        })
    }
}
