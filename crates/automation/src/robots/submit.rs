//! `SubmitJobState`.

use super::attended;
use super::caller::{Host, host, knows_fencing};
use super::report::{Report, Verdict, take};
use crate::dispatch::round::{Round, at_once};
use crate::jobs::State;
use bandmaster_access::parts::MachineFolders;
use bandmaster_api::{App, Call, Fields, Output, Unit};
use bandmaster_core::{Error, Result};
use serde_json::Value;

/// Reports in one call at most.
const MOST: usize = 1_000;
/// Jobs placed at once on what the reports made free.
const PLACED_AT_ONCE: usize = 4;

/// Takes reports in a unit, in order; tells whether one of them ended a job.
pub(super) async fn take_all(
    unit: &mut Unit,
    call: &Call,
    tenant_id: i64,
    host: &Host,
    reports: &[Report],
) -> Result<(Vec<Verdict>, bool)> {
    let mut verdicts = Vec::with_capacity(reports.len());
    let mut freed = false;
    for report in reports {
        let verdict = match attended::own_job(unit, call, tenant_id, report).await? {
            Some(verdict) => verdict,
            None => take(unit, tenant_id, host, report).await?,
        };
        freed |= verdict == Verdict::Accepted && report.state.is_some_and(|s| s.is_final() || s == State::Suspended);
        verdicts.push(verdict);
    }
    Ok((verdicts, freed))
}

/// Places waiting jobs on what a host has made free, in the folders in which its machine works.
pub(super) async fn fill(app: &App, unit: &mut Unit, host: &Host, most: usize) -> Result<()> {
    let tenant_id = host.machine.tenant_id;
    let round = Round::new(app, tenant_id);
    let mut round = match app.parts.get::<Box<dyn MachineFolders>>() {
        Some(part) => round.for_folders(part.folders(unit, tenant_id, host.machine.id).await?),
        None => round,
    };
    at_once(unit, &mut round, most).await
}

/// `POST /api/RobotsService/SubmitJobState`
pub(super) async fn submit(call: &mut Call) -> Result<Output> {
    let Some(entries) = call.body_value().as_array() else { return Err(Error::unbound("heartbeats")) };
    if entries.len() > MOST {
        return Err(Error::argument(format!("At most {MOST} states can be submitted at once.")));
    }
    let now = call.now();
    let reports: Vec<Report> = entries.iter().map(|e| Report::read(&Fields::of(e), now)).collect();
    let fenced = knows_fencing(call) || reports.first().is_some_and(|r| r.reservation.is_some());
    let tenant_id = call.tenant_id()?;
    let app = call.app.clone();

    let mut unit = call.begin().await?;
    let host = host(call, &mut unit, None).await?;
    let (verdicts, freed) = take_all(&mut unit, call, tenant_id, &host, &reports).await?;
    if freed {
        fill(&app, &mut unit, &host, PLACED_AT_ONCE).await?;
    }
    unit.commit().await?;
    if !fenced {
        return Ok(Output::empty());
    }
    let answer: Vec<Value> =
        reports.iter().zip(&verdicts).map(|(report, verdict)| verdict.shown(report.job_key.as_deref())).collect();
    Ok(Output::json(Value::Array(answer)))
}
