//! Jobs: starting them, handing them to robots, and the calls of robots about them.
//!
//! `jobs` are the jobs themselves, `dispatch` decides who runs which and watches over them, `robots` is the
//! robot service. What jobs ask of other features stands in `parts` (attachments, alerts, settings); `provided` is
//! what other features ask of jobs. Packages and processes are the packages crate's, robots,
//! machines and sessions the fleet's.

pub mod dispatch;
pub mod jobs;
mod leaving;
mod neighbours;
pub mod parts;
pub mod provided;
pub mod robots;
pub mod topics;

pub use parts::{AttachmentFacts, Attachments, JobAlerts, JobSettings, OverdueJob};
pub use provided::Jobs;

use bandmaster_api::{Duty, Registry};
use std::sync::Arc;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    jobs::register(r);
    robots::register(r);
}

/// The background duties of this crate; any number of nodes may run them.
pub fn duties() -> Vec<Arc<dyn Duty>> {
    vec![Arc::new(dispatch::Dispatcher), Arc::new(dispatch::JobWatch::default())]
}
