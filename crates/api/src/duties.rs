//! Background duties: `tick(now) -> next wake`. A duty takes no input, looks at the state, moves it towards what
//! it should be, and may run at any time and twice. It runs on a timer and when its topic is nudged; the
//! timer alone suffices for correctness.

use crate::app::App;
use bandmaster_core::Result;
use bandmaster_core::time::Micros;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A background duty.
pub trait Duty: Send + Sync + 'static {
    /// Its name, for logs, metrics and leases.
    fn name(&self) -> &'static str;

    /// Topics whose nudge makes it run soon.
    fn topics(&self) -> &'static [&'static str] {
        &[]
    }

    /// Does what is due and tells when to come again.
    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>>;
}

/// Since when a duty has watched without a gap. Whoever was not heard while nobody listened (the server was down, its
/// clock jumped) is not to be taken for lost.
#[derive(Debug)]
pub struct Watch {
    gap: Micros,
    seen: Mutex<Option<Watched>>,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    since: Micros,
    last: Micros,
}

impl Watch {
    /// A watch for which a longer time than this between two looks is a gap.
    pub fn new(gap: Micros) -> Watch {
        Watch { gap, seen: Mutex::default() }
    }

    /// Notes a look; since when there was no gap.
    pub fn look(&self, now: Micros) -> Micros {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match *seen {
            Some(w) if now.saturating_sub(w.last) <= self.gap => w.since,
            _ => now,
        };
        *seen = Some(Watched { since, last: now });
        since
    }
}

/// After a failure a duty waits this long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Runs a duty until the server stops.
pub async fn run(app: Arc<App>, duty: Arc<dyn Duty>) {
    loop {
        // Waiters are taken before the tick, so that a nudge during it is not lost.
        let waiters: Vec<_> =
            duty.topics().iter().map(|t| Box::pin(app.nudges.waiter(t).wait(Duration::MAX))).collect();
        let now = app.clock.now();
        let pause = match duty.tick(&app, now).await {
            Ok(next) => {
                app.metrics.duty(duty.name(), true);
                app.clock.pause(next)
            }
            Err(error) => {
                app.metrics.duty(duty.name(), false);
                tracing::warn!(duty = duty.name(), %error, cause = error.internal_text(), "a background duty failed");
                PAUSE_AFTER_FAILURE
            }
        };
        let nudged = async {
            if waiters.is_empty() {
                futures::future::pending::<()>().await;
            }
            futures::future::select_all(waiters).await;
        };
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = nudged => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;

    #[test]
    fn a_gap_begins_anew() {
        let watch = Watch::new(40);
        assert_eq!([100, 110, 150, 191, 200].map(|now| watch.look(now)), [100, 100, 100, 191, 191]);
    }
}
