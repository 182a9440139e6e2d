//! Coded packages: Python functions and agents, with and without all of their files.

use serde_json::{Value, json};

use super::support::{info, manifest};
use crate::nupkg::{PackageKind, TargetFramework};

const ID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

fn operate(more: &[(&str, Value)]) -> Vec<u8> {
    let mut document = json!({
        "projectId": "{16FD2706-8BAF-433B-82EB-8C7FADA847DA}",
        "main": "main",
        "contentType": "function",
        "targetFramework": "Portable",
        "targetRuntime": "python",
        "runtimeOptions": {"requiresUserInteraction": false, "isAttended": false, "isConversational": false},
        "dependencies": {"uipath": ">=2.1, <3.0", "requests": "*"},
    });
    for (name, value) in more {
        document[*name] = value.clone();
    }
    document.to_string().into_bytes()
}

fn entry_points() -> Vec<u8> {
    json!({"entryPoints": [
        {"filePath": "main", "uniqueId": ID, "type": "function", "displayName": "The main one",
         "input": {"type": "object", "properties": {
             "message": {"type": "string"}, "repeat": {"type": "integer", "default": 1},
             "when": {"type": "string", "format": "date-time"},
             "file": {"$ref": "#/definitions/job-attachment"}, "tags": {"type": "array"}},
             "required": ["message"],
             "definitions": {"job-attachment": {"type": "object"}}},
         "output": {"type": "string"}},
        {"filePath": "other", "uniqueId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "input": {}, "output": null},
    ]})
    .to_string()
    .into_bytes()
}

#[test]
fn a_python_function() {
    let found = info(&[
        ("./package/services/metadata/core-properties/0a.psmdcp", b"x"),
        ("content/operate.json", &operate(&[])),
        (
            "content/bindings_v2.json",
            br#"{"version":"2.0","resources":[
            {"resource":"asset","key":"Rate.Shared","value":{"name":{"defaultValue":"Rate"}}}]}"#,
        ),
        ("demo-robot.nuspec", manifest("<authors>Ann</authors>").as_bytes()),
        ("content/main.py", b"pass"),
        ("content/entry-points.json", &entry_points()),
        ("content/uipath.json", br#"{"functions":{"main":"main.py:main"}}"#),
    ]);
    assert_eq!(found.key().to_string(), "A:1.0.0");
    assert_eq!(found.title, "A");
    assert_eq!(found.authors.as_deref(), Some("Ann"));
    assert_eq!(found.kind, PackageKind::Process);
    assert_eq!(found.content_type.as_deref(), Some("function"));
    assert!(found.is_coded && found.supports_multiple_entry_points);
    assert!(!found.requires_user_interaction && !found.is_attended && !found.is_compiled);
    assert_eq!(found.target_framework, TargetFramework::Portable);
    assert_eq!(found.target_runtime.as_deref(), Some("python"));
    assert_eq!(found.project_id.as_deref(), Some("16fd2706-8baf-433b-82eb-8c7fada847da"));
    assert_eq!(found.main_entry_point_path.as_deref(), Some("main"));
    assert_eq!(found.bindings[0].name.as_deref(), Some("Rate"));
    let dependencies: Vec<_> = found.project_dependencies.iter().map(|d| (d.id.as_str(), d.range.as_deref())).collect();
    assert_eq!(dependencies, [("uipath", Some(">=2.1, <3.0")), ("requests", None)]);
    assert!(found.dependencies.is_empty());

    let main = found.main_entry_point().unwrap();
    assert_eq!(main.unique_id, ID);
    assert_eq!(main.display_name.as_deref(), Some("The main one"));
    let inputs: Value = serde_json::from_str(&main.input_arguments_json).unwrap();
    let dictionary = "System.Collections.Generic.Dictionary`2[System.String,System.Object]";
    assert_eq!(
        inputs,
        json!([
            {"name": "message", "type": "System.String", "required": true, "hasDefault": false},
            {"name": "repeat", "type": "System.Int64", "required": false, "hasDefault": true},
            {"name": "when", "type": "System.DateTime", "required": false, "hasDefault": false},
            {"name": "file", "type": dictionary, "required": false, "hasDefault": false},
            {"name": "tags", "type": "System.Object[]", "required": false, "hasDefault": false},
        ])
    );
    assert_eq!(main.output_arguments_json, "[]");
    assert_eq!(main.output_schema.as_deref(), Some(r#"{"type":"string"}"#));
    assert!(main.input_schema.as_deref().unwrap().starts_with(r#"{"type":"object","properties":{"message":"#));
    let other = &found.entry_points[1];
    assert_eq!(other.input_arguments_json, "[]");
    assert_eq!(other.input_schema.as_deref(), Some("{}"));
    assert_eq!(other.output_schema, None);
}

#[test]
fn kinds_and_options() {
    let text = manifest("");
    let with = |name: &str, value: Value| {
        info(&[("A.nuspec", text.as_bytes()), ("content/operate.json", &operate(&[(name, value)]))])
    };
    for (content_type, kind) in [
        ("agent", PackageKind::Agent),
        ("ProcessOrchestration", PackageKind::ProcessOrchestration),
        ("casemanagement", PackageKind::CaseManagement),
        ("webApp", PackageKind::WebApp),
        ("tomorrow", PackageKind::Undefined),
    ] {
        assert_eq!(with("contentType", content_type.into()).kind, kind, "{content_type}");
    }
    let options = json!({"requiresUserInteraction": true, "isAttended": "true", "isConversational": true});
    let found = with("runtimeOptions", options);
    assert!(found.requires_user_interaction && found.is_attended && found.is_conversational);
    let low_code = with("targetRuntime", "pythonAgent".into());
    assert_eq!(low_code.target_runtime.as_deref(), Some("pythonAgent"));
    // Without entry-points.json the main one is all there is.
    assert_eq!(low_code.entry_points.len(), 1);
    assert_eq!(low_code.main_entry_point().unwrap().path, "main");
    assert_eq!(low_code.entry_points[0].input_schema, None);
}

#[test]
fn without_operate_json() {
    let text = manifest("");
    let found = info(&[
        ("A.nuspec", text.as_bytes()),
        ("content/entry-points.json", &entry_points()),
        ("content/uipath.json", b"{\"id\": \"not a guid\"}"),
    ]);
    assert!(found.is_coded);
    assert_eq!(found.kind, PackageKind::Process);
    assert_eq!(found.target_framework, TargetFramework::Portable);
    assert_eq!(found.target_runtime.as_deref(), Some("python"));
    assert_eq!(found.main_entry_point_path.as_deref(), Some("main"));
    assert_eq!(found.project_id.as_deref(), Some("not a guid"));
}

#[test]
fn a_data_file_that_looks_like_a_studio_project() {
    let text = manifest("");
    let found = info(&[
        ("A.nuspec", text.as_bytes()),
        ("content/operate.json", &operate(&[])),
        ("content/entry-points.json", &entry_points()),
        ("content/project.json", b"this is not even JSON"),
    ]);
    assert!(found.is_coded);
    assert_eq!(found.entry_points.len(), 2);
}
