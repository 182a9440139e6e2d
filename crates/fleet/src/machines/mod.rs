//! Machines: registrations of hosts (or of pools of hosts) with the slots that each of them offers.
//!
//! `entity` describes them for queries, `record` reads them for the program, `wish` reads bodies, `operations`
//! serves them, `secrets` are their credentials, `accounts` tells which robots may use them, `runtimes` counts
//! slots. Where machines are assigned is in `crate::folders`.

pub mod accounts;
pub mod entity;
pub(crate) mod lists;
pub(crate) mod operations;
pub mod record;
mod runtimes;
pub(crate) mod secrets;
mod wish;

pub use accounts::{AccountLimits, account_limits};
pub use entity::{MACHINE, MACHINE_WITHOUT_KEY};
pub use record::{FolderMachine, MachineRecord, by_id, by_license_key, of_folder, topic};

use bandmaster_api::{Registry, own};

/// Registers the operations of the tag Machines and those of client secrets.
pub fn register(r: &mut Registry) {
    r.entity(&entity::EXTENDED_MACHINE);
    r.serve("Machines_Get", lists::list);
    r.serve("Machines_GetById", lists::get).also(&[404]);
    r.serve("Machines_GetAssignedMachinesByFolderid", lists::assigned).checks_itself().also(&[404]);
    r.serve("Machines_GetRuntimesForFolderByFolderid", runtimes::for_folder).checks_itself().also(&[404]);
    r.serve("Machines_Post", operations::create).also(&[400, 404, 409]);
    r.serve("Machines_PutById", operations::update).also(&[400, 404, 409]);
    r.serve("Machines_PatchById", operations::update).also(&[400, 404, 409]);
    r.serve("Machines_DeleteById", operations::delete).also(&[404, 409]);
    r.serve("Machines_DeleteBulk", operations::delete_bulk).also(&[404, 409]);
    r.types(secrets::TYPES);
    let secret = |id, method, name: &str| {
        own(id, method, &format!("/api/clientsecrets/{{{name}}}")).tag("Machines").path(name, "string")
    };
    r.add(
        secret("MachineSecrets_Get", "GET", "licenseKey")
            .scopes("OR.Machines,OR.Machines.Read")
            .permission("Machines.View")
            .returns(200, "[MachineSecretDto]"),
        secrets::list,
    )
    .also(&[404]);
    r.add(
        secret("MachineSecrets_Post", "POST", "licenseKey")
            .scopes("OR.Machines,OR.Machines.Write")
            .permission("Machines.Edit")
            .returns(200, "MachineSecretDto"),
        secrets::create,
    )
    .also(&[404, 409]);
    r.add(
        secret("MachineSecrets_Delete", "DELETE", "secretId")
            .scopes("OR.Machines,OR.Machines.Write")
            .permission("Machines.Edit")
            .returns(204, "-"),
        secrets::delete,
    )
    .also(&[404]);
    r.add(
        own("MachineSecrets_DeleteOfMachine", "DELETE", "/api/clientsecrets/{licenseKey}/{secretId}")
            .tag("Machines")
            .path("licenseKey", "string")
            .path("secretId", "string")
            .scopes("OR.Machines,OR.Machines.Write")
            .permission("Machines.Edit")
            .returns(204, "-"),
        secrets::delete,
    )
    .also(&[404]);
}
