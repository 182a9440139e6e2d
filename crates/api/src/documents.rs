//! Documents generated from the registry: the OpenAPI descriptions, the compatibility table. They cannot
//! claim what the router does not serve.

mod compatibility;
mod metadata;
mod openapi;

pub use compatibility::compatibility;
pub use metadata::{Metadata, metadata};
pub use openapi::{Part, openapi};
