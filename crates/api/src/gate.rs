//! The two questions every request asks, as traits: who is calling (answered by the identity crate) and
//! what may the caller do where (answered by the access crate).

use crate::app::App;
use crate::rights::Rights;
use axum::http::HeaderMap;
use bandmaster_core::{Principal, Result};
use futures::future::BoxFuture;
use std::sync::Arc;

/// A tenant, as far as requests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Name.
    pub name: String,
    /// Id of its organization.
    pub organization_id: i64,
    /// GUID of its organization.
    pub organization_key: String,
    /// Name of its organization.
    pub organization_name: String,
}

/// A folder, as far as requests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Names from the root, joined with `/`.
    pub path: String,
    /// Its own name.
    pub name: String,
    /// Id of the folder above.
    pub parent_id: Option<i64>,
}

/// What the address and the headers say about the tenant.
#[derive(Debug, Clone, Default)]
pub struct TenantWish {
    /// Organization by name or GUID, from the path.
    pub organization: Option<String>,
    /// Tenant by name or GUID, from the path.
    pub tenant: Option<String>,
    /// Tenant by name, from `X-UIPATH-TenantName`.
    pub tenant_name: Option<String>,
}

/// What the headers say about the folder. Path beats key beats id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderWish {
    /// Path; may be relative to the folder that another header names (`/…`, `.`, `..`) when it was sent encoded.
    pub path: Option<String>,
    /// Whether the path came in the encoded header, where relative forms are understood.
    pub encoded: bool,
    /// GUID of a folder, or of a feed whose folder is meant.
    pub key: Option<String>,
    /// Id.
    pub id: Option<i64>,
}

impl FolderWish {
    /// Whether no header named a folder.
    pub fn is_empty(&self) -> bool {
        self.path.is_none() && self.key.is_none() && self.id.is_none()
    }
}

/// Tells who is calling.
pub trait Authenticator: Send + Sync + 'static {
    /// The principal of the request's credentials: nobody without any, an error (401) for wrong ones.
    fn authenticate<'a>(&'a self, app: &'a App, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Principal>>;
}

/// Tells what a caller may do where.
pub trait Gate: Send + Sync + 'static {
    /// The tenant of the request: the one the address names, else the header's, else the credential's own, else
    /// the organization's only one. Unknown or foreign ones are an error (403, or 401 for nobody).
    fn tenant<'a>(
        &'a self,
        app: &'a App,
        principal: &'a Principal,
        wish: &'a TenantWish,
    ) -> BoxFuture<'a, Result<Option<Tenant>>>;

    /// The caller's rights in the tenant, current at this moment.
    fn rights<'a>(
        &'a self,
        app: &'a App,
        principal: &'a Principal,
        tenant: &'a Tenant,
    ) -> BoxFuture<'a, Result<Arc<Rights>>>;

    /// The folder that the headers name. Unknown folders and those the caller does not see fail alike (1100).
    fn folder<'a>(
        &'a self,
        app: &'a App,
        tenant: &'a Tenant,
        rights: &'a Rights,
        wish: &'a FolderWish,
    ) -> BoxFuture<'a, Result<Folder>>;
}

/// What identity asks about machines, robots and jobs, which belong to others. Provided as a part of the app
/// (`Box<dyn FleetCredentials>`) by the crates that own them.
pub trait FleetCredentials: Send + Sync + 'static {
    /// The principal of a machine key (`X-ROBOT-LICENSE`), or none for an unknown one.
    fn machine_by_key<'a>(&'a self, app: &'a App, key: &'a str) -> BoxFuture<'a, Result<Option<Principal>>>;

    /// The principal of a machine's client id and secret, or none when they do not fit.
    fn machine_by_secret<'a>(
        &'a self,
        app: &'a App,
        client_id: &'a str,
        secret: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>>;

    /// The principal of a robot key shown together with a machine's key; none unless the robot's account may use
    /// that machine.
    fn robot_on_machine<'a>(
        &'a self,
        app: &'a App,
        machine: &'a Principal,
        robot_key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>>;

    /// Whether a job with that key exists and has not ended; its token is void otherwise.
    fn job_is_live<'a>(&'a self, app: &'a App, job_key: &'a str) -> BoxFuture<'a, Result<bool>>;
}
