//! StartTransaction that waits: `waitSeconds=N` holds the answer back until an item can be taken, at most N seconds.
//!
//! Waiting holds no connection and no unit: a nudge of the queue, the moment of the next deferred item or the passing of
//! a few seconds (a nudge between nodes may be lost) makes it look again. A caller who hangs up takes nothing.

use super::start;
use crate::definitions::by_name;
use bandmaster_api::gather::hung_up;
use bandmaster_api::{Call, Output};
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;

/// The longest wait in seconds. Proxies often cut requests after a minute.
pub const LONGEST: i64 = 60;
/// A waiter looks by itself after this long.
const LOOK: Micros = 10 * SECOND;
/// How often in a row a clash with others is taken as a reason to look again.
const CLASHES: u32 = 5;

/// StartTransaction.
pub async fn start(call: &mut Call) -> Result<Output> {
    match call.int_query("waitSeconds")? {
        None | Some(0) => start::start(call).await,
        Some(seconds) if (1..=LONGEST).contains(&seconds) => wait(call, seconds).await,
        Some(_) => Err(Error::argument(format!("waitSeconds lies between 0 and {LONGEST}."))),
    }
}

/// Refuses when the caller has hung up: an item that was taken now would be lost for a day.
pub fn present(call: &Call) -> Result<()> {
    if call.left().is_cancelled() { Err(hung_up()) } else { Ok(()) }
}

async fn wait(call: &mut Call, seconds: i64) -> Result<Output> {
    let app = call.app.clone();
    let until = app.clock.now().saturating_add(seconds * SECOND);
    let Some(fields) = call.body().fields("transactionData") else {
        return Err(Error::unbound("transactionData"));
    };
    let name = fields.need_text("Name")?.to_owned();
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let queue = by_name(&mut call.read().await?, tenant, folder, &name).await?.id;
    let (left, mut clashes) = (call.left().clone(), 0);
    let mut look = true;
    loop {
        // Taken before looking, so that no nudge falls between.
        let waiter = app.nudges.waiter(&format!("queue:{queue}"));
        present(call)?;
        if look || promising(call, queue).await? {
            match start::start(call).await {
                Ok(answer) if answer.status != Some(204) => return Ok(answer),
                Err(e) if e.is_repeatable() && clashes < CLASHES => {
                    clashes += 1;
                    continue;
                }
                Err(e) => return Err(e),
                Ok(_) => clashes = 0,
            }
        }
        look = false;
        let now = app.clock.now();
        if now >= until || app.stopping.is_cancelled() {
            return Ok(Output::empty().status(204));
        }
        let next = next_deferred(call, queue).await?.unwrap_or(i64::MAX);
        let pause = app.clock.pause(until.min(now.saturating_add(LOOK)).min(next));
        tokio::select! {
            _ = waiter.wait(pause) => {}
            () = app.stopping.cancelled() => {}
            () = left.cancelled() => {}
        }
    }
}

/// Whether there is anything to take in the queue. Most of those who are woken for one item find it gone; they shall
/// not queue for the writer to learn it. A queue that is gone promises an answer.
async fn promising(call: &Call, queue: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM queue_items i WHERE i.queue_id = $1 AND i.status = 0 AND i.ready = 1) \
         OR EXISTS (SELECT 1 FROM queue_items d WHERE d.queue_id = $1 AND d.status = 0 AND d.ready = 0 AND d.defer_at <= $2) \
         OR NOT EXISTS (SELECT 1 FROM queue_definitions q WHERE q.id = $1)";
    Ok(call.read().await?.query_one(sql, params![queue, call.now()]).await?.get(0)?)
}

/// When the next deferred item becomes due, if that lies ahead.
async fn next_deferred(call: &Call, queue: i64) -> Result<Option<Micros>> {
    let sql =
        "SELECT min(defer_at) FROM queue_items WHERE queue_id = $1 AND status = 0 AND ready = 0 AND defer_at > $2";
    Ok(call.read().await?.query_one(sql, params![queue, call.now()]).await?.get(0)?)
}
