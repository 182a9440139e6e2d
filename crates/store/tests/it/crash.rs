//! The process is killed under load: every row that was told to be kept is
//! there afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use bandmaster_store::testing::sqlite;
use bandmaster_store::{Store, StoreConfig};

use crate::support::{Dice, MARKS, add, ids};

/// Runs in a child process: adds rows and prints the id of each one kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of another test"]
async fn child_writes() {
    let Ok(first) = std::env::var("BM_FIRST") else { return };
    let first: i64 = first.parse().unwrap();
    let config = StoreConfig { checkpoint_pages: 40, ..StoreConfig::sqlite(std::env::var("BM_PATH").unwrap()) };
    let store = Store::open(config).await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..16 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for i in 0..100_000 {
                let id = first + i * 16 + task;
                add(&store, id).await.unwrap();
                // One write for one line: lines of several tasks do not mix.
                std::io::stdout().write_all(format!("kept {id}\n").as_bytes()).unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn rows_told_to_be_kept_survive_a_kill() {
    let database = sqlite().await;
    let store = database.store().await;
    store.migrate(MARKS).await.unwrap();
    store.close().await;
    let mut dice = Dice(3);
    let mut kept = Vec::new();
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_writes", "--ignored", "--nocapture", "--test-threads=1"])
            .env("BM_PATH", database.location())
            .env("BM_FIRST", (round * 10_000_000).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        for _ in 0..200 + dice.roll(600) {
            output.read_line(&mut text).unwrap();
        }
        child.kill().unwrap();
        output.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        // The last line may be cut.
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let told = complete.lines().filter_map(|l| l.strip_prefix("kept "));
        let before = kept.len();
        kept.extend(told.map(|id| id.parse::<i64>().unwrap()));
        assert!(kept.len() > before + 100, "round {round}: the child worked");
        let store = database.store().await;
        let there: std::collections::HashSet<i64> = ids(&store).await.into_iter().collect();
        let missing = kept.iter().find(|id| !there.contains(id));
        assert_eq!(missing, None, "round {round}");
        store.close().await;
    }
}
