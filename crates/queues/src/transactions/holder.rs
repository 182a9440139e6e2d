//! Who holds an item in progress. The job whose token took it is its holder. Once an item has gone back to the queue
//! (its lease ran out, it was returned or deferred), no other job may tell anything of it: that is a holder of before,
//! who comes late. Callers that are no job (people, applications) are not told apart and may end any item.

use crate::attempt::Attempt;
use bandmaster_core::{Error, Result, codes};

/// Refuses a job that held the item before.
pub fn is(item: &Attempt, job: Option<&str>) -> Result<()> {
    held(item.handovers, item.executor.as_deref(), job)
}

/// The same by how often the item went back and who holds it now.
pub fn held(handovers: i64, executor: Option<&str>, job: Option<&str>) -> Result<()> {
    match job {
        Some(job) if handovers > 0 && executor != Some(job) => Err(other()),
        _ => Ok(()),
    }
}

/// Refuses any job but the one that holds the item: for operations of our own, where no client expects more.
pub fn strictly(item: &Attempt, job: Option<&str>) -> Result<()> {
    match job {
        Some(job) if item.executor.as_deref() != Some(job) => Err(other()),
        _ => Ok(()),
    }
}

/// 409 with code 1865.
pub fn other() -> Error {
    Error::conflict(codes::QUEUE_ITEM_INVALID_TRANSITION, "The item is not held by this job, or not any more.")
}
