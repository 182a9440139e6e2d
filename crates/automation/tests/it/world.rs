//! A server in process: the real identity, access and fleet crates, made-up processes and attachments.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bandmaster_api::gate::{Authenticator, FleetCredentials};
use bandmaster_api::{App, Duty, Fates, Parts, Registry, Served, Settings, Unit, UnitContext};
use bandmaster_automation::dispatch::{Dispatcher, JobWatch};
use bandmaster_automation::{AttachmentFacts, Attachments, JobAlerts, Jobs, OverdueJob};
use bandmaster_core::{KeyRing, MovableClock, Principal, PrincipalKind, RandomIds, Result, Scopes, Secret};
use bandmaster_fleet::{Credentials, Fleet, RunningJobs};
use bandmaster_identity::{BootstrapPlan, Identity, Options};
use bandmaster_store::testing::{TestDatabase, postgres_migrated, sqlite_migrated};
use bandmaster_store::{Conn, Store, Value as Cell, params, schema};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the clock begins.
pub const BEGINNING: i64 = 1_767_600_000_000_000;
/// The feed that all packages are in.
pub const FEED: &str = "8f4e0000-0000-4000-8000-000000000000";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A process as a test wants it.
#[derive(Debug, Clone)]
pub struct Process {
    pub id: i64,
    pub key: String,
    pub version: String,
    pub version_id: i64,
    pub input_arguments: Option<String>,
    pub environment_variables: Option<String>,
    pub requires_user_interaction: bool,
    pub target_framework: i64,
    pub process_type: i64,
    pub priority: i64,
}

/// The attachment that exists.
pub const FILE: &str = "11111111-2222-4333-8444-555555555555";

struct OneFile;

impl Attachments for OneFile {
    fn find<'a>(
        &'a self,
        _: &'a mut Conn,
        _: i64,
        _: i64,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<AttachmentFacts>>> {
        let found = ids.iter().filter(|id| *id == FILE);
        let found = found.map(|id| AttachmentFacts { id: id.clone(), name: "in.json".into() }).collect();
        Box::pin(async move { Ok(found) })
    }
}

/// Notes the alerts.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<OverdueJob>>>);

impl JobAlerts for Listener {
    fn overdue<'a>(&'a self, _: &'a mut Unit, job: &'a OverdueJob) -> BoxFuture<'a, Result<()>> {
        self.0.lock().unwrap().push(job.clone());
        Box::pin(async { Ok(()) })
    }
}

/// Machines and tokens are believed as in the real server; a header names people.
struct Doorman {
    identity: Identity,
    organization: Mutex<i64>,
}

impl Authenticator for Doorman {
    fn authenticate<'a>(&'a self, app: &'a App, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Principal>> {
        Box::pin(async move {
            let Some(key) = headers.get("x-test-account").and_then(|v| v.to_str().ok()) else {
                return self.identity.authenticate(app, headers).await;
            };
            Ok(Principal {
                kind: PrincipalKind::User,
                organization_id: *self.organization.lock().unwrap(),
                key: key.to_owned(),
                name: "somebody".into(),
                scopes: Scopes::All,
                ..Principal::anonymous()
            })
        })
    }
}

pub struct World {
    pub app: Arc<App>,
    pub served: Arc<Served>,
    pub clock: Arc<MovableClock>,
    pub watch: JobWatch,
    pub alerts: Arc<Mutex<Vec<OverdueJob>>>,
    pub tenant: i64,
    pub organization: i64,
    pub shared: i64,
    pub admin: String,
    database: TestDatabase,
}

fn app(store: Store, clock: Arc<MovableClock>, organization: i64, alerts: Listener) -> Arc<App> {
    let identity = Identity::new(Options { cost: bandmaster_identity::password::Cost::least(), ..Options::default() });
    let mut parts = Parts::default();
    parts.insert(identity.clone());
    parts.insert::<Box<dyn bandmaster_identity::TenantDirectory>>(Box::new(bandmaster_access::Tenants));
    parts.insert::<Box<dyn FleetCredentials>>(Box::new(Credentials));
    let jobs: Arc<dyn RunningJobs> = Arc::new(Jobs);
    let fleet = Fleet::new(Some(jobs.clone()));
    parts.insert(jobs);
    parts.insert::<Box<dyn bandmaster_fleet::LiveJobs>>(Box::new(Jobs));
    parts.insert::<Box<dyn bandmaster_access::parts::MachineFolders>>(Box::new(fleet.clone()));
    parts.insert::<Box<dyn bandmaster_access::parts::RobotProvisioning>>(Box::new(fleet));
    let contents: Vec<Box<dyn bandmaster_access::parts::FolderContents>> = vec![Box::new(Jobs)];
    parts.insert(contents);
    parts.insert::<Box<dyn Attachments>>(Box::new(OneFile));
    parts.insert::<Box<dyn JobAlerts>>(Box::new(alerts));
    let ids = Arc::new(RandomIds);
    Arc::new(App {
        store,
        clock,
        ids: ids.clone(),
        keys: KeyRing::new(vec![("k".into(), [7; 32])], ids).unwrap(),
        settings: Settings::default(),
        nudges: Default::default(),
        metrics: Default::default(),
        stopping: Default::default(),
        authenticator: Box::new(Doorman { identity, organization: Mutex::new(organization) }),
        gate: Box::new(bandmaster_access::AccessGate::new()),
        parts,
        gathered: Default::default(),
    })
}

fn served() -> Arc<Served> {
    let mut registry = Registry::new();
    bandmaster_access::register(&mut registry);
    bandmaster_fleet::register(&mut registry);
    bandmaster_automation::register(&mut registry);
    Arc::new(registry.finish().map_err(|problems| problems.join("\n")).unwrap())
}

impl World {
    async fn new(backend: Backend) -> World {
        let database = match backend {
            Backend::Sqlite => sqlite_migrated(schema::MIGRATIONS).await,
            Backend::Postgres => postgres_migrated(schema::MIGRATIONS).await,
        };
        let store = database.store().await;
        let clock = Arc::new(MovableClock::at(BEGINNING));
        let first = app(store.clone(), clock.clone(), 0, Listener::default());
        let identity = Identity::of(&first).unwrap();
        let plan =
            BootstrapPlan::prepare(identity, &first, Some(Secret::new("correct horse 7 battery"))).await.unwrap();
        let mut unit = Unit::begin(&first, UnitContext::duty("first"), Fates::default()).await.unwrap();
        let made = bandmaster_identity::bootstrap(&mut unit, plan).await.unwrap();
        let admin = made.administrator.key.clone();
        let tenant = bandmaster_access::bootstrap(&mut unit, made.organization.id, Some(&admin)).await.unwrap();
        unit.commit().await.unwrap();
        let alerts = Listener::default();
        let app = app(store, clock.clone(), made.organization.id, alerts.clone());
        World {
            app,
            served: served(),
            clock,
            watch: JobWatch::default(),
            alerts: alerts.0,
            tenant: tenant.id,
            organization: made.organization.id,
            shared: tenant.folder_id,
            admin,
            database,
        }
    }

    /// Another node on the same database, with the same clock.
    pub async fn second_node(&self) -> Arc<App> {
        app(self.database.store().await, self.clock.clone(), self.organization, Listener(self.alerts.clone()))
    }

    pub async fn unit(&self) -> Unit {
        let context = UnitContext::duty("test").within(self.organization, self.tenant);
        Unit::begin(&self.app, context, Fates::default()).await.unwrap()
    }

    /// Runs a statement.
    pub async fn sql(&self, sql: &str, values: &[Cell]) {
        let mut unit = self.unit().await;
        unit.execute_dynamic(sql, values).await.unwrap();
        unit.commit().await.unwrap();
    }

    /// Rows of a statement.
    pub async fn rows(&self, sql: &str, values: &[Cell]) -> Vec<bandmaster_store::Row> {
        self.app.store.read().await.unwrap().query_dynamic(sql, values).await.unwrap()
    }

    /// One number.
    pub async fn number(&self, sql: &str) -> i64 {
        self.rows(sql, &[]).await[0].get(0).unwrap()
    }

    /// A process in the shared folder.
    pub async fn process(&self, name: &str, change: impl FnOnce(&mut Process)) -> Process {
        self.process_in(self.shared, name, change).await
    }

    pub async fn process_in(&self, folder: i64, name: &str, change: impl FnOnce(&mut Process)) -> Process {
        let mut unit = self.unit().await;
        let text = |sql: &str| sql.to_owned();
        let mut process = Process {
            id: 0,
            key: unit.guid(),
            version: "1.0.0".into(),
            version_id: 100,
            input_arguments: None,
            environment_variables: None,
            requires_user_interaction: false,
            target_framework: 2,
            process_type: 1,
            priority: 45,
        };
        change(&mut process);
        let package = text(
            "INSERT INTO packages (tenant_id, feed_id, package_id, touched_at) VALUES ($1, $2, $3, 1) RETURNING id",
        );
        let package: i64 = unit.query_one(&package, params![self.tenant, FEED, name]).await.unwrap().get(0).unwrap();
        let version = text(
            "INSERT INTO package_versions (tenant_id, feed_id, package_ref, package_id, version, version_key, \
             normal_version, project_type, package_type, process_type, target_framework, target_runtime, arguments, \
             file, size, sha256, published_at) \
             VALUES ($1, $2, $3, $4, '1.0.0', '1', '1.0.0', 1, 1, 1, 2, 'python', '{}', $5, 1, $6, 1) RETURNING id",
        );
        let values = params![self.tenant, FEED, package, name, process.key.as_str(), "ab".repeat(32)];
        let version: i64 = unit.query_one(&version, values).await.unwrap().get(0).unwrap();
        for entry in ["main", "other"] {
            let sql = "INSERT INTO package_entry_points (package_version_id, unique_id, path, arguments) \
                 VALUES ($1, 'u', $2, '{}')";
            unit.execute(sql, params![version, entry]).await.unwrap();
        }
        let release = "INSERT INTO releases (key, tenant_id, folder_id, name, process_key, process_version, feed_id, \
             package_version_id, current_version_id, entry_point_path, input_arguments, environment_variables, \
             requires_user_interaction, target_framework, process_type, priority, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, 'hello', $5, $6, $7, $8, 'main', $9, $10, $11, $12, $13, $14, 1, 1) RETURNING id";
        let values = params![
            process.key.as_str(),
            self.tenant,
            folder,
            name,
            process.version.as_str(),
            FEED,
            version,
            process.version_id,
            process.input_arguments.as_deref(),
            process.environment_variables.as_deref(),
            process.requires_user_interaction,
            process.target_framework,
            process.process_type,
            process.priority
        ];
        process.id = unit.query_one(release, values).await.unwrap().get(0).unwrap();
        unit.commit().await.unwrap();
        process
    }

    /// Takes another version of a process into use.
    pub async fn edit(&self, process: &Process, version: &str, version_id: i64, framework: i64) {
        let sql =
            "UPDATE releases SET process_version = $1, current_version_id = $2, target_framework = $3 WHERE id = $4";
        self.sql(sql, params![version, version_id, framework, process.id]).await;
    }

    /// A robot account in the shared folder; the id of its robot.
    pub async fn account(&self, name: &str) -> i64 {
        self.account_in(self.shared, name).await
    }

    pub async fn account_in(&self, folder: i64, name: &str) -> i64 {
        let mut unit = self.unit().await;
        let key = unit.guid();
        let made = "INSERT INTO identity_users (key, organization_id, kind, user_name, security_stamp, created_at, \
             updated_at) VALUES ($1, $2, 1, $3, 's', 1, 1)";
        unit.execute(made, params![key.as_str(), self.organization, name]).await.unwrap();
        let user = "INSERT INTO users (key, tenant_id, type, user_name, created_at, updated_at) \
             VALUES ($1, $2, 4, $3, 1, 1) RETURNING id";
        let user: i64 = unit.query_one(user, params![key, self.tenant, name]).await.unwrap().get(0).unwrap();
        let owner = bandmaster_fleet::robots::provision::Owner { tenant_id: self.tenant, user_id: user, name };
        let robot = bandmaster_fleet::robots::ensure_unattended(&mut unit, &self.app.keys, owner).await.unwrap();
        unit.execute(
            "INSERT INTO folder_users (folder_id, user_id, created_at) VALUES ($1, $2, 1)",
            params![folder, user],
        )
        .await
        .unwrap();
        bandmaster_access::rights_changed(&mut unit).await.unwrap();
        unit.commit().await.unwrap();
        robot.id
    }

    /// Gives a robot something to log on with.
    pub async fn credentials(&self, robot: i64, user: &str) {
        let rows = self.rows("SELECT key FROM robots WHERE id = $1", params![robot]).await;
        let key: String = rows[0].get(0).unwrap();
        let sealed = self.app.keys.seal(b"open sesame", &format!("robots.password/{key}")).unwrap().0;
        let sql = "UPDATE robots SET os_user_name = $1, password_sealed = $2 WHERE id = $3";
        self.sql(sql, params![user, sealed, robot]).await;
    }

    /// A machine template with unattended slots, assigned to the shared folder; its id and key.
    pub async fn machine(&self, name: &str, slots: i64) -> (i64, String) {
        self.machine_in(self.shared, name, slots).await
    }

    pub async fn machine_in(&self, folder: i64, name: &str, slots: i64) -> (i64, String) {
        let body = json!({"Name": name, "Type": "Template", "UnattendedSlots": slots});
        let made = self.admin().post("/odata/Machines", body).await.expect(201);
        let id = made["Id"].as_i64().unwrap();
        let sql = "INSERT INTO folder_machines (folder_id, machine_id, created_at) VALUES ($1, $2, 1)";
        self.sql(sql, params![folder, id]).await;
        (id, made["LicenseKey"].as_str().unwrap().to_owned())
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn now(&self) -> i64 {
        bandmaster_core::Clock::now(self.clock.as_ref())
    }

    /// Lets the duty place what can be placed.
    pub async fn dispatch(&self) {
        Dispatcher.tick(&self.app, self.now()).await.unwrap();
    }

    /// Lets the duty look after the jobs.
    pub async fn look(&self) {
        self.watch.tick(&self.app, self.now()).await.unwrap();
    }

    /// Lets time pass with the duty at work.
    pub async fn watched(&self, seconds: u64) {
        for _ in 0..seconds / 15 {
            self.pass(15);
            self.look().await;
        }
        self.pass(seconds % 15);
        self.look().await;
    }

    pub fn admin(&self) -> Caller<'_> {
        Caller {
            world: self,
            headers: vec![
                ("x-test-account".into(), self.admin.clone()),
                ("x-uipath-organizationunitid".into(), self.shared.to_string()),
            ],
        }
    }

    /// Somebody without any rights.
    pub fn stranger(&self) -> Caller<'_> {
        Caller { world: self, headers: vec![("x-test-account".into(), "no-such-account".into())] }
    }

    /// An agent on a host.
    pub fn host(&self, key: &str, name: &str) -> Caller<'_> {
        let headers = [
            ("x-robot-license", key),
            ("x-robot-machine", name),
            ("x-robot-version", "1.0"),
            ("x-robot-agent", "OS=Linux"),
            ("x-uipath-installation-id", "9b7d4a3e-0000-4000-8000-00000000000a"),
            ("x-bandmaster-agent", "1"),
        ];
        Caller { world: self, headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec() }
    }

    /// Starts one job of a process; its object.
    pub async fn start(&self, process: &Process, more: Value) -> Value {
        self.start_many(process, more).await.remove(0)
    }

    pub async fn start_many(&self, process: &Process, more: Value) -> Vec<Value> {
        let mut info = json!({"ReleaseKey": process.key});
        for (name, value) in more.as_object().unwrap() {
            info[name] = value.clone();
        }
        let answer = self.admin().post(START, json!({"startInfo": info})).await.expect(201);
        answer["value"].as_array().unwrap().clone()
    }

    /// The job as it is.
    pub async fn job(&self, id: &Value) -> Value {
        self.admin().get(&format!("/odata/Jobs({id})")).await.expect(200)
    }

    pub async fn state(&self, job: &Value) -> String {
        self.job(&job["Id"]).await["State"].as_str().unwrap().to_owned()
    }

    /// Kinds and payloads of all events.
    pub async fn events(&self) -> Vec<(String, Value)> {
        let rows = self.rows("SELECT kind, payload FROM events WHERE kind LIKE 'job.%' ORDER BY id", &[]).await;
        let read = |r: &bandmaster_store::Row| {
            (r.get::<String>(0).unwrap(), serde_json::from_str(&r.get::<String>(1).unwrap()).unwrap())
        };
        rows.iter().map(read).collect()
    }

    /// Reasons in the job's history.
    pub async fn history(&self, job: &Value) -> Vec<(String, Option<String>)> {
        let path = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.GetHistory", job["Id"]);
        let answer = self.admin().get(&path).await.expect(200);
        let entry = |e: &Value| (e["State"].as_str().unwrap().to_owned(), e["Reason"].as_str().map(str::to_owned));
        answer["value"].as_array().unwrap().iter().map(entry).collect()
    }
}

pub const START: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";

/// Somebody who calls.
#[derive(Clone)]
pub struct Caller<'w> {
    pub world: &'w World,
    headers: Vec<(String, String)>,
}

impl Caller<'_> {
    /// Nobody.
    pub fn anonymous(world: &World) -> Caller<'_> {
        Caller { world, headers: Vec::new() }
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.without(name);
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    pub fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| n != name);
        other
    }

    pub fn in_folder(&self, id: i64) -> Self {
        self.with("x-uipath-organizationunitid", &id.to_string())
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path.replace(' ', "%20"));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let content = match &body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let world = self.world;
        let request = request.body(content).unwrap();
        let response = bandmaster_api::dispatch::serve(world.app.clone(), world.served.clone(), request).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let reply = Reply { what: format!("{method} {path}"), status, bytes: bytes.to_vec() };
        assert!(status < 500 || status == 501, "{}: {} {}", reply.what, status, reply.text());
        if status < 300 && !reply.bytes.is_empty() {
            super::world::described(&world.served, method, path, &reply);
        }
        reply
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(body)).await
    }

    /// A call of the robot service.
    pub async fn robot(&self, name: &str, body: Value) -> Reply {
        self.post(&format!("/api/RobotsService/{name}"), body).await
    }

    /// A heartbeat; the commands that came back with content.
    pub async fn beat(&self, running: Option<&[&str]>) -> Vec<Value> {
        let mut body = json!({"heartbeats": [], "commandState": "Pending"});
        if let Some(running) = running {
            body["runningJobKeys"] = json!(running);
        }
        let answer = self.robot("HeartbeatV2", body).await.expect(200);
        answer["commands"].as_array().unwrap().iter().filter(|c| !c["data"].is_null()).cloned().collect()
    }

    /// Reports a state of a job; whether it was accepted.
    pub async fn report(&self, command: &Value, state: &str, more: Value) -> bool {
        let mut entry = json!({
            "robotKey": command["robotKey"], "robotState": "Busy", "jobKey": command["data"]["jobKey"],
            "jobState": state, "reservationId": command["data"]["reservationId"],
        });
        for (name, value) in more.as_object().unwrap() {
            entry[name] = value.clone();
        }
        let answer = self.robot("SubmitJobState", json!([entry])).await.expect(200);
        answer[0]["accepted"].as_bool().unwrap()
    }
}

pub struct Reply {
    what: String,
    pub status: u16,
    bytes: Vec<u8>,
}

impl Reply {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        self.json()
    }

    #[track_caller]
    pub fn error(&self, status: u16, code: i64) -> Value {
        let body = self.expect(status);
        assert_eq!(body["errorCode"], code, "{}: {}", self.what, self.text());
        body
    }
}

/// Every member of an answer must be described for its operation.
fn described(served: &Served, method: &str, path: &str, reply: &Reply) {
    use bandmaster_model::{TypeBody, TypeRef};
    fn walk(served: &Served, value: &Value, ty: &TypeRef, at: &str) {
        match (ty, value) {
            (_, Value::Null) => {}
            (TypeRef::List(inner), Value::Array(all)) => all.iter().for_each(|v| walk(served, v, inner, at)),
            (TypeRef::Named(name), Value::Object(members)) => {
                let Some(TypeBody::Object(properties)) = served.type_def(name).map(|d| &d.body) else { return };
                for (key, member) in members.iter().filter(|(k, _)| !k.contains("@odata.")) {
                    let property = properties.iter().find(|p| p.name == *key);
                    let property = property.unwrap_or_else(|| panic!("{at}.{key} is not described"));
                    walk(served, member, &property.ty, &format!("{at}.{key}"));
                }
            }
            (TypeRef::Bool, v) => assert!(v.is_boolean(), "{at}: {v}"),
            (TypeRef::Int32 | TypeRef::Int64, v) => assert!(v.is_i64(), "{at}: {v}"),
            (TypeRef::String | TypeRef::Uuid | TypeRef::DateTime, v) => assert!(v.is_string(), "{at}: {v}"),
            _ => {}
        }
    }
    let path = path.split('?').next().unwrap();
    let address = bandmaster_api::address::Address::parse(path);
    let bandmaster_odata::template::Route::Match(found) = served.router().find(method, &address.path) else { return };
    let facts = &found.target.facts;
    let (_, ty) = facts.responses.iter().find(|(s, _)| *s == reply.status).expect("a described status");
    if let Some(ty) = ty {
        walk(served, &reply.json(), ty, &facts.id);
    }
}

/// Runs a test on one database.
pub fn run<F, Fut>(backend: Backend, test: F)
where
    F: FnOnce(Arc<World>) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { test(Arc::new(World::new(backend).await)).await });
    runtime.shutdown_background();
}

/// Declares tests that run on both databases.
#[macro_export]
macro_rules! both {
    ($(async fn $name:ident($world:ident) $body:block)*) => { $(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($world: std::sync::Arc<$crate::world::World>) $body

            #[test]
            fn sqlite() {
                $crate::world::run($crate::world::Backend::Sqlite, test);
            }

            #[test]
            fn postgres() {
                $crate::world::run($crate::world::Backend::Postgres, test);
            }
        }
    )* };
}
