//! Machines as the program reads them. How the API shows them is in `entity`.

use crate::enums::{DEVELOPMENT, HEADLESS, NON_PRODUCTION, RUNTIME_TYPES, TEST_AUTOMATION, UNATTENDED};
use bandmaster_core::Result;
use bandmaster_store::{Conn, Row, params};

/// The topic that is nudged when there is something new for the hosts of a machine.
pub fn topic(machine_id: i64) -> String {
    format!("machine:{machine_id}")
}

/// Slots a host of the machine offers, by runtime type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slots {
    /// `Unattended`.
    pub unattended: i64,
    /// `NonProduction`.
    pub non_production: i64,
    /// `Headless`.
    pub headless: i64,
    /// `TestAutomation`.
    pub test_automation: i64,
    /// `Development`.
    pub development: i64,
}

impl Slots {
    /// Slots of a runtime type; none of types that machines do not offer.
    pub fn of(&self, runtime_type: i64) -> i64 {
        match runtime_type {
            UNATTENDED => self.unattended,
            NON_PRODUCTION => self.non_production,
            HEADLESS => self.headless,
            TEST_AUTOMATION => self.test_automation,
            DEVELOPMENT => self.development,
            _ => 0,
        }
    }

    /// The types with at least one slot, with their number.
    pub fn offered(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        RUNTIME_TYPES.iter().map(|t| (*t, self.of(*t))).filter(|(_, n)| *n > 0)
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRecord {
    /// Id.
    pub id: i64,
    /// GUID, no secret.
    pub key: String,
    /// Tenant.
    pub tenant_id: i64,
    /// Name.
    pub name: String,
    /// Number of `Type` ([`crate::enums::MACHINE_TYPE`]).
    pub machine_type: i64,
    /// Number of `Scope`.
    pub scope: i64,
    /// Slots of each host.
    pub slots: Slots,
    /// Number of `AutomationType`.
    pub automation_type: i64,
    /// Number of `TargetFramework`.
    pub target_framework: i64,
}

const COLUMNS: &str = "m.id, m.key, m.tenant_id, m.name, m.type, m.scope, m.unattended_slots, m.nonproduction_slots, \
     m.headless_slots, m.testautomation_slots, m.development_slots, m.automation_type, m.target_framework";

fn read(row: &Row) -> Result<MachineRecord> {
    Ok(MachineRecord {
        id: row.get(0)?,
        key: row.get(1)?,
        tenant_id: row.get(2)?,
        name: row.get(3)?,
        machine_type: row.get(4)?,
        scope: row.get(5)?,
        slots: Slots {
            unattended: row.get(6)?,
            non_production: row.get(7)?,
            headless: row.get(8)?,
            test_automation: row.get(9)?,
            development: row.get(10)?,
        },
        automation_type: row.get(11)?,
        target_framework: row.get(12)?,
    })
}

/// The machine with that machine key, in whatever tenant. Anything that is no GUID names none.
pub async fn by_license_key(conn: &mut Conn, key: &str) -> Result<Option<MachineRecord>> {
    let Some(key) = bandmaster_core::ids::parse_guid(key) else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM machines m WHERE m.license_key = $1");
    conn.query_opt(&sql, params![key]).await?.as_ref().map(read).transpose()
}

/// The machine with that id in a tenant.
pub async fn by_id(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<MachineRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM machines m WHERE m.id = $1 AND m.tenant_id = $2");
    conn.query_opt(&sql, params![id, tenant_id]).await?.as_ref().map(read).transpose()
}

/// The machine of that name in a tenant.
pub(crate) async fn by_name(conn: &mut Conn, tenant_id: i64, name: &str) -> Result<Option<MachineRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM machines m WHERE m.tenant_id = $1 AND fold(m.name) = fold($2)");
    conn.query_opt(&sql, params![tenant_id, name]).await?.as_ref().map(read).transpose()
}

/// All machines of a tenant, by id.
pub(crate) async fn all(conn: &mut Conn, tenant_id: i64) -> Result<Vec<MachineRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM machines m WHERE m.tenant_id = $1 ORDER BY m.id");
    conn.query(&sql, params![tenant_id]).await?.iter().map(read).collect()
}

/// A machine that jobs of a folder may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderMachine {
    /// The machine.
    pub machine: MachineRecord,
    /// The nearest folder that it is assigned to: the folder itself, or one above that passes it on.
    pub assigned_in: i64,
    /// Whether the assignment at [`FolderMachine::assigned_in`] is passed on to the folders below.
    pub propagate: bool,
}

/// The machines of a folder, inherited ones included, by id. `path` is the folder and those above it, nearest
/// first; a tenant's folders only, so that no other tenant's machine is found.
pub async fn of_folder(conn: &mut Conn, path: &[i64]) -> Result<Vec<FolderMachine>> {
    let Some(folder) = path.first() else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {COLUMNS}, f.folder_id, f.propagate FROM folder_machines f JOIN machines m ON m.id = f.machine_id \
         WHERE f.folder_id = $1 OR (f.propagate = 1 AND f.folder_id IN ({})) ORDER BY m.id",
        crate::sql::PATH_PLACES
    );
    let rows = conn.query(&sql, &crate::sql::path_params(*folder, path)?).await?;
    let mut found: Vec<FolderMachine> = Vec::new();
    for row in &rows {
        let one = FolderMachine { machine: read(row)?, assigned_in: row.get(13)?, propagate: row.get(14)? };
        let depth = |folder: i64| path.iter().position(|p| *p == folder);
        match found.last_mut() {
            Some(last) if last.machine.id == one.machine.id => {
                if depth(one.assigned_in) < depth(last.assigned_in) {
                    *last = one;
                }
            }
            _ => found.push(one),
        }
    }
    Ok(found)
}
