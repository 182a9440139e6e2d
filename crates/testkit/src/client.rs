//! Clients with the same verbs whoever they are, and replies with the usual expectations.

use crate::check;
use bandmaster_api::Served;
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;

/// A caller: a token or none, a folder or none.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    served: Arc<Served>,
    token: Option<String>,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(base: String, served: Arc<Served>, token: Option<String>) -> Client {
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        Client { http, base, served, token, headers: Vec::new() }
    }

    /// The same caller in another folder.
    #[must_use]
    pub fn in_folder(&self, id: i64) -> Client {
        self.without_folder().with_header("X-UIPATH-OrganizationUnitId", &id.to_string())
    }

    /// The same caller without any folder header. The tenant stays named.
    #[must_use]
    pub fn without_folder(&self) -> Client {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| {
            let name = n.to_lowercase();
            !name.starts_with("x-uipath-") || name == "x-uipath-tenantname"
        });
        other
    }

    /// The same caller without a header that names the tenant.
    #[must_use]
    pub fn without_tenant(&self) -> Client {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| !n.eq_ignore_ascii_case("x-uipath-tenantname"));
        other
    }

    /// The same caller with one more header.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Client {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same headers with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The caller's token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Base address of the server.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to be finished by hand.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }

    /// Sends a request made with [`Client::request`]; the answer is checked like every other.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.http.execute(request).await.expect("an answer");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.expect("a whole answer").to_vec();
        let reply = Reply { what: format!("{method} {path}"), status, headers, bytes };
        check::check(&self.served, method.as_str(), &path, &reply);
        reply
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// POST of a form.
    pub async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.send(self.request(Method::POST, path).form(pairs)).await
    }

    /// POST of a raw body.
    pub async fn raw(&self, path: &str, content_type: &str, body: Vec<u8>) -> Reply {
        self.send(self.request(Method::POST, path).header("content-type", content_type).body(body)).await
    }

    /// POST of a file as a multipart form.
    pub async fn upload(&self, path: &str, file_name: &str, bytes: Vec<u8>) -> Reply {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(file_name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        self.send(self.request(Method::POST, path).multipart(form)).await
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Method and path, for messages.
    pub what: String,
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The JSON body of an answer with that status; anything else fails the test with the body shown.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        self.json()
    }

    /// An error with that status and code, in the envelope.
    #[track_caller]
    pub fn error(&self, status: u16, code: i64) -> Value {
        let body = self.expect(status);
        assert_eq!(body["errorCode"], code, "{}: {}", self.what, self.text());
        assert!(body["message"].is_string(), "{}: no message: {}", self.what, self.text());
        body
    }
}
