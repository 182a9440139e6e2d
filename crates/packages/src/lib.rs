//! Packages and processes: package files, feeds, versions, upload and download, the NuGet surface, and processes
//! (releases), which are package versions deployed in folders.
//!
//! Wiring: [`register`] for the operations, [`PackageFiles`] as a duty, [`FolderReleases`] among the access crate's
//! `FolderContents`; whoever uses processes adds a [`releases::ReleaseUse`]. Jobs ask [`releases::for_start`] and
//! [`releases::current`]; the key of the NuGet surface is [`feeds::api_key`].

pub mod enums;
pub mod feeds;
pub mod nupkg;
pub mod releases;

mod codes;
mod files;
mod leaving;
mod neighbours;
mod nuget;
mod uploads;
mod versions;

pub use files::PackageFiles;
pub use leaving::TenantPackages;
pub use releases::FolderReleases;
pub use versions::{ENTRY_POINT, LIBRARY, PACKAGE};

use bandmaster_api::Registry;

/// Registers the operations of this crate.
pub fn register(r: &mut Registry) {
    feeds::register(r);
    versions::register(r);
    uploads::register(r);
    releases::register(r);
    nuget::register(r);
}
