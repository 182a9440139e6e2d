//! Documents generated from the registry: the OpenAPI descriptions, the compatibility table. They cannot
//! claim what the router does not serve.

mod compatibility;
mod openapi;

pub use compatibility::compatibility;
pub use openapi::{Part, openapi};
