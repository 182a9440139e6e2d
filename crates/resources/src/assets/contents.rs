//! What becomes of assets when their folder goes. Values of removed accounts and machines go with those by
//! themselves (foreign keys).

use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// Assets in folders.
#[derive(Debug, Default, Clone, Copy)]
pub struct AssetsOfFolders;

impl FolderContents for AssetsOfFolders {
    fn hindrance<'a>(&'a self, _: &'a mut Unit, _: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async { Ok(None) })
    }

    /// Unlinks them. What is linked nowhere any more is deleted.
    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for folder in folders {
                unit.execute(
                    "DELETE FROM assets WHERE id IN (SELECT asset_id FROM asset_folders WHERE folder_id = $1) \
                     AND NOT EXISTS (SELECT 1 FROM asset_folders o WHERE o.asset_id = assets.id AND o.folder_id <> $1)",
                    params![*folder],
                )
                .await?;
                unit.execute("DELETE FROM asset_folders WHERE folder_id = $1", params![*folder]).await?;
            }
            Ok(())
        })
    }
}
