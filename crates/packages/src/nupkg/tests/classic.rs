//! Studio packages: Windows, tests, Windows-Legacy, libraries, and packages with no project.

use serde_json::{Value, json};

use super::support::{info, manifest};
use crate::nupkg::{PackageKind, TargetFramework};

const MAIN: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const SUB: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
const INT: &str = "System.Int32, System.Private.CoreLib, Version=8.0.0.0, Culture=neutral";

fn windows_project() -> Value {
    json!({
        "name": "Invoice Bot", "description": "d", "main": "Main.xaml",
        "projectId": "16fd2706-8baf-433b-82eb-8c7fada847da", "projectVersion": "9.9.9",
        "dependencies": {"Some.Activities": "[24.10.8]"},
        "arguments": {"input": [], "output": []},
        "schemaVersion": "4.0", "studioVersion": "22.10.5.0", "targetFramework": "Windows",
        "expressionLanguage": "VisualBasic",
        "runtimeOptions": {"requiresUserInteraction": true, "isAttended": false,
            "robotVersion": "22.4.0"},
        "designOptions": {"outputType": "Process", "projectProfile": "Developement"},
        "entryPoints": [
            {"filePath": "Main.xaml", "uniqueId": MAIN,
             "input": [{"name": "month", "type": INT, "required": true, "hasDefault": false}],
             "output": [{"name": "total", "type": "System.Double"}]},
            {"filePath": "Sub\\Flow.xaml", "uniqueId": SUB.to_uppercase(), "input": [], "output": []},
        ],
    })
}

/// Text as Studio writes it: byte order mark, line ends of Windows.
fn studio_manifest(more: &str) -> Vec<u8> {
    format!(
        "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
         <package xmlns=\"http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd\">\r\n\
         <metadata>\r\n<id>Invoice.Bot</id>\r\n<version>1.0.233501084</version>\r\n\
         <title>Invoice Bot</title>{more}</metadata></package>"
    )
    .into_bytes()
}

fn crlf(value: &Value) -> Vec<u8> {
    format!("{value:#}").replace('\n', "\r\n").into_bytes()
}

#[test]
fn a_windows_process() {
    let notes = "é".repeat(40_000);
    let text = studio_manifest(&format!(
        "<tags>VisualBasic VB UiPathStudioProcess</tags><releaseNotes>{notes}</releaseNotes>\
         <dependencies><group targetFramework=\"net6.0-windows7.0\">\
         <dependency id=\"Some.Activities\" version=\"[24.10.8]\" /></group></dependencies>"
    ));
    let found = info(&[
        ("Invoice.Bot.nuspec", &text),
        ("_rels/.rels", b"x"),
        ("lib/net6.0-windows7.0/Invoice.Bot.dll", b"MZ"),
        ("content/project.json", &crlf(&windows_project())),
        ("content/Main.xaml", b"<Activity/>"),
        ("content/Sub/Flow.xaml", b"<Activity/>"),
        ("content/.settings/Debug/x.json", b"{}"),
        ("content/Übersicht ohne Endung", b"x"),
        ("content/bindings.json", br#"{"version":"1.0","resources":[]}"#),
        (".signature.p7s", b"x"),
    ]);
    assert_eq!(found.id.as_str(), "Invoice.Bot");
    assert_eq!(found.version.as_str(), "1.0.233501084");
    assert_eq!(found.title, "Invoice Bot");
    assert_eq!(found.release_notes.as_ref().unwrap().chars().count(), 35_000);
    assert_eq!(found.kind, PackageKind::Process);
    assert_eq!(found.target_framework, TargetFramework::Windows);
    assert_eq!(found.target_runtime, None);
    assert!(!found.is_coded && !found.is_compiled && found.supports_multiple_entry_points);
    assert!(found.requires_user_interaction && !found.is_attended);
    assert_eq!(found.min_required_robot_version.as_deref(), Some("22.4.0"));
    assert_eq!(found.main_entry_point_path.as_deref(), Some("Main.xaml"));
    assert_eq!(found.dependencies[0].range.as_deref(), Some("[24.10.8]"));
    assert_eq!(found.dependencies[0].target_framework.as_deref(), Some("net6.0-windows7.0"));
    assert_eq!(found.project_dependencies[0].id, "Some.Activities");
    let main = found.main_entry_point().unwrap();
    assert_eq!(main.unique_id, MAIN);
    assert_eq!(
        main.input_arguments_json,
        format!(r#"[{{"name":"month","type":"{INT}","required":true,"hasDefault":false}}]"#)
    );
    assert_eq!(main.output_arguments_json, r#"[{"name":"total","type":"System.Double"}]"#);
    assert_eq!(found.entry_points[1].path, "Sub/Flow.xaml");
    assert_eq!(found.entry_points[1].unique_id, SUB);
    assert!(found.bindings.is_empty());
}

#[test]
fn a_test_project() {
    let mut project = windows_project();
    project["main"] = "Gone.xaml".into();
    project["designOptions"] = json!({"outputType": "Tests", "fileInfoCollection": [
        {"editingStatus": "Publishable", "testCaseId": SUB, "testCaseType": "TestCase",
         "fileName": "Sub\\Flow.xaml", "dataVariationFilePath": "Data\\rows.json"},
        {"editingStatus": "InProgress", "testCaseType": "Other", "fileName": "Main.xaml"},
        {"testCaseType": "TestCase", "fileName": "Unknown.xaml"},
    ]});
    let found = info(&[
        ("a.nuspec", &studio_manifest("")),
        ("content/project.json", &crlf(&project)),
        ("content/Data/rows.json", b"[ {\"x\": 1} ]"),
        ("content/project.uiproj", br#"{"ProjectType": "Tests"}"#),
    ]);
    assert_eq!(found.kind, PackageKind::Tests);
    assert_eq!(found.kind.project_type(), "TestAutomationProcess");
    assert_eq!(found.main_entry_point_path.as_deref(), Some("Gone.xaml"));
    assert!(found.main_entry_point().is_none());
    assert!(!found.entry_points[0].is_test_case && found.entry_points[1].is_test_case);
    assert_eq!(found.entry_points[1].data_variation_json.as_deref(), Some(r#"[{"x":1}]"#));
}

#[test]
fn windows_legacy() {
    let project = json!({
        "name": "Old", "main": "Main.xaml",
        "arguments": {
            "input": [{"name": "in", "type": "System.String, mscorlib", "required": false, "hasDefault": true}],
            "output": []},
        "designOptions": {"outputType": "Process"},
        "runtimeOptions": {"requiresUserInteraction": false},
    });
    let found = info(&[
        ("a.nuspec", &studio_manifest("")),
        ("lib/net45/sub/project.json", b"{\"main\": \"Wrong.xaml\"}"),
        ("lib/net45/project.json", &crlf(&project)),
        ("lib/net45/Main.xaml", b"<Activity/>"),
        ("lib/net45/Tool.dll", b"MZ"),
    ]);
    assert_eq!(found.target_framework, TargetFramework::Legacy);
    assert_eq!(found.kind, PackageKind::Process);
    assert!(!found.supports_multiple_entry_points && !found.requires_user_interaction);
    assert!(!found.is_compiled, "it has its sources");
    let main = found.main_entry_point().unwrap();
    assert_eq!(main.path, "Main.xaml");
    assert!(main.input_arguments_json.contains(r#""hasDefault":true"#));
    assert_eq!(main.unique_id.len(), 36);
}

#[test]
fn a_project_with_both_descriptions() {
    let schemas = json!({"entryPoints": [
        {"filePath": "other.xaml", "uniqueId": MAIN, "displayName": "Main flow",
         "input": {"type": "object", "properties": {"month": {"type": "integer"}}}},
        {"filePath": "sub/flow.xaml", "output": {"type": "object"}},
    ]});
    let found = info(&[
        ("a.nuspec", &studio_manifest("")),
        ("content/project.json", &crlf(&windows_project())),
        ("content/entry-points.json", schemas.to_string().as_bytes()),
        (
            "content/operate.json",
            br#"{"contentType":"process","main":"Main.xaml",
            "runtimeOptions":{"isAttended":true}}"#,
        ),
    ]);
    assert!(!found.is_coded);
    assert_eq!(found.target_framework, TargetFramework::Windows);
    assert!(found.is_attended && found.requires_user_interaction);
    let main = found.main_entry_point().unwrap();
    assert!(main.input_arguments_json.contains("System.Private.CoreLib"));
    assert!(main.input_schema.as_deref().unwrap().contains("integer"));
    assert_eq!(main.display_name.as_deref(), Some("Main flow"));
    assert_eq!(found.entry_points[1].output_schema.as_deref(), Some(r#"{"type":"object"}"#));

    let mut bare = windows_project();
    bare.as_object_mut().unwrap().remove("entryPoints");
    bare.as_object_mut().unwrap().remove("main");
    let found = info(&[
        ("a.nuspec", &studio_manifest("")),
        ("content/project.json", &crlf(&bare)),
        ("content/entry-points.json", schemas.to_string().as_bytes()),
    ]);
    assert_eq!(found.entry_points.len(), 2);
    assert!(found.entry_points[0].input_arguments_json.contains("System.Int64"));
}

#[test]
fn libraries_and_compiled_packages() {
    let tagged = studio_manifest("<tags>CSharp UiPathStudioLibrary</tags><summary>s</summary>");
    for text in [tagged, studio_manifest("")] {
        let found = info(&[("a.nuspec", &text), ("lib/net8.0/Text.Tools.dll", b"MZ")]);
        assert_eq!(found.kind, PackageKind::Library);
        assert!(found.kind.is_library() && found.is_compiled);
        assert!(found.entry_points.is_empty() && found.main_entry_point_path.is_none());
        assert!(!found.requires_user_interaction);
        assert_eq!(found.target_framework, TargetFramework::Portable);
    }
    let found = info(&[
        ("a.nuspec", &studio_manifest("")),
        ("content/project.json", &crlf(&windows_project())),
        ("content/.codedworkflows/Generated.cs", b"x"),
        ("lib/net8.0-windows7.0/Invoice.Bot.dll", b"MZ"),
    ]);
    assert!(found.is_compiled);
    assert_eq!(found.kind, PackageKind::Process);
    assert_eq!(found.entry_points.len(), 2);
}

#[test]
fn a_package_with_nothing_in_it() {
    let found = info(&[("A.nuspec", manifest("").as_bytes())]);
    assert_eq!(found.kind, PackageKind::Undefined);
    assert_eq!(found.target_framework, TargetFramework::Legacy);
    assert!(!found.is_compiled && !found.is_coded && !found.supports_multiple_entry_points);
    assert!(found.entry_points.is_empty() && found.main_entry_point().is_none());
    assert_eq!(found.project_id, None);
}
