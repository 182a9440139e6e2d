//! A short run of the fault harness against the server of the same build.
#![allow(clippy::unwrap_used)]

use bandmaster_bench::context::{Context, Database};
use bandmaster_bench::faults::{self, Plan};
use bandmaster_bench::product;
use std::time::Duration;

/// Not the same in every run, and printed, so that a failure can be repeated.
fn seed() -> u64 {
    let seed = std::env::var("BANDMASTER_FAULT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("BANDMASTER_FAULT_SEED={seed}");
    seed
}

/// Ten kills, and on PostgreSQL each fault of the database once. A machine that compiles or tests beside this is slow, so
/// the service may take longer than a second to come back; `.ci/long` holds it to that.
fn ten_kills(database: Database) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let verdict = runtime.block_on(async {
        let context = Context::new(product::binary(None).unwrap(), None, vec![database]).unwrap();
        let plan = Plan {
            kills: 10,
            database_faults: 3,
            resume_within: Duration::from_secs(3),
            between: Duration::from_millis(500),
            seed: seed(),
        };
        faults::run(&context, database, plan).await.unwrap()
    });
    println!("{}\n{}", verdict.summary, verdict.recoveries);
    assert!(verdict.wrong.is_empty(), "{}\n{}", verdict.summary, verdict.wrong.join("\n"));
}

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    ten_kills(Database::Sqlite);
}

#[test]
fn nothing_acknowledged_is_lost_on_postgresql() {
    ten_kills(Database::Postgres);
}
