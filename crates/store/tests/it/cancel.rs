//! Callers that leave at any point: the writer goes on, others are unharmed.

use std::collections::BTreeSet;

use bandmaster_store::testing::for_each_database;
use bandmaster_store::{DbError, Store, params};

use crate::support::{ADD, Dice, MARKS, add, at_most, bench, ids, once};

/// Adds a row with an await point after each step.
async fn slow_add(store: &Store, id: i64) -> Result<(), DbError> {
    let mut unit = store.begin().await?;
    tokio::task::yield_now().await;
    unit.execute(ADD, params![id, "x"]).await?;
    tokio::task::yield_now().await;
    unit.commit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_at_any_point_wedges_nothing() {
    for_each_database(MARKS, |store| async move {
        let mut tasks = Vec::new();
        for id in 0..300 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let mut dice = Dice(u64::try_from(id).unwrap());
                // Every third stays to its end.
                let polls = if id % 3 == 0 { usize::MAX } else { usize::try_from(dice.roll(9)).unwrap() };
                (id, at_most(polls, slow_add(&store, id)).await)
            }));
        }
        let mut kept = BTreeSet::new();
        let mut left = BTreeSet::new();
        for task in tasks {
            match task.await.unwrap() {
                (id, Some(Ok(()))) => assert!(kept.insert(id)),
                (id, Some(Err(error))) => panic!("{id}: {error:?}"),
                (id, None) => assert!(left.insert(id)),
            }
        }
        assert!(kept.len() >= 100 && !left.is_empty());
        // Still in order, and everything told is there. What was left may be.
        assert_eq!(add(&store, 1000).await, Ok(()));
        kept.insert(1000);
        let there: BTreeSet<i64> = ids(&store).await.into_iter().collect();
        assert!(there.is_superset(&kept));
        assert!(there.iter().all(|id| kept.contains(id) || left.contains(id)));
    })
    .await;
}

#[tokio::test]
async fn a_commit_goes_on_without_its_caller() {
    for_each_database(MARKS, |store| async move {
        let mut unit = store.begin().await.unwrap();
        unit.execute(ADD, params![1, "x"]).await.unwrap();
        let fate = unit.fate();
        let _ = at_most(1, unit.commit()).await;
        assert_eq!(fate.settled().await, Ok(()));
        assert_eq!(ids(&store).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_unit_leaves_nothing() {
    for_each_database(MARKS, |store| async move {
        let mut unit = store.begin().await.unwrap();
        unit.execute(ADD, params![1, "x"]).await.unwrap();
        let fate = unit.fate();
        drop(unit);
        assert_eq!(fate.settled().await, Ok(()));
        assert_eq!(add(&store, 1).await, Ok(()), "the row is free again");
        assert_eq!(ids(&store).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn waiting_can_be_given_up() {
    let b = bench(|c| c.read_connections = 1).await;
    // In the queue for the writer:
    let unit = b.store.begin().await.unwrap();
    let mut leaver = Box::pin(b.store.begin());
    let mut stayer = Box::pin(b.store.begin());
    assert!(once(&mut leaver).await.is_none());
    assert!(once(&mut stayer).await.is_none());
    drop(leaver);
    drop(unit);
    drop(stayer.await.unwrap());
    // And for a connection to read:
    let conn = b.store.read().await.unwrap();
    let mut leaver = Box::pin(b.store.read());
    let mut stayer = Box::pin(b.store.read());
    assert!(once(&mut leaver).await.is_none());
    assert!(once(&mut stayer).await.is_none());
    drop(leaver);
    drop(conn);
    let mut conn = stayer.await.unwrap();
    conn.query("SELECT 1", &[]).await.unwrap();
    assert_eq!(b.store.metrics().connections_in_use, 1);
    drop(conn);
    assert_eq!(b.store.metrics().connections_in_use, 0);
}
