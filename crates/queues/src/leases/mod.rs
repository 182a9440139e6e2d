//! Leases: on a queue that wants it, an item that a job holds goes back once nothing was heard of the job for some
//! minutes, instead of being abandoned after a day.
//!
//! Signs of life are the start, each progress text, each renewal, and what the host tells of the running job in its
//! heartbeats. A job that waits suspended counts as alive. An item that was taken without a job's token has no lease:
//! nobody could say whether its holder lives, nor tell it from the next one. A day stays the limit for every item.

mod duty;
mod operations;

pub use duty::Leases;
pub use operations::register;

/// Longest lease in minutes; after that time an item is abandoned anyway.
pub const LONGEST: i64 = 1_440;
/// How often an attempt may lose its lease. The last time it is abandoned: what it holds seems to kill its robots.
pub const MOST_LOSSES: i64 = 5;
