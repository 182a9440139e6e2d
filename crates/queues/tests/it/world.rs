//! Jobs that hold items: rows as the dispatcher makes them, and clients with their tokens.

use bandmaster_identity::{JobTokenRequest, issue_job_token};
use bandmaster_store::params;
use bandmaster_testkit::{Client, TestServer};

/// Runs a statement.
pub async fn sql(server: &TestServer, text: &str, values: &[bandmaster_store::Value]) {
    let mut unit = server.app().store.begin().await.unwrap();
    unit.execute(text, values).await.unwrap();
    unit.commit().await.unwrap();
}

/// A running job on a host that was heard of at that moment; a client with the job's token.
pub async fn job(server: &TestServer, number: i64, heard: i64) -> Client {
    let key = format!("8066c309-cef8-4b47-9163-{number:012}");
    let mut conn = server.app().store.read().await.unwrap();
    let tenant: i64 = conn
        .query_one("SELECT tenant_id FROM folders WHERE id = $1", params![server.shared])
        .await
        .unwrap()
        .get(0)
        .unwrap();
    let account: String = conn
        .query_one("SELECT key FROM users WHERE user_name = 'admin' ORDER BY id LIMIT 1", &[])
        .await
        .unwrap()
        .get(0)
        .unwrap();
    drop(conn);
    let insert = "INSERT INTO jobs (key, tenant_id, folder_id, release_name, state, state_at, demand, source, batch_key, \
         runtime_type, created_at, updated_at, host_name) VALUES ($1, $2, $3, 'Billing', 1, 0, '', 'Manual', $1, 2, 0, 0, 'PC')";
    sql(server, insert, params![key.as_str(), tenant, server.shared]).await;
    let slot = "INSERT INTO job_slots (job_id, tenant_id, session_id, slot, robot_id, machine_id, host, host_name, \
         reservation_id, reserved_until, accepted, seen_at, launch) \
         SELECT id, tenant_id, $2, 0, $2, 1, 'pc', 'PC', 'r', 0, 1, $3, '{}' FROM jobs WHERE key = $1";
    sql(server, slot, params![key.as_str(), number, heard]).await;
    let request = JobTokenRequest {
        account_key: &account,
        tenant_id: tenant,
        job_key: &key,
        lifetime: 86_400_000_000,
        origin: Some(&server.url),
    };
    let token = issue_job_token(server.app(), &request).await.unwrap();
    server.caller(token.reveal())
}

/// Ends a job.
pub async fn end(server: &TestServer, number: i64) {
    let key = format!("8066c309-cef8-4b47-9163-{number:012}");
    sql(server, "DELETE FROM job_slots WHERE session_id = $1", params![number]).await;
    sql(server, "UPDATE jobs SET state = 4, ended_at = 1 WHERE key = $1", params![key]).await;
}

/// Kinds of the events of queue items, oldest first.
pub async fn kinds(server: &TestServer) -> Vec<String> {
    let all = server.events().await;
    let names = all.iter().map(|e| e["kind"].as_str().unwrap().to_owned());
    names.filter(|k| k.starts_with("queueItem.")).collect()
}
