//! Package files (`.nupkg`): what is in them, read with distrust, and how to make one.
//!
//! A package is a ZIP file with a NuGet manifest and, below `content/` or `lib/`, either a coded
//! project (Python functions and agents) or a Studio project. [`read`] checks the archive, unpacks
//! all of it into nothing to prove sizes and checksums, and returns what the API shows.
//!
//! Here: archive safety, manifest, project files, versions, ids and keys, the array form of
//! arguments, a package builder. Not here: storage, feeds, uploads, releases, and unpacking to disk
//! (which has to use [`entry_name::normalize`] for the names).

mod archive;
mod arguments;
mod bindings;
pub mod build;
mod digest;
pub mod entry_name;
mod entry_points;
mod error;
mod id;
mod info;
mod json;
mod kind;
mod limits;
mod nuspec;
#[cfg(test)]
mod tests;
mod text;
mod version;

use std::io::{Read, Seek};

pub use arguments::Argument;
pub use bindings::Binding;
pub(crate) use digest::derived_guid;
pub use digest::{Fingerprint, sha256};
pub use entry_points::EntryPoint;
pub use error::PackageError;
pub use id::{PackageId, PackageKey};
pub use info::PackageInfo;
pub use kind::{PackageKind, TargetFramework};
pub use limits::Limits;
pub use nuspec::Dependency;
pub use version::Version;

/// Reads a package. The reader is read from its start, whatever its position.
///
/// Takes time in proportion to the unpacked size (bounded by `limits`), so call it off the threads
/// that serve requests. Memory stays at a few times the largest JSON file. Every error but
/// [`PackageError::Io`] is the package's fault and fit to be shown.
pub fn read(reader: impl Read + Seek, limits: &Limits) -> Result<PackageInfo, PackageError> {
    info::read(reader, limits)
}
