//! Showing the machines of folders.

use crate::enums::SCOPE_WORKSPACE;
use crate::machines::entity::EXTENDED_MACHINE;
use crate::machines::lists::among;
use crate::machines::{FolderMachine, account_limits, of_folder};
use crate::{computed, machines};
use bandmaster_access::folders::Tree;
use bandmaster_access::folders::entity::FOLDER;
use bandmaster_access::folders::rules::{self, Action};
use bandmaster_api::query::{complete, visibility};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result};
use bandmaster_odata::{Query, Run};
use bandmaster_store::params;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// The folder and those above it, nearest first.
pub(super) fn path(tree: &Tree, id: i64) -> Vec<i64> {
    std::iter::once(id).chain(tree.above(id).map(|n| n.id)).collect()
}

/// `GET /odata/Folders/…GetMachinesForFolder(key=)`: the tenant's machines, with whether and how they are in the folder.
pub(super) async fn machines(call: &mut Call) -> Result<Output> {
    let (folder, tenant) = (call.int_argument("key")?, call.tenant_id()?);
    let mut conn = call.read().await?;
    let tree = Tree::load(&mut conn, tenant).await?;
    rules::target(call, &tree, folder, Action::View)?;
    let path = path(&tree, folder);
    let here: HashMap<i64, FolderMachine> =
        of_folder(&mut conn, &path).await?.into_iter().map(|m| (m.machine.id, m)).collect();
    let passed_on: HashMap<i64, i64> = match path.get(1..) {
        Some(above) if !above.is_empty() => of_folder(&mut conn, above)
            .await?
            .into_iter()
            .filter(|m| m.propagate)
            .map(|m| (m.machine.id, m.assigned_in))
            .collect(),
        _ => HashMap::new(),
    };
    let limits = account_limits(&mut conn, tenant, &path).await?;
    let sees = visibility(0, tenant, &Folders::All);
    let all = complete(&mut conn, Run::page(&Query::all(&EXTENDED_MACHINE), &sees, u32::MAX)).await?;
    let others: HashSet<i64> = machines::record::all(&mut conn, tenant)
        .await?
        .into_iter()
        .filter(|m| m.scope == SCOPE_WORKSPACE && !here.contains_key(&m.id))
        .map(|m| m.id)
        .collect();
    let shows_key = call.rights.has("Machines.View", None);
    let row = |mut machine: Map<String, Value>| {
        let id = machine.get("Id").and_then(Value::as_i64)?;
        if others.contains(&id) {
            return None;
        }
        if !shows_key {
            machine.insert("LicenseKey".into(), Value::Null);
        }
        let own = here.get(&id).filter(|m| m.assigned_in == folder);
        let from = passed_on.get(&id).and_then(|id| tree.get(*id));
        machine.insert("IsAssignedToFolder".into(), json!(own.is_some()));
        machine.insert("HasMachineRobots".into(), json!(limits.has_own(id)));
        machine.insert("IsInherited".into(), json!(from.is_some()));
        machine.insert("PropagateToSubFolders".into(), json!(own.is_some_and(|m| m.propagate)));
        machine.insert("InheritedFromFolderName".into(), json!(from.map(|n| &n.path)));
        Some(Value::Object(machine))
    };
    let rows: Vec<Value> = all.into_iter().filter_map(row).collect();
    computed::page(call, "Machines", "MachineFolderDto", rows, &[])
}

/// `GET /odata/Folders/…GetSubfoldersWithAssignedMachine?rootFolderId=&machineId=`
pub(super) async fn subfolders(call: &mut Call) -> Result<Output> {
    let need =
        |name: &str| call.int_query(name)?.ok_or_else(|| Error::argument(format!("The parameter {name} is missing.")));
    let (root, machine, tenant) = (need("rootFolderId")?, need("machineId")?, call.tenant_id()?);
    let mut conn = call.read().await?;
    let tree = Tree::load(&mut conn, tenant).await?;
    rules::target(call, &tree, root, Action::View)?;
    if machines::by_id(&mut conn, tenant, machine).await?.is_none() {
        return Err(Error::not_found("Machine"));
    }
    let rows = conn.query("SELECT folder_id FROM folder_machines WHERE machine_id = $1", params![machine]).await?;
    drop(conn);
    let assigned: HashSet<i64> = rows.iter().map(|r| r.get(0)).collect::<Result<_, _>>()?;
    let ids: Vec<i64> = tree
        .subtree(root)
        .into_iter()
        .filter(|n| n.id != root && assigned.contains(&n.id) && rules::knows(call, Action::View, n))
        .map(|n| n.id)
        .collect();
    let mut query = call.bound_query(&FOLDER)?;
    query.and(among(&FOLDER, &ids));
    call.list_query(query, &Folders::All).await
}
