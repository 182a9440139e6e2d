//! A job enters a state: the row, the slot, the history and the event in one unit. Everything that changes a
//! job's state goes through here; nothing here decides whether it may (that is [`super::state`]).
//!
//! The row of `jobs` is always changed before that of `job_slots`, so that two units never wait for each other
//! crosswise.

use super::enums::ATTENDED;
use super::events;
use super::row::Job;
use super::state::State;
use super::timers::Limits;
use crate::topics;
use bandmaster_api::Unit;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;

/// What a robot or the server says about a change.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Text for `Info`; `None` leaves what is there.
    pub info: Option<String>,
    /// Class of the error.
    pub error_code: Option<String>,
    /// `JobErrorDto` as JSON text.
    pub error: Option<String>,
    /// Output as a JSON object in text.
    pub output_arguments: Option<String>,
    /// Attachment with the output.
    pub output_file: Option<String>,
    /// Account of the operating system that the job ran as.
    pub local_account: Option<String>,
    /// How it was stopped.
    pub stop_strategy: Option<i64>,
    /// For the history; `info` when absent.
    pub reason: Option<String>,
}

impl Said {
    /// A reason of the server, shown as `Info` and in the history.
    pub fn because(text: impl Into<String>) -> Said {
        let text = text.into();
        Said { info: Some(text.clone()), reason: Some(text), ..Said::default() }
    }

    /// The same as a structured error of the server.
    pub fn fault(code: &str, text: impl Into<String>) -> Said {
        let text = text.into();
        let error = serde_json::json!({
            "code": code, "title": text, "detail": text, "category": "System", "status": null, "timestamp": null
        });
        Said { error: Some(error.to_string()), error_code: Some("Orchestrator".into()), ..Said::because(text) }
    }
}

/// Who runs a job, noted when the robot accepts it.
#[derive(Debug, Clone)]
pub struct Runner {
    /// Robot.
    pub robot_id: i64,
    /// Machine.
    pub machine_id: i64,
    /// Session.
    pub session_id: i64,
    /// Name of the host.
    pub host_name: String,
    /// Name of the account.
    pub account_name: Option<String>,
}

/// Adds a line to a job's history.
pub async fn note(unit: &mut Unit, job_id: i64, state: State, reason: Option<&str>) -> Result<()> {
    let now = unit.now();
    unit.execute(
        "INSERT INTO job_history (job_id, at, state, reason) VALUES ($1, $2, $3, $4)",
        params![job_id, now, state.number(), reason],
    )
    .await?;
    Ok(())
}

/// The job enters a state. Somebody else may have changed it meanwhile: then the unit is to be repeated
/// ([`Error::clash`]).
pub async fn enter(unit: &mut Unit, job: &Job, to: State, said: Said, runner: Option<Runner>) -> Result<()> {
    if !try_enter(unit, job, to, said, runner).await? {
        return Err(Error::clash());
    }
    Ok(())
}

/// The same, telling instead of failing when somebody else was first.
pub async fn try_enter(unit: &mut Unit, job: &Job, to: State, said: Said, runner: Option<Runner>) -> Result<bool> {
    let now = unit.now();
    let ended = to.is_final().then_some(now);
    let started = (to == State::Running).then_some(now);
    let limits = Limits { started_at: job.limits.started_at.or(started), ..job.limits.clone() };
    let due = limits.due_at(to, now);
    let (robot, machine, session, host, account) = match runner {
        Some(r) => (Some(r.robot_id), Some(r.machine_id), Some(r.session_id), Some(r.host_name), r.account_name),
        None => (None, None, None, None, None),
    };
    let reason = said.reason.clone().or_else(|| said.info.clone());
    let changed = unit
        .execute(
            "UPDATE jobs SET state = $1, state_at = $2, updated_at = $2, waiting = 0, due_at = $3, \
             ended_at = COALESCE(ended_at, $4), started_at = COALESCE(started_at, $5), \
             robot_id = COALESCE($6, robot_id), machine_id = COALESCE($7, machine_id), \
             session_id = COALESCE($8, session_id), host_name = COALESCE($9, host_name), \
             account_name = COALESCE($10, account_name), local_account = COALESCE($11, local_account), \
             info = COALESCE($12, info), error_code = COALESCE($13, error_code), \
             error_json = COALESCE($14, error_json), output_arguments = COALESCE($15, output_arguments), \
             output_file = COALESCE($16, output_file), stop_strategy = COALESCE($17, stop_strategy) \
             WHERE id = $18 AND state = $19 AND COALESCE(reservation_id, '') = $20",
            params![
                to.number(),
                now,
                due,
                ended,
                started,
                robot,
                machine,
                session,
                host,
                account,
                said.local_account,
                said.info,
                said.error_code,
                said.error,
                said.output_arguments,
                said.output_file,
                said.stop_strategy,
                job.id,
                job.state.number(),
                job.reservation.as_deref().unwrap_or_default()
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    note(unit, job.id, to, reason.as_deref()).await?;
    if to.is_final() {
        release_slot(unit, job.id).await?;
        if job.job_type == ATTENDED {
            unit.execute("DELETE FROM attended_jobs WHERE job_id = $1", params![job.id]).await?;
        }
    }
    if let Some(kind) = events::kind_of(to) {
        let snapshot = events::snapshot(unit, job.tenant_id, job.id).await?;
        let payload = events::entered(to, &snapshot);
        unit.event(kind, Some(job.folder_id), Some(&job.key), &payload).await?;
    }
    unit.nudge(topics::JOBS);
    if due.is_some() {
        unit.nudge(topics::TIMERS);
    }
    Ok(true)
}

/// Gives a job's slot back and notes since when its robot and session are idle.
pub(crate) async fn release_slot(unit: &mut Unit, job_id: i64) -> Result<()> {
    let now = unit.now();
    let rows = unit
        .query(
            "DELETE FROM job_slots WHERE job_id = $1 RETURNING tenant_id, robot_id, session_id, accepted",
            params![job_id],
        )
        .await?;
    for row in &rows {
        let (tenant, robot, session): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if row.get::<bool>(3)? {
            idle(unit, tenant, 0, robot, now).await?;
            idle(unit, tenant, 1, session, now).await?;
        }
        unit.nudge(topics::DISPATCH);
    }
    Ok(())
}

/// Notes since when a robot (kind 0) or a session (kind 1) has nothing to do.
pub(crate) async fn idle(unit: &mut Unit, tenant_id: i64, kind: i64, item: i64, since: i64) -> Result<()> {
    unit.execute(
        "INSERT INTO idle_since (kind, item_id, tenant_id, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (kind, item_id) DO UPDATE SET at = excluded.at",
        params![kind, item, tenant_id, since],
    )
    .await?;
    Ok(())
}
