//! Queues: definitions, items, transactions. Work that must be done once, in order, with retries and a history.
//!
//! Webhooks, queue triggers and the storage buckets are other crates' business; queues only tell what happened, and ask
//! for a bucket where old items go (`parts`).

pub mod abandon;
pub mod actions;
pub mod attempt;
mod codes;
pub mod comments;
pub mod contents;
pub mod definitions;
pub mod figures;
pub mod history;
pub mod items;
pub mod leases;
mod leaving;
pub mod parts;
pub mod retention;
pub mod schemas;
mod sheets;
pub mod transactions;

use bandmaster_api::{Duty, Registry};
use std::sync::Arc;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    actions::register(r);
    comments::register(r);
    definitions::register(r);
    figures::register(r);
    history::register(r);
    items::register(r);
    leases::register(r);
    retention::register(r);
    sheets::register(r);
    transactions::register(r);
}

/// The background duties of this crate.
pub fn duties() -> Vec<Arc<dyn Duty>> {
    vec![
        Arc::new(abandon::Abandoning),
        Arc::new(actions::Actions::default()),
        Arc::new(figures::Folding::default()),
        Arc::new(leases::Leases::default()),
        Arc::new(retention::Retention),
    ]
}
