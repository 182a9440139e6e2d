//! `Wait`: tells an agent at once that there is something for it. It takes nothing and changes nothing, so an agent
//! may hang up at any time.

use super::caller::host;
use super::commands::{bound, is_news, stamp};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_fleet::machines::topic;
use serde_json::json;

/// The longest wait, in seconds; proxies cut longer ones.
const MOST: i64 = 55;
/// A waiter looks by itself after this long, in case a nudge between nodes got lost.
const LOOK: i64 = 15 * SECOND;

/// `GET /api/RobotsService/Wait?stamp=&timeoutSeconds=`
pub(super) async fn wait(call: &mut Call) -> Result<Output> {
    let earlier = call.query("stamp").map(str::to_owned);
    let seconds = call.int_query("timeoutSeconds")?.unwrap_or(30).clamp(0, MOST);
    let app = call.app.clone();
    let until = app.clock.now().saturating_add(seconds * SECOND);
    let mut conn = call.read().await?;
    let host = host(call, &mut conn, None).await?;
    drop(conn);
    loop {
        // Taken before looking, so that no nudge falls between.
        let waiter = app.nudges.waiter(&topic(host.machine.id));
        let mut conn = call.read().await?;
        let found = bound(&mut conn, &host).await?;
        // Waiters must not hold a connection.
        drop(conn);
        let now = app.clock.now();
        let present = stamp(&found, now);
        match &earlier {
            Some(earlier) if !is_news(&present, earlier) => {}
            _ => return Ok(Output::json(json!({"stamp": present}))),
        }
        if now >= until || app.stopping.is_cancelled() {
            return Ok(Output::empty().status(204));
        }
        let pause = app.clock.pause(until.min(now.saturating_add(LOOK)));
        tokio::select! {
            _ = waiter.wait(pause) => {}
            () = app.stopping.cancelled() => {}
        }
    }
}
