//! What the tests of this crate have in common.

use bandmaster_store::params;
use bandmaster_testkit::{Client, TestServer, Value, json};

/// A function or action of the set Settings.
pub fn settings(name: &str) -> String {
    format!("/odata/Settings/UiPath.Server.Configuration.OData.{name}")
}

/// The address of a setting.
pub fn setting(name: &str) -> String {
    format!("/odata/Settings('{name}')")
}

/// The value of a setting.
pub async fn value(client: &Client, name: &str) -> Value {
    client.get(&setting(name)).await.expect(200)["value"].clone()
}

/// Sends log lines, each as a JSON text.
pub async fn submit(client: &Client, lines: &[Value]) -> bandmaster_testkit::Reply {
    let texts: Vec<String> = lines.iter().map(Value::to_string).collect();
    client.post("/api/Logs/SubmitLogs", json!(texts)).await
}

/// One member of every row of a list.
pub fn column(answer: &Value, name: &str) -> Vec<Value> {
    answer["value"].as_array().expect("a list").iter().map(|r| r[name].clone()).collect()
}

/// A folder; its id.
pub async fn folder(client: &Client, name: &str) -> i64 {
    client.post("/odata/Folders", json!({"DisplayName": name})).await.expect(201)["Id"].as_i64().unwrap()
}

/// Tenant of the administrator.
pub async fn tenant(server: &TestServer) -> i64 {
    let sql = "SELECT tenant_id FROM folders WHERE id = $1";
    let mut conn = server.app().store.read().await.unwrap();
    conn.query_one(sql, params![server.shared]).await.unwrap().get(0).unwrap()
}

/// A job in a folder of the administrator's tenant.
pub async fn job(server: &TestServer, key: &str, folder: i64, state: i64) {
    let tenant = tenant(server).await;
    let mut unit = server.app().store.begin().await.unwrap();
    unit.execute(
        "INSERT INTO jobs (key, tenant_id, folder_id, release_name, state, state_at, demand, source, batch_key, \
         runtime_type, created_at, updated_at, machine_id, host_name) \
         VALUES ($1, $2, $3, 'Billing', $4, 0, '', 'Manual', $1, 2, 0, 0, 31, 'PC-7')",
        params![key, tenant, folder, state],
    )
    .await
    .unwrap();
    unit.commit().await.unwrap();
}

/// A machine template with the folder; its licence key.
pub async fn machine(client: &Client, name: &str, folder: i64) -> String {
    let body = json!({"Name": name, "Type": "Template", "UnattendedSlots": 1});
    let made = client.post("/odata/Machines", body).await.expect(201);
    let assignment = json!({"assignments": {"MachineIds": [made["Id"]], "FolderIds": [folder]}});
    client.post("/odata/Folders/UiPath.Server.Configuration.OData.AssignMachines", assignment).await.expect(204);
    made["LicenseKey"].as_str().expect("a key").to_owned()
}

/// Whether a text stands in a column that is read as text, of any table that this crate or the audit fills.
pub async fn stored(server: &TestServer, text: &str) -> bool {
    let sql = "SELECT COALESCE(value, '') || COALESCE(value_sealed, '') || name FROM settings \
         UNION ALL SELECT COALESCE(before_json, '') || COALESCE(after_json, '') || COALESCE(entity_name, '') FROM audit_entries \
         UNION ALL SELECT payload FROM events UNION ALL SELECT raw || message FROM robot_logs";
    let rows = server.app().store.read().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().any(|r| r.get::<String>(0).unwrap().contains(text))
}
