//! SQL by hand over the database of a running server: one prepared statement, every column of every row read.

use crate::cluster::connect;
use crate::product::Settings;
use crate::stage::database_file;
use anyhow::Result;
use bandmaster_store::fold;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::time::{Duration, Instant};

/// A statement on one of the two databases.
pub enum Hand {
    /// The server's file, opened for reading.
    Sqlite(Box<Connection>, String),
    /// A connection and the prepared statement.
    Postgres(tokio_postgres::Client, Box<tokio_postgres::Statement>),
}

impl Hand {
    /// Connects to the database of a running server, and prepares.
    pub async fn open(settings: &Settings, sql: &str) -> Result<Hand> {
        if let Some(url) = &settings.database {
            let client = connect(url).await?;
            let prepared = client.prepare(sql).await?;
            return Ok(Hand::Postgres(client, Box::new(prepared)));
        }
        let conn = Connection::open_with_flags(database_file(settings), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
        conn.create_scalar_function("fold", 1, flags, |c| Ok(fold(&c.get::<String>(0)?)))?;
        conn.execute_batch("PRAGMA cache_size=-4096")?;
        Ok(Hand::Sqlite(Box::new(conn), sql.to_owned()))
    }

    /// Runs it once; how many rows there were, and how long it took.
    pub async fn read(&self) -> Result<(usize, Duration)> {
        let begun = Instant::now();
        let rows = match self {
            Hand::Sqlite(conn, sql) => {
                let mut statement = conn.prepare_cached(sql)?;
                let width = statement.column_count();
                let rows = statement.query_map([], |row| (0..width).map(|i| row.get::<_, Value>(i)).collect())?;
                rows.collect::<Result<Vec<Vec<Value>>, _>>()?.len()
            }
            Hand::Postgres(client, prepared) => client.query(prepared.as_ref(), &[]).await?.len(),
        };
        Ok((rows, begun.elapsed()))
    }
}
