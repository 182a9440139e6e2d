//! Secrets are planted everywhere the product takes or makes one; afterwards none may be found: in the database, in its
//! write-ahead log, in any other file of the data folder but the key ring, in the log at its most talkative, in the
//! audit and its export, in what lists and reads answer later, in a backup, in a dump. They are looked for as they are
//! and as programs write them (`search`). What may be read after all, and by whom, stands in `ARGUED`.

mod mailbox;
mod planting;
mod search;
mod speaker;

use crate::probe::{self, Thing, Things};
use crate::process::{BINARY, Server};
use bandmaster_testkit::{json, wait};
use mailbox::Mailbox;
use planting::Ground;
use search::{Plants, Search};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Secrets (by the beginning of their names) that answers to later requests (by the beginning of the operation's name)
/// may hold, and why.
const ARGUED: &[(&str, &str, &str)] = &[
    (planting::QUEUE, "QueueItems_", "the content of an item, for those who may see the queue's items"),
    (planting::QUEUE, "QueueDefinitions_Reports", "the same as a table"),
];

/// Fewer plants than this, and the test has lost some.
const LEAST: usize = 100;

fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut out, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { open.push(path) } else { out.push(path) }
        }
    }
    out
}

/// What was found and where.
#[derive(Default)]
struct Report(Vec<String>);

impl Report {
    fn look(&mut self, search: &Search, place: &str, bytes: &[u8]) {
        for (name, form) in search.found(bytes) {
            self.0.push(format!("{place}: {name}, {form}"));
        }
    }

    /// Looks into every file below a folder but the key ring, which opens the sealed ones. Answers their sizes.
    fn look_below(&mut self, search: &Search, what: &str, root: &Path) -> usize {
        let mut size = 0;
        for file in files_below(root) {
            if file.file_name().is_some_and(|n| n == "keys") {
                continue;
            }
            let bytes = std::fs::read(&file).unwrap_or_default();
            size += bytes.len();
            self.look(search, &format!("{what}: {}", file.strip_prefix(root).unwrap_or(&file).display()), &bytes);
        }
        size
    }
}

/// Whatever can be read later: every published address that reads, with what there is, and the product's own.
async fn later(ground: &Ground, search: &Search, report: &mut Report) -> usize {
    let mut things = Things::new();
    for set in [
        "Folders",
        "QueueDefinitions",
        "QueueItems",
        "Assets",
        "Machines",
        "Roles",
        "Users",
        "AuditLogs",
        "Robots",
        "CredentialStores",
        "Buckets",
    ] {
        let list = ground.admin.get(&format!("/odata/{set}?$orderby=Id desc&$top=1")).await.json();
        let row = &list["value"][0];
        let text = |names: &[&str]| names.iter().find_map(|n| row[*n].as_str().map(str::to_owned));
        if let Some(number) = row["Id"].as_i64() {
            let guid = text(&["Key", "LicenseKey", "Identifier"]).unwrap_or_else(|| Thing::none().guid);
            let name = text(&["Name", "DisplayName", "UserName"]).unwrap_or_else(|| Thing::none().name);
            things.insert(set.to_lowercase(), Thing { number, guid, name });
        }
    }
    let mut asked = Vec::new();
    for facts in bandmaster_model::contract().operations().iter().filter(|f| f.method == "GET") {
        asked.push((
            facts.id.clone(),
            probe::address_of(facts, &things).replace(&Thing::none().guid, &ground.organization),
        ));
    }
    let organization = &ground.organization;
    let own = [
        format!("/identity/api/AuditQuery/{organization}?top=1000"),
        format!("/audit_/api/auditlogs/{organization}?top=1000"),
        format!("/identity/api/Setting?partitionGlobalId={organization}"),
        format!("/identity/api/User/users/{organization}?top=1000"),
        "/odata/AuditLogs?$top=1000&$expand=Entities".to_owned(),
        "/odata/QueueItems?$top=100".to_owned(),
        "/odata/Users?$top=100&$expand=UnattendedRobot".to_owned(),
        "/odata/Assets?$expand=UserValues,RobotValues".to_owned(),
        "/odata/Settings".to_owned(),
        "/metrics".to_owned(),
        "/swagger/v1/swagger.json".to_owned(),
    ];
    asked.extend(
        own.into_iter()
            .map(|path| (if path.contains("QueueItems") { "QueueItems_Get".into() } else { path.clone() }, path)),
    );
    asked.extend(ground.addresses.iter().map(|path| (path.clone(), path.clone())));
    let audit = ground.admin.get("/odata/AuditLogs?$top=1000").await.json();
    for entry in audit["value"].as_array().into_iter().flatten() {
        let path = format!(
            "/odata/AuditLogs/UiPath.Server.Configuration.OData.GetAuditLogDetails(auditLogId={})",
            entry["Id"]
        );
        asked.push((path.clone(), path));
    }
    let mut answered = 0;
    for (what, path) in asked {
        let heard = ground.admin.get(&path).await;
        assert!(heard.status < 500 || heard.status == 501, "{path}: {}", heard.status);
        answered += usize::from(heard.status == 200);
        for (name, form) in search.found(&heard.bytes) {
            let argued =
                |(secret, operation, _): &&(&str, &str, &str)| name.starts_with(secret) && what.starts_with(operation);
            if !ARGUED.iter().any(|a| argued(&a)) {
                report.0.push(format!("answer of {path}: {name}, {form}"));
            }
        }
    }
    answered
}

/// Has the audit exported to a file, and reads it.
async fn exported_audit(ground: &Ground) -> Vec<u8> {
    let asked =
        ground.admin.post("/odata/AuditLogs/UiPath.Server.Configuration.OData.Export", json!({})).await.expect(200);
    let path = format!("/odata/Exports({})", asked["Id"]);
    wait::until("the export", async || ground.admin.get(&path).await.json()["Status"] == "Completed").await;
    let link = format!("{path}/UiPath.Server.Configuration.OData.GetDownloadLink");
    let address = ground.admin.get(&link).await.text("Uri");
    ground.nobody.get(&address).await.bytes
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

async fn nothing_is_found(postgres: bool) {
    let root = tempfile::tempdir().expect("a folder");
    let (data, log) = (root.path().join("data"), root.path().join("log"));
    let database = match postgres {
        true => Some(bandmaster_store::testing::postgres().await),
        false => None,
    };
    let location = database.as_ref().map(|d| d.location());
    let (mailbox, mut plants) = (Mailbox::start(), Plants::default());
    let (password, mail) =
        (plants.plant("administrator's password"), plants.plant("password of the configured mail server"));
    let mut environment = vec![
        ("BANDMASTER_ADMIN_PASSWORD", password.as_str()),
        ("BANDMASTER_SMTP_HOST", "127.0.0.1"),
        // The organization's own mail server stands on this machine, too.
        ("BANDMASTER_OUTGOING_ALLOWED", "127.0.0.1"),
        ("BANDMASTER_SMTP_TLS", "none"),
        ("BANDMASTER_SMTP_USER", "post"),
        ("BANDMASTER_SMTP_PASSWORD", &mail),
        ("BANDMASTER_SMTP_FROM", "bandmaster@example.test"),
        ("BANDMASTER_PUBLIC_URL", speaker::PUBLIC),
        ("BANDMASTER_LOG_LEVEL", "trace"),
    ];
    environment.extend(location.as_deref().map(|l| ("BANDMASTER_DATABASE", l)));
    let server = Server::logging(&data, &environment, &log);
    let mut ground = planting::ground(&server.url, &mut plants, &password).await;
    planting::everything(&mut ground, &mut plants, &mailbox).await;
    let unexpected = speaker::unexpected();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(plants.len() >= LEAST, "only {} secrets", plants.len());

    let (search, mut report) = (plants.search(), Report::default());
    let answered = later(&ground, &search, &mut report).await;
    assert!(answered > 120, "only {answered} addresses answered");
    let exported = exported_audit(&ground).await;
    assert!(exported.len() > 2_000, "the export is empty");
    report.look(&search, "the exported audit", &exported);
    // While it works: the write-ahead log holds what the database does not yet.
    let size = report.look_below(&search, "the data folder", &data);
    match &location {
        None => {
            let wal = std::fs::metadata(data.join("bandmaster.db-wal")).expect("a write-ahead log").len();
            assert!(size > 500_000 && wal > 0, "{size} {wal}");
            let backup = root.path().join("backup");
            run(Command::new(BINARY).args(["admin", "backup", "--to"]).arg(&backup).arg("--data").arg(&data));
            assert!(report.look_below(&search, "the backup", &backup) > 500_000);
        }
        Some(location) => {
            for arguments in [["--no-owner", "--inserts"], ["--no-owner", "--format=plain"]] {
                let dump = run(Command::new("pg_dump").args(arguments).arg(location));
                assert!(dump.len() > 100_000, "the dump is empty");
                report.look(&search, "the dump", &dump);
            }
        }
    }
    let (code, _) = server.end("-TERM");
    assert_eq!(code, Some(0));
    report.look_below(&search, "the data folder at rest", &data);
    let logged = std::fs::read(&log).expect("the log");
    let text = String::from_utf8_lossy(&logged);
    for mark in ["OAuth_DeviceAuthorization", "Assets_PutById", "was shown twice"] {
        assert!(text.contains(mark), "the log has no {mark}");
    }
    report.look(&search, "the log", &logged);
    report.0.sort();
    report.0.dedup();
    assert!(report.0.is_empty(), "{} finds of {} secrets:\n{}", report.0.len(), plants.len(), report.0.join("\n"));
}

/// The same search does find what stands in clear: the value of a text asset, which is no secret.
async fn what_stands_in_clear_is_found(postgres: bool) {
    let root = tempfile::tempdir().expect("a folder");
    let (data, log) = (root.path().join("data"), root.path().join("log"));
    let database = match postgres {
        true => Some(bandmaster_store::testing::postgres().await),
        false => None,
    };
    let location = database.as_ref().map(|d| d.location());
    let mut plants = Plants::default();
    let (password, clear) = (plants.plant("administrator's password"), plants.plant("in clear"));
    let mut environment = vec![
        ("BANDMASTER_ADMIN_PASSWORD", password.as_str()),
        ("BANDMASTER_PUBLIC_URL", speaker::PUBLIC),
        ("BANDMASTER_LOG_LEVEL", "trace"),
    ];
    environment.extend(location.as_deref().map(|l| ("BANDMASTER_DATABASE", l)));
    let server = Server::logging(&data, &environment, &log);
    let ground = planting::ground(&server.url, &mut plants, &password).await;
    let text = json!({"Name": "Clear", "ValueScope": "Global", "ValueType": "Text", "StringValue": clear});
    ground.admin.post("/odata/Assets", text).await.expect(201);
    let (search, mut report) = (plants.search(), Report::default());
    later(&ground, &search, &mut report).await;
    report.look(&search, "the exported audit", &exported_audit(&ground).await);
    report.look_below(&search, "the data folder", &data);
    match &location {
        None => {
            let backup = root.path().join("backup");
            run(Command::new(BINARY).args(["admin", "backup", "--to"]).arg(&backup).arg("--data").arg(&data));
            report.look_below(&search, "the backup", &backup);
        }
        Some(location) => report.look(&search, "the dump", &run(Command::new("pg_dump").arg(location))),
    }
    assert_eq!(server.end("-TERM").0, Some(0));
    assert!(report.0.iter().all(|find| find.contains(": in clear, ")), "{:?}", report.0);
    let places: &[&str] = match postgres {
        false => &["answer of /odata/Assets", "the data folder: bandmaster.db", "the backup: bandmaster.db"],
        true => &["answer of /odata/Assets", "the dump"],
    };
    for place in places {
        assert!(report.0.iter().any(|find| find.starts_with(place)), "not found in {place}: {:?}", report.0);
    }
}

fn whole(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

#[test]
fn a_planted_secret_is_found_nowhere_sqlite() {
    whole(nothing_is_found(false));
}

#[test]
fn a_planted_secret_is_found_nowhere_postgres() {
    whole(nothing_is_found(true));
}

#[test]
fn what_is_planted_in_clear_is_found_sqlite() {
    whole(what_stands_in_clear_is_found(false));
}

#[test]
fn what_is_planted_in_clear_is_found_postgres() {
    whole(what_stands_in_clear_is_found(true));
}
