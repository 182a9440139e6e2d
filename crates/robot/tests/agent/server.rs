//! A server that knows just enough: reservations, job states, logs, packages, attachments. It
//! checks what every call must carry and fails the test when something is missing.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub const MACHINE_KEY: &str = "machine-key-that-nobody-may-see";
pub const ROBOT: &str = "11111111-0000-4000-8000-000000000001";

/// A job as the server sees it.
#[derive(Default)]
pub struct Job {
    pub command: Value,
    /// Accept no runner any more.
    pub refuse: bool,
    /// Take the acceptance, but let the answer get lost.
    pub lose_answer: bool,
    pub accepted: u32,
    pub refused: u32,
    pub end: Option<Value>,
    pub ends: u32,
}

#[derive(Default)]
pub struct Inner {
    pub away: bool,
    /// There is no such thing as a wake-up.
    pub no_wake_ups: bool,
    pub jobs: HashMap<String, Job>,
    pub stops: Vec<Value>,
    /// Packages cannot be had for the moment, so jobs stay in their preparation.
    pub no_packages: bool,
    pub packages: BTreeMap<String, Vec<u8>>,
    pub attachments: BTreeMap<String, Vec<u8>>,
    /// Every log record once, in the order of its first arrival.
    pub logs: Vec<Value>,
    pub largest_batch: usize,
    pub heartbeats: Vec<Value>,
    pub stopped: u32,
    pub downloads: u32,
    pub problems: Vec<String>,
    stamp: u64,
}

#[derive(Clone, Default)]
pub struct Server {
    inner: Arc<Mutex<Inner>>,
    wake: Arc<Notify>,
}

impl Server {
    pub async fn start() -> (Self, SocketAddr) {
        let server = Self::default();
        let app = Router::new()
            .route("/api/RobotsService/StartService", post(start_service))
            .route("/api/RobotsService/HeartbeatV2", post(heartbeat))
            .route("/api/RobotsService/SubmitJobState", post(submit))
            .route("/api/RobotsService/StopService", post(stop_service))
            .route("/api/RobotsService/Wait", get(wait))
            .route("/api/Logs/SubmitLogs", post(logs))
            .route("/odata/Processes/{action}", get(download))
            .route("/odata/Attachments", post(new_attachment))
            .route("/odata/{attachment}", get(attachment))
            .layer(from_fn_with_state(server.clone(), gate))
            .route("/blobs/{id}", get(read_blob).put(write_blob))
            .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
            .with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (server, address)
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Tells waiting agents that there is something new.
    pub fn nudge(&self) {
        self.lock().stamp += 1;
        self.wake.notify_waiters();
    }

    pub fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    fn problem(&self, text: impl Into<String>) {
        self.lock().problems.push(text.into());
    }
}

/// Every call comes from the machine; an absent server answers nothing useful.
async fn gate(State(server): State<Server>, request: Request, next: Next) -> Response {
    if server.lock().away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !check(&server, &request) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn check(server: &Server, request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    if header("x-robot-license") != Some(MACHINE_KEY) {
        return false;
    }
    for name in ["x-robot-machine-encoded", "x-uipath-installation-id", "x-robot-agent"] {
        if header(name).is_none() {
            server.problem(format!("{} without {name}", request.uri()));
        }
    }
    let path = request.uri().path();
    let in_name_of_robot = header("authorization") == Some(&format!("UiRobot {ROBOT}"));
    if (path.starts_with("/odata") || path.starts_with("/api/Logs")) && !in_name_of_robot {
        server.problem(format!("{path} not in the robot's name"));
    }
    true
}

async fn start_service() -> axum::Json<Value> {
    axum::Json(json!({"robots": [{"robotKey": ROBOT, "robotName": "Robot", "unknown": {}}]}))
}

async fn heartbeat(State(server): State<Server>, axum::Json(body): axum::Json<Value>) -> axum::Json<Value> {
    let mut inner = server.lock();
    inner.heartbeats.push(body);
    let robot = |data: Value| json!({"robotKey": ROBOT, "robotName": "Robot", "robotType": 2, "data": data});
    let mut commands = vec![robot(Value::Null)];
    let waiting = inner.jobs.values().filter(|job| job.accepted == 0);
    commands.extend(waiting.map(|job| robot(job.command.clone())));
    commands.extend(inner.stops.iter().cloned().map(robot));
    axum::Json(json!({"commands": commands, "serviceSettingsStamp": "1", "isUnattended": true}))
}

async fn submit(State(server): State<Server>, axum::Json(body): axum::Json<Value>) -> Response {
    let mut answers = Vec::new();
    let mut lose = false;
    for state in body.as_array().unwrap() {
        let mut inner = server.lock();
        let key = state["jobKey"].as_str().unwrap().to_owned();
        let job = inner.jobs.get_mut(&key).unwrap();
        let ours = state["reservationId"] == job.command["reservationId"];
        let accepted = ours && !job.refuse && job.end.is_none();
        match state["jobState"].as_str().unwrap() {
            "Running" if accepted => {
                job.accepted += 1;
                lose |= std::mem::take(&mut job.lose_answer);
            }
            "Running" => job.refused += 1,
            _ => {
                job.ends += 1;
                if accepted {
                    job.end = Some(state.clone());
                    inner.stops.retain(|stop| stop["jobKey"] != key.as_str());
                }
            }
        }
        answers.push(json!({"jobKey": key, "accepted": accepted, "reason": null}));
    }
    if lose {
        server.lock().away = true;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    axum::Json(answers).into_response()
}

async fn stop_service(State(server): State<Server>, _body: axum::Json<Value>) -> StatusCode {
    server.lock().stopped += 1;
    StatusCode::NO_CONTENT
}

async fn wait(State(server): State<Server>, Query(query): Query<HashMap<String, String>>) -> Response {
    if server.lock().no_wake_ups {
        return StatusCode::NOT_FOUND.into_response();
    }
    loop {
        let notified = server.wake.notified();
        let stamp = server.lock().stamp.to_string();
        if query.get("stamp") != Some(&stamp) {
            return axum::Json(json!({"stamp": stamp})).into_response();
        }
        if tokio::time::timeout(Duration::from_secs(20), notified).await.is_err() {
            return StatusCode::NO_CONTENT.into_response();
        }
    }
}

async fn logs(State(server): State<Server>, axum::Json(body): axum::Json<Vec<String>>) {
    let mut inner = server.lock();
    inner.largest_batch = inner.largest_batch.max(body.len());
    for text in body {
        let record: Value = serde_json::from_str(&text).unwrap();
        if !inner.logs.iter().any(|known| known["fingerprint"] == record["fingerprint"]) {
            inner.logs.push(record);
        }
    }
}

async fn download(State(server): State<Server>, Path(action): Path<String>) -> Response {
    let key = action.split('\'').nth(1).unwrap_or_default();
    let mut inner = server.lock();
    if inner.no_packages {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    inner.downloads += 1;
    match inner.packages.get(key) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn blob(id: &str) -> Value {
    json!({"Id": id, "Name": "x", "BlobFileAccess": {
        "Uri": format!("/blobs/{id}"), "Verb": "PUT", "RequiresAuth": false,
        "Headers": {"Keys": ["x-blob"], "Values": ["1"]},
    }})
}

async fn new_attachment(State(server): State<Server>) -> Response {
    let id = format!("{:08}-0000-4000-8000-000000000000", server.lock().attachments.len() + 500);
    (StatusCode::CREATED, axum::Json(blob(&id))).into_response()
}

async fn attachment(Path(attachment): Path<String>) -> axum::Json<Value> {
    let id = attachment.trim_start_matches("Attachments(").trim_end_matches(')');
    axum::Json(blob(id))
}

/// Signed addresses need no key, so none may be sent.
fn check_blob(server: &Server, headers: &HeaderMap) {
    if headers.get("x-robot-license").is_some() || headers.get("authorization").is_some() {
        server.problem("the key was sent to a blob address");
    }
    if headers.get("x-blob").is_none() {
        server.problem("a blob call without its headers");
    }
}

async fn read_blob(State(server): State<Server>, Path(id): Path<String>, headers: HeaderMap) -> Vec<u8> {
    check_blob(&server, &headers);
    server.lock().attachments.get(&id).cloned().unwrap_or_default()
}

async fn write_blob(
    State(server): State<Server>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    check_blob(&server, &headers);
    server.lock().attachments.insert(id, body.to_vec());
    StatusCode::CREATED
}
