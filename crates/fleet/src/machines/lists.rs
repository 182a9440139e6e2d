//! Reading machines.

use super::entity::{EXTENDED_MACHINE, MACHINE, MACHINE_WITHOUT_KEY};
use super::{account_limits, of_folder};
use crate::neighbours::{folder_path, permitted_folder};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result};
use bandmaster_odata::{Constant, Predicate, Scalar};

/// `GET /odata/Machines`
pub(super) async fn list(call: &mut Call) -> Result<Output> {
    call.list(&EXTENDED_MACHINE).await
}

/// `GET /odata/Machines({key})`
pub(super) async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&MACHINE, id).await
}

/// `GET /odata/Machines/…GetAssignedMachines(folderId=)?robotId=`: the machines of a folder, inherited ones
/// included; with a robot, those that it may use. The machine key is told to those who may view machines.
pub(super) async fn assigned(call: &mut Call) -> Result<Output> {
    let folder = call.int_argument("folderId")?;
    let robot = call.int_query("robotId")?;
    let tenant = call.tenant_id()?;
    let mut conn = call.read().await?;
    permitted_folder(call, &mut conn, folder, "Machines.View|Jobs.Create").await?;
    let path = folder_path(&mut conn, tenant, folder).await?;
    let mut ids: Vec<i64> = of_folder(&mut conn, &path).await?.iter().map(|m| m.machine.id).collect();
    if let Some(robot) = robot {
        let known = crate::robots::by_id(&mut conn, tenant, robot).await?.is_some();
        if !known {
            return Err(Error::not_found("Robot"));
        }
        let limits = account_limits(&mut conn, tenant, &path).await?;
        ids.retain(|machine| limits.allows(*machine, robot));
    }
    drop(conn);
    let ty = if call.rights.has("Machines.View", None) { &MACHINE } else { &MACHINE_WITHOUT_KEY };
    let mut query = call.bound_query(ty)?;
    query.and(among(ty, &ids));
    call.list_query(query, &Folders::All).await
}

/// `Id in (…)`.
pub(crate) fn among(ty: &'static bandmaster_model::EntityType, ids: &[i64]) -> Predicate {
    match Scalar::property(ty, "Id") {
        Some(scalar) if !ids.is_empty() => Predicate::In {
            class: bandmaster_odata::Class::Integer,
            scalar,
            values: ids.iter().map(|id| Constant::Int(*id)).collect(),
            null: false,
        },
        _ => Predicate::Always(false),
    }
}
