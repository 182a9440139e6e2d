//! The database layer: SQLite and PostgreSQL behind one async code path.
//!
//! - [`Store`] opens a database, migrates it, and gives out sessions.
//! - [`Conn`] runs statements; their text is the same for both engines, with
//!   `$1` placeholders and [`params!`].
//! - [`Unit`] is the only way to write; its [`Fate`] tells when an answer may leave.
//! - [`Migration`] describes the schema's history; [`fold`] compares names
//!   without regard to case.
//!
//! Not here: what the tables mean, and the plans of generic queries.

mod config;
mod conn;
mod convert;
mod error;
mod joint;
mod many;
mod metrics;
mod migration;
mod pg;
pub mod schema;
mod sqlite;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod unit;
mod value;

pub use bandmaster_core::text::fold;
pub use config::{Database, StoreConfig};
pub use conn::{Conn, Dialect};
pub use error::DbError;
pub use joint::Joint;
pub use many::{Kind, each, many};
pub use metrics::StoreMetrics;
pub use migration::Migration;
pub use store::Store;
pub use unit::{Fate, Unit};
pub use value::{FromValue, Row, Value};
