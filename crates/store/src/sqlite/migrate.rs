//! Running migrations on SQLite.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;

use crate::conn::Dialect;
use crate::error::DbError;
use crate::migration::{APPLIED, Applied, Migration, TABLE, pending};
use crate::sqlite::error::{ends_acknowledgement, plain};
use crate::sqlite::writer::{Gate, Order, Writer};

/// Applies what is missing; the labels of what was applied. Another process
/// doing the same is waited for.
pub(crate) async fn run(gate: &Gate, all: &[Migration]) -> Result<Vec<String>, DbError> {
    let guard = alone(gate).await?;
    let all = all.to_vec();
    // Detached on purpose: a caller that gives up does not stop it half-way.
    tokio::task::spawn_blocking(move || apply(guard, &all))
        .await
        .map_err(|e| DbError::Internal(format!("migration: {e}")))?
}

/// The lock with no group open.
async fn alone(gate: &Gate) -> Result<OwnedMutexGuard<Writer>, DbError> {
    loop {
        let guard = gate.enter().await?;
        guard.check()?;
        let Some(group) = &guard.group else {
            return Ok(guard);
        };
        let outcome = Arc::clone(&group.outcome);
        let _ = gate.committer.send(Order::CommitNow(guard));
        let _ = outcome.settled().await;
    }
}

fn apply(mut guard: OwnedMutexGuard<Writer>, all: &[Migration]) -> Result<Vec<String>, DbError> {
    let conn = &guard.link()?.conn;
    // Tables can only be rebuilt without the checks; they are made up for below.
    conn.execute_batch("PRAGMA foreign_keys=OFF").map_err(plain)?;
    let mut done = Vec::new();
    let result = loop {
        match apply_next(conn, all) {
            Ok(Some(label)) => done.push(label),
            Ok(None) => break Ok(done),
            Err(e) => break Err(e),
        }
    };
    let restored = conn.execute_batch("PRAGMA foreign_keys=ON").map_err(plain);
    match result {
        Ok(done) => restored.map(|()| done),
        Err(Step::Refused(e)) => Err(e),
        Err(Step::Sqlite(error, label)) => {
            let poisons = ends_acknowledgement(&error, true);
            let reason = match plain(error) {
                DbError::Unavailable(e) => DbError::Unavailable(e),
                other => DbError::Migration(format!("{label}: {other}")),
            };
            if poisons {
                guard.poison(&reason);
            }
            Err(reason)
        }
    }
}

enum Step {
    Refused(DbError),
    Sqlite(rusqlite::Error, String),
}

/// Applies the next one in a transaction of its own, deciding inside it which.
fn apply_next(conn: &Connection, all: &[Migration]) -> Result<Option<String>, Step> {
    let label = "schema_migration".to_owned();
    let begin = |sql: &str| conn.execute_batch(sql).map_err(|e| Step::Sqlite(e, label.clone()));
    begin("BEGIN IMMEDIATE")?;
    let result = one(conn, all);
    match &result {
        Ok(_) => begin("COMMIT")?,
        Err(_) => {
            if !conn.is_autocommit() {
                let _ = conn.execute_batch("ROLLBACK");
            }
        }
    }
    result
}

fn one(conn: &Connection, all: &[Migration]) -> Result<Option<String>, Step> {
    let recording = |e| Step::Sqlite(e, "schema_migration".to_owned());
    conn.execute_batch(TABLE).map_err(recording)?;
    let applied = applied(conn).map_err(recording)?;
    let Some(next) = pending(&applied, all).map_err(Step::Refused)?.into_iter().next() else {
        return Ok(None);
    };
    let label = next.label();
    let failed = |e| Step::Sqlite(e, label.clone());
    let sql = next.render(Dialect::Sqlite).map_err(Step::Refused)?;
    conn.execute_batch(&sql).map_err(failed)?;
    let broken = conn
        .prepare("SELECT 1 FROM pragma_foreign_key_check LIMIT 1")
        .and_then(|mut s| s.exists([]))
        .map_err(failed)?;
    if broken {
        return Err(Step::Refused(DbError::Migration(format!("{label}: rows refer to rows that are missing"))));
    }
    conn.execute(
        "INSERT INTO schema_migration (number, name, digest, applied_at) \
         VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
        (next.number, next.name, next.digest()),
    )
    .map_err(failed)?;
    Ok(Some(label))
}

fn applied(conn: &Connection) -> Result<Vec<Applied>, rusqlite::Error> {
    conn.prepare(APPLIED)?
        .query_map([], |r| Ok(Applied { number: r.get(0)?, name: r.get(1)?, digest: r.get(2)? }))?
        .collect()
}
