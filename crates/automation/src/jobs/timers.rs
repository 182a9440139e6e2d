//! When something is due for a job because of the time: stop, kill, alerts, the end of a kill that nobody
//! answered. Pure; [`crate::dispatch::watch`] acts on it.

use super::enums::{KILL, SOFT_STOP};
use super::state::State;
use bandmaster_core::clock::{MINUTE, SECOND};

/// How long a job may be Terminating before it counts as Faulted.
pub const TERMINATING_AT_MOST: i64 = 1440 * MINUTE;

/// Bit of [`Limits::alerted`]: it waited too long, and that was told.
pub const ALERTED_PENDING: i64 = 1;
/// Bit of [`Limits::alerted`]: it runs too long, and that was told.
pub const ALERTED_RUNNING: i64 = 2;

/// Limits of a job's time; lengths in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// When it was made.
    pub created_at: i64,
    /// When it first ran.
    pub started_at: Option<i64>,
    /// How it is stopped at its limit; a soft stop unless said otherwise.
    pub strategy: Option<i64>,
    /// After how long, counted from its making, it is stopped.
    pub stop_after: Option<i64>,
    /// How long after a soft stop it is killed.
    pub kill_after: Option<i64>,
    /// After how long waiting is worth an alert.
    pub alert_pending: Option<i64>,
    /// After how long running is worth an alert.
    pub alert_running: Option<i64>,
    /// Which alerts were raised.
    pub alerted: i64,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Stop it so.
    Stop(i64),
    /// Tell that it waits too long.
    AlertPending,
    /// Tell that it runs too long.
    AlertRunning,
    /// It did not die.
    Give,
}

fn after(moment: i64, seconds: i64) -> i64 {
    moment.saturating_add(seconds.saturating_mul(SECOND))
}

impl Limits {
    /// The stop at the limit.
    fn stop(&self) -> Option<(i64, Due)> {
        let strategy = self.strategy.unwrap_or(SOFT_STOP);
        self.stop_after.map(|s| (after(self.created_at, s), Due::Stop(strategy)))
    }

    /// What comes next for a job that is in this state since then, and when.
    pub fn next(&self, state: State, since: i64) -> Option<(i64, Due)> {
        match state {
            State::Pending | State::Resumed | State::Suspended => {
                let untold = self.alerted & ALERTED_PENDING == 0 && state == State::Pending;
                let alert = self.alert_pending.filter(|_| untold);
                earlier(self.stop(), alert.map(|s| (after(self.created_at, s), Due::AlertPending)))
            }
            State::Running => {
                let untold = self.alerted & ALERTED_RUNNING == 0;
                let alert = self.alert_running.filter(|_| untold);
                let from = self.started_at.unwrap_or(since);
                earlier(self.stop(), alert.map(|s| (after(from, s), Due::AlertRunning)))
            }
            State::Stopping => self.kill_after.map(|s| (after(since, s), Due::Stop(KILL))),
            State::Terminating => Some((since.saturating_add(TERMINATING_AT_MOST), Due::Give)),
            State::Faulted | State::Successful | State::Stopped => None,
        }
    }

    /// When to look at the job again.
    pub fn due_at(&self, state: State, since: i64) -> Option<i64> {
        self.next(state, since).map(|(at, _)| at)
    }

    /// Seconds that a job about to start has left, and those between its soft stop and the kill, when both can be
    /// left to the agent. A soft stop that is never followed by a kill cannot: agents kill after a while.
    pub fn for_agent(&self, now: i64) -> (Option<i64>, Option<i64>) {
        let grace = match (self.strategy.unwrap_or(SOFT_STOP), self.kill_after) {
            (KILL, _) => Some(0),
            (_, kill) => kill,
        };
        match (self.stop_after, grace) {
            (Some(stop), Some(grace)) => {
                let left = after(self.created_at, stop).saturating_sub(now).max(0);
                (Some((left + SECOND - 1) / SECOND), Some(grace))
            }
            _ => (None, None),
        }
    }
}

fn earlier(a: Option<(i64, Due)>, b: Option<(i64, Due)>) -> Option<(i64, Due)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = SECOND;

    #[test]
    fn what_is_due_and_when() {
        let limits = Limits {
            created_at: 1_000 * S,
            started_at: Some(1_100 * S),
            strategy: None,
            stop_after: Some(500),
            kill_after: Some(60),
            alert_pending: Some(30),
            alert_running: Some(200),
            alerted: 0,
        };
        let told = Limits { alerted: 3, ..limits.clone() };
        let hard = Limits { strategy: Some(KILL), alerted: 3, ..limits.clone() };
        let none = Limits { created_at: 1_000 * S, ..Limits::default() };
        let since = 1_600 * S;
        let cases = [
            (&limits, State::Pending, Some((1_030 * S, Due::AlertPending))),
            (&told, State::Pending, Some((1_500 * S, Due::Stop(SOFT_STOP)))),
            (&limits, State::Suspended, Some((1_500 * S, Due::Stop(SOFT_STOP)))),
            (&limits, State::Running, Some((1_300 * S, Due::AlertRunning))),
            (&told, State::Running, Some((1_500 * S, Due::Stop(SOFT_STOP)))),
            (&hard, State::Running, Some((1_500 * S, Due::Stop(KILL)))),
            (&limits, State::Stopping, Some((1_660 * S, Due::Stop(KILL)))),
            (&none, State::Stopping, None),
            (&none, State::Terminating, Some((since + TERMINATING_AT_MOST, Due::Give))),
            (&none, State::Pending, None),
            (&none, State::Running, None),
            (&limits, State::Faulted, None),
            (&limits, State::Successful, None),
            (&limits, State::Stopped, None),
        ];
        for (limits, state, want) in cases {
            assert_eq!(limits.next(state, since), want, "{state:?} {limits:?}");
        }
    }

    #[test]
    fn agents_are_told_what_is_left() {
        let limits = |strategy, stop_after, kill_after| Limits {
            created_at: 0,
            strategy,
            stop_after,
            kill_after,
            ..Limits::default()
        };
        let cases = [
            (limits(None, Some(100), None), (None, None)),
            (limits(None, Some(100), Some(5)), (Some(60), Some(5))),
            (limits(Some(KILL), Some(100), None), (Some(60), Some(0))),
            (limits(Some(KILL), Some(10), None), (Some(0), Some(0))),
            (limits(None, None, Some(5)), (None, None)),
        ];
        for (limits, want) in cases {
            assert_eq!(limits.for_agent(40 * S), want, "{limits:?}");
        }
    }
}
