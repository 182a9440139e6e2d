//! Whether anything has happened that can make a verified credential void. A number in the database rises with every
//! such change. A SQLite database has one server, which hears of its own changes at once, because the unit of work that
//! raises the number nudges [`TOPIC`]. On PostgreSQL another node may have made the change a moment ago, so there the
//! number is read for every request: one row by its key, out of memory.

use crate::BoxFuture;
use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_store::{DbError, Dialect, Joint, Store, params};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

/// Nudged after every such change.
pub const TOPIC: &str = "identity.credentials";

/// How old the known number may be on SQLite: the longest that a change by somebody else than the server goes unnoticed.
const AGE: Micros = SECOND;

/// Records in the unit that credentials may have become void.
pub async fn raise(unit: &mut Unit) -> Result<()> {
    unit.execute("UPDATE credential_version SET value = value + 1 WHERE id = 1", params![]).await?;
    unit.nudge(TOPIC);
    Ok(())
}

/// The number as this node knows it.
#[derive(Default)]
pub(crate) struct Watch {
    known: Mutex<Known>,
    reading: Joint<i64>,
}

#[derive(Default)]
struct Known {
    nudged: Option<BoxFuture<'static, bool>>,
    changes: u64,
    value: i64,
    read_at: Option<Micros>,
}

impl Known {
    /// Looks whether there was a nudge since the last look, without waiting.
    fn look(&mut self, app: &App) {
        let heard = match &mut self.nudged {
            None => true,
            Some(nudged) => nudged.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready(),
        };
        if heard {
            self.nudged = Some(Box::pin(app.nudges.waiter(TOPIC).wait(Duration::MAX)));
            self.changes += 1;
            self.read_at = None;
        }
    }
}

impl Watch {
    /// The number as it is; on SQLite as it was at most a second ago and unchanged by the server since.
    pub(crate) async fn current(&self, app: &App) -> Result<i64> {
        if app.store.dialect() == Dialect::Postgres {
            return self.now(app).await;
        }
        let now = app.clock.now();
        let changes = {
            let mut known = self.known();
            known.look(app);
            if known.read_at.is_some_and(|at| at <= now && now - at < AGE) {
                return Ok(known.value);
            }
            known.changes
        };
        let value = self.now(app).await?;
        let mut known = self.known();
        // What was read before a nudge is old after it.
        if known.changes == changes {
            known.value = value;
            known.read_at = Some(now);
        }
        Ok(value)
    }

    /// The number as it is, whoever raised it: what must hold at once on every node asks this.
    pub(crate) async fn now(&self, app: &App) -> Result<i64> {
        Ok(match app.store.dialect() {
            // Reading is cheaper there than waiting for others.
            Dialect::Sqlite => value(app.store.clone()).await?,
            Dialect::Postgres => {
                let store = app.store.clone();
                self.reading.read(move || value(store.clone())).await?
            }
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn value(store: Store) -> Result<i64, DbError> {
    let mut conn = store.read().await?;
    conn.query_one("SELECT value FROM credential_version WHERE id = 1", params![]).await?.get(0)
}
