//! What a deleted tenant leaves behind of logs, settings and exports. Its audit entries stay.

use bandmaster_access::parts::{Leaving, Removed, TenantContents, remove_rows};
use bandmaster_access::rows_of_tenant;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_resources::files;
use bandmaster_store::params;
use futures::future::BoxFuture;

/// Robot logs, settings, exports with their files.
#[derive(Debug, Default, Clone, Copy)]
pub struct TenantRecords;

const ROWS: &[&str] = &[rows_of_tenant!("robot_logs"), rows_of_tenant!("settings", "tenant_id, user_id, name")];

impl TenantContents for TenantRecords {
    fn name(&self) -> &'static str {
        "records"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(async move {
            let sql = "DELETE FROM exports WHERE id IN (SELECT id FROM exports WHERE tenant_id = $1 LIMIT $2) \
                       RETURNING file_id";
            let gone = unit.query(sql, params![leaving.tenant_id, leaving.most]).await?;
            for row in &gone {
                if let Some(file) = row.get::<Option<String>>(0)? {
                    files::discard(unit, &file).await?;
                }
            }
            if !gone.is_empty() {
                return Ok(Removed::found(gone.len() as u64));
            }
            remove_rows(unit, leaving, ROWS).await
        })
    }
}
