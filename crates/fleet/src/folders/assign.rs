//! Assigning machines to folders.

use crate::enums::SCOPE_WORKSPACE;
use crate::machines::{self, MachineRecord, accounts};
use crate::{jobs, topics};
use bandmaster_access::folders::rules::{self, Action};
use bandmaster_access::folders::{Node, Tree};
use bandmaster_access::rights_changed;
use bandmaster_api::{App, Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use serde_json::json;
use std::collections::BTreeSet;

/// Machines or folders that one call may name.
const MOST_AT_ONCE: usize = 1_000;

pub(super) fn missing(what: &str) -> Error {
    let text = format!("{what} of the assignment does not exist.");
    Error::new(404, bandmaster_access::codes::ENTITIES_REQUIRED_FOR_ASSIGNMENT_NOT_FOUND, text)
}

fn named(ids: Vec<i64>, what: &str) -> Result<BTreeSet<i64>> {
    if ids.len() > MOST_AT_ONCE {
        return Err(Error::argument(format!("{what} may name at most {MOST_AT_ONCE}.")));
    }
    Ok(ids.into_iter().collect())
}

/// `POST /odata/Folders/…AssignMachines`: every machine to every folder. What is assigned already stays so.
pub(super) async fn assign(call: &mut Call) -> Result<Output> {
    let body = call.body().fields("assignments").ok_or_else(|| Error::unbound("assignments"))?;
    let machines = named(body.ints("MachineIds"), "MachineIds")?;
    let folders = named(body.ints("FolderIds"), "FolderIds")?;
    if machines.is_empty() || folders.is_empty() {
        return Err(Error::argument("The assignment must name machines and folders."));
    }
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    rights_changed(&mut unit).await?;
    let tree = Tree::load(&mut unit, tenant).await?;
    for folder in folders {
        let node = rules::target(call, &tree, folder, Action::Edit)?;
        add(&mut unit, node, &machines).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Folders/…UpdateMachinesToFolderAssociations`
pub(super) async fn update(call: &mut Call) -> Result<Output> {
    let body = call.body().fields("associations").ok_or_else(|| Error::unbound("associations"))?;
    let folder = body.int("FolderId").ok_or_else(|| Error::argument("The field FolderId is required."))?;
    let added = named(body.ints("AddedMachineIds"), "AddedMachineIds")?;
    let removed = named(body.ints("RemovedMachineIds"), "RemovedMachineIds")?;
    if added.intersection(&removed).next().is_some() {
        return Err(Error::argument("A machine cannot be added and removed at once."));
    }
    let (tenant, app) = (call.tenant_id()?, call.app.clone());
    let mut unit = call.begin().await?;
    rights_changed(&mut unit).await?;
    let tree = Tree::load(&mut unit, tenant).await?;
    let node = rules::target(call, &tree, folder, Action::Edit)?;
    take(&app, &mut unit, &tree, node, &removed).await?;
    add(&mut unit, node, &added).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Folders({key})/…RemoveMachinesFromFolder`
pub(super) async fn remove(call: &mut Call) -> Result<Output> {
    let folder = call.int_argument("key")?;
    let removed = named(call.body().ints("machineIds"), "machineIds")?;
    if removed.is_empty() {
        return Err(Error::argument("machineIds must name at least one machine."));
    }
    let (tenant, app) = (call.tenant_id()?, call.app.clone());
    let mut unit = call.begin().await?;
    rights_changed(&mut unit).await?;
    let tree = Tree::load(&mut unit, tenant).await?;
    let node = rules::target(call, &tree, folder, Action::Edit)?;
    take(&app, &mut unit, &tree, node, &removed).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Folders/…ToggleFolderMachineInherit`
pub(super) async fn toggle_inherit(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let need = |name: &str| body.int(name).ok_or_else(|| Error::argument(format!("The field {name} is required.")));
    let (machine, folder) = (need("MachineId")?, need("FolderId")?);
    let enabled = body.bool("InheritEnabled").unwrap_or(false);
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    rights_changed(&mut unit).await?;
    let tree = Tree::load(&mut unit, tenant).await?;
    let node = rules::target(call, &tree, folder, Action::Edit)?;
    let machine = known(&mut unit, machine).await?;
    let row = unit
        .query_opt(
            "SELECT propagate FROM folder_machines WHERE folder_id = $1 AND machine_id = $2",
            params![folder, machine.id],
        )
        .await?;
    let was: bool = match row {
        Some(row) => row.get(0)?,
        None => return Err(missing("A machine")),
    };
    unit.execute(
        "UPDATE folder_machines SET propagate = $1 WHERE folder_id = $2 AND machine_id = $3",
        params![enabled, folder, machine.id],
    )
    .await?;
    let told =
        |on: bool| Some(json!({"MachineId": machine.id, "MachineName": machine.name, "PropagateToSubFolders": on}));
    unit.audit(Change {
        component: "Folders",
        action: "Toggle",
        id: Some(node.id),
        key: Some(&node.key),
        name: &node.name,
        before: told(was),
        after: told(enabled),
    })
    .await?;
    topics::capacity(&mut unit, machine.id);
    unit.commit().await?;
    Ok(Output::empty())
}

async fn known(unit: &mut Unit, machine: i64) -> Result<MachineRecord> {
    let tenant = unit.tenant_id();
    machines::by_id(unit, tenant, machine).await?.ok_or_else(|| missing("A machine"))
}

async fn add(unit: &mut Unit, node: &Node, machines: &BTreeSet<i64>) -> Result<()> {
    if machines.is_empty() {
        return Ok(());
    }
    rules::check_standard(node)?;
    let now = unit.now();
    let mut told = Vec::new();
    for machine in machines {
        let machine = known(unit, *machine).await?;
        if machine.scope == SCOPE_WORKSPACE {
            return Err(Error::conflict(
                codes::CANNOT_ASSIGN_WORKSPACE_MACHINES,
                "The machine of a personal workspace cannot be assigned to folders.",
            ));
        }
        unit.execute(
            "INSERT INTO folder_machines (folder_id, machine_id, propagate, created_at) VALUES ($1, $2, 0, $3) \
             ON CONFLICT (folder_id, machine_id) DO NOTHING",
            params![node.id, machine.id, now],
        )
        .await?;
        topics::capacity(unit, machine.id);
        told.push(json!({"MachineId": machine.id, "MachineName": machine.name}));
    }
    unit.audit(Change {
        component: "Folders",
        action: "Associate",
        id: Some(node.id),
        key: Some(&node.key),
        name: &node.name,
        after: Some(json!({ "Machines": told })),
        ..Change::default()
    })
    .await
}

/// Takes machines out of a folder. Those that the folder only inherits cannot be taken out there; those that are not
/// there at all are passed over.
async fn take(app: &App, unit: &mut Unit, tree: &Tree, node: &Node, removed: &BTreeSet<i64>) -> Result<()> {
    if removed.is_empty() {
        return Ok(());
    }
    let tenant = unit.tenant_id();
    let targets = jobs::trigger_targets(app, unit, tenant).await?;
    let above: Vec<i64> = tree.above(node.id).map(|n| n.id).collect();
    let inherited: BTreeSet<i64> = inherited_from(unit, &above).await?;
    let mut told = Vec::new();
    for machine in removed {
        let machine = known(unit, *machine).await?;
        let gone = unit
            .execute(
                "DELETE FROM folder_machines WHERE folder_id = $1 AND machine_id = $2",
                params![node.id, machine.id],
            )
            .await?;
        let still_there = inherited.contains(&machine.id);
        if gone == 0 && still_there {
            return Err(Error::conflict(
                codes::MACHINE_FOLDER_CONFLICT,
                format!("The folder inherits the machine {} from a folder above it.", machine.name),
            ));
        }
        if gone == 0 {
            continue;
        }
        if !still_there && targets.machine_in(node.id, machine.id) {
            return Err(Error::conflict(
                codes::MACHINE_HAS_ATTACHED_TRIGGERS,
                format!("Triggers of the folder run jobs on the machine {}.", machine.name),
            ));
        }
        if !still_there {
            accounts::set(unit, machine.id, node.id, &[]).await?;
        }
        topics::capacity(unit, machine.id);
        told.push(json!({"MachineId": machine.id, "MachineName": machine.name}));
    }
    unit.audit(Change {
        component: "Folders",
        action: "Unassign",
        id: Some(node.id),
        key: Some(&node.key),
        name: &node.name,
        before: Some(json!({ "Machines": told })),
        ..Change::default()
    })
    .await
}

/// Machines that these folders pass on to those below them.
async fn inherited_from(unit: &mut Unit, above: &[i64]) -> Result<BTreeSet<i64>> {
    let text = format!(
        "SELECT machine_id FROM folder_machines WHERE propagate = $1 AND folder_id IN ({})",
        crate::sql::PATH_PLACES
    );
    let rows = unit.query(&text, &crate::sql::path_params(1, above)?).await?;
    rows.iter().map(|r| Ok(r.get(0)?)).collect()
}
