//! What both engines must do alike.

use std::time::Duration;

use bandmaster_store::testing::{for_each_database, postgres, sqlite};
use bandmaster_store::{
    Conn, DbError, Dialect, Fate, Kind, Migration, Row, Store, Unit, Value, each, fold, many, params,
};

const THINGS: &[Migration] = &[Migration {
    number: 1,
    name: "things",
    sql: "CREATE TABLE owner (id {{id}}, name TEXT NOT NULL UNIQUE);
          CREATE TABLE thing (
              id {{id}},
              owner_id BIGINT REFERENCES owner (id),
              name TEXT NOT NULL,
              size BIGINT CHECK (size < 1000),
              weight {{real}},
              body {{blob}},
              UNIQUE (owner_id, size)
          );
          CREATE UNIQUE INDEX thing_name ON thing (fold(name));
          CREATE UNIQUE INDEX thing_body ON thing (body, weight);",
}];

fn is_send_sync<T: Send + Sync>() {}

#[test]
fn handles_and_futures_cross_threads() {
    is_send_sync::<Store>();
    is_send_sync::<Conn>();
    is_send_sync::<Unit>();
    is_send_sync::<Fate>();
    let _ = future_crosses_threads;
}

/// Compiles only when the future of a unit's work is `Send`.
#[allow(clippy::manual_async_fn)]
fn future_crosses_threads(store: Store) -> impl Future<Output = Result<(), DbError>> + Send {
    async move {
        let mut unit = store.begin().await?;
        let values = vec![vec![Value::Int(1)]];
        unit.execute_many("", &values).await?;
        unit.query_long("", params![1, "x"]).await?;
        unit.commit().await
    }
}

async fn one(store: &Store, sql: &str, values: &[Value]) -> Row {
    store.read().await.unwrap().query_one(sql, values).await.unwrap()
}

/// Runs one statement in a unit of its own.
async fn write(store: &Store, sql: &str, values: &[Value]) -> Result<u64, DbError> {
    let mut unit = store.begin().await.unwrap();
    let changed = unit.execute(sql, values).await?;
    unit.commit().await?;
    Ok(changed)
}

#[tokio::test]
async fn every_value_comes_back() {
    for_each_database(THINGS, |store| async move {
        let rows = [
            params![None::<i64>, "", None::<i64>, None::<f64>, None::<Vec<u8>>].to_vec(),
            params![None::<i64>, "Hammer", i64::MIN, 1.5, vec![0u8, 1, 255]].to_vec(),
            params![None::<i64>, "Zange äöü 日本 🤖", 999, -0.25e-7, Vec::<u8>::new()].to_vec(),
            params![None::<i64>, String::from("'quoted' \"$1\" ?1"), true, f64::MAX, vec![7u8; 70_000]].to_vec(),
        ];
        let mut unit = store.begin().await.unwrap();
        for (i, row) in rows.iter().enumerate() {
            let made = unit
                .query_one(
                    "INSERT INTO thing (owner_id, name, size, weight, body) VALUES ($1, $2, $3, $4, $5) \
                     RETURNING id, name",
                    row,
                )
                .await
                .unwrap();
            assert_eq!(made.get::<i64>(0).unwrap(), i64::try_from(i + 1).unwrap());
            assert_eq!(*made.value(1), row[1]);
        }
        unit.commit().await.unwrap();
        let mut conn = store.read().await.unwrap();
        for dynamic in [false, true] {
            let sql = "SELECT owner_id, name, size, weight, body FROM thing WHERE id > $1 ORDER BY id";
            let found = match dynamic {
                false => conn.query(sql, params![0]).await.unwrap(),
                true => conn.query_dynamic(sql, params![0]).await.unwrap(),
            };
            let values: Vec<_> = found.into_iter().map(Row::into_values).collect();
            assert_eq!(values, rows);
        }
    })
    .await;
}

#[tokio::test]
async fn rows_are_read_by_type() {
    for_each_database(THINGS, |store| async move {
        write(&store, "INSERT INTO thing (name, size, weight) VALUES ($1, $2, $3)", params!["a", 1, 2.5])
            .await
            .unwrap();
        let row = one(&store, "SELECT name, size, weight, body FROM thing", &[]).await;
        assert_eq!(row.len(), 4);
        assert_eq!(row.get::<String>(0).unwrap(), "a");
        assert_eq!(row.get::<i32>(1).unwrap(), 1);
        assert!(row.get::<bool>(1).unwrap());
        assert_eq!(row.get::<f64>(1).unwrap(), 1.0);
        assert_eq!(row.get::<f64>(2).unwrap(), 2.5);
        assert_eq!(row.get::<Option<Vec<u8>>>(3).unwrap(), None);
        assert_eq!(row.value(9), &Value::Null);
        for wrong in [
            row.get::<i64>(0).map(|_| ()),
            row.get::<String>(1).map(|_| ()),
            row.get::<i64>(3).map(|_| ()),
            row.get::<i64>(9).map(|_| ()),
            row.get::<bool>(2).map(|_| ()),
        ] {
            assert!(matches!(wrong, Err(DbError::Decode(_))), "{wrong:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn results_of_expressions_have_the_same_types() {
    for_each_database(THINGS, |store| async move {
        for size in [1, 2, 3] {
            let name = format!("n{size}");
            write(&store, "INSERT INTO thing (name, size) VALUES ($1, $2)", params![name, size]).await.unwrap();
        }
        for (sql, expected) in [
            ("SELECT count(*) FROM thing", Value::Int(3)),
            ("SELECT sum(size) FROM thing", Value::Int(6)),
            ("SELECT max(name) FROM thing", Value::from("n3")),
            ("SELECT coalesce(max(weight), $1) FROM thing", Value::Real(0.5)),
            ("SELECT count(*) FROM thing WHERE size * 1.5 > $1", Value::Int(3)),
            ("SELECT size > 1 FROM thing WHERE size + $1::float8 > 2.0 ORDER BY size LIMIT 1", Value::Int(1)),
            ("SELECT $1::float8", Value::Real(0.5)),
            ("SELECT CAST(sum(size) AS BIGINT) FROM thing WHERE weight IS NOT DISTINCT FROM NULL", Value::Int(6)),
            ("SELECT row_number() OVER (ORDER BY id DESC) FROM thing ORDER BY id LIMIT 1", Value::Int(3)),
            ("WITH big AS (SELECT name FROM thing WHERE size > 1) SELECT count(*) FROM big", Value::Int(2)),
        ] {
            let values = if sql.contains("$1") { params![0.5].to_vec() } else { Vec::new() };
            let row = one(&store, sql, &values).await;
            assert_eq!(row.value(0), &expected, "{:?} {sql}", store.dialect());
        }
        let mean = one(&store, "SELECT avg(size) FROM thing", &[]).await;
        assert_eq!(mean.get::<f64>(0).unwrap(), 2.0);
    })
    .await;
}

#[tokio::test]
async fn parameters_fit_leniently() {
    for_each_database(THINGS, |store| async move {
        let mut conn = store.read().await.unwrap();
        // Used twice, out of order, cast, NULL of no type, and none at all.
        let row = conn
            .query_one(
                "SELECT CAST($2 AS TEXT), $1::bigint + $1::bigint, CAST($3 AS BIGINT)",
                params![4, "b", None::<i64>],
            )
            .await
            .unwrap();
        assert_eq!(row.into_values(), [Value::from("b"), Value::Int(8), Value::Null]);
        conn.query("SELECT id FROM thing WHERE size = $1 AND name = $2", params![None::<i64>, None::<String>])
            .await
            .unwrap();
        conn.query_dynamic("SELECT id FROM thing WHERE size = $1 OR name = $2 LIMIT $3", params![None::<i64>, "x", 5])
            .await
            .unwrap();
        for (sql, values) in [
            ("SELECT id FROM thing WHERE size = $1", params![1, 2]),
            ("SELECT id FROM thing WHERE size = $1 OR size = $2", params![1]),
            ("SELECT id FROM thing WHERE nothing = $1", params![1]),
        ] {
            let error = conn.query(sql, values).await.unwrap_err();
            assert!(matches!(error, DbError::Internal(_)), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn texts_with_nul_are_refused_before_anything_happens() {
    for_each_database(THINGS, |store| async move {
        let mut unit = store.begin().await.unwrap();
        let sql = "INSERT INTO owner (name) VALUES ($1)";
        assert_eq!(unit.execute(sql, params!["a\0b"]).await, Err(DbError::BadText));
        assert_eq!(unit.execute_many(sql, &[vec!["fine".into()], vec!["\0".into()]]).await, Err(DbError::BadText));
        // The unit is as before.
        unit.execute(sql, params!["ab"]).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(one(&store, "SELECT count(*) FROM owner", &[]).await.get::<i64>(0).unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn constraints_are_told_apart() {
    for_each_database(THINGS, |store| async move {
        write(&store, "INSERT INTO owner (id, name) VALUES ($1, $2)", params![5, "Ada"]).await.unwrap();
        let thing = "INSERT INTO thing (id, owner_id, name, size, weight, body) VALUES ($1, $2, $3, $4, $5, $6)";
        write(&store, thing, params![7, 5, "Saw", 3, 1.0, vec![1u8]]).await.unwrap();
        let unique = |name: &str| DbError::Unique { constraint: name.to_owned() };
        for (sql, values, expected) in [
            ("INSERT INTO owner (name) VALUES ($1)", params!["Ada"], unique("owner_name_key")),
            ("INSERT INTO owner (id, name) VALUES ($1, $2)", params![5, "Bob"], unique("owner_pkey")),
            (thing, params![8, 5, "SAW", 4, 1.0, vec![2u8]], unique("thing_name")),
            (thing, params![8, 5, "Axe", 3, 1.0, vec![2u8]], unique("thing_owner_id_size_key")),
            (thing, params![8, 5, "Axe", 4, 1.0, vec![1u8]], unique("thing_body")),
            (thing, params![8, 6, "Axe", 4, 1.0, vec![2u8]], DbError::ForeignKey),
            (thing, params![8, 5, "Axe", 4000, 1.0, vec![2u8]], DbError::Check),
            (thing, params![8, 5, None::<String>, 4, 1.0, vec![2u8]], DbError::Check),
            ("DELETE FROM owner WHERE id = $1", params![5], DbError::ForeignKey),
            ("UPDATE thing SET size = $1", params![1000], DbError::Check),
        ] {
            let error = write(&store, sql, values).await.unwrap_err();
            assert_eq!(error, expected, "{:?} {sql}", store.dialect());
            assert!(!error.to_string().contains("Axe") && !error.to_string().contains("4000"));
        }
    })
    .await;
}

#[tokio::test]
async fn conflicts_can_be_met_in_the_statement() {
    for_each_database(THINGS, |store| async move {
        let put = "INSERT INTO owner (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        assert_eq!(write(&store, put, params!["Ada"]).await, Ok(1));
        assert_eq!(write(&store, put, params!["Ada"]).await, Ok(0));
        let mut unit = store.begin().await.unwrap();
        let row = unit
            .query_one(
                "INSERT INTO owner (name) VALUES ($1) ON CONFLICT (name) \
                 DO UPDATE SET name = excluded.name || $2 RETURNING name",
                params!["Ada", " L."],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<String>(0).unwrap(), "Ada L.");
        assert_eq!(
            unit.query_opt("UPDATE owner SET name = $1 WHERE id = $2 RETURNING id", params!["x", 99]).await,
            Ok(None)
        );
        assert_eq!(unit.execute("UPDATE owner SET name = $1 WHERE name = $2", params!["x", "Ada L."]).await, Ok(1));
        unit.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_failed_unit_can_only_be_given_up() {
    for_each_database(THINGS, |store| async move {
        write(&store, "INSERT INTO owner (name) VALUES ($1)", params!["Ada"]).await.unwrap();
        let mut unit = store.begin().await.unwrap();
        let insert = "INSERT INTO owner (name) VALUES ($1)";
        unit.execute(insert, params!["Bob"]).await.unwrap();
        let error = unit.execute(insert, params!["Ada"]).await.unwrap_err();
        assert!(error.is_unique("owner_name_key"));
        assert_eq!(unit.execute(insert, params!["Eve"]).await, Err(error.clone()));
        assert_eq!(unit.query(insert, params!["Eve"]).await, Err(error.clone()));
        assert_eq!(unit.commit().await, Err(error));
        assert_eq!(one(&store, "SELECT count(*) FROM owner", &[]).await.get::<i64>(0).unwrap(), 1);
        // Rolling back a failed unit is no failure.
        let mut unit = store.begin().await.unwrap();
        unit.execute(insert, params!["Ada"]).await.unwrap_err();
        assert_eq!(unit.rollback().await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn sessions_for_reading_cannot_write() {
    for_each_database(THINGS, |store| async move {
        let mut conn = store.read().await.unwrap();
        let error = conn.execute("INSERT INTO owner (name) VALUES ('x')", &[]).await.unwrap_err();
        assert!(matches!(error, DbError::Internal(_)), "{error:?}");
        // And see nothing that is not committed.
        let mut unit = store.begin().await.unwrap();
        unit.execute("INSERT INTO owner (name) VALUES ('x')", &[]).await.unwrap();
        assert_eq!(conn.query("SELECT id FROM owner", &[]).await, Ok(vec![]));
        unit.commit().await.unwrap();
        assert_eq!(conn.query("SELECT id FROM owner", &[]).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn many_rows_in_one_call() {
    for_each_database(THINGS, |store| async move {
        let rows: Vec<Vec<Value>> = (0..1000).map(|i| vec![Value::from(format!("owner {i}"))]).collect();
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.execute_many("INSERT INTO owner (name) VALUES ($1)", &rows).await, Ok(1000));
        unit.commit().await.unwrap();
        // In order:
        let row = one(&store, "SELECT name FROM owner WHERE id = $1", params![1000]).await;
        assert_eq!(row.get::<String>(0).unwrap(), "owner 999");
        // The first error counts, and the unit is gone.
        let mut unit = store.begin().await.unwrap();
        let rows = [vec![Value::from("new")], vec![Value::from("owner 3")], vec![Value::from("newer")]];
        let error = unit.execute_many("INSERT INTO owner (name) VALUES ($1)", &rows).await.unwrap_err();
        assert!(error.is_unique("owner_name_key"));
        assert_eq!(unit.commit().await, Err(error));
        let row = one(&store, "SELECT count(*) FROM owner", &[]).await;
        assert_eq!(row.get::<i64>(0).unwrap(), 1000);
    })
    .await;
}

const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) \
                       SELECT count(*) FROM n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_have_a_time_limit() {
    for database in [sqlite().await, postgres().await] {
        let mut config = database.config();
        config.statement_timeout = Duration::from_millis(150);
        let store = Store::open(config).await.unwrap();
        store.migrate(THINGS).await.unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(conn.query(ENDLESS, &[]).await, Err(DbError::Interrupted));
        assert_eq!(conn.query_long(ENDLESS, &[]).await, Err(DbError::Interrupted));
        conn.query("SELECT 1", &[]).await.unwrap();
        // In a unit it ends the unit; a read harms nobody else.
        let mut unit = store.begin().await.unwrap();
        unit.execute("INSERT INTO owner (name) VALUES ('x')", &[]).await.unwrap();
        assert_eq!(unit.query(ENDLESS, &[]).await, Err(DbError::Interrupted));
        assert_eq!(unit.commit().await, Err(DbError::Interrupted));
        write(&store, "INSERT INTO owner (name) VALUES ('x')", &[]).await.unwrap();
        assert_eq!(store.metrics().interrupted, 3);
        store.close().await;
    }
}

#[tokio::test]
async fn folding_and_order_agree() {
    // Letters of all common scripts; the engines' tables may differ in rare ones.
    let letters: Vec<String> = [
        (0x20, 0x24F),
        (0x370, 0x3FF),
        (0x400, 0x52F),
        (0x531, 0x556),
        (0x1E00, 0x1FFF),
        (0x3042, 0x3060),
        (0xFF21, 0xFF3A),
        (0x1F600, 0x1F610),
    ]
    .into_iter()
    .flat_map(|(a, b)| (a..=b).filter_map(char::from_u32))
    .filter(|c| !c.is_control())
    .map(|c| format!("x{c}Y"))
    .collect();
    for_each_database(THINGS, |store| {
        let letters = letters.clone();
        async move {
            let rows: Vec<Vec<Value>> = letters.iter().map(|l| vec![Value::from(l)]).collect();
            let mut unit = store.begin().await.unwrap();
            unit.execute_many("INSERT INTO owner (name) VALUES ($1)", &rows).await.unwrap();
            unit.commit().await.unwrap();
            let mut conn = store.read().await.unwrap();
            for row in conn.query("SELECT name, fold(name) FROM owner", &[]).await.unwrap() {
                let name: String = row.get(0).unwrap();
                assert_eq!(row.get::<String>(1).unwrap(), fold(&name), "{:?} {name}", store.dialect());
            }
            // Both order by bytes, as Rust does.
            let mut sorted = letters.clone();
            sorted.sort();
            let names = |rows: Vec<Row>| rows.iter().map(|r| r.get::<String>(0).unwrap()).collect::<Vec<_>>();
            let by_name = names(conn.query("SELECT name FROM owner ORDER BY name", &[]).await.unwrap());
            assert_eq!(by_name, sorted);
            sorted.sort_by_key(|l| (fold(l), l.clone()));
            let folded = names(conn.query("SELECT name FROM owner ORDER BY fold(name), name", &[]).await.unwrap());
            assert_eq!(folded, sorted);
            let row =
                one(&store, "SELECT fold(CAST(NULL AS TEXT)), fold($1), $2::text < $3::text", params!["ÄÖÜ", "a", "B"])
                    .await;
            assert_eq!(row.value(0), &Value::Null);
            assert_eq!(row.get::<String>(1).unwrap(), "äöü");
        }
    })
    .await;
}

#[tokio::test]
async fn an_index_on_fold_is_used() {
    for_each_database(THINGS, |store| async move {
        let mut unit = store.begin().await.unwrap();
        let rows: Vec<Vec<Value>> = (0..2000).map(|i| vec![Value::from(format!("Thing {i}"))]).collect();
        unit.execute_many("INSERT INTO thing (name) VALUES ($1)", &rows).await.unwrap();
        unit.commit().await.unwrap();
        let (explain, sign) = match store.dialect() {
            Dialect::Sqlite => ("EXPLAIN QUERY PLAN ", "USING INDEX thing_name"),
            Dialect::Postgres => ("EXPLAIN ", "thing_name"),
        };
        let sql = format!("{explain} SELECT id FROM thing WHERE fold(name) = fold($1)");
        let plan = store.read().await.unwrap().query_dynamic(&sql, params!["THING 77"]).await.unwrap();
        assert!(format!("{plan:?}").contains(sign), "{plan:?}");
    })
    .await;
}

#[tokio::test]
async fn metrics_count() {
    for_each_database(THINGS, |store| async move {
        write(&store, "INSERT INTO owner (name) VALUES ('x')", &[]).await.unwrap();
        store.begin().await.unwrap().rollback().await.unwrap();
        drop(store.read().await.unwrap());
        let m = store.metrics();
        assert_eq!((m.units_begun, m.units_committed, m.units_undone, m.reads), (2, 1, 1, 1));
        assert!(m.groups >= 1 && m.connections >= 1);
        assert!(store.healthy());
    })
    .await;
}

#[tokio::test]
async fn many_rows_travel_as_one_parameter() {
    for_each_database(THINGS, |store| async move {
        let texts = ["", "a\"b\\", "line\nbreak\tand \u{1} control", "ü 🙂", "null", "[1,2]", "\u{2028}"];
        let mut rows: Vec<Vec<Value>> = texts.iter().map(|t| params![*t, i64::MAX, None::<i64>].to_vec()).collect();
        rows.push(params![None::<&str>, i64::MIN, 0].to_vec());
        let columns = [("t", Kind::Text), ("big", Kind::Int), ("absent", Kind::Int)];
        let sql = format!("SELECT n, t, big, absent FROM {} AS w ORDER BY n", each(store.dialect(), "$1", &columns));
        let found = store.read().await.unwrap().query(&sql, &[many(&rows).unwrap()]).await.unwrap();
        assert_eq!(found.len(), rows.len());
        for (n, (row, sent)) in found.into_iter().zip(rows).enumerate() {
            let values = row.into_values();
            assert_eq!(values[0], Value::Int(i64::try_from(n).unwrap()));
            assert_eq!(values[1..], sent[..]);
        }
        assert!(store.read().await.unwrap().query(&sql, &[many(&[]).unwrap()]).await.unwrap().is_empty());
    })
    .await;
}
