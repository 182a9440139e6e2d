//! `RestartJob`: a new job with the settings of one that has ended.

use super::change::note;
use super::entity::JOB;
use super::enums::ATTENDED;
use super::launch::audited;
use super::start::{Started, ids_of};
use super::state::State;
use super::{attachments, events, row};
use crate::dispatch::round::{Round, at_once};
use crate::topics;
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_packages::releases;
use bandmaster_store::params;
use serde_json::json;

/// `POST /odata/Jobs/…RestartJob`
pub async fn restart(call: &mut Call) -> Result<Output> {
    let id = call.body().need_int("jobId")?;
    let (tenant_id, folder_id) = (call.tenant_id()?, call.folder()?.id);
    let user = call.user_id();
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let old = row::in_folder(&mut unit, tenant_id, folder_id, id).await?;
    if !old.state.is_final() {
        let text = format!("The job is {}; only a job that has ended can be restarted.", old.state.name());
        return Err(Error::conflict(codes::CANNOT_RESTART_UNFINISHED_JOB, text));
    }
    if old.job_type == ATTENDED {
        let text = "A job that was started at a robot can be restarted only there.";
        return Err(Error::conflict(codes::CANNOT_RESTART_UNFINISHED_JOB, text));
    }
    let process = match old.release_id {
        Some(release) => releases::current(&mut unit, release).await?,
        None => None,
    };
    let process = process.ok_or_else(|| Error::not_found("Release"))?;
    let (key, batch, now) = (unit.guid(), unit.guid(), unit.now());
    let limits = super::timers::Limits { created_at: now, started_at: None, alerted: 0, ..old.limits.clone() };
    let due = limits.due_at(State::Pending, now);
    unit.execute(
        "INSERT INTO jobs (key, tenant_id, folder_id, release_id, release_version_id, release_name, process_type, \
         state, state_at, waiting, demand, priority, job_type, source, source_type, batch_key, reference, \
         runtime_type, requires_user_interaction, interaction_fixed, entry_point_path, entry_point_fixed, \
         target_framework, input_arguments, input_file, environment_variables, created_at, creator_user_id, \
         updated_at, timer_strategy, stop_after_seconds, kill_after_seconds, alert_pending_seconds, \
         alert_running_seconds, due_at, parent_job_key, parent_operation_id, resume_on_same_context, \
         remote_control_access, profiling_options, fps_properties, fps_context, trace_id, parent_span_id, \
         root_span_id, autopilot, video_recording) \
         SELECT CAST($1 AS TEXT), tenant_id, folder_id, release_id, CAST($2 AS BIGINT), CAST($3 AS TEXT), process_type, \
         0, CAST($4 AS BIGINT), 1, demand, priority, job_type, \
         source, source_type, CAST($5 AS TEXT), reference, runtime_type, requires_user_interaction, interaction_fixed, \
         entry_point_path, entry_point_fixed, target_framework, input_arguments, input_file, environment_variables, \
         CAST($4 AS BIGINT), CAST($6 AS BIGINT), CAST($4 AS BIGINT), timer_strategy, stop_after_seconds, kill_after_seconds, alert_pending_seconds, \
         alert_running_seconds, CAST($7 AS BIGINT), parent_job_key, parent_operation_id, resume_on_same_context, \
         remote_control_access, profiling_options, fps_properties, fps_context, trace_id, parent_span_id, \
         root_span_id, autopilot, video_recording FROM jobs WHERE id = $8",
        params![
            key.as_str(),
            process.version_id,
            process.name.as_str(),
            now,
            batch.as_str(),
            user,
            due,
            old.id
        ],
    )
    .await?;
    let keys = vec![key];
    let ids = ids_of(&mut unit, &keys).await?;
    let new = ids.first().copied().ok_or_else(|| Error::internal("a job just made is not there"))?;
    copy_attachments(&mut unit, old.id, new, user).await?;
    note(&mut unit, new, State::Pending, Some(&format!("Restart of the job {}.", old.id))).await?;
    let snapshot = events::snapshot(&mut unit, tenant_id, new).await?;
    let payload = json!({
        "StartInfo": {"ReleaseKey": process.key, "Strategy": "ModernJobsCount", "RobotIds": [], "JobsCount": 1,
            "Source": "Manual"},
        "Jobs": [events::wrapped(&snapshot)],
    });
    unit.event("job.created", Some(folder_id), keys.first().map(String::as_str), &payload).await?;
    let started = Started {
        ids,
        keys,
        batch_key: batch,
        created_at: now,
        demands: vec![old.demand.clone()],
        process: (process.id, process.key.clone(), process.name.clone()),
    };
    unit.audit(audited(&started, &process.name)).await?;
    unit.nudge(topics::DISPATCH);
    if due.is_some() {
        unit.nudge(topics::TIMERS);
    }
    at_once(&mut unit, &mut Round::new(&app, tenant_id).for_demands(vec![old.demand]), 1).await?;
    unit.commit().await?;
    call.entity(&JOB, new).await
}

/// What went into the old job goes into the new one; what came out of it does not.
async fn copy_attachments(unit: &mut Unit, old: i64, new: i64, user: Option<i64>) -> Result<()> {
    let sql = "SELECT attachment_id, category, name FROM job_attachments WHERE job_id = $1 AND category <> 'Output' \
         ORDER BY id";
    let now = unit.now();
    for row in unit.query(sql, params![old]).await? {
        let key = unit.guid();
        let (file, category): (String, String) = (row.get(0)?, row.get(1)?);
        let name: Option<String> = row.get(2)?;
        unit.execute(attachments::INSERT, params![key, new, file, category, name, now, user]).await?;
    }
    Ok(())
}
