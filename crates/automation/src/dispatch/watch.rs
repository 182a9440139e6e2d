//! The duty that looks after jobs that were handed out: reservations nobody accepted, robots that fell silent or
//! forgot a job, and everything that is due because of the time.
//!
//! A silence counts only from when this node has been watching without a gap. After a stop of the server, or of the
//! whole machine, robots get their full grace to report again.

use super::reserve::take_back;
use crate::jobs::change::{Said, try_enter};
use crate::jobs::row::{self, Job};
use crate::jobs::state::{Event, Outcome, State, after};
use crate::jobs::stop;
use crate::jobs::timers::{ALERTED_PENDING, ALERTED_RUNNING, Due};
use crate::parts::{JobAlerts, OverdueJob, settings};
use crate::topics;
use bandmaster_access::tenants::organization_of;
use bandmaster_api::duties::Watch;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_store::{Conn, Value, params};
use futures::future::BoxFuture;
use std::sync::Arc;

/// It looks at least this often.
const PERIOD: Micros = 15 * SECOND;
/// Jobs looked at in one go.
const AT_ONCE: i64 = 200;
/// A longer pause between two looks was a gap.
const GAP: Micros = 4 * PERIOD;

/// The duty `job-watch`. Any number of nodes may run it.
#[derive(Debug)]
pub struct JobWatch {
    watch: Watch,
}

impl Default for JobWatch {
    fn default() -> JobWatch {
        JobWatch { watch: Watch::new(GAP) }
    }
}

impl Duty for JobWatch {
    fn name(&self) -> &'static str {
        "job-watch"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[topics::TIMERS]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            expired(app, now).await?;
            due(app, now).await?;
            let since = self.watch.look(now);
            let lost_after = settings(app).lost_after;
            if now.saturating_sub(since) >= lost_after {
                lost(app, now - lost_after).await?;
            }
            let mut conn = app.store.read().await?;
            let next = next_moment(&mut conn).await?.unwrap_or(i64::MAX);
            Ok(next.clamp(now + SECOND / 10, now + PERIOD))
        })
    }
}

async fn next_moment(conn: &mut Conn) -> Result<Option<Micros>> {
    let mut next: Option<Micros> = None;
    for sql in [
        "SELECT MIN(reserved_until) FROM job_slots WHERE accepted = 0",
        "SELECT MIN(due_at) FROM jobs WHERE due_at IS NOT NULL",
    ] {
        let found: Option<Micros> = conn.query_one(sql, params![]).await?.get(0)?;
        next = match (next, found) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(next)
}

async fn ids(app: &App, sql: &str, values: &[Value]) -> Result<Vec<i64>> {
    let mut conn = app.store.read().await?;
    conn.query(sql, values).await?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Runs something on a job in a unit of its own tenant, and commits. The job is read in the unit. One that fails
/// does not hold up the others; it comes up again.
async fn with_job<F>(app: &App, id: i64, act: F) -> Result<()>
where
    F: for<'a> FnOnce(&'a App, &'a mut Unit, &'a Job) -> BoxFuture<'a, Result<()>>,
{
    match in_unit(app, id, act).await {
        Err(error) if error.status() == 503 && !error.is_repeatable() => Err(error),
        Err(error) => {
            tracing::warn!(job = id, %error, cause = error.internal_text(), "looking after a job failed");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn in_unit<F>(app: &App, id: i64, act: F) -> Result<()>
where
    F: for<'a> FnOnce(&'a App, &'a mut Unit, &'a Job) -> BoxFuture<'a, Result<()>>,
{
    let mut conn = app.store.read().await?;
    let Some(job) = row::any_by_id(&mut conn, id).await? else { return Ok(()) };
    let organization = organization_of(&mut conn, job.tenant_id).await?;
    drop(conn);
    let context = UnitContext::duty("job-watch").within(organization, job.tenant_id);
    let mut unit = Unit::begin(app, context, Fates::default()).await?;
    let Some(job) = row::any_by_id(&mut unit, id).await? else { return Ok(()) };
    act(app, &mut unit, &job).await?;
    unit.commit().await
}

/// Reservations whose time is over.
async fn expired(app: &App, now: Micros) -> Result<()> {
    let sql =
        "SELECT job_id FROM job_slots WHERE accepted = 0 AND reserved_until <= $1 ORDER BY reserved_until LIMIT $2";
    for id in ids(app, sql, params![now, AT_ONCE]).await? {
        with_job(app, id, move |_, unit, job| {
            Box::pin(async move {
                take_back(unit, job, now, "The robot did not accept the job in time.").await?;
                Ok(())
            })
        })
        .await?;
    }
    Ok(())
}

/// Jobs of which nothing was heard since a moment.
async fn lost(app: &App, since: Micros) -> Result<()> {
    let sql = "SELECT job_id FROM job_slots WHERE accepted = 1 AND seen_at <= $1 ORDER BY seen_at LIMIT $2";
    for id in ids(app, sql, params![since, AT_ONCE]).await? {
        with_job(app, id, move |_, unit, job| Box::pin(lose(unit, job, since))).await?;
    }
    let sql = "SELECT job_id FROM attended_jobs WHERE seen_at <= $1 ORDER BY seen_at LIMIT $2";
    for id in ids(app, sql, params![since, AT_ONCE]).await? {
        with_job(app, id, move |_, unit, job| Box::pin(lose_attended(unit, job, since))).await?;
    }
    Ok(())
}

/// A job that a person's robot has started itself, and of whose host nothing was heard.
async fn lose_attended(unit: &mut Unit, job: &Job, since: Micros) -> Result<()> {
    let sql = "SELECT 1 FROM attended_jobs WHERE job_id = $1 AND seen_at <= $2";
    let silent = unit.query_opt(sql, params![job.id, since]).await?.is_some();
    if let (true, Outcome::Enters(to)) = (silent, after(job.state, Event::Lost)) {
        let text = "The person's robot has not reported for too long; the job counts as lost.";
        try_enter(unit, job, to, Said::fault("RobotLost", text), None).await?;
    }
    Ok(())
}

async fn lose(unit: &mut Unit, job: &Job, since: Micros) -> Result<()> {
    let row = unit
        .query_opt(
            "SELECT session_id, host_name FROM job_slots WHERE job_id = $1 AND seen_at <= $2",
            params![job.id, since],
        )
        .await?;
    let (Some(row), Outcome::Enters(to)) = (row, after(job.state, Event::Lost)) else { return Ok(()) };
    let session = bandmaster_fleet::sessions::by_id(unit, job.tenant_id, row.get(0)?).await?;
    let host: String = row.get(1)?;
    let heard = session.is_some_and(|s| s.connected && s.reported_at.is_some_and(|at| at > since));
    let text = if heard {
        format!("The robot on {host} reports, but no longer knows of the job.")
    } else {
        format!("The robot on {host} has not reported for too long; the job counts as lost.")
    };
    try_enter(unit, job, to, Said::fault("RobotLost", text), None).await?;
    Ok(())
}

/// Jobs for which something is due.
async fn due(app: &App, now: Micros) -> Result<()> {
    let sql = "SELECT id FROM jobs WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2";
    for id in ids(app, sql, params![now, AT_ONCE]).await? {
        with_job(app, id, move |app, unit, job| Box::pin(act(app, unit, job, now))).await?;
    }
    Ok(())
}

async fn act(app: &App, unit: &mut Unit, job: &Job, now: Micros) -> Result<()> {
    match job.limits.next(job.state, job.state_at).filter(|(at, _)| *at <= now).map(|(_, due)| due) {
        Some(Due::Stop(strategy)) => {
            let text = match job.state {
                State::Stopping => "The time between the stop and the kill is over.",
                _ => "The time limit of the job is over.",
            };
            stop::stop(unit, job, strategy, Said { reason: Some(text.to_owned()), ..Said::default() }).await?;
            // A job that a stop does nothing to must not come up for ever.
            again(unit, job, job.limits.alerted).await
        }
        Some(Due::AlertPending) => alert(app, unit, job, false).await,
        Some(Due::AlertRunning) => alert(app, unit, job, true).await,
        Some(Due::Give) => {
            let text = "The job was to be killed and did not end within a day; it was faulted by the clean-up of terminating jobs.";
            if let Outcome::Enters(to) = after(job.state, Event::Lost) {
                try_enter(unit, job, to, Said::fault("TerminationTimedOut", text), None).await?;
            }
            Ok(())
        }
        None => again(unit, job, job.limits.alerted).await,
    }
}

async fn alert(app: &App, unit: &mut Unit, job: &Job, running: bool) -> Result<()> {
    let (bit, limit) =
        if running { (ALERTED_RUNNING, job.limits.alert_running) } else { (ALERTED_PENDING, job.limits.alert_pending) };
    if let Some(alerts) = app.parts.get::<Box<dyn JobAlerts>>() {
        let overdue = OverdueJob {
            tenant_id: job.tenant_id,
            folder_id: job.folder_id,
            id: job.id,
            key: job.key.clone(),
            process: job.release_name.clone(),
            running,
            seconds: limit.unwrap_or(0),
        };
        alerts.overdue(unit, &overdue).await?;
    }
    again(unit, job, job.limits.alerted | bit).await
}

/// Notes when the job, if it is still in the same state, comes up again.
async fn again(unit: &mut Unit, job: &Job, alerted: i64) -> Result<()> {
    let limits = crate::jobs::timers::Limits { alerted, ..job.limits.clone() };
    let now = unit.now();
    let next = limits.due_at(job.state, job.state_at).filter(|at| *at > now);
    unit.execute(
        "UPDATE jobs SET alerted = $1, due_at = $2 WHERE id = $3 AND state = $4 AND state_at = $5",
        params![alerted, next, job.id, job.state.number(), job.state_at],
    )
    .await?;
    Ok(())
}
