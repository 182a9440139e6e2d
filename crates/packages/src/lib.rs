//! Packages and libraries: feeds, versions, upload and download, the NuGet surface.

pub mod nupkg;

use bandmaster_api::Registry;

/// Registers the operations of this crate.
pub fn register(_registry: &mut Registry) {}
