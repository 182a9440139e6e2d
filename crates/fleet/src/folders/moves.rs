//! What moving a folder would change about its machines.

use super::lists::path;
use crate::computed;
use crate::machines::{FolderMachine, of_folder};
use bandmaster_access::folders::Tree;
use bandmaster_access::folders::rules::{self, Action};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result};
use bandmaster_store::Conn;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How a machine stands to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NotAssigned,
    Assigned,
    Inherited,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::NotAssigned => "NotAssigned",
            State::Assigned => "Assigned",
            State::Inherited => "Inherited",
        }
    }
}

/// `GET /odata/Folders/…GetMoveFolderMachinesChanges?folderId=&targetParentId=`: the machines that the folder would
/// win or lose. Asks for what the move itself asks for.
pub(super) async fn changes(call: &mut Call) -> Result<Output> {
    call.require("SubFolders.Delete|Units.Delete&Units.Create|SubFolders.Create&Units.Edit|SubFolders.Edit", None)?;
    let folder = call.int_query("folderId")?.ok_or_else(|| Error::argument("The parameter folderId is missing."))?;
    let target = call.int_query("targetParentId")?;
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    let tree = Tree::load(&mut conn, tenant).await?;
    rules::target(call, &tree, folder, Action::Delete)?;
    match target {
        Some(target) => {
            rules::target(call, &tree, target, Action::Create)?;
            rules::target(call, &tree, target, Action::Edit)?;
            if tree.is_within(target, folder) {
                return Err(Error::conflict(
                    bandmaster_access::codes::CANNOT_MOVE_TO_DESCENDANT_FOLDER,
                    "A folder cannot be moved below itself.",
                ));
            }
        }
        None if rules::everywhere(call, Action::Create) => {}
        None => return Err(Error::forbidden()),
    }
    let before = states(&mut conn, folder, &path(&tree, folder)).await?;
    let beyond = target.map(|t| path(&tree, t)).unwrap_or_default();
    let after_path: Vec<i64> = std::iter::once(folder).chain(beyond).collect();
    let after = states(&mut conn, folder, &after_path).await?;
    let mut machines: BTreeMap<i64, String> = BTreeMap::new();
    for (id, (name, _)) in before.iter().chain(&after) {
        machines.insert(*id, name.clone());
    }
    let state = |of: &BTreeMap<i64, (String, State)>, id: i64| of.get(&id).map_or(State::NotAssigned, |(_, s)| *s);
    let rows: Vec<Value> = machines
        .into_iter()
        .map(|(id, name)| (id, name, state(&before, id), state(&after, id)))
        .filter(|(_, _, old, new)| old != new)
        .map(|(id, name, old, new)| {
            json!({
                "MachineId": id,
                "MachineName": name,
                "OldMachineFolderState": old.word(),
                "NewMachineFolderState": new.word(),
            })
        })
        .collect();
    computed::page(call, "MoveFolderMachineChanges", "MoveFolderMachineChange", rows, &[])
}

async fn states(conn: &mut Conn, folder: i64, path: &[i64]) -> Result<BTreeMap<i64, (String, State)>> {
    let state = |m: &FolderMachine| if m.assigned_in == folder { State::Assigned } else { State::Inherited };
    Ok(of_folder(conn, path).await?.into_iter().map(|m| (m.machine.id, (m.machine.name.clone(), state(&m)))).collect())
}
