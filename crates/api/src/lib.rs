//! The mechanism between HTTP and the features: the registry of operations, the dispatcher, bodies, answers,
//! queries, units of work, duties, and the documents generated from all of that.
//!
//! Rules of resources do not live here; they live in the feature crates, which register their operations.

pub mod address;
pub mod admission;
pub mod app;
pub mod body;
pub mod call;
pub mod dispatch;
pub mod documents;
pub mod duties;
pub mod envelope;
pub mod folderwish;
pub mod gate;
pub mod gather;
pub mod handler;
pub mod housekeeping;
pub mod idempotency;
mod linger;
pub mod metrics;
pub mod nudges;
pub mod outgoing;
pub mod output;
pub mod query;
pub mod registry;
pub mod rights;
pub mod trace;
pub mod unit;

pub use app::{App, Parts, Settings};
pub use body::Fields;
pub use call::Call;
pub use duties::Duty;
pub use gate::{Authenticator, Folder, FolderWish, Gate, Tenant, TenantWish};
pub use outgoing::Outgoing;
pub use output::Output;
pub use registry::{Operation, Registry, Served, own};
pub use rights::{Folders, PermissionSet, Rights};
pub use unit::{Change, Fates, Unit, UnitContext};
