//! A tenant with something of everything in it, made through the API: for tests that look whether it can be seen from
//! elsewhere, and whether all of it goes.

use crate::probe::{Thing, Things};
use bandmaster_core::ids::parse_guid;
use bandmaster_packages::nupkg::build::PackageBuilder;
use bandmaster_testkit::{Client, TestServer, Value, json, wait};
use reqwest::Method;
use std::io::Write;

const ODATA: &str = "UiPath.Server.Configuration.OData";
const ROBOTS: &str = "/api/RobotsService";

/// What was planted.
pub struct Planted {
    /// One thing of each set, by the set's lower-case name.
    pub things: Things,
    /// The machine with its key.
    pub agent: Client,
    /// The administrator in the planted folder.
    pub at: Client,
    /// The token of the running job.
    pub job_token: String,
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// A package of that name.
pub fn package(id: &str) -> Vec<u8> {
    PackageBuilder::new(id, "1.0.0")
        .function("main", "main.py:main", json!({"type": "object"}), json!({"type": "object"}))
        .file("main.py", "def main(data):\n    return data\n")
        .build()
        .expect("a package")
}

fn library(id: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let nuspec = format!(
        "<?xml version=\"1.0\"?><package><metadata><id>{id}</id><version>1.0.0</version><authors>dana</authors>\
         <description>Helpers</description><tags>UiPathStudioLibrary</tags></metadata></package>"
    );
    zip.start_file(format!("{id}.nuspec"), options).unwrap();
    zip.write_all(nuspec.as_bytes()).unwrap();
    zip.start_file(format!("lib/net8.0/{id}.dll"), options).unwrap();
    zip.write_all(b"MZ").unwrap();
    zip.finish().unwrap().into_inner()
}

async fn put_file(server: &TestServer, access: &Value) {
    let nobody = server.anonymous();
    let uri = access["Uri"].as_str().unwrap();
    let reply = nobody.send(nobody.request(Method::PUT, uri).body(b"content".to_vec())).await;
    assert!(reply.status < 300, "{}", reply.text());
}

async fn report(agent: &Client, data: &Value, state: &str) {
    let entry = json!([{"jobKey": data["jobKey"], "jobState": state, "reservationId": data["reservationId"]}]);
    let answer = agent.post(&format!("{ROBOTS}/SubmitJobState"), entry).await.expect(200);
    assert_eq!(answer[0]["accepted"], true, "{answer}");
}

/// The next job that the machine is told to run.
async fn command(agent: &Client) -> Value {
    let beat = json!({"heartbeats": [], "commandState": "Pending", "runningJobKeys": []});
    wait::found("a job for the machine", async || {
        let answer = agent.post(&format!("{ROBOTS}/HeartbeatV2"), beat.clone()).await.expect(200);
        let first = answer["commands"].as_array().and_then(|c| c.first()).cloned();
        first.map(|c| c["data"].clone()).filter(|d| d["jobKey"].is_string())
    })
    .await
}

/// Plants everything in the tenant of `admin`, whose organization has that name. Every name begins with `mark`.
pub async fn plant(server: &TestServer, admin: &Client, organization: &str, mark: &str) -> Planted {
    let name = |what: &str| format!("{mark}-{what}");
    let everywhere = admin.without_folder();
    let folder = everywhere.post("/odata/Folders", json!({"DisplayName": name("folder")})).await.expect(201);
    let folder = number(&folder["Id"]);
    everywhere.post("/odata/Folders", json!({"DisplayName": name("inner"), "ParentId": folder})).await.expect(201);
    let at = admin.in_folder(folder);
    queues(&at, &name).await;
    resources(server, &at, &name).await;
    let role = json!({"Name": name("role"), "DisplayName": name("role"), "Type": "Tenant", "Permissions": []});
    everywhere.post("/odata/Roles", role).await.expect(201);
    let (agent, job_token) = jobs(server, &at, organization, folder, &name).await;
    let line =
        json!({"message": name("line"), "level": "Information", "timeStamp": "2026-01-05T07:01:00Z"}).to_string();
    at.post("/api/Logs/SubmitLogs", json!([line])).await.expect(200);
    let setting = json!({"settings": [{"Name": "Portal.Colour", "Value": name("colour")}]});
    everywhere.post(&format!("/odata/Settings/{ODATA}.UpdateBulk"), setting).await.expect(200);
    let export = at.post(&format!("/odata/RobotLogs/{ODATA}.Export"), json!({})).await.expect(200);
    wait::until("the export", async || {
        at.get(&format!("/odata/Exports({})", export["Id"])).await.json()["Status"] == "Completed"
    })
    .await;
    // A stored reply, and the key of the feeds.
    let repeated = at.with_header("Idempotency-Key", &name("key"));
    repeated.post("/odata/QueueDefinitions", json!({"Name": name("repeated")})).await.expect(201);
    let things = things(&at).await;
    assert!(things.len() >= 18, "{things:?}");
    Planted { things, agent, at, job_token }
}

async fn queues(at: &Client, name: &impl Fn(&str) -> String) {
    let body = json!({"Name": name("queue"), "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1});
    let queue = at.post("/odata/QueueDefinitions", body).await.expect(201);
    let item = |reference: &str| json!({"itemData": {"Name": queue["Name"], "Reference": name(reference), "SpecificContent": {"Word": name("content")}}});
    at.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item("other")).await.expect(201);
    let made = at.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item("item")).await.expect(201);
    let comment = json!({"Text": name("comment"), "QueueItemId": made["Id"]});
    at.post("/odata/QueueItemComments", comment).await.expect(201);
    let action = json!({"Action": "SetPriority", "Priority": "High", "QueueDefinitionId": queue["Id"]});
    at.post("/odata/QueueItemActions", action).await.expect(201);
}

async fn resources(server: &TestServer, at: &Client, name: &impl Fn(&str) -> String) {
    let asset =
        json!({"Name": name("asset"), "ValueScope": "Global", "ValueType": "Text", "StringValue": name("value")});
    at.post("/odata/Assets", asset).await.expect(201);
    let identifier = server.app().ids.guid();
    let bucket = at.post("/odata/Buckets", json!({"Name": name("bucket"), "Identifier": identifier})).await.expect(201);
    let uri = format!("/odata/Buckets({})/{ODATA}.GetWriteUri?path={}", bucket["Id"], name("file"));
    put_file(server, &at.get(&uri).await.expect(200)).await;
    let attachment = at.post("/odata/Attachments", json!({"Name": name("attachment")})).await.expect(201);
    put_file(server, &attachment["BlobFileAccess"]).await;
}

/// Packages, a process, a robot on a machine, and three jobs: one that has ended, one that runs, one that waits.
async fn jobs(
    server: &TestServer,
    at: &Client,
    organization: &str,
    folder: i64,
    name: &impl Fn(&str) -> String,
) -> (Client, String) {
    let upload = format!("/odata/Processes/{ODATA}.UploadPackage()");
    at.upload(&upload, "p.nupkg", package(&name("package"))).await.expect(200);
    at.upload(&format!("/odata/Libraries/{ODATA}.UploadPackage()"), "l.nupkg", library(&name("library"))).await;
    let release = json!({"Name": name("process"), "ProcessKey": name("package"), "ProcessVersion": "1.0.0"});
    let release = at.post("/odata/Releases", release).await.expect(201);
    let body = json!({"Name": name("machine"), "Type": "Template", "UnattendedSlots": 1});
    let machine = at.post("/odata/Machines", body).await.expect(201);
    let assign = json!({"assignments": {"MachineIds": [machine["Id"]], "FolderIds": [folder]}});
    at.post(&format!("/odata/Folders/{ODATA}.AssignMachines"), assign).await.expect(204);
    let robot = json!({"command": "robot create", "organization": organization, "name": name("robot"), "folder": name("folder")});
    server.command(robot).await;
    let agent = server
        .anonymous()
        .with_header("X-ROBOT-LICENSE", machine["LicenseKey"].as_str().expect("a key"))
        .with_header("X-ROBOT-MACHINE", &name("host"))
        .with_header("X-ROBOT-AGENT", "OS=Linux")
        .with_header("X-UIPATH-INSTALLATION-ID", &server.app().ids.guid())
        .with_header("X-BANDMASTER-AGENT", "1");
    agent.post(&format!("{ROBOTS}/StartService"), json!({})).await.expect(200);
    let start = json!({"startInfo": {"ReleaseKey": release["Key"], "JobsCount": 3, "Reference": name("job")}});
    at.post(&format!("/odata/Jobs/{ODATA}.StartJobs"), start).await.expect(201);
    let first = command(&agent).await;
    report(&agent, &first, "Running").await;
    report(&agent, &first, "Successful").await;
    let second = command(&agent).await;
    report(&agent, &second, "Running").await;
    let token = second["jobAccessToken"].as_str().expect("a token of the job").to_owned();
    (agent, token)
}

/// One thing of each set that the caller sees.
pub async fn things(at: &Client) -> Things {
    let mut things = Things::new();
    for set in [
        "Folders",
        "QueueDefinitions",
        "QueueItems",
        "QueueItemComments",
        "QueueItemActions",
        "Assets",
        "Buckets",
        "Attachments",
        "Machines",
        "Roles",
        "Users",
        "AuditLogs",
        "Robots",
        "Sessions",
        "CredentialStores",
        "Jobs",
        "Releases",
        "Processes",
        "Libraries",
        "Exports",
    ] {
        let mut list = match set {
            // The one that everything lies in, not the one below it.
            "Folders" => at.get("/odata/Folders?$filter=endswith(DisplayName,'-folder')&$top=1").await,
            "Processes" | "Libraries" => at.get(&format!("/odata/{set}?$top=1")).await,
            _ => at.get(&format!("/odata/{set}?$orderby=Id%20desc&$top=1")).await,
        };
        if list.status != 200 {
            list = at.get(&format!("/odata/{set}?$top=1")).await;
        }
        let Some(row) = list.json()["value"].get(0).cloned() else { continue };
        let text = |names: &[&str]| names.iter().find_map(|n| row[*n].as_str().map(str::to_owned));
        let guid = text(&["Key", "UniqueKey", "LicenseKey", "Id"]).filter(|k| parse_guid(k).is_some());
        let key = text(&["Key"]).filter(|k| parse_guid(k).is_none());
        let thing = Thing {
            number: row["Id"].as_i64().unwrap_or_else(|| Thing::none().number),
            guid: guid.unwrap_or_else(|| Thing::none().guid),
            name: key
                .or_else(|| text(&["DisplayName", "Name", "Title", "Reference", "UserName", "Text"]))
                .unwrap_or_else(|| Thing::none().name),
        };
        things.insert(set.to_lowercase(), thing);
    }
    things
}
