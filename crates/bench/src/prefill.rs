//! Filling a stopped server's queue directly, since a million requests would take longer than what is measured.
//!
//! Every tenth item has the priority High, every tenth Low; all are New and have a reference. Indexes are dropped before
//! and made again after.

use anyhow::Result;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, params};
use std::path::Path;

/// Characters of the text in an item, so that its content is about 1 kB.
pub const TEXT: usize = 992;
/// 2026-01-01T00:00:00Z in microseconds.
const BEGINNING: i64 = 1_767_225_600_000_000;

/// The content of an item, 1 kB of JSON.
pub fn content(number: u64) -> String {
    let text = format!("{number:016x}").repeat(TEXT / 16);
    format!("{{\"Number\":\"{number}\",\"Text\":\"{text}\"}}")
}

fn priority(number: u64) -> i64 {
    match number % 10 {
        0 => 0,
        9 => 2,
        _ => 1,
    }
}

/// Fills the queue of a SQLite file.
pub fn sqlite(file: &Path, tenant: i64, queue: i64, items: u64) -> Result<()> {
    let mut conn = Connection::open(file)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("fold", 1, flags, |c| Ok(bandmaster_store::fold(&c.get::<String>(0)?)))?;
    // Only here: nothing is lost that could not be made again.
    conn.execute_batch("PRAGMA synchronous=OFF; PRAGMA cache_size=-500000; PRAGMA temp_store=MEMORY;")?;
    let indexes: Vec<(String, String)> = {
        let sql =
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'queue_items' AND sql IS NOT NULL";
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let unit = conn.transaction()?;
    for (name, _) in &indexes {
        unit.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    {
        let mut insert = unit.prepare(
            "INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, priority, reference, content, created_at, \
             row_version) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, 'AAAAAAAAAAA=')",
        )?;
        for number in 0..items {
            let (key, unique_key) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
            let at = BEGINNING + i64::try_from(number)? * 1000;
            let reference = format!("R-{number:08}");
            insert.execute(params![
                tenant,
                queue,
                key,
                unique_key,
                priority(number),
                reference,
                content(number),
                at
            ])?;
        }
    }
    for (_, sql) in &indexes {
        unit.execute_batch(sql)?;
    }
    unit.commit()?;
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// Fills the queue of a PostgreSQL database.
pub async fn postgres(url: &str, tenant: i64, queue: i64, items: u64) -> Result<()> {
    let client = crate::cluster::connect(url).await?;
    // Those of a constraint cannot be dropped by themselves.
    let sql = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'queue_items' AND indexname NOT IN \
               (SELECT conname FROM pg_constraint)";
    let indexes: Vec<(String, String)> = client.query(sql, &[]).await?.iter().map(|r| (r.get(0), r.get(1))).collect();
    for (name, _) in &indexes {
        client.batch_execute(&format!("DROP INDEX {name}")).await?;
    }
    let repeats = TEXT / 16;
    let fill = format!(
        "SET synchronous_commit = off; INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, priority, \
         reference, content, created_at, row_version) SELECT {tenant}, {queue}, gen_random_uuid()::text, \
         gen_random_uuid()::text, 0, CASE n % 10 WHEN 0 THEN 0 WHEN 9 THEN 2 ELSE 1 END, 'R-' || lpad(n::text, 8, '0'), \
         '{{\"Number\":\"' || n || '\",\"Text\":\"' || repeat(lpad(to_hex(n), 16, '0'), {repeats}) || '\"}}', \
         {BEGINNING} + n * 1000, 'AAAAAAAAAAA=' FROM generate_series(0::bigint, {items}::bigint - 1) AS n"
    );
    client.batch_execute(&fill).await?;
    for (_, definition) in &indexes {
        client.batch_execute(definition).await?;
    }
    // What autovacuum would do within a minute; a measurement must not fall into it.
    client.batch_execute("VACUUM ANALYZE queue_items").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_item_is_about_a_kilobyte() {
        let text = super::content(7);
        assert!((990..=1034).contains(&text.len()), "{}", text.len());
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
