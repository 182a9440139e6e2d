//! The PostgreSQL engine: a pool, units as transactions, nudges between nodes.

pub(crate) mod error;
pub(crate) mod migrate;
pub(crate) mod nudge;
pub(crate) mod numeric;
pub(crate) mod send;
pub(crate) mod session;
pub(crate) mod tls;
pub(crate) mod value;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError};
use deadpool_postgres::{RecyclingMethod, Runtime, Timeouts};
use tokio::sync::broadcast;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::StoreConfig;
use crate::error::DbError;
use crate::metrics::{Counters, StoreMetrics};
use crate::migration::Migration;
use nudge::Nudger;
use session::PgSession;

/// Most fixed statements kept prepared on each connection.
const PREPARED: usize = 512;
/// For reaching the server and logging in.
const CONNECT: Duration = Duration::from_secs(10);
/// The server ends a transaction in which nothing happens for so long.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(60);

/// What sessions share.
pub(crate) struct Shared {
    pool: Pool,
    pub config: tokio_postgres::Config,
    pub tls: MakeRustlsConnect,
    pub counters: Arc<Counters>,
    pub pool_size: usize,
    acquire_timeout: Duration,
    up: AtomicBool,
    fixed: RwLock<HashSet<u64>>,
    hasher: RandomState,
}

impl Shared {
    /// A connection from the pool, made when there are fewer than allowed.
    pub(crate) async fn acquire(&self) -> Result<Object, DbError> {
        let timeouts = Timeouts { wait: Some(self.acquire_timeout), create: Some(CONNECT), recycle: Some(CONNECT) };
        match self.pool.timeout_get(&timeouts).await {
            Ok(object) => {
                self.up.store(true, Relaxed);
                Ok(object)
            }
            Err(PoolError::Closed) => Err(crate::sqlite::reader::closed()),
            Err(PoolError::Backend(e)) => {
                self.up.store(false, Relaxed);
                Err(error::plain(&e))
            }
            Err(PoolError::PostCreateHook(HookError::Backend(e))) => {
                self.up.store(false, Relaxed);
                Err(error::plain(&e))
            }
            Err(e) => Err(DbError::Unavailable(e.to_string())),
        }
    }

    /// Whether the statement may be kept prepared. The driver's cache has no
    /// bound of its own, and a generated text passed by mistake must not fill it.
    pub(crate) fn keeps(&self, sql: &str) -> bool {
        let key = self.hasher.hash_one(sql);
        {
            let fixed = self.fixed.read().unwrap_or_else(PoisonError::into_inner);
            if fixed.contains(&key) {
                return true;
            }
            if fixed.len() >= PREPARED {
                return false;
            }
        }
        let mut fixed = self.fixed.write().unwrap_or_else(PoisonError::into_inner);
        if fixed.len() + 1 == PREPARED {
            tracing::warn!("{PREPARED} fixed statements are in use; further ones are not kept");
        }
        fixed.insert(key)
    }
}

pub(crate) struct Engine {
    shared: Arc<Shared>,
    nudger: Nudger,
}

impl Engine {
    pub(crate) async fn open(url: &str, config: &StoreConfig) -> Result<Self, DbError> {
        let (url, options) = tls::split_options(url);
        let mut pg: tokio_postgres::Config = url.parse().map_err(|e| error::plain(&e))?;
        let (mode, tls) = tls::connector(&options)?;
        pg.ssl_mode(mode);
        if pg.get_connect_timeout().is_none() {
            pg.connect_timeout(CONNECT);
        }
        if pg.get_application_name().is_none() {
            pg.application_name("bandmaster");
        }
        let settings = settings(config);
        let manager =
            Manager::from_config(pg.clone(), tls.clone(), ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(config.pool_size.max(1))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let settings = settings.clone();
                Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|e| DbError::Internal(e.to_string()))?;
        let shared = Arc::new(Shared {
            pool,
            config: pg,
            tls,
            counters: Arc::new(Counters::default()),
            pool_size: config.pool_size.max(1),
            acquire_timeout: config.acquire_timeout,
            up: AtomicBool::new(true),
            fixed: RwLock::new(HashSet::new()),
            hasher: RandomState::new(),
        });
        check_server(&shared).await?;
        let nudger = Nudger::start(shared.config.clone(), shared.tls.clone());
        Ok(Engine { shared, nudger })
    }

    pub(crate) async fn read(&self) -> Result<PgSession, DbError> {
        self.shared.counters.reads.fetch_add(1, Relaxed);
        PgSession::read(&self.shared).await
    }

    pub(crate) async fn begin(&self) -> Result<PgSession, DbError> {
        PgSession::begin(&self.shared).await
    }

    pub(crate) async fn migrate(&self, all: &[Migration]) -> Result<Vec<String>, DbError> {
        migrate::run(&self.shared, all).await
    }

    pub(crate) async fn close(&self) {
        self.nudger.stop();
        self.shared.pool.close();
    }

    pub(crate) fn healthy(&self) -> bool {
        self.shared.up.load(Relaxed) && !self.shared.pool.is_closed()
    }

    pub(crate) fn metrics(&self) -> StoreMetrics {
        let status = self.shared.pool.status();
        StoreMetrics {
            connections: status.size as u64,
            connections_in_use: status.size.saturating_sub(status.available) as u64,
            ..self.shared.counters.snapshot()
        }
    }

    pub(crate) fn nudge(&self, topic: &str) {
        self.nudger.nudge(topic);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<String> {
        self.nudger.subscribe()
    }
}

/// Sessions can only read; units say otherwise when they begin.
fn settings(config: &StoreConfig) -> String {
    format!(
        "SET default_transaction_read_only = on; \
         SET default_transaction_isolation = 'read committed'; \
         SET standard_conforming_strings = on; \
         SET client_min_messages = warning; \
         SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}",
        config.statement_timeout.as_millis().min(i32::MAX as u128),
        IDLE_IN_TRANSACTION.as_millis(),
    )
}

async fn check_server(shared: &Shared) -> Result<(), DbError> {
    let client = shared.acquire().await?;
    let row = client
        .query_one(
            "SELECT current_setting('server_encoding'), \
             current_setting('server_version_num')::bigint",
            &[],
        )
        .await
        .map_err(|e| error::plain(&e))?;
    let encoding: String = row.try_get(0).map_err(|e| error::plain(&e))?;
    let version: i64 = row.try_get(1).map_err(|e| error::plain(&e))?;
    if encoding != "UTF8" {
        return Err(DbError::Unavailable(format!("the database's encoding is {encoding}, it must be UTF8")));
    }
    if version < 140_000 {
        return Err(DbError::Unavailable(format!("PostgreSQL 14 or later is needed (found {version})")));
    }
    Ok(())
}
