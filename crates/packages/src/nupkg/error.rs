//! What can be wrong with a package, in words a caller may see. Not here: error codes and HTTP
//! statuses, which the API layer picks from [`PackageError::is_callers_fault`].

use std::io;

use super::text::clip;

/// Why a package, a package id, a version or a key was refused.
///
/// The `Display` text is meant for the body of a 400 answer: it names the entry or value at fault,
/// shortened and freed of control characters, and holds nothing of the server.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The bytes do not form an archive of the kind packages are.
    #[error("The file is not a readable package archive: {0}.")]
    NotAnArchive(&'static str),
    /// More entries than [`super::Limits::max_entries`].
    #[error("The package has {found} entries; at most {limit} are accepted.")]
    TooManyEntries {
        /// Entries found.
        found: usize,
        /// Entries allowed.
        limit: usize,
    },
    /// An entry's name could escape the folder it is unpacked to, or cannot be unpacked everywhere.
    #[error("Entry '{entry}' of the package has a name that is not accepted: {reason}.")]
    BadEntryName {
        /// The name as stored, shortened.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two entries have one name, or names that differ only in case.
    #[error("Entry '{0}' stands in the package more than once (upper and lower case count as one).")]
    DuplicateEntry(String),
    /// One name is used for a file and for the folder of another file.
    #[error("Entry '{0}' of the package is used both as a file and as a folder.")]
    FileAndFolder(String),
    /// A symbolic link, device or pipe.
    #[error("Entry '{0}' of the package is a link or special file; only plain files are accepted.")]
    SpecialEntry(String),
    /// An entry that needs a password.
    #[error("Entry '{0}' of the package is encrypted.")]
    EncryptedEntry(String),
    /// Neither stored nor deflated.
    #[error("Entry '{0}' of the package uses a compression method other than store and deflate.")]
    UnsupportedCompression(String),
    /// Entries share bytes, the mark of an archive made to blow up.
    #[error("The package's entries overlap each other in the file.")]
    OverlappingEntries,
    /// One entry is larger than allowed.
    #[error("Entry '{entry}' of the package is larger than the {limit} bytes accepted.")]
    EntryTooLarge {
        /// The entry.
        entry: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// All entries together are larger than [`super::Limits::max_total_bytes`].
    #[error("The package unpacks to more than the {0} bytes accepted.")]
    PackageTooLarge(u64),
    /// An entry is packed more tightly than [`super::Limits::max_ratio`] allows.
    #[error("Entry '{entry}' of the package unpacks to more than {limit} times its packed size.")]
    RatioTooHigh {
        /// The entry.
        entry: String,
        /// Ratio allowed.
        limit: u64,
    },
    /// An entry cannot be unpacked, or not to what the directory says of it.
    #[error("Entry '{entry}' of the package is damaged: {reason}.")]
    DamagedEntry {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no manifest at the root.
    #[error("The package has no .nuspec file at its root.")]
    NoManifest,
    /// There is more than one manifest at the root.
    #[error("The package has more than one .nuspec file at its root ('{0}' and '{1}').")]
    SeveralManifests(String, String),
    /// The manifest cannot be read or lacks something.
    #[error("The package manifest '{entry}' is not valid: {reason}.")]
    BadManifest {
        /// The manifest's entry.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A JSON file the server reads is not valid.
    #[error("Entry '{entry}' of the package is not valid: {reason}.")]
    BadJson {
        /// The JSON file.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More entry points than [`super::Limits::max_entry_points`].
    #[error("The package has {found} entry points; at most {limit} are accepted.")]
    TooManyEntryPoints {
        /// Entry points found.
        found: usize,
        /// Entry points allowed.
        limit: usize,
    },
    /// Not a package id.
    #[error("'{id}' is not a valid package id: {reason}.")]
    BadId {
        /// The text, shortened.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a version.
    #[error("'{version}' is not a valid package version: {reason}.")]
    BadVersion {
        /// The text, shortened.
        version: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a key of the form `id:version`.
    #[error("'{0}' is not a package key; a key has the form id:version.")]
    BadKey(String),
    /// The file could not be read (or, by the builder, written). The package is not to blame.
    #[error("The package file could not be read.")]
    Io(#[source] io::Error),
}

impl PackageError {
    /// Whether the package or text given is at fault (a 400), not the server's storage (a 500).
    pub fn is_callers_fault(&self) -> bool {
        !matches!(self, Self::Io(_))
    }

    pub(crate) fn manifest(entry: &str, reason: impl Into<String>) -> Self {
        Self::BadManifest { entry: clip(entry), reason: reason.into() }
    }

    pub(crate) fn json(entry: &str, reason: impl Into<String>) -> Self {
        Self::BadJson { entry: clip(entry), reason: reason.into() }
    }

    pub(crate) fn damaged(entry: &str, reason: &'static str) -> Self {
        Self::DamagedEntry { entry: clip(entry), reason }
    }

    pub(crate) fn id(text: &str, reason: &'static str) -> Self {
        Self::BadId { id: clip(text), reason }
    }

    pub(crate) fn version(text: &str, reason: &'static str) -> Self {
        Self::BadVersion { version: clip(text), reason }
    }
}
