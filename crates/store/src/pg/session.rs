//! Sessions on PostgreSQL: a pooled connection, in a transaction for units.
//!
//! A connection goes back to the pool only outside a transaction and with no
//! statement under way; anything else is cleaned up in the background or the
//! connection is closed. Not here: sending statements (`pg::send`).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio_postgres::Error;

use crate::conn::{Answer, Mode};
use crate::error::DbError;
use crate::pg::error::{is_stale_plan, of_statement, plain};
use crate::pg::{Shared, send};
use crate::sqlite::reader::closed;
use crate::unit::Outcome;
use crate::value::Value;

pub(crate) struct PgSession {
    shared: Arc<Shared>,
    /// Gone once the session has ended.
    client: Option<Object>,
    /// Whether this is a unit; it has a transaction, once `opening` is over.
    unit: bool,
    /// The unit's BEGIN goes with its first statement.
    opening: bool,
    /// A call was begun and its end not seen: its future was dropped.
    under_way: bool,
    outcome: Arc<Outcome>,
    /// The first error of the unit, answered to all later calls.
    failed: Option<DbError>,
    began: Instant,
}

impl PgSession {
    fn new(shared: &Arc<Shared>, client: Object, unit: bool) -> Self {
        PgSession {
            shared: Arc::clone(shared),
            client: Some(client),
            unit,
            opening: unit,
            under_way: false,
            outcome: Arc::new(Outcome::default()),
            failed: None,
            began: Instant::now(),
        }
    }

    pub(crate) async fn read(shared: &Arc<Shared>) -> Result<Self, DbError> {
        Ok(PgSession::new(shared, shared.acquire().await?, false))
    }

    pub(crate) async fn begin(shared: &Arc<Shared>) -> Result<Self, DbError> {
        let client = shared.acquire().await?;
        shared.counters.begun.fetch_add(1, Relaxed);
        Ok(PgSession::new(shared, client, true))
    }

    pub(crate) fn outcome(&self) -> Arc<Outcome> {
        Arc::clone(&self.outcome)
    }

    pub(crate) async fn run(&mut self, sql: &str, params: &[Value], mode: Mode) -> Result<Answer, DbError> {
        let fixed = mode == Mode::Fixed && self.shared.keeps(sql);
        // After a restart of the server every pooled connection may be dead.
        let mut tries = self.shared.pool_size + 1;
        loop {
            self.ready().await?;
            self.under_way = true;
            let result = match &self.client {
                Some(client) => {
                    let work = send::one(client, sql, params, fixed);
                    send::opened(client, self.opening, work).await
                }
                None => return Err(closed()),
            };
            self.under_way = false;
            match result {
                Err(error) if tries > 0 && self.renew(&error) => tries -= 1,
                result => {
                    self.opening = false;
                    return result.map_err(|error| self.fail(&error, sql));
                }
            }
        }
    }

    pub(crate) async fn run_many(&mut self, sql: &str, rows: &[Vec<Value>]) -> Result<u64, DbError> {
        let mut tries = self.shared.pool_size + 1;
        loop {
            self.ready().await?;
            self.under_way = true;
            let result = match &self.client {
                Some(client) => {
                    let work = send::many(client, sql, rows);
                    send::opened(client, self.opening, work).await
                }
                None => return Err(closed()),
            };
            self.under_way = false;
            match result {
                Err(error) if tries > 0 && self.renew(&error) => tries -= 1,
                result => {
                    self.opening = false;
                    return result.map_err(|error| self.fail(&error, sql));
                }
            }
        }
    }

    /// Makes sure that a statement can be sent.
    async fn ready(&mut self) -> Result<(), DbError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.under_way && self.unit {
            // Its effect is unknown, so the unit cannot go on.
            let error = DbError::Internal("an earlier call of the unit was given up".to_owned());
            self.failed = Some(error.clone());
            return Err(error);
        }
        if self.under_way {
            self.abandon();
        }
        if self.client.is_none() && (!self.unit || self.opening) {
            self.client = Some(self.shared.acquire().await?);
        }
        Ok(())
    }

    /// After an error: whether a second try makes sense. It does for reads, and
    /// for the first statement of a unit when the connection is dead: whatever
    /// that did was never committed.
    fn renew(&mut self, error: &Error) -> bool {
        if self.unit && !self.opening {
            return false;
        }
        if is_dead(self.client.as_ref(), error) {
            if let Some(client) = self.client.take() {
                drop(Object::take(client));
            }
            return true;
        }
        if !self.unit && is_stale_plan(error) {
            self.forget_plans();
            return true;
        }
        false
    }

    fn forget_plans(&self) {
        if let Some(client) = &self.client {
            client.statement_cache.clear();
        }
    }

    fn fail(&mut self, raw: &Error, sql: &str) -> DbError {
        if is_stale_plan(raw) {
            self.forget_plans();
        }
        let error = of_statement(raw, sql);
        if error == DbError::Interrupted {
            self.shared.counters.interrupted.fetch_add(1, Relaxed);
        }
        // What was refused before it was sent leaves the transaction as it was.
        let harmed = raw.as_db_error().is_some() || matches!(error, DbError::Unavailable(_));
        if self.unit && harmed {
            self.failed = Some(error.clone());
        }
        error
    }

    /// Runs to its end though the caller leaves: a task of its own.
    pub(crate) async fn commit(self) -> Result<(), DbError> {
        tokio::spawn(self.end(true)).await.map_err(|e| DbError::Internal(format!("commit: {e}")))?
    }

    pub(crate) async fn rollback(self) -> Result<(), DbError> {
        tokio::spawn(self.end(false)).await.map_err(|e| DbError::Internal(format!("rollback: {e}")))?
    }

    async fn end(mut self, keep: bool) -> Result<(), DbError> {
        if self.under_way && self.failed.is_none() {
            self.failed = Some(DbError::Internal("an earlier call of the unit was given up".to_owned()));
        }
        let keep_it = keep && self.failed.is_none();
        if self.opening && !self.under_way {
            // Nothing was sent, so nothing is to be ended.
            self.unit = false;
            self.count(keep_it);
            self.outcome.settle(Ok(()));
            return if keep { self.answer() } else { Ok(()) };
        }
        if self.under_way || (!keep_it && self.is_broken()) {
            self.count(false);
            self.abandon();
            self.outcome.settle(Ok(()));
            return if keep { self.answer() } else { Ok(()) };
        }
        let start = Instant::now();
        self.under_way = true;
        let result = match &self.client {
            Some(client) if keep_it => client.batch_execute("COMMIT").await,
            Some(client) => client.batch_execute("ROLLBACK").await,
            None => return Err(closed()),
        };
        self.under_way = false;
        self.unit = false;
        self.count(keep_it && result.is_ok());
        if keep_it {
            let took = start.elapsed();
            self.shared.counters.group_ended(1, took, result.is_ok());
        }
        if result.is_err() {
            self.discard();
        }
        match result {
            Err(error) if keep_it => {
                let error = plain(&error);
                self.outcome.settle(Err(error.clone()));
                Err(error)
            }
            // An undone unit is undone, also when the connection broke.
            _ => {
                self.outcome.settle(Ok(()));
                if keep { self.answer() } else { Ok(()) }
            }
        }
    }

    fn answer(&self) -> Result<(), DbError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn count(&self, committed: bool) {
        let held = self.began.elapsed();
        self.shared.counters.unit_ended(held, committed);
    }

    fn is_broken(&self) -> bool {
        self.client.as_ref().is_none_or(|c| c.is_closed())
    }

    /// Takes the connection out of the pool; closing it ends its transaction.
    fn discard(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
        self.unit = false;
        self.under_way = false;
    }

    /// Ends a statement nobody waits for, and the connection with it.
    fn abandon(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        self.under_way = false;
        let client = Object::take(client);
        let token = client.cancel_token();
        let tls = self.shared.tls.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let cancelled = token.cancel_query(tls);
                // The server ends it at its own time limit otherwise.
                let _ = tokio::time::timeout(Duration::from_secs(5), cancelled).await;
                drop(client);
            });
        }
    }

    /// Undoes a unit that was dropped, then gives the connection back.
    fn undo_later(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(client));
            return;
        };
        runtime.spawn(async move {
            let undo = client.batch_execute("ROLLBACK");
            let undone = tokio::time::timeout(Duration::from_secs(5), undo).await;
            if !matches!(undone, Ok(Ok(()))) {
                drop(Object::take(client));
            }
        });
    }
}

/// Whether the connection is gone. The server tells it by an error of class 57
/// before the driver sees the connection close.
fn is_dead(client: Option<&Object>, error: &Error) -> bool {
    let code = error.code().map_or("", |c| c.code());
    client.is_none_or(|c| c.is_closed())
        || (code.starts_with("57P") || code.starts_with("08"))
        || error.is_closed()
        || (error.code().is_none() && matches!(plain(error), DbError::Unavailable(_)))
}

impl Drop for PgSession {
    fn drop(&mut self) {
        if self.client.is_none() {
            self.outcome.settle(Ok(()));
            return;
        }
        if self.under_way {
            if self.unit {
                self.count(false);
            }
            self.abandon();
        } else if self.unit {
            self.count(false);
            if !self.opening {
                self.undo_later();
            }
        }
        // Of a commit that was sent and not heard of, `end` has told already.
        self.outcome.settle(Ok(()));
    }
}
