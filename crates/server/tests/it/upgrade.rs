//! An older data folder under this binary: the fixtures hold one that was written when the schema ended with migration
//! 0010, with sealed secrets, a finished job and items in every stage, for each database. They are never made anew.

use crate::process::Server;
use bandmaster_testkit::{Value, json};
use std::path::Path;
use std::process::Command;

const SQLITE: &[u8] = include_bytes!("../fixtures/first-schema/sqlite.zip");
const POSTGRES: &[u8] = include_bytes!("../fixtures/first-schema/postgres.zip");
const KNOWN: &str = include_str!("../fixtures/first-schema/known.json");

fn unpack(archive: &[u8], into: &Path) {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("an archive");
    archive.extract(into).expect("the folder of before");
}

/// Speaks to a server as somebody whose credentials the older version gave out.
struct Known {
    url: String,
    known: Value,
    http: reqwest::Client,
}

impl Known {
    fn new(server: &Server, database: &str) -> Known {
        let mut known: Value = serde_json::from_str(KNOWN).expect("JSON");
        Known { url: server.url.clone(), known: known[database].take(), http: reqwest::Client::new() }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self
            .http
            .request(method.parse().expect("a method"), format!("{}{path}", self.url))
            .bearer_auth(self.known["token"].as_str().expect("a token"))
            .header("x-uipath-organizationunitid", self.known["folder"].to_string());
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let reply = request.send().await.expect("an answer");
        let status = reply.status().as_u16();
        (status, reply.json().await.unwrap_or_default())
    }

    async fn value(&self, path: &str) -> Value {
        let (status, mut body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["value"].take()
    }
}

/// What has to be there, and to go on.
async fn everything_is_there(server: &Server, database: &str) {
    let known = Known::new(server, database);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", known.known["client_id"].as_str().expect("an id")),
        ("client_secret", known.known["client_secret"].as_str().expect("a secret")),
        ("scope", "OR.Queues"),
    ];
    let reply = known.http.post(format!("{}/identity/connect/token", known.url)).form(&form).send().await;
    assert_eq!(reply.expect("an answer").status(), 200, "the application of before has its secret");
    let sign_in =
        json!({"usernameOrEmailAddress": "admin", "password": "Before-The-Upgrade-1", "tenancyName": "Default"});
    let reply = known.http.post(format!("{}/api/Account/Authenticate", known.url)).json(&sign_in).send().await;
    assert_eq!(reply.expect("an answer").status(), 200, "the administrator signs in");

    let jobs = known.value("/odata/Jobs").await;
    let job = &jobs[0];
    assert_eq!((&job["State"], &job["ReleaseName"]), (&json!("Successful"), &json!("hello-bandmaster")));
    let lines =
        known.value(&format!("/odata/RobotLogs?$filter=JobKey eq {}", job["Key"].as_str().expect("a key"))).await;
    assert!(lines.as_array().is_some_and(|l| l.len() >= 4), "{lines}");
    let package = known.http.get(format!(
        "{}/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='hello-bandmaster:1.0.0')",
        known.url
    ));
    let package = package.bearer_auth(known.known["token"].as_str().expect("a token")).send().await.expect("an answer");
    assert_eq!(package.status(), 200);
    assert!(package.bytes().await.expect("bytes").starts_with(b"PK"));

    for queue in ["Plain", "Sealed"] {
        let of_queue = format!("/odata/QueueItems?$top=100&$filter=QueueDefinition/Name eq '{queue}'");
        let items = known.value(&of_queue).await;
        let items = items.as_array().expect("items");
        let count = |status: &str| items.iter().filter(|i| i["Status"] == status).count();
        let counts = ["New", "InProgress", "Successful", "Retried", "Failed"].map(count);
        assert_eq!(counts, [10, 1, 1, 1, 1], "{queue}");
        for (status, count) in [("New", 10), ("Retried", 1), ("Abandoned", 0)] {
            let path = format!("{of_queue} and Status eq '{status}'&$count=true").replace("$top=100", "$top=0");
            let (_, page) = known.call("GET", &path, None).await;
            assert_eq!(page["@odata.count"], count, "{queue}: {page}");
        }
        let first = items.iter().find(|i| i["Reference"] == "r0").expect("an item");
        assert_eq!(first["SpecificContent"], json!({"n": 0, "word": "secret-content"}), "content can be read");
        let start = json!({"transactionData": {"Name": queue}});
        let (status, item) = known.call("POST", "/odata/Queues/UiPathODataSvc.StartTransaction", Some(start)).await;
        assert_eq!((status, &item["Priority"], &item["Status"]), (200, &json!("High"), &json!("InProgress")), "{item}");
        let result = json!({"transactionResult": {"IsSuccessful": true}});
        let path = format!("/odata/Queues({})/UiPathODataSvc.SetTransactionResult", item["Id"]);
        assert_eq!(known.call("POST", &path, Some(result)).await.0, 200);
    }
    let assets = known.value("/odata/Assets?$orderby=Name").await;
    assert_eq!((&assets[0]["Value"], &assets[1]["CredentialUsername"]), (&json!("hello"), &json!("me")));
    let again = json!({"Name": "PLAIN"});
    let (status, body) = known.call("POST", "/odata/QueueDefinitions", Some(again)).await;
    assert_eq!(status, 409, "names of before are taken: {body}");
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future);
}

#[test]
fn an_older_data_folder_goes_on_working() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("data");
    unpack(SQLITE, &data);
    let server = Server::start(&data, &[]);
    run(everything_is_there(&server, "sqlite"));
    let (code, _) = server.end("-TERM");
    assert_eq!(code, Some(0));
}

#[test]
fn an_older_postgresql_database_goes_on_working_and_can_be_dumped_and_restored() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("data");
    unpack(POSTGRES, &data);
    let dump = std::fs::read_to_string(data.join("dump.sql")).expect("the dump");
    run(async {
        let database = bandmaster_store::testing::postgres().await;
        load(&database.location(), &dump).await;
        let server = Server::start(&data, &[("BANDMASTER_DATABASE", &database.location())]);
        everything_is_there(&server, "postgres").await;
        assert_eq!(server.end("-TERM").0, Some(0));

        let dump = Command::new("pg_dump").args(["--no-owner", "--inserts"]).arg(database.location()).output();
        let dump = dump.expect("pg_dump runs");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let restored = bandmaster_store::testing::postgres().await;
        load(&restored.location(), &String::from_utf8(dump.stdout).expect("text")).await;
        let server = Server::start(&data, &[("BANDMASTER_DATABASE", &restored.location())]);
        let known = Known::new(&server, "postgres");
        let ended = known.value("/odata/QueueItems?$filter=Status eq 'Successful'").await;
        assert_eq!(ended.as_array().map(Vec::len), Some(4));
        assert_eq!(server.end("-TERM").0, Some(0));
    });
}

/// Runs a dump's statements; lines for `psql` itself are left out.
async fn load(url: &str, dump: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the cluster answers");
    let connection = tokio::spawn(connection);
    let statements: Vec<&str> = dump.lines().filter(|l| !l.starts_with('\\')).collect();
    client.batch_execute(&statements.join("\n")).await.expect("the dump is loaded");
    drop(client);
    connection.await.expect("the connection ends").expect("the connection ends well");
}
