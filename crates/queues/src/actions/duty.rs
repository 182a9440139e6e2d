//! Carries actions out, a bounded number of items in a unit, so that nobody waits long for the writer. A unit changes
//! its items and counts them in one transaction: whatever ends the server, no item is done twice and none is left out.
//!
//! An item that gives an error ends its unit before it; the unit is done again up to there, with the item counted as
//! failed. Errors that are nobody's fault are tried again some times before.

use super::TOPIC;
use super::rule::{Action, Standing, Verdict};
use super::selection::{Picked, Picking, Selection, Tally};
use super::task::{self, ATTEMPTS, Progress, Task, UNSELECTED};
use crate::attempt;
use crate::items::edit::{self, Turn};
use crate::items::{delete, review};
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::Dialect;
use futures::future::BoxFuture;
use std::sync::{Arc, OnceLock};

/// Most items changed in one unit.
pub const AT_ONCE: u32 = 250;
/// The same on PostgreSQL for actions that change new items: robots pass over rows that a unit holds, and must not find
/// a queue empty because of it.
const AT_ONCE_OF_NEW: u32 = 50;
/// Items of the tenant looked at for them in one reading.
const AMONG: i64 = 20_000;
/// Readings that find nothing before the place is noted.
const READINGS: usize = 20;
/// How often it is looked without being asked.
const PAUSE: Micros = MINUTE;
/// How often an item is read again that others change at the same time.
const LOOKS: usize = 3;

/// The duty. Each node works on one action at a time.
#[derive(Debug, Default)]
pub struct Actions {
    node: OnceLock<String>,
}

impl Duty for Actions {
    fn name(&self) -> &'static str {
        "queue-actions"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TOPIC]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let node = self.node.get_or_init(|| app.ids.guid());
            if task::any_old(&mut app.store.read().await?, now).await? {
                Unit::run(app, UnitContext::duty(self.name()), async |unit| task::remove_old(unit).await).await?;
            }
            let waiting = task::waiting(&mut app.store.read().await?, node, now).await?;
            let Some(task) = waiting else { return Ok(now + PAUSE) };
            let context = task.context(self.name());
            match step(app, &task, node, &context).await {
                Ok(()) => Ok(now),
                Err(Trouble { error, .. }) if error.is_repeatable() || error.status() == 503 => Err(error),
                Err(Trouble { item, error }) => {
                    tracing::warn!(action = task.id, item, %error, cause = error.internal_text(), "an action on queue items failed");
                    let over = item.is_none() && task.attempts + 1 >= ATTEMPTS;
                    Unit::run(app, context, async |unit| match over {
                        true => task.fail(unit, error.message()).await,
                        false => task.postpone(unit).await,
                    })
                    .await?;
                    Ok(now)
                }
            }
        })
    }
}

/// An error, and the item that gave it when it was one.
struct Trouble {
    item: Option<i64>,
    error: Error,
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble { item: None, error: error.into() }
    }
}

/// Does the next part of an action.
async fn step(app: &App, task: &Task, node: &str, context: &UnitContext) -> Result<(), Trouble> {
    let action = task.action.ok_or_else(|| Error::invalid("This version does not know the action."))?;
    let selection = Selection::new(task.place, task.filter.as_deref(), task.requested_at)?;
    let mut picking = next(app, task, action, &selection).await?;
    let mut failure: Option<(i64, String)> = None;
    loop {
        let done = part(app, task, node, context, &selection, action, &picking, failure.take()).await;
        let Err(Trouble { item: Some(id), error }) = done else { return done };
        let its_own = error.status() < 500 || (error.status() == 500 && task.attempts + 1 >= ATTEMPTS);
        if !its_own {
            return Err(Trouble { item: Some(id), error });
        }
        picking.items.retain(|i| i.id < id);
        picking.up_to = id;
        failure = Some((id, error.message().to_owned()));
    }
}

/// The next items. Reading needs no place among the writers.
async fn next(app: &App, task: &Task, action: Action, selection: &Selection) -> Result<Picking> {
    let spare = action != Action::Retry && app.store.dialect() == Dialect::Postgres;
    let most = if spare { AT_ONCE_OF_NEW } else { AT_ONCE };
    let mut conn = app.store.read().await?;
    let mut after = task.reached;
    for _ in 0..READINGS {
        let picking = selection.next(&mut conn, after, task.ceiling, most, AMONG).await?;
        if !picking.items.is_empty() || picking.up_to >= task.ceiling || app.stopping.is_cancelled() {
            return Ok(picking);
        }
        after = picking.up_to;
    }
    Ok(Picking { items: Vec::new(), up_to: after })
}

/// Changes picked items in one unit and counts them.
#[allow(clippy::too_many_arguments)] // One call, and every argument is a different thing.
async fn part(
    app: &App,
    task: &Task,
    node: &str,
    context: &UnitContext,
    selection: &Selection,
    action: Action,
    picking: &Picking,
    failure: Option<(i64, String)>,
) -> Result<(), Trouble> {
    let mut unit = Unit::begin(app, context.clone(), Fates::default()).await?;
    if !task.hold(&mut unit, node).await? {
        return Ok(());
    }
    let mut tally = Tally::default();
    for picked in &picking.items {
        let verdict = one(app, &mut unit, task, selection, action, picked)
            .await
            .map_err(|error| Trouble { item: Some(picked.id), error })?;
        match verdict {
            Verdict::Change => tally.changed += 1,
            Verdict::Skip(reason) => *tally.skipped.entry(reason.to_owned()).or_default() += 1,
        }
    }
    task.advance(&mut unit, Progress { tally, failure, up_to: picking.up_to }).await?;
    unit.commit().await?;
    Ok(())
}

/// Changes one item, or tells why not. Its version decides: whoever changed it meanwhile has made it another item, of
/// which it is asked again whether it is meant.
async fn one(
    app: &App,
    unit: &mut Unit,
    task: &Task,
    selection: &Selection,
    action: Action,
    picked: &Picked,
) -> Result<Verdict> {
    for _ in 0..LOOKS {
        let (mut item, queue) = match attempt::seen(unit, task.place.tenant, task.place.folder, picked.id).await {
            Err(e) if e.status() == 404 => return Ok(Verdict::Skip(UNSELECTED)),
            found => found?,
        };
        if item.row_version != picked.row_version && !selection.holds(unit, picked.id).await? {
            return Ok(Verdict::Skip(UNSELECTED));
        }
        let verdict = action.verdict(Standing::of(&item, unit.now()));
        if verdict != Verdict::Change {
            return Ok(verdict);
        }
        let changed = match action {
            Action::Delete => delete::mark(unit, &queue, &item).await?,
            Action::SetPriority(priority) => edit::turn(unit, &queue, &item, Turn::Priority(priority)).await?,
            Action::Requeue if item.status == 0 => edit::turn(unit, &queue, &item, Turn::Now).await?,
            Action::Retry => review::retry(unit, &app.keys, &queue, item).await?,
            Action::Requeue => {
                item.item.defer_at = None;
                review::retry(unit, &app.keys, &queue, item).await?
            }
        };
        if changed {
            return Ok(Verdict::Change);
        }
    }
    Err(Error::clash())
}
