//! What can be seen of the running system: robot logs, settings, status.
//!
//! Server logs and metrics are not here (`server::logging`, `api::metrics`).

pub mod logs;
pub mod settings;
mod status;

use bandmaster_api::Registry;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    logs::register(r);
    settings::register(r);
    status::register(r);
}
