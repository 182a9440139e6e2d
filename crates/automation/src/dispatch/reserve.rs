//! Binding a job to a slot, and giving the slot back when the robot does not accept.

use super::round::Found;
use crate::jobs::change::{note, release_slot};
use crate::jobs::row::Job;
use crate::jobs::state::State;
use crate::{parts, topics};
use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_store::{fold, params};
use serde_json::{Value, json};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The job has its slot, and its robot was woken.
    Yes,
    /// The job no longer waits.
    JobGone,
    /// The slot, the account or its desktop was taken by another job.
    SlotGone,
}

/// Reserves the place for the job under a fresh reservation. The job takes the process's present version along: the
/// command keeps saying the same until it is answered.
pub(crate) async fn reserve(app: &App, unit: &mut Unit, tenant_id: i64, found: &Found) -> Result<Reserved> {
    let (place, process) = (&found.place, &found.process);
    let (now, reservation) = (unit.now(), unit.guid());
    let until = now.saturating_add(parts::settings(app).reservation);
    let taken = unit
        .query_opt(
            "UPDATE jobs SET waiting = 0, reservation_id = $1, release_version_id = $2, \
             requires_user_interaction = $3, \
             entry_point_path = CASE WHEN entry_point_fixed = 1 THEN entry_point_path ELSE $4 END \
             WHERE id = $5 AND waiting = 1 RETURNING state, entry_point_path",
            params![
                reservation.as_str(),
                process.version_id,
                found.need.foreground,
                process.entry_point_path.as_deref(),
                found.job_id
            ],
        )
        .await?;
    let Some(row) = taken else { return Ok(Reserved::JobGone) };
    let state = State::of(row.get(0)?).unwrap_or(State::Pending);
    let launch = launch(found, row.get(1)?);
    let bound = unit
        .execute(
            "INSERT INTO job_slots (job_id, tenant_id, session_id, slot, robot_id, machine_id, host, host_name, sole, \
             foreground, reservation_id, reserved_until, accepted, seen_at, launch) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14) ON CONFLICT DO NOTHING",
            params![
                found.job_id,
                tenant_id,
                place.session_id,
                place.slot,
                place.robot_id,
                place.machine_id,
                fold(&place.host_name),
                place.host_name.as_str(),
                place.sole,
                found.need.foreground,
                reservation,
                until,
                now,
                launch.to_string()
            ],
        )
        .await?;
    if bound == 0 {
        unit.execute("UPDATE jobs SET waiting = 1, reservation_id = NULL WHERE id = $1", params![found.job_id]).await?;
        return Ok(Reserved::SlotGone);
    }
    note(unit, found.job_id, state, Some(&format!("Reserved on the host {}.", place.host_name))).await?;
    unit.nudge(bandmaster_fleet::machines::topic(place.machine_id));
    Ok(Reserved::Yes)
}

/// What the command will say of the process.
fn launch(found: &Found, entry_point: Option<String>) -> Value {
    let process = &found.process;
    json!({
        "processKey": process.key,
        "processName": process.name,
        "packageId": process.package_id,
        "packageVersion": process.package_version,
        "feedId": process.feed_key,
        "packageSha256": process.package_sha256,
        "targetFramework": found.need.framework,
        "targetRuntime": process.target_runtime,
        "processSettings": process.process_settings.as_ref().and_then(|t| serde_json::from_str::<Value>(t).ok()),
        "entryPointPath": entry_point,
        "requiresUserInteraction": found.need.foreground,
    })
}

/// Takes an unaccepted reservation back that ran out by a moment: the job waits again. `false` when the robot was
/// faster, or somebody ended the job.
pub async fn take_back(unit: &mut Unit, job: &Job, by: i64, reason: &str) -> Result<bool> {
    let Some(reservation) = job.reservation.as_deref() else { return Ok(false) };
    let changed = unit
        .execute(
            "UPDATE jobs SET waiting = 1, reservation_id = NULL WHERE id = $1 AND reservation_id = $2 \
             AND state IN (0, 8) AND waiting = 0 \
             AND EXISTS (SELECT 1 FROM job_slots s WHERE s.job_id = jobs.id AND s.accepted = 0 \
             AND s.reserved_until <= $3)",
            params![job.id, reservation, by],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    let rows = unit.query("SELECT robot_id, session_id FROM job_slots WHERE job_id = $1", params![job.id]).await?;
    release_slot(unit, job.id).await?;
    // Whoever did not answer comes last next time.
    if let Some(row) = rows.first() {
        let now = unit.now();
        for (kind, item) in [(0i64, row.get::<i64>(0)?), (1, row.get(1)?)] {
            crate::jobs::change::idle(unit, job.tenant_id, kind, item, now).await?;
        }
    }
    note(unit, job.id, job.state, Some(reason)).await?;
    unit.nudge(topics::DISPATCH);
    Ok(true)
}
