//! The way of a request: address, operation, caller, tenant, scope, body, folder, permission, handler, answer.
//!
//! The order is part of the contract: 401 before 403 for a scope, before 400 for the body, before 400 for the
//! folder, before 403 for a permission, before whatever the handler says.

use crate::address::Address;
use crate::app::{App, Settings};
use crate::body::{self, Reading};
use crate::call::Call;
use crate::envelope::{self, Family};
use crate::gate::Tenant;
use crate::idempotency::{self, Ticket};
use crate::output::{Content, Output};
use crate::registry::{Operation, Served};
use crate::rights::Rights;
use crate::unit::Fates;
use crate::{admission, folderwish, linger, trace};
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bandmaster_core::{Error, Principal, Result, codes};
use bandmaster_model::{FolderRule, TypeRef};
use bandmaster_odata::template::Route;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The peer's address, put into the request's extensions by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Marks requests that came over TLS.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

/// How often an operation is run again after a clash of transactions.
const ATTEMPTS: u32 = 5;
/// Sign-in pages of the vendor's command line, which call the token endpoint from the browser.
const SIGN_IN_ORIGINS: &[&str] = &["http://localhost:8104", "http://localhost:8055", "http://localhost:42042"];

/// What is known of a request before its operation runs.
struct Ground {
    address: Address,
    origin: String,
    base: String,
    trace_id: String,
    peer: Option<IpAddr>,
}

/// Answers a request.
pub async fn serve(app: Arc<App>, served: Arc<Served>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let body = linger::lingering(body, &parts.headers);
    let request = Request::from_parts(parts, body);
    let _flight = app.metrics.in_flight();
    let trace_id = trace::continued(header_text(request.headers(), "traceparent"), app.ids.as_ref());
    let cors = allowed_origin(&app, request.headers());
    let method = request.method().clone();
    if method == Method::OPTIONS {
        return with_cors(preflight(request.headers()), cors);
    }
    let address = Address::parse(request.uri().path());
    let (origin, base) = addresses(&app, &request, &address);
    let peer = request.extensions().get::<Peer>().map(|p| p.0);
    let ground = Ground { address, origin, base, trace_id: trace_id.clone(), peer };
    let family = if ground.address.is_identity() { Family::Identity } else { Family::Orchestrator };
    let found = served.router().find(method.as_str(), &ground.address.path);
    let (name, mut response) = match found {
        Route::Match(found) => {
            let operation = found.target.clone();
            let name = operation.facts.id.clone();
            let outcome = operate(&app, &served, &operation, found.params, ground, request).await;
            (name, outcome.unwrap_or_else(|refusal| refusal.respond(family, &trace_id)))
        }
        Route::MethodNotAllowed(allowed) => {
            let error = Error::new(405, codes::INVALID_REQUEST, "This address does not take that method.");
            let mut response = error_response(&error, family, &trace_id);
            if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
                response.headers_mut().insert(header::ALLOW, value);
            }
            ("none".to_owned(), response)
        }
        Route::Part(..) | Route::NotFound => {
            let error = Error::new(404, codes::ITEM_NOT_FOUND, "There is nothing at this address.");
            ("none".to_owned(), error_response(&error, family, &trace_id))
        }
    };
    let headers = response.headers_mut();
    set(headers, "api-supported-versions", &app.settings.api_version);
    set(headers, "traceparent", &trace_id);
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let seconds = started.elapsed().as_secs_f64();
    app.metrics.answered(&name, response.status().as_u16(), seconds);
    tracing::info!(
        target: "bandmaster::access",
        operation = name,
        status = response.status().as_u16(),
        millis = seconds * 1000.0,
        trace = trace_id,
        "request"
    );
    with_cors(response, cors)
}

/// Why a request was not served.
enum Refusal {
    Error(Error),
    Scope { accepted: Vec<String>, held: String },
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Error(error)
    }
}

impl Refusal {
    fn respond(self, family: Family, trace_id: &str) -> Response {
        match self {
            Refusal::Error(error) => error_response(&error, family, trace_id),
            Refusal::Scope { accepted, held } => {
                json_response(403, &envelope::scope_body(&accepted, &held, trace_id), "application/json; charset=utf-8")
            }
        }
    }
}

fn error_response(error: &Error, family: Family, trace_id: &str) -> Response {
    if error.status() >= 500 {
        tracing::error!(trace = trace_id, status = error.status(), cause = error.internal_text(), "a request failed");
    } else if let Some(cause) = error.internal_text() {
        tracing::debug!(trace = trace_id, status = error.status(), cause, "a request was refused");
    }
    let mut response =
        json_response(error.status(), &envelope::body(error, family, trace_id), "application/json; charset=utf-8");
    if let Some(seconds) = error.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn operate(
    app: &Arc<App>,
    served: &Arc<Served>,
    operation: &Arc<Operation>,
    params: Vec<(String, String)>,
    ground: Ground,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let facts = &operation.facts;
    let principal = caller(app, operation, &parts.headers).await?;
    let tenant = tenant(app, operation, &principal, &ground, &parts.headers).await?;
    if !admission::scope(operation, &principal) {
        let held = match &principal.scopes {
            bandmaster_core::Scopes::These(held) => held.join(","),
            bandmaster_core::Scopes::All => String::new(),
        };
        return Err(Refusal::Scope { accepted: facts.scopes.clone(), held });
    }
    let Some(handler) = operation.handler.clone() else {
        return Err(Error::new(501, 0, "This operation is not implemented yet.").into());
    };
    let query = bandmaster_odata::options::query_pairs(parts.uri.query().unwrap_or_default())
        .map_err(|e| Error::invalid(format!("The query cannot be read: {}", e.message)))?;
    let (body, raw_body, stream) = if operation.streams {
        (Value::Null, bytes::Bytes::new(), Some(body))
    } else {
        let raw = body::receive(app, body).await?;
        (parsed_body(app, served, operation, &raw)?, raw, None)
    };
    let rights = match &tenant {
        Some(tenant) => app.gate.rights(app, &principal, tenant).await?,
        None => Arc::new(Rights::default()),
    };
    let wish = if facts.folder == FolderRule::None { Default::default() } else { folderwish::folder(&parts.headers)? };
    let folder = match &tenant {
        Some(tenant) if !wish.is_empty() => Some(app.gate.folder(app, tenant, &rights, &wish).await?),
        _ => None,
    };
    // Dropped with this future, which the listener drops when the client hangs up.
    let left = CancellationToken::new();
    let _present = left.clone().drop_guard();
    let mut call = Call {
        app: app.clone(),
        served: served.clone(),
        operation: operation.clone(),
        principal,
        rights,
        base: ground.base,
        origin: ground.origin,
        trace_id: ground.trace_id,
        peer: ground.peer,
        tenant,
        folder,
        organization_name: ground.address.organization,
        arguments: params,
        query,
        headers: parts.headers,
        body,
        raw_body,
        streams: stream.is_some(),
        stream: Mutex::new(stream),
        fates: Fates::default(),
        left: left.clone(),
    };
    admission::folder(operation, call.folder.as_ref())?;
    admission::permission(operation, &call.rights, call.folder.as_ref().map(|f| f.id))?;
    let mutates = operation.mutates();
    let run = async move {
        // Part of the run, so that no client leaves a claimed key behind by hanging up.
        let ticket = if mutates { idempotency::begin(&call).await? } else { Ticket::None };
        if let Ticket::Replay(response) = ticket {
            return Ok(*response);
        }
        let result = attempts(handler.as_ref(), &mut call).await;
        finish(&call, result, ticket).await
    };
    let response = if mutates {
        // A change runs to its end though the client hangs up.
        tokio::spawn(run).await.map_err(|e| Error::internal(format!("an operation ended abnormally: {e}")))?
    } else {
        run.await
    };
    Ok(response?)
}

async fn attempts(handler: &dyn crate::handler::Handler, call: &mut Call) -> Result<Output> {
    let mut attempt = 1;
    loop {
        match handler.run(call).await {
            // Only an operation that has committed nothing may run again.
            Err(e) if e.is_repeatable() && call.fates.commits() == 0 && !call.streams && attempt < ATTEMPTS => {
                attempt += 1;
                tokio::task::yield_now().await;
            }
            result => return result,
        }
    }
}

/// Waits for the fate of everything the operation did, then encodes. No answer leaves before its units are
/// durable: also a refusal may rest on rows of a group that is lost afterwards.
async fn finish(call: &Call, result: Result<Output>, ticket: Ticket) -> Result<Response> {
    call.fates.settled().await?;
    let changed = call.fates.commits() > ticket.units();
    match result.and_then(|output| encode(call, output)) {
        Ok(response) => idempotency::end(call, ticket, response).await,
        Err(error) => {
            if !changed {
                idempotency::give_back(call, ticket).await?;
            }
            Err(error)
        }
    }
}

async fn caller(app: &Arc<App>, operation: &Operation, headers: &HeaderMap) -> Result<Principal> {
    let outcome = app.authenticator.authenticate(app, headers).await;
    if operation.facts.caller == "none" {
        return Ok(outcome.unwrap_or_else(|_| Principal::anonymous()));
    }
    let principal = outcome?;
    admission::caller(operation, &principal)?;
    Ok(principal)
}

async fn tenant(
    app: &Arc<App>,
    operation: &Operation,
    principal: &Principal,
    ground: &Ground,
    headers: &HeaderMap,
) -> Result<Option<Tenant>> {
    if ground.address.is_identity() {
        return Ok(None);
    }
    let wish = folderwish::tenant(headers, ground.address.organization.clone(), ground.address.tenant.clone());
    let outcome = app.gate.tenant(app, principal, &wish).await;
    if operation.facts.caller == "none" { Ok(outcome.unwrap_or_default()) } else { outcome }
}

fn parsed_body(app: &App, served: &Served, operation: &Operation, raw: &[u8]) -> Result<Value> {
    match &operation.facts.body {
        None => Ok(Value::Null),
        Some(TypeRef::Named(name)) if name == "form" || name == "multipart" => Ok(Value::Null),
        Some(ty) => {
            let partial = operation.facts.method == "PATCH";
            let strict = app.settings.strict_bodies;
            body::read(raw, ty, served, Reading { strict, partial })
        }
    }
}

fn encode(call: &Call, output: Output) -> Result<Response> {
    let (usual, _) = call.operation.facts.success();
    let status = output.status.unwrap_or(usual);
    let odata = call.operation.facts.path.starts_with("/odata");
    let json_type = if odata {
        "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"
    } else {
        "application/json; charset=utf-8"
    };
    let context = |name: &str| Value::String(format!("{}/odata/$metadata#{name}", call.base));
    let with_context = |name: &str, rest: Map<String, Value>| {
        let mut members = Map::with_capacity(rest.len() + 1);
        if odata {
            members.insert("@odata.context".to_owned(), context(name));
        }
        members.extend(rest);
        Value::Object(members)
    };
    let mut response = match output.content {
        Content::Empty => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = code(status);
            response
        }
        Content::Json(value) => json_response(status, &value, json_type),
        Content::Entity { context, value } => json_response(status, &with_context(&context, value), json_type),
        Content::Page { context, rows, count } => {
            let mut rest = Map::new();
            if let Some(count) = count {
                rest.insert("@odata.count".to_owned(), json!(count));
            }
            rest.insert("value".to_owned(), Value::Array(rows));
            json_response(status, &with_context(&context, rest), json_type)
        }
        Content::Scalar { context, value } => {
            let rest = Map::from_iter([("value".to_owned(), value)]);
            json_response(status, &with_context(&context, rest), json_type)
        }
        Content::File { content_type, name, body, length } => file_response(status, &content_type, name, body, length),
        Content::Response(response) => *response,
    };
    for (name, value) in output.headers {
        set(response.headers_mut(), name, &value);
    }
    Ok(response)
}

fn file_response(status: u16, content_type: &str, name: Option<String>, body: Body, length: Option<u64>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = code(status);
    let headers = response.headers_mut();
    set(headers, "content-type", content_type);
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(name) = name {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';') { c } else { '_' })
            .collect();
        set(headers, "content-disposition", &format!("attachment; filename=\"{plain}\""));
    }
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A JSON response.
pub fn json_response(status: u16, value: &Value, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = code(status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

/// Scheme and host for absolute addresses, and the same with the layout's prefix.
fn addresses(app: &App, request: &Request, address: &Address) -> (String, String) {
    let origin = origin(&app.settings, request);
    let base = format!("{origin}{}", address.prefix);
    (origin, base)
}

/// Scheme, host and port under which the caller reaches the server: the configured public address, else what a trusted
/// proxy says, else the request's own host.
pub fn origin(settings: &Settings, request: &Request) -> String {
    if let Some(address) = &settings.public_url {
        return address.clone();
    }
    let headers = request.headers();
    let forwarded = |name| {
        let value = settings.trust_proxy.then(|| header_text(headers, name)).flatten();
        value.and_then(|v| v.split(',').next()).map(str::trim)
    };
    let scheme = match forwarded("x-forwarded-proto") {
        Some("https") => "https",
        Some("http") => "http",
        _ if request.extensions().get::<OverTls>().is_some() => "https",
        _ => "http",
    };
    // HTTP/2 has the host, and its port, in the address instead of a header.
    let host = forwarded("x-forwarded-host")
        .or_else(|| header_text(headers, "host"))
        .or_else(|| request.uri().authority().map(Authority::as_str))
        .filter(|h| plausible_host(h))
        .unwrap_or("localhost");
    format!("{scheme}://{host}")
}

fn plausible_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_'))
}

fn allowed_origin(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let known = SIGN_IN_ORIGINS.contains(&text) || app.settings.cors_origins.iter().any(|o| o == text);
    known.then(|| origin.clone())
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn with_cors(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    match origin {
        Some(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        None => {
            headers.remove(header::ACCESS_CONTROL_ALLOW_METHODS);
            headers.remove(header::ACCESS_CONTROL_ALLOW_HEADERS);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)], over_tls: bool) -> Request {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        if over_tls {
            request.extensions_mut().insert(OverTls);
        }
        request
    }

    #[test]
    fn absolute_addresses_lead_back_to_the_server() {
        let proxied =
            [("host", "inner:80"), ("x-forwarded-host", "robots.example:8443"), ("x-forwarded-proto", "https")];
        let plain = Settings::default();
        let trusting = Settings { trust_proxy: true, ..Settings::default() };
        let public = Settings { public_url: Some("https://public/base".into()), ..trusting.clone() };
        for (settings, request, want) in [
            (&plain, request("/x", &[("host", "h:8080")], false), "http://h:8080"),
            // HTTP/2: no header, the port is in the address.
            (&plain, request("https://h:8443/x", &[], true), "https://h:8443"),
            (&plain, request("https://[::1]:8443/x", &[], true), "https://[::1]:8443"),
            (&plain, request("https://user@h:8443/x", &[], true), "https://localhost"),
            (&plain, request("/x", &[("host", "evil/path")], false), "http://localhost"),
            (&plain, request("/x", &proxied, false), "http://inner:80"),
            (&trusting, request("/x", &proxied, false), "https://robots.example:8443"),
            (&public, request("/x", &proxied, false), "https://public/base"),
        ] {
            assert_eq!(origin(settings, &request), want);
        }
    }
}
