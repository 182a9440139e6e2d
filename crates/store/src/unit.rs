//! Units of work: the only way to write, and the fate that decides when an
//! answer may leave.
//!
//! Not here: how an engine begins and ends one (`sqlite::session`,
//! `pg::session`).

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::conn::{Conn, Session};
use crate::error::DbError;

/// The end of a transaction, told to everybody who depends on it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    result: OnceLock<Result<(), DbError>>,
    told: Notify,
}

impl Outcome {
    /// Sets the result; only the first one counts.
    pub(crate) fn settle(&self, result: Result<(), DbError>) {
        if self.result.set(result).is_ok() {
            self.told.notify_waiters();
        }
    }

    pub(crate) async fn settled(&self) -> Result<(), DbError> {
        loop {
            // Made before looking, so that a result set in between still wakes it.
            let told = self.told.notified();
            if let Some(result) = self.result.get() {
                return result.clone();
            }
            told.await;
        }
    }
}

/// What becomes of the transaction a unit belongs to.
///
/// On SQLite many units share one transaction, so a unit may have seen rows of
/// another that is not durable yet. Whatever the unit led to (a change, an
/// error, a no-op), its answer may leave only when the fate is settled.
#[derive(Clone, Debug)]
pub struct Fate(pub(crate) Arc<Outcome>);

impl Fate {
    /// Resolves when the group is durable (`Ok`) or lost. `Err(Conflict)`: lost
    /// through another member, the call may be repeated. `Err(Unavailable)`: the
    /// commit failed. On PostgreSQL it is `Ok` as soon as the unit has ended,
    /// unless its commit failed.
    pub async fn settled(self) -> Result<(), DbError> {
        self.0.settled().await
    }
}

/// A unit of work. Dropping it without [`commit`](Unit::commit) undoes it; its
/// [`Fate`] must be awaited all the same before an answer leaves.
///
/// After a database error in a unit only giving it up is possible, on both
/// engines: later calls return the same error again. Await nothing but the
/// unit's own calls while holding one: on SQLite every writer waits for it, and a
/// task that begins a second unit meanwhile waits for itself.
pub struct Unit {
    conn: Conn,
}

impl Unit {
    pub(crate) fn new(conn: Conn) -> Self {
        Unit { conn }
    }

    /// Makes the unit durable, and returns when it is. An error of an earlier
    /// call of the unit is returned again (after its group's fate is known).
    /// Cancelling this future does not undo the commit.
    pub async fn commit(self) -> Result<(), DbError> {
        #[cfg(feature = "testing")]
        crate::testing::faults::strike()?;
        match self.conn.session {
            Session::SqliteWrite(session) => session.commit().await,
            Session::Postgres(session) => session.commit().await,
            Session::SqliteRead(_) => Err(not_a_unit()),
        }
    }

    /// Undoes the unit and returns when the fate of its group is known, with an
    /// error when what the unit read has been lost.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self.conn.session {
            Session::SqliteWrite(session) => session.rollback().await,
            Session::Postgres(session) => session.rollback().await,
            Session::SqliteRead(_) => Err(not_a_unit()),
        }
    }

    /// The fate of the transaction this unit belongs to.
    pub fn fate(&self) -> Fate {
        match &self.conn.session {
            Session::SqliteWrite(session) => Fate(session.outcome()),
            Session::Postgres(session) => Fate(session.outcome()),
            Session::SqliteRead(_) => {
                let outcome = Outcome::default();
                outcome.settle(Ok(()));
                Fate(Arc::new(outcome))
            }
        }
    }
}

// `Unit` is only made around writing sessions; this keeps the match total.
fn not_a_unit() -> DbError {
    DbError::Internal("a read session cannot commit".to_owned())
}

impl Deref for Unit {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Unit {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
