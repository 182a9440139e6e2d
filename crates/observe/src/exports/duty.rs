//! Carries exports out, the oldest first, one at a time a node; removes those whose time is over.
//!
//! A run that dies leaves an export in progress without signs of life; after some minutes it is taken again, by any
//! node, with a new file. A run that lives but lost its export (it was silent for too long) notices at its next sign of
//! life, at the latest at the end, and gives its file up.

use super::plan::Plan;
use super::record::{self, ATTEMPTS, Fate, Taken};
use super::{KEPT_FOR, TOPIC};
use bandmaster_api::query::visibility;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_resources::files::{self, Area, Written};
use bandmaster_store::params;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How often it is looked without being asked.
const PAUSE: Micros = MINUTE;
/// How often a run gives a sign of life.
const BEAT: Micros = MINUTE;
/// Largest file.
const MOST_BYTES: u64 = 4 << 30;
/// How many exports are removed in one unit.
const AT_ONCE: i64 = 200;

/// The duty.
#[derive(Debug, Default, Clone, Copy)]
pub struct ExportRuns;

impl Duty for ExportRuns {
    fn name(&self) -> &'static str {
        "exports"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TOPIC]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            remove_old(app, now).await?;
            if !any_waits(app).await? {
                return Ok(now + PAUSE);
            }
            match in_unit(app, UnitContext::duty(self.name()), async |unit| record::take(unit).await).await? {
                Some(taken) => {
                    carry_out(app, &taken).await?;
                    Ok(now)
                }
                None => Ok(now + PAUSE),
            }
        })
    }
}

async fn in_unit<T>(app: &Arc<App>, context: UnitContext, work: impl AsyncFnOnce(&mut Unit) -> Result<T>) -> Result<T> {
    let fates = Fates::default();
    let mut unit = Unit::begin(app, context, fates.clone()).await?;
    let result = work(&mut unit).await?;
    unit.commit().await?;
    fates.settled().await?;
    Ok(result)
}

/// Looks without the writer's place, which idle ticks shall not take.
async fn any_waits(app: &App) -> Result<bool> {
    let sql = "SELECT 1 FROM exports WHERE status < 2 LIMIT 1";
    Ok(app.store.read().await?.query_opt(sql, &[]).await?.is_some())
}

async fn remove_old(app: &Arc<App>, now: Micros) -> Result<()> {
    let sql = "SELECT 1 FROM exports WHERE requested_at <= $1 LIMIT 1";
    while app.store.read().await?.query_opt(sql, params![now - KEPT_FOR]).await?.is_some() {
        let context = UnitContext::duty("exports");
        let removed = in_unit(app, context, async |unit| record::expire(unit, AT_ONCE).await).await?;
        if removed == 0 {
            break;
        }
    }
    Ok(())
}

async fn carry_out(app: &Arc<App>, taken: &Taken) -> Result<()> {
    let outcome = write(app, taken).await;
    let context = UnitContext::duty("exports").within(taken.organization_id, taken.tenant_id);
    let stopping = app.stopping.is_cancelled();
    in_unit(app, context, async |unit| {
        let (kind, mine) = match &outcome {
            Ok(written) => ("export.completed", record::complete(unit, taken, written).await?),
            Err(error) => {
                let fate = match error {
                    _ if stopping => Fate::Undone,
                    _ if taken.attempt < ATTEMPTS && taken.source.is_some() => Fate::Again,
                    _ => Fate::Failed,
                };
                tracing::warn!(export = taken.id, ?fate, %error, cause = error.internal_text(), "an export gave no file");
                let mine = record::give_up(unit, taken, fate).await?;
                ("export.failed", mine && fate == Fate::Failed)
            }
        };
        if mine {
            unit.event(kind, None, None, &json!({"id": taken.id})).await?;
        }
        Ok(())
    })
    .await
}

async fn write(app: &Arc<App>, taken: &Taken) -> Result<Written> {
    let source = taken.source.ok_or_else(|| Error::internal("an export of an unknown kind"))?;
    let sees = visibility(taken.organization_id, taken.tenant_id, &taken.folders);
    let plan = Plan::new(source, &taken.options, &[], sees, taken.parent, taken.requested_at)?;
    let beaten = Arc::new(AtomicI64::new(app.clock.now()));
    let alive = plan.stream(app.clone()).and_then(move |piece| {
        let beaten = beaten.clone();
        async move {
            still_mine(app, taken, &beaten).await?;
            Ok(piece)
        }
    });
    files::place(app).write(Area::Exports, &taken.file, alive.boxed(), MOST_BYTES).await
}

/// Gives a sign of life when one is due; an error when there is no use in going on.
async fn still_mine(app: &Arc<App>, taken: &Taken, beaten: &AtomicI64) -> Result<()> {
    if app.stopping.is_cancelled() {
        return Err(Error::unavailable("the server stops"));
    }
    let now = app.clock.now();
    if now - beaten.load(Ordering::Relaxed) < BEAT {
        return Ok(());
    }
    beaten.store(now, Ordering::Relaxed);
    if in_unit(app, UnitContext::duty("exports"), async |unit| record::beat(unit, taken).await).await? {
        Ok(())
    } else {
        Err(Error::unavailable("the export was taken by another run"))
    }
}
