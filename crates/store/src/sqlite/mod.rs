//! The SQLite engine: one writer with group commit, several readers.

pub(crate) mod backup;
pub(crate) mod committer;
pub(crate) mod connect;
pub(crate) mod error;
pub(crate) mod exec;
pub(crate) mod migrate;
pub(crate) mod reader;
pub(crate) mod session;
pub(crate) mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{Mutex, broadcast, mpsc, oneshot};

use crate::config::StoreConfig;
use crate::error::DbError;
use crate::metrics::{Counters, StoreMetrics};
use crate::migration::Migration;
use committer::Committer;
use reader::{ReadPool, ReadSession};
use session::WriteSession;
use writer::{Gate, Health, Order, Writer};

pub(crate) struct Engine {
    path: PathBuf,
    config: StoreConfig,
    gate: Arc<Gate>,
    readers: Arc<ReadPool>,
    health: Arc<Health>,
    counters: Arc<Counters>,
    nudges: broadcast::Sender<String>,
}

impl Engine {
    pub(crate) fn open(path: &Path, config: &StoreConfig) -> Result<Self, DbError> {
        let health = Arc::new(Health::default());
        let counters = Arc::new(Counters::default());
        let link = connect::writer(path, config)?;
        let lock = Arc::new(Mutex::new(Writer::new(link, Arc::clone(&health))?));
        let readers = ReadPool::open(path.to_owned(), config.clone(), Arc::clone(&counters))?;
        let (committer, orders) = mpsc::unbounded_channel();
        Committer {
            lock: Arc::clone(&lock),
            orders,
            health: Arc::clone(&health),
            counters: Arc::clone(&counters),
            checkpoint_pages: config.checkpoint_pages.max(1),
            held_back: 0,
        }
        .spawn()?;
        Ok(Engine {
            path: path.to_owned(),
            config: config.clone(),
            gate: Arc::new(Gate {
                lock,
                committer,
                counters: Arc::clone(&counters),
                group_limit: config.group_limit.max(1),
                acquire_timeout: config.acquire_timeout,
            }),
            readers: Arc::new(readers),
            health,
            counters,
            nudges: broadcast::channel(256).0,
        })
    }

    pub(crate) async fn read(&self) -> Result<ReadSession, DbError> {
        self.readers.acquire().await
    }

    pub(crate) async fn begin(&self) -> Result<WriteSession, DbError> {
        WriteSession::begin(&self.gate).await
    }

    pub(crate) async fn migrate(&self, all: &[Migration]) -> Result<Vec<String>, DbError> {
        migrate::run(&self.gate, all).await
    }

    pub(crate) async fn backup(&self, to: &Path) -> Result<(), DbError> {
        backup::run(self.path.clone(), self.config.clone(), to.to_owned()).await
    }

    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.readers.close();
        if self.gate.committer.send(Order::Close(done)).is_ok() {
            let _ = closed.await;
        }
    }

    pub(crate) fn healthy(&self) -> bool {
        !self.health.poisoned.load(Relaxed) && !self.health.closed.load(Relaxed)
    }

    pub(crate) fn metrics(&self) -> StoreMetrics {
        let (connections, connections_in_use) = self.readers.usage();
        StoreMetrics { connections, connections_in_use, ..self.counters.snapshot() }
    }

    pub(crate) fn nudge(&self, topic: &str) {
        // An error means nobody listens.
        let _ = self.nudges.send(topic.to_owned());
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<String> {
        self.nudges.subscribe()
    }
}
