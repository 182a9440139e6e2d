//! How many runtimes a folder has.

use super::of_folder;
use crate::enums::{DEVELOPMENT, ROBOT_TYPE, RUNTIME_TYPES};
use crate::neighbours::{folder_path, permitted_folder};
use crate::{computed, jobs, sessions};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Runtimes of one type in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runtimes {
    /// Slots of all machines, counted once a known host.
    pub total: i64,
    /// Those on hosts that are connected and report.
    pub connected: i64,
    /// Connected ones without a job.
    pub available: i64,
}

/// `GET /odata/Machines/…GetRuntimesForFolder(folderId=)`
pub(super) async fn for_folder(call: &mut Call) -> Result<Output> {
    let folder = call.int_argument("folderId")?;
    let (tenant, now) = (call.tenant_id()?, call.now());
    let mut conn = call.read().await?;
    permitted_folder(call, &mut conn, folder, "Machines.View|Jobs.Create").await?;
    let usage = jobs::usage(&call.app, &mut conn, tenant).await?;
    let path = folder_path(&mut conn, tenant, folder).await?;
    let machines = of_folder(&mut conn, &path).await?;
    let hosts = sessions::eligible(&mut conn, tenant, folder).await?;
    let rows: Vec<Value> = RUNTIME_TYPES
        .iter()
        .map(|runtime_type| {
            let mut sums = Runtimes::default();
            let mut known: HashMap<i64, i64> = HashMap::new();
            for host in hosts.iter().filter(|h| h.runtime_type == *runtime_type) {
                *known.entry(host.machine_id).or_default() += 1;
                if host.connected && !host.is_unresponsive(now) && !host.switched_off {
                    sums.connected += host.slots;
                    sums.available += (host.slots - usage.of_session(host.id)).max(0);
                }
            }
            let slots = |m: &super::FolderMachine| m.machine.slots.of(*runtime_type);
            sums.total = machines.iter().map(|m| slots(m) * known.get(&m.machine.id).copied().unwrap_or(1)).sum();
            (*runtime_type, sums)
        })
        .filter(|(runtime_type, sums)| *runtime_type != DEVELOPMENT || sums.total > 0)
        .map(|(runtime_type, sums)| {
            json!({
                "Type": ROBOT_TYPE.label(runtime_type),
                "Total": sums.total,
                "Connected": sums.connected,
                "Available": sums.available,
            })
        })
        .collect();
    computed::page(call, "MachineRuntimes", "MachineRuntimeDto", rows, &[])
}
