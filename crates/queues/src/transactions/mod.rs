//! Transactions: taking items, telling progress, reporting results. A transaction is an item in progress.

mod claim;
mod end;
mod filter;
pub(crate) mod give_back;
pub(crate) mod holder;
mod progress;
mod result;
mod start;
mod wait;

use bandmaster_api::Registry;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Queues_StartTransaction", wait::start)
        .evented()
        .takes("waitSeconds", "int32")
        .takes("$filter", "string")
        .also(&[404, 409])
        .events(&["queueItem.transactionStarted", "queueItem.added"]);
    r.serve("QueueItems_SetTransactionProgressById", progress::set).telemetry().also(&[404, 409]);
    r.serve("Queues_SetTransactionResultById", result::set).evented().also(&[404]).events(&[
        "queueItem.transactionCompleted",
        "queueItem.transactionFailed",
        "queueItem.deferred",
        "queueItem.added",
    ]);
    give_back::register(r);
}
