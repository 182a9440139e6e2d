//! A unit of work on SQLite: a savepoint in the group's transaction.
//!
//! The trap this file exists for: on a full disk (and on some other errors)
//! SQLite rolls back the *whole* transaction, savepoints already released
//! included, and is in autocommit mode afterwards. So after every statement it
//! is looked whether the transaction still stands; when it does not, the whole
//! group is lost and nothing more is run for this unit.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;

use crate::conn::{Answer, Mode};
use crate::error::DbError;
use crate::sqlite::connect::Link;
use crate::sqlite::error::{ends_acknowledgement, of_statement, plain};
use crate::sqlite::exec::{self, Failure};
use crate::sqlite::reader::{closed, may_block};
use crate::sqlite::writer::{Gate, Group, Order, Writer};
use crate::unit::Outcome;
use crate::value::Value;

/// Holding the writer longer than this is worth a line in the log.
const LONG: Duration = Duration::from_secs(1);

pub(crate) struct WriteSession {
    gate: Arc<Gate>,
    /// The lock; gone once the unit has ended.
    guard: Option<OwnedMutexGuard<Writer>>,
    outcome: Arc<Outcome>,
    /// The first error of the unit, answered to all later calls.
    failed: Option<DbError>,
    /// The group was lost during this unit.
    lost: bool,
    began: Instant,
}

impl WriteSession {
    /// Begins a unit. Nothing is awaited after the lock is held, so giving up
    /// leaves nothing behind.
    pub(crate) async fn begin(gate: &Arc<Gate>) -> Result<Self, DbError> {
        let mut guard = gate.enter().await?;
        guard.check()?;
        let writer = &mut *guard;
        if writer.group.is_none() {
            step(&writer.link()?.conn, "BEGIN IMMEDIATE").map_err(unavailable)?;
            writer.group = Some(Group::new());
        } else if writer.link()?.conn.is_autocommit() {
            // Must not happen: a loss is noticed by the unit in which it occurs.
            writer.lose_group(DbError::Conflict);
            return Err(DbError::Conflict);
        }
        if let Err(error) = step(&writer.link()?.conn, "SAVEPOINT unit") {
            return Err(without_savepoint(writer, error));
        }
        let Some(group) = writer.group.as_ref() else {
            return Err(closed());
        };
        let outcome = Arc::clone(&group.outcome);
        gate.counters.begun.fetch_add(1, Relaxed);
        Ok(WriteSession {
            gate: Arc::clone(gate),
            guard: Some(guard),
            outcome,
            failed: None,
            lost: false,
            began: Instant::now(),
        })
    }

    pub(crate) fn outcome(&self) -> Arc<Outcome> {
        Arc::clone(&self.outcome)
    }

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
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let writer = match self.guard.as_mut() {
            Some(guard) => &mut **guard,
            None => return Err(closed()),
        };
        let link = writer.link()?;
        link.deadline.start();
        let result = call(link);
        link.deadline.stop();
        let stands = !link.conn.is_autocommit();
        match result {
            Ok(answer) if stands => Ok(answer),
            Ok(_) => {
                // A statement ended the transaction itself.
                let error = DbError::Internal("a unit must not end the transaction".to_owned());
                self.fail(error.clone(), false, false);
                Err(error)
            }
            Err(Failure::Ours(error)) => Err(error),
            Err(Failure::Sqlite(raw)) => {
                let error = of_statement(&raw, sql, &link.conn);
                if error == DbError::Interrupted {
                    self.gate.counters.interrupted.fetch_add(1, Relaxed);
                }
                self.fail(error.clone(), stands, ends_acknowledgement(&raw, false));
                Err(error)
            }
        }
    }

    fn fail(&mut self, error: DbError, stands: bool, poisons: bool) {
        if let Some(writer) = self.guard.as_deref_mut() {
            if poisons {
                writer.poison(&error);
                if stands && let Ok(link) = writer.link() {
                    let _ = link.conn.execute_batch("ROLLBACK");
                }
            }
            if !stands || poisons {
                // The others did nothing wrong and may run again.
                self.gate.counters.groups_lost.fetch_add(1, Relaxed);
                writer.lose_group(DbError::Conflict);
                self.lost = true;
            }
        }
        self.failed = Some(error);
    }

    pub(crate) async fn commit(mut self) -> Result<(), DbError> {
        let own = self.end(true);
        self.verdict(own).await
    }

    pub(crate) async fn rollback(mut self) -> Result<(), DbError> {
        let failed = self.failed.is_some();
        let own = self.end(false);
        // An error of an earlier call was answered there; the rollback did its work.
        self.verdict(if failed { Ok(()) } else { own }).await
    }

    /// The unit's own result and its group's in one. An error that was found by
    /// reading what was then lost is no error: the unit has to run again.
    async fn verdict(&self, own: Result<(), DbError>) -> Result<(), DbError> {
        let group = self.outcome.settled().await;
        match (own, group) {
            (Err(error), _) if self.lost => Err(error),
            (_, Err(error)) => Err(error),
            (own, Ok(())) => own,
        }
    }

    /// Ends the unit and frees the lock; runs to its end without waiting.
    fn end(&mut self, keep: bool) -> Result<(), DbError> {
        let Some(mut guard) = self.guard.take() else {
            return Err(closed());
        };
        let mut result = match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        };
        if !self.lost
            && let Err(error) = self.end_savepoint(&mut guard, keep && result.is_ok())
        {
            result = Err(error);
        }
        let held = self.began.elapsed();
        if held > LONG {
            tracing::warn!(millis = held.as_millis(), "a unit held the writer for long");
        }
        self.gate.counters.unit_ended(held, keep && result.is_ok());
        self.release(guard);
        result
    }

    fn end_savepoint(&mut self, writer: &mut Writer, keep: bool) -> Result<(), DbError> {
        let conn = &writer.link()?.conn;
        let ended = if keep {
            step(conn, "RELEASE unit")
        } else {
            step(conn, "ROLLBACK TO unit").and_then(|()| step(conn, "RELEASE unit"))
        };
        let Err(error) = ended else { return Ok(()) };
        // What the savepoint holds is unknown now, so the transaction cannot go on.
        let undone = conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok();
        let poisons = ends_acknowledgement(&error, false) || !undone;
        let reason = unavailable(error);
        if poisons {
            writer.poison(&reason);
        }
        self.gate.counters.groups_lost.fetch_add(1, Relaxed);
        writer.lose_group(DbError::Conflict);
        self.lost = true;
        Err(reason)
    }

    /// Hands the lock on: to the committer when the group is full, else to
    /// whoever asked first.
    fn release(&self, mut guard: OwnedMutexGuard<Writer>) {
        let Some(group) = guard.group.as_mut() else {
            return;
        };
        group.ended += 1;
        if group.ended >= self.gate.group_limit {
            if let Err(refused) = self.gate.committer.send(Order::CommitNow(guard))
                && let Order::CommitNow(mut guard) = refused.0
            {
                give_up(&mut guard);
            }
        } else if !group.announced {
            group.announced = true;
            if self.gate.committer.send(Order::Commit).is_err() {
                give_up(&mut guard);
            }
        }
    }
}

/// The unit could not begin; a group that has members goes on if it can.
fn without_savepoint(writer: &mut Writer, error: rusqlite::Error) -> DbError {
    let empty = writer.group.as_ref().is_none_or(|g| g.ended == 0);
    if let Ok(link) = writer.link() {
        let stands = !link.conn.is_autocommit();
        if stands && empty {
            let _ = link.conn.execute_batch("ROLLBACK");
        }
        if empty || !stands {
            writer.lose_group(DbError::Conflict);
        }
    }
    unavailable(error)
}

/// Without the committer nothing can become durable.
fn give_up(writer: &mut Writer) {
    let reason = DbError::Unavailable("the committer is gone".to_owned());
    if let Ok(link) = writer.link() {
        let _ = link.conn.execute_batch("ROLLBACK");
    }
    writer.poison(&reason);
    writer.lose_group(reason);
}

impl Drop for WriteSession {
    fn drop(&mut self) {
        if self.guard.is_some() {
            let _ = self.end(false);
        }
    }
}

fn step(conn: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn unavailable(error: rusqlite::Error) -> DbError {
    match plain(error) {
        e @ DbError::Unavailable(_) => e,
        other => DbError::Unavailable(other.to_string()),
    }
}
