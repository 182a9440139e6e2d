//! The duty that takes items back from jobs of which nothing is heard.

use super::MOST_LOSSES;
use crate::abandon;
use crate::attempt;
use crate::definitions;
use crate::transactions::give_back::{self, Back, EXPIRED};
use bandmaster_api::duties::Watch;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_fleet::LiveJobs;
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;

/// Items of a queue that are looked at together.
const AT_ONCE: i64 = 200;
/// Between two looks.
const PERIOD: Micros = 20 * SECOND;
/// A longer time without a look: the server was down, or its clock jumped. What was not heard meanwhile tells nothing.
const GAP: Micros = 4 * PERIOD;

/// The duty. It may run on every node: the state of an item decides who takes it back.
#[derive(Debug)]
pub struct Leases {
    watch: Watch,
}

impl Default for Leases {
    fn default() -> Leases {
        Leases { watch: Watch::new(GAP) }
    }
}

/// A queue with a lease.
struct Queue {
    id: i64,
    tenant: i64,
    organization: i64,
    folder: Option<i64>,
    lease: Micros,
}

/// An item without a sign of life of its own for the length of the lease, and the job that holds it.
struct Silent {
    id: i64,
    job: String,
    handovers: i64,
}

impl Duty for Leases {
    fn name(&self) -> &'static str {
        "queue-leases"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let since = self.watch.look(now);
            for queue in queues(app).await? {
                let before = now - queue.lease;
                // Nothing can be said of a time in which nobody has listened.
                if since > before {
                    continue;
                }
                let mut last = 0;
                loop {
                    let silent = silent(app, &queue, before, last).await?;
                    let Some(end) = silent.last() else { break };
                    last = end.id;
                    let full = i64::try_from(silent.len()).unwrap_or(i64::MAX) >= AT_ONCE;
                    take_back(app, self.name(), &queue, before, silent).await?;
                    if !full {
                        break;
                    }
                }
            }
            Ok(now + PERIOD)
        })
    }
}

async fn queues(app: &App) -> Result<Vec<Queue>> {
    let sql = "SELECT q.id, q.tenant_id, t.organization_id, q.lease_minutes, \
         (SELECT min(f.folder_id) FROM queue_folders f WHERE f.queue_id = q.id) \
         FROM queue_definitions q JOIN tenants t ON t.id = q.tenant_id WHERE q.lease_minutes > 0 ORDER BY q.id";
    let rows = app.store.read().await?.query(sql, params![]).await?;
    rows.iter()
        .map(|r| {
            let minutes: i64 = r.get(3)?;
            Ok(Queue {
                id: r.get(0)?,
                tenant: r.get(1)?,
                organization: r.get(2)?,
                folder: r.get(4)?,
                lease: minutes * MINUTE,
            })
        })
        .collect()
}

async fn silent(app: &App, queue: &Queue, before: Micros, after: i64) -> Result<Vec<Silent>> {
    let sql = "SELECT id, executor_job_key, handovers FROM queue_items WHERE queue_id = $1 AND status = 1 AND id > $2 \
         AND executor_job_key IS NOT NULL AND started_at <= $3 AND (renewed_at IS NULL OR renewed_at <= $3) \
         ORDER BY id LIMIT $4";
    let rows = app.store.read().await?.query(sql, params![queue.id, after, before, AT_ONCE]).await?;
    rows.iter().map(|r| Ok(Silent { id: r.get(0)?, job: r.get(1)?, handovers: r.get(2)? })).collect()
}

/// Takes those of them back whose job is not alive, in one unit.
async fn take_back(app: &App, name: &str, queue: &Queue, before: Micros, mut silent: Vec<Silent>) -> Result<()> {
    let jobs: Vec<String> = silent.iter().map(|s| s.job.clone()).collect();
    let heard = heard(app, &jobs).await?;
    silent.retain(|s| heard.get(&s.job).is_none_or(|at| *at <= before));
    if silent.is_empty() {
        return Ok(());
    }
    let mut context = UnitContext::duty(name).within(queue.organization, queue.tenant);
    context.folder_id = queue.folder;
    let mut unit = Unit::begin(app, context, Fates::default()).await?;
    let Some(definition) = definitions::by_id(&mut unit, queue.id).await? else { return Ok(()) };
    for item in silent {
        let attempt = match attempt::load(&mut unit, item.id).await {
            Err(e) if e.status() == 404 => continue,
            found => found?,
        };
        // It may have another holder by now, of whom nothing was asked.
        if attempt.handovers != item.handovers {
            continue;
        }
        if attempt.lease_losses + 1 >= MOST_LOSSES {
            abandon::one(&mut unit, &app.keys, &definition, attempt, before).await?;
        } else {
            let back = Back { kind: EXPIRED, silent_since: Some(before), ..Back::default() };
            give_back::put(&mut unit, &definition, &attempt, back).await?;
        }
    }
    unit.commit().await
}

/// When the jobs that live were last heard of; those that have ended are missing.
async fn heard(app: &App, jobs: &[String]) -> Result<HashMap<String, Micros>> {
    match app.parts.get::<Box<dyn LiveJobs>>() {
        Some(part) => part.heard(app, jobs).await,
        None => Ok(HashMap::new()),
    }
}
