//! Many start and stop jobs while robots report and dispatchers place, on two servers over one PostgreSQL: whoever gets in
//! another's way is told to try again at most, never that the server failed, and nothing is placed twice.

use crate::planted::package;
use bandmaster_store::params;
use bandmaster_testkit::{Backend, Client, Reply, TestServer, Value, json, wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const ODATA: &str = "UiPath.Server.Configuration.OData";
const ROBOTS: &str = "/api/RobotsService";
/// Robots, each on a host of its own with two slots.
const HOSTS: usize = 4;
/// Calls of each of those who start and stop.
const CALLS: usize = 12;

fn fine(reply: &Reply) -> Value {
    assert!(reply.status < 500, "{}: {}", reply.what, reply.text());
    reply.json()
}

async fn starts(client: Client, release: Value, started: Arc<AtomicUsize>) {
    for n in 0..CALLS {
        let body = json!({"startInfo": {"ReleaseKey": release, "JobsCount": 3 + n % 3}});
        let made = fine(&client.post(&format!("/odata/Jobs/{ODATA}.StartJobs"), body).await);
        started.fetch_add(made["value"].as_array().map_or(0, Vec::len), Ordering::AcqRel);
    }
}

/// Stops what there is, in both directions, so that two who stop meet the same jobs in another order.
async fn stops(client: Client, order: &'static str, strategy: &'static str) {
    for _ in 0..CALLS {
        let path = format!(
            "/odata/Jobs?$filter=State eq 'Pending' or State eq 'Running'&$orderby=Id {order}&$top=8&$select=Id"
        );
        let list = fine(&client.get(&path.replace(' ', "%20")).await);
        let mut ids: Vec<Value> =
            list["value"].as_array().map_or(Vec::new(), |l| l.iter().map(|j| j["Id"].clone()).collect());
        if order == "asc" {
            ids.reverse();
        }
        let body = json!({"jobIds": ids, "strategy": strategy});
        fine(&client.post(&format!("/odata/Jobs/{ODATA}.StopJobs"), body).await);
    }
}

/// A robot that accepts what it is told, and ends it at once or when it is told to.
async fn works(agent: Client, done: Arc<AtomicBool>) {
    let mut idle = 0;
    while !done.load(Ordering::Acquire) || idle < 3 {
        let beat = json!({"heartbeats": [], "commandState": "Pending", "runningJobKeys": []});
        let answer = fine(&agent.post(&format!("{ROBOTS}/HeartbeatV2"), beat).await);
        let commands = answer["commands"].as_array().cloned().unwrap_or_default();
        idle = if commands.is_empty() { idle + 1 } else { 0 };
        for command in commands {
            let data = &command["data"];
            for state in ["Running", "Successful"] {
                let entry =
                    json!([{"jobKey": data["jobKey"], "jobState": state, "reservationId": data["reservationId"]}]);
                fine(&agent.post(&format!("{ROBOTS}/SubmitJobState"), entry).await);
            }
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn nobody_is_told_that_the_server_failed() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let here = TestServer::start(Backend::Postgres).await;
        let there = here.beside().await;
        let admin = here.admin();
        admin.upload(&format!("/odata/Processes/{ODATA}.UploadPackage()"), "p.nupkg", package("rush")).await.expect(200);
        let body = json!({"Name": "rush", "ProcessKey": "rush", "ProcessVersion": "1.0.0"});
        let release = admin.post("/odata/Releases", body).await.expect(201)["Key"].clone();
        let body = json!({"Name": "pool", "Type": "Template", "UnattendedSlots": 2});
        let machine = admin.post("/odata/Machines", body).await.expect(201);
        let assign = json!({"assignments": {"MachineIds": [machine["Id"]], "FolderIds": [here.shared]}});
        admin.post(&format!("/odata/Folders/{ODATA}.AssignMachines"), assign).await.expect(204);
        for name in ["ana", "bot", "cid"] {
            here.command(json!({"command": "robot create", "name": name})).await;
        }
        let key = machine["LicenseKey"].as_str().unwrap();
        let (started, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut agents = Vec::new();
        for n in 0..HOSTS {
            let node = if n % 2 == 0 { &here } else { &there };
            let agent = node
                .anonymous()
                .with_header("X-ROBOT-LICENSE", key)
                .with_header("X-ROBOT-MACHINE", &format!("vm-{n}"))
                .with_header("X-ROBOT-AGENT", "OS=Linux")
                .with_header("X-UIPATH-INSTALLATION-ID", &here.app().ids.guid())
                .with_header("X-BANDMASTER-AGENT", "1");
            agent.post(&format!("{ROBOTS}/StartService"), json!({})).await.expect(200);
            agents.push(tokio::spawn(works(agent, done.clone())));
        }
        let mut people = Vec::new();
        for node in [&here, &there] {
            for _ in 0..2 {
                people.push(tokio::spawn(starts(node.admin(), release.clone(), started.clone())));
            }
            for (order, strategy) in [("asc", "Kill"), ("desc", "Kill"), ("desc", "SoftStop")] {
                people.push(tokio::spawn(stops(node.admin(), order, strategy)));
            }
        }
        for one in people {
            one.await.unwrap();
        }
        done.store(true, Ordering::Release);
        for one in agents {
            one.await.unwrap();
        }
        let count = async |sql: &str| {
            let mut conn = here.app().store.read().await.unwrap();
            conn.query_dynamic(sql, params![]).await.unwrap()[0].get::<i64>(0).unwrap()
        };
        let all = i64::try_from(started.load(Ordering::Acquire)).unwrap();
        assert!(all > 100, "{all} jobs");
        assert_eq!(count("SELECT COUNT(*) FROM jobs").await, all);
        assert_eq!(count("SELECT COUNT(*) FROM job_slots s JOIN jobs j ON j.id = s.job_id WHERE j.ended_at IS NOT NULL").await, 0);
        assert_eq!(count("SELECT COUNT(*) FROM (SELECT job_id FROM job_history WHERE state IN (4, 5, 6) GROUP BY job_id HAVING COUNT(*) > 1) t").await, 0);
        // What is left can be ended: nothing hangs between a slot and a state.
        let kill = async || {
            let list = admin.get("/odata/Jobs?$filter=EndTime%20eq%20null&$select=Id&$top=1000").await.expect(200);
            let ids: Vec<Value> = list["value"].as_array().unwrap().iter().map(|j| j["Id"].clone()).collect();
            if !ids.is_empty() {
                fine(&admin.post(&format!("/odata/Jobs/{ODATA}.StopJobs"), json!({"jobIds": ids, "strategy": "Kill"})).await);
            }
        };
        kill().await;
        wait::until("no job waits", async || count("SELECT COUNT(*) FROM jobs WHERE waiting = 1").await == 0).await;
        here.app().stopping.cancel();
        there.app().stopping.cancel();
    });
    runtime.shutdown_background();
}
