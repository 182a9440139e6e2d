//! Who gets which job.

use crate::both;
use crate::world::*;
use serde_json::{Value, json};

/// `(job, robot, host)` of everything that is reserved or runs, by job.
async fn places(world: &World) -> Vec<(i64, i64, String)> {
    let rows = world.rows("SELECT job_id, robot_id, host_name FROM job_slots ORDER BY job_id", &[]).await;
    rows.iter().map(|r| (r.get(0).unwrap(), r.get(1).unwrap(), r.get(2).unwrap())).collect()
}

fn id(job: &Value) -> i64 {
    job["Id"].as_i64().unwrap()
}

async fn connect(world: &World, key: &str, host: &str) {
    world.host(key, host).robot("StartService", json!({})).await.expect(200);
}

both! {
    async fn by_priority_then_age(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        let mut jobs = Vec::new();
        for (priority, wait) in [(45, 1), (45, 1), (85, 1), (5, 1), (85, 1)] {
            jobs.push(world.start(&process, json!({"SpecificPriorityValue": priority})).await);
            world.pass(wait);
        }
        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({})).await.expect(200);
        world.dispatch().await;
        let mut order = Vec::new();
        for _ in 0..jobs.len() {
            let command = host.beat(None).await.remove(0);
            order.push(command["data"]["jobId"].as_i64().unwrap());
            assert!(host.report(&command, "Running", json!({})).await);
            assert!(host.report(&command, "Successful", json!({})).await);
        }
        assert_eq!(order, [2, 4, 0, 1, 3].map(|i: usize| id(&jobs[i])));
    }

    async fn one_job_a_slot_and_the_emptiest_host_first(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 2).await;
        for host in ["vm-1", "vm-2"] {
            connect(&world, &key, host).await;
        }
        world.start_many(&process, json!({"JobsCount": 6})).await;
        world.dispatch().await;
        let mut hosts: Vec<String> = places(&world).await.into_iter().map(|(_, _, h)| h).collect();
        assert_eq!(hosts.len(), 4, "two hosts with two slots");
        assert_ne!(hosts[0], hosts[1], "spread");
        hosts.sort();
        assert_eq!(hosts, ["vm-1", "vm-1", "vm-2", "vm-2"]);
        assert_eq!(world.number("SELECT COUNT(*) FROM jobs WHERE waiting = 1").await, 2);
    }

    async fn who_has_been_idle_longest(world) {
        let process = world.process("p", |_| {}).await;
        let (ana, bot) = (world.account("ana").await, world.account("bot").await);
        let (_, key) = world.machine("pool", 1).await;
        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({})).await.expect(200);
        let mut robots = Vec::new();
        for _ in 0..4 {
            world.start(&process, json!({})).await;
            robots.push(places(&world).await[0].1);
            let command = host.beat(None).await.remove(0);
            assert!(host.report(&command, "Running", json!({})).await);
            world.pass(1);
            assert!(host.report(&command, "Successful", json!({})).await);
        }
        assert_eq!(robots, [ana, bot, ana, bot]);
    }

    async fn a_job_that_cannot_be_placed_holds_up_nobody_else(world) {
        let windows = world.process("w", |p| p.target_framework = 1).await;
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        connect(&world, &key, "vm-1").await;
        let stuck = world.start(&windows, json!({"SpecificPriorityValue": 100})).await;
        let goes = world.start(&process, json!({"SpecificPriorityValue": 1})).await;
        assert_eq!(places(&world).await.iter().map(|p| p.0).collect::<Vec<_>>(), [id(&goes)]);
        assert_eq!(world.state(&stuck).await, "Pending");
        // Its process gets a version that runs here: the waiting job takes it.
        world.edit(&windows, "2.0.0", 9, 2).await;
        let host = world.host(&key, "vm-1");
        let first = host.beat(None).await.remove(0);
        assert!(host.report(&first, "Running", json!({})).await);
        assert!(host.report(&first, "Successful", json!({})).await);
        let command = host.beat(None).await.remove(0);
        assert_eq!(command["data"]["jobKey"], stuck["Key"]);
        assert_eq!(command["data"]["packageVersion"], "2.0.0");
        assert_eq!(world.job(&stuck["Id"]).await["ReleaseVersionId"], 9);
        // What was handed out stays as it was handed out.
        world.edit(&windows, "3.0.0", 10, 2).await;
        assert_eq!(host.beat(None).await[0]["data"]["packageVersion"], "2.0.0");
    }

    async fn accounts_with_limits(world) {
        let process = world.process("p", |_| {}).await;
        let desktop = world.process("d", |p| p.requires_user_interaction = true).await;
        let (ana, bot) = (world.account("ana").await, world.account("bot").await);
        for (robot, user) in [(ana, "ana"), (bot, "bot")] {
            world.credentials(robot, user).await;
        }
        let (_, key) = world.machine("pool", 4).await;
        connect(&world, &key, "vm-1").await;
        world.sql("UPDATE robots SET limit_concurrent = 1 WHERE id = $1", &[ana.into()]).await;
        // Background jobs share an account, unless it runs one at a time.
        world.start_many(&process, json!({"JobsCount": 2, "RobotIds": [ana]})).await;
        assert_eq!(places(&world).await.len(), 1);
        world.start_many(&process, json!({"JobsCount": 2, "RobotIds": [bot]})).await;
        assert_eq!(places(&world).await.len(), 3);
        // One desktop an account and host.
        world.start_many(&desktop, json!({"JobsCount": 2, "RobotIds": [bot]})).await;
        assert_eq!(places(&world).await.len(), 4);
        connect(&world, &key, "vm-2").await;
        world.dispatch().await;
        let places = places(&world).await;
        assert_eq!(places.len(), 5, "the second desktop is on the other host: {places:?}");
        assert_eq!(places[4].2, "vm-2");
        assert_eq!(world.number("SELECT COUNT(*) FROM job_slots WHERE foreground = 1").await, 2);
    }

    async fn targets_are_kept(world) {
        let process = world.process("p", |_| {}).await;
        let (ana, bot) = (world.account("ana").await, world.account("bot").await);
        let (first, first_key) = world.machine("one", 5).await;
        let (_, second_key) = world.machine("two", 5).await;
        for (key, host) in [(&first_key, "a-1"), (&second_key, "b-1"), (&second_key, "b-2")] {
            connect(&world, key, host).await;
        }
        let session = world.number("SELECT id FROM sessions WHERE host_name = 'b-2'").await;
        let cases = [
            (json!({"RobotIds": [bot]}), Some(bot), None),
            (json!({"Strategy": "Specific", "RobotIds": [ana]}), Some(ana), None),
            (json!({"MachineRobots": [{"MachineId": first}]}), None, Some("a-1")),
            (json!({"MachineRobots": [{"MachineId": first, "RobotId": bot}]}), Some(bot), Some("a-1")),
            (json!({"MachineSessionIds": [session]}), None, Some("b-2")),
            (json!({"MachineInfraTarget": {"MachineTemplateName": "TWO", "HostMachineName": "B-1"}}), None, Some("b-1")),
        ];
        for (order, robot, host) in cases {
            let job = world.start(&process, order.clone()).await;
            let found = places(&world).await.into_iter().find(|p| p.0 == id(&job)).expect("placed");
            assert!(robot.is_none_or(|r| r == found.1), "{order} {found:?}");
            assert!(host.is_none_or(|h| h == found.2), "{order} {found:?}");
        }
    }

    async fn machines_may_be_limited_to_accounts(world) {
        let process = world.process("p", |_| {}).await;
        let (ana, bot) = (world.account("ana").await, world.account("bot").await);
        let (machine, key) = world.machine("pool", 2).await;
        connect(&world, &key, "vm-1").await;
        world.sql("INSERT INTO machine_limits (machine_id, folder_id) VALUES ($1, 0)", &[machine.into()]).await;
        let sql = "INSERT INTO machine_robots (machine_id, folder_id, robot_id) VALUES ($1, 0, $2)";
        world.sql(sql, &[machine.into(), bot.into()]).await;
        let refused = world.start(&process, json!({"RobotIds": [ana]})).await;
        let placed = world.start(&process, json!({})).await;
        assert_eq!(places(&world).await, [(id(&placed), bot, "vm-1".to_owned())]);
        let path = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.GetPendingReasons", refused["Id"]);
        let why = world.admin().get(&path).await.expect(200);
        assert_eq!(why["ErrorCodes"], json!(["DynamicJobConnectedMachinesUserCredentialsInvalid"]));
    }

    async fn agents_of_one_user_run_that_users_jobs(world) {
        let process = world.process("p", |_| {}).await;
        let (_, bot) = (world.account("ana").await, world.account("bot").await);
        world.credentials(bot, "CORP\\Bot").await;
        let (_, key) = world.machine("pool", 2).await;
        let host = world.host(&key, "vm-1");
        host.robot("StartService", json!({"ServiceUserName": "corp\\bot"})).await.expect(200);
        world.start(&process, json!({})).await;
        assert_eq!(places(&world).await[0].1, bot);
        let beat = json!({"heartbeats": [], "serviceUserName": "corp\\bot"});
        let commands = host.robot("HeartbeatV2", beat).await.expect(200)["commands"].clone();
        assert_eq!(commands.as_array().unwrap().len(), 1);
        assert!(host.beat(None).await.is_empty(), "another user's agent on the same host gets nothing of it");
    }

    async fn hosts_that_take_no_jobs(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        connect(&world, &key, "vm-1").await;
        for (off, on) in [
            ("UPDATE sessions SET maintenance = 1", "UPDATE sessions SET maintenance = 0"),
            ("UPDATE sessions SET connected = 0", "UPDATE sessions SET connected = 1"),
            ("UPDATE sessions SET reported_at = 1", "UPDATE sessions SET reported_at = 1767600000000000"),
            ("UPDATE sessions SET debug_until = 9000000000000000", "UPDATE sessions SET debug_until = NULL"),
            ("UPDATE machines SET target_framework = 1", "UPDATE machines SET target_framework = 0"),
            ("UPDATE machines SET automation_type = 1", "UPDATE machines SET automation_type = 0"),
        ] {
            world.sql(off, &[]).await;
            let job = world.start(&process, json!({})).await;
            world.dispatch().await;
            assert!(places(&world).await.is_empty(), "{off}");
            world.sql(on, &[]).await;
            world.dispatch().await;
            assert_eq!(places(&world).await.len(), 1, "{on}");
            let stop = json!({"strategy": "Kill", "jobIds": [job["Id"]]});
            world.admin().post("/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs", stop).await.expect(200);
        }
    }

    async fn folders_keep_to_themselves(world) {
        let process = world.process("p", |_| {}).await;
        world.account("bot").await;
        world.machine("idle", 1).await;
        let folder = json!({"DisplayName": "Else", "ProvisionType": "Automatic", "PermissionModel": "FineGrained"});
        let elsewhere = world.admin().post("/odata/Folders", folder).await.expect(201)["Id"].as_i64().unwrap();
        world.account_in(elsewhere, "eve").await;
        let (_, key) = world.machine_in(elsewhere, "far", 1).await;
        connect(&world, &key, "far-1").await;
        world.start(&process, json!({})).await;
        world.dispatch().await;
        assert!(places(&world).await.is_empty());
        let theirs = world.process_in(elsewhere, "q", |_| {}).await;
        let body = json!({"startInfo": {"ReleaseKey": theirs.key}});
        world.admin().in_folder(elsewhere).post(START, body).await.expect(201);
        assert_eq!(places(&world).await.len(), 1);
    }

    async fn many_kinds_of_jobs_wait_and_one_can_go(world) {
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1).await;
        for i in 0..40 {
            let process = world.process(&format!("w{i}"), |p| p.target_framework = 1).await;
            world.start_many(&process, json!({"JobsCount": 5})).await;
        }
        let process = world.process("p", |_| {}).await;
        let job = world.start(&process, json!({"SpecificPriorityValue": 1})).await;
        connect(&world, &key, "vm-1").await;
        world.dispatch().await;
        assert_eq!(places(&world).await.iter().map(|p| p.0).collect::<Vec<_>>(), [id(&job)]);
    }
}
