//! Queues: definitions, items, transactions. Work that must be done once, in order, with retries and a history.
//!
//! Served so far is the core; comments, events, statistics, schemas and retention are not here yet.

pub mod contents;
pub mod definitions;
pub mod items;
pub mod transactions;

use bandmaster_api::Registry;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    definitions::register(r);
    items::register(r);
    transactions::register(r);
}
