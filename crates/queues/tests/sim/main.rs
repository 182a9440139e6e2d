//! A simulation of queues: robots add, take, end, defer, lose and repeat; people review and delete; days pass; the
//! server breaks off between any two statements. After every step the rows of the queue are those of a small model
//! (`model`), at the end the figures equal a recount and the histories have no gap.
//!
//! Everything follows from the seed. `BANDMASTER_SIM_SEED=N` runs one, and prints its steps; `BANDMASTER_SIM_SEEDS=N`
//! says how many (from `BANDMASTER_SIM_FROM`, else 0); `.ci/long` runs 100,000. Not here: processes that are killed,
//! several nodes, and contention, which the fault runs of `bandmaster-bench` and `tests/it` cover.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod model;
mod run;
mod world;

use bandmaster_testkit::Backend;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// Seeds of an everyday run.
const SEEDS: u64 = 2_000;
/// Seeds that share a database: a new one keeps it small.
const PER_WORLD: u64 = 250;

fn wish(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn queues_keep_what_they_promise() {
    if let Some(seed) = wish("BANDMASTER_SIM_SEED") {
        runtime().block_on(async { run::seed(&World::new(Backend::Sqlite).await, seed, true).await });
        return;
    }
    let from = wish("BANDMASTER_SIM_FROM").unwrap_or(0);
    let end = from + wish("BANDMASTER_SIM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(from);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                runtime().block_on(async {
                    loop {
                        let begin = next.fetch_add(PER_WORLD, Ordering::Relaxed);
                        if begin >= end {
                            return;
                        }
                        let world = World::new(Backend::Sqlite).await;
                        for seed in begin..end.min(begin + PER_WORLD) {
                            run::seed(&world, seed, false).await;
                        }
                    }
                });
            });
        }
    });
}

#[test]
fn so_do_they_on_postgresql() {
    runtime().block_on(async {
        let world = World::new(Backend::Postgres).await;
        for seed in 0..wish("BANDMASTER_SIM_SEEDS").map_or(60, |n| n / 50) {
            run::seed(&world, seed, false).await;
        }
    });
}

#[test]
fn a_seed_repeats() {
    let of = |backend| {
        runtime().block_on(async {
            let world = World::new(backend).await;
            let mut traces = Vec::new();
            for seed in 0..10 {
                traces.push(run::seed(&world, seed, false).await);
            }
            traces
        })
    };
    let once = of(Backend::Sqlite);
    assert_eq!(once, of(Backend::Sqlite));
    assert_ne!(once[0], once[1]);
}
