//! Reading, stopping, restarting jobs, and the verdicts about them.

use crate::both;
use crate::world::*;
use serde_json::{Value, json};

const BY_KEY: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey";
const STOP: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs";
const RESTART: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.RestartJob";
const VALIDATE: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.ValidateDynamicJob";

async fn stop(world: &World, job: &Value) {
    let body = json!({"strategy": "Kill", "jobIds": [job["Id"]]});
    world.admin().post(STOP, body).await.expect(200);
}

/// Codes of the pending reasons of a job.
async fn reasons(world: &World, job: &Value) -> Vec<String> {
    let path = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData", job["Id"]);
    let pending = world.admin().get(&format!("{path}.GetPendingReasons")).await.expect(200);
    let verdict = world.admin().post(&format!("{path}.ValidateExistingJob"), json!({})).await.expect(200);
    assert_eq!(pending["ErrorCodes"], verdict["ErrorCodes"]);
    assert_eq!(verdict["IsValid"], verdict["ErrorCodes"].as_array().unwrap().is_empty());
    assert!(!pending["Errors"].as_array().unwrap().is_empty(), "a waiting job says something");
    verdict["ErrorCodes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect()
}

both! {
    async fn lists_and_single_jobs(world) {
        let process = world.process("Alpha", |_| {}).await;
        let other = world.process("Beta", |p| p.priority = 95).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let first = world.start(&process, json!({})).await;
        world.pass(60);
        let second = world.start(&other, json!({"Reference": "x"})).await;
        stop(&world, &first).await;
        let admin = world.admin();
        let names = async |query: &str| -> Vec<String> {
            let answer = admin.get(&format!("/odata/Jobs?{query}")).await.expect(200);
            answer["value"].as_array().unwrap().iter().map(|j| j["ReleaseName"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("$orderby=CreationTime desc").await, ["Beta", "Alpha"]);
        assert_eq!(names("$filter=State eq 'Pending'").await, ["Beta"]);
        assert_eq!(names("$filter=ReleaseName eq 'alpha'").await, ["Alpha"]);
        assert_eq!(names("$filter=SpecificPriorityValue ge 61").await, ["Beta"]);
        assert_eq!(names("$filter=JobPriority eq 'Normal'").await, ["Alpha"]);
        assert_eq!(names("$filter=CreationTime ge 2026-01-05T08:00:30Z").await, ["Beta"]);
        assert_eq!(names("$filter=ProcessType eq 'Process' and StopStrategy eq 'Kill'").await, ["Alpha"]);
        let keys = format!("$filter=Key in ('{}','{FILE}')", second["Key"].as_str().unwrap());
        assert_eq!(names(&keys).await, ["Beta"]);
        let counted = admin.get("/odata/Jobs?$count=true&$top=1").await.expect(200);
        assert_eq!(counted["@odata.count"], 2);
        admin.get("/odata/Jobs?$filter=Nonsense eq 1").await.error(400, 1000);

        let by_key = format!("{BY_KEY}(identifier={})", second["Key"].as_str().unwrap());
        assert_eq!(admin.get(&by_key).await.expect(200)["Id"], second["Id"]);
        admin.get(&format!("{BY_KEY}(identifier={FILE})")).await.error(404, 1002);
        admin.get("/odata/Jobs(999999)").await.error(404, 1002);
        let info = admin.get(&format!("/api/Jobs/GetJobInfo?jobKey={}", second["Key"].as_str().unwrap())).await.expect(200);
        assert_eq!((&info["id"], &info["processName"]), (&second["Id"], &json!("Beta")));
        assert_eq!(info["organizationUnitId"], world.shared);

        // Another folder, and nobody: as if it were not there.
        let folder = json!({"DisplayName": "Else", "ProvisionType": "Automatic", "PermissionModel": "FineGrained"});
        let elsewhere = admin.post("/odata/Folders", folder).await.expect(201)["Id"].as_i64().unwrap();
        let there = admin.in_folder(elsewhere);
        there.get(&format!("/odata/Jobs({})", second["Id"])).await.error(404, 1002);
        there.get(&by_key).await.error(404, 1002);
        there.post(STOP, json!({"strategy": "Kill", "jobIds": [second["Id"]]})).await.error(404, 1002);
        there.post(RESTART, json!({"jobId": first["Id"]})).await.error(404, 1002);
        assert_eq!(there.get("/odata/Jobs").await.expect(200)["value"], json!([]));
        let across = admin.without("x-uipath-organizationunitid");
        assert_eq!(across.get("/odata/Jobs").await.expect(200)["value"].as_array().unwrap().len(), 2);
        let narrowed = across.get("/odata/Jobs?mandatoryPermissions=Jobs.View&mandatoryPermissions=Jobs.Edit").await;
        assert_eq!(narrowed.expect(200)["value"].as_array().unwrap().len(), 2);
        across.get("/odata/Jobs?atLeastOnePermissions=Nonsense.View").await.error(400, 1105);
        world.stranger().get("/odata/Jobs").await.expect(403);
        world.stranger().get(&by_key).await.expect(403);
    }

    async fn bulk_stops_are_all_or_nothing(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let jobs = world.start_many(&process, json!({"JobsCount": 2})).await;
        let ids = json!([jobs[0]["Id"], 999_999]);
        world.admin().post(STOP, json!({"strategy": "Kill", "jobIds": ids})).await.error(404, 1002);
        assert_eq!(world.state(&jobs[0]).await, "Pending");
        world.admin().post(STOP, json!({"jobIds": [1]})).await.error(400, 0);
        world.admin().post(STOP, json!({"strategy": "Gently", "jobIds": [1]})).await.error(400, 1000);
        let ids = json!([jobs[0]["Id"], jobs[1]["Id"], jobs[0]["Id"]]);
        world.admin().post(STOP, json!({"strategy": "1", "jobIds": ids})).await.expect(200);
        world.admin().post(STOP, json!({"strategy": "SoftStop", "jobIds": ids})).await.expect(200);
        for job in &jobs {
            let job = world.job(&job["Id"]).await;
            assert_eq!(job["State"], "Stopped");
            assert_eq!(job["StopStrategy"], "SoftStop");
            assert!(job["EndTime"].is_string() && job["StartTime"].is_null());
        }
        let stopped = world.events().await.into_iter().filter(|(k, _)| k == "job.stopped").count();
        assert_eq!(stopped, 2);
        let audit = "SELECT COUNT(*) FROM audit_entries WHERE component = 'Jobs' AND action = 'StopJob'";
        assert_eq!(world.number(audit).await, 2);
    }

    async fn restarts_make_a_new_job_with_the_old_settings(world) {
        let process = world.process("p", |_| {}).await;
        let robot = world.account("bot").await;
        world.machine("pool", 1).await;
        let order = json!({"InputArguments": r#"{"a":1}"#, "Reference": "r", "SpecificPriorityValue": 77,
            "RobotIds": [robot], "EntryPointPath": "other", "Attachments": [{"attachmentId": FILE}],
            "StopProcessExpression": "600"});
        let old = world.start(&process, order).await;
        world.admin().post(RESTART, json!({"jobId": old["Id"]})).await.error(409, 1697);
        world.admin().post(RESTART, json!({"jobId": 999_999})).await.error(404, 1002);
        world.admin().post(RESTART, json!({})).await.error(400, 0);
        stop(&world, &old).await;
        world.edit(&process, "2.0.0", 777, 2).await;
        world.pass(1_000);
        let new = world.admin().post(RESTART, json!({"jobId": old["Id"]})).await.expect(200);
        for name in ["InputArguments", "Reference", "SpecificPriorityValue", "EntryPointPath", "ReleaseName", "RuntimeType"] {
            assert_eq!(new[name], old[name], "{name}");
        }
        assert_eq!(new["State"], "Pending");
        assert_eq!(new["ReleaseVersionId"], 777);
        for name in ["Id", "Key", "BatchExecutionKey", "CreationTime"] {
            assert_ne!(new[name], old[name], "{name}");
        }
        assert_eq!(new["EndTime"], Value::Null);
        assert_eq!(world.state(&old).await, "Stopped", "the old one stays");
        let path = format!("/api/JobAttachments/GetByJobKey?jobKey={}", new["Key"].as_str().unwrap());
        assert_eq!(world.admin().get(&path).await.expect(200)[0]["attachmentId"], FILE);
        world.look().await;
        assert_eq!(world.state(&new).await, "Pending", "its time counts from its own making");
        assert_eq!(world.history(&new).await[0].1, Some(format!("Restart of the job {}.", old["Id"])));
        world.sql("DELETE FROM releases", &[]).await;
        world.admin().post(RESTART, json!({"jobId": old["Id"]})).await.error(404, 1002);
    }

    async fn waiting_jobs_say_why(world) {
        let process = world.process("p", |_| {}).await;
        let windows = world.process("w", |p| p.target_framework = 1).await;
        let desktop = world.process("d", |p| p.requires_user_interaction = true).await;
        let robot = world.account("bot").await;
        let (machine, key) = world.machine("pool", 1).await;
        let job = world.start(&process, json!({})).await;
        assert_eq!(reasons(&world, &job).await, ["TemplateNoHostsAvailable", "DynamicJobConnectedMachinesInvalid"]);
        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({})).await.expect(200);
        world.pass(121);
        assert_eq!(reasons(&world, &job).await, ["DynamicJobConnectedMachinesInvalid"], "silent");
        host.beat(None).await;
        assert!(reasons(&world, &job).await.is_empty(), "evaluated when asked");
        world.dispatch().await;
        assert!(reasons(&world, &job).await.is_empty(), "reserved");
        let second = world.start(&process, json!({})).await;
        assert_eq!(reasons(&world, &second).await, ["TemplateFullCapacity"]);
        let command = host.beat(None).await.remove(0);
        assert!(host.report(&command, "Running", json!({})).await);
        let running = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.ValidateExistingJob", job["Id"]);
        assert_eq!(world.admin().post(&running, json!({})).await.expect(200)["IsValid"], true);
        stop(&world, &second).await;

        let on_windows = world.start(&windows, json!({})).await;
        assert_eq!(reasons(&world, &on_windows).await, ["DynamicJobWindowsTargetFrameworkInvalid"]);
        let on_desktop = world.start(&desktop, json!({})).await;
        assert!(reasons(&world, &on_desktop).await.contains(&"RobotNoCredentials".to_owned()));
        world.sql("UPDATE robots SET limit_concurrent = 1", &[]).await;
        let third = world.start(&process, json!({})).await;
        assert_eq!(reasons(&world, &third).await, ["RobotConcurrencyLimit", "TemplateFullCapacity"]);
        world.sql("UPDATE robots SET enabled = 0", &[]).await;
        assert!(reasons(&world, &third).await.contains(&"RobotNotFound".to_owned()));
        world.sql("UPDATE robots SET enabled = 1, limit_concurrent = 0", &[]).await;
        world.sql("UPDATE sessions SET maintenance = 1", &[]).await;
        assert_eq!(reasons(&world, &third).await, ["TemplateMaintenanceMode"]);
        world.sql("UPDATE sessions SET maintenance = 0", &[]).await;
        world.sql("UPDATE machines SET automation_type = 1", &[]).await;
        assert_eq!(reasons(&world, &third).await, ["DynamicJobBackgroundAutomationTypeInvalid"]);
        world.sql("DELETE FROM folder_machines", &[]).await;
        assert_eq!(reasons(&world, &third).await, ["TemplateNotAssignedToFolder"]);
        world.sql("DELETE FROM folder_users", &[]).await;
        assert!(reasons(&world, &third).await.contains(&"RobotNotFound".to_owned()));
        world.sql("DELETE FROM releases", &[]).await;
        assert_eq!(reasons(&world, &third).await, ["RobotNotFound"]);
        let path = "/odata/Jobs(999999)/UiPath.Server.Configuration.OData.GetPendingReasons";
        world.admin().get(path).await.error(404, 1002);
        assert!(robot > 0 && machine > 0);
    }

    async fn a_dry_run_creates_nothing(world) {
        let process = world.process("p", |_| {}).await;
        let body = |more: Value| {
            let mut info = json!({"ReleaseKey": process.key});
            more.as_object().unwrap().iter().for_each(|(k, v)| info[k] = v.clone());
            json!({"startInfo": info})
        };
        let verdict = world.admin().post(VALIDATE, body(json!({}))).await.expect(200);
        assert_eq!(verdict["IsValid"], false);
        assert_eq!(verdict["ErrorCodes"], json!(["RobotNotFound", "TemplateNotAssignedToFolder"]));
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        let verdict = world.admin().post(VALIDATE, body(json!({"RuntimeType": "Headless"}))).await.expect(200);
        assert_eq!(verdict["ErrorCodes"], json!(["TemplateNoRuntime"]));
        world.host(&key, "vm-1").robot("StartService", json!({})).await.expect(200);
        let verdict = world.admin().post(VALIDATE, body(json!({"Strategy": "All"}))).await.expect(200);
        assert_eq!(verdict["IsValid"], true);
        world.admin().post(VALIDATE, json!({"startInfo": {"ReleaseName": "none"}})).await.error(404, 1002);
        world.admin().post(VALIDATE, json!({})).await.error(400, 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM audit_entries WHERE component = 'Jobs'").await, 0);
    }

    async fn attachments_are_linked(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        world.machine("pool", 1).await;
        let job = world.start(&process, json!({})).await;
        let post = "/api/JobAttachments/Post";
        let body = json!({"attachmentId": FILE, "jobKey": job["Key"], "category": "Output"});
        let linked = world.admin().post(post, body.clone()).await.expect(200);
        assert_eq!(linked["attachmentName"], "in.json");
        let again = world.admin().post(post, body).await.expect(200);
        assert_eq!(again["id"], linked["id"], "the same link is one");
        let list = format!("/api/JobAttachments/GetByJobKey?jobKey={}", job["Key"].as_str().unwrap());
        assert_eq!(world.admin().get(&list).await.expect(200).as_array().unwrap().len(), 1);
        let none = "00000000-0000-4000-8000-000000000000";
        world.admin().post(post, json!({"attachmentId": none, "jobKey": job["Key"]})).await.error(404, 1002);
        world.admin().post(post, json!({"attachmentId": FILE, "jobKey": none})).await.error(404, 1002);
        world.admin().post(post, json!({"attachmentId": FILE})).await.error(400, 1009);
        world.admin().get(&format!("/api/JobAttachments/GetByJobKey?jobKey={none}")).await.error(404, 1002);
        world.admin().get("/api/JobAttachments/GetByJobKey").await.error(400, 1009);
        let audit = "SELECT COUNT(*) FROM audit_entries WHERE component = 'JobAttachments'";
        assert_eq!(world.number(audit).await, 2);
    }

    async fn time_limits_stop_and_kill(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        let order = json!({"StopProcessExpression": "120", "KillProcessExpression": "60"});
        // Still waiting at its limit: cancelled.
        let waiting = world.start(&process, order.clone()).await;
        world.watched(119).await;
        assert_eq!(world.state(&waiting).await, "Pending");
        world.watched(1).await;
        let stopped = world.job(&waiting["Id"]).await;
        assert_eq!(stopped["State"], "Stopped");
        assert_eq!(stopped["Info"], "The time limit of the job is over.");

        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({})).await.expect(200);
        let job = world.start(&process, order).await;
        let command = host.beat(None).await.remove(0);
        assert_eq!(command["data"]["timeLimitSeconds"], 120);
        assert_eq!(command["data"]["stopGraceSeconds"], 60);
        assert!(host.report(&command, "Running", json!({})).await);
        world.watched(120).await;
        assert_eq!(world.state(&job).await, "Stopping");
        assert_eq!(host.beat(None).await[0]["data"]["strategy"], "SoftStop");
        world.watched(60).await;
        assert_eq!(world.state(&job).await, "Terminating");
        world.pass(1439 * 60);
        world.look().await;
        assert_eq!(world.state(&job).await, "Terminating");
        world.watched(60).await;
        let gone = world.job(&job["Id"]).await;
        assert_eq!(gone["State"], "Faulted");
        assert_eq!(gone["JobError"]["code"], "TerminationTimedOut");
    }

    async fn other_features_ask(world) {
        use bandmaster_access::parts::{FolderContents, Hindrance};
        use bandmaster_fleet::{LiveJobs, RunningJobs};
        let jobs = bandmaster_automation::Jobs;
        let process = world.process("p", |_| {}).await;
        let robot = world.account("bot").await;
        let (_, key) = world.machine("pool", 2).await;
        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({})).await.expect(200);
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        let mut conn = world.app.store.read().await.unwrap();
        let session = world.number("SELECT id FROM sessions").await;
        let usage = jobs.usage(&mut conn, world.tenant).await.unwrap();
        assert_eq!((usage.of_session(session), usage.of_robot(robot)), (1, 1), "a reservation takes its slot");
        drop(conn);
        assert!(host.report(&command, "Running", json!({})).await);
        let live = async || jobs.job_is_live(&world.app, job["Key"].as_str().unwrap()).await.unwrap();
        assert!(live().await);
        let mut unit = world.unit().await;
        let hindrance = FolderContents::hindrance(&jobs, &mut unit, &[world.shared]).await.unwrap();
        assert_eq!(hindrance, Some(Hindrance::JobsNotFinal));
        jobs.stop_on_sessions(&mut unit, &[session], false).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(world.state(&job).await, "Stopping");
        assert!(host.report(&command, "Successful", json!({})).await, "it ended by itself");
        assert!(!live().await);
        let mut unit = world.unit().await;
        assert_eq!(FolderContents::hindrance(&jobs, &mut unit, &[world.shared]).await.unwrap(), None);
        FolderContents::delete(&jobs, &mut unit, &[world.shared]).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM job_history").await, 0);
    }
}
