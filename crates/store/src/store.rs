//! The handle of a database: opening, sessions, units, upkeep.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::config::{Database, StoreConfig};
use crate::conn::{Conn, Dialect, Session};
use crate::error::DbError;
use crate::metrics::StoreMetrics;
use crate::migration::Migration;
use crate::unit::Unit;
use crate::{pg, sqlite};

enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(pg::Engine),
}

/// A database. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

impl Store {
    /// Opens the database; a SQLite file is made when missing. Does not migrate.
    pub async fn open(config: StoreConfig) -> Result<Store, DbError> {
        let engine = match &config.database {
            Database::Sqlite { path } => Engine::Sqlite(sqlite::Engine::open(path, &config)?),
            Database::Postgres { url } => Engine::Postgres(pg::Engine::open(url, &config).await?),
        };
        Ok(Store { engine: Arc::new(engine) })
    }

    /// Applies the migrations that the database lacks, in order of their
    /// numbers, each in a transaction of its own; the labels of those applied.
    /// Nodes that do so at once wait for each other. `DbError::Migration` when
    /// an applied one was changed, or the database has one that is not given.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<Vec<String>, DbError> {
        match &*self.engine {
            Engine::Sqlite(e) => e.migrate(migrations).await,
            Engine::Postgres(e) => e.migrate(migrations).await,
        }
    }

    /// The engine.
    pub fn dialect(&self) -> Dialect {
        match &*self.engine {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A session that can only read. Callers are served in the order of asking.
    pub async fn read(&self) -> Result<Conn, DbError> {
        let session = match &*self.engine {
            Engine::Sqlite(e) => Session::SqliteRead(e.read().await?),
            Engine::Postgres(e) => Session::Postgres(e.read().await?),
        };
        Ok(Conn::new(session))
    }

    /// Begins a unit of work. On SQLite units run one at a time, in the order of
    /// asking; on PostgreSQL each is a READ COMMITTED transaction.
    pub async fn begin(&self) -> Result<Unit, DbError> {
        let session = match &*self.engine {
            Engine::Sqlite(e) => Session::SqliteWrite(e.begin().await?),
            Engine::Postgres(e) => Session::Postgres(e.begin().await?),
        };
        Ok(Unit::new(Conn::new(session)))
    }

    /// Copies a SQLite database to a new file while it serves. PostgreSQL has
    /// `pg_dump` for this; there it is an error.
    pub async fn backup(&self, to: &Path) -> Result<(), DbError> {
        match &*self.engine {
            Engine::Sqlite(e) => e.backup(to).await,
            Engine::Postgres(_) => {
                Err(DbError::Unavailable("a PostgreSQL database is backed up with pg_dump".to_owned()))
            }
        }
    }

    /// Closes after the units that asked before: what they wrote is durable, the
    /// log is copied back. Later calls are `DbError::Unavailable`.
    pub async fn close(&self) {
        match &*self.engine {
            Engine::Sqlite(e) => e.close().await,
            Engine::Postgres(e) => e.close().await,
        }
    }

    /// Whether units can be expected to succeed: SQLite's writer works;
    /// PostgreSQL could be reached at the last attempt.
    pub fn healthy(&self) -> bool {
        match &*self.engine {
            Engine::Sqlite(e) => e.healthy(),
            Engine::Postgres(e) => e.healthy(),
        }
    }

    /// The counters.
    pub fn metrics(&self) -> StoreMetrics {
        match &*self.engine {
            Engine::Sqlite(e) => e.metrics(),
            Engine::Postgres(e) => e.metrics(),
        }
    }

    /// Tells all subscribers of the topic, on this node at once and on the
    /// others soon, that there may be something new. Call it after the commit. A
    /// nudge may be lost, so subscribers look from time to time anyway. A topic
    /// is a short name without data.
    pub fn nudge(&self, topic: &str) {
        match &*self.engine {
            Engine::Sqlite(e) => e.nudge(topic),
            Engine::Postgres(e) => e.nudge(topic),
        }
    }

    /// Receives the topics of nudges from now on. `Lagged` means that some were
    /// missed: look at everything.
    pub fn subscribe(&self) -> broadcast::Receiver<String> {
        match &*self.engine {
            Engine::Sqlite(e) => e.subscribe(),
            Engine::Postgres(e) => e.subscribe(),
        }
    }
}
