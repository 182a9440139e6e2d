//! Figures about queues, added up from the history of items: by a duty into a few rows a queue, and for what the duty
//! has not reached yet at the moment of reading. No reader ever goes through items, and no claim waits for a counter.

mod fold;
mod series;
mod status;
mod sums;
mod totals;

pub use fold::{Folding, fold};
pub use sums::{Delta, Sums};
pub use totals::TOTALS;
pub(crate) use totals::remove;

use bandmaster_api::Registry;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("QueueProcessingRecords_RetrieveQueuesProcessingStatus", status::list);
    r.serve("QueueProcessingRecords_RetrieveLastDaysProcessingRecordsByDaysnoAndQueuedefinitionid", series::list)
        .also(&[404]);
}
