//! Binding: what names and values mean for a type, and what is refused.

use crate::fixture::{JOB, SYSTEM, TAG, query, query_of};
use bandmaster_odata::{Constant, KeyValue, Limits, Predicate, bind};

#[test]
fn refuses_by_name_and_place() {
    for (raw, name, position, part) in [
        ("$filter=NoSuch eq 1", "NoSuch", 0, "'JobDto' has no property named 'NoSuch'"),
        ("$filter=Id eq 1 and Robot/NoSuch eq 1", "NoSuch", 18, "'RobotDto' has no property"),
        ("$filter=Id eq 'x'", "Id", 6, "a whole number"),
        ("$filter='x' eq Id", "Id", 0, "a whole number"),
        ("$filter=Id eq true", "Id", 6, "a whole number"),
        ("$filter=Id eq 8066c309-cef8-4b47-9163-b273fc14cc43", "Id", 6, "a whole number"),
        ("$filter=Id eq Name", "Id", 0, "cannot be compared"),
        ("$filter=Id eq State", "Id", 0, "cannot be compared"),
        ("$filter=Name eq 5", "Name", 8, "a text"),
        ("$filter=Name eq 2026-01-01", "Name", 8, "a text"),
        ("$filter=Name gt true", "Name", 8, "a text"),
        ("$filter=Enabled gt true", "Enabled", 0, "no order"),
        ("$filter=Enabled eq 1", "Enabled", 11, "a Boolean value"),
        ("$filter=Started eq 'soon'", "Started", 11, "a date and time"),
        ("$filter=Key eq 'abc'", "Key", 7, "a GUID"),
        ("$filter=State eq 'NoSuch'", "State", 9, "'JobState'"),
        ("$filter=State eq '3'", "State", 9, "'JobState'"),
        ("$filter=State eq 3", "State", 9, "'JobState'"),
        ("$filter=Id in (1,'x')", "Id", 9, "a whole number"),
        ("$filter=Data eq 'x'", "Data", 0, "cannot be filtered"),
        ("$filter=Data/x eq 'x'", "Data", 0, "no parts"),
        ("$filter=HostName eq 'x'", "HostName", 0, "cannot be filtered"),
        ("$filter=Password eq 'x'", "Password", 0, "cannot be filtered"),
        ("$filter=Hidden eq 'x'", "Hidden", 0, "cannot be filtered"),
        ("$filter=Name/Id eq 1", "Name", 0, "no parts"),
        ("$filter=Robot eq 1", "Robot", 0, "no value"),
        ("$filter=Robot/License eq null", "License", 6, "no value"),
        ("$filter=Tags/Label eq 'x'", "Tags", 0, "any or all"),
        ("$filter=Robot/any(r:r/Id eq 1)", "Robot", 0, "one entity"),
        ("$filter=Name/any(r:r/Id eq 1)", "Name", 0, "by its elements"),
        ("$filter=Tags/any(t:t eq 1)", "t", 11, "no property"),
        ("$filter=Tags/any(t:t/Name eq 'x')", "Name", 13, "'TagDto'"),
        ("$filter=Name", "Name", 0, "not a condition"),
        ("$filter=Id and Enabled", "Id", 0, "not a condition"),
        ("$filter=length(Name)", "length", 0, "not a condition"),
        ("$filter=nosuch(Name)", "nosuch", 0, "not supported"),
        ("$filter=indexof(Name,'x') eq 1", "indexof", 0, "not supported"),
        ("$filter=contains(Name)", "contains", 0, "two arguments"),
        ("$filter=contains(Id,'1')", "Id", 9, "not a text"),
        ("$filter=contains(State,'1')", "State", 9, "not a text"),
        ("$filter=contains(Name,5)", "5", 14, "not a text"),
        ("$filter=tolower(Name,'x') eq 'x'", "tolower", 0, "one argument"),
        ("$filter=year(Name) eq 1", "Name", 5, "not a date and time"),
        ("$filter=Tags/any(t:NoSuch eq 1)", "NoSuch", 11, "'JobDto'"),
        ("$orderby=Id,NoSuch", "NoSuch", 3, "has no property"),
        ("$orderby=Data", "Data", 0, "ordered"),
        ("$orderby=Robot", "Robot", 0, "no value"),
        ("$orderby=Tags/Label", "Tags", 0, "any or all"),
        ("$select=Id,NoSuch", "NoSuch", 3, "has no property"),
        ("$expand=Name", "Name", 0, "cannot be expanded"),
        ("$expand=Robot($select=NoSuch)", "NoSuch", 14, "'RobotDto'"),
        ("$expand=Robot($expand=License($expand=Jobs))", "Jobs", 30, "deeper than 2"),
        ("$expand=Robot($top=5)", "Robot", 0, "do not apply"),
        ("$expand=Tags($top=1001)", "$top", 10, "above 1000"),
        ("$expand=Tags($filter=Label eq 1)", "Label", 22, "a text"),
        ("$expand=Tags($top=1),Tags($top=2)", "Tags", 13, "twice"),
    ] {
        let error = query_of(&JOB, raw).err().unwrap_or_else(|| panic!("accepted: {raw}"));
        assert!(error.message.contains(part), "{raw}: {error}");
        assert_eq!(error.name.as_deref(), Some(name), "{raw}: {error}");
        assert_eq!(error.position, Some(position), "{raw}: {error}");
    }
    for raw in [
        "$filter=null",
        "$filter=5",
        "$filter=contains(Name,null)",
        "$filter=contains(Name,'x') eq null",
        "$filter=contains(Name,'x') gt true",
        "$filter=Ns.T'x' eq Ns.T'x'",
        "$filter=substring(Name,-1) eq 'x'",
        "$filter=substring(Name,Id) eq 'x'",
        "$filter=1 eq 'a'",
        "$filter=contains(Name,'x') in (true)",
        "$orderby=1",
        "$orderby=Id eq 1",
        "$orderby=contains(Name,'x')",
    ] {
        assert!(query_of(&JOB, raw).is_err(), "{raw}");
    }
}

#[test]
fn now_is_a_value_that_is_given() {
    let raw = "$filter=Started lt now()";
    let text = format!("{:?}", query(raw).filter.unwrap());
    assert!(text.contains("DateTime(1700000000000000)"), "{text}");
    let options = crate::fixture::options(raw).unwrap();
    assert!(bind(&options, &JOB, &Limits::default()).is_err());
}

#[test]
fn types_within_others_are_not_listed() {
    assert!(query_of(&TAG, "").is_err());
    assert!(query_of(&SYSTEM, "").is_ok());
}

#[test]
fn limits_are_parameters() {
    let options =
        crate::fixture::options("$filter=Id eq 1 or Id eq 2&$orderby=Id,Name&$top=7&$expand=Robot/License").unwrap();
    let limits = Limits::default();
    assert!(bind(&options, &JOB, &limits).is_ok());
    for tight in [
        Limits { nodes: 1, ..limits },
        Limits { order_terms: 1, ..limits },
        Limits { top: 6, ..limits },
        Limits { expand_depth: 1, ..limits },
    ] {
        assert!(bind(&options, &JOB, &tight).is_err());
    }
}

#[test]
fn selections_are_in_the_types_order() {
    let names = |raw: &str| -> Option<Vec<&str>> { query(raw).select.map(|s| s.iter().map(|p| p.name).collect()) };
    assert_eq!(names(""), None);
    assert_eq!(names("$select=*,Id"), None);
    assert_eq!(names("$select=name,ID,name"), Some(vec!["Id", "Name"]));
    assert_eq!(names("$select=Robot,Id"), Some(vec!["Id"]));
    assert_eq!(names("$select=Robot"), Some(vec![]));
    assert_eq!(names("$select=Data/Inner,Id"), Some(vec!["Id", "Data"]));
    assert_eq!(names("$select=Id&$expand=Data"), Some(vec!["Id", "Data"]));
}

#[test]
fn expansions_merge() {
    let shown = |raw: &str| {
        fn one(e: &bandmaster_odata::Expand) -> String {
            let inner: Vec<String> = e.query.expand.iter().map(one).collect();
            let select = e.query.select.as_ref().map_or(0, Vec::len);
            format!("{}({}){select}", e.navigation.name, inner.join(","))
        }
        query(raw).expand.iter().map(one).collect::<Vec<_>>().join(",")
    };
    assert_eq!(shown("$expand=Robot,Tags"), "Robot()0,Tags()0");
    assert_eq!(shown("$expand=Robot/License"), "Robot(License()0)0");
    assert_eq!(shown("$expand=Robot,Robot/License,Robot($select=Name)"), "Robot(License()0)1");
    assert_eq!(shown("$expand=Robot($expand=Jobs),Robot/License"), "Robot(Jobs()0,License()0)0");
    assert_eq!(shown("$expand=Data($select=x)"), "");
}

#[test]
fn keys_are_read_leniently() {
    for (ty, text, wanted) in [
        (&JOB, "5", Some(KeyValue::Int(5))),
        (&JOB, " 5L", Some(KeyValue::Int(5))),
        (&JOB, "-5", Some(KeyValue::Int(-5))),
        (&JOB, "x", None),
        (&JOB, "99999999999999999999", None),
        (&crate::fixture::LICENSE, "a:1", Some(KeyValue::Text("a:1".into()))),
        (&crate::fixture::LICENSE, "a\0", None),
    ] {
        assert_eq!(KeyValue::of(ty, text), wanted, "{text}");
    }
}

#[test]
fn conditions_can_be_added() {
    let mut query = query("$filter=Id eq 1");
    query.and(Predicate::equals(&JOB, "robotless", Constant::Int(1)));
    assert!(matches!(&query.filter, Some(Predicate::And(parts)) if matches!(parts[1], Predicate::Always(false))));
    query.and(Predicate::equals(&JOB, "priority", Constant::Int(1)));
    query.and_sql("{t}.robot_id = ?", vec![7.into()]);
    assert!(matches!(&query.filter, Some(Predicate::And(parts)) if parts.len() == 4));
}
