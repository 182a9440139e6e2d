//! Listing and counting log lines.

use crate::world::{column, folder, submit};
use bandmaster_api::Duty;
use bandmaster_core::clock::DAY;
use bandmaster_observe::logs::LogAgeing;
use bandmaster_testkit::{Client, TestServer, Value, json, suite};

const JOB: &str = "8066c309-cef8-4b47-9163-b273fc14cc43";
const TOTAL: &str = "/odata/RobotLogs/UiPath.Server.Configuration.OData.GetTotalCount";

async fn some(server: &TestServer) -> Client {
    let admin = server.admin();
    let line = |message: &str, level: &str, minute: u32, process: &str| {
        json!({"message": message, "level": level, "timeStamp": format!("2026-01-05T07:{minute:02}:00Z"), "processName": process,
            "robotName": "FinBot", "machineName": "PC-7", "machineId": 31, "windowsIdentity": "corp\\bot", "jobId": JOB})
    };
    let lines = [
        line("Start", "Trace", 1, "Bills"),
        line("Invoice 7 paid", "Information", 2, "Bills"),
        line("slow", "Warning", 3, "Bills"),
        line("Invoice 8 lost", "Error", 4, "Bills"),
        line("end", "Critical", 5, "Other"),
        line("dbg", "Debug", 6, "Other"),
    ];
    submit(&admin, &lines).await.expect(200);
    submit(&admin, &[json!({"message": "no job", "timeStamp": "2026-01-05T07:07:00Z"})]).await.expect(200);
    admin
}

async fn found(client: &Client, options: &str) -> Vec<Value> {
    column(&client.get(&format!("/odata/RobotLogs?{options}")).await.expect(200), "Message")
}

suite! {
    async fn lines_are_found(server: &TestServer) {
        let admin = some(server).await;
        let newest = ["no job", "dbg", "end", "Invoice 8 lost", "slow", "Invoice 7 paid", "Start"];
        assert_eq!(found(&admin, "").await, newest);
        for (options, wanted) in [
            (format!("$filter=JobKey eq {JOB}&$orderby=TimeStamp&$top=2"), &["Start", "Invoice 7 paid"][..]),
            (format!("$filter=JobKey eq {} and Level ge 'Error'", JOB.to_uppercase()), &["end", "Invoice 8 lost"]),
            ("$filter=Level eq 'Warn'".to_owned(), &["slow"]),
            ("$filter=Level eq UiPath.Server.Configuration.OData.LogLevel'Fatal'".to_owned(), &["end"]),
            ("$filter=contains(Message,'INVOICE')&$orderby=TimeStamp".to_owned(), &["Invoice 7 paid", "Invoice 8 lost"]),
            ("$filter=ProcessName eq 'OTHER'".to_owned(), &["dbg", "end"]),
            ("$filter=TimeStamp ge 2026-01-05T07:05:00Z and TimeStamp lt 2026-01-05T08:06:00%2B01:00".to_owned(), &["end"]),
            ("$filter=RobotName eq 'finbot' and HostMachineName eq 'pc-7' and MachineId eq 31 and WindowsIdentity eq 'CORP\\bot'&$top=1".to_owned(), &["dbg"]),
            ("$filter=JobKey eq null".to_owned(), &["no job"]),
            ("$orderby=Level desc,TimeStamp desc&$top=2".to_owned(), &["end", "Invoice 8 lost"]),
            ("$skip=6".to_owned(), &["Start"]),
            ("$filter=JobKey eq 8066c309-cef8-4b47-9163-b273fc14cc44".to_owned(), &[]),
        ] {
            assert_eq!(found(&admin, &options).await, wanted, "{options}");
        }
        let page = admin.get("/odata/RobotLogs?$count=true&$top=2&$select=Message,Level").await.expect(200);
        assert_eq!((&page["@odata.count"], &page["value"][1]), (&json!(7), &json!({"Level": "Debug", "Message": "dbg"})));
        let empty = admin.get("/odata/RobotLogs?$top=0&$count=true").await.expect(200);
        assert_eq!((&empty["@odata.count"], &empty["value"]), (&json!(7), &json!([])));
    }

    async fn the_total_is_exact(server: &TestServer) {
        let admin = some(server).await;
        for (options, total) in [("", 7), ("?$filter=Level ge 'Warn'", 3), ("?$top=1&$skip=5&$orderby=Level", 7), ("?$count=false", 7)] {
            let answer = admin.get(&format!("{TOTAL}{options}")).await.expect(200);
            assert_eq!(answer["value"], total, "{options}");
        }
        assert_eq!(admin.get(&format!("{TOTAL}()")).await.expect(200)["value"], 7);
    }

    async fn hostile_options_are_refused(server: &TestServer) {
        let admin = some(server).await;
        let deep = format!("$filter={}Id eq 1{}", "(".repeat(500), ")".repeat(500));
        let long = format!("$filter={}", ["Id eq 1"; 101].join(" or "));
        for options in [
            "$filter=", "$filter=Id eq", "$filter=Nothing eq 1", "$filter=Id eq 1)) or ((1 eq 1", "$filter=Message eq 'a' or 1=1--",
            "$filter=Level eq 'Loud'", "$filter=TimeStamp gt yesterday", "$filter=JobKey eq 'x'", "$filter=RuntimeType eq 'Unattended'",
            "$filter=%00", "$filter=Message eq '%ED%A0%80'", "$filter=contains(Message", &deep, &long, "$orderby=Nothing",
            "$orderby=Id sideways", "$orderby=Id,Id,Id,Id,Id,Id", "$top=-1", "$top=x", "$top=1001", "$top=99999999999", "$skip=-1",
            "$count=maybe", "$select=Nothing", "$expand=Nothing",
        ] {
            admin.get(&format!("/odata/RobotLogs?{options}")).await.error(400, 1000);
            admin.get(&format!("{TOTAL}?{options}")).await.error(400, 1000);
        }
    }

    async fn folders_and_tenants_are_apart(server: &TestServer) {
        let admin = some(server).await;
        let second = folder(&admin, "Second").await;
        let other = server.other_tenant().await;
        for client in [&admin.in_folder(second), &other] {
            assert!(found(client, &format!("$filter=JobKey eq {JOB}")).await.is_empty());
            assert_eq!(client.get(TOTAL).await.expect(200)["value"], 0);
        }
        let viewer = server.application("OR.Monitoring.Read", Some("Folder Administrator")).await;
        assert_eq!(found(&viewer, "").await.len(), 7);
        for path in ["/odata/RobotLogs", TOTAL] {
            viewer.in_folder(second).get(path).await.error(400, 1100);
            other.in_folder(server.shared).get(path).await.error(400, 1100);
            admin.without_folder().get(path).await.error(400, 1101);
            server.anonymous().get(path).await.error(401, 0);
            server.application("OR.Assets", None).await.get(path).await.error(403, 0);
            // May write lines, but not read them.
            server.application("OR.Monitoring", Some("Automation User")).await.get(path).await.error(403, 0);
        }
    }

    async fn old_lines_go_when_the_operator_says_so(server: &TestServer) {
        let admin = some(server).await;
        let other = folder(&admin, "Other").await;
        let line = json!({"message": "elsewhere", "timeStamp": "2026-01-05T07:01:00Z"});
        let elsewhere = admin.in_folder(other);
        submit(&elsewhere, &[line]).await.expect(200);
        let now = bandmaster_core::time::parse("2026-01-06T07:05:00Z").expect("a time");
        LogAgeing { keep: 0 }.tick(server.app(), now).await.expect("a tick");
        assert_eq!(found(&admin, "").await.len(), 7, "kept for ever unless it is set");
        LogAgeing { keep: DAY }.tick(server.app(), now).await.expect("a tick");
        assert_eq!(found(&admin, "").await, ["no job", "dbg", "end"]);
        assert!(found(&elsewhere, "").await.is_empty());
    }
}
