//! Durable units of work a second on SQLite: one caller, 64 callers with a
//! commit each, 64 callers with group commit.
//!
//! `cargo run --release -p bandmaster-store --example groupcommit [folder]`
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bandmaster_store::{Migration, Store, StoreConfig, params};

const TABLES: &[Migration] = &[Migration {
    number: 1,
    name: "items",
    sql: "CREATE TABLE item (id {{id}}, status BIGINT NOT NULL, body TEXT NOT NULL);
          CREATE INDEX item_status ON item (status, id);",
}];

/// How long each way is measured.
const SPAN: Duration = Duration::from_secs(3);

async fn unit(store: &Store, body: &str) {
    let mut unit = store.begin().await.unwrap();
    let row =
        unit.query_one("INSERT INTO item (status, body) VALUES (0, $1) RETURNING id", params![body]).await.unwrap();
    let id: i64 = row.get(0).unwrap();
    unit.execute("UPDATE item SET status = 1 WHERE id = $1 AND status = 0", params![id]).await.unwrap();
    unit.commit().await.unwrap();
}

async fn measure(name: &str, folder: &std::path::Path, callers: usize, group_limit: usize) {
    let path = folder.join(format!("groupcommit-{callers}-{group_limit}.db"));
    let remove = || {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    };
    remove();
    let store = Store::open(StoreConfig { group_limit, ..StoreConfig::sqlite(&path) }).await.unwrap();
    store.migrate(TABLES).await.unwrap();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let body = "b".repeat(200);
            let mut longest = Duration::ZERO;
            let mut count = 0u32;
            while start.elapsed() < SPAN {
                let begun = Instant::now();
                unit(&store, &body).await;
                longest = longest.max(begun.elapsed());
                count += 1;
            }
            (count, longest)
        }));
    }
    let (mut units, mut longest) = (0, Duration::ZERO);
    for task in tasks {
        let (count, worst) = task.await.unwrap();
        units += count;
        longest = longest.max(worst);
    }
    let rate = f64::from(units) / start.elapsed().as_secs_f64();
    let m = store.metrics();
    println!(
        "{name:<34} {rate:>8.0} units/s  {:>5.1} units/commit  {:>6.0} µs/commit  longest {:>5.1} ms  {} checkpoints",
        m.group_units as f64 / m.groups.max(1) as f64,
        m.committing.as_secs_f64() * 1e6 / m.groups.max(1) as f64,
        longest.as_secs_f64() * 1e3,
        m.checkpoints,
    );
    store.close().await;
    remove();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    measure("one caller", &folder, 1, 64).await;
    measure("64 callers, a commit each", &folder, 64, 1).await;
    measure("64 callers, group commit", &folder, 64, 64).await;
    measure("256 callers, group commit", &folder, 256, 256).await;
}
