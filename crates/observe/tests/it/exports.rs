//! Exports from the request to the file, and who may have it.

use crate::world::{folder, job, submit, tenant};
use bandmaster_api::{Fates, Folders, Unit, UnitContext};
use bandmaster_core::clock::{HOUR, MINUTE};
use bandmaster_observe::exports::record::{self, Taken};
use bandmaster_observe::exports::source;
use bandmaster_resources::files::{self, Area, Written};
use bandmaster_store::params;
use bandmaster_testkit::wait::{found, until as waiting};
use bandmaster_testkit::{Client, TestServer, Value, json, suite};
use std::time::Duration;

const LOGS: &str = "/odata/RobotLogs/UiPath.Server.Configuration.OData.Export";
const JOBS: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.Export";
const LIST: &str = "/odata/RobotLogs";
const REPORT: &str = "/odata/RobotLogs/UiPath.Server.Configuration.OData.Reports";

fn one(id: &Value) -> String {
    format!("/odata/Exports({id})")
}

fn link(id: &Value) -> String {
    format!("/odata/Exports({id})/UiPath.Server.Configuration.OData.GetDownloadLink")
}

fn items_of(queue: &Value) -> String {
    format!("/odata/QueueDefinitions({queue})/UiPathODataSvc.Export")
}

/// Waits until a condition on an export holds.
async fn until(client: &Client, id: &Value, holds: impl Fn(&Value) -> bool) -> Value {
    found("an export", async || Some(client.get(&one(id)).await.expect(200)).filter(&holds)).await
}

async fn ended(client: &Client, id: &Value) -> Value {
    until(client, id, |e| e["Status"] == "Completed" || e["Status"] == "Failed").await
}

/// Asks for an export, waits for it and fetches it.
async fn fetched(client: &Client, path: &str) -> String {
    let asked = client.post(path, json!({})).await.expect(200);
    let done = ended(client, &asked["Id"]).await;
    assert_eq!(done["Status"], "Completed", "{path}");
    let access = client.get(&link(&asked["Id"])).await.expect(200);
    let file = client.without_folder().with_token("void").get(access["Uri"].as_str().unwrap()).await;
    file.expect(200);
    assert_eq!(done["Size"], file.bytes.len());
    file.text()
}

fn lines(csv: &str) -> Vec<&str> {
    csv.strip_suffix("\r\n").expect("a whole line").split("\r\n").collect()
}

async fn execute(server: &TestServer, sql: &str, params: &[bandmaster_store::Value]) {
    let mut unit = server.app().store.begin().await.unwrap();
    unit.execute(sql, params).await.unwrap();
    unit.commit().await.unwrap();
}

/// A copy of an export that somebody holds in progress; its id.
async fn held_copy(server: &TestServer, id: &Value) -> Value {
    let mut unit = server.app().store.begin().await.unwrap();
    let sql = "INSERT INTO exports (organization_id, tenant_id, requester_key, user_id, kind, name, folders, options, \
         requested_at, status, run, beat_at, attempts) SELECT organization_id, tenant_id, requester_key, user_id, kind, name, \
         folders, options, CAST($1 AS BIGINT), 1, 'gone', CAST($1 AS BIGINT), 1 FROM exports WHERE id = $2 RETURNING id";
    let row = unit.query_one(sql, params![server.now(), id.as_i64().unwrap()]).await.unwrap();
    let copy: i64 = row.get(0).unwrap();
    unit.commit().await.unwrap();
    json!(copy)
}

suite! {
    async fn log_lines_become_a_file(server: &TestServer) {
        let admin = server.admin();
        let sent = [
            json!({"message": "plain", "level": "Information", "timeStamp": "2026-01-05T07:01:00Z", "processName": "Bills", "machineId": 31}),
            json!({"message": "=HYPERLINK(\"x\")", "level": "Error", "timeStamp": "2026-01-05T07:02:00.5Z", "windowsIdentity": "a,b"}),
            json!({"message": "other", "level": "Trace", "timeStamp": "2026-01-05T07:03:00Z"}),
        ];
        submit(&admin, &sent).await.expect(200);
        let columns = "$select=Level,ProcessName,TimeStamp,Message,WindowsIdentity,MachineId,JobKey";
        let path = format!("{LOGS}?$filter=Level ge 'Info'&$orderby=TimeStamp desc&{columns}&$expand=");
        let asked = admin.post(&path, json!({})).await.expect(200);
        assert_eq!((&asked["Type"], &asked["Status"], &asked["Name"]), (&json!("Logs"), &json!("New"), &json!("RobotLogs_2026-01-05_080000")));
        assert_eq!((&asked["RequestedAt"], &asked["ExecutedAt"], &asked["Size"]), (&json!("2026-01-05T08:00:00Z"), &Value::Null, &Value::Null));
        let done = ended(&admin, &asked["Id"]).await;
        assert_eq!((&done["Status"], &done["ExecutedAt"]), (&json!("Completed"), &json!("2026-01-05T08:00:00Z")));
        assert!(done["@odata.context"].as_str().unwrap().ends_with("$metadata#Exports/$entity"), "{done}");
        let access = admin.get(&link(&asked["Id"])).await.expect(200);
        assert_eq!((&access["Verb"], &access["RequiresAuth"], &access["Headers"]), (&json!("GET"), &json!(false), &json!({"Keys": [], "Values": []})));
        let file = server.anonymous().get(access["Uri"].as_str().unwrap()).await;
        file.expect(200);
        assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
        assert!(file.header("content-disposition").unwrap().contains("RobotLogs_2026-01-05_080000.csv"));
        assert_eq!(done["Size"], file.bytes.len());
        assert_eq!(lines(&file.text()), [
            "Level,WindowsIdentity,ProcessName,TimeStamp,Message,JobKey,MachineId",
            "Error,\"a,b\",,2026-01-05T07:02:00.5Z,\"'=HYPERLINK(\"\"x\"\")\",,",
            "Info,,Bills,2026-01-05T07:01:00Z,plain,,31",
        ]);
        let entry = server.audit().await.into_iter().rfind(|e| e["operation"] == "RobotLogs_Export").unwrap();
        assert_eq!((&entry["component"], &entry["action"], &entry["name"]), (&json!("Monitoring"), &json!("Download"), &asked["Name"]));
        assert_eq!((&entry["after"]["ExportId"], &entry["after"]["Options"]["$filter"]), (&asked["Id"], &json!("Level ge 'Info'")));
        assert_eq!(server.events().await.last().map(|e| (e["kind"].clone(), e["payload"].clone())), Some((json!("export.completed"), json!({"id": asked["Id"]}))));
        assert_eq!(lines(&fetched(&admin, &format!("{LOGS}?$filter=Message eq 'nothing'&$select=Id")).await), ["Id"]);
        assert_eq!(lines(&fetched(&admin, &format!("{LOGS}?$select=Message&$orderby=Id&$skip=1&$top=1")).await).len(), 2);
        let whole = fetched(&admin, LOGS).await;
        assert!(whole.starts_with("Level,WindowsIdentity,ProcessName,TimeStamp,Message,JobKey,RawMessage,RobotName,HostMachineName,MachineId,Id\r\n"), "{whole}");
        let page = admin.get(&format!("{}?$select=Status,Id", one(&asked["Id"]))).await.expect(200);
        assert_eq!((&page["Status"], &page["Name"]), (&json!("Completed"), &Value::Null));
        let short = admin.get(&format!("{}?$select=Uri", link(&asked["Id"]))).await.expect(200);
        assert!(short["Uri"].is_string() && short["Verb"].is_null());
    }

    async fn long_lists_are_whole_and_in_order(server: &TestServer) {
        let admin = server.admin();
        let tenant = tenant(server).await;
        let rows: Vec<_> = (0..900_i64).map(|n| {
            let process = (n % 7 != 0).then(|| ["b", "A", "a", "B"][usize::try_from(n % 4).unwrap()]);
            let key = (n % 3 == 0).then_some("8066c309-cef8-4b47-9163-b273fc14cc43");
            params![tenant, server.shared, server.now() - (n * 7919 % 13), n % 6, format!("m{}", n % 11), process, key, n % 5].to_vec()
        }).collect();
        let mut unit = server.app().store.begin().await.unwrap();
        unit.execute_many("INSERT INTO robot_logs (tenant_id, folder_id, at, level, message, process_name, job_key, machine_id, raw) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{}')", &rows).await.unwrap();
        unit.commit().await.unwrap();
        for order in ["Id", "Id desc", "TimeStamp", "TimeStamp desc", "ProcessName", "ProcessName desc,Level", "Level desc,ProcessName,JobKey desc",
            "JobKey,MachineId desc,Message", "length(Message),TimeStamp desc"] {
            for filter in ["", "&$filter=Level ne 'Warn'"] {
                let list = admin.get(&format!("{LIST}?$orderby={order}{filter}&$select=Id&$top=1000")).await.expect(200);
                let wanted: Vec<String> = crate::world::column(&list, "Id").iter().map(Value::to_string).collect();
                assert!(wanted.len() >= 700);
                let csv = fetched(&admin, &format!("{LOGS}?$orderby={order}{filter}&$select=Id")).await;
                assert_eq!(lines(&csv)[1..], wanted, "{order}{filter}");
            }
        }
        let list = admin.get(&format!("{LIST}?$orderby=ProcessName&$skip=60&$top=300&$select=Id")).await.expect(200);
        let wanted: Vec<String> = crate::world::column(&list, "Id").iter().map(Value::to_string).collect();
        let csv = fetched(&admin, &format!("{LOGS}?$orderby=ProcessName&$skip=60&$top=300&$select=Id")).await;
        assert_eq!(lines(&csv)[1..], wanted);
        let unordered = fetched(&admin, &format!("{LOGS}?$select=Id")).await;
        let ids: Vec<i64> = lines(&unordered)[1..].iter().map(|l| l.parse().unwrap()).collect();
        assert!(ids.len() == 900 && ids.is_sorted());
    }

    async fn jobs_and_queue_items_are_exported(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        job(server, "8066c309-cef8-4b47-9163-b273fc14cc43", server.shared, 5).await;
        job(server, "8066c309-cef8-4b47-9163-b273fc14cc44", second, 5).await;
        let csv = fetched(&admin, &format!("{JOBS}?$select=Key,State,ReleaseName,HostMachineName")).await;
        assert_eq!(lines(&csv), ["Key,State,ReleaseName,HostMachineName", "8066c309-cef8-4b47-9163-b273fc14cc43,Successful,Billing,PC-7"]);
        let whole = fetched(&admin, &format!("{JOBS}?$filter=State eq 'Successful'&$expand=Robot,Release")).await;
        assert_eq!(lines(&whole).len(), 2);
        assert!(lines(&whole)[0].starts_with("Key,StartTime,EndTime,State,"));

        for (name, encrypted) in [("Plain", false), ("Sealed", true)] {
            let queue = admin.post("/odata/QueueDefinitions", json!({"Name": name, "Encrypted": encrypted})).await.expect(201);
            for (reference, status) in [("r1", "New"), ("r2", "New")] {
                let item = json!({"itemData": {"Name": name, "Priority": "High", "Reference": reference, "SpecificContent": {"No": reference, "N": 1.5}}});
                let made = admin.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item).await.expect(201);
                assert_eq!(made["Status"], status);
            }
            let path = items_of(&queue["Id"]);
            let csv = fetched(&admin, &format!("{path}?$filter=Reference eq 'r2'&$select=Reference,Status,Priority,SpecificContent,Output")).await;
            assert_eq!(lines(&csv), ["SpecificContent,Output,Status,Reference,Priority", "\"{\"\"No\"\":\"\"r2\"\",\"\"N\"\":1.5}\",,New,r2,High"], "{name}");
            let whole = fetched(&admin, &path).await;
            assert!(lines(&whole).len() == 3 && !whole.contains("v1.") && whole.contains("r1"), "{whole}");
            admin.in_folder(second).post(&path, json!({})).await.error(404, 1002);
            server.other_tenant().await.post(&path, json!({})).await.error(404, 1002);
        }
        admin.post(&items_of(&json!(i64::MAX)), json!({})).await.error(404, 1002);
        let types: Vec<Value> = server.audit().await.into_iter().filter(|e| e["action"] == "Download").map(|e| e["component"].clone()).collect();
        assert_eq!(types, ["Jobs", "Jobs", "Queues", "Queues", "Queues", "Queues"]);
    }

    async fn reports_give_the_same_at_once(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        submit(&admin, &[json!({"message": "=1", "timeStamp": "2026-01-05T07:01:00Z"}), json!({"message": "b", "timeStamp": "2026-01-05T07:02:00Z"})]).await.expect(200);
        let options = "$orderby=TimeStamp desc&$select=Message";
        let file = admin.get(&format!("{REPORT}?{options}&fileNameSubject=%22..%2FMarch_1%0D%0A")).await;
        assert_eq!((file.status, file.text().as_str()), (200, "Message\r\nb\r\n'=1\r\n"));
        assert!(file.header("content-disposition").unwrap().contains("RobotLogs_March_1.csv"));
        assert_eq!(fetched(&admin, &format!("{LOGS}?{options}")).await, file.text());
        assert_eq!(lines(&admin.in_folder(second).get(REPORT).await.text()).len(), 1);
        let queue = admin.post("/odata/QueueDefinitions", json!({"Name": "q"})).await.expect(201);
        let item = json!({"itemData": {"Name": "q", "Reference": "r", "SpecificContent": {"A": 1}}});
        admin.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item).await.expect(201);
        let items = |id: &Value| format!("/odata/QueueDefinitions({id})/UiPathODataSvc.Reports?$select=Reference,SpecificContent");
        assert_eq!(admin.get(&items(&queue["Id"])).await.text(), "SpecificContent,Reference\r\n\"{\"\"A\"\":1}\",r\r\n");
        admin.get(&items(&json!(i64::MAX))).await.error(404, 1002);
        admin.in_folder(second).get(&items(&queue["Id"])).await.error(404, 1002);
        server.other_tenant().await.get(&items(&queue["Id"])).await.error(404, 1002);
        admin.get(&format!("{REPORT}?$filter=Nothing eq 1")).await.error(400, 1000);
        admin.without_folder().get(REPORT).await.error(400, 1101);
        server.anonymous().get(REPORT).await.error(401, 0);
        server.application("OR.Monitoring.Read", Some("Automation User")).await.get(REPORT).await.error(403, 0);
    }

    async fn what_cannot_be_exported_is_refused(server: &TestServer) {
        let admin = server.admin();
        for options in ["$filter=Nothing eq 1", "$filter=Level eq", "$orderby=Nothing", "$top=x", "$top=99999999999", "$skip=-1", "$select=Nothing", "$expand=Nothing", "filter=Id eq 1"] {
            admin.post(&format!("{LOGS}?{options}"), json!({})).await.error(400, 1000);
        }
        for path in [LOGS, JOBS] {
            admin.without_folder().post(path, json!({})).await.error(400, 1101);
            admin.in_folder(i64::MAX).post(path, json!({})).await.error(400, 1100);
            server.anonymous().post(path, json!({})).await.error(401, 0);
            server.application("OR.Assets", None).await.post(path, json!({})).await.error(403, 0);
        }
        server.application("OR.Monitoring.Read", None).await.post(LOGS, json!({})).await.error(403, 0);
        server.application("OR.Monitoring", Some("Automation User")).await.post(LOGS, json!({})).await.error(403, 0);
        assert!(server.audit().await.iter().all(|e| e["action"] != "Download"));
        let asked = admin.post(LOGS, json!({})).await.expect(200);
        for _ in 0..9 {
            let sql = "INSERT INTO exports (organization_id, tenant_id, requester_key, kind, name, options, requested_at, status) \
                SELECT organization_id, tenant_id, 'x', kind, name, options, requested_at, 3 FROM exports";
            execute(server, sql, &[]).await;
        }
        admin.post(LOGS, json!({})).await.error(409, 1017);
        server.other_tenant().await.post(LOGS, json!({})).await.expect(200);
        server.clock.advance(Duration::from_secs(24 * 3_600));
        assert_ne!(admin.post(LOGS, json!({})).await.expect(200)["Id"], asked["Id"]);
    }

    async fn an_export_is_its_requesters_alone(server: &TestServer) {
        let admin = server.admin();
        let app = server.application("OR.Monitoring", Some("Folder Administrator")).await;
        let asked = app.post(LOGS, json!({})).await.expect(200);
        let id = &asked["Id"];
        assert_eq!(ended(&app, id).await["Status"], "Completed");
        let mine = app.get("/odata/Exports?$select=Id").await.expect(200);
        assert_eq!(mine["value"], json!([{"Id": id}]));
        for stranger in [&admin, &server.other_tenant().await, &server.bare_application("OR.Monitoring").await] {
            assert_eq!(stranger.get("/odata/Exports").await.expect(200)["value"], json!([]));
            stranger.get(&one(id)).await.error(404, 1002);
            stranger.get(&link(id)).await.error(404, 1002);
        }
        for path in [one(id), link(id), "/odata/Exports".to_owned()] {
            server.anonymous().get(&path).await.error(401, 0);
        }
        for unknown in [json!(i64::MAX), json!(-1)] {
            app.get(&one(&unknown)).await.error(404, 1002);
            app.get(&link(&unknown)).await.error(404, 1002);
        }
        let uri = app.get(&link(id)).await.expect(200)["Uri"].as_str().unwrap().to_owned();
        let nobody = server.anonymous();
        nobody.get(&uri.replace("expires=1", "expires=2")).await.error(403, 1017);
        nobody.get(&format!("{uri}0")).await.error(403, 1017);
        nobody.get(uri.split_once('?').unwrap().0).await.error(403, 1017);
        nobody.get(&uri.replace("/exports/", "/attachments/")).await.error(403, 1017);
        nobody.get(&uri).await.expect(200);
        // Rights that were taken away count for what was written before.
        app.get(&link(id)).await.expect(200);
        execute(server, "DELETE FROM folder_user_roles WHERE user_id = (SELECT user_id FROM exports WHERE id = $1)", params![id.as_i64().unwrap()]).await;
        execute(server, "UPDATE tenants SET access_version = access_version + 1", &[]).await;
        app.get(&link(id)).await.error(403, 0);
        server.clock.advance(Duration::from_secs(3_600));
        nobody.get(&uri).await.error(403, 1017);
    }

    async fn exports_go_after_their_time(server: &TestServer) {
        let admin = server.admin();
        let asked = admin.post(LOGS, json!({})).await.expect(200);
        let id = &asked["Id"];
        ended(&admin, id).await;
        let sql = "SELECT file_id FROM exports WHERE id = $1";
        let file: String = server.app().store.read().await.unwrap().query_one(sql, params![id.as_i64().unwrap()]).await.unwrap().get(0).unwrap();
        let path = server.app().settings.files.join("exports").join(&file[..2]).join(&file);
        assert!(path.exists());
        server.clock.advance(Duration::from_micros(u64::try_from(168 * HOUR - MINUTE).unwrap()));
        admin.get(&one(id)).await.expect(200);
        let uri = admin.get(&link(id)).await.expect(200)["Uri"].as_str().unwrap().to_owned();
        server.clock.advance(Duration::from_secs(60));
        admin.get(&one(id)).await.error(404, 1002);
        admin.get(&link(id)).await.error(404, 1002);
        assert_eq!(admin.get("/odata/Exports").await.expect(200)["value"], json!([]));
        server.anonymous().get(&uri).await.error(404, 1002);
        waiting("the end of the export", async || {
            let rows = server.app().store.read().await.unwrap().query("SELECT id FROM exports UNION ALL SELECT 1 FROM stored_files", &[]).await.unwrap();
            rows.is_empty() && !path.exists()
        })
        .await;
    }

    async fn a_run_that_died_is_taken_up_again(server: &TestServer) {
        let admin = server.admin();
        let first = admin.post(LOGS, json!({})).await.expect(200);
        ended(&admin, &first["Id"]).await;
        let id = held_copy(server, &first["Id"]).await;
        server.clock.advance(Duration::from_secs(9 * 60));
        // Later requests pass it by.
        let second = admin.post(LOGS, json!({})).await.expect(200);
        ended(&admin, &second["Id"]).await;
        assert_eq!(admin.get(&one(&id)).await.expect(200)["Status"], "InProgress");
        admin.get(&link(&id)).await.error(409, 1000);
        server.clock.advance(Duration::from_secs(60));
        assert_eq!(ended(&admin, &id).await["Status"], "Completed");
        let uri = admin.get(&link(&id)).await.expect(200)["Uri"].as_str().unwrap().to_owned();
        server.anonymous().get(&uri).await.expect(200);
    }

    async fn a_run_that_lost_its_export_leaves_nothing(server: &TestServer) {
        let admin = server.admin();
        let first = admin.post(LOGS, json!({})).await.expect(200);
        ended(&admin, &first["Id"]).await;
        let id = held_copy(server, &first["Id"]).await;
        let begin = || Unit::begin(server.app(), UnitContext::duty("test"), Fates::default());
        let mut unit = begin().await.unwrap();
        let file = files::announce(&mut unit, Area::Exports).await.unwrap();
        let late = Taken {
            id: id.as_i64().unwrap(), organization_id: 0, tenant_id: 0, source: Some(&source::LOGS), folders: Folders::All, parent: None,
            options: Vec::new(), requested_at: server.now(), run: "gone".to_owned(), file: file.clone(), attempt: 1,
        };
        assert!(record::beat(&mut unit, &late).await.unwrap());
        unit.commit().await.unwrap();
        server.clock.advance(Duration::from_secs(600));
        let done = ended(&admin, &id).await;
        let mut unit = begin().await.unwrap();
        assert!(!record::beat(&mut unit, &late).await.unwrap());
        let written = Written { size: 99_999, sha256: "0".repeat(64) };
        assert!(!record::complete(&mut unit, &late, &written).await.unwrap());
        assert!(!record::give_up(&mut unit, &late, record::Fate::Failed).await.unwrap());
        unit.commit().await.unwrap();
        assert_eq!(admin.get(&one(&id)).await.expect(200), done);
        assert_ne!(done["Size"], 99_999);
        let sql = "SELECT 1 FROM stored_files WHERE id = $1 AND state = 1";
        assert!(server.app().store.read().await.unwrap().query_opt(sql, params![file]).await.unwrap().is_none());
    }

    async fn an_export_that_cannot_be_written_fails(server: &TestServer) {
        let admin = server.admin();
        let files = &server.app().settings.files;
        std::fs::create_dir_all(files).unwrap();
        // A file where the folder of exports would be.
        std::fs::write(files.join("exports"), "").unwrap();
        let asked = admin.post(LOGS, json!({})).await.expect(200);
        let id = asked["Id"].as_i64().unwrap();
        for attempt in 1..=3_i64 {
            waiting("the next attempt", async || {
                let sql = "SELECT attempts, status FROM exports WHERE id = $1";
                let row = server.app().store.read().await.unwrap().query_one(sql, params![id]).await.unwrap();
                let (attempts, status): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
                attempts == attempt && status != 1
            })
            .await;
            assert_eq!(admin.get(&one(&asked["Id"])).await.expect(200)["Status"], if attempt < 3 { "New" } else { "Failed" });
            admin.get(&link(&asked["Id"])).await.error(409, 1000);
            server.clock.advance(Duration::from_secs(61));
        }
        assert_eq!(server.events().await.last().unwrap()["kind"], "export.failed");
        std::fs::remove_file(files.join("exports")).unwrap();
        fetched(&admin, LOGS).await;
        assert_eq!(admin.get(&one(&asked["Id"])).await.expect(200)["Status"], "Failed");
    }
}
