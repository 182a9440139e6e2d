//! The binary as a process: first start, socket, lock, signals, backup and restore.

use bandmaster_store::StoreConfig;
use bandmaster_testkit::{Value, json};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const BINARY: &str = env!("CARGO_BIN_EXE_bandmaster");

pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(data: &Path, environment: &[(&str, &str)]) -> Server {
        Server::launched(data, environment, Stdio::piped())
    }

    /// The same with its log in a file: as much as one likes.
    pub fn logging(data: &Path, environment: &[(&str, &str)], log: &Path) -> Server {
        Server::launched(data, environment, std::fs::File::create(log).expect("a file").into())
    }

    fn launched(data: &Path, environment: &[(&str, &str)], log: Stdio) -> Server {
        let ready = data.with_extension("ready");
        let _ = std::fs::remove_file(&ready);
        let mut command = Command::new(BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).arg("--ready-file").arg(&ready);
        command.envs(environment.iter().copied()).stderr(log).stdout(Stdio::null());
        let child = command.spawn().expect("the server starts");
        let deadline = Instant::now() + Duration::from_secs(30);
        let url = loop {
            let text = std::fs::read_to_string(&ready).unwrap_or_default();
            if let Ok(ready) = serde_json::from_str::<Value>(&text) {
                break ready["url"].as_str().expect("a url").to_owned();
            }
            assert!(Instant::now() < deadline, "the server did not become ready");
            std::thread::yield_now();
        };
        Server { child, url }
    }

    /// Ends it with a signal; its exit code and what it wrote.
    pub fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
        let status = self.child.wait().expect("it ends");
        let mut text = String::new();
        if let Some(mut written) = self.child.stderr.take() {
            written.read_to_string(&mut text).expect("text");
        }
        (status.code(), text)
    }
}

fn admin(data: &Path, arguments: &[&str]) -> Output {
    admin_with(data, &[], arguments)
}

fn admin_with(data: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("admin").args(arguments).arg("--data").arg(data).envs(environment.iter().copied());
    command.output().expect("the command runs")
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn get(url: &str, token: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let request = reqwest::Client::new().get(format!("{url}/odata/Folders")).bearer_auth(token);
        request.send().await.expect("an answer").status().as_u16()
    })
}

#[test]
fn a_data_folder_lives_through_restarts_and_restores() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("data");
    let server = Server::start(&data, &[]);
    let shown = answer(&admin(&data, &["show"]));
    let organization = &shown["organizations"][0];
    assert_eq!((&organization["name"], &organization["tenants"][0]["name"]), (&json!("Default"), &json!("Default")));
    assert_eq!(organization["tenants"][0]["folders"][0]["path"], "Shared");
    let made = answer(&admin(&data, &["application", "create", "--name", "a", "--scopes", "OR.Folders OR.Jobs"]));
    assert!(made["client_id"].is_string() && made["client_secret"].is_string());
    let again = admin(&data, &["application", "create", "--name", "A", "--scopes", "OR.Folders"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("already used"));
    let token = answer(&admin(&data, &["token", "create", "--user", "admin", "--name", "t", "--scopes", "OR.Folders"]));
    let token = token["token"].as_str().expect("a token").to_owned();
    assert_eq!((get(&server.url, &token), get(&server.url, "rt_wrong")), (200, 401));

    let second =
        Command::new(BINARY).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().expect("runs");
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another process uses the data folder"));

    let backup = root.path().join("backup");
    answer(&admin(&data, &["backup", "--to", &backup.to_string_lossy()]));
    let (code, text) = server.end("-TERM");
    assert_eq!(code, Some(0));
    let password =
        text.split("with the password ").nth(1).and_then(|t| t.split_whitespace().next()).expect("a password");
    let files = ["bandmaster.db", "bandmaster.db-wal"].map(|f| std::fs::read(data.join(f)).unwrap_or_default());
    for secret in [password, &token, made["client_secret"].as_str().expect("a secret")] {
        assert!(files.iter().all(|f| !f.windows(secret.len()).any(|w| w == secret.as_bytes())), "a secret in clear");
    }

    let offline = answer(&admin(&data, &["password", "reset"]));
    assert_eq!(offline["user"], "admin");
    let server = Server::start(&data, &[]);
    assert_eq!(get(&server.url, &token), 200);
    let (_, text) = server.end("-KILL");
    assert!(!text.contains("with the password"), "shown once only");
    let server = Server::start(&data, &[]);
    assert_eq!(get(&server.url, &token), 200);
    server.end("-INT");

    let restored = root.path().join("restored");
    let from = backup.to_string_lossy().into_owned();
    answer(&admin(&restored, &["restore", "--from", &from]));
    assert!(!admin(&restored, &["restore", "--from", &from]).status.success(), "not over an existing folder");
    let server = Server::start(&restored, &[]);
    assert_eq!(get(&server.url, &token), 200);
    server.end("-TERM");
    std::fs::write(backup.join("bandmaster.db"), b"altered").expect("written");
    let damaged = admin(&root.path().join("third"), &["restore", "--from", &from]);
    assert!(!damaged.status.success() && String::from_utf8_lossy(&damaged.stderr).contains("altered"));
}

#[test]
fn what_cannot_work_is_refused_in_words() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("data");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--listen", "0.0.0.0:0"], 3, "can be reached by others"),
        (&["--listen", "nonsense"], 3, "cannot listen on nonsense"),
        (&["--database", "mysql://x"], 3, "takes a postgres:// address"),
        (&["--pool-size", "many"], 3, "cannot be"),
    ];
    for (arguments, code, words) in cases {
        let output = Command::new(BINARY).arg("serve").args(arguments).arg("--data").arg(&data).output().expect("runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{text}");
    }
    let output = Command::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(root.path().join("weak"))
        .env("BANDMASTER_ADMIN_PASSWORD", "x")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(3));
    let example = Command::new(BINARY).args(["config", "example"]).output().expect("runs");
    assert!(String::from_utf8_lossy(&example.stdout).contains("# listen = \"127.0.0.1:8080\""));
}

/// Waits until everything is sealed; the head.
fn sealed(data: &Path, environment: &[(&str, &str)]) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let told = answer(&admin_with(data, environment, &["verify-audit"]));
        assert_eq!(told["intact"], true);
        if told["unsealed"] == 0 && told["checked"].as_i64() > Some(0) {
            return told["head"].as_str().expect("a head").to_owned();
        }
        assert!(Instant::now() < deadline, "nothing is sealed");
    }
}

/// A server is audited, an entry is changed behind its back, and the command finds it; while it runs and after.
fn forge(data: &Path, environment: &[(&str, &str)], database: impl FnOnce() -> StoreConfig) {
    let server = Server::start(data, environment);
    answer(&admin_with(data, environment, &["application", "create", "--name", "a", "--scopes", "OR.Folders"]));
    let noted = sealed(data, environment);
    assert_eq!(server.end("-TERM").0, Some(0));
    assert_eq!(answer(&admin_with(data, environment, &["verify-audit", "--expect", &noted]))["intact"], true);
    let wrong = admin_with(data, environment, &["verify-audit", "--expect", "nonsense"]);
    assert_eq!(wrong.status.code(), Some(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = bandmaster_store::Store::open(database()).await.expect("it opens");
        let mut unit = store.begin().await.expect("a unit");
        unit.execute("UPDATE audit_entries SET actor_name = 'somebody else' WHERE id = 1", &[])
            .await
            .expect("a change");
        unit.commit().await.expect("a commit");
        store.close().await;
    });
    let server = Server::start(data, environment);
    for _ in 0..2 {
        let forged = admin_with(data, environment, &["verify-audit"]);
        assert_eq!(forged.status.code(), Some(1));
        let told: Value = serde_json::from_slice(&forged.stdout).expect("JSON");
        assert_eq!(
            (&told["intact"], &told["problem"]["kind"], &told["problem"]["entry_id"]),
            (&json!(false), &json!("changed"), &json!(1))
        );
    }
    server.end("-TERM");
    assert_eq!(admin_with(data, environment, &["verify-audit"]).status.code(), Some(1));
}

#[test]
fn a_forged_audit_is_found_from_the_command_line() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("data");
    forge(&data, &[], || {
        let mut files = std::fs::read_dir(&data).expect("files").flatten().map(|f| f.path());
        StoreConfig::sqlite(files.find(|p| p.extension().is_some_and(|e| e == "db")).expect("a database"))
    });
}

#[test]
fn a_forged_audit_is_found_from_the_command_line_on_postgres() {
    let root = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let database = runtime.block_on(bandmaster_store::testing::postgres());
    forge(&root.path().join("data"), &[("BANDMASTER_DATABASE", &database.location())], || database.config());
}
