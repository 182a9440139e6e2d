//! Opening SQLite connections: settings, the `fold` function, time limits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value as Raw, ValueRef};
use rusqlite::{Connection, OpenFlags};

use crate::config::StoreConfig;
use crate::error::DbError;
use crate::metrics::nanos;
use crate::sqlite::error::plain;

/// How long to wait for a lock held by another process (a backup tool, a shell).
pub(crate) const BUSY: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock; well under a millisecond.
const STEPS: i32 = 4000;
/// Prepared statements kept by each connection, the latest used.
const STATEMENTS: usize = 200;
/// The log is cut back to this after a long reader let it grow.
const LOG_LIMIT: u64 = 64 * 1024 * 1024;

/// The moment at which a connection's running statement is ended.
#[derive(Debug)]
pub(crate) struct Deadline {
    base: Instant,
    at: AtomicU64,
    limit: Duration,
}

impl Deadline {
    fn new(limit: Duration) -> Self {
        Deadline { base: Instant::now(), at: AtomicU64::new(u64::MAX), limit }
    }

    /// Starts the limit for one statement.
    pub(crate) fn start(&self) {
        if !self.limit.is_zero() {
            let at = self.base.elapsed().saturating_add(self.limit);
            self.at.store(nanos(at), Relaxed);
        }
    }

    pub(crate) fn stop(&self) {
        self.at.store(u64::MAX, Relaxed);
    }

    fn passed(&self) -> bool {
        let at = self.at.load(Relaxed);
        at != u64::MAX && nanos(self.base.elapsed()) >= at
    }
}

/// A connection with its time limit.
pub(crate) struct Link {
    pub conn: Connection,
    pub deadline: Arc<Deadline>,
}

/// The connection that writes. Makes the file when missing.
pub(crate) fn writer(path: &Path, config: &StoreConfig) -> Result<Link, DbError> {
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let link = open(path, flags, config)?;
    let conn = &link.conn;
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(plain)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(DbError::Unavailable(format!(
            "the file system of the database does not allow a write-ahead log (mode {mode})"
        )));
    }
    for (name, value) in [
        ("synchronous", "FULL".to_owned()),
        ("fullfsync", "ON".to_owned()),
        ("checkpoint_fullfsync", "ON".to_owned()),
        ("foreign_keys", "ON".to_owned()),
        ("journal_size_limit", LOG_LIMIT.to_string()),
    ] {
        pragma(conn, name, &value)?;
    }
    Ok(link)
}

/// A connection that can only read.
pub(crate) fn reader(path: &Path, config: &StoreConfig) -> Result<Link, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let link = open(path, flags, config)?;
    pragma(&link.conn, "query_only", "ON")?;
    Ok(link)
}

fn open(path: &Path, flags: OpenFlags, config: &StoreConfig) -> Result<Link, DbError> {
    let mut conn = Connection::open_with_flags(path, flags).map_err(plain)?;
    conn.busy_timeout(BUSY).map_err(plain)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this a statement on a table with partial indexes is compiled again at every run, because the values
    // bound to it could decide which of them apply. That was a third of the processor time of a claim.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(plain)?;
    for (name, value) in [
        // Schema text cannot call functions that are not declared harmless.
        ("trusted_schema", "OFF".to_owned()),
        // A full disk must not stop a rollback that needs a temporary file.
        ("temp_store", "MEMORY".to_owned()),
        ("cache_size", format!("-{}", config.cache_kib.max(64))),
        ("mmap_size", config.mmap_bytes.to_string()),
    ] {
        pragma(&conn, name, &value)?;
    }
    conn.create_scalar_function(
        "fold",
        1,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS,
        |ctx| {
            Ok(match ctx.get_raw(0) {
                ValueRef::Text(bytes) => {
                    let text = String::from_utf8_lossy(bytes);
                    Raw::Text(crate::fold(&text))
                }
                other => Raw::try_from(other)?,
            })
        },
    )
    .map_err(plain)?;
    let deadline = Arc::new(Deadline::new(config.statement_timeout));
    let watched = Arc::clone(&deadline);
    conn.progress_handler(STEPS, Some(move || watched.passed())).map_err(plain)?;
    Ok(Link { conn, deadline })
}

fn pragma(conn: &Connection, name: &str, value: &str) -> Result<(), DbError> {
    // Some answer with a row and some do not; a batch takes both.
    conn.execute_batch(&format!("PRAGMA {name}={value}")).map_err(plain)
}

/// The file holds sealed secrets and personal data: nobody else reads it.
pub(crate) fn create_private(path: &Path) -> Result<(), DbError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(DbError::Unavailable(format!("{}: {e}", path.to_string_lossy()))),
    }
}
