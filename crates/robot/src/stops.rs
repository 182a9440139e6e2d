//! When a running job has to be stopped: on a command, or because its time is up. How a process is
//! stopped is in `process.rs`, what the job's end is then called in `outcome.rs`.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::journal::{Entry, StopReason};
use crate::wire::StopKind;

/// Seconds between the soft stop at a job's time limit and the kill, when the command says nothing.
const GRACE_SECONDS: u64 = 30;

/// The stops of one job, as they become due.
pub(crate) struct Stops {
    commanded: watch::Receiver<Option<StopKind>>,
    applied: Option<StopKind>,
    soft_at: Option<Instant>,
    kill_at: Option<Instant>,
    grace: Duration,
}

impl Stops {
    /// `commanded` holds the strongest stop that the server has asked for. The time limit counts
    /// from when the command came, also over a restart of the agent.
    pub fn new(entry: &Entry, commanded: watch::Receiver<Option<StopKind>>, now: Timestamp) -> Self {
        let soft_at = entry.command.time_limit_seconds.and_then(|limit| {
            let gone = now.duration_since(entry.received).unsigned_abs();
            Instant::now().checked_add(Duration::from_secs(limit).saturating_sub(gone))
        });
        let grace = entry.command.stop_grace_seconds.unwrap_or(GRACE_SECONDS);
        Self { commanded, applied: None, soft_at, kill_at: None, grace: Duration::from_secs(grace) }
    }

    /// Waits for the next stop to apply. Dropping the future loses nothing.
    pub async fn next(&mut self) -> (StopKind, StopReason) {
        loop {
            let commanded = *self.commanded.borrow_and_update();
            if let Some(kind) = commanded
                && commanded > self.applied
            {
                self.applied = commanded;
                return (kind, StopReason::Command);
            }
            tokio::select! {
                changed = self.commanded.changed() => if changed.is_err() {
                    // The agent is ending; it takes this job's watching with it.
                    std::future::pending::<()>().await;
                },
                () = until(self.soft_at) => {
                    self.soft_at = None;
                    self.kill_at = Instant::now().checked_add(self.grace);
                    self.applied = self.applied.max(Some(StopKind::SoftStop));
                    return (StopKind::SoftStop, StopReason::TimeLimit);
                }
                () = until(self.kill_at) => {
                    self.kill_at = None;
                    self.applied = Some(StopKind::Kill);
                    return (StopKind::Kill, StopReason::TimeLimit);
                }
            }
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Stage;
    use crate::journal::tests::entry;

    fn stops(limit: Option<u64>, passed: i64) -> (watch::Sender<Option<StopKind>>, Stops) {
        let mut entry = entry(Stage::Running);
        entry.command.time_limit_seconds = limit;
        entry.command.stop_grace_seconds = Some(7);
        let (sender, receiver) = watch::channel(None);
        let now = entry.received + jiff::SignedDuration::from_secs(passed);
        (sender, Stops::new(&entry, receiver, now))
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_limit_counts_from_the_command() {
        for (limit, passed, expected) in [(10, 0, 10), (10, 4, 6), (10, 60, 0)] {
            let (_sender, mut stops) = stops(Some(limit), passed);
            let start = Instant::now();
            assert_eq!(stops.next().await, (StopKind::SoftStop, StopReason::TimeLimit));
            assert_eq!(start.elapsed().as_secs(), expected);
            assert_eq!(stops.next().await, (StopKind::Kill, StopReason::TimeLimit));
            assert_eq!(start.elapsed().as_secs(), expected + 7);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn commands_only_get_stronger() {
        let (sender, mut stops) = stops(None, 0);
        sender.send_replace(Some(StopKind::SoftStop));
        assert_eq!(stops.next().await, (StopKind::SoftStop, StopReason::Command));
        sender.send_replace(Some(StopKind::SoftStop));
        let again = tokio::time::timeout(Duration::from_secs(3600), stops.next()).await;
        assert!(again.is_err());
        sender.send_replace(Some(StopKind::Kill));
        assert_eq!(stops.next().await, (StopKind::Kill, StopReason::Command));
    }

    #[tokio::test(start_paused = true)]
    async fn without_limit_and_agent_nothing_is_stopped() {
        let (sender, mut stops) = stops(None, 0);
        drop(sender);
        assert!(tokio::time::timeout(Duration::from_secs(3600), stops.next()).await.is_err());
    }
}
