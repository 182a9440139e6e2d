//! Background duties: `tick(now) -> next wake`. A duty takes no input, looks at the state, moves it towards what
//! it should be, and may run at any time and twice. It runs on a timer and when its topic is nudged; the
//! timer alone suffices for correctness.

use crate::app::App;
use bandmaster_core::Result;
use bandmaster_core::time::Micros;
use futures::future::BoxFuture;
use std::sync::Arc;
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
