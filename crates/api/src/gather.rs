//! Work that many callers want done at the same moment, done in one unit for all of them: fewer statements, fewer
//! round trips, one commit. Who comes while nobody is at work begins a turn at once, so a lone caller waits for nobody.
//!
//! For work that can be done as a set and whose parts do not depend on each other. An answer is given out only when the
//! unit is durable. Clashes and an unavailable database are told to all; any other failure is no reason to refuse those
//! who did nothing wrong, so the turn is then repeated for each alone.

use crate::app::App;
use crate::call::Call;
use crate::unit::{Fates, Unit, UnitContext};
use bandmaster_core::{Error, Result};
use futures::future::BoxFuture;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Most callers of a turn.
const MOST: usize = 128;

/// One caller's part of a turn.
pub trait Work: Send + Sync + Sized + 'static {
    /// Parts of one key may share a unit; the unit's context is that of whoever began the turn.
    type Key: Eq + Hash + Clone + Send + Sync + 'static;
    /// What the caller is told.
    type Reply: Send + 'static;

    /// Does all parts: one reply for each, in their order. A refusal of one part is its reply and must have changed
    /// nothing; an error undoes the turn.
    fn together<'a>(
        unit: &'a mut Unit,
        key: &'a Self::Key,
        parts: &'a [Self],
    ) -> BoxFuture<'a, Result<Vec<Result<Self::Reply>>>>;
}

struct Asked<W: Work> {
    work: W,
    left: CancellationToken,
    reply: oneshot::Sender<Result<W::Reply>>,
}

/// Callers by key. A key that is there has somebody at work.
type Lines<W> = Mutex<HashMap<<W as Work>::Key, Vec<Asked<W>>>>;

/// All that is gathered in a server, by kind of work.
#[derive(Default)]
pub struct Gathered(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Gathered {
    fn lines<W: Work>(&self) -> Arc<Lines<W>> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let any = kinds.entry(TypeId::of::<W>()).or_insert_with(|| Arc::new(Lines::<W>::default())).clone();
        // Stored under its own type, so the alternative does not happen; separate lines would be right, too.
        any.downcast().unwrap_or_default()
    }
}

/// Has a part done in a turn with others of its key; what it led to. A caller who has hung up before the turn begins is
/// left out. If the call changed something that way, say so by `Call::changed_elsewhere`.
pub async fn join<W: Work>(call: &Call, key: W::Key, work: W) -> Result<W::Reply> {
    let lines = call.app.gathered.lines::<W>();
    let (reply, told) = oneshot::channel();
    let asked = Asked { work, left: call.left().clone(), reply };
    let begins = {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.get_mut(&key) {
            Some(line) => {
                line.push(asked);
                false
            }
            None => {
                lines.insert(key.clone(), vec![asked]);
                true
            }
        }
    };
    if begins {
        tokio::spawn(lead(call.app.clone(), AtWork { lines, key }, call.unit_context()));
    }
    told.await.map_err(|_| Error::internal("a turn for many callers ended abnormally"))?
}

/// Whoever is at work for a key; gone, even through a panic, the key is free again and the rest is told.
struct AtWork<W: Work> {
    lines: Arc<Lines<W>>,
    key: W::Key,
}

impl<W: Work> AtWork<W> {
    fn take(&self) -> Vec<Asked<W>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = lines.get_mut(&self.key) else { return Vec::new() };
        let rest = line.split_off(line.len().min(MOST));
        std::mem::replace(line, rest)
    }

    /// Whether nobody waits any more; the key is then free.
    fn finished(&self) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.get(&self.key).is_some_and(|line| !line.is_empty()) {
            return false;
        }
        lines.remove(&self.key);
        true
    }
}

impl<W: Work> Drop for AtWork<W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

async fn lead<W: Work>(app: Arc<App>, at_work: AtWork<W>, context: UnitContext) {
    loop {
        // Begun first: who comes while it waits for its turn to write is taken along.
        let begun = begin(&app, &context).await;
        let (parts, replies) = present(at_work.take());
        match begun {
            Ok(started) => turn(&app, &context, &at_work.key, started, parts, replies).await,
            Err(error) => tell_all(replies, &error),
        }
        if at_work.finished() {
            return;
        }
    }
}

type Reply<W> = oneshot::Sender<Result<<W as Work>::Reply>>;

/// Those who are still there.
fn present<W: Work>(asked: Vec<Asked<W>>) -> (Vec<W>, Vec<Reply<W>>) {
    let (left, there): (Vec<_>, Vec<_>) = asked.into_iter().partition(|a| a.left.is_cancelled());
    for asked in left {
        let _ = asked.reply.send(Err(hung_up()));
    }
    there.into_iter().map(|a| (a.work, a.reply)).unzip()
}

/// Nobody reads it; what counts is that nothing was done, also for an idempotency key, which is free again.
pub fn hung_up() -> Error {
    Error::invalid("The caller has hung up.")
}

async fn begin(app: &App, context: &UnitContext) -> Result<(Unit, Fates)> {
    let fates = Fates::default();
    Ok((Unit::begin(app, context.clone(), fates.clone()).await?, fates))
}

async fn turn<W: Work>(
    app: &App,
    context: &UnitContext,
    key: &W::Key,
    started: (Unit, Fates),
    parts: Vec<W>,
    replies: Vec<Reply<W>>,
) {
    let error = match run(started, key, &parts).await {
        Ok(outcomes) => {
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // Who asked may be gone.
                let _ = reply.send(outcome);
            }
            return;
        }
        Err(error) => error,
    };
    if error.status() == 503 || parts.len() < 2 {
        return tell_all(replies, &error);
    }
    for (part, reply) in parts.into_iter().zip(replies) {
        let outcome = match begin(app, context).await {
            Ok(started) => run(started, key, &[part]).await,
            Err(error) => Err(error),
        };
        let _ = reply.send(outcome.and_then(|mut replies| replies.pop().unwrap_or_else(|| Err(unanswered()))));
    }
}

/// A turn in its unit, to the end of the unit's fate.
async fn run<W: Work>((mut unit, fates): (Unit, Fates), key: &W::Key, parts: &[W]) -> Result<Vec<Result<W::Reply>>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let outcome = W::together(&mut unit, key, parts).await;
    match outcome {
        Ok(outcomes) if outcomes.len() == parts.len() => {
            unit.commit().await?;
            Ok(outcomes)
        }
        Ok(_) => Err(unanswered()),
        Err(error) => {
            drop(unit);
            fates.settled().await?;
            Err(error)
        }
    }
}

fn unanswered() -> Error {
    Error::internal("a turn for many callers left somebody without an answer")
}

fn tell_all<R>(replies: Vec<oneshot::Sender<Result<R>>>, error: &Error) {
    for reply in replies {
        let _ = reply.send(Err(error.clone()));
    }
}
