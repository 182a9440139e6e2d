//! Reading sessions. They are few (a tenant's hosts) and their state depends on the time and on running jobs, so the
//! lists are computed in memory.

use super::record::{self, HostSession};
use super::show::{InFolder, View};
use crate::enums::ROBOT_TYPE;
use crate::jobs::{self, Usage};
use crate::machines::account_limits;
use crate::neighbours::{assigned_accounts, folder_path, permitted_folder};
use crate::robots::EXTENDED_ROBOT;
use crate::{computed, machines};
use bandmaster_api::query::{complete, visibility};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result};
use bandmaster_odata::{Expand, Query, Run};
use bandmaster_store::{Conn, fold, params};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Members that are shown only when they are expanded.
const NAVIGATIONS: [&str; 2] = ["Robot", "Job"];

/// The robots of persons' sessions, with their account for those who may see accounts.
async fn robots(call: &Call, conn: &mut Conn, sessions: &[HostSession]) -> Result<HashMap<i64, Map<String, Value>>> {
    if computed::wants(call, "User")? {
        call.require("Users.View", None)?;
    }
    let ids: BTreeSet<i64> = sessions.iter().map(|s| s.robot_id).filter(|id| *id != 0).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut query = Query::all(&EXTENDED_ROBOT);
    query.and(machines::lists::among(&EXTENDED_ROBOT, &ids));
    if let Some(navigation) = EXTENDED_ROBOT.navigation("User").filter(|_| call.rights.has("Users.View", None)) {
        query.expand.push(Expand { navigation, query: Query::all((navigation.target)()) });
    }
    let sees = visibility(0, call.tenant_id()?, &Folders::All);
    let top = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let rows = complete(conn, Run::page(&query, &sees, top)).await?;
    let with_license = |mut robot: Map<String, Value>| {
        robot.insert("License".into(), Value::Null);
        Some((robot.get("Id")?.as_i64()?, robot))
    };
    Ok(rows.into_iter().filter_map(with_license).collect())
}

async fn sessions_page(
    call: &Call,
    conn: &mut Conn,
    sessions: &[HostSession],
    type_name: &str,
    folder: Option<InFolder<'_>>,
) -> Result<Output> {
    let usage = jobs::usage(&call.app, conn, call.tenant_id()?).await?;
    let robots = robots(call, conn, sessions).await?;
    let view = View { now: call.now(), usage: &usage, robots: &robots, folder };
    let rows = view.sessions(sessions, type_name == "MachineSessionDto");
    let set = if type_name == "MachineSessionDto" { "MachineSessions" } else { "Sessions" };
    computed::page(call, set, type_name, rows, &NAVIGATIONS)
}

/// Sessions of a folder: hosts of its machines, and persons whose account is assigned to it.
async fn in_folder(conn: &mut Conn, tenant: i64, folder: i64) -> Result<Vec<HostSession>> {
    let mut sessions = record::eligible(conn, tenant, folder).await?;
    let path = folder_path(conn, tenant, folder).await?;
    let accounts: HashSet<i64> = assigned_accounts(conn, &path).await?.into_iter().collect();
    let rows = conn
        .query(
            "SELECT r.id, r.user_id FROM robots r WHERE r.tenant_id = $1 \
             AND EXISTS (SELECT 1 FROM sessions s WHERE s.robot_id = r.id)",
            params![tenant],
        )
        .await?;
    let mut persons = HashSet::new();
    for row in &rows {
        if accounts.contains(&row.get::<i64>(1)?) {
            persons.insert(row.get::<i64>(0)?);
        }
    }
    let all = record::of_tenant(conn, tenant).await?;
    sessions.extend(all.into_iter().filter(|s| persons.contains(&s.robot_id)));
    sessions.sort_by_key(|s| s.id);
    Ok(sessions)
}

/// `GET /odata/Sessions`: those of the folder, or of the tenant when no header names one.
pub(super) async fn of_folder(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    match call.folder_if_any() {
        None => {
            let sessions = record::of_tenant(&mut conn, tenant).await?;
            sessions_page(call, &mut conn, &sessions, "SessionDto", None).await
        }
        Some(folder) => {
            let sessions = in_folder(&mut conn, tenant, folder.id).await?;
            let folder = InFolder { id: folder.id, name: &folder.name };
            sessions_page(call, &mut conn, &sessions, "SessionDto", Some(folder)).await
        }
    }
}

/// `…GetGlobalSessions`: all sessions of the tenant.
pub(super) async fn global(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let sessions = record::of_tenant(&mut conn, call.tenant_id()?).await?;
    sessions_page(call, &mut conn, &sessions, "SessionDto", None).await
}

/// `…GetUserRobots` (not published, clients use it): sessions of persons, of the folder or the tenant.
pub(super) async fn of_users(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    let mut sessions = match call.folder_if_any() {
        Some(folder) => in_folder(&mut conn, tenant, folder.id).await?,
        None => record::of_tenant(&mut conn, tenant).await?,
    };
    sessions.retain(|s| s.robot_id != 0);
    sessions_page(call, &mut conn, &sessions, "SessionDto", None).await
}

/// `…GetMachineSessions(key=)`
pub(super) async fn of_machine(call: &mut Call) -> Result<Output> {
    let (machine, tenant) = (call.int_argument("key")?, call.tenant_id()?);
    let mut conn = call.read().await?;
    if machines::by_id(&mut conn, tenant, machine).await?.is_none() {
        return Err(Error::not_found("Machine"));
    }
    let sessions = record::of_machine(&mut conn, tenant, machine).await?;
    sessions_page(call, &mut conn, &sessions, "MachineSessionDto", None).await
}

fn runtime_type(call: &Call) -> Result<Option<i64>> {
    let read = |text: &str| ROBOT_TYPE.number(text).ok_or_else(|| Error::argument("runtimeType is unknown."));
    call.query("runtimeType").map(read).transpose()
}

async fn runtimes_page(call: &Call, conn: &mut Conn, mut sessions: Vec<HostSession>) -> Result<Output> {
    if let Some(wanted) = runtime_type(call)? {
        sessions.retain(|s| s.runtime_type == wanted);
    }
    let usage: Usage = jobs::usage(&call.app, conn, call.tenant_id()?).await?;
    let robots = HashMap::new();
    let view = View { now: call.now(), usage: &usage, robots: &robots, folder: None };
    let rows = view.runtimes(&sessions);
    computed::page(call, "MachineSessionRuntimes", "MachineSessionRuntimeDto", rows, &[])
}

/// `…GetMachineSessionRuntimes?runtimeType=`
pub(super) async fn runtimes(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let sessions = record::of_tenant(&mut conn, call.tenant_id()?).await?;
    runtimes_page(call, &mut conn, sessions).await
}

/// `…GetMachineSessionRuntimesByFolderId(folderId=)?robotId=&runtimeType=`: with a robot, the hosts that it may use.
pub(super) async fn runtimes_of_folder(call: &mut Call) -> Result<Output> {
    let (folder, robot) = (call.int_argument("folderId")?, call.int_query("robotId")?);
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    permitted_folder(call, &mut conn, folder, "Machines.View|Jobs.Create").await?;
    let mut sessions = record::eligible(&mut conn, tenant, folder).await?;
    if let Some(robot) = robot {
        let robot = crate::robots::by_id(&mut conn, tenant, robot).await?;
        let robot = robot.ok_or_else(|| Error::not_found("Robot"))?;
        let path = folder_path(&mut conn, tenant, folder).await?;
        let limits = account_limits(&mut conn, tenant, &path).await?;
        let log_on = robot.os_user_name.as_deref().map(fold);
        sessions.retain(|s| {
            let own = s.service_user_name.is_empty() || log_on.as_deref() == Some(fold(&s.service_user_name).as_str());
            own && limits.allows(s.machine_id, robot.id)
        });
    }
    runtimes_page(call, &mut conn, sessions).await
}

/// `…GetUsernames`: accounts of operating systems behind the tenant's sessions.
pub(super) async fn user_names(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let rows = conn
        .query(
            "SELECT service_user_name AS name FROM sessions WHERE tenant_id = $1 AND service_user_name <> '' UNION \
             SELECT r.os_user_name FROM sessions s JOIN robots r ON r.id = s.robot_id \
             WHERE s.tenant_id = $1 AND r.os_user_name IS NOT NULL ORDER BY name",
            params![call.tenant_id()?],
        )
        .await?;
    let names: Result<Vec<Value>> = rows.iter().map(|r| Ok(Value::String(r.get(0)?))).collect();
    computed::texts(call, names?)
}
