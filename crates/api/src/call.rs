//! A call: everything a handler may ask about the request it serves.

use crate::admission;
use crate::app::App;
use crate::body::Fields;
use crate::gate::{Folder, Tenant};
use crate::registry::{Operation, Served};
use crate::rights::{Folders, Rights};
use crate::unit::{Fates, Unit, UnitContext};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use axum::http::HeaderMap;
use bandmaster_core::{Error, Principal, Result, codes};
use bandmaster_model::Permission;
use bandmaster_store::Conn;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// A request being served.
pub struct Call {
    /// The server.
    pub app: Arc<App>,
    /// Everything that is served, for types and descriptions.
    pub served: Arc<Served>,
    /// The operation.
    pub operation: Arc<Operation>,
    /// The caller.
    pub principal: Principal,
    /// What the caller may do in the tenant.
    pub rights: Arc<Rights>,
    /// Scheme, host and the layout's prefix: what stands before `/odata` in absolute addresses.
    pub base: String,
    /// Scheme and host.
    pub origin: String,
    /// Trace id for answers and logs (W3C traceparent).
    pub trace_id: String,
    /// Address of the peer, as far as it is known.
    pub peer: Option<std::net::IpAddr>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) folder: Option<Folder>,
    pub(crate) organization_name: Option<String>,
    pub(crate) arguments: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) raw_body: bytes::Bytes,
    pub(crate) stream: Mutex<Option<Body>>,
    pub(crate) streams: bool,
    pub(crate) fates: Fates,
    pub(crate) left: CancellationToken,
}

impl Call {
    /// The present moment.
    pub fn now(&self) -> i64 {
        self.app.clock.now()
    }

    /// The tenant. Operations outside of tenants fail here, which the registry's rules keep from happening.
    pub fn tenant(&self) -> Result<&Tenant> {
        self.tenant.as_ref().ok_or_else(|| Error::new(400, codes::INVALID_REQUEST, "The request names no tenant."))
    }

    /// The tenant's id.
    pub fn tenant_id(&self) -> Result<i64> {
        self.tenant().map(|t| t.id)
    }

    /// The tenant, if the request has one.
    pub fn tenant_if_any(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// Organization named by the address (identity and portal addresses), as it was written.
    pub fn addressed_organization(&self) -> Option<&str> {
        self.organization_name.as_deref()
    }

    /// The folder that the headers name; 1101 without one.
    pub fn folder(&self) -> Result<&Folder> {
        self.folder.as_ref().ok_or_else(admission::folder_required)
    }

    /// The folder, if the headers name one.
    pub fn folder_if_any(&self) -> Option<&Folder> {
        self.folder.as_ref()
    }

    /// The caller's account in the tenant.
    pub fn user_id(&self) -> Option<i64> {
        self.rights.user_id
    }

    /// The folders whose rows this call may show: the named one, else all in which the operation's
    /// permission is held.
    pub fn visible(&self) -> Folders {
        self.visible_with(&self.operation.facts.permission)
    }

    /// The same for another permission; a named folder in which it is not held counts as none.
    pub fn visible_with(&self, permission: &Permission) -> Folders {
        match &self.folder {
            Some(folder) if self.rights.grants(permission, Some(folder.id)) => Folders::These(vec![folder.id]),
            Some(_) => Folders::These(Vec::new()),
            None => self.rights.folders_granting(permission),
        }
    }

    /// Refuses unless the permission (`A.View|B.View&C.Edit`) is held in the tenant or that folder.
    pub fn require(&self, permission: &str, folder: Option<i64>) -> Result<()> {
        if self.rights.grants(&Permission::parse(permission), folder) { Ok(()) } else { Err(Error::forbidden()) }
    }

    /// An argument from the path or a function's parentheses.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// A text argument that must be there.
    pub fn need_argument(&self, name: &str) -> Result<&str> {
        self.argument(name).ok_or_else(|| Error::argument(format!("The argument {name} is missing.")))
    }

    /// An integer argument that must be there. No id is that large or no number at all: it names nothing.
    pub fn int_argument(&self, name: &str) -> Result<i64> {
        let text = self.need_argument(name)?;
        text.trim_end_matches(['L', 'l']).parse().map_err(|_| Error::argument(format!("{name} is no integer.")))
    }

    /// A GUID argument that must be there, in its stored form.
    pub fn guid_argument(&self, name: &str) -> Result<String> {
        bandmaster_core::ids::parse_guid(self.need_argument(name)?)
            .ok_or_else(|| Error::argument(format!("{name} is no GUID.")))
    }

    /// A query parameter; an empty one counts as absent.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// All values of a repeated query parameter.
    pub fn query_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// An integer from the query.
    pub fn int_query(&self, name: &str) -> Result<Option<i64>> {
        self.query(name).map(|v| v.parse().map_err(|_| Error::argument(format!("{name} is no integer.")))).transpose()
    }

    /// A GUID from the query, in its stored form.
    pub fn guid_query(&self, name: &str) -> Result<Option<String>> {
        self.query(name)
            .map(|v| bandmaster_core::ids::parse_guid(v).ok_or_else(|| Error::argument(format!("{name} is no GUID."))))
            .transpose()
    }

    /// A truth value from the query.
    pub fn bool_query(&self, name: &str) -> Result<Option<bool>> {
        self.query(name)
            .map(|v| match v {
                "true" | "True" | "TRUE" | "1" => Ok(true),
                "false" | "False" | "FALSE" | "0" => Ok(false),
                _ => Err(Error::argument(format!("{name} is neither true nor false."))),
            })
            .transpose()
    }

    /// All query parameters, decoded, in order.
    pub fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// A request header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// All request headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The members of the checked body.
    pub fn body(&self) -> Fields<'_> {
        Fields::of(&self.body)
    }

    /// The checked body.
    pub fn body_value(&self) -> &Value {
        &self.body
    }

    /// The body as it was sent (small bodies only).
    pub fn raw_body(&self) -> &[u8] {
        &self.raw_body
    }

    /// The body as a stream, for operations that read it themselves. It can be taken once.
    pub fn take_stream(&mut self) -> Result<Body> {
        self.stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .ok_or_else(|| Error::invalid("The body was read already."))
    }

    /// The body as a multipart form, for operations that read it themselves.
    pub async fn multipart(&mut self) -> Result<Multipart> {
        let mut request = axum::extract::Request::new(self.take_stream()?);
        *request.headers_mut() = self.headers.clone();
        // Handlers bound what they read; the library's own limit of 2 MB would cut packages off.
        DefaultBodyLimit::disable().apply(&mut request);
        Multipart::from_request(request, &())
            .await
            .map_err(|e| Error::invalid("The body is no multipart form.").because(e))
    }

    /// Tells when the caller has hung up. A change runs to its end regardless; one that waits, or hands something out,
    /// asks first whether there is still somebody to hand it to.
    pub fn left(&self) -> &CancellationToken {
        &self.left
    }

    /// A session for reading.
    pub async fn read(&self) -> Result<Conn> {
        Ok(self.app.store.read().await?)
    }

    /// Begins a unit of work on the caller's behalf.
    pub async fn begin(&self) -> Result<Unit> {
        Unit::begin(&self.app, self.unit_context(), self.fates.clone()).await
    }

    /// Something was changed for this call in a unit that it did not begin: it must not run again, and what its
    /// idempotency key stands for is done.
    pub fn changed_elsewhere(&self) {
        self.fates.elsewhere();
    }

    /// On whose behalf the call's units run.
    pub fn unit_context(&self) -> UnitContext {
        UnitContext {
            organization_id: self.tenant.as_ref().map_or(self.principal.organization_id, |t| t.organization_id),
            tenant_id: self.tenant.as_ref().map(|t| t.id),
            folder_id: self.folder.as_ref().map(|f| f.id),
            principal: self.principal.clone(),
            user_id: self.rights.user_id,
            operation: self.operation.facts.id.clone(),
            trace_id: Some(self.trace_id.clone()),
        }
    }
}
