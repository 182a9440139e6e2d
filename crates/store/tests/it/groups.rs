//! Group commit on SQLite: fewer syncs than units, everything durable, and no
//! answer before the group's fate.

use std::sync::atomic::Ordering::SeqCst;

use bandmaster_store::{DbError, Fate, Store, Unit, params};

use crate::support::{ADD, Bench, IDS, add, at_most, bench, ids, once, until};

async fn add_all(store: &Store, range: std::ops::Range<i64>) -> Vec<(i64, Result<(), DbError>)> {
    let mut tasks = Vec::new();
    for id in range {
        let store = store.clone();
        tasks.push(tokio::spawn(async move { (id, add(&store, id).await) }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_share_syncs_and_are_durable() {
    let mut b = bench(|_| {}).await;
    let before = b.disk.log_syncs.load(SeqCst);
    // Every unit waits behind a held sync, so that the others gather.
    for round in 0..4 {
        b.disk.hold();
        let store = b.store.clone();
        let units = tokio::spawn(async move { add_all(&store, round * 64..round * 64 + 64).await });
        until("a commit waits for the disk", async || b.disk.waiting.load(SeqCst) > 0).await;
        b.disk.release();
        for (id, result) in units.await.unwrap() {
            assert_eq!(result, Ok(()), "{id}");
        }
    }
    let syncs = b.disk.log_syncs.load(SeqCst) - before;
    assert!(syncs > 0 && syncs < 128, "{syncs} syncs for 256 units");
    let m = b.store.metrics();
    assert_eq!(m.units_committed, 256);
    assert_eq!(m.group_units, 256);
    assert!(m.largest_group > 1 && m.largest_group <= 256, "{m:?}");
    b.restart().await;
    assert_eq!(ids(&b.store).await, (0..256).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_bounded() {
    let b = bench(|c| c.group_limit = 4).await;
    for (_, result) in add_all(&b.store, 0..200).await {
        assert_eq!(result, Ok(()));
    }
    let m = b.store.metrics();
    assert_eq!(m.group_units, 200);
    assert!(m.largest_group <= 4, "{m:?}");
    assert_eq!(ids(&b.store).await.len(), 200);
}

#[tokio::test]
async fn a_unit_alone_commits_at_once() {
    let b = bench(|c| c.group_limit = 1).await;
    for id in 0..5 {
        assert_eq!(add(&b.store, id).await, Ok(()));
    }
    assert_eq!(b.store.metrics().largest_group, 1);
}

/// A unit that shares its group with an earlier one, whose fate is given too:
/// it queues before the committer does.
async fn second_of_two(b: &Bench) -> (Unit, Fate) {
    let mut first = b.store.begin().await.unwrap();
    let mut waiting = Box::pin(b.store.begin());
    assert!(once(&mut waiting).await.is_none());
    first.execute(ADD, params![1, "first"]).await.unwrap();
    let fate = first.fate();
    // The first poll ends the unit; that its caller leaves changes nothing.
    assert!(at_most(1, first.commit()).await.is_none());
    (waiting.await.unwrap(), fate)
}

#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    Rollback,
    Drop,
    Error,
}

/// Ends a unit that has seen the uncommitted row; what its caller may answer.
async fn finish(mut unit: Unit, end: End) -> Result<(), DbError> {
    let seen = unit.query(IDS, &[]).await.unwrap();
    assert_eq!(seen.len(), 1, "the row of the first unit is seen");
    let fate = unit.fate();
    match end {
        End::Commit => unit.commit().await,
        End::Rollback => unit.rollback().await,
        End::Drop => {
            drop(unit);
            fate.settled().await
        }
        End::Error => {
            let error = unit.execute(ADD, params![1, "again"]).await.unwrap_err();
            assert!(error.is_unique("mark_pkey"), "{error:?}");
            let answer = unit.commit().await;
            fate.settled().await.and(answer)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_leaves_before_the_groups_fate() {
    for end in [End::Commit, End::Rollback, End::Drop, End::Error] {
        let b = bench(|_| {}).await;
        let (second, first) = second_of_two(&b).await;
        b.disk.hold();
        let mut answer = Box::pin(finish(second, end));
        assert!(once(&mut answer).await.is_none(), "{end:?}");
        until("the commit waits for the disk", async || b.disk.waiting.load(SeqCst) == 1).await;
        assert!(once(&mut answer).await.is_none(), "{end:?}: too early");
        b.disk.release();
        let answer = answer.await;
        match end {
            End::Error => assert!(answer.unwrap_err().is_unique("mark_pkey")),
            _ => assert_eq!(answer, Ok(()), "{end:?}"),
        }
        assert_eq!(first.settled().await, Ok(()));
        assert_eq!(ids(&b.store).await, [1]);
        assert_eq!(b.store.metrics().largest_group, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_is_told_to_everybody_in_the_group() {
    for end in [End::Commit, End::Rollback, End::Drop, End::Error] {
        let b = bench(|_| {}).await;
        let (second, first) = second_of_two(&b).await;
        b.disk.fail_log_syncs.store(true, SeqCst);
        let answer = finish(second, end).await;
        assert!(matches!(answer, Err(DbError::Unavailable(_))), "{end:?}: {answer:?}");
        assert!(matches!(first.settled().await, Err(DbError::Unavailable(_))));
        assert_eq!(ids(&b.store).await, [0; 0]);
    }
}

#[tokio::test]
async fn a_group_without_changes_needs_no_sync() {
    let b = bench(|_| {}).await;
    let before = b.disk.log_syncs.load(SeqCst);
    let unit = b.store.begin().await.unwrap();
    let fate = unit.fate();
    drop(unit);
    assert_eq!(fate.settled().await, Ok(()));
    let unit = b.store.begin().await.unwrap();
    assert_eq!(unit.rollback().await, Ok(()));
    assert_eq!(b.disk.log_syncs.load(SeqCst), before);
}

#[tokio::test]
async fn the_log_stays_bounded() {
    let b = bench(|c| c.checkpoint_pages = 50).await;
    let note = "n".repeat(3000);
    for id in 0..400 {
        let mut unit = b.store.begin().await.unwrap();
        unit.execute(ADD, params![id, &note]).await.unwrap();
        unit.commit().await.unwrap();
    }
    assert!(b.store.metrics().checkpoints >= 4);
    let log = std::fs::metadata(format!("{}-wal", b.database.location())).unwrap();
    assert!(log.len() < 100 * 4200, "{} bytes", log.len());
    assert_eq!(ids(&b.store).await.len(), 400);
}

#[tokio::test]
async fn closing_ends_the_open_group_and_refuses_more() {
    let mut b = bench(|_| {}).await;
    let mut unit = b.store.begin().await.unwrap();
    unit.execute(ADD, params![7, "x"]).await.unwrap();
    let store = b.store.clone();
    let mut closing = Box::pin(store.close());
    assert!(once(&mut closing).await.is_none(), "waits for the unit");
    assert_eq!(unit.commit().await, Ok(()));
    closing.await;
    assert!(!b.store.healthy());
    assert!(matches!(b.store.begin().await, Err(DbError::Unavailable(_))));
    assert!(matches!(b.store.read().await, Err(DbError::Unavailable(_))));
    let log = format!("{}-wal", b.database.location());
    assert!(!std::path::Path::new(&log).exists(), "the log was copied back");
    b.restart().await;
    assert_eq!(ids(&b.store).await, [7]);
}
