//! The HTTP calls of the protocol, one function each, and the rule when a call is repeated. What
//! is done with the answers stands elsewhere. The machine key goes into a header marked sensitive
//! and to no other host than the configured one.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use crate::config::RobotConfig;
use crate::wire::{
    Acceptance, Attachment, BlobAccess, Heartbeat, HeartbeatAnswer, HeartbeatPayload, RobotInfo, StartServiceAnswer,
    WaitAnswer,
};

/// Longest wait that a server's `Retry-After` may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);
/// Bytes read of an answer that is kept in memory.
const ANSWER_MAX: usize = 64 << 20;

/// Why a call brought no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The server answered that it will not: repeating the same call is useless.
    Refused { status: u16, message: String },
    /// No answer, or one that means "later".
    Away { message: String, retry_after: Option<Duration> },
}

impl CallError {
    fn away(message: impl ToString) -> Self {
        Self::Away { message: message.to_string(), retry_after: None }
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { status, message } => write!(f, "{status}: {message}"),
            Self::Away { message, .. } => f.write_str(message),
        }
    }
}

/// Growing waits between the repetitions of one call.
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// The wait before the next repetition: doubled each time, and never shorter than the server
    /// asked for.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.next.min(self.max);
        self.next = (self.next * 2).min(self.max);
        wait.max(asked.unwrap_or_default())
    }
}

/// In whose name a call is made besides the machine's.
#[derive(Clone, Debug, Default)]
pub(crate) struct InNameOf {
    pub robot_key: String,
    pub folder_key: Option<String>,
}

pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    retry: (Duration, Duration),
}

impl Client {
    /// Fails when the address or the key cannot be sent at all.
    pub fn new(config: &RobotConfig, host: &str, installation_id: &str) -> Result<Self> {
        let mut base = Url::parse(&config.server_url).context("the server's address")?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut headers = HeaderMap::new();
        let mut key = HeaderValue::from_str(config.machine_key.expose())
            .ok()
            .context("the machine key holds characters that no machine key has")?;
        key.set_sensitive(true);
        headers.insert("x-robot-license", key);
        let encoded = STANDARD.encode(host);
        headers.insert("x-robot-machine-encoded", HeaderValue::from_str(&encoded)?);
        if let Ok(plain) = HeaderValue::from_str(host)
            && host.is_ascii()
        {
            headers.insert("x-robot-machine", plain);
        }
        headers.insert("x-robot-version", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        let agent = match std::env::consts::OS {
            "windows" => "OS=Windows",
            "macos" => "OS=macOS",
            _ => "OS=Linux",
        };
        headers.insert("x-robot-agent", HeaderValue::from_static(agent));
        headers.insert("x-uipath-installation-id", HeaderValue::from_str(installation_id)?);
        headers.insert("x-bandmaster-agent", HeaderValue::from_static("1"));
        let http = reqwest::Client::builder()
            // A redirected call would carry the key to wherever the answer points.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(75))
            .user_agent(concat!("bandmaster-robot/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let retry = (
            Duration::from_millis(config.retry_first_milliseconds.max(1)),
            Duration::from_millis(config.retry_max_milliseconds.max(1)),
        );
        Ok(Self { http, base, headers, retry })
    }

    /// `scheme://host[:port]` of the server.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub fn backoff(&self) -> Backoff {
        Backoff { next: self.retry.0, max: self.retry.1 }
    }

    /// Repeats a call while the server is away. Only a refusal comes back as an error.
    pub async fn until_answered<T, F>(&self, what: &str, mut call: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut backoff = self.backoff();
        loop {
            match call().await {
                Err(CallError::Away { message, retry_after }) => {
                    let wait = backoff.next(retry_after);
                    tracing::debug!(what, message, ?wait, "no answer, trying again");
                    tokio::time::sleep(wait).await;
                }
                answered => return answered,
            }
        }
    }

    pub async fn start_service(&self) -> Result<Vec<RobotInfo>, CallError> {
        let body = serde_json::json!({});
        let answer = self.send(self.robots_service("StartService", &body)?).await?;
        Ok(json::<StartServiceAnswer>(answer).await?.robots)
    }

    pub async fn heartbeat(&self, payload: &HeartbeatPayload) -> Result<HeartbeatAnswer, CallError> {
        let answer = self.send(self.robots_service("HeartbeatV2", payload)?).await?;
        json(answer).await
    }

    pub async fn stop_service(&self, payload: &HeartbeatPayload) -> Result<(), CallError> {
        self.send(self.robots_service("StopService", payload)?).await.map(drop)
    }

    /// One state of one job. A server without our additions answers with an empty body, which
    /// counts as accepted: it has no other way to say so.
    pub async fn submit_state(&self, state: &Heartbeat) -> Result<Acceptance, CallError> {
        let answer = self.send(self.robots_service("SubmitJobState", &[state])?).await?;
        let body = read_all(answer).await?;
        let rows: Vec<Acceptance> = serde_json::from_slice(&body).unwrap_or_default();
        Ok(rows.into_iter().next().unwrap_or(Acceptance { accepted: true, reason: None }))
    }

    /// Waits at the server for a stamp other than `stamp`; `None` when the time passed.
    pub async fn wait(&self, stamp: Option<&str>) -> Result<Option<String>, CallError> {
        let mut url = self.url("api/RobotsService/Wait")?;
        url.query_pairs_mut().append_pair("timeoutSeconds", "50");
        if let Some(stamp) = stamp {
            url.query_pairs_mut().append_pair("stamp", stamp);
        }
        let answer = self.send(self.request(Method::GET, url)).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        Ok(json::<WaitAnswer>(answer).await?.stamp)
    }

    /// Delivers log records, each a JSON text.
    pub async fn submit_logs(&self, who: &InNameOf, records: &[String]) -> Result<(), CallError> {
        let request = self.request(Method::POST, self.url("api/Logs/SubmitLogs")?).json(records);
        self.send(in_name_of(request, who)).await.map(drop)
    }

    /// Writes a package's bytes to `target`, at most `limit` of them.
    pub async fn download_package(
        &self,
        who: &InNameOf,
        package: (&str, &str, Option<&str>),
        target: &Path,
        limit: u64,
    ) -> Result<(), CallError> {
        let (id, version, feed) = package;
        let quoted = format!("{id}:{version}").replace('\'', "''");
        let mut url = self.url(&format!(
            "odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='{}')",
            escape(&quoted)
        ))?;
        if let Some(feed) = feed {
            url.query_pairs_mut().append_pair("feedId", feed);
        }
        let answer = self.send(in_name_of(self.request(Method::GET, url), who)).await?;
        let mut file = tokio::fs::File::create(target).await.map_err(local)?;
        let mut bytes = answer.bytes_stream();
        let mut size = 0u64;
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map_err(away)?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(CallError::Refused {
                    status: 0,
                    message: format!("the package is larger than {limit} bytes"),
                });
            }
            file.write_all(&chunk).await.map_err(local)?;
        }
        file.sync_all().await.map_err(local)
    }

    /// The bytes of an attachment.
    pub async fn read_attachment(&self, who: &InNameOf, id: &str) -> Result<Vec<u8>, CallError> {
        let url = self.url(&format!("odata/Attachments({})", escape(id)))?;
        let answer = self.send(in_name_of(self.request(Method::GET, url), who)).await?;
        let access = json::<Attachment>(answer).await?.blob_file_access.unwrap_or_default();
        let answer = self.send(self.blob(Method::GET, &access, who)?).await?;
        read_all(answer).await
    }

    /// Stores `bytes` as a new attachment and tells its id.
    pub async fn write_attachment(&self, who: &InNameOf, name: &str, bytes: Vec<u8>) -> Result<String, CallError> {
        let request =
            self.request(Method::POST, self.url("odata/Attachments")?).json(&serde_json::json!({ "Name": name }));
        let answer = self.send(in_name_of(request, who)).await?;
        let attachment = json::<Attachment>(answer).await?;
        let access = attachment.blob_file_access.unwrap_or_default();
        self.send(self.blob(Method::PUT, &access, who)?.body(bytes)).await?;
        attachment.id.ok_or_else(|| CallError::away("the new attachment has no id"))
    }

    fn blob(&self, method: Method, access: &BlobAccess, who: &InNameOf) -> Result<RequestBuilder, CallError> {
        let uri = access.uri.as_deref().unwrap_or_default();
        let url = self.base.join(uri).map_err(CallError::away)?;
        let ours = url.origin() == self.base.origin();
        let mut request = self.http.request(method, url).timeout(Duration::from_secs(600));
        if let Some(headers) = &access.headers {
            for (name, value) in headers.keys.iter().zip(&headers.values) {
                let name = HeaderName::try_from(name).map_err(CallError::away)?;
                request = request.header(name, value);
            }
        }
        // Signed addresses may lie elsewhere; the key is nothing for them.
        if access.requires_auth && ours {
            request = in_name_of(request.headers(self.headers.clone()), who);
        }
        Ok(request)
    }

    fn url(&self, path: &str) -> Result<Url, CallError> {
        self.base.join(path).map_err(CallError::away)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).headers(self.headers.clone())
    }

    fn robots_service(&self, call: &str, body: &(impl Serialize + ?Sized)) -> Result<RequestBuilder, CallError> {
        let url = self.url(&format!("api/RobotsService/{call}"))?;
        Ok(self.request(Method::POST, url).json(body).timeout(Duration::from_secs(60)))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        let refused = status.is_client_error()
            && status != StatusCode::REQUEST_TIMEOUT
            && status != StatusCode::TOO_MANY_REQUESTS;
        let body = read_all(answer).await.unwrap_or_default();
        let message = error_text(&body);
        if refused {
            return Err(CallError::Refused { status: status.as_u16(), message });
        }
        Err(CallError::Away { message: format!("{status} {message}"), retry_after })
    }
}

fn in_name_of(request: RequestBuilder, who: &InNameOf) -> RequestBuilder {
    let mut request = request;
    if let Ok(mut value) = HeaderValue::from_str(&format!("UiRobot {}", who.robot_key)) {
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    match &who.folder_key {
        Some(key) => request.header("x-uipath-folderkey", key),
        None => request,
    }
}

/// An error without the address: addresses can hold signatures.
fn away(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    CallError::away(message)
}

/// Trouble with our own disk: asking the server again does not help.
fn local(error: std::io::Error) -> CallError {
    CallError::Refused { status: 0, message: format!("writing the package: {error}") }
}

async fn read_all(answer: Response) -> Result<Vec<u8>, CallError> {
    let mut all = Vec::new();
    let mut bytes = answer.bytes_stream();
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(away)?;
        if all.len() + chunk.len() > ANSWER_MAX {
            return Err(CallError::Refused { status: 0, message: "the answer is too large".into() });
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

async fn json<T: DeserializeOwned>(answer: Response) -> Result<T, CallError> {
    let body = read_all(answer).await?;
    serde_json::from_slice(&body).map_err(|error| CallError::away(format!("unreadable: {error}")))
}

/// The message of the error envelope, else the beginning of whatever came.
fn error_text(body: &[u8]) -> String {
    let envelope: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match envelope.get("message").and_then(serde_json::Value::as_str) {
        Some(message) => message.chars().take(500).collect(),
        None => String::from_utf8_lossy(body).chars().take(200).collect(),
    }
}

/// Percent-encodes everything in a piece of a path that is not plainly harmless.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn client(url: &str) -> Client {
        Client::new(&RobotConfig::new(url, Secret::new("k"), "/d"), "höst", "id").unwrap()
    }

    #[test]
    fn a_path_prefix_is_kept_and_the_origin_is_not() {
        for url in ["http://h:8/a/b", "http://h:8/a/b/"] {
            let client = client(url);
            assert_eq!(client.url("api/x").unwrap().as_str(), "http://h:8/a/b/api/x");
            assert_eq!(client.origin(), "http://h:8");
        }
        assert!(!client("http://h").headers.contains_key("x-robot-machine"));
    }

    #[test]
    fn keys_cannot_leave_their_place_in_a_path() {
        assert_eq!(escape("a b/../c'?#:1.0"), "a%20b%2F..%2Fc%27%3F%23:1.0");
    }

    #[test]
    fn waits_grow_to_their_limit() {
        let mut backoff = Backoff { next: Duration::from_millis(500), max: Duration::from_millis(1500) };
        let waits: Vec<_> = (0..4).map(|_| backoff.next(None).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 1500, 1500]);
        assert_eq!(backoff.next(Some(Duration::from_secs(9))), Duration::from_secs(9));
    }
}
