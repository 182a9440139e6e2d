//! What a deleted tenant leaves behind of jobs.

use crate::provided::Jobs;
use bandmaster_access::parts::{Leaving, Removed, TenantContents, remove_rows};
use bandmaster_access::rows_of_tenant;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use futures::future::BoxFuture;

/// Jobs take their slots, history and attachments with them. They are found by their folders, for which there is an index;
/// `CROSS JOIN` keeps SQLite at the order in which the tables stand.
const ROWS: &[&str] = &[
    "DELETE FROM jobs WHERE id IN (SELECT j.id FROM folders f CROSS JOIN jobs j \
     WHERE f.tenant_id = $1 AND j.folder_id = f.id LIMIT $2)",
    rows_of_tenant!("job_slots", "job_id"),
    rows_of_tenant!("idle_since", "kind, item_id"),
    rows_of_tenant!("dispatch_gates", "tenant_id"),
];

impl TenantContents for Jobs {
    fn name(&self) -> &'static str {
        "jobs"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(remove_rows(unit, leaving, ROWS))
    }
}
