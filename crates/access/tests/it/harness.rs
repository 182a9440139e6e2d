//! A server of the access crate's operations alone: dispatcher, gate, both databases, callers that say who they are.
//! How callers prove that is the identity crate's business and tested there.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use bandmaster_access::{AccessGate, NewTenant};
use bandmaster_api::{App, Authenticator, Fates, Parts, Registry, Served, Settings, Unit, UnitContext, dispatch};
use bandmaster_core::{KeyRing, MovableClock, Principal, PrincipalKind, Result, Scopes, SeededIds};
use bandmaster_identity::bootstrap::organization_with_administrator;
use bandmaster_identity::users::{self, NewUser};
use bandmaster_identity::{applications, groups};
use bandmaster_store::testing::{TestDatabase, postgres_migrated, sqlite_migrated};
use bandmaster_store::{Migration, Store, params, schema};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

/// Declares tests that run on SQLite and on PostgreSQL.
macro_rules! suite {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident: &TestServer) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($server: &$crate::harness::TestServer) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test(&$crate::harness::TestServer::start(false).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                test(&$crate::harness::TestServer::start(true).await).await;
            }
        }
    )* };
}
pub(crate) use suite;

/// Who a caller is, in a header that only this harness understands.
const WHO: &str = "x-test-caller";

struct ByHeader;

impl Authenticator for ByHeader {
    fn authenticate<'a>(&'a self, app: &'a App, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Principal>> {
        Box::pin(async move {
            let Some(text) = headers.get(WHO).and_then(|v| v.to_str().ok()) else {
                return Ok(Principal::anonymous());
            };
            let who: Value = serde_json::from_str(text).unwrap();
            if let Some(machine) = who["machine"].as_i64() {
                return Ok(Principal {
                    kind: PrincipalKind::Machine,
                    organization_id: who["organization"].as_i64().unwrap(),
                    tenant_id: who["tenant"].as_i64(),
                    machine_id: Some(machine),
                    scopes: Scopes::All,
                    ..Principal::anonymous()
                });
            }
            let key = who["key"].as_str().unwrap();
            let row = app
                .store
                .read()
                .await?
                .query_one(
                    "SELECT organization_id, type, user_name FROM directory_accounts WHERE key = $1",
                    params![key],
                )
                .await?;
            let kind = match row.get::<i64>(1)? {
                4 => PrincipalKind::Robot,
                5 => PrincipalKind::Application,
                _ => PrincipalKind::User,
            };
            let scopes = who["scopes"].as_array().map_or(Scopes::All, |list| {
                Scopes::These(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            });
            Ok(Principal {
                kind,
                organization_id: row.get(0)?,
                tenant_id: who["tenant"].as_i64(),
                key: key.to_owned(),
                name: row.get(2)?,
                scopes,
                host: who["host"] == true,
                ..Principal::anonymous()
            })
        })
    }
}

/// A server.
pub struct TestServer {
    pub app: Arc<App>,
    pub served: Arc<Served>,
    pub organization_id: i64,
    pub tenant: NewTenant,
    pub admin_key: String,
    _database: TestDatabase,
}

fn migrations() -> Vec<Migration> {
    schema::MIGRATIONS.to_vec()
}

pub async fn unit(app: &App) -> Unit {
    Unit::begin(app, UnitContext::duty("test"), Fates::default()).await.unwrap()
}

/// An organization with tenant and administrator: ids and the administrator's key.
pub async fn organization(app: &App, name: &str) -> (i64, NewTenant, String) {
    let mut unit = unit(app).await;
    let admin = NewUser { user_name: "admin", name: Some("Ada"), surname: Some("Admin"), ..NewUser::default() };
    let (organization, _, user) = organization_with_administrator(&mut unit, name, &admin).await.unwrap();
    let tenant = bandmaster_access::bootstrap(&mut unit, organization.id, Some(&user.key)).await.unwrap();
    unit.commit().await.unwrap();
    (organization.id, tenant, user.key)
}

pub fn app(store: Store, parts: Parts) -> Arc<App> {
    let ids = Arc::new(SeededIds::new(1));
    let clock = MovableClock::at(bandmaster_core::time::parse("2026-01-05T08:00:00Z").unwrap());
    Arc::new(App {
        store,
        clock: Arc::new(clock),
        ids: ids.clone(),
        keys: KeyRing::new(vec![("k".into(), [7; 32])], ids).unwrap(),
        settings: Settings::default(),
        nudges: Default::default(),
        metrics: Default::default(),
        stopping: Default::default(),
        authenticator: Box::new(ByHeader),
        gate: Box::new(AccessGate::new()),
        parts,
        gathered: Default::default(),
    })
}

impl TestServer {
    pub async fn start(on_postgres: bool) -> TestServer {
        TestServer::with_parts(on_postgres, Parts::default()).await
    }

    pub async fn with_parts(on_postgres: bool, parts: Parts) -> TestServer {
        let migrations = migrations();
        let database =
            if on_postgres { postgres_migrated(&migrations).await } else { sqlite_migrated(&migrations).await };
        let app = app(database.store().await, parts);
        let (organization_id, tenant, admin_key) = organization(&app, "Acme").await;
        let mut registry = Registry::new();
        bandmaster_access::register(&mut registry);
        let served = Arc::new(registry.finish().unwrap_or_else(|problems| panic!("{problems:?}")));
        TestServer { app, served, organization_id, tenant, admin_key, _database: database }
    }

    fn client(&self, who: Value) -> Client {
        Client { app: self.app.clone(), served: self.served.clone(), who: Some(who), headers: Vec::new() }
    }

    /// The administrator.
    pub fn admin(&self) -> Client {
        self.client(json!({ "key": self.admin_key }))
    }

    /// The administrator as one of the installation.
    pub fn host(&self) -> Client {
        self.client(json!({ "key": self.admin_key, "host": true }))
    }

    /// Nobody.
    pub fn anonymous(&self) -> Client {
        Client { app: self.app.clone(), served: self.served.clone(), who: None, headers: Vec::new() }
    }

    /// A caller by key.
    pub fn caller(&self, key: &str) -> Client {
        self.client(json!({ "key": key }))
    }

    /// A machine.
    pub fn machine(&self, id: i64) -> Client {
        self.client(json!({ "machine": id, "organization": self.organization_id, "tenant": self.tenant.id }))
    }

    /// A new person of the organization, in these groups; its key.
    pub async fn person(&self, name: &str, in_groups: &[&str]) -> String {
        self.account(NewUser { user_name: name, ..NewUser::default() }, in_groups).await
    }

    /// A new robot account.
    pub async fn robot(&self, name: &str, in_groups: &[&str]) -> String {
        self.account(NewUser { user_name: name, robot: true, ..NewUser::default() }, in_groups).await
    }

    async fn account(&self, new: NewUser<'_>, in_groups: &[&str]) -> String {
        let mut unit = unit(&self.app).await;
        let user = users::create(&mut unit, self.organization_id, &new).await.unwrap();
        for name in in_groups {
            let group = groups::by_name(&mut unit, self.organization_id, name).await.unwrap().unwrap();
            groups::add_member(&mut unit, &group, &user.key).await.unwrap();
        }
        unit.commit().await.unwrap();
        user.key
    }

    /// Puts an account into a group, or takes it out.
    pub async fn membership(&self, key: &str, group: &str, on: bool) {
        let mut unit = unit(&self.app).await;
        let group = groups::by_name(&mut unit, self.organization_id, group).await.unwrap().unwrap();
        if on {
            groups::add_member(&mut unit, &group, key).await.unwrap();
        } else {
            groups::remove_member(&mut unit, &group, key).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    /// A confidential application; its key. Without any right yet.
    pub async fn application(&self, name: &str) -> String {
        let new = applications::NewApplication {
            name: name.to_owned(),
            is_confidential: true,
            application_scopes: vec!["OR.Folders".into()],
            ..Default::default()
        };
        let mut unit = unit(&self.app).await;
        let made = applications::create(&mut unit, &self.app, self.organization_id, &new).await.unwrap().0;
        unit.commit().await.unwrap();
        made.key
    }

    /// The tenant's id of an account, which must be known there.
    pub async fn user_id(&self, key: &str) -> i64 {
        let mut conn = self.app.store.read().await.unwrap();
        bandmaster_access::users::find_by_key(&mut conn, self.tenant.id, key).await.unwrap().unwrap().id
    }

    /// The id of a role.
    pub async fn role_id(&self, name: &str) -> i64 {
        let mut conn = self.app.store.read().await.unwrap();
        bandmaster_access::roles::find_by_name(&mut conn, self.tenant.id, name).await.unwrap().unwrap().id
    }

    /// A folder below a parent.
    pub async fn folder(&self, name: &str, parent: Option<i64>) -> i64 {
        let body = json!({ "DisplayName": name, "ParentId": parent });
        self.admin().post("/odata/Folders", body).await.expect(201)["Id"].as_i64().unwrap()
    }

    /// Whether an audit entry of that kind exists.
    pub async fn audited(&self, component: &str, action: &str, name: &str) -> bool {
        let row = self
            .app
            .store
            .read()
            .await
            .unwrap()
            .query_opt(
                "SELECT 1 FROM audit_entries WHERE component = $1 AND action = $2 AND entity_name = $3",
                params![component, action, name],
            )
            .await
            .unwrap();
        row.is_some()
    }
}

/// A caller.
#[derive(Clone)]
pub struct Client {
    app: Arc<App>,
    served: Arc<Served>,
    who: Option<Value>,
    headers: Vec<(String, String)>,
}

impl Client {
    /// The same caller with a header.
    pub fn with_header(&self, name: &str, value: &str) -> Client {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same caller with these scopes only.
    pub fn with_scopes(&self, scopes: &[&str]) -> Client {
        let mut other = self.clone();
        if let Some(who) = &mut other.who {
            who["scopes"] = json!(scopes);
        }
        other
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        // Blanks and quotes are what tests write and clients encode.
        let uri = path.replace(' ', "%20");
        let mut request = Request::builder().method(method).uri(uri).header("host", "localhost");
        if let Some(who) = &self.who {
            request = request.header(WHO, who.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        let response = dispatch::serve(self.app.clone(), self.served.clone(), request.body(body).unwrap()).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(status < 500, "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        let shown = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        crate::described::check(&self.served, method, path, status, &shown);
        Reply { what: format!("{method} {path}"), status, bytes }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None).await
    }
}

/// An answer.
pub struct Reply {
    what: String,
    pub status: u16,
    bytes: bytes::Bytes,
}

impl Reply {
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.what, String::from_utf8_lossy(&self.bytes));
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub fn error(&self, status: u16, code: i64) -> Value {
        let body = self.expect(status);
        assert_eq!(body["errorCode"], code, "{}: {body}", self.what);
        assert!(body["message"].is_string(), "{}: {body}", self.what);
        body
    }
}

/// Fails unless an object has every property of a contract's type that is neither an object nor a list of objects.
#[track_caller]
pub fn has_members_of(type_name: &str, value: &Value) {
    use bandmaster_model::{TypeRef, contract};
    let ty = contract().type_def(type_name).unwrap();
    for property in ty.properties() {
        let plain = match &property.ty {
            TypeRef::Named(_) | TypeRef::Object | TypeRef::Map(_) => false,
            TypeRef::List(inner) => !matches!(**inner, TypeRef::Named(_)),
            _ => true,
        };
        assert!(!plain || value.get(&property.name).is_some(), "{type_name}.{} is missing in {value}", property.name);
    }
}
