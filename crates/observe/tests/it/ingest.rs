//! Taking log lines in.

use crate::world::{column, folder, job, machine, stored, submit};
use bandmaster_identity::{JobTokenRequest, issue_job_token};
use bandmaster_testkit::{Client, Value, json, suite};

const JOB: &str = "8066c309-cef8-4b47-9163-b273fc14cc43";
const UNKNOWN: &str = "8066c309-cef8-4b47-9163-b273fc14cc44";

async fn messages(client: &Client) -> Vec<Value> {
    column(&client.get("/odata/RobotLogs?$orderby=TimeStamp,Id").await.expect(200), "Message")
}

suite! {
    async fn a_line_comes_back_with_all_it_said(server: &TestServer) {
        let admin = server.admin();
        job(server, JOB, server.shared, 1).await;
        let line = json!({"message": "Start", "level": "Information", "timeStamp": "2026-01-05T09:00:00.125+01:00",
            "windowsIdentity": "CORP\\bot1", "agentSessionId": UNKNOWN, "processName": "InvoiceBot", "processVersion": "1.0.1",
            "fileName": "Main", "jobId": JOB.to_uppercase(), "robotName": "FinBot", "machineId": 32, "machineName": "PC-8",
            "organizationUnitId": 4711, "logType": "Default", "fingerprint": "f1", "ownField": {"a": [1, "ü"]}});
        let reply = submit(&admin.without_folder(), std::slice::from_ref(&line)).await;
        assert!(reply.expect(200).is_null());
        let list = admin.get("/odata/RobotLogs").await.expect(200);
        assert_eq!(list["@odata.count"], 1);
        let mut row = list["value"][0].clone();
        let raw: Value = serde_json_of(&row["RawMessage"]);
        assert_eq!(raw, line);
        row["RawMessage"] = json!(null);
        assert!(row["Id"].is_i64());
        row["Id"] = json!(0);
        assert_eq!(row, json!({"Level": "Info", "WindowsIdentity": "CORP\\bot1", "ProcessName": "InvoiceBot",
            "TimeStamp": "2026-01-05T08:00:00.125Z", "Message": "Start", "JobKey": JOB, "RawMessage": null, "RobotName": "FinBot",
            "HostMachineName": "PC-8", "MachineId": 32, "MachineKey": null, "RuntimeType": null, "Id": 0}));
    }

    async fn what_a_line_leaves_open_is_known_of_its_job(server: &TestServer) {
        let admin = server.admin();
        job(server, JOB, server.shared, 1).await;
        submit(&admin.without_folder(), &[json!({"message": "m", "jobId": JOB})]).await.expect(200);
        let row = admin.get("/odata/RobotLogs").await.expect(200)["value"][0].clone();
        assert_eq!((&row["ProcessName"], &row["HostMachineName"], &row["MachineId"]), (&json!("Billing"), &json!("PC-7"), &json!(31)));
        assert_eq!((&row["Level"], &row["TimeStamp"]), (&json!("Info"), &json!("2026-01-05T08:00:00Z")));
    }

    async fn one_line_is_an_object(server: &TestServer) {
        let admin = server.admin();
        admin.post("/api/Logs", json!({"message": "one", "level": "Error"})).await.expect(200);
        let list = admin.get("/odata/RobotLogs").await.expect(200);
        assert_eq!((column(&list, "Message"), column(&list, "Level")), (vec![json!("one")], vec![json!("Error")]));
        for wrong in [json!([]), json!("text"), json!(5), json!(null)] {
            admin.post("/api/Logs", wrong).await.error(400, 1000);
        }
    }

    async fn lines_of_one_moment_keep_their_order(server: &TestServer) {
        let admin = server.admin();
        let lines: Vec<Value> = (0..300).map(|n| json!({"message": n.to_string(), "timeStamp": "2026-01-05T08:00:00Z"})).collect();
        submit(&admin, &lines).await.expect(200);
        let sent: Vec<Value> = lines.iter().map(|l| l["message"].clone()).collect();
        assert_eq!(messages(&admin).await, sent);
        let newest = admin.get("/odata/RobotLogs?$top=2").await.expect(200);
        assert_eq!(column(&newest, "Message"), [json!("299"), json!("298")]);
    }

    async fn a_line_that_is_sent_again_is_one_line(server: &TestServer) {
        let admin = server.admin();
        job(server, JOB, server.shared, 1).await;
        let line = |message: &str, job: Option<&str>, fingerprint: Option<&str>| json!({"message": message, "jobId": job, "fingerprint": fingerprint});
        let lines = [
            line("a", Some(JOB), Some("f1")), line("b", Some(JOB), Some("f2")), line("c", None, Some("f1")),
            line("d", Some(JOB), Some("f1")), line("e", None, Some("f1")), line("f", Some(JOB), None), line("f", Some(JOB), None),
        ];
        submit(&admin, &lines).await.expect(200);
        let kept = [json!("a"), json!("b"), json!("c"), json!("f"), json!("f")];
        assert_eq!(messages(&admin).await, kept);
        submit(&admin, &lines[..5]).await.expect(200);
        assert_eq!(messages(&admin).await, kept);
    }

    async fn the_folder_is_the_jobs_else_the_lines_else_the_headers(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        job(server, JOB, second, 1).await;
        let lines = [
            json!({"message": "job", "jobId": JOB, "organizationUnitId": server.shared}),
            json!({"message": "line", "jobId": UNKNOWN, "organizationUnitId": second.to_string()}),
            json!({"message": "header", "jobId": UNKNOWN, "organizationUnitId": 4711}),
            json!({"message": "header too"}),
        ];
        submit(&admin, &lines).await.expect(200);
        assert_eq!(messages(&admin.in_folder(second)).await, [json!("job"), json!("line")]);
        assert_eq!(messages(&admin).await, [json!("header"), json!("header too")]);
        // Without any, nothing of the call is taken.
        submit(&admin.without_folder(), &lines).await.error(400, 1101);
        submit(&admin.in_folder(4711), &lines).await.error(400, 1100);
        assert_eq!(messages(&admin.in_folder(second)).await.len(), 2);
    }

    async fn a_job_that_cannot_be_seen_is_as_one_that_does_not_exist(server: &TestServer) {
        let admin = server.admin();
        let hidden = folder(&admin, "Hidden").await;
        job(server, JOB, hidden, 1).await;
        let user = server.application("OR.Monitoring", Some("Automation User")).await;
        let other = server.other_tenant().await;
        for client in [&user, &other] {
            let [of, none] = [JOB, UNKNOWN].map(|job| json!({"message": "m", "jobId": job, "organizationUnitId": hidden}));
            let known = submit(&client.without_folder(), std::slice::from_ref(&of)).await.error(400, 1101);
            assert_eq!(submit(&client.without_folder(), &[none]).await.error(400, 1101)["message"], known["message"]);
            let again = json!({"message": "mine", "jobId": JOB, "fingerprint": "f"});
            submit(client, &[again]).await.expect(200);
        }
        // Nor can they keep the job's own lines out by being first.
        assert!(messages(&admin.in_folder(hidden)).await.is_empty());
        submit(&admin, &[json!({"message": "true", "jobId": JOB, "fingerprint": "f"})]).await.expect(200);
        assert_eq!(messages(&admin.in_folder(hidden)).await, [json!("true")]);
        assert_eq!(messages(&admin).await, [json!("mine")]);
        assert_eq!(messages(&other).await, [json!("mine")]);
    }

    async fn permissions_are_held(server: &TestServer) {
        let line = [json!({"message": "m"})];
        submit(&server.anonymous(), &line).await.error(401, 0);
        submit(&server.application("OR.Assets", None).await, &line).await.error(403, 0);
        submit(&server.application("OR.Monitoring.Read", None).await, &line).await.error(403, 0);
        submit(&server.application("OR.Monitoring", Some("Automation User")).await, &line).await.expect(200);
        let admin = server.admin();
        let role = json!({"Name": "Looker", "Type": "Folder", "Permissions": [{"Name": "Logs.View", "IsGranted": true}]});
        admin.post("/odata/Roles", role).await.expect(201);
        let looker = server.application("OR.Monitoring", Some("Looker")).await;
        submit(&looker, &line).await.error(403, 0);
        looker.post("/api/Logs", line[0].clone()).await.error(403, 0);
        server.anonymous().post("/api/Logs", line[0].clone()).await.error(401, 0);
        assert_eq!(messages(&looker).await.len(), 1);
    }

    async fn jobs_tell_of_themselves_alone(server: &TestServer) {
        let admin = server.admin();
        for (key, state) in [(JOB, 1), (UNKNOWN, 1)] {
            job(server, key, server.shared, state).await;
        }
        let mut conn = server.app().store.read().await.unwrap();
        let account: String = conn.query_one("SELECT key FROM users WHERE user_name = 'admin'", &[]).await.unwrap().get(0).unwrap();
        let request = JobTokenRequest { account_key: &account, tenant_id: crate::world::tenant(server).await, job_key: JOB,
            lifetime: 3_600_000_000, origin: Some(&server.url) };
        let token = issue_job_token(server.app(), &request).await.unwrap();
        let program = server.caller(token.reveal()).without_folder();
        submit(&program, &[json!({"message": "mine", "jobId": JOB}), json!({"message": "unnamed"})]).await.expect(200);
        submit(&program, &[json!({"message": "mine", "jobId": JOB}), json!({"message": "other", "jobId": UNKNOWN})]).await.error(403, 0);
        let list = admin.get("/odata/RobotLogs?$orderby=Id").await.expect(200);
        assert_eq!((column(&list, "Message"), column(&list, "JobKey")), (vec![json!("mine"), json!("unnamed")], vec![json!(JOB), json!(JOB)]));
    }

    async fn machines_write_where_they_work(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        job(server, JOB, server.shared, 1).await;
        job(server, UNKNOWN, second, 1).await;
        let key = machine(&admin, "M", server.shared).await;
        let robot = server.anonymous().without_folder().with_header("X-ROBOT-LICENSE", &key);
        submit(&robot, &[json!({"message": "m", "jobId": JOB})]).await.expect(200);
        submit(&robot, &[json!({"message": "m", "jobId": UNKNOWN})]).await.error(400, 1101);
        submit(&robot.in_folder(second), &[json!({"message": "m"})]).await.error(400, 1100);
        assert_eq!(messages(&admin).await.len(), 1);
    }

    async fn wrong_lines_are_refused_and_none_is_taken(server: &TestServer) {
        let admin = server.admin();
        let good = json!({"message": "good"}).to_string();
        for wrong in ["", "text", "[]", "\"text\"", "{", "{\"message\":\"\\ud800\"}", "null", &"[".repeat(100_000), &"{\"a\":".repeat(5_000)] {
            admin.post("/api/Logs/SubmitLogs", json!([good, wrong])).await.error(400, 1000);
        }
        let huge = json!({"message": "x".repeat(1 << 20)}).to_string();
        admin.post("/api/Logs/SubmitLogs", json!([good, huge])).await.error(400, 1000);
        admin.post("/api/Logs/SubmitLogs", json!([good, "{\"a\":\"\u{0}\"}"])).await.error(400, 1000);
        for wrong in [json!([good, 5]), json!([good, {"message": "m"}]), json!([good, null]), json!({}), json!("x"), json!(7)] {
            admin.post("/api/Logs/SubmitLogs", wrong).await.error(400, 1000);
        }
        admin.post("/api/Logs/SubmitLogs", json!(null)).await.error(400, 0);
        let many = vec!["{}"; 10_001];
        admin.post("/api/Logs/SubmitLogs", json!(many)).await.error(400, 1009);
        assert!(messages(&admin).await.is_empty());
        submit(&admin, &[]).await.expect(200);
        admin.post("/api/Logs/SubmitLogs", json!(many[1..])).await.expect(200);
        let total = admin.get("/odata/RobotLogs/UiPath.Server.Configuration.OData.GetTotalCount").await.expect(200);
        assert_eq!(total["value"], 10_000);
    }

    async fn odd_lines_are_taken_as_far_as_they_go(server: &TestServer) {
        let admin = server.admin();
        let long = "ü".repeat(1_000);
        let lines = [
            json!({"message": "a\u{0}b", "processName": "p\u{0}", "robotName": long, "windowsIdentity": "\u{0}", "fingerprint": "\u{0}"}),
            json!({"message": 5, "level": {"x": 1}, "timeStamp": "soon", "jobId": "no", "machineId": 1e300, "fingerprint": long}),
            json!({"Message": "other case", "LEVEL": "WARNING", "machineID": "31", "timestamp": "9999-12-30T20:00:00Z"}),
            json!({"message": "m", "timeStamp": "-009999-01-02T00:00:00Z", "organizationUnitId": -1}),
        ];
        submit(&admin, &lines).await.expect(200);
        let rows = admin.get("/odata/RobotLogs?$orderby=Id").await.expect(200);
        assert_eq!(column(&rows, "Message"), [json!("a\u{fffd}b"), json!(""), json!("other case"), json!("m")]);
        assert_eq!(column(&rows, "Level"), [json!("Info"), json!("Info"), json!("Warn"), json!("Info")]);
        assert_eq!(column(&rows, "MachineId"), [json!(null), json!(null), json!(31), json!(null)]);
        assert_eq!(rows["value"][0]["RobotName"].as_str().unwrap().chars().count(), 512);
        assert_eq!(rows["value"][2]["TimeStamp"], "9999-12-30T20:00:00Z");
    }

    async fn lines_are_neither_audited_nor_events(server: &TestServer) {
        let before = (server.audit().await.len(), server.events().await.len());
        submit(&server.admin(), &[json!({"message": "m"})]).await.expect(200);
        assert_eq!((server.audit().await.len(), server.events().await.len()), before);
        assert!(stored(server, "\"message\":\"m\"").await);
    }

    async fn lines_go_with_their_folder(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        for client in [&admin, &admin.in_folder(second)] {
            submit(client, &[json!({"message": "m"})]).await.expect(200);
        }
        admin.delete(&format!("/odata/Folders({second})")).await.expect(204);
        let sql = "SELECT folder_id FROM robot_logs";
        let rows = server.app().store.read().await.unwrap().query(sql, &[]).await.unwrap();
        assert_eq!(rows.iter().map(|r| r.get::<i64>(0).unwrap()).collect::<Vec<_>>(), [server.shared]);
    }
}

fn serde_json_of(text: &Value) -> Value {
    text.as_str().expect("a text").parse().expect("JSON")
}
