//! Changing sessions: maintenance, debugging, removal.

use super::record::{HostSession, by_id, of_machine};
use crate::enums::{MAINTENANCE_MODE, STOP_STRATEGY};
use crate::{jobs, topics};
use bandmaster_api::{App, Call, Change, Output, Unit};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_store::params;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest debug mode in minutes: a day.
const MOST_MINUTES: i64 = 24 * 60;
/// Sessions that one call may name.
const MOST_AT_ONCE: usize = 1_000;

fn unknown() -> Error {
    Error::new(404, codes::MACHINE_SESSION_NOT_FOUND, "Session does not exist.")
}

/// The rows of the host that a session belongs to.
async fn host_rows(unit: &mut Unit, id: i64) -> Result<Vec<HostSession>> {
    let tenant = unit.tenant_id();
    let session = by_id(unit, tenant, id).await?.ok_or_else(unknown)?;
    let mut rows = of_machine(unit, tenant, session.machine_id).await?;
    let host = session.host();
    rows.retain(|s| s.host() == host);
    Ok(rows)
}

fn snapshot(session: &HostSession, maintenance: bool, debug_until: Option<i64>) -> Option<Value> {
    Some(json!({
        "Id": session.id,
        "MachineId": session.machine_id,
        "HostMachineName": session.host_name,
        "MaintenanceMode": MAINTENANCE_MODE.label(i64::from(maintenance)),
        "DebugModeExpirationDate": debug_until.map(time::iso),
    }))
}

async fn audit(
    unit: &mut Unit,
    action: &str,
    session: &HostSession,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    unit.audit(Change {
        component: "Sessions",
        action,
        id: Some(session.id),
        key: Some(&session.key),
        name: &session.host_name,
        before,
        after,
    })
    .await
}

/// `POST /odata/Sessions/…SetMaintenanceMode`. Holds for all runtimes of the host.
pub(super) async fn maintenance(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let id = body.int("sessionId").ok_or_else(|| Error::argument("The field sessionId is required."))?;
    let mode = body.choice("maintenanceMode", &MAINTENANCE_MODE)?.unwrap_or(0) == 1;
    let strategy = match body.get("stopJobsStrategy") {
        // By number the strategies count from 0 with some clients; by name there is no doubt.
        Some(Value::String(_)) => body.choice("stopJobsStrategy", &STOP_STRATEGY)?,
        Some(other) => other.as_i64().map(|n| if n <= 1 { 1 } else { 2 }),
        None => None,
    };
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let rows = host_rows(&mut unit, id).await?;
    for row in &rows {
        unit.execute("UPDATE sessions SET maintenance = $1 WHERE id = $2", params![mode, row.id]).await?;
    }
    let session = rows.first().ok_or_else(unknown)?;
    let (before, after) =
        (snapshot(session, session.maintenance, session.debug_until), snapshot(session, mode, session.debug_until));
    audit(&mut unit, "Toggle", session, before, after).await?;
    if let Some(strategy) = strategy.filter(|_| mode) {
        let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
        jobs::stop_on_sessions(&app, &mut unit, &ids, strategy == 2).await?;
    }
    topics::capacity(&mut unit, session.machine_id);
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// `POST /odata/Sessions({key})/…ToggleMachineSessionDebugMode`. Ends by itself after the minutes.
pub(super) async fn debug(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let body = call.body();
    let enabled = body.bool("enabled").ok_or_else(|| Error::unbound("enabled"))?;
    let minutes = body.int("minutes").unwrap_or(0);
    if enabled && !(1..=MOST_MINUTES).contains(&minutes) {
        return Err(Error::argument(format!("minutes must be between 1 and {MOST_MINUTES}.")));
    }
    let mut unit = call.begin().await?;
    let rows = host_rows(&mut unit, id).await?;
    let session = rows.first().ok_or_else(unknown)?;
    if session.robot_id != 0 {
        return Err(Error::invalid("Only sessions of unattended hosts have a debug mode."));
    }
    let until = enabled.then(|| unit.now() + minutes * MINUTE);
    for row in &rows {
        unit.execute("UPDATE sessions SET debug_until = $1 WHERE id = $2", params![until, row.id]).await?;
    }
    let (before, after) =
        (snapshot(session, session.maintenance, session.debug_until), snapshot(session, session.maintenance, until));
    audit(&mut unit, "Toggle", session, before, after).await?;
    topics::capacity(&mut unit, session.machine_id);
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// `POST /odata/Sessions/…DeleteInactiveUnattendedSessions`. Removes all rows of the hosts; refused for hosts that
/// are there, and while a job has not ended on one.
pub(super) async fn delete_inactive(call: &mut Call) -> Result<Output> {
    let ids = call.body().ints("sessionIds");
    if ids.is_empty() || ids.len() > MOST_AT_ONCE {
        return Err(Error::argument(format!("sessionIds must name between 1 and {MOST_AT_ONCE} sessions.")));
    }
    let app = call.app.clone();
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let now = unit.now();
    let usage = jobs::usage(&app, &mut unit, tenant).await?;
    let mut doomed: BTreeMap<i64, HostSession> = BTreeMap::new();
    for id in ids {
        if doomed.contains_key(&id) {
            continue;
        }
        for row in host_rows(&mut unit, id).await? {
            if (row.connected && !row.is_unresponsive(now)) || usage.of_session(row.id) > 0 {
                return Err(Error::conflict(
                    codes::CANNOT_UPDATE_ACTIVE_SESSION,
                    format!("The host {} is connected or runs a job.", row.host_name),
                ));
            }
            doomed.insert(row.id, row);
        }
    }
    let doomed: Vec<HostSession> = doomed.into_values().collect();
    forget(&app, &mut unit, &doomed).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// Deletes sessions, tells who was bound to them, and notes it in the audit.
pub(super) async fn forget(app: &App, unit: &mut Unit, sessions: &[HostSession]) -> Result<()> {
    let gone: Vec<i64> = sessions.iter().map(|s| s.id).collect();
    jobs::sessions_deleted(app, unit, &gone).await?;
    for session in sessions {
        unit.execute("DELETE FROM sessions WHERE id = $1", params![session.id]).await?;
        let before = snapshot(session, session.maintenance, session.debug_until);
        audit(unit, "Delete", session, before, None).await?;
    }
    if !sessions.is_empty() {
        unit.nudge(topics::CAPACITY);
    }
    Ok(())
}
