//! The whole server with its duties at work: a job goes to a waiting robot by wake-ups alone, though the clock
//! stands still.

use bandmaster_store::{Unit, params};
use bandmaster_testkit::{Client, TestServer, Value, json};

const ROBOTS: &str = "/api/RobotsService";

async fn number(unit: &mut Unit, sql: &str, values: &[bandmaster_store::Value]) -> i64 {
    unit.query_one(sql, values).await.unwrap().get(0).unwrap()
}

/// A process, a robot account in `Shared` and a machine there; keys of process and machine.
async fn furnish(server: &TestServer) -> (String, String) {
    let body = json!({"Name": "pool", "Type": "Template", "UnattendedSlots": 2});
    let machine = server.admin().post("/odata/Machines", body).await.expect(201);
    let (app, shared) = (server.app(), server.shared);
    let mut unit = app.store.begin().await.unwrap();
    let (release, account, robot) = (app.ids.guid(), app.ids.guid(), app.ids.guid());
    let tenant = number(&mut unit, "SELECT tenant_id FROM folders WHERE id = $1", params![shared]).await;
    let organization = "SELECT organization_id FROM tenants WHERE id = $1";
    let organization = number(&mut unit, organization, params![tenant]).await;
    let sql = "INSERT INTO releases (key, tenant_id, folder_id, name, process_key, process_version, feed_id, \
         entry_point_path, target_framework, created_at, updated_at) \
         VALUES ($1, $2, $3, 'Hello', 'hello', '1.0.0', 'f', 'main', 2, 1, 1)";
    unit.execute(sql, params![release.as_str(), tenant, shared]).await.unwrap();
    let sql = "INSERT INTO identity_users (key, organization_id, kind, user_name, security_stamp, created_at, updated_at) \
         VALUES ($1, $2, 1, 'bot', 's', 1, 1)";
    unit.execute(sql, params![account.as_str(), organization]).await.unwrap();
    let sql = "INSERT INTO users (key, tenant_id, type, user_name, created_at, updated_at) \
         VALUES ($1, $2, 4, 'bot', 1, 1) RETURNING id";
    let user = number(&mut unit, sql, params![account, tenant]).await;
    let sql = "INSERT INTO robots (key, tenant_id, user_id, kind, name, created_at, updated_at) \
         VALUES ($1, $2, $3, 1, 'bot', 1, 1)";
    unit.execute(sql, params![robot, tenant, user]).await.unwrap();
    let sql = "INSERT INTO folder_users (folder_id, user_id, created_at) VALUES ($1, $2, 1)";
    unit.execute(sql, params![shared, user]).await.unwrap();
    let sql = "INSERT INTO folder_machines (folder_id, machine_id, created_at) VALUES ($1, $2, 1)";
    unit.execute(sql, params![shared, machine["Id"].as_i64()]).await.unwrap();
    let sql = "UPDATE tenants SET access_version = access_version + 1 WHERE id = $1";
    unit.execute(sql, params![tenant]).await.unwrap();
    unit.commit().await.unwrap();
    (release, machine["LicenseKey"].as_str().unwrap().to_owned())
}

fn agent(server: &TestServer, key: &str) -> Client {
    server
        .anonymous()
        .with_header("X-ROBOT-LICENSE", key)
        .with_header("X-ROBOT-MACHINE", "vm-1")
        .with_header("X-ROBOT-AGENT", "OS=Linux")
        .with_header("X-UIPATH-INSTALLATION-ID", "9b7d4a3e-0000-4000-8000-00000000000a")
        .with_header("X-BANDMASTER-AGENT", "1")
}

async fn report(agent: &Client, data: &Value, state: &str) -> bool {
    let entry = json!([{"jobKey": data["jobKey"], "jobState": state, "reservationId": data["reservationId"]}]);
    let answer = agent.post(&format!("{ROBOTS}/SubmitJobState"), entry).await.expect(200);
    answer[0]["accepted"].as_bool().unwrap()
}

bandmaster_testkit::suite! {
    async fn jobs_come_to_waiting_robots(server: &TestServer) {
        let (release, key) = furnish(server).await;
        let agent = agent(server, &key);
        let admin = server.admin();
        // Started before any host is there: the duty places it when one connects.
        let start = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
        let body = json!({"startInfo": {"ReleaseKey": release, "JobsCount": 3}});
        let jobs = admin.post(start, body).await.expect(201)["value"].as_array().unwrap().clone();
        let first = agent.get(&format!("{ROBOTS}/Wait")).await.expect(200);
        agent.post(&format!("{ROBOTS}/StartService"), json!({})).await.expect(200);
        let mut stamp = first["stamp"].as_str().unwrap().to_owned();
        let mut ended = 0;
        while ended < jobs.len() {
            let path = format!("{ROBOTS}/Wait?stamp={stamp}&timeoutSeconds=50");
            let woken = tokio::time::timeout(std::time::Duration::from_secs(30), agent.get(&path)).await.expect("woken");
            stamp = woken.expect(200)["stamp"].as_str().unwrap().to_owned();
            let beat = json!({"heartbeats": [], "commandState": "Pending", "runningJobKeys": []});
            let answer = agent.post(&format!("{ROBOTS}/HeartbeatV2"), beat).await.expect(200);
            for command in answer["commands"].as_array().unwrap() {
                let data = &command["data"];
                assert!(report(&agent, data, "Running").await);
                assert!(report(&agent, data, "Successful").await);
                ended += 1;
            }
        }
        for job in &jobs {
            let path = format!("/odata/Jobs({})?$expand=Robot,Machine,Release", job["Id"]);
            let job = admin.get(&path).await.expect(200);
            assert_eq!(job["State"], "Successful");
            assert_eq!(job["Robot"]["Name"], "bot");
            assert_eq!(job["Machine"]["Name"], "pool");
            assert_eq!(job["Release"]["ProcessKey"], "hello");
        }
    }

    async fn rights_decide(server: &TestServer) {
        let (release, _) = furnish(server).await;
        let start = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
        let body = json!({"startInfo": {"ReleaseKey": release}});
        let job = server.admin().post(start, body.clone()).await.expect(201)["value"][0].clone();
        let reader = server.application("OR.Jobs.Read", Some("Automation User")).await;
        reader.get(&format!("/odata/Jobs({})", job["Id"])).await.expect(200);
        reader.post(start, body.clone()).await.expect(403);
        let other = server.other_tenant().await;
        other.get(&format!("/odata/Jobs({})", job["Id"])).await.error(404, 1002);
        other.post(start, body).await.error(404, 1002);
        let stop = format!("/odata/Jobs({})/UiPath.Server.Configuration.OData.StopJob", job["Id"]);
        other.post(&stop, json!({"strategy": "Kill"})).await.error(404, 1002);
        let key = job["Key"].as_str().unwrap();
        let by_key = format!("/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={key})");
        other.get(&by_key).await.error(404, 1002);
        other.without_folder().get(&format!("/api/Jobs/GetJobInfo?jobKey={key}")).await.error(404, 1002);
        server.anonymous().get(&by_key).await.expect(401);
    }
}
