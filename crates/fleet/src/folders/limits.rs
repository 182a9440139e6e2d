//! Which robots alone may use a machine in a folder. The addresses are not in the published contract; clients
//! use them.

use super::assign::missing;
use super::lists::path;
use crate::machines::{accounts, of_folder};
use crate::{computed, jobs, machines, robots, topics};
use bandmaster_access::folders::Tree;
use bandmaster_access::folders::rules::{self, Action};
use bandmaster_api::{Call, Change, Output};
use bandmaster_core::{Error, Result, codes};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The types of body and answer.
pub(super) const TYPES: &str = "type SetMachineRobotsRequest\n  MachineId int64 !\n  FolderId int64 !\n  \
     AddedRobotIds [int64]\n  RemovedRobotIds [int64]\n\
     type ODataValueOfIEnumerableOfRobotUserDto\n  value [RobotUserDto]\n";

/// `GET /odata/Folders/…GetMachineRobots(folderId=,machineId=)`: the folder's own list; empty when every robot of
/// the folder may use the machine, as far as the tenant's list goes.
pub(super) async fn list(call: &mut Call) -> Result<Output> {
    let (folder, machine) = (call.int_argument("folderId")?, call.int_argument("machineId")?);
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    let tree = Tree::load(&mut conn, tenant).await?;
    rules::target(call, &tree, folder, Action::View)?;
    if machines::by_id(&mut conn, tenant, machine).await?.is_none() {
        return Err(Error::not_found("Machine"));
    }
    let targets = jobs::trigger_targets(&call.app, &mut conn, tenant).await?;
    let rows: Vec<Value> = accounts::listed(&mut conn, machine, folder)
        .await?
        .into_iter()
        .map(|(id, name)| json!({"UserName": name, "RobotId": id, "HasTriggers": targets.pair_in(folder, machine, id)}))
        .collect();
    computed::page(call, "RobotUsers", "RobotUserDto", rows, &[])
}

/// `POST /odata/Folders/…SetMachineRobots`. When the last robot is taken out, the folder has no list of its own any
/// more.
pub(super) async fn set(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let need = |name: &str| body.int(name).ok_or_else(|| Error::argument(format!("The field {name} is required.")));
    let (machine_id, folder) = (need("MachineId")?, need("FolderId")?);
    let added: BTreeSet<i64> = body.ints("AddedRobotIds").into_iter().collect();
    let removed: BTreeSet<i64> = body.ints("RemovedRobotIds").into_iter().collect();
    let (tenant, app) = (call.tenant_id()?, call.app.clone());
    let mut unit = call.begin().await?;
    let tree = Tree::load(&mut unit, tenant).await?;
    let node = rules::target(call, &tree, folder, Action::Edit)?;
    let here = of_folder(&mut unit, &path(&tree, folder)).await?;
    let machine = machines::by_id(&mut unit, tenant, machine_id).await?.ok_or_else(|| Error::not_found("Machine"))?;
    if !here.iter().any(|m| m.machine.id == machine_id) {
        return Err(Error::conflict(codes::CANNOT_SET_MACHINE_ROBOTS, "The machine is not assigned to the folder."));
    }
    let in_folder: BTreeSet<i64> =
        robots::record::all_of_folder(&mut unit, tenant, folder).await?.iter().map(|r| r.id).collect();
    if !added.is_subset(&in_folder) {
        return Err(missing("A robot"));
    }
    let targets = jobs::trigger_targets(&app, &mut unit, tenant).await?;
    if removed.iter().any(|robot| targets.pair_in(folder, machine_id, *robot)) {
        return Err(Error::conflict(
            codes::MACHINE_ROBOT_HAS_TRIGGERS,
            "Triggers of the folder use the robot on this machine.",
        ));
    }
    let before: BTreeSet<i64> =
        accounts::listed(&mut unit, machine_id, folder).await?.into_iter().map(|(id, _)| id).collect();
    let after: Vec<i64> = before.union(&added).filter(|id| !removed.contains(id)).copied().collect();
    accounts::set(&mut unit, machine_id, folder, &after).await?;
    let told = |robots: Value| Some(json!({"MachineId": machine_id, "MachineName": machine.name, "RobotIds": robots}));
    unit.audit(Change {
        component: "Folders",
        action: "Update",
        id: Some(node.id),
        key: Some(&node.key),
        name: &node.name,
        before: told(json!(before)),
        after: told(json!(after)),
    })
    .await?;
    topics::capacity(&mut unit, machine_id);
    unit.commit().await?;
    Ok(Output::empty())
}
