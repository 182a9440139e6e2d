//! The thread that commits groups. No caller's cancellation can reach it, and
//! the wait for the disk blocks no async thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rusqlite::ffi;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

use crate::error::DbError;
use crate::metrics::Counters;
use crate::sqlite::connect::BUSY;
use crate::sqlite::error::{ends_acknowledgement, plain};
use crate::sqlite::writer::{Health, Order, Writer};

pub(crate) struct Committer {
    pub lock: Arc<Mutex<Writer>>,
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub health: Arc<Health>,
    pub counters: Arc<Counters>,
    pub checkpoint_pages: u32,
    /// Pages in the log when it was last copied back and could not begin anew.
    pub held_back: u32,
}

/// A log so many times longer than it should be is worth making readers wait.
const TOO_LONG: u32 = 8;
/// How long it may wait for readers to leave the log.
const READERS: Duration = Duration::from_millis(100);

impl Committer {
    /// Starts the thread; it ends when the last handle of the store is gone.
    pub(crate) fn spawn(self) -> Result<(), DbError> {
        let failed = |e: std::io::Error| DbError::Unavailable(format!("committer thread: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(failed)?;
        std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || runtime.block_on(self.serve()))
            .map_err(failed)?;
        Ok(())
    }

    async fn serve(mut self) {
        while let Some(order) = self.orders.recv().await {
            let mut close = None;
            let mut guard = match order {
                Order::CommitNow(guard) => guard,
                Order::Commit => self.turn(&mut close).await,
                Order::Close(done) => {
                    close = Some(done);
                    Arc::clone(&self.lock).lock_owned().await
                }
            };
            self.commit(&mut guard);
            if close.is_some() {
                self.close(&mut guard);
            }
            drop(guard);
            if let Some(done) = close {
                let _ = done.send(());
            }
        }
    }

    /// Waits for the lock behind all units that asked before, so that they join
    /// the group; or takes the lock that the unit filling the group hands over.
    async fn turn(&mut self, close: &mut Option<tokio::sync::oneshot::Sender<()>>) -> OwnedMutexGuard<Writer> {
        let turn = Arc::clone(&self.lock).lock_owned();
        tokio::pin!(turn);
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::CommitNow(guard)) => return guard,
                    // Another group after a lost one: this turn will do.
                    Some(Order::Commit) => {}
                    Some(Order::Close(done)) => *close = Some(done),
                    None => return turn.await,
                },
                guard = &mut turn => return guard,
            }
        }
    }

    fn commit(&mut self, writer: &mut Writer) {
        let Some(group) = writer.group.take() else {
            return;
        };
        let units = group.ended as u64;
        let start = Instant::now();
        let result = self.issue_commit(writer);
        self.counters.group_ended(units, start.elapsed(), result.is_ok());
        if let Err(reason) = &result {
            tracing::error!(units, %reason, "a commit failed");
        }
        group.outcome.settle(result);
        self.checkpoint_if_due(writer);
    }

    fn issue_commit(&self, writer: &mut Writer) -> Result<(), DbError> {
        let link = writer.link()?;
        let Err(error) = link.conn.execute_batch("COMMIT") else {
            return Ok(());
        };
        let poisons = ends_acknowledgement(&error, true);
        let undone = link.conn.is_autocommit() || link.conn.execute_batch("ROLLBACK").is_ok();
        let reason = match plain(error) {
            e @ DbError::Unavailable(_) => e,
            other => DbError::Unavailable(other.to_string()),
        };
        if poisons || !undone {
            writer.poison(&reason);
        }
        Err(reason)
    }

    /// Copies the log into the file when it has grown. Done between two groups,
    /// because only then the whole log can be copied and begun anew, which bounds
    /// it. Readers in the log only put that off, until it is much too long.
    fn checkpoint_if_due(&mut self, writer: &mut Writer) {
        let pages = self.health.log_pages.load(Relaxed);
        if pages < self.held_back {
            self.held_back = 0;
        }
        if pages < self.held_back.saturating_add(self.checkpoint_pages) || writer.is_poisoned() {
            return;
        }
        if pages < self.checkpoint_pages.saturating_mul(TOO_LONG) {
            self.checkpoint(writer, "PASSIVE");
        } else {
            set_patience(writer, READERS);
            self.checkpoint(writer, "RESTART");
            set_patience(writer, BUSY);
        }
        self.held_back = pages;
    }

    fn checkpoint(&self, writer: &mut Writer, mode: &str) {
        let Ok(link) = writer.link() else { return };
        self.counters.checkpoints.fetch_add(1, Relaxed);
        let result = link.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        let Err(error) = result else { return };
        let fatal = error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_FSYNC);
        let reason = plain(error);
        tracing::warn!(%reason, "the write-ahead log could not be copied back");
        if fatal {
            writer.poison(&reason);
        }
    }

    fn close(&self, writer: &mut Writer) {
        if !writer.is_poisoned() {
            if let Ok(link) = writer.link() {
                let _ = link.conn.execute_batch("PRAGMA optimize");
            }
            self.checkpoint(writer, "TRUNCATE");
        }
        writer.close();
    }
}

fn set_patience(writer: &mut Writer, patience: Duration) {
    if let Ok(link) = writer.link() {
        let _ = link.conn.busy_timeout(patience);
    }
}
