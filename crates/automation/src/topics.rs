//! Topics that jobs nudge.

/// There may be a job to place or a slot to fill.
pub const DISPATCH: &str = "dispatch";

/// A job changed its state.
pub const JOBS: &str = "jobs";

/// The time at which something is due may have come closer.
pub const TIMERS: &str = "job-timers";
