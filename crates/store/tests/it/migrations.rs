//! Migrations on both engines.

use bandmaster_store::testing::{for_each_database, postgres, sqlite};
use bandmaster_store::{DbError, Migration, Store, params, schema};

const fn m(number: u32, name: &'static str, sql: &'static str) -> Migration {
    Migration { number, name, sql }
}

const FIRST: Migration = m(1, "first", "CREATE TABLE a (id {{id}}, name TEXT NOT NULL);");
const SECOND: Migration = m(
    2,
    "second",
    "-- a comment; with a semicolon
     ALTER TABLE a ADD COLUMN size BIGINT NOT NULL DEFAULT 0;
     -- sqlite: CREATE TABLE only_sqlite (x BIGINT);
     -- postgres: CREATE TABLE only_postgres (x BIGINT);
     INSERT INTO a (name, size) VALUES ('it''s; TEXT', 3);",
);
const BROKEN: Migration = m(3, "broken", "CREATE TABLE c (x BIGINT); INSERT INTO nowhere VALUES (1);");

async fn empty() -> Vec<bandmaster_store::testing::TestDatabase> {
    vec![sqlite().await, postgres().await]
}

#[tokio::test]
async fn apply_once_in_order() {
    for database in empty().await {
        let store = database.store().await;
        assert_eq!(store.migrate(&[FIRST]).await.unwrap(), ["0001_first"]);
        assert_eq!(store.migrate(&[SECOND, FIRST]).await.unwrap(), ["0002_second"]);
        assert_eq!(store.migrate(&[SECOND, FIRST]).await.unwrap(), [""; 0]);
        let mut conn = store.read().await.unwrap();
        let row = conn.query_one("SELECT name, size FROM a", &[]).await.unwrap();
        assert_eq!(row.get::<String>(0).unwrap(), "it's; TEXT");
        let rows = conn.query("SELECT name, applied_at FROM schema_migration ORDER BY number", &[]).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].get::<i64>(1).unwrap() > 1_600_000_000_000_000);
        drop(conn);
        store.close().await;
    }
}

#[tokio::test]
async fn refuse_what_does_not_fit() {
    for database in empty().await {
        let store = database.store().await;
        store.migrate(&[FIRST, SECOND]).await.unwrap();
        let changed = m(1, "first", "CREATE TABLE a (id {{id}}, name TEXT);");
        for (all, word) in [(vec![changed, SECOND], "changed"), (vec![FIRST], "newer"), (vec![FIRST, FIRST], "two")] {
            match store.migrate(&all).await {
                Err(DbError::Migration(reason)) => assert!(reason.contains(word), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_broken_one_leaves_nothing_and_can_be_mended() {
    for database in empty().await {
        let store = database.store().await;
        match store.migrate(&[FIRST, BROKEN]).await {
            Err(DbError::Migration(reason)) => assert!(reason.contains("0003_broken"), "{reason}"),
            other => panic!("{other:?}"),
        }
        let mended = m(3, "broken", "CREATE TABLE c (x BIGINT);");
        assert_eq!(store.migrate(&[FIRST, mended]).await.unwrap(), ["0003_broken"]);
        store.close().await;
    }
}

#[tokio::test]
async fn tables_can_be_rebuilt_and_references_are_checked() {
    let database = sqlite().await;
    let store = database.store().await;
    let base = m(
        1,
        "base",
        "CREATE TABLE p (id {{id}}); CREATE TABLE c (p_id BIGINT REFERENCES p (id) ON DELETE CASCADE);
         INSERT INTO p (id) VALUES (1); INSERT INTO c (p_id) VALUES (1);",
    );
    let rebuild = m(
        2,
        "rebuild",
        "-- sqlite: CREATE TABLE p2 (id {{id}}, name TEXT); INSERT INTO p2 (id) SELECT id FROM p; DROP TABLE p; ALTER TABLE p2 RENAME TO p;",
    );
    let orphan = m(3, "orphan", "DELETE FROM p;");
    store.migrate(&[base, rebuild]).await.unwrap();
    let count = "SELECT count(*) FROM c";
    let left = store.read().await.unwrap().query_one(count, &[]).await.unwrap();
    assert_eq!(left.get::<i64>(0).unwrap(), 1, "the rebuild did not cascade");
    assert!(matches!(store.migrate(&[base, rebuild, orphan]).await, Err(DbError::Migration(_))));
    // Units check again.
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.execute("INSERT INTO c (p_id) VALUES ($1)", params![9]).await, Err(DbError::ForeignKey));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_migrate_at_once_wait_for_each_other() {
    for database in empty().await {
        let (one, two) = (database.store().await, database.store().await);
        let run = |store: Store| tokio::spawn(async move { store.migrate(&[FIRST, SECOND]).await.unwrap() });
        let (a, b) = (run(one), run(two));
        let mut applied = a.await.unwrap();
        applied.extend(b.await.unwrap());
        applied.sort();
        assert_eq!(applied, ["0001_first", "0002_second"]);
    }
}

#[tokio::test]
async fn migrating_waits_for_the_open_group() {
    let database = sqlite().await;
    let store = database.store().await;
    store.migrate(&[FIRST]).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.execute("INSERT INTO a (name) VALUES ('x')", &[]).await.unwrap();
    let handle = store.clone();
    let migrating = tokio::spawn(async move { handle.migrate(&[FIRST, SECOND]).await });
    tokio::task::yield_now().await;
    unit.commit().await.unwrap();
    assert_eq!(migrating.await.unwrap().unwrap(), ["0002_second"]);
}

#[tokio::test]
async fn the_products_schema_applies_to_both() {
    for_each_database(schema::MIGRATIONS, |store| async move {
        assert_eq!(store.migrate(schema::MIGRATIONS).await.unwrap(), [""; 0]);
    })
    .await;
}
