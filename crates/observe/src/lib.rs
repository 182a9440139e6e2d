//! What can be seen of the running system: robot logs, settings, statistics, status.
//!
//! Server logs and metrics are not here (`server::logging`, `api::metrics`). What this crate reads of other features'
//! tables stands in `neighbours`.

pub mod audit;
pub mod exports;
mod leaving;
pub mod logs;
mod neighbours;
mod reachability;
pub mod settings;
mod stats;
mod status;

pub use leaving::TenantRecords;

use bandmaster_api::Registry;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    logs::register(r);
    settings::register(r);
    stats::register(r);
    status::register(r);
    reachability::register(r);
    exports::register(r);
    audit::register(r);
}
