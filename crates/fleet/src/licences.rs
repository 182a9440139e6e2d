//! Licences, as clients expect to find them. This product needs none: every machine and every person is licensed for
//! everything, and consumption units are always granted. What remains of use is the switch of a machine's runtimes,
//! with which an administrator can keep a machine from taking jobs of a type.

use crate::enums::{MACHINE_SCOPE, MACHINE_TYPE, ROBOT_TYPE, RUNTIME_TYPES};
use crate::machines::record;
use crate::robots::record::RobotAccount;
use crate::sessions::record::{HostSession, of_machine, of_tenant};
use crate::{computed, jobs, topics};
use bandmaster_api::{Call, Change, Output, Registry};
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_store::{Conn, params};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Named users that a list shows at most.
const MOST_USERS: i64 = 1_000;
/// What is allowed of each kind: so many that nobody reaches it, few enough for clients with 32 bits.
const PLENTY: i64 = 1_000_000;
/// The end of the licence, 1 January 2100, in seconds since 1970.
const FAR: i64 = 4_102_444_800;

/// Registers the operations of the tags LicensesRuntime, LicensesNamedUser and Licensing.
pub fn register(r: &mut Registry) {
    r.serve("LicensesRuntime_GetLicensesRuntimeByRobottype", runtimes).also(&[400]);
    r.serve("LicensesRuntime_ToggleEnabledByKey", toggle).also(&[400, 404]);
    r.serve("LicensesNamedUser_GetLicensesNamedUserByRobottype", named_users).also(&[400]);
    r.serve("Licensing_Acquire", consume).telemetry();
    r.serve("Licensing_Release", consume).telemetry();
}

fn robot_type(call: &Call) -> Result<i64> {
    ROBOT_TYPE.number(call.need_argument("robotType")?).ok_or_else(|| Error::invalid("The robotType is unknown."))
}

/// The `LicenseDto` of a tenant: everything is allowed, `Used` counts the slots of connected hosts and the persons
/// with attended robots. For whoever serves `Settings/…GetLicense`.
pub async fn summary(conn: &mut Conn, tenant_id: i64, now: i64) -> Result<Map<String, Value>> {
    let mut used: BTreeMap<&str, i64> = BTreeMap::new();
    for session in of_tenant(conn, tenant_id).await? {
        if session.robot_id == 0
            && session.connected
            && !session.is_unresponsive(now)
            && let Some(name) = ROBOT_TYPE.label(session.runtime_type)
        {
            *used.entry(name).or_default() += session.slots;
        }
    }
    let rows = conn
        .query("SELECT type, COUNT(*) FROM robots WHERE tenant_id = $1 AND kind = 0 GROUP BY type", params![tenant_id])
        .await?;
    for row in &rows {
        if let Some(name) = ROBOT_TYPE.label(row.get(0)?) {
            *used.entry(name).or_default() += row.get::<i64>(1)?;
        }
    }
    let kinds: BTreeSet<&str> = (0..=7).filter_map(|n| ROBOT_TYPE.label(n)).collect();
    let allowed: Map<String, Value> = kinds.iter().map(|k| ((*k).to_owned(), json!(PLENTY))).collect();
    let used: Map<String, Value> =
        kinds.iter().map(|k| ((*k).to_owned(), json!(used.get(k).copied().unwrap_or(0)))).collect();
    let license = json!({
        "Id": tenant_id, "ExpireDate": FAR, "GracePeriodEndDate": FAR, "GracePeriod": 0, "VersionControl": "20.*",
        "Allowed": allowed, "Used": used, "AttendedConcurrent": false, "DevelopmentConcurrent": false,
        "StudioXConcurrent": false, "StudioProConcurrent": false, "LicensedFeatures": [], "IsRegistered": true,
        "IsCommunity": false, "IsProOrEnterprise": true, "SubscriptionCode": "", "SubscriptionPlan": "",
        "IsExpired": false, "CreationTime": time::iso(0), "Code": "", "UserLicensingEnabled": false,
    });
    match license {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

/// `GET /odata/LicensesRuntime/…GetLicensesRuntime(robotType='')`: a row a host, or one for a machine without hosts.
async fn runtimes(call: &mut Call) -> Result<Output> {
    let (wanted, tenant, now) = (robot_type(call)?, call.tenant_id()?, call.now());
    let mut conn = call.read().await?;
    let usage = jobs::usage(&call.app, &mut conn, tenant).await?;
    let robots: i64 = conn
        .query_one("SELECT COUNT(*) FROM robots WHERE tenant_id = $1 AND kind = 1", params![tenant])
        .await?
        .get(0)?;
    let off = switched_off(&mut conn, tenant).await?;
    let mut hosts: HashMap<i64, Vec<HostSession>> = HashMap::new();
    for session in of_tenant(&mut conn, tenant).await? {
        if session.robot_id == 0 && session.runtime_type == wanted && session.slots > 0 {
            hosts.entry(session.machine_id).or_default().push(session);
        }
    }
    let mut rows = Vec::new();
    for machine in record::all(&mut conn, tenant).await? {
        let slots = machine.slots.of(wanted);
        if slots == 0 {
            continue;
        }
        let enabled = !off.contains(&(machine.id, wanted));
        let mut row = |host: Option<&HostSession>| {
            rows.push(json!({
                "Key": machine.name,
                "MachineId": machine.id,
                "MachineName": machine.name,
                "HostMachineName": host.map(|h| &h.host_name),
                "ServiceUserName": host.map(|h| &h.service_user_name),
                "MachineType": MACHINE_TYPE.label(machine.machine_type),
                "Runtimes": host.map_or(slots, |h| h.slots),
                "RobotsCount": robots,
                "ExecutingCount": host.map_or(0, |h| usage.of_session(h.id)),
                "IsOnline": host.is_some_and(|h| h.connected && !h.is_unresponsive(now)),
                "IsLicensed": enabled,
                "Enabled": enabled,
                "MachineScope": MACHINE_SCOPE.label(machine.scope),
            }));
        };
        match hosts.get(&machine.id) {
            Some(hosts) => hosts.iter().for_each(|h| row(Some(h))),
            None => row(None),
        }
    }
    drop(conn);
    computed::page(call, "RuntimeLicenses", "LicenseRuntimeDto", rows, &[])
}

async fn switched_off(conn: &mut Conn, tenant_id: i64) -> Result<HashSet<(i64, i64)>> {
    let rows = conn
        .query(
            "SELECT o.machine_id, o.runtime_type FROM machine_runtimes_off o JOIN machines m ON m.id = o.machine_id \
             WHERE m.tenant_id = $1",
            params![tenant_id],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect()
}

/// `POST /odata/LicensesRuntime('{key}')/…ToggleEnabled`. The key is the machine's name, in the address or the body.
async fn toggle(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let wanted = body.choice("robotType", &ROBOT_TYPE)?.ok_or_else(|| Error::unbound("robotType"))?;
    if !RUNTIME_TYPES.contains(&wanted) {
        return Err(Error::argument("Machines have no runtimes of this type."));
    }
    let enabled = body.bool("enabled").ok_or_else(|| Error::unbound("enabled"))?;
    let names = [body.filled("key").unwrap_or_default().to_owned(), call.need_argument("key")?.to_owned()];
    let (tenant, app) = (call.tenant_id()?, call.app.clone());
    let mut unit = call.begin().await?;
    let mut found = None;
    for name in &names {
        if found.is_none() {
            found = record::by_name(&mut unit, tenant, name).await?;
        }
    }
    let machine = found.ok_or_else(|| Error::not_found("Machine"))?;
    if !enabled {
        let usage = jobs::usage(&app, &mut unit, tenant).await?;
        let sessions = of_machine(&mut unit, tenant, machine.id).await?;
        if sessions.iter().any(|s| s.runtime_type == wanted && usage.of_session(s.id) > 0) {
            return Err(Error::conflict(
                codes::ITEM_IS_IN_USE,
                format!("Jobs run on the machine {}; its runtimes cannot be switched off meanwhile.", machine.name),
            ));
        }
    }
    let sql = if enabled {
        "DELETE FROM machine_runtimes_off WHERE machine_id = $1 AND runtime_type = $2"
    } else {
        "INSERT INTO machine_runtimes_off (machine_id, runtime_type) VALUES ($1, $2) \
         ON CONFLICT (machine_id, runtime_type) DO NOTHING"
    };
    unit.execute(sql, params![machine.id, wanted]).await?;
    unit.audit(Change {
        component: "License",
        action: "Toggle",
        id: Some(machine.id),
        key: Some(&machine.key),
        name: &machine.name,
        after: Some(json!({"RobotType": ROBOT_TYPE.label(wanted), "Enabled": enabled})),
        ..Change::default()
    })
    .await?;
    topics::capacity(&mut unit, machine.id);
    unit.commit().await?;
    Ok(Output::empty())
}

/// `GET /odata/LicensesNamedUser/…GetLicensesNamedUser(robotType='')`: persons with an attended robot of the type.
async fn named_users(call: &mut Call) -> Result<Output> {
    let (wanted, tenant, now) = (robot_type(call)?, call.tenant_id()?, call.now());
    let mut conn = call.read().await?;
    let mut by_robot: HashMap<i64, Vec<HostSession>> = HashMap::new();
    for session in of_tenant(&mut conn, tenant).await?.into_iter().filter(|s| s.robot_id != 0) {
        by_robot.entry(session.robot_id).or_default().push(session);
    }
    let robots = crate::robots::record::of_type(&mut conn, tenant, wanted, MOST_USERS).await?;
    drop(conn);
    let rows: Vec<Value> =
        robots.iter().map(|r| named_user(r, by_robot.get(&r.id).map_or(&[][..], Vec::as_slice), now)).collect();
    computed::page(call, "NamedUserLicenses", "LicenseNamedUserDto", rows, &[])
}

fn named_user(robot: &RobotAccount, sessions: &[HostSession], now: i64) -> Value {
    let active: Vec<&HostSession> = sessions.iter().filter(|s| s.connected && !s.is_unresponsive(now)).collect();
    let all: BTreeSet<&str> = sessions.iter().map(|s| s.host_name.as_str()).collect();
    let active_names: BTreeSet<&str> = active.iter().map(|s| s.host_name.as_str()).collect();
    let key = robot.os_user_name.as_deref().unwrap_or(&robot.name);
    json!({
        "Key": key,
        "UserName": key,
        "LastLoginDate": sessions.iter().filter_map(|s| s.reported_at).max().map(time::iso),
        "MachinesCount": all.len(),
        "IsLicensed": true,
        "IsExternalLicensed": false,
        "ActiveRobotId": (!active.is_empty()).then_some(robot.id),
        "MachineNames": all,
        "ActiveMachineNames": active_names,
    })
}

/// `POST /api/Licensing/Acquire` and `PUT /api/Licensing/Release`: granted, and nothing is kept of it.
async fn consume(call: &mut Call) -> Result<Output> {
    let body = call.body();
    if !["reference", "type", "count"].iter().any(|name| body.has(name)) {
        return Err(Error::unbound("license"));
    }
    if body.int("count").is_some_and(|n| n < 0) {
        return Err(Error::argument("count must not be less than 0."));
    }
    Ok(Output::json(json!({"isSuccess": true, "errorCode": null, "errorMessage": null})))
}
