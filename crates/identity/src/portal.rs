//! What the vendor's command line asks after an interactive sign-in: the tenants of an organization, and two calls
//! of the web studio that only want to hear a yes.

use crate::{BoxFuture, organizations};
use bandmaster_api::{App, Call, Output, Registry, own};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

/// A tenant, as far as identity needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantEntry {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Name.
    pub name: String,
    /// Organization.
    pub organization_id: i64,
}

/// What identity asks about tenants, which belong to the access crate. Provided as a part of the app
/// (`Box<dyn TenantDirectory>`).
pub trait TenantDirectory: Send + Sync + 'static {
    /// The active tenants of an organization, by name.
    fn of_organization<'a>(&'a self, app: &'a App, organization_id: i64) -> BoxFuture<'a, Result<Vec<TenantEntry>>>;

    /// The active tenants, of whichever organization, that have this name (without regard to case) or GUID.
    fn named<'a>(&'a self, app: &'a App, name_or_key: &'a str) -> BoxFuture<'a, Result<Vec<TenantEntry>>>;
}

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(
        "type PortalTenantsAndOrganization\n  organization PortalOrganization\n  tenants [PortalTenant]\n\
         type PortalOrganization\n  id string\n  name string\n\
         type PortalTenant\n  id string\n  name string\n",
    );
    r.add(
        own("Portal_TenantsAndOrganizationInfo", "GET", "/portal_/api/filtering/leftnav/tenantsAndOrganizationInfo")
            .returns(200, "PortalTenantsAndOrganization"),
        tenants,
    );
    for (id, path) in [
        ("StudioWeb_TryEnableFirstRun", "/api/StudioWeb/TryEnableFirstRun"),
        ("StudioWeb_AcquireLicense", "/api/StudioWeb/AcquireLicense"),
    ] {
        r.add(own(id, "POST", path).returns(204, "-"), nothing).telemetry();
    }
}

async fn nothing(_call: &mut Call) -> Result<Output> {
    Ok(Output::empty().status(204))
}

async fn tenants(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let organization = organizations::by_id(&mut conn, call.principal.organization_id).await?;
    let organization = organization.ok_or_else(Error::forbidden)?;
    if let Some(name) = call.addressed_organization() {
        let named = organizations::find(&mut conn, name).await?;
        if named.is_none_or(|n| n.id != organization.id) {
            return Err(Error::forbidden());
        }
    }
    drop(conn);
    let tenants = match call.app.parts.get::<Box<dyn TenantDirectory>>() {
        Some(directory) => directory.of_organization(&call.app, organization.id).await?,
        None => Vec::new(),
    };
    let tenants: Vec<Value> = tenants.iter().map(|t| json!({"id": t.key, "name": t.name})).collect();
    Ok(Output::json(json!({
        "tenants": tenants,
        "organization": {"id": organization.key, "name": organization.name},
    })))
}
