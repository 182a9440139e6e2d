//! What a deleted tenant leaves behind of machines, robots and sessions.

use crate::parts::Fleet;
use bandmaster_access::parts::{Leaving, Removed, TenantContents, remove_rows};
use bandmaster_access::rows_of_tenant;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use futures::future::BoxFuture;

/// Machines take their secrets, assignments, limits and sessions with them.
const ROWS: &[&str] = &[rows_of_tenant!("sessions"), rows_of_tenant!("robots"), rows_of_tenant!("machines")];

impl TenantContents for Fleet {
    fn name(&self) -> &'static str {
        "machines"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(remove_rows(unit, leaving, ROWS))
    }
}
