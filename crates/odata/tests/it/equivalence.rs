//! Random queries over random rows: evaluation in memory, SQLite and PostgreSQL must give the same rows in the
//! same order, the same totals, and both databases the same JSON with all expansions.

use crate::fixture::{JOB, JOBS_COUNTED, LICENSE, QUEUE, ROBOT, TABLES, schema, sees, sees_all};
use crate::random::{Data, Generator, Rng, data};
use bandmaster_model::entity::EntityType;
use bandmaster_odata::json::{Cell, value};
use bandmaster_odata::memory::bound::{select, stored};
use bandmaster_odata::sql::{self, Folders, Param, Statement, Visibility};
use bandmaster_odata::{Allowed, Limits, Query, QueryOptions, Run, bind, fold};
use bandmaster_store::testing::{TestDatabase, postgres};
use bandmaster_store::{Migration, Store, Value};
use rusqlite::functions::FunctionFlags;
use serde_json::Value as Json;

const DATA_SETS: u64 = 8;
const QUERIES: usize = 1_300;

/// A database that runs statements.
pub trait Backend {
    fn name(&self) -> &'static str;
    fn load(&mut self, data: &Data);
    fn query(&mut self, statement: &Statement) -> Vec<Vec<Cell>>;
}

pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub fn new() -> Sqlite {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection
            .create_scalar_function("fold", 1, flags, |c| Ok(c.get::<Option<String>>(0)?.map(|t| fold(&t))))
            .unwrap();
        for statement in schema() {
            connection.execute(&statement, []).unwrap();
        }
        Sqlite(connection)
    }
}

fn inserts(data: &Data) -> Vec<(String, Vec<Vec<Cell>>)> {
    TABLES
        .iter()
        .map(|(table, columns)| {
            let names: Vec<&str> = columns.iter().map(|(n, _)| *n).collect();
            let places: Vec<String> = (1..=names.len()).map(|i| format!("${i}")).collect();
            let text = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(","), places.join(","));
            let rows = data[*table].iter().map(|row| names.iter().map(|n| crate::fixture::cell(row, n)).collect());
            (text, rows.collect())
        })
        .collect()
}

fn to_sqlite(cell: &Cell) -> rusqlite::types::Value {
    match cell {
        Cell::Null => rusqlite::types::Value::Null,
        Cell::Int(i) => rusqlite::types::Value::Integer(*i),
        Cell::Real(r) => rusqlite::types::Value::Real(*r),
        Cell::Text(t) => rusqlite::types::Value::Text(t.clone()),
    }
}

fn cell_of(param: &Param) -> Cell {
    match param {
        Param::Int(i) => Cell::Int(*i),
        Param::Real(r) => Cell::Real(*r),
        Param::Text(t) => Cell::Text(t.clone()),
    }
}

impl Backend for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn load(&mut self, data: &Data) {
        for (table, _) in TABLES {
            self.0.execute(&format!("DELETE FROM {table}"), []).unwrap();
        }
        for (text, rows) in inserts(data) {
            for row in rows {
                self.0.execute(&text, rusqlite::params_from_iter(row.iter().map(to_sqlite))).unwrap();
            }
        }
    }

    fn query(&mut self, statement: &Statement) -> Vec<Vec<Cell>> {
        let mut prepared = self.0.prepare(&statement.text).unwrap_or_else(|e| panic!("{e}: {}", statement.text));
        assert_eq!(prepared.column_count(), statement.columns.len(), "{}", statement.text);
        let params = rusqlite::params_from_iter(statement.params.iter().map(|p| to_sqlite(&cell_of(p))));
        let rows = prepared.query_map(params, |row| {
            (0..statement.columns.len())
                .map(|i| {
                    Ok(match row.get(i)? {
                        rusqlite::types::Value::Null => Cell::Null,
                        rusqlite::types::Value::Integer(i) => Cell::Int(i),
                        rusqlite::types::Value::Real(r) => Cell::Real(r),
                        rusqlite::types::Value::Text(t) => Cell::Text(t),
                        rusqlite::types::Value::Blob(_) => panic!("bytes"),
                    })
                })
                .collect()
        });
        rows.unwrap().map(|r| r.unwrap_or_else(|e| panic!("{e}: {}", statement.text))).collect()
    }
}

pub struct Postgres {
    runtime: tokio::runtime::Runtime,
    store: Store,
    _database: TestDatabase,
}

fn to_store(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(i) => Value::Int(*i),
        Cell::Real(r) => Value::Real(*r),
        Cell::Text(t) => Value::Text(t.clone()),
    }
}

impl Postgres {
    pub fn new() -> Postgres {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (store, database) = runtime.block_on(async {
            let database = postgres().await;
            let store = database.store().await;
            let sql = schema().join(";").leak();
            store.migrate(&[Migration { number: 1, name: "fixture", sql }]).await.unwrap();
            (store, database)
        });
        Postgres { runtime, store, _database: database }
    }
}

impl Backend for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn load(&mut self, data: &Data) {
        self.runtime.block_on(async {
            let mut unit = self.store.begin().await.unwrap();
            for (table, _) in TABLES {
                unit.execute(&format!("DELETE FROM {table}"), &[]).await.unwrap();
            }
            for (text, rows) in inserts(data) {
                let rows: Vec<Vec<Value>> = rows.iter().map(|r| r.iter().map(to_store).collect()).collect();
                unit.execute_many(&text, &rows).await.unwrap();
            }
            unit.commit().await.unwrap();
        });
    }

    fn query(&mut self, statement: &Statement) -> Vec<Vec<Cell>> {
        let params: Vec<Value> = statement.params.iter().map(|p| to_store(&cell_of(p))).collect();
        let rows = self.runtime.block_on(async {
            let mut connection = self.store.read().await.unwrap();
            connection.query_dynamic(&statement.text, &params).await
        });
        rows.unwrap_or_else(|e| panic!("{e:?}: {} {:?}", statement.text, statement.params))
            .into_iter()
            .map(|row| {
                let cell = |v| match v {
                    Value::Null => Cell::Null,
                    Value::Int(i) => Cell::Int(i),
                    Value::Real(r) => Cell::Real(r),
                    Value::Text(t) => Cell::Text(t),
                    Value::Bytes(_) => panic!("bytes"),
                };
                row.into_values().into_iter().map(cell).collect()
            })
            .collect()
    }
}

/// The entities of a query and its total, from a database.
pub fn entities(backend: &mut dyn Backend, query: &Query, visibility: &Visibility) -> (Vec<Json>, i64) {
    let mut run = Run::page(query, visibility, 1_000);
    while let Some(statement) = run.next() {
        let rows = backend.query(statement);
        run.feed(rows);
    }
    let counted = backend.query(&sql::count(query, visibility, None));
    let Some([Cell::Int(count)]) = counted.first().map(Vec::as_slice) else { panic!("no count") };
    (run.finish().into_iter().map(Json::Object).collect(), *count)
}

fn added_up(ty: &EntityType) -> Option<&'static sql::Counter> {
    (ty.name == JOB.name).then_some(&JOBS_COUNTED)
}

#[test]
fn memory_sqlite_and_postgresql_agree() {
    let mut backends: [Box<dyn Backend>; 2] = [Box::new(Sqlite::new()), Box::new(Postgres::new())];
    let types: [&'static EntityType; 6] = [&JOB, &JOB, &JOB, &ROBOT, &QUEUE, &LICENSE];
    let (mut compared, mut refused, mut nonempty, mut partial, mut sums) = (0, 0, 0, 0, 0);
    for seed in 0..DATA_SETS {
        let rng = &mut Rng(0xB0A7 + seed);
        let data = data(rng);
        backends.iter_mut().for_each(|b| b.load(&data));
        for _ in 0..QUERIES {
            let ty = rng.pick(&types);
            let visibility = match rng.below(4) {
                0 => sees_all(),
                1 => Visibility { folders: Folders::These(vec![11]), ..sees() },
                2 => Visibility { folders: Folders::These(vec![]), ..sees() },
                _ => sees(),
            };
            let pairs = Generator::new(rng, ty.name).options();
            let text = format!("seed {seed} {} {pairs:?}", ty.name);
            let options =
                QueryOptions::from_pairs(&pairs, Allowed::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
            let Ok(query) = bind(&options, ty, &Limits::default()) else {
                refused += 1;
                continue;
            };
            compared += 1;
            let (rows, total) = select(&query, &visibility, &data);
            let key = ty.key_property().unwrap();
            let wanted: Vec<Json> = rows.iter().map(|row| value(key, &stored(key, row))).collect();
            nonempty += usize::from(!wanted.is_empty());
            partial += usize::from(query.filter.is_some() && total > 0 && (total as usize) < data[ty.table].len());
            let mut first: Option<Vec<Json>> = None;
            for backend in &mut backends {
                let name = backend.name();
                let (found, count) = entities(backend.as_mut(), &query, &visibility);
                let keys: Vec<Json> = found.iter().map(|e| e[ty.key].clone()).collect();
                assert_eq!(keys, wanted, "{name} {text}\n{}", sql::page(&query, &visibility, 1_000).text);
                assert_eq!(count, i64::try_from(total).unwrap(), "{name} {text}");
                if let Some(statement) = added_up(ty).and_then(|c| sql::total(&query, &visibility, c)) {
                    let sum = backend.query(&statement);
                    assert_eq!(sum, [[Cell::Int(count)]], "{name} {text}\n{}", statement.text);
                    sums += usize::from(query.filter.is_some());
                }
                match &first {
                    None => first = Some(found),
                    Some(first) => assert_eq!(first, &found, "{name} {text}"),
                }
            }
        }
    }
    // The generator must make sense: few are refused, many find something but not everything.
    assert!(compared >= 10_000, "{compared} compared, {refused} refused");
    assert!(refused < 400, "{refused} refused");
    assert!(sums > 200, "{sums} filtered totals added up");
    assert!(nonempty > 4_000 && partial > 2_500, "{nonempty} {partial}");
}
