//! What hosts report about themselves: that they start, live and stop.
//!
//! Callers have authenticated the machine. Everything here is telemetry: no audit entries; an event
//! (`robot.status`) only when a host comes, comes back or leaves.

use super::events::{self, Turn};
use super::record::{HostSession, by_id, of_host};
use crate::enums::{ATTENDED, STANDARD};
use crate::machines::MachineRecord;
use crate::text::reported;
use crate::topics;
use bandmaster_api::Unit;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{fold, params};

/// What a host says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostReport {
    /// Its name; must not be empty.
    pub host_name: String,
    /// The account that the agent runs as, when it serves that account alone.
    pub service_user_name: String,
    /// GUID of the agent's installation.
    pub installation_id: String,
    /// Version of the agent.
    pub version: Option<String>,
    /// Number of `Platform`; [`crate::enums::platform`] reads it from the agent's header.
    pub platform: i64,
    /// The agent understands reservations of jobs.
    pub knows_fencing: bool,
}

impl HostReport {
    /// The report as it is stored: printable, cut to sane lengths. 400 without a host name, 409 when a standard
    /// machine's key comes from a host with another name.
    fn checked(&self, machine: &MachineRecord) -> Result<HostReport> {
        let host_name = reported(self.host_name.trim(), 255);
        if host_name.is_empty() {
            return Err(Error::argument("The name of the host is missing."));
        }
        if machine.machine_type == STANDARD && fold(&host_name) != fold(&machine.name) {
            return Err(Error::conflict(
                codes::MACHINE_PAIRED_OTHERWISE,
                format!("The machine key belongs to the standard machine {}, which is another host.", machine.name),
            ));
        }
        Ok(HostReport {
            host_name,
            // A backslash separates the domain here, and is wanted.
            service_user_name: self.service_user_name.trim().chars().filter(|c| !c.is_control()).take(255).collect(),
            installation_id: parse_guid(&self.installation_id).unwrap_or_default(),
            version: self.version.as_deref().map(|v| reported(v.trim(), 64)).filter(|v| !v.is_empty()),
            platform: self.platform,
            knows_fencing: self.knows_fencing,
        })
    }
}

/// What became of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The host's sessions, one a runtime type with slots.
    pub session_ids: Vec<i64>,
    /// The host was not connected, or had been silent for so long that it was told; jobs may be waiting for it.
    pub came_back: bool,
}

/// The agent has started: the host is connected. The ids of its sessions, none when the machine has no slots.
pub async fn start(unit: &mut Unit, machine: &MachineRecord, report: &HostReport) -> Result<Vec<i64>> {
    let report = report.checked(machine)?;
    let before = rows_of(unit, machine, &report).await?;
    let seen = connect(unit, machine, &report, &before).await?;
    // A fresh start of an agent that never said goodbye may also be news to waiting jobs.
    topics::capacity(unit, machine.id);
    Ok(seen.session_ids)
}

/// A sign of life. The host counts as connected, be it that it was started before the server knew it. Cheap when
/// nothing has changed: one read, one write.
pub async fn heartbeat(unit: &mut Unit, machine: &MachineRecord, report: &HostReport) -> Result<Seen> {
    let report = report.checked(machine)?;
    let before = rows_of(unit, machine, &report).await?;
    let live: Vec<&HostSession> = before.iter().filter(|s| s.slots > 0).collect();
    let same = |s: &&HostSession| {
        s.connected
            && !s.silence_told
            && machine.slots.of(s.runtime_type) == s.slots
            && s.version == report.version
            && s.platform == report.platform
            && s.knows_fencing == report.knows_fencing
    };
    if live.len() == machine.slots.offered().count() && !live.is_empty() && live.iter().all(same) {
        let now = unit.now();
        unit.execute(
            "UPDATE sessions SET reported_at = $1 WHERE machine_id = $2 AND fold(host_name) = fold($3) \
             AND fold(service_user_name) = fold($4) AND installation_id = $5 AND robot_id = 0",
            params![now, machine.id, report.host_name, report.service_user_name, report.installation_id],
        )
        .await?;
        return Ok(Seen { session_ids: live.iter().map(|s| s.id).collect(), came_back: false });
    }
    connect(unit, machine, &report, &before).await
}

async fn rows_of(unit: &mut Unit, machine: &MachineRecord, report: &HostReport) -> Result<Vec<HostSession>> {
    of_host(unit, machine.id, &report.host_name, &report.service_user_name, &report.installation_id).await
}

async fn connect(
    unit: &mut Unit,
    machine: &MachineRecord,
    report: &HostReport,
    before: &[HostSession],
) -> Result<Seen> {
    let mut session_ids = Vec::new();
    for (runtime_type, slots) in machine.slots.offered() {
        session_ids.push(upsert(unit, machine, report, 0, runtime_type, slots).await?);
    }
    for gone in before.iter().filter(|s| s.slots > 0 && machine.slots.of(s.runtime_type) == 0) {
        unit.execute("UPDATE sessions SET slots = 0, connected = 0 WHERE id = $1", params![gone.id]).await?;
    }
    let shown: Vec<&HostSession> = before.iter().filter(|s| s.slots > 0).collect();
    let came_back = !shown.iter().any(|s| s.connected) || shown.iter().any(|s| s.silence_told);
    let grown = shown.len() < session_ids.len();
    if came_back && !session_ids.is_empty() {
        let now_connected = rows_of(unit, machine, report).await?;
        events::status(unit, Turn::Available, &now_connected).await?;
    }
    if came_back || grown {
        topics::capacity(unit, machine.id);
    }
    Ok(Seen { session_ids, came_back })
}

async fn upsert(
    unit: &mut Unit,
    machine: &MachineRecord,
    report: &HostReport,
    robot_id: i64,
    runtime_type: i64,
    slots: i64,
) -> Result<i64> {
    let (key, now) = (unit.guid(), unit.now());
    let row = unit
        .query_one(
            "INSERT INTO sessions (key, tenant_id, machine_id, robot_id, host_name, service_user_name, \
             installation_id, runtime_type, slots, reported_at, version, platform, connected, knows_fencing, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $10) \
             ON CONFLICT (machine_id, fold(host_name), fold(service_user_name), installation_id, runtime_type, \
             robot_id) DO UPDATE SET host_name = excluded.host_name, slots = excluded.slots, \
             reported_at = excluded.reported_at, version = excluded.version, platform = excluded.platform, \
             connected = 1, silence_told = 0, knows_fencing = excluded.knows_fencing RETURNING id",
            params![
                key,
                machine.tenant_id,
                machine.id,
                robot_id,
                report.host_name.as_str(),
                report.service_user_name.as_str(),
                report.installation_id.as_str(),
                runtime_type,
                slots,
                now,
                report.version.as_deref(),
                report.platform,
                report.knows_fencing
            ],
        )
        .await?;
    Ok(row.get(0)?)
}

/// The agent ends in order: the host is disconnected. The ids of its sessions.
pub async fn stop(unit: &mut Unit, machine: &MachineRecord, report: &HostReport) -> Result<Vec<i64>> {
    let report = report.checked(machine)?;
    let before = rows_of(unit, machine, &report).await?;
    leave(unit, machine, before).await
}

async fn leave(unit: &mut Unit, machine: &MachineRecord, before: Vec<HostSession>) -> Result<Vec<i64>> {
    let now = unit.now();
    let left: Vec<HostSession> = before.iter().filter(|s| s.connected).cloned().collect();
    for session in &left {
        unit.execute(
            "UPDATE sessions SET connected = 0, silence_told = 0, reported_at = $1 WHERE id = $2",
            params![now, session.id],
        )
        .await?;
    }
    if !left.is_empty() {
        let left: Vec<HostSession> =
            left.into_iter().map(|s| HostSession { connected: false, reported_at: Some(now), ..s }).collect();
        events::status(unit, Turn::Disconnected, &left).await?;
        topics::capacity(unit, machine.id);
    }
    Ok(before.iter().map(|s| s.id).collect())
}

/// A person's robot has begun a session on a host. The session's id; the same one when it had begun already.
pub async fn begin_user(
    unit: &mut Unit,
    machine: &MachineRecord,
    robot: &crate::robots::RobotAccount,
    report: &HostReport,
) -> Result<i64> {
    let report = report.checked(machine)?;
    let runtime_type = if robot.robot_type == crate::enums::UNATTENDED { ATTENDED } else { robot.robot_type };
    let before = user_session(unit, machine, robot.id, &report).await?;
    let id = upsert(unit, machine, &report, robot.id, runtime_type, 1).await?;
    if before.is_none_or(|s| !s.connected || s.silence_told)
        && let Some(session) = by_id(unit, machine.tenant_id, id).await?
    {
        events::status(unit, Turn::Available, &[session]).await?;
    }
    Ok(id)
}

/// A person's robot has ended its session on a host. Nothing happens when there is none.
pub async fn end_user(unit: &mut Unit, machine: &MachineRecord, robot_id: i64, report: &HostReport) -> Result<()> {
    let report = report.checked(machine)?;
    let session = user_session(unit, machine, robot_id, &report).await?;
    leave(unit, machine, session.into_iter().collect()).await?;
    Ok(())
}

/// A host's heartbeat is a sign of life of the persons' sessions on it too: of the robots that it names by key, of all
/// when it names none. Sessions that have ended stay so.
pub async fn heartbeat_users(
    unit: &mut Unit,
    machine: &MachineRecord,
    report: &HostReport,
    robot_keys: &[String],
) -> Result<()> {
    let report = report.checked(machine)?;
    let sql = "SELECT s.id, r.key, s.silence_told FROM sessions s JOIN robots r ON r.id = s.robot_id \
               WHERE s.machine_id = $1 AND fold(s.host_name) = fold($2) AND s.robot_id <> 0 AND s.connected = 1";
    let rows = unit.query(sql, params![machine.id, report.host_name.as_str()]).await?;
    let now = unit.now();
    for row in rows {
        let (id, key, silent): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !robot_keys.is_empty() && !robot_keys.contains(&key) {
            continue;
        }
        let sql = "UPDATE sessions SET reported_at = $1, silence_told = 0 WHERE id = $2 AND connected = 1";
        let touched = unit.execute(sql, params![now, id]).await? == 1;
        if touched
            && silent
            && let Some(session) = by_id(unit, machine.tenant_id, id).await?
        {
            events::status(unit, Turn::Available, &[session]).await?;
        }
    }
    Ok(())
}

async fn user_session(
    unit: &mut Unit,
    machine: &MachineRecord,
    robot_id: i64,
    report: &HostReport,
) -> Result<Option<HostSession>> {
    let row = unit
        .query_opt(
            "SELECT id FROM sessions WHERE machine_id = $1 AND robot_id = $2 AND fold(host_name) = fold($3) \
             AND fold(service_user_name) = fold($4) AND installation_id = $5 ORDER BY connected DESC, id LIMIT 1",
            params![
                machine.id,
                robot_id,
                report.host_name.as_str(),
                report.service_user_name.as_str(),
                report.installation_id.as_str()
            ],
        )
        .await?;
    match row {
        Some(row) => by_id(unit, machine.tenant_id, row.get(0)?).await,
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::record::Slots;

    fn machine(machine_type: i64) -> MachineRecord {
        MachineRecord {
            id: 1,
            key: String::new(),
            tenant_id: 1,
            name: "PC-7".into(),
            machine_type,
            scope: 0,
            slots: Slots::default(),
            automation_type: 0,
            target_framework: 0,
        }
    }

    #[test]
    fn reports_are_made_fit() {
        let report = HostReport {
            host_name: " pc-7\u{7}\" ".into(),
            service_user_name: "corp\\svc\n".into(),
            installation_id: "nonsense".into(),
            version: Some("  ".into()),
            ..HostReport::default()
        };
        let checked = report.checked(&machine(1)).unwrap();
        assert_eq!(checked.host_name, "pc-7");
        assert_eq!(checked.service_user_name, "corp\\svc");
        assert_eq!((checked.installation_id.as_str(), checked.version), ("", None));
        assert!(report.checked(&machine(STANDARD)).is_ok(), "names are compared without regard to case");
        let other = HostReport { host_name: "pc-8".into(), ..HostReport::default() };
        assert_eq!(other.checked(&machine(STANDARD)).unwrap_err().code(), codes::MACHINE_PAIRED_OTHERWISE);
        assert!(other.checked(&machine(1)).is_ok());
        assert_eq!(HostReport::default().checked(&machine(1)).unwrap_err().status(), 400);
    }
}
