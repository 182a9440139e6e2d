//! What these tests have in common: robots, machines, folders and jobs, and callers that act as them.

use bandmaster_api::{Duty, Fates, Unit, UnitContext};
use bandmaster_core::clock::HOUR;
use bandmaster_identity::{JobTokenRequest, issue_job_token};
use bandmaster_resources::files::FileRemoval;
use bandmaster_store::params;
use bandmaster_testkit::{Client, TestServer, Value, json};

/// OData functions and actions of a set.
pub fn op(set: &str, name: &str) -> String {
    format!("/odata/{set}/UiPath.Server.Configuration.OData.{name}")
}

/// The address of an asset.
pub fn asset(id: &Value) -> String {
    format!("/odata/Assets({id})")
}

/// The rows of a list.
pub fn rows(answer: &Value) -> &Vec<Value> {
    answer["value"].as_array().expect("a list")
}

/// One member of every row.
pub fn column(answer: &Value, name: &str) -> Vec<Value> {
    rows(answer).iter().map(|r| r[name].clone()).collect()
}

/// Audit entries of a component: action and name.
pub async fn audited(server: &TestServer, component: &str) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let entries = server.audit().await;
    entries.iter().filter(|e| e["component"] == component).map(|e| (text(&e["action"]), text(&e["name"]))).collect()
}

/// A robot account with an unattended robot, assigned to `Shared` as Automation User.
pub struct Robot {
    /// `users.id`
    pub user: i64,
    /// Id of the robot.
    pub id: i64,
    /// The robot key.
    pub key: String,
    /// The account's key.
    pub account: String,
}

/// Makes a robot.
pub async fn robot(server: &TestServer, name: &str) -> Robot {
    let made = server.command(json!({"command": "robot create", "name": name})).await;
    let (user, id) = (made["user_id"].as_i64().unwrap(), made["robot_id"].as_i64().unwrap());
    let sql = "SELECT r.key, u.key FROM robots r JOIN users u ON u.id = r.user_id WHERE r.id = $1";
    let row = server.app().store.read().await.unwrap().query_one(sql, params![id]).await.unwrap();
    Robot { user, id, key: row.get(0).unwrap(), account: row.get(1).unwrap() }
}

/// Makes a machine in `Shared`: id and machine key.
pub async fn machine(server: &TestServer, name: &str) -> (i64, String) {
    let admin = server.admin();
    let made = admin.post("/odata/Machines", json!({"Name": name, "UnattendedSlots": 1})).await.expect(201);
    let id = made["Id"].as_i64().unwrap();
    let body = json!({"assignments": {"MachineIds": [id], "FolderIds": [server.shared]}});
    admin.post(&op("Folders", "AssignMachines"), body).await.expect(204);
    (id, made["LicenseKey"].as_str().unwrap().to_owned())
}

/// The robot on a machine, as its host calls.
pub fn on_machine(server: &TestServer, robot: &Robot, machine_key: &str) -> Client {
    let caller = server.anonymous().in_folder(server.shared);
    caller.with_header("Authorization", &format!("UiRobot {}", robot.key)).with_header("X-ROBOT-LICENSE", machine_key)
}

/// Tenant and organization of the administrator.
pub async fn tenant(server: &TestServer) -> (i64, i64) {
    let sql = "SELECT tenant_id FROM folders WHERE id = $1";
    let mut conn = server.app().store.read().await.unwrap();
    let tenant: i64 = conn.query_one(sql, params![server.shared]).await.unwrap().get(0).unwrap();
    let sql = "SELECT organization_id FROM tenants WHERE id = $1";
    (tenant, conn.query_one(sql, params![tenant]).await.unwrap().get(0).unwrap())
}

/// A unit in the administrator's tenant.
pub async fn unit(server: &TestServer) -> Unit {
    let (tenant, organization) = tenant(server).await;
    let context = UnitContext::duty("test").within(organization, tenant);
    Unit::begin(server.app(), context, Fates::default()).await.unwrap()
}

/// The program of a job that runs as the robot on a machine, with the job's token.
pub async fn program(server: &TestServer, robot: &Robot, machine: i64) -> Client {
    let (tenant_id, _) = tenant(server).await;
    let mut unit = unit(server).await;
    let (key, now) = (unit.guid(), unit.now());
    unit.execute(
        "INSERT INTO jobs (key, tenant_id, folder_id, release_name, state, state_at, demand, source, batch_key, \
         runtime_type, robot_id, machine_id, created_at, updated_at) \
         VALUES ($1, $2, $3, 'p', 1, $4, '', 'Manual', $1, 2, $5, $6, $4, $4)",
        params![key.as_str(), tenant_id, server.shared, now, robot.id, machine],
    )
    .await
    .unwrap();
    unit.commit().await.unwrap();
    let request =
        JobTokenRequest { account_key: &robot.account, tenant_id, job_key: &key, lifetime: HOUR, origin: None };
    let token = issue_job_token(server.app(), &request).await.unwrap();
    server.caller(token.reveal())
}

/// A folder; its id.
pub async fn folder(server: &TestServer, name: &str) -> i64 {
    let made = server.admin().without_folder().post("/odata/Folders", json!({"DisplayName": name})).await;
    made.expect(201)["Id"].as_i64().unwrap()
}

/// What a robot reads by name.
pub fn reading(name: &str, robot: Option<&Robot>) -> Value {
    let mut body = json!({"assetName": name, "supportsCredentialsProxyDisconnected": true});
    if let Some(robot) = robot {
        body["robotKey"] = json!(robot.key);
    }
    body
}

/// The address of [`reading`].
pub fn read_address() -> String {
    op("Assets", "GetRobotAssetByNameForRobotKey")
}

/// Lets the duty that removes files do its work.
pub async fn remove_files(server: &TestServer) {
    FileRemoval.tick(server.app(), server.now()).await.unwrap();
}

/// How many files the server keeps count of, and how many there are.
pub async fn files(server: &TestServer) -> (i64, usize) {
    let sql = "SELECT count(*) FROM stored_files";
    let row = server.app().store.read().await.unwrap().query_one(sql, params![]).await.unwrap();
    let mut found = 0;
    let mut open = vec![server.app().settings.files.clone()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                found += 1;
            }
        }
    }
    (row.get(0).unwrap(), found)
}
