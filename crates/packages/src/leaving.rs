//! What a deleted tenant leaves behind of packages and processes.

use crate::files;
use bandmaster_access::parts::{Leaving, Removed, TenantContents, remove_rows};
use bandmaster_access::rows_of_tenant;
use bandmaster_api::App;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use futures::future::BoxFuture;

/// Packages, libraries, processes and the key of the feeds, with the files.
#[derive(Debug, Default, Clone, Copy)]
pub struct TenantPackages;

/// Processes take their versions with them, package versions their entry points.
const ROWS: &[&str] = &[
    rows_of_tenant!("releases"),
    "DELETE FROM package_versions WHERE id IN (SELECT v.id FROM packages p CROSS JOIN package_versions v \
     WHERE p.tenant_id = $1 AND v.package_ref = p.id LIMIT $2)",
    rows_of_tenant!("packages"),
    rows_of_tenant!("feed_keys", "tenant_id"),
];

impl TenantContents for TenantPackages {
    fn name(&self) -> &'static str {
        "packages"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(remove_rows(unit, leaving, ROWS))
    }

    fn remove_files<'a>(&'a self, app: &'a App, tenant_id: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(files::remove_all(app, tenant_id))
    }
}
