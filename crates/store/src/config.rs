//! Settings of the store.

use std::path::PathBuf;
use std::time::Duration;

/// Which database serves.
#[derive(Clone)]
pub enum Database {
    /// One SQLite file, made when missing. Only one process may write to it.
    Sqlite {
        /// The file; `-wal` and `-shm` files appear beside it.
        path: PathBuf,
    },
    /// A PostgreSQL database (15 or later, encoding UTF-8).
    Postgres {
        /// `postgres://user:password@host/name?sslmode=…&sslrootcert=…`
        url: String,
    },
}

impl std::fmt::Debug for Database {
    // The address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Database::Sqlite { path } => f.debug_struct("Sqlite").field("path", path).finish(),
            Database::Postgres { .. } => f.write_str("Postgres"),
        }
    }
}

/// How to open a [`Store`](crate::Store).
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The database.
    pub database: Database,
    /// SQLite: number of connections for reading (at least 1).
    pub read_connections: usize,
    /// Limit for one statement; beyond it the statement ends as
    /// `DbError::Interrupted`. Zero means none. Migrations have none.
    pub statement_timeout: Duration,
    /// PostgreSQL: most connections in the pool (at least 1). One more is used for nudges.
    pub pool_size: usize,
    /// How long a caller waits for a connection before `DbError::Unavailable`.
    pub acquire_timeout: Duration,
    /// SQLite: page cache of each connection in KiB.
    pub cache_kib: u32,
    /// SQLite: bytes of the file mapped into memory by each connection; 0 for none.
    pub mmap_bytes: u64,
    /// SQLite: most units of work in one commit. More callers than this wait for the next one.
    pub group_limit: usize,
    /// SQLite: pages (4 KiB) in the write-ahead log at which it is copied back
    /// into the database file.
    pub checkpoint_pages: u32,
}

impl StoreConfig {
    /// The defaults with the given SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        StoreConfig { database: Database::Sqlite { path: path.into() }, ..StoreConfig::default() }
    }

    /// The defaults with the given PostgreSQL address.
    pub fn postgres(url: impl Into<String>) -> Self {
        StoreConfig { database: Database::Postgres { url: url.into() }, ..StoreConfig::default() }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            database: Database::Sqlite { path: PathBuf::from("bandmaster.db") },
            read_connections: 4,
            statement_timeout: Duration::from_secs(30),
            pool_size: 16,
            acquire_timeout: Duration::from_secs(30),
            cache_kib: 4096,
            mmap_bytes: 0,
            group_limit: 256,
            checkpoint_pages: 1000,
        }
    }
}
