//! `StopJob` and `StopJobs`.

use super::change::Said;
use super::enums::STOP_STRATEGY;
use super::row::{self, Job};
use super::stop::{Stop, refusal, stop};
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result};
use serde_json::json;

fn asked(call: &Call) -> Result<i64> {
    call.body().choice("strategy", &STOP_STRATEGY)?.ok_or_else(|| Error::unbound("strategy"))
}

async fn halt(unit: &mut Unit, job: &Job, strategy: i64, by: &str) -> Result<Stop> {
    let label = STOP_STRATEGY.label(strategy).unwrap_or_default();
    let reason =
        if by.is_empty() { format!("{label} was asked for.") } else { format!("{label} was asked for by {by}.") };
    let done = stop(unit, job, strategy, Said { reason: Some(reason), ..Said::default() }).await?;
    if let Stop::Entered(state) = done {
        unit.audit(Change {
            component: "Jobs",
            action: "StopJob",
            id: Some(job.id),
            key: Some(&job.key),
            name: &job.release_name,
            before: Some(json!({"State": job.state.name()})),
            after: Some(json!({"State": state.name(), "StopStrategy": label})),
        })
        .await?;
    }
    Ok(done)
}

/// `POST /odata/Jobs({key})/…StopJob`
pub async fn one(call: &mut Call) -> Result<Output> {
    let (id, strategy) = (call.int_argument("key")?, asked(call)?);
    let (tenant_id, folder_id) = (call.tenant_id()?, call.folder()?.id);
    let by = call.principal.name.clone();
    let mut unit = call.begin().await?;
    let job = row::held_in_folder(&mut unit, tenant_id, folder_id, id).await?;
    if job.job_type == super::enums::ATTENDED || halt(&mut unit, &job, strategy, &by).await? == Stop::Refused {
        return Err(refusal(&job, strategy));
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Jobs/…StopJobs`: nothing is done when one of them is not there; those that have ended, or are
/// being stopped already, are passed over.
pub async fn many(call: &mut Call) -> Result<Output> {
    let strategy = asked(call)?;
    let mut ids = call.body().ints("jobIds");
    ids.sort_unstable();
    ids.dedup();
    let (tenant_id, folder_id) = (call.tenant_id()?, call.folder()?.id);
    let by = call.principal.name.clone();
    let mut unit = call.begin().await?;
    // All of them are held before the first is changed. Else each that a robot or a dispatcher changes meanwhile would be a
    // clash, and with many jobs there would be one in every attempt.
    let mut jobs = Vec::with_capacity(ids.len());
    for id in ids {
        jobs.push(row::held_in_folder(&mut unit, tenant_id, folder_id, id).await?);
    }
    for job in jobs.iter().filter(|j| j.job_type != super::enums::ATTENDED) {
        halt(&mut unit, job, strategy, &by).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}
