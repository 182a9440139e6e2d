//! Rows to JSON, and whole runs with expansions on SQLite.

use crate::equivalence::{Backend, Sqlite, entities};
use crate::fixture::{JOB, LICENSE, query, query_of, sees, sees_all};
use crate::random::Data;
use bandmaster_odata::json::{Cell, value};
use bandmaster_odata::memory::bound::Row;
use bandmaster_odata::sql::{self, Folders, Visibility};
use bandmaster_odata::{KeyValue, Query, Run};
use serde_json::{Value, json};

fn row(cells: &[(&str, Cell)]) -> Row {
    cells.iter().map(|(n, c)| ((*n).to_owned(), c.clone())).collect()
}

fn i(n: i64) -> Cell {
    Cell::Int(n)
}

fn t(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// Jobs 1–3 in folder 10, 4 in folder 12, 5 of another tenant; robots 1 and 2 (of another tenant).
fn data() -> Data {
    let job = |id: i64, tenant: i64, folder: i64, robot: Cell| {
        row(&[
            ("id", i(id)),
            ("tenant_id", i(tenant)),
            ("folder_id", i(folder)),
            ("name", t(&format!("Job {id}"))),
            ("state", i(4)),
            ("enabled", i(1)),
            ("started", i(1_767_600_003_400_000)),
            ("score", Cell::Real(1.5)),
            ("key", t("8066c309-cef8-4b47-9163-b273fc14cc43")),
            ("data", t("{\"b\":1,\"a\":[true]}")),
            ("robot_id", robot),
        ])
    };
    let robot = |id: i64, tenant: i64| {
        let license = if id == 1 { t("a") } else { Cell::Null };
        row(&[("id", i(id)), ("tenant_id", i(tenant)), ("name", t(&format!("R{id}"))), ("license_id", license)])
    };
    let tag = |id: i64, job: i64, label: &str| {
        row(&[("id", i(id)), ("job_id", i(job)), ("label", t(label)), ("weight", i(id)), ("robot_id", i(1))])
    };
    let mut data = Data::new();
    data.insert(
        "jobs".into(),
        vec![
            job(1, 1, 10, i(1)),
            job(2, 1, 10, i(2)),
            job(3, 1, 10, Cell::Null),
            job(4, 1, 12, i(1)),
            job(5, 2, 10, i(1)),
        ],
    );
    data.insert("robots".into(), vec![robot(1, 1), robot(2, 2)]);
    data.insert("licenses".into(), vec![row(&[("id", t("a")), ("organization_id", i(9)), ("slots", i(3))])]);
    data.insert("tags".into(), vec![tag(1, 1, "x"), tag(2, 1, "Y"), tag(3, 3, "z"), tag(4, 4, "w")]);
    data.insert("queues".into(), vec![]);
    data.insert("queue_folders".into(), vec![]);
    data
}

fn sqlite() -> Sqlite {
    let mut backend = Sqlite::new();
    backend.load(&data());
    backend
}

fn list(raw: &str, visibility: &Visibility) -> Value {
    Value::Array(entities(&mut sqlite(), &query(raw), visibility).0)
}

#[test]
fn values_are_written_as_the_api_has_them() {
    let of = |name: &str, cell: Cell| value(JOB.property(name).unwrap(), &cell);
    for (name, cell, wanted) in [
        ("Id", i(5), json!(5)),
        ("Enabled", i(0), json!(false)),
        ("Enabled", i(1), json!(true)),
        ("State", i(4), json!("Faulted")),
        ("State", i(77), json!("77")),
        ("Started", i(1_767_600_003_400_000), json!("2026-01-05T08:00:03.4Z")),
        ("Score", Cell::Real(0.5), json!(0.5)),
        ("Score", i(2), json!(2.0)),
        ("Score", Cell::Real(f64::NAN), json!(null)),
        ("Name", t("ä"), json!("ä")),
        ("Data", t("{\"b\":1,\"a\":[2]}"), json!({"b": 1, "a": [2]})),
        ("Data", t("{broken"), json!(null)),
        ("Data", Cell::Null, json!(null)),
        ("Name", Cell::Null, json!(null)),
    ] {
        assert_eq!(of(name, cell.clone()), wanted, "{name} {cell:?}");
    }
}

#[test]
fn entities_have_all_properties_in_order() {
    let found = list("$filter=Id eq 1", &sees());
    let text = found[0].to_string();
    assert_eq!(
        text,
        "{\"Id\":1,\"Key\":\"8066c309-cef8-4b47-9163-b273fc14cc43\",\"Name\":\"Job 1\",\"Info\":null,\
         \"State\":\"Faulted\",\"Priority\":null,\"Enabled\":true,\"Started\":\"2026-01-05T08:00:03.4Z\",\"Score\":1.5,\
         \"Busy\":false,\"Data\":{\"b\":1,\"a\":[true]},\"HostName\":null,\"Password\":null,\"Hidden\":null}"
    );
}

#[test]
fn expansions_are_nested_and_hide_what_is_not_seen() {
    let raw =
        "$select=Id&$expand=Robot($select=Name;$expand=License($select=Slots)),Tags($select=Label;$orderby=Label desc)";
    assert_eq!(
        list(raw, &sees()),
        json!([
            {"Id": 1, "Robot": {"Name": "R1", "License": {"Slots": 3}}, "Tags": [{"Label": "Y"}, {"Label": "x"}]},
            {"Id": 2, "Robot": null, "Tags": []},
            {"Id": 3, "Robot": null, "Tags": [{"Label": "z"}]},
        ])
    );
    // A to-many behind a to-one, and a to-one behind a to-many.
    assert_eq!(
        list("$filter=Id eq 1&$select=Id&$expand=Robot($select=Id;$expand=Jobs($select=Id))", &sees()),
        json!([{"Id": 1, "Robot": {"Id": 1, "Jobs": [{"Id": 1}]}}])
    );
    assert_eq!(
        list("$filter=Id eq 1&$select=Id&$expand=Robot($select=Id;$expand=Jobs($select=Id))", &sees_all()),
        json!([{"Id": 1, "Robot": {"Id": 1, "Jobs": [{"Id": 1}, {"Id": 4}]}}])
    );
    assert_eq!(
        list("$filter=Id eq 3&$select=Id&$expand=Tags($select=Id;$expand=Robot($select=Id);$top=1)", &sees()),
        json!([{"Id": 3, "Tags": [{"Id": 3, "Robot": {"Id": 1}}]}])
    );
    assert_eq!(list("$filter=Id eq 1&$select=Robot&$expand=Tags($select=Robot)", &sees()), json!([{"Tags": [{}, {}]}]));
}

#[test]
fn nobody_sees_what_is_not_theirs() {
    let ids = |raw: &str, visibility: &Visibility| -> Vec<i64> {
        let found = list(raw, visibility);
        found.as_array().unwrap().iter().map(|e| e["Id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("", &sees()), [1, 2, 3]);
    assert_eq!(ids("", &sees_all()), [1, 2, 3, 4]);
    assert_eq!(ids("", &Visibility { folders: Folders::These(vec![]), ..sees_all() }), [0_i64; 0]);
    assert_eq!(ids("", &Visibility { tenant: 2, ..sees() }), [5]);
    assert_eq!(ids("$filter=Id eq 5 or true", &sees()), [1, 2, 3]);
    // Filters cannot ask about what is not seen either.
    assert_eq!(ids("$filter=Robot/Name eq 'R2'", &sees()), [0_i64; 0]);
    assert_eq!(ids("$filter=Robot/Jobs/any(j:j/Id eq 4)", &sees()), [0_i64; 0]);
    assert_eq!(ids("$filter=Robot/Jobs/any(j:j/Id eq 4)", &sees_all()), [1, 4]);

    let backend = &mut sqlite();
    let mut get = |id: i64, visibility: &Visibility| {
        let mut run = Run::by_key(&Query::all(&JOB), &KeyValue::Int(id), visibility);
        while let Some(statement) = run.next() {
            let rows = backend.query(statement);
            run.feed(rows);
        }
        run.finish().len()
    };
    assert_eq!((get(1, &sees()), get(4, &sees()), get(5, &sees()), get(4, &sees_all())), (1, 0, 0, 1));
}

#[test]
fn text_keys_ignore_case() {
    let backend = &mut sqlite();
    let query = query_of(&LICENSE, "").unwrap();
    let rows = backend.query(&sql::by_key(&query, &KeyValue::Text("A".into()), &sees()));
    assert_eq!(rows.len(), 1);
}

#[test]
fn counting_stops_at_the_cap() {
    let backend = &mut sqlite();
    let mut count = |cap| backend.query(&sql::count(&query("$top=1"), &sees(), cap))[0][0].clone();
    assert_eq!(count(None), i(3));
    assert_eq!(count(Some(1)), i(2));
    assert_eq!(count(Some(3)), i(3));
}

#[test]
fn rows_are_counted_by_a_value() {
    let backend = &mut sqlite();
    let mut tally = |raw: &str| {
        let statement = sql::tally(&query(raw), &sees(), "{t}.id % 2 + ?", &[10.into()]);
        let mut rows = backend.query(&statement);
        rows.sort_by_key(|r| format!("{r:?}"));
        rows
    };
    assert_eq!(tally("$top=1"), [[i(10), i(1)], [i(11), i(2)]]);
    assert_eq!(tally("$filter=Robot/Name eq 'R1' and Id gt 0"), [[i(11), i(1)]]);
    assert!(tally("$filter=Id gt 3").is_empty());
}

#[test]
fn features_can_narrow() {
    let mut narrowed = query("$filter=Id lt 3 or Id gt 3");
    narrowed.and_sql("{t}.robot_id = ? AND {t}.name <> ?", vec![1.into(), "Job 4".into()]);
    let (found, count) = entities(&mut sqlite(), &narrowed, &sees_all());
    assert_eq!((found.len(), count, found[0]["Id"].as_i64()), (1, 1, Some(1)));
}

#[test]
fn more_parents_than_one_statement_takes() {
    let mut all = data();
    let template = all["jobs"][0].clone();
    let jobs = all.get_mut("jobs").unwrap();
    for id in 100..2_300 {
        let mut job = template.clone();
        job.insert("id".into(), i(id));
        jobs.push(job);
    }
    let tags = all.get_mut("tags").unwrap();
    for id in 100..2_300 {
        tags.push(row(&[("id", i(id)), ("job_id", i(id)), ("label", t("l"))]));
    }
    let mut backend = Sqlite::new();
    backend.load(&all);
    let mut run = Run::page(
        &Query { top: None, ..query("$select=Id&$expand=Tags($select=Id)&$filter=Id ge 100") },
        &sees(),
        5_000,
    );
    let mut statements = 0;
    while let Some(statement) = run.next() {
        statements += 1;
        let rows = backend.query(statement);
        run.feed(rows);
    }
    let found = run.finish();
    // The page, then 1,000, 1,000 and 200 parents.
    assert_eq!((found.len(), statements), (2_200, 4));
    assert!(found.iter().all(|e| e["Tags"].as_array().unwrap() == &[json!({"Id": e["Id"]})]));
}
