//! The fleet: machines and their slots, the sessions of their hosts, the robots of accounts, and where machines are
//! assigned.
//!
//! Other features use it through plain functions inside their own units: [`machines::by_license_key`],
//! [`sessions::start`], [`sessions::heartbeat`], [`sessions::stop`], [`sessions::eligible`], [`robots::of_folder`],
//! [`machines::account_limits`]. What fleet wants to know of jobs it asks through the parts in [`jobs`]. How jobs are
//! handed out, and the calls of robots over HTTP, live in the automation crate.

mod computed;
mod credentials;
pub mod enums;
pub mod folders;
pub mod jobs;
mod leaving;
pub mod licences;
pub mod machines;
mod neighbours;
mod parts;
pub mod robots;
pub mod sessions;
mod sql;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
pub mod topics;

pub use credentials::Credentials;
pub use jobs::{LiveJobs, RunningJobs, TriggerTargets, Usage};
pub use neighbours::folder_path;
pub use parts::Fleet;

use bandmaster_api::{Duty, Registry};
use std::sync::Arc;

/// Registers all operations of the fleet.
pub fn register(r: &mut Registry) {
    machines::register(r);
    robots::register(r);
    sessions::register(r);
    folders::register(r);
    licences::register(r);
}

/// The fleet's background duties.
pub fn duties() -> Vec<Arc<dyn Duty>> {
    vec![Arc::new(sessions::health::SessionHealth), Arc::new(sessions::stale::StaleSessions)]
}
