//! Reading robots.

use super::entity::{EXTENDED_ROBOT, FOLDER_ROBOT, ROBOT};
use super::record;
use crate::computed;
use crate::machines::{account_limits, lists::among};
use crate::neighbours::{folder_path, permitted_folder};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result};
use bandmaster_model::EntityType;
use bandmaster_store::params;
use serde_json::{Value, json};

/// Who sees the account behind a robot must be allowed to see accounts.
fn check_expansion(call: &Call) -> Result<()> {
    if computed::wants(call, "User")? { call.require("Users.View", None) } else { Ok(()) }
}

async fn of_ids(call: &Call, ty: &'static EntityType, ids: &[i64]) -> Result<Output> {
    let mut query = call.bound_query(ty)?;
    query.and(among(ty, ids));
    call.list_query(query, &Folders::All).await
}

/// `GET /odata/Robots`: the robots of the folder, or of the tenant when no header names one.
pub(super) async fn list(call: &mut Call) -> Result<Output> {
    let Some(folder) = call.folder_if_any().map(|f| f.id) else { return call.list(&ROBOT).await };
    let mut conn = call.read().await?;
    let ids: Vec<i64> =
        record::all_of_folder(&mut conn, call.tenant_id()?, folder).await?.iter().map(|r| r.id).collect();
    drop(conn);
    of_ids(call, &ROBOT, &ids).await
}

/// `GET /odata/Robots({key})`
pub(super) async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity_by(&ROBOT, bandmaster_odata::KeyValue::Int(id), &Folders::All).await
}

/// `…FindAllAcrossFolders` and `…GetConfiguredRobots`: all robots of the tenant, which all came with an account.
pub(super) async fn all(call: &mut Call) -> Result<Output> {
    check_expansion(call)?;
    call.list_query(call.bound_query(&EXTENDED_ROBOT)?, &Folders::All).await
}

/// `…GetFolderRobots(folderId=,machineId=)`: the robots that jobs of the folder may use on that machine.
pub(super) async fn of_folder_and_machine(call: &mut Call) -> Result<Output> {
    let (folder, machine) = (call.int_argument("folderId")?, call.int_argument("machineId")?);
    let ids = usable(call, folder, Some(machine), "SubFolders.View|Units.View|Jobs.Create").await?;
    check_expansion(call)?;
    of_ids(call, &EXTENDED_ROBOT, &ids).await
}

/// `…GetRobotsFromFolder(folderId=)?machineId=`: the same with what is good to know of the account.
pub(super) async fn from_folder(call: &mut Call) -> Result<Output> {
    let folder = call.int_argument("folderId")?;
    let machine = call.int_query("machineId")?;
    let ids = usable(call, folder, machine, "SubFolders.View|Units.View|Jobs.Create|Users.View").await?;
    of_ids(call, &FOLDER_ROBOT, &ids).await
}

/// Ids of the folder's robots, only those that may use the machine when one is named. What a limit in this very folder
/// says does not count: the list is what such a limit is chosen from.
async fn usable(call: &Call, folder: i64, machine: Option<i64>, permission: &str) -> Result<Vec<i64>> {
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    permitted_folder(call, &mut conn, folder, permission).await?;
    let robots = record::all_of_folder(&mut conn, tenant, folder).await?;
    let mut ids: Vec<i64> = robots.iter().map(|r| r.id).collect();
    if let Some(machine) = machine {
        if crate::machines::by_id(&mut conn, tenant, machine).await?.is_none() {
            return Err(Error::not_found("Machine"));
        }
        let path = folder_path(&mut conn, tenant, folder).await?;
        let limits = account_limits(&mut conn, tenant, path.get(1..).unwrap_or_default()).await?;
        ids.retain(|robot| limits.allows(machine, *robot));
    }
    Ok(ids)
}

/// `…GetUsernames`: the accounts of operating systems that robots log on with.
pub(super) async fn user_names(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let rows = conn
        .query(
            "SELECT DISTINCT os_user_name FROM robots WHERE tenant_id = $1 AND os_user_name IS NOT NULL \
             ORDER BY os_user_name",
            params![call.tenant_id()?],
        )
        .await?;
    let names: Result<Vec<Value>> = rows.iter().map(|r| Ok(Value::String(r.get(0)?))).collect();
    computed::texts(call, names?)
}

/// `…GetMachineNameToLicenseKeyMappings`
pub(super) async fn machine_keys(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let rows = conn
        .query("SELECT name, license_key FROM machines WHERE tenant_id = $1 ORDER BY id", params![call.tenant_id()?])
        .await?;
    let pairs: Result<Vec<Value>> =
        rows.iter().map(|r| Ok(json!({"Key": r.get::<String>(0)?, "Value": r.get::<String>(1)?}))).collect();
    computed::page(call, "Collection(KeyValuePairOfStringString)", "KeyValuePairOfStringString", pairs?, &[])
}

/// `…GetRobotsForProcess(processId='')`: processes are bound to robots in classic folders only, and there are none.
pub(super) async fn for_process(call: &mut Call) -> Result<Output> {
    computed::page(call, "Robots", "RobotDto", Vec::new(), &[])
}
