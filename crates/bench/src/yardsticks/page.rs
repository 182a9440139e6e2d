//! The page of queue items by hand: one statement with a join, every column read.

use crate::cluster::connect;
use anyhow::Result;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How the page is ordered.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// By id, downwards.
    Id,
    /// By the time of creation, downwards, which has no index of its own.
    Created,
}

impl Order {
    fn sql(self) -> &'static str {
        match self {
            Order::Id => "i.id DESC",
            Order::Created => "i.created_at DESC, i.id",
        }
    }

    /// As a client asks for it.
    pub fn odata(self) -> &'static str {
        match self {
            Order::Id => "Id desc",
            Order::Created => "CreationTime desc",
        }
    }
}

fn statement(queue: i64, order: Order) -> String {
    format!(
        "SELECT i.*, q.* FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_id \
         WHERE i.tenant_id = 1 AND i.queue_id = {queue} AND i.status = 0 AND i.priority = 0 ORDER BY {} LIMIT 100",
        order.sql()
    )
}

/// The page out of one of the two databases.
pub enum Hand {
    /// The server's file, opened for reading.
    Sqlite(Box<Connection>, String),
    /// A connection and the prepared statement.
    Postgres(tokio_postgres::Client, Box<tokio_postgres::Statement>),
}

impl Hand {
    /// Opens the file of a running server.
    pub fn sqlite(file: &Path, queue: i64, order: Order) -> Result<Hand> {
        let conn = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.execute_batch("PRAGMA cache_size=-4096")?;
        Ok(Hand::Sqlite(Box::new(conn), statement(queue, order)))
    }

    /// Connects to the database of a running server.
    pub async fn postgres(url: &str, queue: i64, order: Order) -> Result<Hand> {
        let client = connect(url).await?;
        let prepared = client.prepare(&statement(queue, order)).await?;
        Ok(Hand::Postgres(client, Box::new(prepared)))
    }

    /// Reads the page once; how many rows, and how long it took.
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
