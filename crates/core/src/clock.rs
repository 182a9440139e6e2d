//! Time as an argument. Feature code asks a [`Clock`]; tests move one by hand.

use crate::time::Micros;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time. Microseconds since 1970 in UTC.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Micros;

    /// How long a waiter that wants to wake at `until` should really sleep before it looks again.
    /// A clock that is moved by hand answers a short time, so that moving it has its effect soon.
    fn pause(&self, until: Micros) -> std::time::Duration {
        let left = until.saturating_sub(self.now()).max(0);
        std::time::Duration::from_micros(left.unsigned_abs())
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands until it is moved. For tests and simulations.
#[derive(Debug)]
pub struct MovableClock {
    now: Mutex<Micros>,
}

impl MovableClock {
    /// A clock that stands at `now`.
    pub fn at(now: Micros) -> MovableClock {
        MovableClock { now: Mutex::new(now) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    }

    /// Sets the clock.
    pub fn set(&self, to: Micros) {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to;
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Micros {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn pause(&self, until: Micros) -> std::time::Duration {
        let left = until.saturating_sub(self.now()).max(0);
        std::time::Duration::from_micros(left.unsigned_abs()).min(std::time::Duration::from_millis(5))
    }
}

/// Microseconds in a second.
pub const SECOND: Micros = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: Micros = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: Micros = 60 * MINUTE;
/// Microseconds in a day.
pub const DAY: Micros = 24 * HOUR;
