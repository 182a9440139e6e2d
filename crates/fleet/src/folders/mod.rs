//! Machines in folders: where jobs of a folder may run.
//!
//! A machine is assigned to a folder; with the switch `PropagateToSubFolders` also to all folders below it, present
//! and future ones, where it counts as inherited. `assign` changes that, `lists` shows it, `moves` says what the
//! move of a folder would change, `limits` names the robots that alone may use a machine in a folder.

mod assign;
mod limits;
mod lists;
mod moves;

use bandmaster_api::{Registry, own};

/// Registers the operations of the tag Folders that concern machines.
pub fn register(r: &mut Registry) {
    r.serve("Folders_AssignMachines", assign::assign).also(&[404, 409]);
    r.serve("Folders_UpdateMachinesToFolderAssociations", assign::update).also(&[404, 409]);
    r.serve("Folders_RemoveMachinesFromFolderById", assign::remove).also(&[404, 409]);
    r.serve("Folders_ToggleFolderMachineInherit", assign::toggle_inherit).also(&[404, 409]);
    r.serve("Folders_GetMachinesForFolderByKey", lists::machines).also(&[404]);
    r.serve("Folders_GetSubfoldersWithAssignedMachine", lists::subfolders).also(&[400, 404]);
    r.serve("Folders_GetMoveFolderMachinesChanges", moves::changes).checks_itself().also(&[400, 404, 409]);
    r.types(limits::TYPES);
    let path = "/odata/Folders/UiPath.Server.Configuration.OData";
    r.add(
        own(
            "Folders_GetMachineRobots",
            "GET",
            &format!("{path}.GetMachineRobots(folderId={{folderId}},machineId={{machineId}})"),
        )
        .tag("Folders")
        .scopes("OR.Folders,OR.Folders.Read,OR.Robots,OR.Robots.Read")
        .permission("Units.View|SubFolders.View")
        .path("folderId", "int64")
        .path("machineId", "int64")
        .options("$expand $filter $select $orderby $top $skip $count")
        .returns(200, "ODataValueOfIEnumerableOfRobotUserDto"),
        limits::list,
    )
    .also(&[404]);
    r.add(
        own("Folders_SetMachineRobots", "POST", &format!("{path}.SetMachineRobots"))
            .tag("Folders")
            .scopes("OR.Folders,OR.Folders.Write,OR.Robots,OR.Robots.Write")
            .permission("Units.Edit|SubFolders.Edit")
            .body("SetMachineRobotsRequest")
            .returns(204, "-"),
        limits::set,
    )
    .also(&[404, 409]);
}
