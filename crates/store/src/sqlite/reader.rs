//! The read-only connections of a SQLite store, shared fairly.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::StoreConfig;
use crate::conn::{Answer, Mode};
use crate::error::DbError;
use crate::metrics::Counters;
use crate::sqlite::connect::{self, Link};
use crate::sqlite::error::of_statement;
use crate::sqlite::exec::{self, Failure};
use crate::value::Value;

pub(crate) struct ReadPool {
    path: PathBuf,
    config: StoreConfig,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Link>>,
    closed: AtomicBool,
    counters: Arc<Counters>,
}

impl ReadPool {
    /// Opens the first connection, so that a file that cannot be read shows at
    /// once; the others are opened when needed.
    pub(crate) fn open(path: PathBuf, config: StoreConfig, counters: Arc<Counters>) -> Result<Self, DbError> {
        let first = connect::reader(&path, &config)?;
        Ok(ReadPool {
            permits: Arc::new(Semaphore::new(config.read_connections.max(1))),
            path,
            config,
            idle: Mutex::new(vec![first]),
            closed: AtomicBool::new(false),
            counters,
        })
    }

    /// A session, in the order of asking. A caller who gives up waiting leaves
    /// nothing behind.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<ReadSession, DbError> {
        let waiting = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(self.config.acquire_timeout, waiting)
            .await
            .map_err(|_| DbError::Unavailable("no connection for reading is free".to_owned()))?
            .map_err(|_| closed())?;
        let idle = self.lock().pop();
        let link = match idle {
            Some(link) => link,
            None => connect::reader(&self.path, &self.config)?,
        };
        self.counters.reads.fetch_add(1, Relaxed);
        Ok(ReadSession { link: Some(Mutex::new(link)), pool: Arc::clone(self), _permit: permit })
    }

    /// Closes the idle connections; those in use close when given back.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.permits.close();
        self.lock().clear();
    }

    /// Connections open and in use.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let idle = self.lock().len() as u64;
        let total = self.config.read_connections.max(1);
        let busy = total.saturating_sub(self.permits.available_permits()) as u64;
        (idle + busy, busy)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn closed() -> DbError {
    DbError::Unavailable("the store is closed".to_owned())
}

pub(crate) struct ReadSession {
    // The mutex is never contended; it makes the session shareable by reference.
    link: Option<Mutex<Link>>,
    pool: Arc<ReadPool>,
    _permit: OwnedSemaphorePermit,
}

impl ReadSession {
    pub(crate) fn run(&mut self, sql: &str, params: &[Value], mode: Mode) -> Result<Answer, DbError> {
        if mode == Mode::Long && may_block() {
            return tokio::task::block_in_place(|| self.limited(sql, |l| exec::run(&l.conn, sql, params)));
        }
        self.limited(sql, |l| exec::run(&l.conn, sql, params))
    }

    pub(crate) fn run_many(&mut self, sql: &str, rows: &[Vec<Value>]) -> Result<u64, DbError> {
        self.limited(sql, |l| exec::run_many(&l.conn, sql, rows))
    }

    fn limited<T>(&mut self, sql: &str, call: impl FnOnce(&Link) -> Result<T, Failure>) -> Result<T, DbError> {
        let Some(link) = self.link.as_mut() else {
            return Err(closed());
        };
        let link = link.get_mut().unwrap_or_else(PoisonError::into_inner);
        link.deadline.start();
        let result = call(link);
        link.deadline.stop();
        result.map_err(|failure| {
            let error = match failure {
                Failure::Ours(e) => e,
                Failure::Sqlite(e) => of_statement(&e, sql, &link.conn),
            };
            if error == DbError::Interrupted {
                self.pool.counters.interrupted.fetch_add(1, Relaxed);
            }
            error
        })
    }
}

impl Drop for ReadSession {
    fn drop(&mut self) {
        // The permit is released after this, so the next holder finds the connection.
        if let Some(link) = self.link.take()
            && !self.pool.closed.load(Relaxed)
        {
            let link = link.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.pool.lock().push(link);
        }
    }
}

/// Whether the thread may tell the runtime that it will be busy.
pub(crate) fn may_block() -> bool {
    Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread)
}
