//! What the identity service asks of those who know accounts in tenants. Provided as a part of the app
//! (`Box<dyn TenantAccounts>`); without it there are no tenants.

use crate::BoxFuture;
use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_store::Conn;

/// Accounts of the organization as its tenants know them.
pub trait TenantAccounts: Send + Sync + 'static {
    /// GUID of the account that a tenant knows by that number.
    fn key_of<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, user_id: i64) -> BoxFuture<'a, Result<Option<String>>>;

    /// Called in the unit that removes an account, group or application from the organization: every tenant lets go
    /// of it. 409 when a tenant would be left without an administrator; then the whole removal is refused.
    fn removed<'a>(
        &'a self,
        app: &'a App,
        unit: &'a mut Unit,
        organization_id: i64,
        key: &'a str,
    ) -> BoxFuture<'a, Result<()>>;
}

/// Tells the tenants that somebody of their directory is gone.
pub(crate) async fn tell_removed(app: &App, unit: &mut Unit, organization_id: i64, key: &str) -> Result<()> {
    match app.parts.get::<Box<dyn TenantAccounts>>() {
        Some(part) => part.removed(app, unit, organization_id, key).await,
        None => Ok(()),
    }
}

/// GUID of the account that a tenant knows by that number.
pub(crate) async fn key_of(app: &App, conn: &mut Conn, tenant_id: i64, user_id: i64) -> Result<Option<String>> {
    match app.parts.get::<Box<dyn TenantAccounts>>() {
        Some(part) => part.key_of(conn, tenant_id, user_id).await,
        None => Ok(None),
    }
}
