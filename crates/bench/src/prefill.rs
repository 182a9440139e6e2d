//! Filling a stopped server's queue directly, since a million requests would take longer than what is measured.
//!
//! Waiting items: every tenth has the priority High, every tenth Low; all are New and have a reference. History: items that
//! were completed within the last 29 days, with the three changes and the three events that each of them leaves.
//! The figures of the queue are brought up to that. Indexes are dropped before and made again after.

use crate::product::Settings;
use crate::stage::database_file;
use anyhow::Result;
use bandmaster_store::fold;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Transaction, params};
use std::time::{SystemTime, UNIX_EPOCH};

/// Characters of the text in an item of 1 kB.
pub const TEXT: usize = 992;
/// 2026-01-01T00:00:00Z in microseconds.
const BEGINNING: i64 = 1_767_225_600_000_000;
/// The tenant of a fresh server.
const TENANT: i64 = 1;
/// The tables that are filled.
const TABLES: [&str; 3] = ["queue_items", "queue_item_events", "events"];
/// The history reaches back so far: less than after what items and events are cleared away.
const DAYS: i64 = 29;
const DAY: i64 = 86_400_000_000;
/// Microseconds between the claim and the completion of an item of the history.
const TOOK: i64 = 10_000;

/// How large the contents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 1 kB of JSON.
    Kilobyte,
    /// A number alone, some 20 bytes, for queues that would not fit on the disk otherwise.
    Small,
}

impl Size {
    fn repeats(self) -> usize {
        match self {
            Size::Kilobyte => TEXT / 16,
            Size::Small => 0,
        }
    }

    /// In words, for what was measured.
    pub fn told(self) -> &'static str {
        match self {
            Size::Kilobyte => "1 kB",
            Size::Small => "small",
        }
    }
}

/// What is put into a queue.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    /// Waiting items.
    pub waiting: u64,
    /// Their contents.
    pub size: Size,
    /// Rows of history, three for each completed item (of 1 kB), and as many events.
    pub history: u64,
}

impl Fill {
    /// Waiting items of 1 kB and nothing else.
    pub fn waiting(items: u64) -> Fill {
        Fill { waiting: items, size: Size::Kilobyte, history: 0 }
    }

    fn completed(self) -> u64 {
        self.history / 3
    }
}

/// The content of an item, 1 kB of JSON.
pub fn content(number: u64) -> String {
    content_of(number, Size::Kilobyte)
}

/// The content of an item of that size.
pub fn content_of(number: u64, size: Size) -> String {
    match size {
        Size::Small => format!("{{\"Number\":\"{number}\"}}"),
        Size::Kilobyte => {
            let text = format!("{number:016x}").repeat(size.repeats());
            format!("{{\"Number\":\"{number}\",\"Text\":\"{text}\"}}")
        }
    }
}

/// The priority of the item of that number: 0 High, 1 Normal, 2 Low.
pub fn priority(number: u64) -> usize {
    match number % 10 {
        0 => 0,
        9 => 2,
        _ => 1,
    }
}

/// When items of the history were completed: evenly over the days before now. (beginning, step from one to the next.)
fn history_times(completed: u64) -> Result<(i64, i64)> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
    let step = DAYS * DAY / i64::try_from(completed)?.max(1);
    Ok((now - DAYS * DAY, step))
}

/// What the figures and totals of the queue are then, as SQL. `completed` items took [`TOOK`] each.
fn figures(queue: i64, fill: Fill) -> String {
    let completed = fill.completed();
    let time = completed * TOOK.unsigned_abs();
    let waiting = fill.waiting;
    format!(
        "INSERT INTO queue_figures (queue_id, grain, begins_at, new_delta, successful, successful_time) \
         VALUES ({queue}, 0, 0, {waiting}, {completed}, {time}); \
         INSERT INTO queue_totals (tenant_id, queue_id, status, items) \
         VALUES ({TENANT}, {queue}, 0, {waiting}), ({TENANT}, {queue}, 3, {completed})"
    )
}

/// Fills the queue of a stopped server.
pub async fn fill(settings: &Settings, queue: i64, fill: Fill) -> Result<()> {
    match &settings.database {
        None => {
            let file = database_file(settings);
            tokio::task::spawn_blocking(move || sqlite(&Connection::open(file)?, queue, fill)).await?
        }
        Some(url) => postgres(url, queue, fill).await,
    }
}

fn sqlite(conn: &Connection, queue: i64, fill: Fill) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("fold", 1, flags, |c| Ok(fold(&c.get::<String>(0)?)))?;
    // Only here: nothing is lost that could not be made again, and a journal would take as much room as the rows. Sorting
    // for the indexes goes through files.
    conn.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; PRAGMA cache_size=-500000;")?;
    let indexes: Vec<(String, String)> = {
        let sql =
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN (?1, ?2, ?3) AND sql IS NOT NULL";
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map(TABLES, |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let unit = conn.unchecked_transaction()?;
    for (name, _) in &indexes {
        unit.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    past_in_sqlite(&unit, queue, fill)?;
    waiting_in_sqlite(&unit, queue, fill)?;
    for (_, sql) in &indexes {
        unit.execute_batch(sql)?;
    }
    unit.execute_batch(&figures(queue, fill))?;
    unit.commit()?;
    conn.execute_batch("PRAGMA journal_mode=WAL;")?;
    // A file that the system still writes would be measured as well.
    std::fs::File::open(conn.path().unwrap_or_default())?.sync_all()?;
    Ok(())
}

fn waiting_in_sqlite(unit: &Transaction<'_>, queue: i64, fill: Fill) -> Result<()> {
    let mut insert = unit.prepare(
        "INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, priority, reference, content, created_at, \
         row_version) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, 'AAAAAAAAAAA=')",
    )?;
    for number in 0..fill.waiting {
        let at = BEGINNING + i64::try_from(number)? * 1000;
        let reference = format!("R-{number:08}");
        let content = content_of(number, fill.size);
        insert.execute(params![
            TENANT,
            queue,
            guid(),
            guid(),
            i64::try_from(priority(number))?,
            reference,
            content,
            at
        ])?;
    }
    Ok(())
}

fn past_in_sqlite(unit: &Transaction<'_>, queue: i64, fill: Fill) -> Result<()> {
    let (begins, step) = history_times(fill.completed())?;
    let mut item = unit.prepare(
        "INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, reference, content, output, created_at, \
         started_at, ended_at, row_version) VALUES (?1, ?2, ?3, ?4, 3, ?5, ?6, '{\"Done\":\"yes\"}', ?7, ?7, ?8, 'AAAAAAAAAAA=')",
    )?;
    let mut change = unit.prepare(
        "INSERT INTO queue_item_events (tenant_id, queue_id, item_id, at, action, was, status, took, counted) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)",
    )?;
    let mut event =
        unit.prepare("INSERT INTO events (tenant_id, at, kind, entity_key, payload) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for number in 0..fill.completed() {
        let (key, at) = (guid(), begins + i64::try_from(number)? * step);
        let reference = format!("P-{number:08}");
        item.execute(params![TENANT, queue, guid(), key, reference, content(number), at, at + TOOK])?;
        let id = unit.last_insert_rowid();
        let payload = format!("{{\"ItemId\":{id},\"QueueId\":{queue}}}");
        for (at, action, was, status, took, kind) in [
            (at, 0, None, 0, 0, "queueItem.added"),
            (at, 3, Some(0), 1, 0, "queueItem.transactionStarted"),
            (at + TOOK, 3, Some(1), 3, TOOK, "queueItem.transactionCompleted"),
        ] {
            change.execute(params![TENANT, queue, id, at, action, was, status, took])?;
            event.execute(params![TENANT, at, kind, key, payload])?;
        }
    }
    Ok(())
}

/// Random as any other, but without asking the system for each.
fn guid() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

async fn postgres(url: &str, queue: i64, fill: Fill) -> Result<()> {
    let client = crate::cluster::connect(url).await?;
    // Those of a constraint cannot be dropped by themselves.
    let sql = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY ($1) AND indexname NOT IN \
               (SELECT conname FROM pg_constraint)";
    let rows = client.query(sql, &[&TABLES.as_slice()]).await?;
    let indexes: Vec<(String, String)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    for (name, _) in &indexes {
        client.batch_execute(&format!("DROP INDEX {name}")).await?;
    }
    client.batch_execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'").await?;
    client.batch_execute(&past_in_postgres(queue, fill)?).await?;
    client.batch_execute(&waiting_in_postgres(queue, fill)).await?;
    for (_, definition) in &indexes {
        client.batch_execute(definition).await?;
    }
    client.batch_execute(&figures(queue, fill)).await?;
    // What autovacuum would do within a minute; a measurement must not fall into it.
    for table in TABLES {
        client.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
    }
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

/// SQL of the content of item `n`.
fn content_in_postgres(size: Size) -> String {
    match size {
        Size::Small => r#"'{"Number":"' || n || '"}'"#.to_owned(),
        Size::Kilobyte => format!(
            r#"'{{"Number":"' || n || '","Text":"' || repeat(lpad(to_hex(n), 16, '0'), {}) || '"}}'"#,
            size.repeats()
        ),
    }
}

fn waiting_in_postgres(queue: i64, fill: Fill) -> String {
    format!(
        "INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, priority, reference, content, created_at, \
         row_version) SELECT {TENANT}, {queue}, gen_random_uuid()::text, gen_random_uuid()::text, 0, \
         CASE n % 10 WHEN 0 THEN 0 WHEN 9 THEN 2 ELSE 1 END, 'R-' || lpad(n::text, 8, '0'), {}, {BEGINNING} + n * 1000, \
         'AAAAAAAAAAA=' FROM generate_series(0::bigint, {}::bigint - 1) AS n",
        content_in_postgres(fill.size),
        fill.waiting
    )
}

fn past_in_postgres(queue: i64, fill: Fill) -> Result<String> {
    let (begins, step) = history_times(fill.completed())?;
    let content = content_in_postgres(Size::Kilobyte);
    let steps = format!(
        "(VALUES (0, 0::bigint, 0::bigint, NULL::bigint, 0::bigint, 0::bigint, 'queueItem.added'), \
         (1, 0, 3, 0, 1, 0, 'queueItem.transactionStarted'), \
         (2, {TOOK}, 3, 1, 3, {TOOK}, 'queueItem.transactionCompleted')) AS s (number, later, action, was, status, took, kind)"
    );
    // Nothing else is completed on a fresh server.
    let items = "queue_items i WHERE i.status = 3";
    Ok(format!(
        "INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, reference, content, output, created_at, \
           started_at, ended_at, row_version) SELECT {TENANT}, {queue}, gen_random_uuid()::text, gen_random_uuid()::text, 3, \
           'P-' || lpad(n::text, 8, '0'), {content}, '{{\"Done\":\"yes\"}}', {begins} + n * {step}, {begins} + n * {step}, \
           {begins} + n * {step} + {TOOK}, 'AAAAAAAAAAA=' FROM generate_series(0::bigint, {}::bigint - 1) AS n;
         INSERT INTO queue_item_events (tenant_id, queue_id, item_id, at, action, was, status, took, counted) \
           SELECT {TENANT}, {queue}, i.id, i.created_at + s.later, s.action, s.was, s.status, s.took, 1 FROM {steps}, {items} \
           ORDER BY i.id, s.number;
         INSERT INTO events (tenant_id, at, kind, entity_key, payload) \
           SELECT {TENANT}, i.created_at + s.later, s.kind, i.unique_key, \
           '{{\"ItemId\":' || i.id || ',\"QueueId\":{queue}}}' FROM {steps}, {items} ORDER BY i.id, s.number;",
        fill.completed()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_as_large_as_its_size_says() {
        let text = content(7);
        assert!((990..=1034).contains(&text.len()), "{}", text.len());
        assert_eq!(content_of(7, Size::Small), r#"{"Number":"7"}"#);
        for size in [Size::Kilobyte, Size::Small] {
            assert!(serde_json::from_str::<serde_json::Value>(&content_of(7, size)).is_ok());
        }
    }
}
