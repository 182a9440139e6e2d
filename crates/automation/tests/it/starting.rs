//! Starting jobs: what is made, what is refused.

use crate::both;
use crate::world::*;
use serde_json::{Value, json};

both! {
    async fn makes_a_job_with_all_its_members(world) {
        let process = world.process("Invoices", |p| {
            p.input_arguments = Some(r#"{"month":1,"year":2026}"#.into());
            p.environment_variables = Some("A=1".into());
            p.priority = 65;
        }).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let job = world
            .start(&process, json!({"InputArguments": r#"{"month":2}"#, "Reference": "batch-7", "Source": "Manual"}))
            .await;
        for (name, want) in [
            ("State", json!("Pending")),
            ("ReleaseName", json!("Invoices")),
            ("InputArguments", json!(r#"{"month":2,"year":2026}"#)),
            ("EnvironmentVariables", json!("A=1")),
            ("JobPriority", json!("High")),
            ("SpecificPriorityValue", json!(65)),
            ("Source", json!("Manual")),
            ("SourceType", json!("Manual")),
            ("Type", json!("Unattended")),
            ("RuntimeType", json!("Unattended")),
            ("Reference", json!("batch-7")),
            ("RequiresUserInteraction", json!(false)),
            ("EntryPointPath", json!("main")),
            ("ProcessType", json!("Process")),
            ("ReleaseVersionId", json!(100)),
            ("OrganizationUnitId", json!(world.shared)),
            ("OrganizationUnitFullyQualifiedName", json!("Shared")),
            ("StartTime", Value::Null),
            ("EndTime", Value::Null),
            ("HostMachineName", Value::Null),
            ("StopStrategy", Value::Null),
            ("HasMediaRecorded", json!(false)),
        ] {
            assert_eq!(job[name], want, "{name}");
        }
        assert!(job["Key"].is_string() && job["BatchExecutionKey"].is_string());
        assert!(job["@odata.count"].is_null());
        let (kind, payload) = world.events().await.remove(0);
        assert_eq!(kind, "job.created");
        assert_eq!(payload["StartInfo"]["ReleaseKey"], process.key.as_str());
        assert_eq!(payload["Jobs"][0]["Id"], job["Id"]);
        assert_eq!(payload["Jobs"][0]["InputArguments"]["month"], 2);
        let audit = world.rows("SELECT component, action, entity_id FROM audit_entries WHERE component = 'Jobs'", &[]).await;
        assert_eq!(audit.len(), 1);
        assert_eq!(audit[0].get::<String>(1).unwrap(), "StartJob");
        assert_eq!(json!(audit[0].get::<i64>(2).unwrap()), job["Id"]);
        assert_eq!(world.history(&job).await, [("Pending".to_owned(), None)]);
    }

    async fn refusals(world) {
        let process = world.process("p", |_| {}).await;
        let foreground = world.process("f", |p| p.requires_user_interaction = true).await;
        let start = async |info: Value| {
            let mut info = info;
            if info.get("ReleaseName").is_none() && info.get("ReleaseKey").is_none() {
                info["ReleaseKey"] = json!(process.key);
            }
            world.admin().post(START, json!({"startInfo": info})).await
        };
        start(json!({})).await.error(409, 1671);
        let robot = world.account("bot").await;
        start(json!({})).await.error(409, 2818);
        let (machine, _) = world.machine("pool", 1).await;
        start(json!({"RuntimeType": "NonProduction"})).await.error(409, 2818);
        start(json!({"RobotIds": [robot + 999]})).await.error(409, 1671);
        start(json!({"Strategy": "Specific", "RobotIds": [robot + 999]})).await.error(409, 1671);
        start(json!({"MachineRobots": [{"RobotId": robot + 999}]})).await.error(409, 1671);
        start(json!({"MachineRobots": [{"MachineId": machine + 999}]})).await.error(404, 1002);
        start(json!({"MachineSessionIds": [999]})).await.error(404, 1002);
        start(json!({"MachineInfraTarget": {"MachineTemplateName": "none"}})).await.error(404, 1002);
        start(json!({"ReleaseName": "nothing"})).await.error(404, 1002);
        start(json!({"ReleaseKey": process.key, "ReleaseName": "f"})).await.error(409, 1687);
        start(json!({"JobPriority": "Low", "SpecificPriorityValue": 3})).await.error(400, 1009);
        start(json!({"InputArguments": "{}", "InputFile": FILE})).await.error(400, 1009);
        start(json!({"InputArguments": "[]"})).await.error(400, 1009);
        start(json!({"InputFile": "00000000-0000-4000-8000-000000000000"})).await.error(404, 1002);
        start(json!({"Attachments": [{"attachmentId": "00000000-0000-4000-8000-000000000000"}]})).await.error(404, 1002);
        start(json!({"JobsCount": 0})).await.error(400, 1009);
        start(json!({"JobsCount": 10_001})).await.error(400, 1009);
        start(json!({"EntryPointPath": "nowhere"})).await.error(400, 1009);
        start(json!({"ReleaseKey": foreground.key, "RunAsMe": true})).await.error(409, 1230);
        world.admin().post(START, json!({})).await.error(400, 0);
        world.admin().without("x-uipath-organizationunitid").post(START, json!({"startInfo": {}})).await.error(400, 1101);
        let other = world.admin().in_folder(world.shared + 99);
        other.post(START, json!({"startInfo": {"ReleaseKey": process.key}})).await.error(400, 1100);
        world.stranger().post(START, json!({"startInfo": {}})).await.expect(400);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 0);
    }

    async fn strategies_make_the_right_number_for_the_right_robots(world) {
        let process = world.process("p", |_| {}).await;
        let (ana, bot) = (world.account("ana").await, world.account("bot").await);
        let (machine, _) = world.machine("pool", 1).await;
        let demand = async |jobs: &[Value]| -> Vec<(Vec<i64>, Vec<i64>)> {
            let mut all = Vec::new();
            for job in jobs {
                let sql = format!("SELECT demand FROM jobs WHERE id = {}", job["Id"]);
                let text: String = world.rows(&sql, &[]).await[0].get(0).unwrap();
                let demand = bandmaster_automation::dispatch::Demand::parse(&text).unwrap();
                all.push((demand.machines, demand.robots));
            }
            all
        };
        let jobs = world.start_many(&process, json!({"JobsCount": 3, "Strategy": "ModernJobsCount"})).await;
        assert_eq!(demand(&jobs).await, vec![(vec![], vec![]); 3]);
        let keys: Vec<&Value> = jobs.iter().map(|j| &j["BatchExecutionKey"]).collect();
        assert!(keys.iter().all(|k| *k == keys[0]));
        let jobs = world.start_many(&process, json!({"Strategy": "Specific", "RobotIds": [bot, ana]})).await;
        assert_eq!(demand(&jobs).await, [(vec![], vec![ana]), (vec![], vec![bot])]);
        let jobs = world.start_many(&process, json!({"Strategy": "All"})).await;
        assert_eq!(jobs.len(), 2);
        let jobs = world.start_many(&process, json!({"Strategy": "RobotCount", "NoOfRobots": 2})).await;
        assert_eq!(jobs.len(), 2);
        let pairs = json!([{"MachineId": machine, "RobotId": ana}, {"RobotId": bot}]);
        let jobs = world.start_many(&process, json!({"MachineRobots": pairs, "JobsCount": 3})).await;
        let pair = (vec![machine], vec![ana]);
        assert_eq!(demand(&jobs).await, [pair.clone(), (vec![], vec![bot]), pair]);
        let jobs = world.start_many(&process, json!({"RobotIds": [bot]})).await;
        assert_eq!(demand(&jobs).await, [(vec![], vec![bot])]);
    }

    async fn a_big_start_is_one_start(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let batch = "a8d04f7e-19c3-4b65-b2f1-6c0e9d83a517";
        let jobs = world.start_many(&process, json!({"JobsCount": 1_200, "BatchExecutionKey": batch})).await;
        assert_eq!(jobs.len(), 1_200);
        assert!(jobs.iter().all(|j| j["BatchExecutionKey"] == batch && j["State"] == "Pending"));
        let ids: std::collections::HashSet<i64> = jobs.iter().map(|j| j["Id"].as_i64().unwrap()).collect();
        assert_eq!(ids.len(), 1_200);
        let told: usize = world.events().await.iter().map(|(_, p)| p["Jobs"].as_array().unwrap().len()).sum();
        assert_eq!(told, 1_200);
        // The same batch again: only the new ones are answered.
        let more = world.start_many(&process, json!({"JobsCount": 2, "BatchExecutionKey": batch})).await;
        assert_eq!(more.len(), 2);
    }

    async fn files_and_parents_go_along(world) {
        let process = world.process("p", |p| p.input_arguments = Some(r#"{"a":1}"#.into())).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let parent = world.start(&process, json!({})).await;
        let info = json!({"ReleaseName": "P", "InputFile": FILE, "Attachments": [{"attachmentId": FILE}]});
        let caller = world.admin().with("x-uipath-jobkey", parent["Key"].as_str().unwrap());
        let job = caller.post(START, json!({"StartInfo": info})).await.expect(201)["value"][0].clone();
        assert_eq!(job["ParentJobKey"], parent["Key"]);
        assert_eq!(job["InputFile"], FILE);
        assert_eq!(job["InputArguments"], Value::Null);
        let path = format!("/api/JobAttachments/GetByJobKey?jobKey={}", job["Key"].as_str().unwrap());
        let linked = world.admin().get(&path).await.expect(200);
        assert_eq!(linked[0]["attachmentId"], FILE);
        assert_eq!(linked[0]["category"], "Input");
        let foreign = world.admin().with("x-uipath-jobkey", FILE);
        let job = foreign.post(START, json!({"startInfo": {"ReleaseName": "p"}})).await.expect(201)["value"][0].clone();
        assert_eq!(job["ParentJobKey"], Value::Null, "no such job");
    }
}

both! {
    async fn as_the_caller(world) {
        let process = world.process("p", |_| {}).await;
        let desktop = world.process("d", |p| p.requires_user_interaction = true).await;
        let bot = world.account("bot").await;
        world.machine("pool", 4).await;
        let robots = async |job: &Value| -> Vec<i64> {
            let sql = format!("SELECT demand FROM jobs WHERE id = {}", job["Id"]);
            let text: String = world.rows(&sql, &[]).await[0].get(0).unwrap();
            bandmaster_automation::dispatch::Demand::parse(&text).unwrap().robots
        };
        // Without a robot of the caller's own, a background job runs as anybody.
        let job = world.start(&process, json!({"RunAsMe": true})).await;
        assert!(robots(&job).await.is_empty());
        // Robots are named after their accounts: this gives the administrator one.
        let sql = "UPDATE robots SET user_id = (SELECT id FROM users WHERE key = $1)";
        world.sql(sql, &[world.admin.as_str().into()]).await;
        let mine = world.start(&process, json!({"RunAsMe": true})).await;
        assert_eq!(robots(&mine).await, [bot]);
        let mine = world.start(&desktop, json!({"RunAsMe": true})).await;
        assert_eq!(robots(&mine).await, [bot]);
        assert_eq!(mine["RequiresUserInteraction"], true);
    }

    async fn runtimes_follow_process_and_folder(world) {
        let process = world.process("p", |_| {}).await;
        let tests = world.process("t", |p| p.process_type = 5).await;
        world.account("bot").await;
        let (machine, _) = world.machine("pool", 0).await;
        let refused = world.admin().post(START, json!({"startInfo": {"ReleaseKey": process.key}})).await;
        refused.error(409, 2818);
        let slots = async |columns: &str| world.sql(&format!("UPDATE machines SET {columns} WHERE id = {machine}"), &[]).await;
        for (columns, process, runtime) in [
            ("development_slots = 1", &process, "Development"),
            ("unattended_slots = 1", &process, "Unattended"),
            ("unattended_slots = 1", &tests, "Unattended"),
            ("testautomation_slots = 1", &tests, "TestAutomation"),
        ] {
            slots(columns).await;
            assert_eq!(world.start(process, json!({})).await["RuntimeType"], runtime, "{columns}");
        }
        let asked = world.start(&tests, json!({"RuntimeType": "Unattended"})).await;
        assert_eq!(asked["RuntimeType"], "Unattended");
    }

    async fn alerts_for_jobs_that_take_too_long(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        let order = json!({"AlertPendingExpression": "60", "AlertRunningExpression": "120"});
        let job = world.start(&process, order).await;
        assert_eq!(job["MaxExpectedRunningTimeSeconds"], 120);
        world.watched(59).await;
        assert!(world.alerts.lock().unwrap().is_empty());
        world.watched(600).await;
        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({})).await.expect(200);
        world.dispatch().await;
        let command = host.beat(None).await.remove(0);
        assert!(host.report(&command, "Running", json!({})).await);
        for _ in 0..10 {
            world.watched(60).await;
            host.beat(None).await;
        }
        let raised: Vec<(bool, i64)> = world.alerts.lock().unwrap().iter().map(|a| (a.running, a.seconds)).collect();
        assert_eq!(raised, [(false, 60), (true, 120)], "each once");
        assert_eq!(world.state(&job).await, "Running");
    }

    async fn processes_in_use_stay(world) {
        use bandmaster_packages::releases::{Dependent, ReleaseUse};
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let dependent = async || {
            let mut unit = world.unit().await;
            let found = bandmaster_automation::Jobs.dependent(&mut unit, process.id).await.unwrap();
            unit.commit().await.unwrap();
            found
        };
        assert_eq!(dependent().await, None);
        let job = world.start(&process, json!({})).await;
        assert_eq!(dependent().await, Some(Dependent::Jobs));
        let stop = json!({"strategy": "Kill", "jobIds": [job["Id"]]});
        world.admin().post("/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs", stop).await.expect(200);
        assert_eq!(dependent().await, None);
        // A job outlives its process.
        world.sql("DELETE FROM releases", &[]).await;
        let job = world.admin().get(&format!("/odata/Jobs({})?$expand=Release", job["Id"])).await.expect(200);
        assert_eq!((&job["Release"], &job["ReleaseName"]), (&Value::Null, &json!("p")));
    }
}
