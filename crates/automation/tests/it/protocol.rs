//! The robot service, by scripted robots: a job from the reservation to its end, fencing, lost robots, wake-ups.

use crate::both;
use crate::world::*;
use serde_json::{Value, json};
use std::time::Duration;

/// A folder with one account, one machine and a connected host; its key.
async fn ready(world: &World, slots: i64) -> (i64, i64, String) {
    let robot = world.account("bot").await;
    let (machine, key) = world.machine("pool", slots).await;
    world.host(&key, "vm-1").robot("StartService", json!({})).await.expect(200);
    (robot, machine, key)
}

both! {
    async fn a_job_from_start_to_end(world) {
        let process = world.process("Hello", |_| {}).await;
        let (robot, machine, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let order = json!({"InputArguments": r#"{"a":1}"#, "EnvironmentVariables": "A=1", "TraceId": "t",
            "StopProcessExpression": "600", "StopStrategy": "Kill"});
        let job = world.start(&process, order).await;
        assert_eq!(job["State"], "Pending");
        assert_eq!(job["Robot"], Value::Null);
        let commands = host.beat(Some(&[])).await;
        assert_eq!(commands.len(), 1);
        let (command, data) = (&commands[0], &commands[0]["data"]);
        assert_eq!(command["machineId"], machine);
        assert_eq!(command["robotType"], 2);
        for (name, want) in [
            ("type", json!("StartProcess")),
            ("jobKey", job["Key"].clone()),
            ("jobId", job["Id"].clone()),
            ("processKey", json!(process.key)),
            ("processName", json!("Hello")),
            ("packageId", json!("hello")),
            ("packageVersion", json!("1.0.0")),
            ("packageSha256", json!("ab".repeat(32))),
            ("feedId", json!("8f4e0000-0000-4000-8000-000000000000")),
            ("targetFramework", json!("Portable")),
            ("entryPointPath", json!("main")),
            ("inputArguments", json!(r#"{"a":1}"#)),
            ("environmentVariables", json!("A=1")),
            ("requiresUserInteraction", json!(false)),
            ("traceId", json!("t")),
            ("folderId", json!(world.shared)),
            ("folderPath", json!("Shared")),
            ("fullyQualifiedFolderName", json!("Shared")),
            ("organizationName", json!("Default")),
            ("password", Value::Null),
            ("credentialType", json!("NoCredential")),
            ("timeLimitSeconds", json!(600)),
            ("stopGraceSeconds", json!(0)),
        ] {
            assert_eq!(data[name], want, "{name}");
        }
        for name in ["id", "reservationId", "folderKey", "organizationId", "tenantId", "jobAccessToken"] {
            assert!(data[name].as_str().is_some_and(|t| t.len() > 20), "{name}: {}", data[name]);
        }
        assert_eq!(host.beat(Some(&[])).await[0]["data"]["id"], data["id"], "until the effect is seen");

        world.pass(5);
        assert!(host.report(command, "Running", json!({"info": "installing", "hostIdentity": "svc"})).await);
        assert!(host.beat(Some(&[job["Key"].as_str().unwrap()])).await.is_empty());
        let running = world.job(&job["Id"]).await;
        for (name, want) in [
            ("State", json!("Running")),
            ("Info", json!("installing")),
            ("HostMachineName", json!("vm-1")),
            ("LocalSystemAccount", json!("svc")),
            ("OrchestratorUserIdentity", json!("bot")),
            ("StartTime", json!("2026-01-05T08:00:05Z")),
            ("EndTime", Value::Null),
        ] {
            assert_eq!(running[name], want, "{name}");
        }
        let expanded = world.admin().get(&format!("/odata/Jobs({})?$expand=Robot,Machine", job["Id"])).await.expect(200);
        assert_eq!(expanded["Robot"]["Id"], robot);
        assert_eq!(expanded["Machine"]["Id"], machine);

        // The job's program calls with its token, as the account, until the job ends.
        let bearer = format!("Bearer {}", data["jobAccessToken"].as_str().unwrap());
        let program = Caller::anonymous(&world).with("authorization", &bearer);
        program.get("/odata/Jobs").await.expect(403);

        world.pass(5);
        assert!(host.report(command, "Running", json!({"info": "half way"})).await, "progress");
        assert_eq!(world.job(&job["Id"]).await["Info"], "half way");
        world.pass(5);
        let end = json!({"info": "Job completed", "outputArguments": r#"{"n":12}"#, "outputFile": FILE});
        assert!(host.report(command, "Successful", end).await);
        program.get("/odata/Jobs").await.expect(401);
        let ended = world.job(&job["Id"]).await;
        for (name, want) in [
            ("State", json!("Successful")),
            ("OutputArguments", json!(r#"{"n":12}"#)),
            ("OutputFile", json!(FILE)),
            ("StartTime", json!("2026-01-05T08:00:05Z")),
            ("EndTime", json!("2026-01-05T08:00:15Z")),
            ("ErrorCode", Value::Null),
        ] {
            assert_eq!(ended[name], want, "{name}");
        }
        let kinds: Vec<String> = world.events().await.into_iter().map(|(k, _)| k).collect();
        assert_eq!(kinds, ["job.created", "job.started", "job.completed"]);
        let completed = &world.events().await[2].1["Job"];
        assert_eq!(completed["OutputArguments"]["n"], 12);
        assert_eq!(completed["Robot"]["Name"], "bot");
        assert_eq!(completed["Machine"]["Name"], "pool");
        let states: Vec<String> = world.history(&job).await.into_iter().map(|(s, _)| s).collect();
        assert_eq!(states, ["Pending", "Pending", "Running", "Successful"]);
        assert_eq!(world.number("SELECT COUNT(*) FROM job_slots").await, 0);
    }

    async fn acceptance_is_repeatable_and_fenced(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        let other = json!({"reservationId": "00000000-0000-4000-8000-00000000000f"});
        assert!(!host.report(&command, "Running", other.clone()).await, "another reservation");
        assert!(!world.host(&key, "vm-2").report(&command, "Running", json!({})).await, "another host");
        let elsewhere = host.with("x-uipath-installation-id", "9b7d4a3e-0000-4000-8000-00000000000b");
        assert!(!elsewhere.report(&command, "Running", json!({})).await, "another agent");
        assert_eq!(world.state(&job).await, "Pending");
        assert!(host.report(&command, "Running", json!({})).await);
        assert!(host.report(&command, "Running", json!({})).await, "the same acceptance again");
        assert!(!host.report(&command, "Successful", other).await);
        assert!(host.report(&command, "Faulted", json!({"info": "broke", "error": {"code": "Python.X", "title": "t",
            "detail": "d", "category": "User", "status": 3}})).await);
        assert!(host.report(&command, "Faulted", json!({})).await, "the same end again");
        assert!(!host.report(&command, "Successful", json!({})).await, "another end");
        assert!(!host.report(&command, "Running", json!({})).await, "back to life");
        let job = world.job(&job["Id"]).await;
        assert_eq!(job["State"], "Faulted");
        assert_eq!(job["ErrorCode"], "Robot");
        assert_eq!(job["JobError"]["code"], "Python.X");
        assert_eq!(job["JobError"]["status"], 3);
        let faulted = world.events().await.into_iter().filter(|(k, _)| k == "job.faulted").count();
        assert_eq!(faulted, 1);
    }

    async fn a_reservation_that_is_not_accepted_goes_on(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let job = world.start(&process, json!({})).await;
        let late = host.beat(None).await.remove(0);
        world.pass(60);
        assert!(!host.report(&late, "Running", json!({})).await, "its time is over, seen or not");
        assert_eq!(world.state(&job).await, "Pending");
        assert!(host.beat(None).await.is_empty(), "an old command is not handed out any more");
        world.look().await;
        world.dispatch().await;
        let command = host.beat(None).await.remove(0);
        assert_ne!(command["data"]["reservationId"], late["data"]["reservationId"]);
        assert!(!host.report(&late, "Running", json!({})).await);
        assert!(!host.report(&late, "Successful", json!({})).await);
        assert!(host.report(&command, "Running", json!({})).await);
        let reasons: Vec<Option<String>> = world.history(&job).await.into_iter().map(|(_, r)| r).collect();
        assert_eq!(reasons[2].as_deref(), Some("The robot did not accept the job in time."));
        // Accepted ones do not run out.
        world.watched(120).await;
        host.beat(None).await;
        assert_eq!(world.state(&job).await, "Running");
    }

    async fn a_silent_robot_loses_its_job(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 2).await;
        let host = world.host(&key, "vm-1");
        world.look().await;
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        assert!(host.report(&command, "Running", json!({})).await);
        let job_key = job["Key"].as_str().unwrap();
        for _ in 0..10 {
            world.watched(30).await;
            host.beat(Some(&[job_key])).await;
        }
        assert_eq!(world.state(&job).await, "Running", "it reported all the time");
        world.watched(170).await;
        assert_eq!(world.state(&job).await, "Running", "within the grace");
        world.watched(15).await;
        let lost = world.job(&job["Id"]).await;
        assert_eq!(lost["State"], "Faulted");
        assert!(lost["Info"].as_str().unwrap().contains("has not reported"), "{}", lost["Info"]);
        assert_eq!(lost["JobError"]["code"], "RobotLost");
        assert_eq!(lost["ErrorCode"], "Orchestrator");
        assert!(!host.report(&command, "Successful", json!({})).await, "too late");
        assert_eq!(world.state(&job).await, "Faulted");
        assert_eq!(world.number("SELECT COUNT(*) FROM job_slots").await, 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs").await, 1, "nothing is started again by itself");
    }

    async fn a_forgotten_job_is_lost_though_the_robot_reports(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 2).await;
        let host = world.host(&key, "vm-1");
        world.look().await;
        let jobs = world.start_many(&process, json!({"JobsCount": 2})).await;
        let commands = host.beat(None).await;
        for command in &commands {
            assert!(host.report(command, "Running", json!({})).await);
        }
        let known = jobs[0]["Key"].as_str().unwrap();
        for _ in 0..6 {
            world.watched(30).await;
            host.beat(Some(&[known])).await;
        }
        world.watched(15).await;
        assert_eq!(world.state(&jobs[0]).await, "Running");
        let lost = world.job(&jobs[1]["Id"]).await;
        assert_eq!(lost["State"], "Faulted");
        assert!(lost["Info"].as_str().unwrap().contains("no longer knows"), "{}", lost["Info"]);
        // An agent that does not say what it holds is not judged by it.
        for _ in 0..10 {
            world.watched(30).await;
            host.beat(None).await;
        }
        assert_eq!(world.state(&jobs[0]).await, "Running");
    }

    async fn after_a_stop_of_the_server_robots_have_time_to_report(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        world.look().await;
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        assert!(host.report(&command, "Running", json!({})).await);
        world.pass(3_600);
        world.look().await;
        assert_eq!(world.state(&job).await, "Running");
        world.watched(60).await;
        host.beat(Some(&[job["Key"].as_str().unwrap()])).await;
        world.watched(150).await;
        assert_eq!(world.state(&job).await, "Running");
    }

    async fn stops_reach_the_robot(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        assert!(host.report(&command, "Running", json!({})).await);
        let stop = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.StopJob", job["Id"]);
        assert!(world.admin().post(&stop, json!({"strategy": "SoftStop"})).await.expect(200).is_null());
        assert_eq!(world.state(&job).await, "Stopping");
        let soft = host.beat(None).await.remove(0);
        assert_eq!(soft["data"]["type"], "StopProcess");
        assert_eq!(soft["data"]["strategy"], "SoftStop");
        assert_eq!(soft["data"]["jobKey"], job["Key"]);
        assert_eq!(host.beat(None).await[0]["data"]["id"], soft["data"]["id"]);
        world.admin().post(&stop, json!({"strategy": "SoftStop"})).await.error(409, 1658);
        world.admin().post(&stop, json!({"strategy": "2"})).await.expect(200);
        let hard = host.beat(None).await.remove(0);
        assert_eq!(hard["data"]["strategy"], "Kill");
        assert_ne!(hard["data"]["id"], soft["data"]["id"]);
        world.admin().post(&stop, json!({"strategy": "Kill"})).await.expect(200);
        assert_eq!(host.beat(None).await[0]["data"]["id"], hard["data"]["id"], "no second kill");
        assert!(host.report(&command, "Running", json!({"info": "ending"})).await, "progress is still fine");
        assert_eq!(world.state(&job).await, "Terminating");
        assert!(host.report(&command, "Stopped", json!({})).await);
        let job = world.job(&job["Id"]).await;
        assert_eq!(job["State"], "Stopped");
        assert_eq!(job["StopStrategy"], "Kill");
        world.admin().post(&stop, json!({"strategy": "Kill"})).await.error(409, 1659);
        assert!(host.beat(None).await.is_empty());
    }

    async fn a_stopped_reservation_is_void(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        let stop = "/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs";
        world.admin().post(stop, json!({"strategy": "SoftStop", "jobIds": [job["Id"]]})).await.expect(200);
        assert_eq!(world.state(&job).await, "Stopped");
        assert!(!host.report(&command, "Running", json!({})).await);
        assert_eq!(world.state(&job).await, "Stopped");
    }

    async fn robots_without_reservations_are_taken_at_their_word(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1").without("x-bandmaster-agent");
        let job = world.start(&process, json!({})).await;
        host.beat(None).await;
        let state = |state: Value| json!([{"robotKey": "x", "robotState": 1, "jobKey": job["Key"], "jobState": state}]);
        let reply = host.robot("SubmitJobState", state(json!(1))).await;
        reply.expect(200);
        assert!(reply.is_empty());
        assert_eq!(world.state(&job).await, "Running");
        world.host(&key, "vm-9").without("x-bandmaster-agent").robot("SubmitJobState", state(json!(5))).await.expect(200);
        assert_eq!(world.state(&job).await, "Running", "not its job");
        host.robot("SubmitJobState", state(json!("Dancing"))).await.expect(200);
        host.robot("HeartbeatV2", json!({"heartbeats": state(json!("Successful"))})).await.expect(200);
        assert_eq!(world.state(&job).await, "Successful", "a heartbeat may carry it too");
    }

    async fn suspension_is_refused_in_words(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let job = world.start(&process, json!({})).await;
        let command = host.beat(None).await.remove(0);
        assert!(host.report(&command, "Running", json!({})).await);
        assert!(host.report(&command, "Suspended", json!({})).await);
        let job = world.job(&job["Id"]).await;
        assert_eq!(job["State"], "Faulted");
        assert_eq!(job["JobError"]["code"], "SuspensionNotSupported");
    }

    async fn waiting_agents_are_woken(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        let stamp = |reply: Value| reply["stamp"].as_str().unwrap().to_owned();
        let first = stamp(host.get("/api/RobotsService/Wait").await.expect(200));
        let path = format!("/api/RobotsService/Wait?stamp={first}&timeoutSeconds=50");
        let waiting = async { tokio::time::timeout(Duration::from_secs(20), host.get(&path)).await.expect("woken") };
        let starting = async {
            tokio::task::yield_now().await;
            world.start(&process, json!({})).await
        };
        let (woken, _) = tokio::join!(waiting, starting);
        let second = stamp(woken.expect(200));
        assert_ne!(first, second);
        // Nothing new since: the time passes.
        let path = format!("/api/RobotsService/wait?stamp={second}&timeoutSeconds=30");
        let moving = async {
            loop {
                world.pass(5);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let quiet = tokio::select! { reply = host.get(&path) => reply, () = moving => unreachable!() };
        quiet.expect(204);
        world.stranger().get("/api/RobotsService/Wait").await.expect(403);
        Caller::anonymous(&world).get("/api/RobotsService/Wait").await.expect(401);
        world.host("00000000-0000-4000-8000-000000000000", "vm-1").get("/api/RobotsService/Wait").await.expect(401);
    }

    async fn services_start_and_stop(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let encoded = "dm0tw6Q="; // vm-ä
        let host = world.host(&key, "other").with("x-robot-machine-encoded", encoded);
        let robots = host.robot("StartService", json!({})).await.expect(200);
        assert_eq!(robots["robots"][0]["robotName"], "bot");
        let hosts = world.rows("SELECT host_name FROM sessions ORDER BY id", &[]).await;
        assert_eq!(hosts[1].get::<String>(0).unwrap(), "vm-ä");
        let all = json!({"heartbeats": [], "commandState": 0});
        let answer = host.robot("HeartbeatV2", all).await.expect(200);
        assert_eq!(answer["commands"][0]["data"], Value::Null, "robots are announced");
        assert_eq!(answer["isUnattended"], true);
        assert!(answer["serviceSettingsStamp"].is_string());

        // Two hosts, two jobs; one host leaves before it accepts.
        let jobs = world.start_many(&process, json!({"JobsCount": 2})).await;
        let mine = host.beat(None).await.remove(0);
        host.robot("StopService", json!({"heartbeats": []})).await.expect(204);
        assert!(!host.report(&mine, "Running", json!({})).await);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE waiting = 1").await, 1);
        let reasons = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.GetPendingReasons", mine["data"]["jobId"]);
        world.dispatch().await;
        let why = world.admin().get(&reasons).await.expect(200);
        assert!(why["ErrorCodes"].as_array().unwrap().contains(&json!("TemplateFullCapacity")), "{why}");
        let rest = world.host(&key, "vm-1").beat(None).await.remove(0);
        assert!(world.host(&key, "vm-1").report(&rest, "Running", json!({})).await);
        assert!(world.host(&key, "vm-1").report(&rest, "Successful", json!({})).await);
        // The slot is free: the other job got it in the same breath.
        let next = world.host(&key, "vm-1").beat(None).await.remove(0);
        assert_eq!(next["data"]["jobKey"], mine["data"]["jobKey"]);
        assert_eq!(jobs.len(), 2);
    }

    async fn bad_calls(world) {
        let (_, _, key) = ready(&world, 1).await;
        let host = world.host(&key, "vm-1");
        host.with("x-robot-machine", "").robot("StartService", json!({})).await.error(400, 1009);
        host.with("x-robot-machine-encoded", "%%%").robot("HeartbeatV2", json!({})).await.error(400, 1009);
        host.robot("SubmitJobState", json!({})).await.error(400, 1000);
        host.robot("SubmitJobState", json!("text")).await.error(400, 1000);
        let odd = json!([{"jobKey": "nonsense", "jobState": "Running", "reservationId": "x"}, {"jobKey": null}, {}]);
        let answer = host.robot("SubmitJobState", odd).await.expect(200);
        assert_eq!(answer[0]["accepted"], false);
        assert_eq!(answer.as_array().unwrap().len(), 3);
        for call in ["StartService", "HeartbeatV2", "Heartbeat", "StopService", "SubmitJobState"] {
            let body = if call == "SubmitJobState" { json!([]) } else { json!({}) };
            world.admin().robot(call, body.clone()).await.expect(403);
            Caller::anonymous(&world).robot(call, body).await.expect(401);
        }
        host.robot("UploadScreenshot", json!({})).await.error(501, 0);
    }

    async fn passwords_leave_only_for_hosts_that_log_on(world) {
        let process = world.process("p", |p| { p.requires_user_interaction = true; p.target_framework = 1; }).await;
        let robot = world.account("bot").await;
        world.credentials(robot, "CORP\\bot").await;
        let (_, key) = world.machine("pool", 1).await;
        let windows = world.host(&key, "pc-1").with("x-robot-agent", "OS=Windows");
        windows.robot("StartService", json!({})).await.expect(200);
        let job = world.start(&process, json!({})).await;
        let command = windows.beat(None).await.remove(0);
        assert_eq!(command["data"]["username"], "CORP\\bot");
        assert_eq!(command["data"]["password"], "open sesame");
        assert_eq!(command["data"]["requiresUserInteraction"], true);
        assert_eq!(command["data"]["targetFramework"], "Windows");
        assert!(windows.report(&command, "Running", json!({})).await);
        let everything = world.admin().get(&format!("/odata/Jobs({})?$expand=Robot,Machine", job["Id"])).await.expect(200);
        assert!(!everything.to_string().contains("open sesame"));
        for sql in ["SELECT payload FROM events", "SELECT after_json FROM audit_entries", "SELECT launch FROM job_slots"] {
            for row in world.rows(sql, &[]).await {
                assert!(!row.get::<Option<String>>(0).unwrap().unwrap_or_default().contains("open sesame"));
            }
        }
        assert!(windows.report(&command, "Successful", json!({})).await);
        world.sql("DELETE FROM sessions", &[]).await;
        let background = world.process("b", |_| {}).await;
        let linux = world.host(&key, "vm-1");
        linux.robot("StartService", json!({})).await.expect(200);
        world.start(&background, json!({})).await;
        let command = linux.beat(None).await.remove(0);
        assert_eq!(command["data"]["password"], Value::Null);
        assert_eq!(command["data"]["credentialType"], "NoCredential");
    }

    async fn people_run_their_own_robots(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let sql = "INSERT INTO robots (key, tenant_id, user_id, kind, name, type, created_at, updated_at) \
                   SELECT '0a0a0a0a-0000-4000-8000-000000000001', tenant_id, user_id, 0, 'bot', 1, 1, 1 FROM robots";
        world.sql(sql, &[]).await;
        let host = world.host(&key, "pc-9");
        let robot = json!({"robotKey": "0a0a0a0a-0000-4000-8000-000000000001"});
        let begun = host.robot("BeginSession", robot.clone()).await.expect(200);
        assert_eq!(begun["robotName"], "bot");
        host.robot("BeginSession", json!({"userName": "CORP\\bot"})).await.expect(200);
        host.robot("BeginSession", json!({"userName": "nobody"})).await.error(404, 1002);
        let processes = host.robot("GetProcesses", robot.clone()).await.expect(200);
        assert_eq!(processes[0]["processKey"], process.key.as_str());
        let job_key = "0b0b0b0b-0000-4000-8000-000000000001";
        let state = |state: &str| json!([{"robotKey": robot["robotKey"], "jobKey": job_key, "jobState": state,
            "processKey": process.key}]);
        assert_eq!(host.robot("SubmitJobState", state("Running")).await.expect(200)[0]["accepted"], true);
        let path = format!("/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={job_key})");
        let job = world.admin().get(&path).await.expect(200);
        for (name, want) in [
            ("State", "Running"), ("Type", "Attended"), ("SourceType", "Agent"), ("HostMachineName", "pc-9"),
            ("RuntimeType", "Attended"),
        ] {
            assert_eq!(job[name], want, "{name}");
        }
        let kinds: Vec<String> = world.events().await.into_iter().map(|(k, _)| k).collect();
        assert_eq!(kinds, ["job.started"], "robots' own starts are not announced");
        let stop = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.StopJob", job["Id"]);
        world.admin().post(&stop, json!({"strategy": "Kill"})).await.error(409, 1657);
        assert_eq!(host.robot("SubmitJobState", state("Successful")).await.expect(200)[0]["accepted"], true);
        assert_eq!(world.state(&job).await, "Successful");
        assert_eq!(host.robot("SubmitJobState", state("Running")).await.expect(200)[0]["accepted"], false);
        // Another one, which the robot leaves behind.
        let left = json!([{"robotKey": robot["robotKey"], "jobKey": "0b0b0b0b-0000-4000-8000-000000000002",
            "jobState": 1, "processKey": process.key}]);
        assert_eq!(host.robot("SubmitJobState", left).await.expect(200)[0]["accepted"], true);
        let foreign = json!([{"robotKey": robot["robotKey"], "jobKey": "0b0b0b0b-0000-4000-8000-000000000003",
            "jobState": 1, "processKey": FILE}]);
        assert_eq!(host.robot("SubmitJobState", foreign).await.expect(200)[0]["accepted"], false, "no such process");
        host.robot("EndSession", robot).await.expect(204);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE state = 4 AND error_code = 'Orchestrator'").await, 1);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE ended_at IS NULL").await, 0);
    }

    async fn a_person_s_robot_that_dies_leaves_no_job_running(world) {
        let process = world.process("p", |_| {}).await;
        let (_, _, key) = ready(&world, 1).await;
        let sql = "INSERT INTO robots (key, tenant_id, user_id, kind, name, type, created_at, updated_at) \
                   SELECT '0a0a0a0a-0000-4000-8000-000000000001', tenant_id, user_id, 0, 'bot', 1, 1, 1 FROM robots";
        world.sql(sql, &[]).await;
        let host = world.host(&key, "PC-9");
        let robot = json!({"robotKey": "0a0a0a0a-0000-4000-8000-000000000001"});
        host.robot("BeginSession", robot.clone()).await.expect(200);
        world.look().await;
        let state = |n: u32, state: &str| json!([{"robotKey": robot["robotKey"], "jobState": state,
            "jobKey": format!("0b0b0b0b-0000-4000-8000-00000000000{n}"), "processKey": process.key}]);
        for n in [1, 2] {
            assert_eq!(host.robot("SubmitJobState", state(n, "Running")).await.expect(200)[0]["accepted"], true);
        }
        let running = "SELECT COUNT(*) FROM jobs WHERE state = 1";
        let beat = json!({"heartbeats": [{"robotKey": robot["robotKey"], "robotState": "Busy"}], "commandState": "All"});
        for _ in 0..10 {
            world.watched(30).await;
            // The same host, whose name is compared without regard to case.
            world.host(&key, "pc-9").robot("HeartbeatV2", beat.clone()).await.expect(200);
        }
        assert_eq!(world.number(running).await, 2, "it reported all the time");
        let reported = world.number("SELECT MAX(reported_at) FROM sessions WHERE robot_id <> 0").await;
        assert_eq!(reported, world.now(), "and its session is not silent");
        // One job the agent no longer holds, another agent's heartbeats count for neither.
        let mut held = beat.clone();
        held["runningJobKeys"] = json!(["0b0b0b0b-0000-4000-8000-000000000001"]);
        for _ in 0..7 {
            world.watched(30).await;
            host.robot("HeartbeatV2", held.clone()).await.expect(200);
        }
        assert_eq!(world.number(running).await, 1);
        for _ in 0..7 {
            world.watched(30).await;
            world.host(&key, "pc-8").robot("HeartbeatV2", beat.clone()).await.expect(200);
        }
        assert_eq!(world.number(running).await, 0);
        let path = "/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey\
                    (identifier=0b0b0b0b-0000-4000-8000-000000000001)";
        let lost = world.admin().get(path).await.expect(200);
        assert_eq!(lost["State"], "Faulted");
        assert_eq!(lost["JobError"]["code"], "RobotLost");
        assert_eq!(host.robot("SubmitJobState", state(1, "Successful")).await.expect(200)[0]["accepted"], false);
        assert_eq!(world.number("SELECT COUNT(*) FROM attended_jobs").await, 0);
    }
}
