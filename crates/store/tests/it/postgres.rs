//! What only PostgreSQL can do wrong: connections that break, transactions left
//! open, deadlocks, plans that no longer fit.

use std::time::Duration;

use bandmaster_store::testing::{TestDatabase, postgres, postgres_migrated};
use bandmaster_store::{DbError, Migration, Store, StoreConfig, Value, params};

use crate::support::{ADD, MARKS, add, at_most, ids, until};

async fn small(database: &TestDatabase, pool: usize) -> Store {
    let mut config = database.config();
    config.pool_size = pool;
    config.acquire_timeout = Duration::from_secs(5);
    Store::open(config).await.unwrap()
}

/// Sessions of this database in a state, as the server sees them.
async fn sessions(observer: &Store, state: &str) -> i64 {
    let mut conn = observer.read().await.unwrap();
    let row = conn
        .query_one(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND state = $1",
            params![state],
        )
        .await
        .unwrap();
    row.get(0).unwrap()
}

/// Ends all other sessions of the database.
async fn terminate(observer: &Store) {
    let mut conn = observer.read().await.unwrap();
    conn.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
        &[],
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_dropped_unit_leaves_no_transaction_open() {
    let database = postgres_migrated(MARKS).await;
    let (store, observer) = (small(&database, 1).await, small(&database, 1).await);
    for round in 0..20 {
        let mut unit = store.begin().await.unwrap();
        unit.execute(ADD, params![round, "x"]).await.unwrap();
        drop(unit);
        // The only connection: whoever has it next must not be inside.
        let mut conn = store.read().await.unwrap();
        let row = conn.query_one("SELECT count(*) FROM mark", &[]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), 0);
        let row = conn.query_one("SELECT pg_current_xact_id_if_assigned() IS NULL", &[]).await.unwrap();
        assert!(row.get::<bool>(0).unwrap(), "no transaction is open");
    }
    assert_eq!(sessions(&observer, "idle in transaction").await, 0);
    assert_eq!(store.metrics().units_undone, 20);
}

#[tokio::test]
async fn a_unit_left_in_the_middle_of_a_call_is_undone() {
    let database = postgres_migrated(MARKS).await;
    let (store, observer) = (small(&database, 2).await, small(&database, 1).await);
    // Left at the first wait of every call, the unit dropped right after.
    for id in 0..10 {
        let mut unit = store.begin().await.unwrap();
        assert!(at_most(1, unit.execute(ADD, params![id, "x"])).await.is_none());
        drop(unit);
    }
    // Left, and then used on: its state is unknown, so it cannot go on.
    let mut unit = store.begin().await.unwrap();
    assert!(at_most(1, unit.query("SELECT pg_sleep(20)", &[])).await.is_none());
    assert!(matches!(unit.execute(ADD, params![50, "x"]).await, Err(DbError::Internal(_))));
    assert!(matches!(unit.commit().await, Err(DbError::Internal(_))));
    add(&store, 100).await.unwrap();
    assert_eq!(ids(&store).await, [100]);
    // The abandoned statement is ended too, long before its own end.
    until("no session is busy", async || {
        sessions(&observer, "active").await + sessions(&observer, "idle in transaction").await == 0
    })
    .await;
}

#[tokio::test]
async fn a_read_left_in_the_middle_frees_its_place() {
    let database = postgres_migrated(MARKS).await;
    let store = small(&database, 1).await;
    let mut conn = store.read().await.unwrap();
    assert!(at_most(1, conn.query("SELECT pg_sleep(20)", &[])).await.is_none());
    // The same session goes on with a connection that works.
    conn.query(crate::support::IDS, &[]).await.unwrap();
    drop(conn);
    assert!(
        at_most(2, async {
            let mut conn = store.read().await.unwrap();
            conn.query("SELECT pg_sleep(20)", &[]).await
        })
        .await
        .is_none()
    );
    add(&store, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_recovers_from_lost_connections() {
    let database = postgres_migrated(MARKS).await;
    let (store, observer) = (small(&database, 4).await, small(&database, 1).await);
    let mut tasks = Vec::new();
    for task in 0..6 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let (mut kept, mut refused) = (Vec::new(), Vec::new());
            for i in 0..60 {
                let id = task * 1000 + i;
                match add(&store, id).await {
                    Ok(()) => kept.push(id),
                    Err(DbError::Unavailable(_) | DbError::Conflict) => refused.push(id),
                    Err(other) => panic!("{other:?}"),
                }
            }
            (kept, refused)
        }));
    }
    let mut cuts = 0;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) && cuts < 30 {
        terminate(&observer).await;
        cuts += 1;
        tokio::task::yield_now().await;
    }
    let mut kept = Vec::new();
    for task in tasks {
        kept.extend(task.await.unwrap().0);
    }
    // Afterwards everything works at once, though all connections are dead.
    terminate(&observer).await;
    for id in 100_000..100_010 {
        add(&store, id).await.unwrap();
        kept.push(id);
    }
    terminate(&observer).await;
    let there = ids(&store).await;
    assert!(kept.iter().all(|id| there.contains(id)));
    assert!(store.healthy());
}

#[tokio::test]
async fn a_connection_lost_inside_a_unit_is_told() {
    let database = postgres_migrated(MARKS).await;
    let (store, observer) = (small(&database, 2).await, small(&database, 1).await);
    let mut unit = store.begin().await.unwrap();
    unit.execute(ADD, params![1, "x"]).await.unwrap();
    let fate = unit.fate();
    terminate(&observer).await;
    let error = unit.execute(ADD, params![2, "x"]).await.unwrap_err();
    assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    assert_eq!(unit.commit().await, Err(error));
    assert_eq!(fate.settled().await, Ok(()), "undone, as its caller was told");
    // At the commit itself nobody knows, so its fate is an error.
    let mut unit = store.begin().await.unwrap();
    unit.execute(ADD, params![3, "x"]).await.unwrap();
    let fate = unit.fate();
    terminate(&observer).await;
    assert!(matches!(unit.commit().await, Err(DbError::Unavailable(_))));
    assert!(matches!(fate.settled().await, Err(DbError::Unavailable(_))));
    assert_eq!(ids(&store).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_a_conflict() {
    let database = postgres_migrated(MARKS).await;
    let store = small(&database, 4).await;
    add(&store, 1).await.unwrap();
    add(&store, 2).await.unwrap();
    let touch = "UPDATE mark SET note = note || 'y' WHERE id = $1";
    let (mut a, mut b) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    a.execute(touch, params![1]).await.unwrap();
    b.execute(touch, params![2]).await.unwrap();
    let (one, two) = ([Value::Int(1)], [Value::Int(2)]);
    let (first, second) = tokio::join!(a.execute(touch, &two), b.execute(touch, &one));
    let results = [first.map(|_| ()), second.map(|_| ())];
    assert!(results.contains(&Err(DbError::Conflict)), "{results:?}");
    assert!(results.contains(&Ok(())), "{results:?}");
    let (first, second) = (a.commit().await, b.commit().await);
    assert_eq!([first, second], results);
}

#[tokio::test]
async fn a_serialisation_failure_is_a_conflict() {
    let database = postgres_migrated(MARKS).await;
    let store = small(&database, 4).await;
    add(&store, 1).await.unwrap();
    let touch = "UPDATE mark SET note = note || 'y' WHERE id = $1";
    let mut a = store.begin().await.unwrap();
    a.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", &[]).await.unwrap();
    a.query(crate::support::IDS, &[]).await.unwrap();
    let mut b = store.begin().await.unwrap();
    b.execute(touch, params![1]).await.unwrap();
    b.commit().await.unwrap();
    assert_eq!(a.execute(touch, params![1]).await, Err(DbError::Conflict));
    assert_eq!(a.commit().await, Err(DbError::Conflict));
}

#[tokio::test]
async fn a_unit_without_statements_costs_nothing() {
    let database = postgres_migrated(MARKS).await;
    let store = small(&database, 1).await;
    for _ in 0..3 {
        let unit = store.begin().await.unwrap();
        let fate = unit.fate();
        unit.commit().await.unwrap();
        assert_eq!(fate.settled().await, Ok(()));
        store.begin().await.unwrap().rollback().await.unwrap();
        drop(store.begin().await.unwrap());
    }
    let m = store.metrics();
    assert_eq!((m.units_begun, m.units_committed, m.units_undone), (9, 3, 6));
    // The first statement may as well be many, or fail.
    let mut unit = store.begin().await.unwrap();
    let rows: Vec<Vec<Value>> = (0..300).map(|i| vec![Value::Int(i), Value::from("x")]).collect();
    assert_eq!(unit.execute_many(ADD, &rows).await, Ok(300));
    unit.rollback().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.query("SELECT 1 / 0", &[]).await.unwrap_err();
    drop(unit);
    assert_eq!(ids(&store).await, [0; 0]);
}

#[tokio::test]
async fn an_empty_pool_is_waited_for_and_then_refused() {
    let database = postgres_migrated(MARKS).await;
    let mut config = database.config();
    config.pool_size = 1;
    config.acquire_timeout = Duration::from_millis(50);
    let store = Store::open(config).await.unwrap();
    let unit = store.begin().await.unwrap();
    assert!(matches!(store.read().await, Err(DbError::Unavailable(_))));
    unit.rollback().await.unwrap();
    store.read().await.unwrap();
}

#[tokio::test]
async fn plans_that_no_longer_fit_are_made_anew() {
    let database = postgres_migrated(MARKS).await;
    let (store, other) = (small(&database, 1).await, small(&database, 1).await);
    let all = "SELECT * FROM mark";
    let mut conn = store.read().await.unwrap();
    conn.query(all, &[]).await.unwrap();
    drop(conn);
    let more = Migration { number: 2, name: "more", sql: "ALTER TABLE mark ADD COLUMN extra BIGINT;" };
    other.migrate(&[MARKS[0], more]).await.unwrap();
    let mut conn = store.read().await.unwrap();
    conn.query(all, &[]).await.unwrap();
    drop(conn);
    // In a unit the transaction is gone, so the whole unit is repeated.
    let even_more = Migration { number: 3, name: "even_more", sql: "ALTER TABLE mark ADD COLUMN extra2 BIGINT;" };
    other.migrate(&[MARKS[0], more, even_more]).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.query(all, &[]).await, Err(DbError::Conflict));
    unit.rollback().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.query(all, &[]).await.unwrap();
}

#[tokio::test]
async fn prepared_statements_are_bounded() {
    let database = postgres_migrated(MARKS).await;
    let store = small(&database, 1).await;
    let mut conn = store.read().await.unwrap();
    for i in 0..700 {
        conn.query(&format!("SELECT id FROM mark WHERE id = {i}"), &[]).await.unwrap();
    }
    for i in 0..50 {
        conn.query_dynamic(&format!("SELECT note FROM mark WHERE id = {i}"), &[]).await.unwrap();
    }
    let row = conn.query_one("SELECT count(*) FROM pg_prepared_statements", &[]).await.unwrap();
    assert!(row.get::<i64>(0).unwrap() <= 512);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nudges_cross_nodes_and_survive_a_lost_connection() {
    let database = postgres_migrated(MARKS).await;
    let (one, two) = (small(&database, 1).await, small(&database, 1).await);
    let (mut near, mut far) = (one.subscribe(), two.subscribe());
    // Both connections may still be on their way.
    until("the other node hears", async || {
        one.nudge("jobs");
        tokio::time::timeout(Duration::from_millis(50), far.recv()).await.is_ok()
    })
    .await;
    assert_eq!(near.recv().await.unwrap(), "jobs", "this node heard at once");
    terminate(&one).await;
    until("the other node hears again", async || {
        one.nudge("triggers");
        while let Ok(topic) = tokio::time::timeout(Duration::from_millis(50), far.recv()).await {
            if topic.unwrap() == "triggers" {
                return true;
            }
        }
        false
    })
    .await;
    // What a node sends, its own subscribers hear once.
    while near.try_recv().is_ok() {}
    one.nudge("once");
    until("the other node hears", async || {
        tokio::time::timeout(Duration::from_millis(50), far.recv()).await.is_ok_and(|t| t.unwrap() == "once")
    })
    .await;
    assert_eq!(near.try_recv().unwrap(), "once");
    assert!(near.try_recv().is_err());
}

#[tokio::test]
async fn a_backup_is_left_to_pg_dump() {
    let database = postgres().await;
    let store = small(&database, 1).await;
    assert!(store.backup(std::path::Path::new("/tmp/never")).await.is_err());
}

#[tokio::test]
async fn a_server_out_of_reach_is_unavailable_and_its_password_is_not_told() {
    let url = "postgres://u:geheim@127.0.0.1:1/d";
    let error = Store::open(StoreConfig::postgres(url)).await.err().unwrap();
    assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("geheim"));
    assert!(!format!("{:?}", StoreConfig::postgres(url)).contains("geheim"));
    for wrong in ["postgres://u:geheim@h:port/d", "nonsense", "postgres://h/d?sslmode=maybe"] {
        let error = Store::open(StoreConfig::postgres(wrong)).await.err().unwrap();
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
    }
}

#[tokio::test]
async fn closing_refuses_more() {
    let database = postgres_migrated(MARKS).await;
    let store = small(&database, 1).await;
    store.close().await;
    assert!(!store.healthy());
    assert!(matches!(store.begin().await, Err(DbError::Unavailable(_))));
    assert!(matches!(store.read().await, Err(DbError::Unavailable(_))));
}
