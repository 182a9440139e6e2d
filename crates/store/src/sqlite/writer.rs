//! The one writing connection, the open group on it and the lock around it.
//!
//! Units of work queue for the lock; all that ended between two commits form a
//! group and become durable by one COMMIT, which the committer issues
//! (`sqlite::committer`). Not here: what a unit does (`sqlite::session`).

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use crate::error::DbError;
use crate::metrics::Counters;
use crate::sqlite::connect::Link;
use crate::sqlite::reader::closed;
use crate::unit::Outcome;

/// What the lock protects. Statements go through `link`; nobody else writes.
pub(crate) struct Writer {
    // `None` once closed. The inner mutex is never contended; it makes the
    // guard shareable by reference.
    link: Option<Mutex<Link>>,
    pub group: Option<Group>,
    /// Why nothing may be acknowledged any more.
    poison: Option<String>,
    health: Arc<Health>,
}

/// The state of the writer that can be seen without its lock.
#[derive(Default)]
pub(crate) struct Health {
    pub poisoned: AtomicBool,
    pub closed: AtomicBool,
    /// Pages in the write-ahead log after the last commit.
    pub log_pages: AtomicU32,
}

/// The units sharing the transaction that is open now.
pub(crate) struct Group {
    pub outcome: Arc<Outcome>,
    /// Units that have ended, in whatever way.
    pub ended: usize,
    /// Whether the committer knows of the group.
    pub announced: bool,
}

impl Group {
    pub(crate) fn new() -> Self {
        Group { outcome: Arc::new(Outcome::default()), ended: 0, announced: false }
    }
}

impl Drop for Group {
    // Nobody waits for ever, whatever went wrong; no effect on a settled group.
    fn drop(&mut self) {
        self.outcome.settle(Err(DbError::Unavailable("the group of units was given up".to_owned())));
    }
}

impl Writer {
    pub(crate) fn new(mut link: Link, health: Arc<Health>) -> Result<Self, DbError> {
        let seen = Arc::clone(&health);
        // Replaces SQLite's own checkpoint inside COMMIT, which hides its errors.
        link.conn
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                let pages = u32::try_from(pages).unwrap_or(0);
                seen.log_pages.store(pages, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            }))
            .map_err(crate::sqlite::error::plain)?;
        Ok(Writer { link: Some(Mutex::new(link)), group: None, poison: None, health })
    }

    /// The connection, unless closed.
    pub(crate) fn link(&mut self) -> Result<&mut Link, DbError> {
        match self.link.as_mut() {
            Some(link) => Ok(link.get_mut().unwrap_or_else(PoisonError::into_inner)),
            None => Err(closed()),
        }
    }

    /// Whether units may begin.
    pub(crate) fn check(&self) -> Result<(), DbError> {
        match &self.poison {
            Some(reason) => Err(DbError::Unavailable(reason.clone())),
            None => Ok(()),
        }
    }

    /// Stops writing for good: what the disk holds is no longer known. A restart
    /// reads it anew.
    pub(crate) fn poison(&mut self, reason: &DbError) {
        if self.poison.is_some() {
            return;
        }
        tracing::error!(%reason, "writing stopped until restart: the disk failed to keep a commit");
        self.poison = Some(format!("writing stopped until restart after: {reason}"));
        self.health.poisoned.store(true, std::sync::atomic::Ordering::Relaxed);
        // Closing must not copy pages of doubtful durability into the file.
        if let Ok(link) = self.link() {
            let _ = link.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// Gives up the open group. Its members hear `verdict`.
    pub(crate) fn lose_group(&mut self, verdict: DbError) {
        if let Some(group) = self.group.take() {
            tracing::warn!(units = group.ended, %verdict, "a group of units was lost");
            group.outcome.settle(Err(verdict));
        }
    }

    pub(crate) fn close(&mut self) {
        self.health.closed.store(true, std::sync::atomic::Ordering::Relaxed);
        self.link = None;
    }
}

/// The lock with everything around it that units need.
pub(crate) struct Gate {
    pub lock: Arc<tokio::sync::Mutex<Writer>>,
    pub committer: mpsc::UnboundedSender<Order>,
    pub counters: Arc<Counters>,
    pub group_limit: usize,
    pub acquire_timeout: std::time::Duration,
}

/// What the committer is told.
pub(crate) enum Order {
    /// A group exists: queue for the lock and commit it.
    Commit,
    /// The group is full: commit it now; the lock comes along.
    CommitNow(OwnedMutexGuard<Writer>),
    /// Commit what is open, copy the log back, close.
    Close(oneshot::Sender<()>),
}

impl Gate {
    /// The lock, in the order of asking.
    pub(crate) async fn enter(&self) -> Result<OwnedMutexGuard<Writer>, DbError> {
        if let Ok(guard) = Arc::clone(&self.lock).try_lock_owned() {
            return Ok(guard);
        }
        let waiting = Arc::clone(&self.lock).lock_owned();
        tokio::time::timeout(self.acquire_timeout, waiting)
            .await
            .map_err(|_| DbError::Unavailable("the writer did not become free in time".to_owned()))
    }
}
