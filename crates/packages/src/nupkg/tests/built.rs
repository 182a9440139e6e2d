//! Packages made by the builder: structure, and that the reader finds what went in.

use std::io::{Cursor, Read};

use serde_json::json;

use super::support::read_bytes;
use crate::nupkg::build::PackageBuilder;
use crate::nupkg::{PackageKind, sha256};

fn builder() -> PackageBuilder {
    PackageBuilder::new("demo-robot", "0.0.1rc1")
        .description("Counts <things> & \"more\"")
        .authors("Ann")
        .dependency("uipath", ">=2.1")
        .dependency("requests", "*")
        .function(
            "main",
            "main.py:main",
            json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
            json!({"type": "object", "properties": {"text": {"type": "string"}}}),
        )
        .unique_id("6BA7B810-9dad-11d1-80b4-00c04fd430c8")
        .function("again", "main.py:again", json!({}), json!({}))
        .bindings(json!([{"resource": "asset", "key": "Rate",
            "value": {"name": {"defaultValue": "Rate", "isExpression": false}}}]))
        .file("main.py", "def main(n): ...\n")
        .file("data/notes.md", "x")
}

fn names(bytes: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}

fn text(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut out).unwrap();
    out
}

#[test]
fn entries_in_the_packers_order() {
    let bytes = builder().build().unwrap();
    let found = names(&bytes);
    assert!(found[0].starts_with("./package/services/metadata/core-properties/"));
    assert!(found[0].ends_with(".psmdcp"));
    assert_eq!(
        found[1..],
        [
            "[Content_Types].xml",
            "content/package-descriptor.json",
            "content/operate.json",
            "content/bindings_v2.json",
            "demo-robot.nuspec",
            "_rels/.rels",
            "content/main.py",
            "content/data/notes.md",
            "content/uipath.json",
            "content/bindings.json",
            "content/entry-points.json",
            "content/pyproject.toml",
        ]
    );
    assert!(text(&bytes, "[Content_Types].xml").contains("Extension=\"md\""));
    let relationships = text(&bytes, "_rels/.rels");
    assert!(relationships.contains("Target=\"/demo-robot.nuspec\""));
    assert!(relationships.contains(&format!("Target=\"{}\"", &found[0][1..])));
    assert_eq!(
        text(&bytes, "content/pyproject.toml"),
        "[project]\nname = \"demo-robot\"\nversion = \"0.0.1rc1\"\n\
         description = \"Counts <things> & \\\"more\\\"\"\nauthors = [{ name = \"Ann\" }]\n\
         dependencies = [\n    \"uipath>=2.1\",\n    \"requests\",\n]\nrequires-python = \">=3.11\"\n"
    );
    let descriptor: serde_json::Value = serde_json::from_str(&text(&bytes, "content/package-descriptor.json")).unwrap();
    assert_eq!(
        descriptor["files"],
        json!({"operate.json": "content/operate.json", "entry-points.json": "content/entry-points.json",
            "bindings.json": "content/bindings_v2.json", "main": "main", "again": "again"})
    );
}

#[test]
fn the_reader_finds_what_went_in() {
    let bytes = builder().build().unwrap();
    let found = read_bytes(&bytes).unwrap();
    assert_eq!(found.key().to_string(), "demo-robot:0.0.1rc1");
    assert_eq!(found.description.as_deref(), Some("Counts <things> & \"more\""));
    assert_eq!(found.authors.as_deref(), Some("Ann"));
    assert_eq!(found.kind, PackageKind::Process);
    assert_eq!(found.target_runtime.as_deref(), Some("python"));
    assert_eq!(found.main_entry_point_path.as_deref(), Some("main"));
    assert_eq!(found.entry_points.len(), 2);
    let main = found.main_entry_point().unwrap();
    assert_eq!(main.unique_id, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    assert_eq!(main.output_arguments_json, r#"[{"name":"text","type":"System.String"}]"#);
    assert_eq!(found.bindings.len(), 1);
    assert_eq!(found.project_dependencies.len(), 2);
    assert_eq!(found.file_count, 13);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (builder().build().unwrap(), builder().build().unwrap());
    assert_eq!(sha256(&one[..]).unwrap(), sha256(&two[..]).unwrap());
    let next = PackageBuilder::new("demo-robot", "0.0.2")
        .function("again", "main.py:again", json!({}), json!({}))
        .build()
        .unwrap();
    let (old, new) = (read_bytes(&one).unwrap(), read_bytes(&next).unwrap());
    assert_eq!(old.project_id, new.project_id, "ids stay the same over versions");
    assert_eq!(old.entry_points[1].unique_id, new.entry_points[0].unique_id);
}

#[test]
fn agents_and_options() {
    let bytes = PackageBuilder::new("greeter", "1.0")
        .agent("agent", "agent.py:graph", json!({}), json!({}))
        .requires_user_interaction(true)
        .attended(true)
        .conversational(true)
        .project_id("6ba7b8109dad11d180b400c04fd430c8")
        .requires_python(">=3.12")
        .file("uipath.json", r#"{"id": "x", "agents": {"agent": "agent.py:graph"}}"#)
        .build()
        .unwrap();
    let found = read_bytes(&bytes).unwrap();
    assert_eq!(found.kind, PackageKind::Agent);
    assert!(found.requires_user_interaction && found.is_attended && found.is_conversational);
    assert_eq!(found.project_id.as_deref(), Some("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
    assert!(text(&bytes, "content/uipath.json").contains("\"x\""), "the given file stays");
    assert!(!names(&bytes).contains(&"content/bindings_v2.json".to_owned()));
    assert!(text(&bytes, "content/pyproject.toml").contains(">=3.12"));
}

#[test]
fn refusals() {
    let base = || PackageBuilder::new("a", "1.0");
    for (what, package) in [
        ("name", PackageBuilder::new("../a", "1.0")),
        ("version", PackageBuilder::new("a", "one")),
        ("path", base().file("../evil.py", "")),
        ("folder", base().file("folder/", "")),
        ("project id", base().project_id("x")),
        ("entry point id", base().function("m", "m.py:m", json!({}), json!({})).unique_id("x")),
    ] {
        let error = package.build().expect_err(what);
        assert!(error.is_callers_fault(), "{what}: {error:?}");
    }
    assert!(base().build().is_ok());
}
