//! Placeholder.


use bandmaster_api::Registry;

/// Registers the operations of this crate.
pub fn register(_registry: &mut Registry) {}
