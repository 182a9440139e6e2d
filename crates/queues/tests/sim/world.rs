//! A server without listener and duties, called from the dispatcher down, in one thread.

use axum::body::Body;
use axum::extract::Request;
use bandmaster_api::{App, Duty, Served, dispatch};
use bandmaster_core::{Clock, MovableClock, SeededIds, time};
use bandmaster_queues::abandon::Abandoning;
use bandmaster_queues::figures;
use bandmaster_server::config::Config;
use bandmaster_server::start::{self, Ambient, Prepared};
use bandmaster_store::testing::{self, TestDatabase, faults};
use bandmaster_store::{StoreConfig, Value as DbValue, schema};
use bandmaster_testkit::{ADMIN_PASSWORD, Backend, Value, all_scopes, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub struct World {
    prepared: Prepared,
    clock: Arc<MovableClock>,
    token: String,
    folder: String,
    _data: TempDir,
    _database: Option<TestDatabase>,
}

/// A file system in memory, where there is one: a simulated server does not lose its disk.
fn memory() -> TempDir {
    let builder = |at: &Path| tempfile::Builder::new().prefix("bandmaster-sim-").tempdir_in(at);
    builder(Path::new("/dev/shm")).or_else(|_| builder(&std::env::temp_dir())).expect("a folder")
}

impl World {
    pub async fn new(backend: Backend) -> World {
        let data = memory();
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(testing::postgres_migrated(schema::MIGRATIONS).await),
        };
        let mut store = match &database {
            Some(database) => database.config(),
            None => StoreConfig::sqlite(data.path().join("sim.db")),
        };
        store.read_connections = 2;
        let clock = Arc::new(MovableClock::at(time::parse("2026-01-05T08:00:00Z").expect("a moment")));
        let folder = data.path().to_string_lossy().into_owned();
        let config = Config::with(&[("data", &folder), ("admin-password", ADMIN_PASSWORD)]).expect("a configuration");
        let ids = Arc::new(SeededIds::new(1));
        let ambient = Ambient { clock: clock.clone(), ids, store: Some(store), cheap_hashes: true };
        let prepared = start::prepare(&config, ambient).await.expect("a server");
        let request = json!({"command": "token create", "user": "admin", "name": "sim", "scopes": all_scopes()});
        let token = bandmaster_server::execute(&prepared.app, &request).await.expect("a token");
        let shown =
            bandmaster_server::execute(&prepared.app, &json!({"command": "show"})).await.expect("what is there");
        let folder = shown["organizations"][0]["tenants"][0]["folders"][0]["id"].to_string();
        let token = token["token"].as_str().expect("a token").to_owned();
        World { prepared, clock, token, folder, _data: data, _database: database }
    }

    pub fn app(&self) -> &Arc<App> {
        &self.prepared.app
    }

    fn served(&self) -> Arc<Served> {
        self.prepared.served.clone()
    }

    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Calls an operation; breaks it off after that many statements, if given.
    pub async fn call(&self, method: &str, path: &str, body: Value, broken_after: Option<u64>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("x-uipath-organizationunitid", &self.folder)
            .header("content-type", "application/json")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .expect("a request");
        if let Some(statements) = broken_after {
            faults::break_after(statements);
        }
        let response = dispatch::serve(self.app().clone(), self.served(), request).await;
        faults::disarm();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Lets the duty that abandons items run once; whether it ended well.
    pub async fn abandon(&self, broken_after: Option<u64>) -> bool {
        if let Some(statements) = broken_after {
            faults::break_after(statements);
        }
        let outcome = Abandoning.tick(self.app(), self.now()).await;
        faults::disarm();
        outcome.is_ok()
    }

    /// Adds the history up.
    pub async fn fold(&self) {
        while figures::fold(self.app()).await.expect("the figures are made") {}
    }

    /// Rows of a statement.
    pub async fn rows(&self, sql: &str, values: &[DbValue]) -> Vec<bandmaster_store::Row> {
        self.app().store.read().await.expect("a session").query(sql, values).await.expect("rows")
    }
}
