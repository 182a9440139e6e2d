//! `StartJobs`.

use super::entity::JOB;
use super::order::StartOrder;
use super::row;
use super::start::{Started, Where, create, resolve};
use crate::dispatch::round::{Round, at_once};
use bandmaster_api::{Call, Change, Folders, Output};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

/// Jobs of a start that are placed before it is answered; the rest is the duty's.
const PLACED_AT_ONCE: usize = 16;
/// Ids that an audit entry names.
const NAMED_IN_AUDIT: usize = 100;

/// `POST /odata/Jobs/…StartJobs`
pub async fn start(call: &mut Call) -> Result<Output> {
    let info = call.body().fields("startInfo").ok_or_else(|| Error::unbound("startInfo"))?;
    let mut order = StartOrder::read(&info)?;
    let mut query = call.bound_query(&JOB)?;
    let (tenant_id, folder_id) = (call.tenant_id()?, call.folder()?.id);
    let named_parent = call.header("x-uipath-jobkey").and_then(bandmaster_core::ids::parse_guid);
    let own_job = call.principal.job_key.clone();
    let app = call.app.clone();
    let at = Where { app: &app, tenant_id, folder_id, user_id: call.user_id() };

    let mut unit = call.begin().await?;
    order.parent_job_key = match (own_job, named_parent) {
        (Some(own), _) => Some(own),
        // Only a job of this tenant can be a parent.
        (None, Some(named)) => row::by_key(&mut unit, tenant_id, &named).await?.map(|j| j.key),
        (None, None) => None,
    };
    let resolved = resolve(at, &mut unit, &order).await?;
    let started = create(at, &mut unit, &order, &resolved).await?;
    unit.audit(audited(&started, &resolved.process.name)).await?;
    let round = Round::new(&app, tenant_id).for_demands(started.demands.clone());
    let mut round = round.knowing(folder_id, resolved.ground, resolved.process);
    at_once(&mut unit, &mut round, PLACED_AT_ONCE.min(started.ids.len())).await?;
    unit.commit().await?;

    let (Some(first), Some(last)) = (started.ids.iter().min(), started.ids.iter().max()) else {
        return Ok(Output::page(JOB.set, Vec::new(), None));
    };
    query.and_sql(
        "{t}.id >= ? AND {t}.id <= ? AND {t}.batch_key = ? AND {t}.created_at = ?",
        vec![(*first).into(), (*last).into(), started.batch_key.into(), started.created_at.into()],
    );
    query.top = u32::try_from(started.ids.len()).ok();
    let asked = query.count == Some(true);
    let (rows, total) = call.rows(query, &Folders::These(vec![folder_id])).await?;
    let rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
    Ok(Output::page(JOB.set, rows, total.filter(|_| asked)))
}

/// The audit entry of a start: one for all its jobs.
pub(super) fn audited<'a>(started: &'a Started, name: &'a str) -> Change<'a> {
    let named: Vec<i64> = started.ids.iter().copied().take(NAMED_IN_AUDIT).collect();
    Change {
        component: "Jobs",
        action: "StartJob",
        id: started.ids.first().copied(),
        key: started.keys.first().map(String::as_str),
        name,
        before: None,
        after: Some(json!({
            "ReleaseName": name,
            "BatchExecutionKey": started.batch_key,
            "JobsCount": started.ids.len(),
            "JobIds": named,
        })),
    }
}
