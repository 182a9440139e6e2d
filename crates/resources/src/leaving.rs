//! What a deleted tenant leaves behind of assets, attachments and buckets. Their files are given up in the same unit;
//! the duty of files removes them.

use crate::files;
use bandmaster_access::parts::{Leaving, Removed, TenantContents, remove_rows};
use bandmaster_access::rows_of_tenant;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// Assets, credential stores, attachments, buckets.
#[derive(Debug, Default, Clone, Copy)]
pub struct TenantResources;

/// Rows with a file. `CROSS JOIN` keeps SQLite at the order in which the tables stand, for which there are indexes.
const WITH_FILES: [&str; 2] = [
    "DELETE FROM attachments WHERE id IN (SELECT a.id FROM folders f CROSS JOIN attachments a \
     WHERE f.tenant_id = $1 AND a.folder_id = f.id LIMIT $2) RETURNING file_id",
    "DELETE FROM bucket_files WHERE id IN (SELECT b.id FROM buckets t CROSS JOIN bucket_files b \
     WHERE t.tenant_id = $1 AND b.bucket_id = t.id LIMIT $2) RETURNING file_id",
];

/// Buckets and assets take their links to folders with them, assets their values.
const ROWS: &[&str] = &[rows_of_tenant!("buckets"), rows_of_tenant!("assets"), rows_of_tenant!("credential_stores")];

impl TenantContents for TenantResources {
    fn name(&self) -> &'static str {
        "resources"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(async move {
            for sql in WITH_FILES {
                let gone = unit.query(sql, params![leaving.tenant_id, leaving.most]).await?;
                for row in &gone {
                    if let Some(file) = row.get::<Option<String>>(0)? {
                        files::discard(unit, &file).await?;
                    }
                }
                if !gone.is_empty() {
                    return Ok(Removed::found(gone.len() as u64));
                }
            }
            remove_rows(unit, leaving, ROWS).await
        })
    }
}
