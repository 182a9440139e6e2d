//! The only place of the agent that reads the wall clock or makes random ids. What measures a
//! duration inside one run uses tokio's monotonic time and does not belong here.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Where the agent takes the time from. The default is the system's clock; tests pass their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `read` each time.
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A new random id, for the installation id that an agent makes once.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
