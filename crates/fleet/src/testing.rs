//! A small world for this crate's own tests: both databases, a clock that stands, a tenant with folders and accounts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::jobs::{RunningJobs, TriggerTargets, Usage};
use crate::machines::MachineRecord;
use crate::machines::operations::{NewMachine, insert};
use crate::machines::record::{Slots, by_id};
use crate::robots::provision::Owner;
use crate::sessions::HostReport;
use axum::http::HeaderMap;
use bandmaster_api::gate::{Authenticator, Folder, FolderWish, Gate, Tenant, TenantWish};
use bandmaster_api::{App, Fates, Rights, Settings, Unit, UnitContext};
use bandmaster_core::{Error, KeyRing, MovableClock, Principal, Result, SeededIds};
use bandmaster_store::testing::{postgres_migrated, sqlite_migrated};
use bandmaster_store::{Conn, Migration, Store, params, schema};
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the clock begins.
pub(crate) const BEGINNING: i64 = 1_767_600_000_000_000;

struct Nobody;

impl Authenticator for Nobody {
    fn authenticate<'a>(&'a self, _: &'a App, _: &'a HeaderMap) -> BoxFuture<'a, Result<Principal>> {
        Box::pin(async { Ok(Principal::anonymous()) })
    }
}

impl Gate for Nobody {
    fn tenant<'a>(&'a self, _: &'a App, _: &'a Principal, _: &'a TenantWish) -> BoxFuture<'a, Result<Option<Tenant>>> {
        Box::pin(async { Ok(None) })
    }

    fn rights<'a>(&'a self, _: &'a App, _: &'a Principal, _: &'a Tenant) -> BoxFuture<'a, Result<Arc<Rights>>> {
        Box::pin(async { Ok(Arc::default()) })
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

/// Jobs that a test makes up.
#[derive(Default)]
pub(crate) struct MadeUpJobs {
    pub usage: Mutex<Usage>,
    pub targets: Mutex<TriggerTargets>,
}

impl RunningJobs for MadeUpJobs {
    fn usage<'a>(&'a self, _: &'a mut Conn, _: i64) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(async { Ok(self.usage.lock().unwrap().clone()) })
    }

    fn stop_on_sessions<'a>(&'a self, _: &'a mut Unit, _: &'a [i64], _: bool) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn trigger_targets<'a>(&'a self, _: &'a mut Conn, _: i64) -> BoxFuture<'a, Result<TriggerTargets>> {
        Box::pin(async { Ok(self.targets.lock().unwrap().clone()) })
    }
}

/// A tenant with the folders `A` (1), `A/B` (2), `C` (3) and the accounts `ana` (1), `bot` (2); another with `X` (4)
/// and `eve` (3).
pub(crate) struct World {
    pub app: Arc<App>,
    pub clock: Arc<MovableClock>,
    pub jobs: Arc<MadeUpJobs>,
    pub tenant: i64,
    pub other_tenant: i64,
    /// A, A/B, C, X.
    pub folders: [i64; 4],
    /// ana, bot, eve.
    pub users: [i64; 3],
}

impl World {
    async fn new(store: Store) -> World {
        let clock = Arc::new(MovableClock::at(BEGINNING));
        let ids = Arc::new(SeededIds::new(11));
        let jobs = Arc::new(MadeUpJobs::default());
        let mut parts = bandmaster_api::Parts::default();
        let part: Arc<dyn RunningJobs> = jobs.clone();
        parts.insert(part);
        let app = Arc::new(App {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            keys: KeyRing::new(vec![("k".into(), [7; 32])], ids).unwrap(),
            settings: Settings::default(),
            nudges: Default::default(),
            metrics: Default::default(),
            stopping: Default::default(),
            authenticator: Box::new(Nobody),
            gate: Box::new(Nobody),
            parts,
            gathered: Default::default(),
        });
        let mut unit = store.begin().await.unwrap();
        let id = |row: bandmaster_store::Row| row.get::<i64>(0).unwrap();
        let organization = id(unit
            .query_one("INSERT INTO organizations (key, name, created_at) VALUES ('o', 'O', 1) RETURNING id", params![])
            .await
            .unwrap());
        let mut tenants = Vec::new();
        for name in ["T", "U"] {
            let sql = "INSERT INTO tenants (key, organization_id, name, created_at, updated_at) VALUES ($1, $2, $1, 1, 1) RETURNING id";
            tenants.push(id(unit.query_one(sql, params![name, organization]).await.unwrap()));
        }
        let mut folders: Vec<i64> = Vec::new();
        for (path, parent, tenant) in [("A", None, 0), ("A/B", Some(0), 0), ("C", None, 0), ("X", None, 1)] {
            let parent: Option<i64> = parent.map(|at: usize| folders[at]);
            let sql = "INSERT INTO folders (key, tenant_id, parent_id, display_name, path, depth, created_at, updated_at) \
                       VALUES ($1, $2, $3, $1, $1, $4, 1, 1) RETURNING id";
            let depth = i64::from(parent.is_some());
            folders.push(id(unit.query_one(sql, params![path, tenants[tenant], parent, depth]).await.unwrap()));
        }
        let mut users = Vec::new();
        for (name, tenant) in [("ana", 0), ("bot", 0), ("eve", 1)] {
            let sql = "INSERT INTO users (key, tenant_id, type, user_name, created_at, updated_at) \
                       VALUES ($1, $2, 2, $1, 1, 1) RETURNING id";
            users.push(id(unit.query_one(sql, params![name, tenants[tenant]]).await.unwrap()));
        }
        unit.commit().await.unwrap();
        World {
            app,
            clock,
            jobs,
            tenant: tenants[0],
            other_tenant: tenants[1],
            folders: folders.try_into().unwrap(),
            users: users.try_into().unwrap(),
        }
    }

    /// A unit of the tenant.
    pub async fn unit(&self) -> Unit {
        let context = UnitContext::duty("test").within(1, self.tenant);
        Unit::begin(&self.app, context, Fates::default()).await.unwrap()
    }

    /// A reading session.
    pub async fn read(&self) -> Conn {
        self.app.store.read().await.unwrap()
    }

    /// Runs statements in a unit of their own.
    pub async fn sql(&self, statements: &[String]) {
        let mut unit = self.unit().await;
        for sql in statements {
            unit.execute_dynamic(sql, &[]).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    /// A machine with these slots (unattended, non-production).
    pub async fn machine(&self, name: &str, slots: (i64, i64)) -> MachineRecord {
        let mut unit = self.unit().await;
        let new = NewMachine {
            name,
            description: None,
            machine_type: crate::enums::TEMPLATE,
            scope: 0,
            slots: Slots { unattended: slots.0, non_production: slots.1, ..Slots::default() },
            automation_type: 0,
            target_framework: 0,
            update_policy: None,
            tags: "[]",
        };
        let (id, _) = insert(&mut unit, &new).await.unwrap();
        let machine = by_id(&mut unit, self.tenant, id).await.unwrap().unwrap();
        unit.commit().await.unwrap();
        machine
    }

    /// Assigns a machine to a folder.
    pub async fn assign(&self, machine: &MachineRecord, folder: i64, propagate: bool) {
        let sql = format!(
            "INSERT INTO folder_machines (folder_id, machine_id, propagate, created_at) VALUES ({folder}, {}, {}, 1)",
            machine.id,
            i64::from(propagate)
        );
        self.sql(&[sql]).await;
    }

    /// Assigns an account to a folder.
    pub async fn member(&self, user: i64, folder: i64) {
        let sql = format!("INSERT INTO folder_users (folder_id, user_id, created_at) VALUES ({folder}, {user}, 1)");
        self.sql(&[sql]).await;
    }

    /// The account of one of [`World::users`] as the owner of robots.
    pub fn owner(&self, user: usize) -> Owner<'static> {
        Owner { tenant_id: self.tenant, user_id: self.users[user], name: ["ana", "bot", "eve"][user] }
    }

    /// Moves the clock.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Kinds and payloads of all events so far.
    pub async fn events(&self) -> Vec<(String, serde_json::Value)> {
        let rows = self.read().await.query("SELECT kind, payload FROM events ORDER BY id", params![]).await.unwrap();
        rows.iter().map(|r| (r.get(0).unwrap(), serde_json::from_str(&r.get::<String>(1).unwrap()).unwrap())).collect()
    }
}

/// A report of a host.
pub(crate) fn report(host: &str) -> HostReport {
    HostReport { host_name: host.into(), version: Some("1.0".into()), platform: 2, ..HostReport::default() }
}

/// Runs a test on SQLite and on PostgreSQL.
pub(crate) fn both<F, Fut>(test: F)
where
    F: Fn(World) -> Fut,
    Fut: Future<Output = ()>,
{
    // What fleet stands on, and no more.
    let migrations: Vec<Migration> = schema::MIGRATIONS.iter().filter(|m| m.number <= 4).cloned().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for sqlite in [true, false] {
            let database =
                if sqlite { sqlite_migrated(&migrations).await } else { postgres_migrated(&migrations).await };
            let store = database.store().await;
            test(World::new(store.clone()).await).await;
            store.close().await;
        }
    });
}
