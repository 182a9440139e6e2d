//! Helpers of several test files.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bandmaster_store::testing::{TestDatabase, sqlite};
use bandmaster_store::{DbError, Migration, Store, StoreConfig, params};

use crate::disk::Disk;

/// One table of numbered rows, to see which units are there.
pub const MARKS: &[Migration] =
    &[Migration { number: 1, name: "marks", sql: "CREATE TABLE mark (id BIGINT PRIMARY KEY, note TEXT NOT NULL);" }];

pub const ADD: &str = "INSERT INTO mark (id, note) VALUES ($1, $2)";
pub const IDS: &str = "SELECT id FROM mark ORDER BY id";

/// A SQLite store with the table, on a disk that can be made to fail.
pub struct Bench {
    pub database: TestDatabase,
    pub disk: Arc<Disk>,
    pub config: StoreConfig,
    pub store: Store,
}

pub async fn bench(change: impl FnOnce(&mut StoreConfig)) -> Bench {
    let database = sqlite().await;
    let disk = Disk::of(database.location());
    let mut config = database.config();
    change(&mut config);
    let store = Store::open(config.clone()).await.unwrap();
    store.migrate(MARKS).await.unwrap();
    Bench { database, disk, config, store }
}

impl Bench {
    /// Closes and opens anew, as a restart does.
    pub async fn restart(&mut self) {
        self.store.close().await;
        self.store = Store::open(self.config.clone()).await.unwrap();
    }
}

/// One unit that adds one row.
pub async fn add(store: &Store, id: i64) -> Result<(), DbError> {
    let mut unit = store.begin().await?;
    let fate = unit.fate();
    match unit.execute(ADD, params![id, "x"]).await {
        Ok(_) => unit.commit().await,
        Err(error) => {
            drop(unit);
            fate.settled().await?;
            Err(error)
        }
    }
}

/// The ids of all rows.
pub async fn ids(store: &Store) -> Vec<i64> {
    let mut conn = store.read().await.unwrap();
    let rows = conn.query(IDS, &[]).await.unwrap();
    rows.iter().map(|r| r.get(0).unwrap()).collect()
}

/// Polls the future once; its result if it had one.
pub async fn once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match pin!(&mut *future).poll(cx) {
        Poll::Ready(v) => Poll::Ready(Some(v)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Polls the future so many times at most, then drops it.
pub async fn at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(v) => Poll::Ready(Some(v)),
            // At the limit nothing would wake us again.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Waits until the condition holds, with a bound.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Repeatable pseudo-random numbers.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
