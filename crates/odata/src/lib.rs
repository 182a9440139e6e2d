//! OData without I/O: resource paths, query options, their binding to entity types, limits, plans,
//! SQL text, JSON from rows, evaluation in memory, route templates and the metadata document.
//!
//! The way of a list request:
//!
//! 1. [`options::query_pairs`] decodes the raw query, [`QueryOptions::from_pairs`] reads the options
//!    into syntax trees; nothing is known of any type yet.
//! 2. [`bind`] resolves every name against an entity type, checks types and limits and gives a [`Query`].
//! 3. [`Run::page`] (or [`sql::page`] and friends) turns it into statements that always carry the
//!    caller's visibility, and rows back into JSON.
//!
//! Lists that are computed and not stored go through [`memory::apply`] instead of 2 and 3.
//! Not here: HTTP, connections, permissions, the model itself.

mod bind;
mod error;
mod query;
mod run;
mod text;

pub mod edm;
pub mod json;
pub mod memory;
pub mod options;
pub mod path;
pub mod sql;
pub mod syntax;
pub mod template;
pub mod time;

pub use bind::{Limits, bind};
pub use error::ODataError;
pub use options::{Allowed, QueryOptions};
pub use query::{
    Class, Compare, Constant, DatePart, Expand, KeyValue, OrderTerm, Predicate, PropertyPath, Query, Scalar, TextTest,
};
pub use run::Run;
pub use text::{fold, fold_char};
