//! Reading on SQLite, and what else runs beside the writer: back-ups, nudges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bandmaster_store::testing::{for_each_database, sqlite};
use bandmaster_store::{DbError, Store, StoreConfig, params};

use crate::support::{ADD, MARKS, add, bench, ids, until};

/// About a tenth of a second of work.
const LONG: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_read_holds_up_nobody() {
    let b = bench(|_| {}).await;
    let ticks = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ticks);
    // One worker thread: the tasks below and the read share it.
    let ticker = tokio::spawn(async move {
        loop {
            count.fetch_add(1, SeqCst);
            tokio::task::yield_now().await;
        }
    });
    let store = b.store.clone();
    let seen = Arc::clone(&ticks);
    let reading = tokio::spawn(async move {
        let mut conn = store.read().await.unwrap();
        let before = seen.load(SeqCst);
        conn.query_long(LONG, params![3_000_000]).await.unwrap();
        seen.load(SeqCst) - before
    });
    let meanwhile = reading.await.unwrap();
    ticker.abort();
    assert!(meanwhile > 10, "{meanwhile} ticks during the read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_go_on_beside_a_reader() {
    let b = bench(|c| c.checkpoint_pages = 10).await;
    let store = b.store.clone();
    let reading = tokio::spawn(async move {
        let mut conn = store.read().await.unwrap();
        conn.query_long(LONG, params![3_000_000]).await.unwrap();
    });
    let before = b.store.metrics().checkpoints;
    let mut written = 0;
    while !reading.is_finished() && written < 1000 {
        add(&b.store, written).await.unwrap();
        written += 1;
    }
    reading.await.unwrap();
    assert!(written > 0);
    // A log that the reader holds back is not copied anew at every commit.
    let tried = b.store.metrics().checkpoints - before;
    assert!(tried <= 2 + u64::try_from(written).unwrap() / 2, "{tried} for {written}");
}

#[tokio::test]
async fn readers_are_limited_and_waiting_ends() {
    let b = bench(|c| {
        c.read_connections = 2;
        c.acquire_timeout = Duration::from_millis(50);
    })
    .await;
    let one = b.store.read().await.unwrap();
    let _two = b.store.read().await.unwrap();
    assert!(matches!(b.store.read().await, Err(DbError::Unavailable(_))));
    drop(one);
    b.store.read().await.unwrap().query("SELECT 1", &[]).await.unwrap();
    // The same for the writer.
    let unit = b.store.begin().await.unwrap();
    assert!(matches!(b.store.begin().await, Err(DbError::Unavailable(_))));
    drop(unit);
    add(&b.store, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_a_running_store() {
    let b = bench(|_| {}).await;
    for id in 0..200 {
        add(&b.store, id).await.unwrap();
    }
    let (store, stop) = (b.store.clone(), Arc::new(AtomicU64::new(0)));
    let ended = Arc::clone(&stop);
    // Units move two rows together; a copy in between would show only one.
    let writing = tokio::spawn(async move {
        let mut id = 1000;
        while ended.load(SeqCst) == 0 {
            let mut unit = store.begin().await.unwrap();
            unit.execute(ADD, params![id, "n".repeat(500)]).await.unwrap();
            unit.execute(ADD, params![id + 1, "n".repeat(500)]).await.unwrap();
            unit.commit().await.unwrap();
            id += 2;
        }
        id
    });
    let folder = b.database.folder().unwrap();
    for round in 0..3 {
        let to = folder.join(format!("copy{round}.db"));
        b.store.backup(&to).await.unwrap();
        assert!(b.store.backup(&to).await.is_err(), "an existing file stays");
        let copy = Store::open(StoreConfig::sqlite(&to)).await.unwrap();
        assert_eq!(copy.migrate(MARKS).await.unwrap(), [""; 0]);
        let there = ids(&copy).await;
        assert!(there.len() >= 200 && there.len() % 2 == 0, "{}", there.len());
        let mut conn = copy.read().await.unwrap();
        let check = conn.query_one("PRAGMA integrity_check", &[]).await.unwrap();
        assert_eq!(check.get::<String>(0).unwrap(), "ok");
        add(&copy, -1).await.unwrap();
    }
    stop.store(1, SeqCst);
    assert!(writing.await.unwrap() > 1000);
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("partial")));
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let b = bench(|_| {}).await;
    add(&b.store, 1).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", b.database.location());
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{suffix}");
    }
}

#[tokio::test]
async fn opening_what_is_no_database_says_so() {
    let database = sqlite().await;
    std::fs::write(database.location(), "this is not a database, it is a text of some length".repeat(40)).unwrap();
    let refused = Store::open(database.config()).await;
    assert!(matches!(refused, Err(DbError::Unavailable(_))));
    let nowhere = Store::open(StoreConfig::sqlite("/nonexistent/folder/x.db")).await;
    assert!(matches!(nowhere, Err(DbError::Unavailable(_))));
}

#[tokio::test]
async fn nudges_reach_subscribers_of_this_node() {
    for_each_database(MARKS, |store| async move {
        let mut nudges = store.subscribe();
        store.nudge("jobs");
        assert_eq!(nudges.recv().await.unwrap(), "jobs");
        store.nudge("nobody listens");
        drop(nudges);
        store.nudge("still fine");
        until("closed without waiting", async || true).await;
    })
    .await;
}
