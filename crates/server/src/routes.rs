//! What answers which address: probes, metrics and documents here, everything else through the dispatcher.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bandmaster_api::address::Address;
use bandmaster_api::dispatch::{self, json_response};
use bandmaster_api::documents::{Metadata, Part, metadata, openapi};
use bandmaster_api::{App, Served};
use rust_embed::RustEmbed;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The files of Swagger UI (Apache-2.0), as its npm package ships them, with a start page of our own.
#[derive(RustEmbed)]
#[folder = "assets/swagger-ui"]
struct SwaggerUi;

/// Everything that answers.
pub struct Routes {
    app: Arc<App>,
    served: Arc<Served>,
    ready: AtomicBool,
}

impl Routes {
    /// Answers for a server that is not ready yet.
    pub fn new(app: Arc<App>, served: Arc<Served>) -> Routes {
        Routes { app, served, ready: AtomicBool::new(false) }
    }

    /// Tells load balancers that requests may come, or may not any more.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request) -> Response {
        let path = Address::parse(request.uri().path()).path;
        let lower = path.to_ascii_lowercase();
        match lower.as_str() {
            "/healthz" | "/livez" => plain(200, "ok\n"),
            "/readyz" => self.readyz().await,
            "/api/health" | "/api/health/startup" => self.health().await,
            "/metrics" => self.metrics(),
            "/odata" | "/odata/$metadata" => self.metadata(&request),
            "/" => redirect("/swagger/index.html"),
            "/swagger" | "/swagger/ui/index" => redirect("/swagger/index.html"),
            "/identity/swagger/external/swagger.json" => self.document(&request, Part::Identity),
            _ if is_orchestrator_document(&lower) => self.document(&request, Part::Orchestrator),
            _ => match lower.strip_prefix("/swagger/") {
                Some(name) => swagger_file(name),
                None => dispatch::serve(self.app.clone(), self.served.clone(), request).await,
            },
        }
    }

    async fn problem(&self) -> Option<&'static str> {
        if self.app.stopping.is_cancelled() {
            return Some("stopping");
        }
        if !self.ready.load(Ordering::Acquire) {
            return Some("starting");
        }
        if !self.app.store.healthy() {
            return Some("database does not take writes");
        }
        let answer = match self.app.store.read().await {
            Ok(mut conn) => conn.query("SELECT 1", &[]).await,
            Err(error) => Err(error),
        };
        answer.is_err().then_some("database does not answer")
    }

    async fn readyz(&self) -> Response {
        match self.problem().await {
            None => plain(200, "ready\n"),
            Some(problem) => plain(503, &format!("not ready: {problem}\n")),
        }
    }

    /// The published health checks have an empty body.
    async fn health(&self) -> Response {
        plain(if self.problem().await.is_none() { 200 } else { 503 }, "")
    }

    fn metrics(&self) -> Response {
        let mut response = Response::new(Body::from(self.app.metrics.text(&self.app.store.metrics())));
        let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        response
    }

    /// `$metadata`, in JSON unless XML is asked for: the original departs from the standard here too.
    fn metadata(&self, request: &Request) -> Response {
        let query = request.uri().query().unwrap_or_default().to_ascii_lowercase();
        match metadata(&self.served, query.contains("format=xml") || query.contains("format=application/xml")) {
            Metadata::Json(value) => json_response(200, &value, "application/json; charset=utf-8"),
            Metadata::Xml(text) => {
                let mut response = Response::new(Body::from(text));
                let media = HeaderValue::from_static("application/xml; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, media);
                response
            }
        }
    }

    fn document(&self, request: &Request, part: Part) -> Response {
        let version = &self.app.settings.api_version;
        let server = dispatch::origin(&self.app.settings, request);
        let document = openapi(&self.served, part, &server, version);
        json_response(200, &document, "application/json; charset=utf-8")
    }
}

fn is_orchestrator_document(path: &str) -> bool {
    path.strip_prefix("/swagger/v").and_then(|p| p.strip_suffix("/swagger.json")).is_some_and(|v| !v.contains('/'))
}

fn plain(status: u16, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn redirect(to: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(to));
    response
}

fn swagger_file(name: &str) -> Response {
    let Some(file) = SwaggerUi::get(name) else {
        return json_response(
            404,
            &json!({"message": "There is nothing at this address.", "errorCode": 1002, "traceId": null}),
            "application/json; charset=utf-8",
        );
    };
    let media = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let mut response = Response::new(Body::from(file.data.into_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"),
    );
    response
}
