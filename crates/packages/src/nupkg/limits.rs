//! The bounds within which a package is read. Lives here: the numbers and why they are what they
//! are. Not here: the size of an upload, which the HTTP layer bounds before a package is read.

/// Bounds on one package; everything beyond is refused with an error that names the bound.
///
/// All sizes are bytes. The defaults leave room for every package seen in the field and keep the
/// memory needed to read one within a few dozen megabytes, whatever the archive claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries in the archive, folders included. The classic ZIP directory cannot hold more than
    /// 65,535, so a higher value has no effect.
    pub max_entries: usize,
    /// Bytes that may be read while the archive's directory is located and parsed.
    pub max_directory_bytes: u64,
    /// Unpacked size of all entries together.
    pub max_total_bytes: u64,
    /// Unpacked size of one entry.
    pub max_entry_bytes: u64,
    /// Unpacked bytes per packed byte of one entry; judged only above [`Limits::ratio_floor`].
    pub max_ratio: u64,
    /// Unpacked size up to which an entry's ratio is not judged: small files of blanks are normal.
    pub ratio_floor: u64,
    /// Unpacked size of the manifest (`.nuspec`).
    pub max_nuspec_bytes: u64,
    /// Unpacked size of each JSON file that is read.
    pub max_json_bytes: u64,
    /// Nesting of a JSON file that is read. Values above 120 have no effect.
    pub max_json_depth: usize,
    /// Values (members, elements) in one JSON file that is read.
    pub max_json_values: usize,
    /// Entry points of one package.
    pub max_entry_points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 20_000,
            max_directory_bytes: 8 << 20,
            max_total_bytes: 2 << 30,
            max_entry_bytes: 1 << 30,
            max_ratio: 250,
            ratio_floor: 4 << 20,
            max_nuspec_bytes: 1 << 20,
            max_json_bytes: 16 << 20,
            max_json_depth: 64,
            max_json_values: 500_000,
            max_entry_points: 5_000,
        }
    }
}
