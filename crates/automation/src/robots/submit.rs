//! `SubmitJobState`.

use super::caller::{Host, host, knows_fencing};
use super::report::{Report, Verdict, take};
use super::attended;
use crate::dispatch::round::{Round, at_once};
use crate::jobs::State;
use bandmaster_api::{Call, Fields, Output, Unit};
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
        at_once(&mut unit, &mut Round::new(&app, tenant_id), PLACED_AT_ONCE).await?;
    }
    unit.commit().await?;
    if !fenced {
        return Ok(Output::empty());
    }
    let answer: Vec<Value> =
        reports.iter().zip(&verdicts).map(|(report, verdict)| verdict.shown(report.job_key.as_deref())).collect();
    Ok(Output::json(Value::Array(answer)))
}
