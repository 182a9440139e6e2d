//! Numbers for dashboards.

use crate::world::{folder, job, tenant};
use bandmaster_store::params;
use bandmaster_testkit::{Client, TestServer, Value, json, suite};

async fn stats(client: &Client, name: &str) -> Value {
    client.get(&format!("/api/Stats/{name}")).await.expect(200)
}

fn count(stats: &Value, title: &str) -> i64 {
    let found = stats.as_array().unwrap().iter().find(|s| s["title"] == title).unwrap_or_else(|| panic!("no {title}"));
    found["count"].as_i64().unwrap()
}

/// A host's session as it reports itself; `age` is the time since its report.
async fn session(server: &TestServer, machine: i64, host: &str, connected: bool, age: i64) -> i64 {
    let (tenant, now) = (tenant(server).await, server.now());
    let mut unit = server.app().store.begin().await.unwrap();
    let sql = "INSERT INTO sessions (key, tenant_id, machine_id, robot_id, host_name, service_user_name, installation_id, \
         runtime_type, slots, reported_at, platform, connected, created_at) \
         VALUES ($1, $2, $3, 0, $4, '', '', 2, 1, $5, 2, $6, $5) RETURNING id";
    let key = server.app().ids.guid();
    let row = unit.query_one(sql, params![key, tenant, machine, host, now - age, i64::from(connected)]).await.unwrap();
    let id = row.get(0).unwrap();
    unit.commit().await.unwrap();
    id
}

suite! {
    async fn things_are_counted_where_they_may_be_seen(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        for client in [&admin, &admin.in_folder(second)] {
            client.post("/odata/QueueDefinitions", json!({"Name": "q"})).await.expect(201);
        }
        admin.post("/odata/Assets", json!({"Name": "a", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"})).await.expect(201);
        let all = stats(&admin.without_folder(), "GetCountStats").await;
        let found: Vec<i64> = ["Processes", "Assets", "Queues", "Schedules"].iter().map(|t| count(&all, t)).collect();
        assert_eq!(found, [0, 1, 2, 0]);
        assert!(all.as_array().unwrap().iter().all(|s| s["hasPermissions"] == true));
        // Only the folder in which it has a role counts.
        let user = server.application("OR.Monitoring", Some("Automation User")).await;
        assert_eq!(count(&stats(&user, "GetCountStats").await, "Queues"), 1);
        let other = server.other_tenant().await;
        assert_eq!(count(&stats(&other, "GetCountStats").await, "Queues"), 0);
        // Who may see nothing of a kind is told so.
        let key = crate::world::machine(&admin, "M", server.shared).await;
        let machine = stats(&server.anonymous().with_header("X-ROBOT-LICENSE", &key), "GetCountStats").await;
        let queues = machine.as_array().unwrap().iter().find(|s| s["title"] == "Queues").unwrap();
        assert_eq!(*queues, json!({"title": "Queues", "count": -1, "hasPermissions": false}));
        server.anonymous().get("/api/Stats/GetCountStats").await.error(401, 0);
        server.application("OR.Assets", None).await.get("/api/Stats/GetCountStats").await.error(403, 0);
    }

    async fn jobs_are_counted_by_outcome(server: &TestServer) {
        let admin = server.admin();
        let second = folder(&admin, "Second").await;
        // 1 Running, 4 Faulted, 5 Successful, 6 Stopped.
        for (n, (folder, state)) in [(server.shared, 5), (server.shared, 5), (second, 5), (second, 4), (server.shared, 6), (second, 1)].into_iter().enumerate() {
            job(server, &format!("00000000-0000-4000-8000-00000000000{n}"), folder, state).await;
        }
        let all = stats(&admin, "GetJobsStats").await;
        assert_eq!(["Successful", "Faulted", "Canceled"].map(|t| count(&all, t)), [3, 1, 1]);
        let user = stats(&server.application("OR.Monitoring", Some("Folder Administrator")).await, "GetJobsStats").await;
        assert_eq!(["Successful", "Faulted", "Canceled"].map(|t| count(&user, t)), [2, 0, 1]);
        let other = stats(&server.other_tenant().await, "GetJobsStats").await;
        assert_eq!(["Successful", "Faulted", "Canceled"].map(|t| count(&other, t)), [0, 0, 0]);
        server.anonymous().get("/api/Stats/GetJobsStats").await.error(401, 0);
        let key = crate::world::machine(&admin, "M", server.shared).await;
        server.anonymous().with_header("X-ROBOT-LICENSE", &key).get("/api/Stats/GetJobsStats").await.error(403, 0);
    }

    async fn hosts_are_counted_by_state(server: &TestServer) {
        let admin = server.admin();
        let made = admin.post("/odata/Machines", json!({"Name": "M", "Type": "Template", "UnattendedSlots": 1})).await.expect(201);
        let machine = made["Id"].as_i64().unwrap();
        let minute = 60_000_000;
        session(server, machine, "fine", true, 0).await;
        session(server, machine, "also fine", true, minute).await;
        session(server, machine, "silent", true, 3 * minute).await;
        session(server, machine, "gone", false, minute).await;
        let busy = session(server, machine, "busy", true, 0).await;
        let key = "00000000-0000-4000-8000-000000000009";
        job(server, key, server.shared, 1).await;
        let mut unit = server.app().store.begin().await.unwrap();
        let sql = "INSERT INTO job_slots (job_id, tenant_id, session_id, slot, robot_id, machine_id, host, host_name, \
            reservation_id, reserved_until, seen_at, launch) \
            SELECT id, tenant_id, $2, 1, 1, $3, 'busy', 'busy', key, 0, 0, '{}' FROM jobs WHERE key = $1";
        assert_eq!(unit.execute(sql, params![key, busy, machine]).await.unwrap(), 1);
        unit.commit().await.unwrap();
        let titles = ["Available", "Busy", "Disconnected", "Unresponsive"];
        let now = stats(&admin, "GetSessionsStats").await;
        assert_eq!(titles.map(|t| count(&now, t)), [2, 1, 1, 1]);
        server.clock.advance(std::time::Duration::from_secs(90));
        let later = stats(&admin, "GetSessionsStats").await;
        assert_eq!(titles.map(|t| count(&later, t)), [1, 1, 1, 2]);
        assert_eq!(count(&stats(&server.other_tenant().await, "GetSessionsStats").await, "Available"), 0);
        server.application("OR.Monitoring", Some("Automation User")).await.get("/api/Stats/GetSessionsStats").await.error(403, 0);
        server.anonymous().get("/api/Stats/GetSessionsStats").await.error(401, 0);
    }

    async fn no_licences_are_used(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        for path in ["/api/Stats/GetLicenseStats", "/api/Stats/GetConsumptionLicenseStats"] {
            assert_eq!(admin.get(&format!("{path}?tenantId=1&days=7")).await.expect(200), json!([]));
            assert_eq!(other.get(path).await.expect(200), json!([]));
            other.get(&format!("{path}?tenantId=1")).await.error(403, 0);
            for wrong in ["days=x", "days=-1", "tenantId=x"] {
                admin.get(&format!("{path}?{wrong}")).await.error(400, 1009);
            }
            server.application("OR.Monitoring", Some("Automation User")).await.get(path).await.error(403, 0);
            server.application("OR.Assets", None).await.get(path).await.error(403, 0);
            server.anonymous().get(path).await.error(401, 0);
        }
    }
}
