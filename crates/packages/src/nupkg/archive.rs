//! The archive around a package: opened, checked and unpacked within bounds. Lives here: everything
//! that is true of any hostile ZIP file. Not here: what the entries of a package mean.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::entry_name::normalize;
use super::text::clip;
use super::{Limits, PackageError};

/// The end record of an archive is at most this far from the end: itself, the longest comment, and
/// the ZIP64 locator before it.
const TAIL: u64 = 20 + 22 + 65_535;
const END_MAGIC: &[u8] = b"PK\x05\x06";
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;

/// An archive whose names, declared sizes and layout have passed the checks.
pub(crate) struct Archive<R: Read + Seek> {
    zip: ZipArchive<BufReader<Watched<R>>>,
    watch: Rc<Watch>,
    entries: Vec<Entry>,
    /// Lower-case path to place in `entries`.
    by_path: HashMap<String, usize>,
}

/// A plain file within the archive.
pub(crate) struct Entry {
    index: usize,
    /// Normalised path.
    pub(crate) path: String,
    /// The path in lower case.
    pub(crate) folded: String,
    size: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens the archive and checks all that can be known without unpacking.
    pub(crate) fn open(mut reader: R, limits: &Limits) -> Result<Self, PackageError> {
        if has_zip64_directory(&mut reader).map_err(PackageError::Io)? {
            return Err(PackageError::NotAnArchive(
                "it has a ZIP64 directory, which no package of an accepted size needs",
            ));
        }
        let watch = Rc::new(Watch::default());
        watch.budget.set(Some(limits.max_directory_bytes + TAIL));
        let reader = BufReader::new(Watched { inner: reader, watch: Rc::clone(&watch) });
        let zip = ZipArchive::new(reader).map_err(|e| watch.opening(&e))?;
        watch.budget.set(None);
        let mut archive = Self { zip, watch, entries: Vec::new(), by_path: HashMap::new() };
        archive.check_directory(limits)?;
        Ok(archive)
    }

    fn check_directory(&mut self, limits: &Limits) -> Result<(), PackageError> {
        let found = self.zip.len();
        if found > limits.max_entries {
            return Err(PackageError::TooManyEntries { found, limit: limits.max_entries });
        }
        if self.zip.has_duplicate_names() {
            return Err(PackageError::NotAnArchive("its directory names an entry more than once"));
        }
        let mut total = 0_u64;
        for index in 0..found {
            if let Some(entry) = self.check_entry(index, limits)? {
                total = total.saturating_add(entry.size);
                if total > limits.max_total_bytes {
                    return Err(PackageError::PackageTooLarge(limits.max_total_bytes));
                }
                if self.by_path.insert(entry.folded.clone(), self.entries.len()).is_some() {
                    return Err(PackageError::DuplicateEntry(clip(&entry.path)));
                }
                self.entries.push(entry);
            }
        }
        self.check_folders()?;
        match self.zip.has_overlapping_entries() {
            Ok(false) => Ok(()),
            Ok(true) => Err(PackageError::OverlappingEntries),
            Err(e) => Err(self.watch.opening(&e)),
        }
    }

    /// Checks one entry of the directory; `None` for a folder.
    fn check_entry(&self, index: usize, limits: &Limits) -> Result<Option<Entry>, PackageError> {
        let entry = self.zip.by_index_data(index).map_err(|e| self.watch.opening(&e))?;
        let raw = entry.name().map_err(|e| self.watch.opening(&e))?;
        let name = normalize(&raw).map_err(|reason| PackageError::BadEntryName { entry: clip(&raw), reason })?;
        // The upper half holds the Unix mode, whatever system the archive says it comes from.
        let kind = (entry.external_attributes() >> 16) & 0o170_000;
        if !matches!(kind, 0 | 0o100_000 | 0o040_000) || entry.is_symlink() {
            return Err(PackageError::SpecialEntry(clip(&name.path)));
        }
        if entry.encrypted() {
            return Err(PackageError::EncryptedEntry(clip(&name.path)));
        }
        if !matches!(entry.compression(), CompressionMethod::STORE | CompressionMethod::DEFLATE) {
            return Err(PackageError::UnsupportedCompression(clip(&name.path)));
        }
        let size = entry.size();
        check_size(&name.path, size, entry.compressed_size(), limits)?;
        if name.is_folder {
            return if size == 0 {
                Ok(None)
            } else {
                Err(PackageError::damaged(&name.path, "it is a folder with content"))
            };
        }
        Ok(Some(Entry { index, folded: name.path.to_lowercase(), path: name.path, size }))
    }

    /// No file may have the name of a folder that other files are in.
    fn check_folders(&self) -> Result<(), PackageError> {
        let mut seen: HashSet<&str> = HashSet::new();
        for entry in &self.entries {
            let mut rest = entry.folded.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/') {
                if !seen.insert(folder) {
                    break;
                }
                if self.by_path.contains_key(folder) {
                    return Err(PackageError::FileAndFolder(clip(folder)));
                }
                rest = folder;
            }
        }
        Ok(())
    }

    /// Unpacks every entry into nothing, which proves sizes and checksums. Returns the unpacked
    /// size of all entries.
    pub(crate) fn verify(&mut self, limits: &Limits) -> Result<u64, PackageError> {
        let mut total = 0_u64;
        let mut buffer = vec![0_u8; 64 << 10];
        for place in 0..self.entries.len() {
            let left = limits.max_total_bytes.saturating_sub(total);
            total += self.unpack(place, left, limits, &mut buffer, |_| {})?;
        }
        Ok(total)
    }

    /// The files of the archive.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The stored spelling of a path given in lower case.
    pub(crate) fn find(&self, folded: &str) -> Option<&Entry> {
        self.entries.get(*self.by_path.get(folded)?)
    }

    /// The content of the file with this path (any case), `None` when there is none. An error when
    /// it is larger than `max` bytes.
    pub(crate) fn read(&mut self, path: &str, max: u64, limits: &Limits) -> Result<Option<Vec<u8>>, PackageError> {
        let Some(&place) = self.by_path.get(&path.to_lowercase()) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        let mut buffer = vec![0_u8; 16 << 10];
        let bounded = Limits { max_entry_bytes: max.min(limits.max_entry_bytes), ..limits.clone() };
        self.unpack(place, u64::MAX, &bounded, &mut buffer, |bytes| {
            content.extend_from_slice(bytes);
        })?;
        Ok(Some(content))
    }

    /// Unpacks one entry, counting what really comes out.
    fn unpack(
        &mut self,
        place: usize,
        left_in_total: u64,
        limits: &Limits,
        buffer: &mut [u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<u64, PackageError> {
        let Some(entry) = self.entries.get(place) else {
            return Ok(0);
        };
        let watch = &self.watch;
        let mut file = self.zip.by_index(entry.index).map_err(|e| watch.entry(&entry.path, &e))?;
        let packed = file.compressed_size();
        check_size(&entry.path, entry.size, packed, limits)?;
        let mut size = 0_u64;
        loop {
            let n = match file.read(buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(watch.damage(&entry.path, "its content cannot be unpacked")),
            };
            size += n as u64;
            check_size(&entry.path, size, packed, limits)?;
            if size > left_in_total {
                return Err(PackageError::PackageTooLarge(limits.max_total_bytes));
            }
            take(buffer.get(..n).unwrap_or_default());
        }
        if size != entry.size {
            return Err(watch.damage(&entry.path, "its size is not the one declared"));
        }
        Ok(size)
    }
}

fn check_size(path: &str, size: u64, packed: u64, limits: &Limits) -> Result<(), PackageError> {
    if size > limits.max_entry_bytes {
        return Err(PackageError::EntryTooLarge { entry: clip(path), limit: limits.max_entry_bytes });
    }
    if size > limits.ratio_floor && size > packed.saturating_mul(limits.max_ratio) {
        return Err(PackageError::RatioTooHigh { entry: clip(path), limit: limits.max_ratio });
    }
    Ok(())
}

/// Whether the archive has a ZIP64 directory. Without one the number of entries fits in 16 bits,
/// so the directory can be parsed before their number is judged.
fn has_zip64_directory(reader: &mut (impl Read + Seek)) -> io::Result<bool> {
    let length = reader.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(TAIL);
    reader.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    reader.take(TAIL).read_to_end(&mut tail)?;
    let mut at = 0;
    while let Some(found) = find(tail.get(at..).unwrap_or_default(), END_MAGIC) {
        let end = at + found;
        if let Some(locator) = end.checked_sub(LOCATOR_BYTES)
            && tail.get(locator..).is_some_and(|t| t.starts_with(LOCATOR_MAGIC))
        {
            return Ok(true);
        }
        at = end + 1;
    }
    Ok(false)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// What became of reading the underlying file. A parser's error alone does not tell a damaged
/// package from a failing disk.
#[derive(Default)]
struct Watch {
    /// Bytes that may still be read; `None` for no bound.
    budget: Cell<Option<u64>>,
    exhausted: Cell<bool>,
    failed: Cell<Option<io::Error>>,
}

impl Watch {
    fn failure(&self) -> Option<PackageError> {
        self.failed.take().map(PackageError::Io)
    }

    /// The error for a failure to open the archive or to read its directory.
    fn opening(&self, error: &ZipError) -> PackageError {
        if let Some(failure) = self.failure() {
            return failure;
        }
        PackageError::NotAnArchive(match error {
            _ if self.exhausted.get() => "its directory is too large",
            ZipError::UnsupportedArchive(_) => "it uses a ZIP feature packages do not need",
            _ => "it is not a ZIP file, or it is damaged or cut off",
        })
    }

    /// The error for an entry that cannot be opened.
    fn entry(&self, path: &str, error: &ZipError) -> PackageError {
        self.damage(
            path,
            match error {
                ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
                    "it uses a ZIP feature packages do not need"
                }
                _ => "its content cannot be found in the file",
            },
        )
    }

    fn damage(&self, path: &str, reason: &'static str) -> PackageError {
        self.failure().unwrap_or_else(|| PackageError::damaged(path, reason))
    }
}

/// The underlying file, watched.
struct Watched<R> {
    inner: R,
    watch: Rc<Watch>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let buffer = match self.watch.budget.get() {
            Some(0) => {
                self.watch.exhausted.set(true);
                return Err(io::Error::other("read budget exhausted"));
            }
            Some(left) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                buffer.get_mut(..most).unwrap_or_default()
            }
            None => buffer,
        };
        match self.inner.read(buffer) {
            Ok(n) => {
                if let Some(left) = self.watch.budget.get() {
                    self.watch.budget.set(Some(left.saturating_sub(n as u64)));
                }
                Ok(n)
            }
            Err(e) => {
                if e.kind() != io::ErrorKind::Interrupted {
                    self.watch.failed.set(Some(io::Error::from(e.kind())));
                }
                Err(e)
            }
        }
    }
}

impl<R: Seek> Seek for Watched<R> {
    // A seek to before the start is the archive's fault, so errors here are not the disk's.
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}
