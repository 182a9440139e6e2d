//! What the tests of this crate have in common: machines, hosts and robots to work on.

use bandmaster_api::{Fates, Unit, UnitContext};
use bandmaster_fleet::machines::MachineRecord;
use bandmaster_fleet::robots::provision::{Owner, arrange};
use bandmaster_fleet::robots::{ATTENDED, RobotAccount, RobotWish, UNATTENDED};
use bandmaster_fleet::sessions::HostReport;
use bandmaster_store::params;
use bandmaster_testkit::{Client, TestServer, Value, json};

/// Odata functions and actions of a set.
pub fn op(set: &str, name: &str) -> String {
    format!("/odata/{set}/UiPath.Server.Configuration.OData.{name}")
}

/// A machine template with unattended slots; its id.
pub async fn machine(client: &Client, name: &str, slots: i64) -> i64 {
    let made =
        client.post("/odata/Machines", json!({"Name": name, "Type": "Template", "UnattendedSlots": slots})).await;
    made.expect(201)["Id"].as_i64().unwrap()
}

/// Assigns machines to a folder.
pub async fn assign(client: &Client, machines: &[i64], folder: i64) {
    let body = json!({"assignments": {"MachineIds": machines, "FolderIds": [folder]}});
    client.post(&op("Folders", "AssignMachines"), body).await.expect(204);
}

/// A folder below another; its id.
pub async fn folder(client: &Client, name: &str, parent: Option<i64>) -> i64 {
    let made = client.post("/odata/Folders", json!({"DisplayName": name, "ParentId": parent})).await;
    made.expect(201)["Id"].as_i64().unwrap()
}

/// Tenant and account of the administrator.
pub async fn admin_account(server: &TestServer) -> (i64, i64, i64) {
    let sql = "SELECT t.organization_id, t.id, u.id FROM users u JOIN tenants t ON t.id = u.tenant_id \
               WHERE u.user_name = 'admin' ORDER BY u.id LIMIT 1";
    let row = server.app().store.read().await.unwrap().query_one(sql, params![]).await.unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap())
}

/// A unit in the administrator's tenant.
pub async fn unit(server: &TestServer) -> Unit {
    let (organization, tenant, _) = admin_account(server).await;
    let context = UnitContext::duty("test").within(organization, tenant);
    Unit::begin(server.app(), context, Fates::default()).await.unwrap()
}

/// The administrator's unattended robot.
pub async fn robot(server: &TestServer) -> RobotAccount {
    let (_, tenant_id, user_id) = admin_account(server).await;
    let mut unit = unit(server).await;
    let owner = Owner { tenant_id, user_id, name: "admin" };
    let made = arrange(&mut unit, &server.app().keys, owner, UNATTENDED, &RobotWish::default()).await.unwrap();
    unit.commit().await.unwrap();
    made
}

async fn record(unit: &mut Unit, machine: i64) -> MachineRecord {
    let tenant = unit.tenant_id();
    bandmaster_fleet::machines::by_id(unit, tenant, machine).await.unwrap().unwrap()
}

fn report(host: &str) -> HostReport {
    HostReport { host_name: host.into(), version: Some("25.10.1".into()), platform: 2, ..HostReport::default() }
}

/// Connects a host; the ids of its sessions.
pub async fn connect(server: &TestServer, machine: i64, host: &str) -> Vec<i64> {
    let mut unit = unit(server).await;
    let machine = record(&mut unit, machine).await;
    let ids = bandmaster_fleet::sessions::start(&mut unit, &machine, &report(host)).await.unwrap();
    unit.commit().await.unwrap();
    ids
}

/// Disconnects a host.
pub async fn disconnect(server: &TestServer, machine: i64, host: &str) {
    let mut unit = unit(server).await;
    let machine = record(&mut unit, machine).await;
    bandmaster_fleet::sessions::stop(&mut unit, &machine, &report(host)).await.unwrap();
    unit.commit().await.unwrap();
}

/// Begins a session of the administrator's attended robot on a host; the robot's id.
pub async fn person(server: &TestServer, machine: i64, host: &str) -> i64 {
    let (_, tenant_id, user_id) = admin_account(server).await;
    let mut unit = unit(server).await;
    let owner = Owner { tenant_id, user_id, name: "admin" };
    let robot = arrange(&mut unit, &server.app().keys, owner, ATTENDED, &RobotWish::default()).await.unwrap();
    let machine = record(&mut unit, machine).await;
    bandmaster_fleet::sessions::begin_user(&mut unit, &machine, &robot, &report(host)).await.unwrap();
    unit.commit().await.unwrap();
    robot.id
}

/// The rows of a list.
pub fn rows(answer: &Value) -> &Vec<Value> {
    answer["value"].as_array().expect("a list")
}

/// One member of every row.
pub fn column<'a>(answer: &'a Value, name: &str) -> Vec<&'a Value> {
    rows(answer).iter().map(|r| &r[name]).collect()
}

/// The last audit entry of an operation.
pub async fn audited(server: &TestServer, operation: &str) -> Value {
    let entries = server.audit().await;
    let found = entries.into_iter().rev().find(|e| e["operation"] == operation);
    found.unwrap_or_else(|| panic!("no audit entry of {operation}"))
}
