//! A server of the access and packages crates' operations: dispatcher, gate, both databases, callers that say who they
//! are in a header. How callers prove that is the identity crate's business and tested there.

use crate::form::{BOUNDARY, Part, form};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use bandmaster_access::parts::FolderContents;
use bandmaster_access::{AccessGate, NewTenant, folders, roles, users as accounts};
use bandmaster_api::{App, Authenticator, Fates, Parts, Registry, Served, Settings, Unit, UnitContext, dispatch};
use bandmaster_core::{KeyRing, MovableClock, Principal, PrincipalKind, RandomIds, Result, Scopes};
use bandmaster_identity::bootstrap::organization_with_administrator;
use bandmaster_identity::users::{self, NewUser};
use bandmaster_packages::FolderReleases;
use bandmaster_packages::nupkg::build::PackageBuilder;
use bandmaster_packages::releases::{Dependent, ReleaseUse};
use bandmaster_store::testing::{TestDatabase, postgres_migrated, sqlite_migrated};
use bandmaster_store::{Migration, params, schema};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Declares tests that run on SQLite and on PostgreSQL.
macro_rules! suite {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($world: &$crate::world::World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test(&$crate::world::World::start(false).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                test(&$crate::world::World::start(true).await).await;
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
            if who["machine"].is_i64() {
                return Ok(Principal {
                    kind: PrincipalKind::Machine,
                    organization_id: who["organization"].as_i64().unwrap(),
                    tenant_id: who["tenant"].as_i64(),
                    machine_id: who["machine"].as_i64(),
                    scopes: Scopes::All,
                    ..Principal::anonymous()
                });
            }
            let key = who["key"].as_str().unwrap();
            let row = app
                .store
                .read()
                .await?
                .query_one("SELECT organization_id, user_name FROM directory_accounts WHERE key = $1", params![key])
                .await?;
            let scopes = who["scopes"].as_array().map_or(Scopes::All, |list| {
                Scopes::These(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            });
            Ok(Principal {
                kind: PrincipalKind::User,
                organization_id: row.get(0)?,
                key: key.to_owned(),
                name: row.get(1)?,
                scopes,
                ..Principal::anonymous()
            })
        })
    }
}

/// Uses of processes, set by tests.
#[derive(Clone, Default)]
pub struct Uses(Arc<Mutex<HashMap<i64, Dependent>>>);

impl Uses {
    pub fn set(&self, release: i64, dependent: Option<Dependent>) {
        let mut uses = self.0.lock().unwrap();
        match dependent {
            Some(d) => uses.insert(release, d),
            None => uses.remove(&release),
        };
    }
}

impl ReleaseUse for Uses {
    fn dependent<'a>(&'a self, _unit: &'a mut Unit, release_id: i64) -> BoxFuture<'a, Result<Option<Dependent>>> {
        let found = self.0.lock().unwrap().get(&release_id).cloned();
        Box::pin(async move { Ok(found) })
    }
}

/// A server.
pub struct World {
    pub app: Arc<App>,
    pub served: Arc<Served>,
    pub clock: Arc<MovableClock>,
    pub uses: Uses,
    pub organization_id: i64,
    pub tenant: NewTenant,
    admin_key: String,
    folder: tempfile::TempDir,
    database: TestDatabase,
}

fn migrations() -> Vec<Migration> {
    schema::MIGRATIONS.iter().copied().filter(|m| m.number <= 3 || m.number == 5).collect()
}

/// Begins a unit on the server's behalf.
pub async fn unit(app: &App) -> Unit {
    Unit::begin(app, UnitContext::duty("test"), Fates::default()).await.unwrap()
}

async fn organization(app: &App, name: &str) -> (i64, NewTenant, String) {
    let mut unit = unit(app).await;
    let admin = NewUser { user_name: "admin", name: Some("Ada"), surname: Some("Admin"), ..NewUser::default() };
    let (organization, _, user) = organization_with_administrator(&mut unit, name, &admin).await.unwrap();
    let tenant = bandmaster_access::bootstrap(&mut unit, organization.id, Some(&user.key)).await.unwrap();
    unit.commit().await.unwrap();
    (organization.id, tenant, user.key)
}

/// The largest upload in tests.
pub const MAX_UPLOAD: u64 = 8 << 20;

impl World {
    pub async fn start(on_postgres: bool) -> World {
        let migrations = migrations();
        let database =
            if on_postgres { postgres_migrated(&migrations).await } else { sqlite_migrated(&migrations).await };
        let folder = tempfile::Builder::new().prefix("bandmaster-packages-").tempdir().unwrap();
        let clock = Arc::new(MovableClock::at(bandmaster_core::time::parse("2026-01-05T08:00:00Z").unwrap()));
        let uses = Uses::default();
        let app = build(&database, folder.path(), clock.clone(), uses.clone()).await;
        let (organization_id, tenant, admin_key) = organization(&app, "Acme").await;
        let mut registry = Registry::new();
        bandmaster_access::register(&mut registry);
        bandmaster_packages::register(&mut registry);
        let served = Arc::new(registry.finish().unwrap_or_else(|problems| panic!("{problems:?}")));
        World { app, served, clock, uses, organization_id, tenant, admin_key, folder, database }
    }

    /// The same server started anew: another process on the same database and files.
    pub async fn restarted(&self) -> Arc<App> {
        build(&self.database, self.folder.path(), self.clock.clone(), self.uses.clone()).await
    }

    /// The folder with package files.
    pub fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("packages")
    }

    /// All package files, as `folder/name`.
    pub fn stored(&self) -> Vec<String> {
        let mut found = Vec::new();
        for folder in std::fs::read_dir(self.files()).into_iter().flatten() {
            let folder = folder.unwrap().path();
            for file in std::fs::read_dir(&folder).unwrap() {
                let file = file.unwrap().file_name().into_string().unwrap();
                found.push(format!("{}/{file}", folder.file_name().unwrap().to_string_lossy()));
            }
        }
        found.sort();
        found
    }

    fn client(&self, who: Option<Value>) -> Client {
        Client { app: self.app.clone(), served: self.served.clone(), who, headers: Vec::new() }
    }

    /// The administrator, in the folder `Shared`.
    pub fn admin(&self) -> Client {
        self.client(Some(json!({ "key": self.admin_key }))).in_folder(self.tenant.folder_id)
    }

    /// Nobody.
    pub fn anonymous(&self) -> Client {
        self.client(None)
    }

    /// A machine without folders.
    pub fn machine(&self) -> Client {
        let who = json!({ "machine": 1, "organization": self.organization_id, "tenant": self.tenant.id });
        self.client(Some(who))
    }

    /// The administrator of another organization, in its folder `Shared`.
    pub async fn other_tenant(&self) -> Client {
        let (_, tenant, key) = organization(&self.app, "Other").await;
        self.client(Some(json!({ "key": key }))).in_folder(tenant.folder_id)
    }

    /// A person with these tenant roles, and folder roles in one folder.
    pub async fn person(&self, name: &str, tenant_roles: &[&str], folder: Option<(i64, &[&str])>) -> Client {
        let mut unit = unit(&self.app).await;
        let new = NewUser { user_name: name, ..NewUser::default() };
        let user = users::create(&mut unit, self.organization_id, &new).await.unwrap();
        let account =
            bandmaster_access::directory::by_key(&mut unit, self.organization_id, &user.key).await.unwrap().unwrap();
        let id = accounts::ensure(&mut unit, self.tenant.id, &account).await.unwrap();
        let mut ids = Vec::new();
        for role in tenant_roles {
            ids.push(roles::find_by_name(&mut unit, self.tenant.id, role).await.unwrap().unwrap().id);
        }
        accounts::assign_roles(&mut unit, self.tenant.id, id, &ids).await.unwrap();
        if let Some((folder, names)) = folder {
            let mut ids = Vec::new();
            for role in names {
                ids.push(roles::find_by_name(&mut unit, self.tenant.id, role).await.unwrap().unwrap().id);
            }
            folders::assign_user(&mut unit, self.tenant.id, folder, id, &ids).await.unwrap();
        }
        unit.commit().await.unwrap();
        self.client(Some(json!({ "key": user.key }))).in_folder(self.tenant.folder_id)
    }

    /// A folder, with a feed of its own if `own_feed`: id and key.
    pub async fn folder(&self, name: &str, parent: Option<i64>, own_feed: bool) -> (i64, String) {
        let mut body = json!({ "DisplayName": name, "ParentId": parent });
        if own_feed {
            body["FeedType"] = json!("FolderHierarchy");
        }
        let made = self.admin().post("/odata/Folders", body).await.expect(201);
        (made["Id"].as_i64().unwrap(), made["Key"].as_str().unwrap().to_owned())
    }

    /// Audit entries: component, action, name.
    pub async fn audit(&self) -> Vec<(String, String, String)> {
        let mut conn = self.app.store.read().await.unwrap();
        let rows = conn
            .query("SELECT component, action, entity_name FROM audit_entries ORDER BY id", params![])
            .await
            .unwrap();
        rows.iter().map(|r| (r.get(0).unwrap(), r.get(1).unwrap(), r.get(2).unwrap())).collect()
    }

    #[track_caller]
    pub fn assert_audited(audit: &[(String, String, String)], component: &str, action: &str, name: &str) {
        let found = audit.iter().any(|(c, a, n)| c == component && a == action && n == name);
        assert!(found, "no audit entry {component} {action} {name} in {audit:?}");
    }

    /// Events: kind and payload.
    pub async fn events(&self) -> Vec<(String, Value)> {
        let mut conn = self.app.store.read().await.unwrap();
        let rows = conn.query("SELECT kind, payload FROM events ORDER BY id", params![]).await.unwrap();
        rows.iter().map(|r| (r.get(0).unwrap(), serde_json::from_str(&r.get::<String>(1).unwrap()).unwrap())).collect()
    }
}

async fn build(database: &TestDatabase, folder: &std::path::Path, clock: Arc<MovableClock>, uses: Uses) -> Arc<App> {
    let ids = Arc::new(RandomIds);
    let mut parts = Parts::default();
    let contents: Vec<Box<dyn FolderContents>> = vec![Box::new(FolderReleases)];
    parts.insert(contents);
    let in_use: Vec<Box<dyn ReleaseUse>> = vec![Box::new(uses)];
    parts.insert(in_use);
    Arc::new(App {
        store: database.store().await,
        clock,
        ids: ids.clone(),
        keys: KeyRing::new(vec![("k".into(), [7; 32])], ids).unwrap(),
        settings: Settings { files: folder.to_owned(), max_upload_bytes: MAX_UPLOAD, ..Settings::default() },
        nudges: Default::default(),
        metrics: Default::default(),
        stopping: Default::default(),
        authenticator: Box::new(ByHeader),
        gate: Box::new(AccessGate::new()),
        parts,
        gathered: Default::default(),
    })
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
    /// The same caller in another folder.
    pub fn in_folder(&self, id: i64) -> Client {
        self.without_folder().with_header("X-UIPATH-OrganizationUnitId", &id.to_string())
    }

    /// The same caller without a folder.
    pub fn without_folder(&self) -> Client {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| n != "X-UIPATH-OrganizationUnitId");
        other
    }

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

    /// Sends bytes of a type.
    pub async fn raw(&self, method: &str, path: &str, content_type: &str, body: Body) -> Reply {
        // Blanks and quotes are what tests write and clients encode.
        let uri = path.replace(' ', "%20");
        let mut request = Request::builder().method(method).uri(uri).header("host", "localhost");
        if let Some(who) = &self.who {
            request = request.header(WHO, who.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let response = dispatch::serve(self.app.clone(), self.served.clone(), request.body(body).unwrap()).await;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let what = format!("{method} {path}");
        assert!(status < 500, "{what}: {status} {}", String::from_utf8_lossy(&bytes));
        let is_json =
            parts.headers.get("content-type").is_some_and(|t| t.to_str().unwrap().starts_with("application/json"));
        let json = is_json.then(|| serde_json::from_slice::<Value>(&bytes).unwrap());
        crate::described::check(&self.served, method, path, status, json.as_ref());
        Reply { what, status, headers: parts.headers, bytes: bytes.to_vec() }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        match body {
            Some(body) => self.raw(method, path, "application/json", Body::from(body.to_string())).await,
            None => self.raw(method, path, "", Body::empty()).await,
        }
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

    /// Sends a form.
    pub async fn form(&self, method: &str, path: &str, parts: &[Part<'_>]) -> Reply {
        let ty = format!("multipart/form-data; boundary={BOUNDARY}");
        self.raw(method, path, &ty, Body::from(form(parts))).await
    }

    /// Uploads one package to the tenant's feed.
    pub async fn upload(&self, bytes: &[u8]) -> Reply {
        self.upload_to(None, bytes).await
    }

    /// Uploads one package to a feed.
    pub async fn upload_to(&self, feed: Option<&str>, bytes: &[u8]) -> Reply {
        let feed = feed.map(|f| format!("?feedId={f}")).unwrap_or_default();
        let path = format!("/odata/Processes/UiPath.Server.Configuration.OData.UploadPackage(){feed}");
        self.form("POST", &path, &[crate::form::file(".uipath/some.nupkg", bytes)]).await
    }

    /// Makes a process of a package version; its id.
    pub async fn release(&self, name: &str, package: &str, version: &str) -> i64 {
        let body = json!({"Name": name, "ProcessKey": package, "ProcessVersion": version});
        self.post("/odata/Releases", body).await.expect(201)["Id"].as_i64().unwrap()
    }
}

/// An answer.
pub struct Reply {
    what: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.what, String::from_utf8_lossy(&self.bytes));
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub fn error(&self, status: u16, code: i64) -> Value {
        let body = self.expect(status);
        assert_eq!(body["errorCode"], code, "{}: {body}", self.what);
        body
    }
}

/// A package with the entry points `main` (argument `month`) and `other`.
pub fn package(id: &str, version: &str) -> Vec<u8> {
    builder(id, version).build().unwrap()
}

/// The same, to be changed.
pub fn builder(id: &str, version: &str) -> PackageBuilder {
    let input = json!({"type": "object", "properties": {"month": {"type": "integer"}}, "required": ["month"]});
    PackageBuilder::new(id, version)
        .description(format!("{id} does things"))
        .authors("dana")
        .function("main", "main.py:main", input, json!({"type": "object", "properties": {"total": {"type": "number"}}}))
        .function("other", "main.py:other", json!({}), json!({}))
        .file("main.py", "def main(month): ...")
}

/// The values of a list's rows for one member.
pub fn column(list: &Value, name: &str) -> Vec<String> {
    list["value"].as_array().unwrap().iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// A Studio package with this project file.
pub fn studio(id: &str, version: &str, project: &Value) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let nuspec = format!("<package><metadata><id>{id}</id><version>{version}</version></metadata></package>");
    for (name, content) in [(format!("{id}.nuspec"), nuspec), ("content/project.json".into(), project.to_string())] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A Studio package whose main entry point is none of its entry points `A.xaml` and `B.xaml`.
pub fn unclear(id: &str, version: &str) -> Vec<u8> {
    let entry = |path: &str| json!({"filePath": path, "input": [], "output": []});
    let project = json!({
        "name": id,
        "main": "Main.xaml",
        "entryPoints": [entry("A.xaml"), entry("B.xaml")],
        "targetFramework": "Windows",
        "designOptions": {"outputType": "Process"},
    });
    studio(id, version, &project)
}
