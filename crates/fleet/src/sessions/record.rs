//! Sessions as dispatch reads them, and the judgement whether one can take a job.

use crate::enums::{PLATFORM_WINDOWS, TARGET_FRAMEWORK};
use crate::neighbours;
use crate::sql;
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_store::{Conn, Row, fold, params};

/// A host that has not reported for longer is unresponsive: four heartbeats of 30 s missed.
pub const SILENCE: Micros = 120 * SECOND;

/// One row of a host: the runtimes of one type. Or a person's session at a desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSession {
    /// `sessions.id`.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Tenant.
    pub tenant_id: i64,
    /// The machine with whose key it connected.
    pub machine_id: i64,
    /// Its GUID.
    pub machine_key: String,
    /// Its name.
    pub machine_name: String,
    /// Number of its `Type`.
    pub machine_type: i64,
    /// Number of its `Scope`.
    pub machine_scope: i64,
    /// The attended robot; 0 for hosts.
    pub robot_id: i64,
    /// Name of the host.
    pub host_name: String,
    /// The account that the agent runs as, when it reports one; empty otherwise. An agent that does can run
    /// jobs of that account only.
    pub service_user_name: String,
    /// GUID of the agent's installation; empty when it reports none.
    pub installation_id: String,
    /// Runtime type.
    pub runtime_type: i64,
    /// Jobs of the type that the host runs at once.
    pub slots: i64,
    /// Last report.
    pub reported_at: Option<Micros>,
    /// Version of the agent.
    pub version: Option<String>,
    /// Number of `Platform`.
    pub platform: i64,
    /// In maintenance: takes no new jobs.
    pub maintenance: bool,
    /// End of the debug mode; while it lasts, no jobs are taken.
    pub debug_until: Option<Micros>,
    /// Connected, as far as was reported.
    pub connected: bool,
    /// The event about its silence was made.
    pub silence_told: bool,
    /// The agent understands reservations.
    pub knows_fencing: bool,
    /// When the host was first seen.
    pub created_at: Micros,
    /// Number of the machine's `AutomationType`.
    pub automation_type: i64,
    /// Number of the machine's `TargetFramework`.
    pub target_framework: i64,
    /// An administrator has switched the runtime type off on the machine.
    pub switched_off: bool,
}

/// What a job needs of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Runtime type.
    pub runtime_type: i64,
    /// Whether it needs a desktop.
    pub foreground: bool,
    /// The package's framework: `Windows` (legacy ones too) or not.
    pub windows: bool,
}

/// Why a session cannot take a job now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// Not connected.
    Disconnected,
    /// Connected but silent for more than [`SILENCE`].
    Unresponsive,
    /// In maintenance mode.
    Maintenance,
    /// In debug mode.
    Debug,
    /// Does not offer the runtime type.
    NoRuntime,
    /// The runtime type is switched off on the machine.
    SwitchedOff,
    /// The machine takes background jobs only.
    BackgroundOnly,
    /// The machine takes foreground jobs only.
    ForegroundOnly,
    /// The machine (or its system) does not run packages for Windows.
    NoWindows,
    /// The machine runs packages for Windows only.
    WindowsOnly,
}

impl Obstacle {
    /// The published code of a pending reason.
    pub fn code(self) -> &'static str {
        match self {
            Obstacle::Disconnected => "TemplateNoHostsAvailable",
            Obstacle::Unresponsive => "DynamicJobConnectedMachinesInvalid",
            Obstacle::Maintenance | Obstacle::Debug => "TemplateMaintenanceMode",
            Obstacle::NoRuntime => "TemplateNoRuntime",
            Obstacle::SwitchedOff => "TemplateNoLicense",
            Obstacle::BackgroundOnly => "DynamicJobForegroundAutomationTypeInvalid",
            Obstacle::ForegroundOnly => "DynamicJobBackgroundAutomationTypeInvalid",
            Obstacle::NoWindows => "DynamicJobWindowsTargetFrameworkInvalid",
            Obstacle::WindowsOnly => "DynamicJobCrossPlatformTargetFrameworkInvalid",
        }
    }

    /// The reason in words, beginning small, for `The host X …`.
    pub fn words(self) -> &'static str {
        match self {
            Obstacle::Disconnected => "is not connected",
            Obstacle::Unresponsive => "has not reported for more than two minutes",
            Obstacle::Maintenance => "is in maintenance mode",
            Obstacle::Debug => "is in debug mode",
            Obstacle::NoRuntime => "has no runtimes of the wanted type",
            Obstacle::SwitchedOff => "has its runtimes of the wanted type switched off",
            Obstacle::BackgroundOnly => "runs background jobs only",
            Obstacle::ForegroundOnly => "runs foreground jobs only",
            Obstacle::NoWindows => "does not run packages made for Windows",
            Obstacle::WindowsOnly => "runs packages made for Windows only",
        }
    }
}

impl HostSession {
    /// Whether it is silent though connected.
    pub fn is_unresponsive(&self, now: Micros) -> bool {
        self.connected && self.reported_at.is_none_or(|at| now.saturating_sub(at) > SILENCE)
    }

    /// The debug mode's end, while it lasts.
    pub fn debugged_until(&self, now: Micros) -> Option<Micros> {
        self.debug_until.filter(|until| *until > now)
    }

    /// The number of `State`, given how many jobs it runs.
    pub fn state(&self, jobs: i64) -> i64 {
        match (self.connected, self.reported_at) {
            (true, _) if jobs > 0 => 1,
            (true, _) => 0,
            (false, Some(_)) => 2,
            (false, None) => 3,
        }
    }

    /// The first reason why the session cannot take such a job, free slots aside; `None` when it can.
    pub fn obstacle(&self, wanted: &Wanted, now: Micros) -> Option<Obstacle> {
        let (any, windows) = (TARGET_FRAMEWORK.number("Any"), TARGET_FRAMEWORK.number("Windows"));
        let windows_machine = Some(self.target_framework) == windows;
        let portable_machine = !windows_machine && Some(self.target_framework) != any;
        let foreign_system = self.platform != PLATFORM_WINDOWS && self.platform != 0;
        if self.runtime_type != wanted.runtime_type || self.slots == 0 {
            Some(Obstacle::NoRuntime)
        } else if self.switched_off {
            Some(Obstacle::SwitchedOff)
        } else if wanted.foreground && self.automation_type == 2 {
            Some(Obstacle::BackgroundOnly)
        } else if !wanted.foreground && self.automation_type == 1 {
            Some(Obstacle::ForegroundOnly)
        } else if wanted.windows && (portable_machine || foreign_system) {
            Some(Obstacle::NoWindows)
        } else if !wanted.windows && windows_machine {
            Some(Obstacle::WindowsOnly)
        } else if !self.connected {
            Some(Obstacle::Disconnected)
        } else if self.is_unresponsive(now) {
            Some(Obstacle::Unresponsive)
        } else if self.maintenance {
            Some(Obstacle::Maintenance)
        } else if self.debugged_until(now).is_some() {
            Some(Obstacle::Debug)
        } else {
            None
        }
    }

    /// What all rows of one host have in common.
    pub(crate) fn host(&self) -> HostId {
        HostId {
            machine_id: self.machine_id,
            host_name: fold(&self.host_name),
            service_user_name: fold(&self.service_user_name),
            installation_id: self.installation_id.clone(),
            robot_id: self.robot_id,
        }
    }
}

/// Which host (or which person's session) a row belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HostId {
    pub machine_id: i64,
    host_name: String,
    service_user_name: String,
    installation_id: String,
    pub robot_id: i64,
}

const SELECT: &str = "SELECT s.id, s.key, s.tenant_id, s.machine_id, m.key, m.name, m.type, m.scope, s.robot_id, s.host_name, \
     s.service_user_name, s.installation_id, s.runtime_type, s.slots, s.reported_at, s.version, s.platform, \
     s.maintenance, s.debug_until, s.connected, s.silence_told, s.knows_fencing, s.created_at, m.automation_type, \
     m.target_framework, CASE WHEN o.machine_id IS NULL THEN 0 ELSE 1 END \
     FROM sessions s JOIN machines m ON m.id = s.machine_id \
     LEFT JOIN machine_runtimes_off o ON o.machine_id = s.machine_id AND o.runtime_type = s.runtime_type ";

fn read(row: &Row) -> Result<HostSession> {
    Ok(HostSession {
        id: row.get(0)?,
        key: row.get(1)?,
        tenant_id: row.get(2)?,
        machine_id: row.get(3)?,
        machine_key: row.get(4)?,
        machine_name: row.get(5)?,
        machine_type: row.get(6)?,
        machine_scope: row.get(7)?,
        robot_id: row.get(8)?,
        host_name: row.get(9)?,
        service_user_name: row.get(10)?,
        installation_id: row.get(11)?,
        runtime_type: row.get(12)?,
        slots: row.get(13)?,
        reported_at: row.get(14)?,
        version: row.get(15)?,
        platform: row.get(16)?,
        maintenance: row.get(17)?,
        debug_until: row.get(18)?,
        connected: row.get(19)?,
        silence_told: row.get(20)?,
        knows_fencing: row.get(21)?,
        created_at: row.get(22)?,
        automation_type: row.get(23)?,
        target_framework: row.get(24)?,
        switched_off: row.get(25)?,
    })
}

fn read_all(rows: &[Row]) -> Result<Vec<HostSession>> {
    rows.iter().map(read).collect()
}

/// The session with that id in a tenant.
pub async fn by_id(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<HostSession>> {
    let text = format!("{SELECT} WHERE s.id = $1 AND s.tenant_id = $2");
    conn.query_opt(&text, params![id, tenant_id]).await?.as_ref().map(read).transpose()
}

/// All sessions of a tenant, those of persons included, by id.
pub(crate) async fn of_tenant(conn: &mut Conn, tenant_id: i64) -> Result<Vec<HostSession>> {
    let text = format!("{SELECT} WHERE s.tenant_id = $1 ORDER BY s.id");
    read_all(&conn.query(&text, params![tenant_id]).await?)
}

/// All sessions of a machine, those of persons included, by id.
pub(crate) async fn of_machine(conn: &mut Conn, tenant_id: i64, machine_id: i64) -> Result<Vec<HostSession>> {
    let text = format!("{SELECT} WHERE s.tenant_id = $1 AND s.machine_id = $2 ORDER BY s.id");
    read_all(&conn.query(&text, params![tenant_id, machine_id]).await?)
}

/// Connected sessions that have been silent since before a moment and whose silence was not told yet, of all tenants.
pub(crate) async fn newly_silent(conn: &mut Conn, before: Micros) -> Result<Vec<HostSession>> {
    let text = format!(
        "{SELECT} WHERE s.connected = 1 AND s.silence_told = 0 AND s.reported_at < $1 ORDER BY s.tenant_id, s.id"
    );
    read_all(&conn.query(&text, params![before]).await?)
}

/// Sessions whose last report is older than a moment, of all tenants. Reads them all: for a duty that runs seldom.
pub(crate) async fn silent_since(conn: &mut Conn, before: Micros) -> Result<Vec<HostSession>> {
    let text = format!("{SELECT} WHERE s.reported_at < $1 ORDER BY s.tenant_id, s.id LIMIT 1000");
    read_all(&conn.query(&text, params![before]).await?)
}

/// The rows of one host, as it names itself, whatever their state. Names are compared without regard to case.
pub async fn of_host(
    conn: &mut Conn,
    machine_id: i64,
    host_name: &str,
    service_user_name: &str,
    installation_id: &str,
) -> Result<Vec<HostSession>> {
    let text = format!(
        "{SELECT} WHERE s.machine_id = $1 AND fold(s.host_name) = fold($2) \
         AND fold(s.service_user_name) = fold($3) AND s.installation_id = $4 AND s.robot_id = 0 ORDER BY s.id"
    );
    let rows = conn.query(&text, params![machine_id, host_name, service_user_name, installation_id]).await?;
    read_all(&rows)
}

/// The sessions of hosts on the machines of a folder (assigned to it, or passed on from above). Also those that
/// cannot take a job at present, so that a waiting job can tell why: ask [`HostSession::obstacle`]. In the order
/// of their ids. How many of their slots are in use is for the jobs to say.
pub async fn eligible(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Vec<HostSession>> {
    let path = neighbours::folder_path(conn, tenant_id, folder_id).await?;
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "{SELECT} WHERE s.robot_id = 0 AND s.machine_id IN (SELECT f.machine_id FROM folder_machines f \
         WHERE f.folder_id = $1 OR (f.propagate = 1 AND f.folder_id IN ({}))) ORDER BY s.id",
        sql::PATH_PLACES
    );
    read_all(&conn.query(&text, &sql::path_params(folder_id, &path)?).await?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::enums::{NON_PRODUCTION, PLATFORM_LINUX, UNATTENDED};

    pub(crate) const NOW: Micros = 1_000_000 * SECOND;

    pub(crate) fn session() -> HostSession {
        HostSession {
            id: 5,
            key: String::new(),
            tenant_id: 1,
            machine_id: 7,
            machine_key: String::new(),
            machine_name: "Pool".into(),
            machine_type: 1,
            machine_scope: 0,
            robot_id: 0,
            host_name: "pc-1".into(),
            service_user_name: String::new(),
            installation_id: String::new(),
            runtime_type: UNATTENDED,
            slots: 2,
            reported_at: Some(NOW - 10 * SECOND),
            version: None,
            platform: PLATFORM_LINUX,
            maintenance: false,
            debug_until: None,
            connected: true,
            silence_told: false,
            knows_fencing: true,
            created_at: 0,
            automation_type: 0,
            target_framework: 0,
            switched_off: false,
        }
    }

    #[test]
    fn each_obstacle_and_none() {
        let wanted = Wanted { runtime_type: UNATTENDED, foreground: false, windows: false };
        let front = Wanted { foreground: true, ..wanted };
        let windows = Wanted { windows: true, ..wanted };
        type Change = fn(&mut HostSession);
        let cases: &[(&str, Change, Wanted, Option<Obstacle>)] = &[
            ("fine", |_| {}, wanted, None),
            ("just in time", |s| s.reported_at = Some(NOW - SILENCE), wanted, None),
            ("too late", |s| s.reported_at = Some(NOW - SILENCE - 1), wanted, Some(Obstacle::Unresponsive)),
            ("never reported", |s| s.reported_at = None, wanted, Some(Obstacle::Unresponsive)),
            ("gone", |s| s.connected = false, wanted, Some(Obstacle::Disconnected)),
            ("maintenance", |s| s.maintenance = true, wanted, Some(Obstacle::Maintenance)),
            ("debug", |s| s.debug_until = Some(NOW + 1), wanted, Some(Obstacle::Debug)),
            ("debug over", |s| s.debug_until = Some(NOW), wanted, None),
            ("no slots", |s| s.slots = 0, wanted, Some(Obstacle::NoRuntime)),
            ("other type", |s| s.runtime_type = NON_PRODUCTION, wanted, Some(Obstacle::NoRuntime)),
            ("off", |s| s.switched_off = true, wanted, Some(Obstacle::SwitchedOff)),
            ("desktop wanted", |s| s.automation_type = 2, front, Some(Obstacle::BackgroundOnly)),
            ("desktop only", |s| s.automation_type = 1, wanted, Some(Obstacle::ForegroundOnly)),
            ("desktop fits", |s| s.automation_type = 1, front, None),
            ("windows on linux", |_| {}, windows, Some(Obstacle::NoWindows)),
            ("windows on windows", |s| s.platform = PLATFORM_WINDOWS, windows, None),
            ("windows somewhere", |s| s.platform = 0, windows, None),
            ("portable machine", |s| s.target_framework = 2, wanted, None),
            (
                "windows on a portable machine",
                |s| (s.target_framework, s.platform) = (2, PLATFORM_WINDOWS),
                windows,
                Some(Obstacle::NoWindows),
            ),
            ("windows machine", |s| s.target_framework = 1, wanted, Some(Obstacle::WindowsOnly)),
        ];
        for (name, change, wanted, expected) in cases {
            let mut s = session();
            change(&mut s);
            assert_eq!(s.obstacle(wanted, NOW), *expected, "{name}");
        }
    }

    #[test]
    fn states() {
        let mut s = session();
        assert_eq!((s.state(0), s.state(2)), (0, 1));
        s.connected = false;
        assert_eq!((s.state(0), s.state(2)), (2, 2));
        assert!(!s.is_unresponsive(i64::MAX));
        s.reported_at = None;
        assert_eq!(s.state(0), 3);
    }
}
