//! Options over computed lists.

use crate::fixture::options;
use bandmaster_model::contract;
use bandmaster_odata::memory::{apply, apply_typed, check};
use serde_json::{Value, json};

fn people() -> Vec<Value> {
    vec![
        json!({"Id": 1, "Name": "ada", "Age": 36, "Admin": true, "Seen": "2026-01-05T08:00:03.4Z", "Roles": [{"Name": "A"}],
               "Home": {"City": "Ulm"}, "State": "Running"}),
        json!({"Id": 2, "Name": "Bob", "Age": null, "Admin": false, "Seen": "2026-01-05T08:00:03Z", "Roles": [],
               "Home": null, "State": "Faulted"}),
        json!({"Id": 3, "Name": "ÄNNE", "Age": 20.5, "Admin": null, "Seen": null,
               "Roles": [{"Name": "a"}, {"Name": "b"}], "Home": {"City": "Bonn"}, "State": "Running"}),
        json!({"Id": 4, "Name": null, "Age": 7, "Admin": true, "Seen": "2025-12-31T23:59:59Z", "Roles": null,
               "Home": {"City": null}, "State": "Pending"}),
    ]
}

fn ids(raw: &str) -> Vec<i64> {
    let (rows, _) = apply(&options(raw).unwrap(), people()).unwrap_or_else(|e| panic!("{raw}: {e}"));
    rows.iter().map(|r| r["Id"].as_i64().unwrap()).collect()
}

#[test]
fn filters_and_orders() {
    for (raw, wanted) in [
        ("", vec![1, 2, 3, 4]),
        ("$filter=name eq 'ADA'", vec![1]),
        ("$filter=Name eq 'änne'", vec![3]),
        ("$filter=Name eq null", vec![4]),
        ("$filter=Name ne 'ada'", vec![2, 3, 4]),
        ("$filter=null ne Age", vec![1, 3, 4]),
        ("$filter=Age gt 20", vec![1, 3]),
        ("$filter=Age le 20.5", vec![3, 4]),
        ("$filter=Age eq '36'", vec![1]),
        ("$filter=not (Age gt 20)", vec![2, 4]),
        ("$filter=Admin", vec![1, 4]),
        ("$filter=not Admin", vec![2]),
        ("$filter=Admin ne true", vec![2, 3]),
        ("$filter=Id in (1,3,9)", vec![1, 3]),
        ("$filter=State in ('running')", vec![1, 3]),
        ("$filter=State eq Ns.S'Running'", vec![1, 3]),
        ("$filter=Seen ge 2026-01-05T08:00:03Z", vec![1, 2]),
        ("$filter=Seen lt '2026-01-01'", vec![4]),
        ("$filter=contains(Name,'B')", vec![2]),
        ("$filter=not contains(Name,'b')", vec![1, 3]),
        ("$filter=contains(Name,'b') eq false", vec![1, 3]),
        ("$filter=substringof('d',Name) or endswith(Name,'E')", vec![1, 3]),
        ("$filter=startswith(tolower(Name), toupper('än'))", vec![3]),
        ("$filter=length(Name) eq 3 and indexof(Name,'B') eq 0", vec![2]),
        ("$filter=substring(Name,1,1) eq 'd'", vec![1]),
        ("$filter=concat(trim(' x '),Name) eq 'xbob'", vec![2]),
        ("$filter=year(Seen) eq 2026 and second(Seen) eq 3", vec![1, 2]),
        ("$filter=date(Seen) eq 2025-12-31", vec![4]),
        ("$filter=Home/City eq 'ulm'", vec![1]),
        ("$filter=Home/City eq null", vec![2, 4]),
        ("$filter=Roles/any(r: r/Name eq 'A')", vec![1, 3]),
        ("$filter=Roles/all(r: r/Name eq 'A')", vec![1, 2, 4]),
        ("$filter=Roles/any()", vec![1, 3]),
        ("$filter=Roles/any(r: r/Name eq 'b' and Id eq 3)", vec![3]),
        ("$filter=1 eq 1", vec![1, 2, 3, 4]),
        ("$filter=1 eq 2", vec![]),
        ("$orderby=Name", vec![4, 1, 2, 3]),
        ("$orderby=Name desc", vec![3, 2, 1, 4]),
        ("$orderby=Age desc", vec![1, 3, 4, 2]),
        ("$orderby=Admin,Id desc", vec![3, 2, 4, 1]),
        // As texts the one with a fraction would come first.
        ("$orderby=Seen", vec![3, 4, 2, 1]),
        ("$orderby=length(Name) desc,Id", vec![3, 1, 2, 4]),
        ("$orderby=Home/City", vec![2, 4, 3, 1]),
        ("$skip=1&$top=2", vec![2, 3]),
        ("$skip=10", vec![]),
        ("$top=0", vec![]),
    ] {
        assert_eq!(ids(raw), wanted, "{raw}");
    }
}

#[test]
fn totals_and_selections() {
    let (rows, total) = apply(&options("$filter=Id gt 1&$top=1&$select=id,NAME").unwrap(), people()).unwrap();
    assert_eq!((rows, total), (vec![json!({"Id": 2, "Name": "Bob"})], Some(3)));
    let (_, total) = apply(&options("$count=false").unwrap(), people()).unwrap();
    assert_eq!(total, None);
    let (rows, _) = apply(&options("$top=1&$select=Id&$expand=Home").unwrap(), people()).unwrap();
    assert_eq!(rows, vec![json!({"Id": 1, "Home": {"City": "Ulm"}})]);
    let (rows, _) = apply(&options("$top=1&$select=*,Id").unwrap(), people()).unwrap();
    assert_eq!(rows[0], people()[0]);
}

#[test]
fn unknown_names_are_refused() {
    for raw in [
        "$filter=NoSuch eq 1",
        "$filter=Id eq 1 or NoSuch eq 1",
        "$filter=nosuch(Name)",
        "$filter=contains(Name)",
        "$filter=Name",
        "$filter=5",
        "$filter=null",
        "$orderby=NoSuch",
        "$orderby=1",
        "$orderby=Id,Id,Id,Id,Id,Id",
        "$select=NoSuch",
        "$expand=NoSuch",
        "$expand=Home($expand=A($expand=B))",
    ] {
        assert!(apply(&options(raw).unwrap(), people()).is_err(), "{raw}");
    }
    let long = format!("$filter={}", vec!["Id eq 1"; 101].join(" or "));
    assert!(apply(&options(&long).unwrap(), people()).is_err());
    // An empty list knows no names; that is what the published type is for.
    assert!(apply(&options("$filter=NoSuch eq 1").unwrap(), vec![]).is_ok());
}

#[test]
fn published_types_are_checked_on_empty_lists_too() {
    let ty = contract().type_def("JobDto").unwrap();
    for raw in [
        "$filter=NoSuch eq 1",
        "$filter=Id eq 'x'",
        "$filter=Key eq 'x'",
        "$filter=Key gt true",
        "$filter=State eq 'NoSuch'",
        "$filter=CreationTime eq 'soon'",
        "$filter=Robot/NoSuch eq 1",
        "$filter=State/Length eq 1",
        "$filter=Id",
        "$orderby=NoSuch",
        "$select=NoSuch",
        "$expand=NoSuch",
        "$expand=Robot($expand=NoSuch)",
        "$expand=Robot($select=NoSuch)",
    ] {
        assert!(check(&options(raw).unwrap(), ty).is_err(), "{raw}");
        assert!(apply_typed(&options(raw).unwrap(), ty, vec![]).is_err(), "{raw}");
    }
    for raw in [
        "$filter=id eq 5 and state in ('Running','4') and contains(releaseName,'x') and CreationTime gt 2026-01-01",
        "$filter=Robot/Name eq 'x' and Key eq 8066c309-cef8-4b47-9163-b273fc14cc43",
        "$orderby=CreationTime desc&$select=Id,Robot/Name&$expand=Robot,Release",
    ] {
        check(&options(raw).unwrap(), ty).unwrap_or_else(|e| panic!("{raw}: {e}"));
    }
}
