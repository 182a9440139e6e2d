//! Python packages with a real environment, made from a package index in a folder: no network. The
//! runtime in it is a stand-in that behaves as the real one does on the command line and on disk.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use bandmaster_robot::Secret;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::rig::{Rig, package};

const RUNTIME: &str = r#"
import json, os, sys, time
def main():
    assert sys.argv[1:3] == ["run", "main"] and sys.argv[3] == "-f", sys.argv
    data = json.load(open(sys.argv[4]))
    os.makedirs("__uipath", exist_ok=True)
    stamp = time.strftime("[%Y-%m-%d %H:%M:%S,123]")
    with open("__uipath/execution.log", "a") as log:
        log.write(stamp + "[INFO] hello\n" + stamp + "[WARNING] two\n  lines\n")
    print("printed", os.environ["VIRTUAL_ENV"] in sys.prefix)
    result = {"output": data, "status": "successful"}
    if data.get("boom"):
        error = {"code": "Python.X", "title": "Boom", "detail": "d", "category": "User", "status": None}
        result = {"output": {}, "status": "faulted", "error": error}
    if data.get("suspend"):
        result = {"output": {}, "status": "suspended"}
    if not data.get("nothing"):
        json.dump(result, open("__uipath/output.json", "w"))
    print("words", file=sys.stderr)
    sys.exit(1 if data.get("nothing") else 0)
"#;

/// Tells what it was called with, and fails as many tests as it is told to.
const SUITE_RUNNER: &str = r#"
import json, sys
def main():
    arguments = sys.argv[1:]
    data = json.load(open(arguments[arguments.index("--variablefile") + 1]))
    print("suites", arguments[-1])
    sys.exit(data.get("FAILURES", 0))
"#;

/// Adds a package with one program to an index that everybody can read; gives the index's address.
fn publish(rig: &Rig, name: &str, program: &str, code: &str) -> String {
    let simple = rig.shared("simple");
    let project = simple.join(name);
    fs::create_dir_all(&project).unwrap();
    let module = format!("{program}_stand_in");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 9.9.9\n");
    let entry = format!("[console_scripts]\n{program}={module}:main\n");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (file, text) in [
        (format!("{module}.py"), code),
        (format!("{name}-9.9.9.dist-info/METADATA"), metadata.as_str()),
        (format!("{name}-9.9.9.dist-info/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (format!("{name}-9.9.9.dist-info/entry_points.txt"), entry.as_str()),
        (format!("{name}-9.9.9.dist-info/RECORD"), ""),
    ] {
        writer.start_file(file, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    let wheel = format!("{name}-9.9.9-py3-none-any.whl");
    fs::write(project.join(&wheel), writer.finish().unwrap().into_inner()).unwrap();
    fs::write(project.join("index.html"), format!("<a href=\"{wheel}\">{wheel}</a>")).unwrap();
    for path in [&simple, &project] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("file://{}", simple.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_packages_share_one_prepared_environment() {
    let mut rig = Rig::new().await;
    rig.config.index_url = Some(Secret::new(publish(&rig, "uipath", "uipath", RUNTIME)));
    let agent = rig.agent();
    let files: &[(&str, &[u8])] = &[
        ("operate.json", br#"{"targetRuntime":"python","main":"main"}"#),
        ("pyproject.toml", b"[project]\nname='x'\ndependencies=['uipath>=9']"),
        ("main.py", b""),
    ];
    let job = |number, input: &str| {
        let members = json!({
            "packageId": "package1", "inputArguments": input, "entryPointPath": null,
        });
        rig.job_of(number, package(files), members)
    };
    // Two at once prepare once.
    let template = rig.job_of(1, package(files), json!({"inputArguments": r#"{"a":"ü"}"#}));
    let (second, faulted) = (job(2, r#"{"b":2}"#), job(3, r#"{"boom":1}"#));
    let (suspended, nothing) = (job(4, r#"{"suspend":1}"#), job(5, r#"{"nothing":1}"#));
    for (key, output) in [(&template, r#"{"a":"ü"}"#), (&second, r#"{"b":2}"#)] {
        let end = rig.end(key).await;
        assert_eq!(end["jobState"], "Successful", "{end}");
        assert_eq!(end["outputArguments"], output);
        assert_eq!(rig.log(key, "Info"), ["hello", "printed True"]);
        assert_eq!(rig.log(key, "Warn"), ["two\n  lines"]);
        assert_eq!(rig.log(key, "Error"), ["words"]);
    }
    for (key, code) in
        [(&faulted, "Python.X"), (&suspended, "Robot.SuspendNotSupported"), (&nothing, "Robot.ProcessFailed")]
    {
        let end = rig.end(key).await;
        assert_eq!((end["jobState"].as_str(), end["error"]["code"].as_str()), (Some("Faulted"), Some(code)));
    }
    let environments = rig.data("environments");
    let names: Vec<_> = fs::read_dir(&environments).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].join("ready.json").exists());

    // A half-made environment is not used but made again.
    fs::remove_file(names[0].join("ready.json")).unwrap();
    fs::remove_file(names[0].join("venv/bin/uipath")).unwrap();
    assert_eq!(rig.end_state(&job(6, "{}")).await, "Successful");

    // What the index does not have is told as such.
    let files: &[(&str, &[u8])] = &[("pyproject.toml", b"[project]\nname='x'\ndependencies=['nowhere-to-be-found']")];
    let end = rig.end(&rig.job_of(7, package(files), json!({}))).await;
    assert_eq!(end["error"]["code"], "Robot.DependencyMissing", "{end}");
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn robot_framework_suites_run() {
    let mut rig = Rig::new().await;
    let index = publish(&rig, "robotframework", "robot", SUITE_RUNNER);
    rig.config.index_url = Some(Secret::new(index));
    let agent = rig.agent();
    let package =
        package(&[("operate.json", br#"{"targetRuntime":"robotframework","main":"suites"}"#), ("suites/a.robot", b"")]);
    let job = |number, input: &str| {
        let members = json!({
            "packageId": "package1", "inputArguments": input, "entryPointPath": null,
        });
        rig.job_of(number, package.clone(), members)
    };
    let good = rig.job_of(1, package.clone(), json!({"entryPointPath": "suites/a.robot"}));
    assert_eq!(rig.end_state(&good).await, "Successful");
    assert_eq!(rig.log(&good, "Info"), ["suites suites/a.robot"]);
    let end = rig.end(&job(2, r#"{"FAILURES":2}"#)).await;
    assert_eq!(end["error"]["code"], "Robot.ProcessFailed", "{end}");
    assert_eq!(end["error"]["detail"], "suites suites");
    rig.check().await;
    agent.stop().await;
}

/// The same index over HTTP, for those who know the password; its address without any.
async fn private(rig: &Rig) -> String {
    let root = rig.shared("simple");
    let answer = move |headers: HeaderMap, uri: Uri| {
        let root = root.clone();
        async move {
            // The user is `robot`, the password `hunter2`.
            if headers.get("authorization").is_none_or(|given| given != "Basic cm9ib3Q6aHVudGVyMg==") {
                return (StatusCode::UNAUTHORIZED, [("content-type", "text/plain")], Vec::new());
            }
            let path = root.join(uri.path().trim_start_matches("/simple/"));
            let path = if path.is_dir() { path.join("index.html") } else { path };
            match fs::read(path) {
                Ok(bytes) => (StatusCode::OK, [("content-type", "text/html")], bytes),
                Err(_) => (StatusCode::NOT_FOUND, [("content-type", "text/plain")], Vec::new()),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("{address}/simple")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_index_is_used_and_its_refusal_is_told() {
    let mut rig = Rig::new().await;
    publish(&rig, "uipath", "uipath", RUNTIME);
    let index = private(&rig).await;
    let files: &[(&str, &[u8])] = &[
        ("operate.json", br#"{"targetRuntime":"python","main":"main"}"#),
        ("pyproject.toml", b"[project]\nname='x'\ndependencies=['uipath>=9']"),
        ("main.py", b""),
    ];
    for (number, user) in [(1, ""), (2, "robot:hunter3@")] {
        rig.config.index_url = Some(Secret::new(format!("http://{user}{index}")));
        let agent = rig.agent();
        let end = rig.end(&rig.job_of(number, package(files), json!({}))).await;
        assert_eq!(end["error"]["code"], "Robot.PackageIndexRefused", "{end}");
        assert!(!end.to_string().contains("hunter"), "{end}");
        agent.stop().await;
    }
    // A second index, asked in addition.
    rig.config.extra_index_urls = vec![Secret::new(format!("http://robot:hunter2@{index}"))];
    rig.config.index_url = Some(Secret::new(format!("file://{}", rig.shared("empty").display())));
    let agent = rig.agent();
    let key = rig.job_of(3, package(files), json!({"inputArguments": r#"{"a":1}"#}));
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Successful", "{end}");
    rig.check().await;
    agent.stop().await;
}
