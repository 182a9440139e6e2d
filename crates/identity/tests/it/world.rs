//! The world of a test: one or more nodes on a fresh database, a clock moved by hand, stand-ins for the neighbours.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use bandmaster_api::dispatch::{self, Peer};
use bandmaster_api::gate::{FleetCredentials, Folder, FolderWish, Gate, Tenant, TenantWish};
use bandmaster_api::outgoing::{Allowed, Outgoing};
use bandmaster_api::{App, Call, Fates, Output, Parts, Registry, Rights, Served, Settings, Unit, UnitContext, own};
use bandmaster_core::{
    Clock, Error, KeyRing, MovableClock, Principal, PrincipalKind, RandomIds, Result, Scopes, Secret, time,
};
use bandmaster_identity::applications::{Application, NewApplication};
use bandmaster_identity::organizations::Organization;
use bandmaster_identity::password::Cost;
use bandmaster_identity::users::{NewUser, User};
use bandmaster_identity::{
    BootstrapPlan, BoxFuture, Identity, Options, TenantDirectory, TenantEntry, applications, bootstrap, scopes, users,
};
use bandmaster_store::testing::{self, TestDatabase};
use bandmaster_store::{Row, Store, Value as DbValue, params, schema};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The password of `admin` and of everybody made by [`World::person`].
pub const PASSWORD: &str = "correct horse 7 battery";

/// Declares tests that run on both databases.
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            async fn test($world: &crate::world::World) $body
            #[test]
            fn sqlite() { crate::world::run(false, |w| Box::pin(async move { test(&w).await })); }
            #[test]
            fn postgres() { crate::world::run(true, |w| Box::pin(async move { test(&w).await })); }
        }
    )* };
}

/// Runs a test in a fresh world.
pub fn run(postgres: bool, test: impl FnOnce(Arc<World>) -> BoxFuture<'static, ()>) {
    // What goes wrong inside is told to the log only.
    let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_test_writer().try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = Arc::new(World::new(postgres).await);
        test(world).await;
    });
    runtime.shutdown_background();
}

/// One server.
pub struct Node {
    pub app: Arc<App>,
    pub served: Arc<Served>,
    pub identity: Identity,
    pub fleet: Arc<Fleet>,
}

/// A database with a first node.
pub struct World {
    pub node: Node,
    pub clock: Arc<MovableClock>,
    pub organization: Organization,
    pub admin: User,
    store: Store,
    _database: TestDatabase,
}

impl Deref for World {
    type Target = Node;
    fn deref(&self) -> &Node {
        &self.node
    }
}

/// Stands in for the crate that knows machines and jobs.
#[derive(Default)]
pub struct Fleet {
    pub live_jobs: Mutex<HashSet<String>>,
    pub machine_gone: Mutex<bool>,
}

pub const MACHINE_KEY: &str = "8a1f0c52-7a0d-4b1c-9a53-2f6f5f8d9c01";
pub const MACHINE_SECRET: &str = "machine secret & more";
pub const ROBOT_KEY: &str = "robot-key";

fn machine() -> Principal {
    Principal {
        kind: PrincipalKind::Machine,
        organization_id: 1,
        tenant_id: Some(1),
        name: "machine".into(),
        scopes: Scopes::All,
        machine_id: Some(7),
        ..Principal::anonymous()
    }
}

impl FleetCredentials for Fleet {
    fn machine_by_key<'a>(&'a self, _: &'a App, key: &'a str) -> BoxFuture<'a, Result<Option<Principal>>> {
        let known = key == MACHINE_KEY && !*self.machine_gone.lock().unwrap();
        Box::pin(async move { Ok(known.then(machine)) })
    }

    fn machine_by_secret<'a>(
        &'a self,
        _: &'a App,
        id: &'a str,
        secret: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        Box::pin(async move { Ok((id == MACHINE_KEY && secret == MACHINE_SECRET).then(machine)) })
    }

    fn robot_on_machine<'a>(
        &'a self,
        _: &'a App,
        machine: &'a Principal,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        let robot = Principal { kind: PrincipalKind::Robot, name: "robot".into(), ..machine.clone() };
        Box::pin(async move { Ok((key == ROBOT_KEY).then_some(robot)) })
    }

    fn job_is_live<'a>(&'a self, _: &'a App, job: &'a str) -> BoxFuture<'a, Result<bool>> {
        let live = self.live_jobs.lock().unwrap().contains(job);
        Box::pin(async move { Ok(live) })
    }
}

struct SharedFleet(Arc<Fleet>);

impl FleetCredentials for SharedFleet {
    fn machine_by_key<'a>(&'a self, app: &'a App, key: &'a str) -> BoxFuture<'a, Result<Option<Principal>>> {
        self.0.machine_by_key(app, key)
    }
    fn machine_by_secret<'a>(
        &'a self,
        app: &'a App,
        id: &'a str,
        secret: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        self.0.machine_by_secret(app, id, secret)
    }
    fn robot_on_machine<'a>(
        &'a self,
        app: &'a App,
        machine: &'a Principal,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        self.0.robot_on_machine(app, machine, key)
    }
    fn job_is_live<'a>(&'a self, app: &'a App, job: &'a str) -> BoxFuture<'a, Result<bool>> {
        self.0.job_is_live(app, job)
    }
}

/// Stands in for the crate that knows tenants: `Default` of the first organization.
struct Tenants;

fn tenant() -> TenantEntry {
    TenantEntry {
        id: 1,
        key: "11111111-2222-3333-4444-555555555555".into(),
        name: "Production".into(),
        organization_id: 1,
    }
}

impl TenantDirectory for Tenants {
    fn of_organization<'a>(&'a self, _: &'a App, organization_id: i64) -> BoxFuture<'a, Result<Vec<TenantEntry>>> {
        Box::pin(async move { Ok(if organization_id == 1 { vec![tenant()] } else { vec![] }) })
    }
    fn named<'a>(&'a self, _: &'a App, name: &'a str) -> BoxFuture<'a, Result<Vec<TenantEntry>>> {
        Box::pin(async move { Ok(if name.eq_ignore_ascii_case("production") { vec![tenant()] } else { vec![] }) })
    }
}

struct OpenGate;

impl Gate for OpenGate {
    fn tenant<'a>(
        &'a self,
        _: &'a App,
        principal: &'a Principal,
        _: &'a TenantWish,
    ) -> BoxFuture<'a, Result<Option<Tenant>>> {
        let known = principal.is_known();
        Box::pin(async move { if known { Ok(None) } else { Err(Error::unauthenticated()) } })
    }
    fn rights<'a>(&'a self, _: &'a App, _: &'a Principal, _: &'a Tenant) -> BoxFuture<'a, Result<Arc<Rights>>> {
        Box::pin(async { Ok(Arc::new(Rights::default())) })
    }
    fn folder<'a>(
        &'a self,
        _: &'a App,
        _: &'a Tenant,
        _: &'a Rights,
        _: &'a FolderWish,
    ) -> BoxFuture<'a, Result<Folder>> {
        Box::pin(async { Err(Error::folder()) })
    }
}

async fn who(call: &mut Call) -> Result<Output> {
    let p = &call.principal;
    let held = match &p.scopes {
        Scopes::All => json!("all"),
        Scopes::These(list) => json!(list),
    };
    Ok(Output::json(json!({
        "kind": format!("{:?}", p.kind), "name": p.name, "key": p.key, "organization": p.organization_id,
        "tenant": p.tenant_id, "scopes": held, "client": p.client_id, "machine": p.machine_id, "job": p.job_key,
        "host": p.host,
    })))
}

fn served() -> Served {
    let mut registry = Registry::new();
    bandmaster_identity::register(&mut registry);
    registry.add(own("Test_Who", "GET", "/api/who").returns(200, "object"), who);
    registry
        .add(own("Test_Assets", "GET", "/api/assets").scopes("OR.Assets,OR.Assets.Read").returns(200, "object"), who);
    registry.finish().unwrap_or_else(|problems| panic!("{problems:?}"))
}

impl Node {
    fn new(store: Store, clock: Arc<MovableClock>, settings: Settings) -> Node {
        let identity = Identity::new(Options { hashing_threads: 2, cost: Cost::least() });
        let fleet = Arc::new(Fleet::default());
        let mut parts = Parts::default();
        parts.insert(identity.clone());
        // As by default nothing but the public internet may be reached, except one address of this machine.
        let allowed = Allowed::parse("127.0.0.1").unwrap();
        parts.insert(Outgoing::new(allowed, Vec::new(), Duration::from_secs(2)));
        parts.insert::<Box<dyn FleetCredentials>>(Box::new(SharedFleet(fleet.clone())));
        parts.insert::<Box<dyn TenantDirectory>>(Box::new(Tenants));
        let ids = Arc::new(RandomIds);
        let keys = KeyRing::new(vec![("k1".into(), [7; 32])], ids.clone()).unwrap();
        let app = Arc::new(App {
            store,
            clock,
            ids,
            keys,
            settings,
            nudges: Default::default(),
            metrics: Default::default(),
            stopping: Default::default(),
            authenticator: Box::new(identity.clone()),
            gate: Box::new(OpenGate),
            parts,
            gathered: Default::default(),
        });
        Node { app, served: Arc::new(served()), identity, fleet }
    }

    /// Sends a request.
    pub async fn send(&self, sent: Sent) -> Answer {
        let mut request = Request::builder().method(sent.method.as_str()).uri(&sent.path);
        request = request.header("host", "bm.test");
        for (name, value) in &sent.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let mut request = request.body(Body::from(sent.body)).unwrap();
        if let Some(peer) = sent.peer {
            request.extensions_mut().insert(Peer(peer));
        }
        let response = dispatch::serve(self.app.clone(), self.served.clone(), request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Sends a form to the token endpoint.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.send(post("/identity/connect/token").form(fields)).await
    }

    /// Asks who a bearer token is.
    pub async fn who(&self, token: &str) -> Answer {
        self.send(get("/api/who").bearer(token)).await
    }

    /// A unit of work outside of any request.
    pub async fn unit(&self) -> Unit {
        Unit::begin(&self.app, UnitContext::duty("test"), Fates::default()).await.unwrap()
    }

    pub async fn rows(&self, sql: &str, values: &[DbValue]) -> Vec<Row> {
        self.app.store.read().await.unwrap().query(sql, values).await.unwrap()
    }
}

impl World {
    async fn new(postgres: bool) -> World {
        let database = match postgres {
            true => testing::postgres_migrated(schema::MIGRATIONS).await,
            false => testing::sqlite_migrated(schema::MIGRATIONS).await,
        };
        let store = database.store().await;
        let clock = Arc::new(MovableClock::at(time::parse("2026-01-05T08:00:00Z").unwrap()));
        let node = Node::new(store.clone(), clock.clone(), Settings::default());
        let plan = BootstrapPlan::prepare(&node.identity, &node.app, Some(Secret::new(PASSWORD))).await.unwrap();
        let mut unit = node.unit().await;
        let made = bootstrap(&mut unit, plan).await.unwrap();
        unit.commit().await.unwrap();
        assert!(made.password.is_none());
        World { node, clock, organization: made.organization, admin: made.administrator, store, _database: database }
    }

    /// Another node on the same database.
    pub fn another_node(&self) -> Node {
        Node::new(self.store.clone(), self.clock.clone(), Settings::default())
    }

    /// Another node with other settings.
    pub fn node_with(&self, settings: Settings) -> Node {
        Node::new(self.store.clone(), self.clock.clone(), settings)
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// A person of the first organization.
    pub async fn person(&self, name: &str) -> User {
        let hash = self.identity.hasher().hash(&Secret::new(PASSWORD), &RandomIds).await.unwrap();
        let email = format!("{name}@example.test");
        let new = NewUser { user_name: name, email: Some(&email), password_hash: Some(&hash), ..NewUser::default() };
        let mut unit = self.unit().await;
        let user = users::create(&mut unit, self.organization.id, &new).await.unwrap();
        unit.commit().await.unwrap();
        user
    }

    /// An application of the first organization with its secret.
    pub async fn application(&self, new: NewApplication) -> (Application, String) {
        let mut unit = self.unit().await;
        let (application, secret) =
            applications::create(&mut unit, &self.app, self.organization.id, &new).await.unwrap();
        unit.commit().await.unwrap();
        (application, secret.map(|s| s.reveal().to_owned()).unwrap_or_default())
    }

    /// A confidential application with these scopes both of its own and in a user's name.
    pub async fn confidential(&self, name: &str, words: &str) -> (Application, String) {
        let list = scopes::parse(words).unwrap();
        self.application(NewApplication {
            name: name.into(),
            is_confidential: true,
            redirect_uris: vec!["https://client.test/cb".into()],
            application_scopes: list.clone(),
            user_scopes: list,
        })
        .await
    }

    /// A second organization with its administrator `admin`.
    pub async fn other_organization(&self) -> (Organization, User) {
        let hash = self.identity.hasher().hash(&Secret::new(PASSWORD), &RandomIds).await.unwrap();
        let new = NewUser { user_name: "admin", password_hash: Some(&hash), ..NewUser::default() };
        let mut unit = self.unit().await;
        let (organization, _, user) =
            bandmaster_identity::bootstrap::organization_with_administrator(&mut unit, "Other", &new).await.unwrap();
        unit.commit().await.unwrap();
        (organization, user)
    }

    /// A first-party access token by user name and password.
    pub async fn signed_in(&self, name: &str) -> String {
        let answer = self.password(name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("access_token")
    }

    /// The password grant of the public client.
    pub async fn password(&self, name: &str, password: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("client_id", bandmaster_identity::builtin::PUBLIC_CLIENT),
            ("username", name),
            ("password", password),
        ])
        .await
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.rows(sql, params![]).await[0].get(0).unwrap()
    }
}

/// A request to be sent.
#[derive(Clone)]
pub struct Sent {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    peer: Option<IpAddr>,
}

pub fn get(path: &str) -> Sent {
    Sent { method: "GET".into(), path: path.into(), headers: Vec::new(), body: String::new(), peer: None }
}

pub fn post(path: &str) -> Sent {
    Sent { method: "POST".into(), ..get(path) }
}

impl Sent {
    pub fn method(mut self, method: &str) -> Sent {
        self.method = method.into();
        self
    }
    pub fn header(mut self, name: &str, value: &str) -> Sent {
        self.headers.push((name.into(), value.into()));
        self
    }
    pub fn bearer(self, token: &str) -> Sent {
        self.header("authorization", &format!("Bearer {token}"))
    }
    pub fn form(mut self, fields: &[(&str, &str)]) -> Sent {
        self.body = encoded(fields);
        self.header("content-type", "application/x-www-form-urlencoded")
    }
    pub fn json(mut self, value: Value) -> Sent {
        self.body = value.to_string();
        self.header("content-type", "application/json")
    }
    pub fn raw(mut self, body: &str, content_type: &str) -> Sent {
        self.body = body.into();
        self.header("content-type", content_type)
    }
    pub fn from(mut self, peer: &str) -> Sent {
        self.peer = Some(peer.parse().unwrap());
        self
    }
}

pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

pub fn encoded(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&")
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The body as JSON, after a look at the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A refusal of the protocol: status and error word; and the members that every error has.
    #[track_caller]
    pub fn refused(self, status: u16, error: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["error"], error, "{body}");
        assert!(body["message"].is_string() && body["errorCode"].is_i64(), "{body}");
        assert!(body.get("access_token").is_none());
        body
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.body)).to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// The parts of a token without any check.
pub fn parts(token: &str) -> (Value, Value) {
    use base64::Engine;
    let part = |n: usize| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}
