//! What the API talks about, as data: the published operations and types (`contract`), and how the
//! project's entity types map onto tables (`entity`). From these two come routing, access checks,
//! OData name resolution, `$metadata`, OpenAPI schemas and the select lists.
//!
//! No I/O and no behaviour lives here; the rules of a resource live in its feature crate.

pub mod contract;
pub mod entity;
mod types;

pub use contract::{Contract, FolderRule, OperationFacts, ParameterFacts, Permission, Place, contract};
pub use entity::{EntityType, EnumType, Kind, Link, Navigation, Property, Scope, Source};
pub use types::{PropertyDef, TypeBody, TypeDef, TypeRef, parse_types};
