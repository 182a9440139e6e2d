//! Raw inserts of log lines: one connection, a transaction of 100 lines, into the table and indexes that the product has.

use crate::benches::logs::{BATCH, JOB, sample};
use crate::cluster::connect;
use anyhow::Result;
use bandmaster_store::{Store, StoreConfig, schema};
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

const COLUMNS: &str =
    "tenant_id, folder_id, at, level, message, job_key, process_name, robot_name, host_name, raw, fingerprint";

async fn migrate(config: StoreConfig) -> Result<()> {
    let store = Store::open(config).await?;
    store.migrate(schema::MIGRATIONS).await?;
    store.close().await;
    Ok(())
}

/// Lines a second into a SQLite file, `synchronous=FULL`.
pub async fn sqlite(folder: &Path, span: Duration) -> Result<f64> {
    let file = folder.join("logs.db");
    if !file.exists() {
        migrate(StoreConfig::sqlite(&file)).await?;
    }
    tokio::task::spawn_blocking(move || {
        let conn = Connection::open(&file)?;
        conn.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-4096;")?;
        let sql =
            format!("INSERT INTO robot_logs ({COLUMNS}) VALUES (1, 1, ?1, 2, ?2, '{JOB}', 'p', 'r', 'h', ?3, ?4)");
        let mut insert = conn.prepare(&sql)?;
        let begun = Instant::now();
        let mut lines = 0i64;
        while begun.elapsed() < span {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            for _ in 0..BATCH {
                let fingerprint = Uuid::new_v4().to_string();
                let line = sample(&fingerprint);
                insert.execute(params![lines, line.message, line.raw, fingerprint])?;
                lines += 1;
            }
            conn.execute_batch("COMMIT")?;
        }
        Ok(lines as f64 / begun.elapsed().as_secs_f64())
    })
    .await?
}

/// Lines a second into a PostgreSQL database; a batch is one statement over arrays.
pub async fn postgres(url: &str, span: Duration) -> Result<f64> {
    migrate(StoreConfig::postgres(url)).await?;
    let client = connect(url).await?;
    let sql = format!(
        "INSERT INTO robot_logs ({COLUMNS}) SELECT 1, 1, a, 2, m, '{JOB}', 'p', 'r', 'h', w, f \
         FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[]) AS x (a, m, w, f)"
    );
    let insert = client.prepare(&sql).await?;
    let begun = Instant::now();
    let mut lines = 0i64;
    while begun.elapsed() < span {
        let (mut at, mut messages, mut raws, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let fingerprint = Uuid::new_v4().to_string();
            let line = sample(&fingerprint);
            at.push(lines);
            messages.push(line.message);
            raws.push(line.raw);
            fingerprints.push(fingerprint);
            lines += 1;
        }
        client.execute(&insert, &[&at, &messages, &raws, &fingerprints]).await?;
    }
    Ok(lines as f64 / begun.elapsed().as_secs_f64())
}
