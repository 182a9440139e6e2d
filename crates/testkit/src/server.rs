//! A whole server in process: fresh database, temporary data folder, movable clock, free port.

use crate::client::Client;
use bandmaster_core::time::{self, Micros};
use bandmaster_core::{MovableClock, RandomIds};
use bandmaster_server::config::Config;
use bandmaster_server::start::{self, Ambient, Running};
use bandmaster_store::testing::{self, TestDatabase};
use bandmaster_store::{params, schema};
use serde_json::{Value, json};
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite in a temporary folder.
    Sqlite,
    /// PostgreSQL in a private cluster.
    Postgres,
}

/// Where the clock of every test begins.
const BEGINNING: &str = "2026-01-05T08:00:00Z";

/// The administrator's password in tests.
pub const ADMIN_PASSWORD: &str = "correct horse 7 battery";

/// A running server.
pub struct TestServer {
    /// Base address.
    pub url: String,
    /// Its clock; stands until it is moved.
    pub clock: Arc<MovableClock>,
    /// Id of the folder `Shared`.
    pub shared: i64,
    running: Running,
    admin: Client,
    data: TempDir,
    database: Arc<TestDatabase>,
}

impl TestServer {
    /// Runs one test against a fresh server.
    pub fn run(backend: Backend, test: impl FnOnce(Arc<TestServer>) -> Pin<Box<dyn Future<Output = ()>>>) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = Arc::new(TestServer::start(backend).await);
            test(server.clone()).await;
            if let Ok(server) = Arc::try_unwrap(server).map_err(|_| ()) {
                server.running.stop().await;
            }
        });
        runtime.shutdown_background();
    }

    /// Starts a server.
    pub async fn start(backend: Backend) -> TestServer {
        let database = match backend {
            Backend::Sqlite => testing::sqlite_migrated(schema::MIGRATIONS).await,
            Backend::Postgres => testing::postgres_migrated(schema::MIGRATIONS).await,
        };
        let data = tempfile::Builder::new().prefix("bandmaster-test-").tempdir().expect("a temporary folder");
        let clock = Arc::new(MovableClock::at(time::parse(BEGINNING).expect("a moment")));
        let running = TestServer::listening(&data, clock.clone(), &database).await;
        let everything = all_scopes();
        let request = json!({"command": "token create", "user": "admin", "name": "tests", "scopes": everything});
        let token = bandmaster_server::execute(&running.app, &request).await.expect("a token");
        let token = token["token"].as_str().expect("a token").to_owned();
        let shown = bandmaster_server::execute(&running.app, &json!({"command": "show"})).await.expect("what is there");
        let folders = shown["organizations"][0]["tenants"][0]["folders"].as_array().cloned().unwrap_or_default();
        let shared = folders.iter().find(|f| f["name"] == "Shared").and_then(|f| f["id"].as_i64()).expect("Shared");
        let admin = Client::new(running.url.clone(), running.served.clone(), Some(token)).in_folder(shared);
        TestServer { url: running.url.clone(), clock, shared, running, admin, data, database: Arc::new(database) }
    }

    async fn listening(data: &TempDir, clock: Arc<MovableClock>, database: &TestDatabase) -> Running {
        let config = Config::with(&[
            ("data", &data.path().to_string_lossy()),
            ("listen", "127.0.0.1:0"),
            ("admin-password", ADMIN_PASSWORD),
            // One address of this machine; its others, and other names for it, stay closed as they are by default.
            ("outgoing-allowed", "127.0.0.1"),
            ("outgoing-authorities", concat!(env!("CARGO_MANIFEST_DIR"), "/assets/certificate.pem")),
            ("outgoing-seconds", "2"),
        ])
        .expect("a configuration");
        // BANDMASTER_TEST_LOG=info shows what the server logs.
        if let Ok(level) = std::env::var("BANDMASTER_TEST_LOG") {
            let logging = Config::with(&[("log-level", &level), ("log-format", "text")]).expect("a log level");
            bandmaster_server::logging::start(&logging).expect("logging");
        }
        let ambient = Ambient { clock, ids: Arc::new(RandomIds), store: Some(database.config()), cheap_hashes: true };
        let prepared = start::prepare(&config, ambient).await.expect("the server is prepared");
        start::run(&config, prepared).await.expect("the server runs")
    }

    /// Ends this server as a crash would, without waiting for anything, and starts another one on its database, with its
    /// keys and its clock. Clients of this one get no answers any more.
    pub async fn successor(&self) -> TestServer {
        self.running.app.stopping.cancel();
        self.running.app.store.close().await;
        self.beside().await
    }

    /// Starts another server on the database of this one, with its keys and its clock: a second node. Only PostgreSQL
    /// is meant for that.
    pub async fn beside(&self) -> TestServer {
        let data = tempfile::Builder::new().prefix("bandmaster-test-").tempdir().expect("a temporary folder");
        std::fs::copy(self.data.path().join("keys"), data.path().join("keys")).expect("the keys");
        let running = TestServer::listening(&data, self.clock.clone(), &self.database).await;
        let token = self.admin.token().map(str::to_owned);
        let admin = Client::new(running.url.clone(), running.served.clone(), token).in_folder(self.shared);
        TestServer {
            url: running.url.clone(),
            clock: self.clock.clone(),
            shared: self.shared,
            running,
            admin,
            data,
            database: self.database.clone(),
        }
    }

    /// The administrator, with all scopes, in the folder `Shared`.
    pub fn admin(&self) -> Client {
        self.admin.clone()
    }

    /// Nobody.
    pub fn anonymous(&self) -> Client {
        Client::new(self.url.clone(), self.running.served.clone(), None)
    }

    /// A caller with a token of one's own making.
    pub fn caller(&self, token: &str) -> Client {
        Client::new(self.url.clone(), self.running.served.clone(), Some(token.to_owned())).in_folder(self.shared)
    }

    /// Runs an administrator's command.
    pub async fn command(&self, request: Value) -> Value {
        bandmaster_server::execute(&self.running.app, &request).await.expect("the command is done")
    }

    /// An application with these scopes (separated by blanks) and, if given, that role in `Shared` instead of the
    /// administrator's roles.
    pub async fn application(&self, scopes: &str, folder_role: Option<&str>) -> Client {
        let name = format!("app-{}", self.running.app.ids.guid());
        let mut request = json!({"command": "application create", "name": name, "scopes": scopes});
        if let Some(role) = folder_role {
            request["folder_role"] = json!(role);
            request["role"] = json!("none");
        }
        self.signed_in(self.command(request).await, scopes).await
    }

    async fn signed_in(&self, made: Value, scopes: &str) -> Client {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", made["client_id"].as_str().expect("an id")),
            ("client_secret", made["client_secret"].as_str().expect("a secret")),
            ("scope", scopes),
        ];
        let reply = self.anonymous().form("/identity/connect/token", &form).await.expect(200);
        self.caller(reply["access_token"].as_str().expect("a token"))
    }

    /// An application with these scopes, but without any role and without any folder.
    pub async fn bare_application(&self, scopes: &str) -> Client {
        let name = format!("bare-{}", self.running.app.ids.guid());
        let request = json!({"command": "application create", "name": name, "scopes": scopes, "role": "none",
            "folder_role": "none"});
        self.signed_in(self.command(request).await, scopes).await
    }

    /// The administrator of another organization with its tenant, in that tenant's folder `Shared`.
    pub async fn other_tenant(&self) -> Client {
        let name = format!("Other-{}", &self.running.app.ids.guid()[..8]);
        let request = json!({"command": "organization create", "name": name, "password": ADMIN_PASSWORD});
        let made = self.command(request).await;
        let request = json!({"command": "token create", "organization": name, "user": "admin", "name": "tests",
            "scopes": all_scopes()});
        let token = self.command(request).await;
        Client::new(self.url.clone(), self.running.served.clone(), token["token"].as_str().map(str::to_owned))
            .in_folder(made["folder_id"].as_i64().expect("a folder"))
    }

    /// The server's parts.
    pub fn app(&self) -> &Arc<bandmaster_api::App> {
        &self.running.app
    }

    /// The present moment of the server.
    pub fn now(&self) -> Micros {
        bandmaster_core::Clock::now(self.clock.as_ref())
    }

    /// All audit entries, oldest first: component, action, entity name, operation, before and after.
    pub async fn audit(&self) -> Vec<Value> {
        let sql = "SELECT component, action, entity_name, operation, actor_name, before_json, after_json, entity_id \
             FROM audit_entries ORDER BY id";
        let rows = self.running.app.store.read().await.expect("a session").query(sql, params![]).await.expect("rows");
        let json_of = |text: Option<String>| text.and_then(|t| serde_json::from_str::<Value>(&t).ok());
        rows.iter()
            .map(|r| {
                json!({
                    "component": r.get::<String>(0).expect("text"),
                    "action": r.get::<String>(1).expect("text"),
                    "name": r.get::<Option<String>>(2).expect("text"),
                    "operation": r.get::<String>(3).expect("text"),
                    "actor": r.get::<String>(4).expect("text"),
                    "before": json_of(r.get(5).expect("text")),
                    "after": json_of(r.get(6).expect("text")),
                    "id": r.get::<Option<i64>>(7).expect("id"),
                })
            })
            .collect()
    }

    /// All events, oldest first: kind, key of the entity, folder, payload.
    pub async fn events(&self) -> Vec<Value> {
        let sql = "SELECT kind, entity_key, folder_id, payload FROM events ORDER BY id";
        let rows = self.running.app.store.read().await.expect("a session").query(sql, params![]).await.expect("rows");
        rows.iter()
            .map(|r| {
                let payload: String = r.get(3).expect("text");
                json!({
                    "kind": r.get::<String>(0).expect("text"),
                    "key": r.get::<Option<String>>(1).expect("text"),
                    "folder": r.get::<Option<i64>>(2).expect("id"),
                    "payload": serde_json::from_str::<Value>(&payload).ok(),
                })
            })
            .collect()
    }
}

impl Deref for TestServer {
    type Target = Running;
    fn deref(&self) -> &Running {
        &self.running
    }
}

/// Every scope that an operation accepts, without the parts that a wider one covers.
pub fn all_scopes() -> String {
    let mut scopes: Vec<String> = bandmaster_model::contract()
        .operations()
        .iter()
        .flat_map(|o| o.scopes.iter())
        .filter(|s| !s.ends_with(".Read") && !s.ends_with(".Write"))
        .cloned()
        .collect();
    scopes.sort();
    scopes.dedup();
    scopes.join(" ")
}
