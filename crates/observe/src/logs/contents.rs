//! What logs have to say when a folder is deleted: they go with it.

use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// The logs of folders.
pub struct LogContents;

impl FolderContents for LogContents {
    fn hindrance<'a>(&'a self, _unit: &'a mut Unit, _folders: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async { Ok(None) })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let tenant = unit.tenant_id();
            for folder in folders {
                unit.execute(
                    "DELETE FROM robot_logs WHERE tenant_id = $1 AND folder_id = $2",
                    params![tenant, *folder],
                )
                .await?;
            }
            Ok(())
        })
    }
}
