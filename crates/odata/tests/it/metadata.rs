//! The metadata document in both forms.

use crate::fixture::{JOB, LICENSE, ROBOT, TAG};
use bandmaster_model::{TypeRef, parse_types};
use bandmaster_odata::edm::{Document, Operation, json, xml};

fn with<T>(run: impl FnOnce(&Document<'_>) -> T) -> T {
    let types = parse_types(
        "type JobDto\n  Data [PairDto]\n  Name string !\ntype PairDto\n  Key string !\n  Value any\n  Colour Colour\n  \
         At datetime\n  Missing NoSuchDto\ntype Empty\nenum Colour Red|Green\n",
    );
    let operation = |name: &str, namespace: &str, action, bound: Option<(&str, bool)>, returns| Operation {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        action,
        bound: bound.map(|(t, c)| (t.to_owned(), c)),
        parameters: vec![("ids".to_owned(), TypeRef::parse("[int64]"), true)],
        returns,
    };
    run(&Document {
        namespace: "Ns",
        container: "Box",
        entities: &[&JOB, &ROBOT, &TAG, &LICENSE],
        types: types.iter().collect(),
        operations: vec![
            operation("StopJob", "Ns", true, Some(("JobDto", false)), None),
            operation("Find", "Ns", false, Some(("JobDto", true)), Some(TypeRef::parse("[JobDto]"))),
            operation("Find", "Ns", false, None, None),
            operation("Other", "Ns.Second", true, None, Some(TypeRef::Bool)),
        ],
    })
}

#[test]
fn json_form() {
    let document = with(json);
    let ns = &document["Ns"];
    assert_eq!(document["$EntityContainer"], "Ns.Box");
    assert_eq!(ns["JobDto"]["$Kind"], "EntityType");
    assert_eq!(ns["JobDto"]["$Key"][0], "Id");
    assert_eq!(ns["JobDto"]["Id"].to_string(), r#"{"$Type":"Edm.Int64"}"#);
    assert_eq!(ns["JobDto"]["Name"].to_string(), "{}");
    assert_eq!(ns["JobDto"]["Info"].to_string(), r#"{"$Nullable":true}"#);
    assert_eq!(ns["JobDto"]["State"]["$Type"], "Ns.JobState");
    assert_eq!(ns["JobDto"]["Data"].to_string(), r#"{"$Collection":true,"$Type":"Ns.PairDto","$Nullable":true}"#);
    assert_eq!(
        ns["JobDto"]["Robot"].to_string(),
        r#"{"$Kind":"NavigationProperty","$Type":"Ns.RobotDto","$Nullable":true}"#
    );
    assert_eq!(
        ns["JobDto"]["Tags"].to_string(),
        r#"{"$Kind":"NavigationProperty","$Collection":true,"$Type":"Ns.TagDto"}"#
    );
    assert_eq!(ns["PairDto"]["$Kind"], "ComplexType");
    assert_eq!(ns["PairDto"]["Missing"]["$Type"], "Edm.Untyped");
    assert_eq!(ns["PairDto"]["Colour"]["$Type"], "Ns.Colour");
    assert_eq!(ns["Empty"]["$OpenType"], true);
    assert_eq!(ns["JobState"]["Faulted"], 4);
    assert_eq!(ns["Colour"]["Green"], 1);
    assert_eq!(ns["Find"].as_array().unwrap().len(), 2);
    assert_eq!(
        ns["Find"][0]["$Parameter"][0].to_string(),
        r#"{"$Name":"bindingParameter","$Collection":true,"$Type":"Ns.JobDto"}"#
    );
    assert_eq!(ns["StopJob"][0]["$IsBound"], true);
    assert_eq!(document["Ns.Second"]["Other"][0]["$ReturnType"]["$Type"], "Edm.Boolean");
    assert_eq!(ns["Box"]["Jobs"]["$NavigationPropertyBinding"]["Robot"], "Robots");
}

/// Elements open and close in order.
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        if tag.starts_with('?') || tag.ends_with('/') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split(' ').next().unwrap()),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn xml_form() {
    let text = with(xml);
    well_formed(&text);
    for part in [
        r#"<Schema Namespace="Ns" xmlns="http://docs.oasis-open.org/odata/ns/edm">"#,
        r#"<EntityType Name="JobDto"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.Int64" Nullable="false"/>"#,
        r#"<Property Name="Data" Type="Collection(Ns.PairDto)"/>"#,
        r#"<NavigationProperty Name="Tags" Type="Collection(Ns.TagDto)"/>"#,
        r#"<EnumType Name="Colour"><Member Name="Red" Value="0"/>"#,
        r#"<Action Name="StopJob" IsBound="true"><Parameter Name="bindingParameter" Type="Ns.JobDto" Nullable="false"/>"#,
        r#"<ReturnType Type="Collection(Ns.JobDto)"/>"#,
        r#"<EntitySet Name="Jobs" EntityType="Ns.JobDto"><NavigationPropertyBinding Path="Robot" Target="Robots"/>"#,
        r#"<Schema Namespace="Ns.Second""#,
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
