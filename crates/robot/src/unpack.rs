//! Unpacking the `content/` folder of a package. A package is foreign input: names are normalised
//! and checked, links and dot-files are never written, and count, size and ratio are limited.
//! Where packages come from is told in `package.rs`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

/// What a package may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Entries in the whole archive.
    pub entries: usize,
    /// Unpacked bytes of all written files together.
    pub bytes: u64,
    /// Unpacked bytes for each packed byte of one file, once it is larger than `ratio_from`.
    pub ratio: u64,
    pub ratio_from: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 50_000, bytes: 4 << 30, ratio: 200, ratio_from: 16 << 20 }
    }
}

/// Unpacks `content/` of the archive into the existing, empty folder `target`. The error text is
/// fit for the job's error. What was written before the error stays.
pub(crate) fn unpack_content(archive: File, target: &Path, limits: Limits) -> Result<(), String> {
    let mut archive = ZipArchive::new(archive).map_err(|error| format!("not a ZIP file: {error}"))?;
    if archive.len() > limits.entries {
        return Err(format!("more than {} entries", limits.entries));
    }
    let mut left = limits.bytes;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = entry.name().map_err(|error| error.to_string())?.into_owned();
        let Some(path) = content_path(&name)? else { continue };
        if entry.is_symlink() {
            return Err(format!("the entry {name:?} is a link"));
        }
        let to = target.join(&path);
        let io_error = |error: io::Error| format!("{name}: {error}");
        if entry.is_dir() {
            fs::create_dir_all(&to).map_err(io_error)?;
            continue;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(io_error)?;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        // Two entries with one name are an attack on readers that check the other one.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&to).map_err(io_error)?;
        // The sizes in the archive's directory are the sender's word only; count what comes out.
        let packed = entry.compressed_size().max(1);
        let by_ratio = packed.saturating_mul(limits.ratio).max(limits.ratio_from);
        let allowed = left.min(by_ratio);
        let written = io::copy(&mut (&mut entry).take(allowed.saturating_add(1)), &mut file).map_err(io_error)?;
        if written > allowed {
            return Err(if allowed == left {
                format!("more than {} bytes unpacked", limits.bytes)
            } else {
                format!("the entry {name:?} is packed suspiciously well")
            });
        }
        left -= written;
        if executable {
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).map_err(io_error)?;
        }
    }
    Ok(())
}

/// The path below the target of an entry below `content/`; `None` for what is not unpacked.
/// Names that try to lead elsewhere are errors wherever they stand in the archive.
fn content_path(name: &str) -> Result<Option<PathBuf>, String> {
    let decoded = percent_decode(name).ok_or_else(|| format!("unreadable entry name {name:?}"))?;
    let decoded = decoded.replace('\\', "/");
    let bad = || format!("the entry name {name:?} leads out of the package");
    if decoded.starts_with('/') || decoded.contains('\0') {
        return Err(bad());
    }
    let mut parts = Vec::new();
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(bad()),
            // `C:` or a stream of a file, neither of which a package needs.
            part if part.contains(':') => return Err(bad()),
            part => parts.push(part),
        }
    }
    match parts.split_first() {
        Some((first, rest)) if first.eq_ignore_ascii_case("content") && !rest.is_empty() => {
            // Above all `.env`, which would override the environment of the job.
            if rest.iter().any(|part| part.starts_with('.')) {
                return Ok(None);
            }
            Ok(Some(rest.iter().collect()))
        }
        _ => Ok(None),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let digits = bytes
            .get(index + 1..index + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, digits) {
            (b'%', Some(value)) => {
                out.push(value);
                index += 3;
            }
            _ => {
                out.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Cursor, Write};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn unpack(bytes: &[u8], limits: Limits) -> (tempfile::TempDir, Result<(), String>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.nupkg");
        fs::write(&file, bytes).unwrap();
        let target = dir.path().join("target");
        fs::create_dir(&target).unwrap();
        let result = unpack_content(File::open(file).unwrap(), &target, limits);
        (dir, result)
    }

    #[test]
    fn content_alone_is_unpacked() {
        let bytes = archive(&[
            ("hello.nuspec", b"x"),
            ("./package/core.psmdcp", b"x"),
            ("content/main.py", b"main"),
            ("./content/a%20b/c.txt", b"c"),
            ("content\\win\\d.txt", b"d"),
            ("content/.env", b"UIPATH_URL=x"),
            ("content/sub/.git/config", b"x"),
            ("content/%2eenv", b"x"),
            ("content/100%.txt", b"x"),
            ("contents/no.txt", b"x"),
        ]);
        let (dir, result) = unpack(&bytes, Limits::default());
        result.unwrap();
        let target = dir.path().join("target");
        for there in ["main.py", "a b/c.txt", "win/d.txt", "100%.txt"] {
            assert!(target.join(there).is_file(), "{there}");
        }
        for absent in [".env", "sub", "hello.nuspec", "no.txt", "content"] {
            assert!(!target.join(absent).exists(), "{absent}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "content/../../evil",
            "../evil",
            "content/..\\..\\evil",
            "content/%2e%2e/%2e%2e/evil",
            "content/..%2f..%2fevil",
            "/etc/evil",
            "\\evil",
            "%2fevil",
            "C:/evil",
            "content/C:evil",
            "content/a\0b",
        ] {
            let (dir, result) = unpack(&archive(&[(name, b"x")]), Limits::default());
            assert!(result.is_err(), "{name:?}");
            assert!(!dir.path().join("evil").exists());
            assert_eq!(fs::read_dir(dir.path().join("target")).unwrap().count(), 0, "{name:?}");
        }
    }

    #[test]
    fn links_and_double_names_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("content/out", "/etc", SimpleFileOptions::default()).unwrap();
        writer.start_file("content/out/passwd", SimpleFileOptions::default()).unwrap();
        let (dir, result) = unpack(&writer.finish().unwrap().into_inner(), Limits::default());
        assert!(result.unwrap_err().contains("link"));
        assert!(!dir.path().join("target/out").exists());

        let bytes = archive(&[("content/a", b"1"), ("content/./a", b"2")]);
        unpack(&bytes, Limits::default()).1.unwrap_err();
    }

    #[test]
    fn bombs_are_refused() {
        let zeros = vec![0u8; 1 << 20];
        let one = archive(&[("content/a", &zeros)]);
        let two = archive(&[("content/a", &zeros), ("content/b", &zeros)]);
        let small = Limits { entries: 2, bytes: 3 << 19, ratio: 1 << 20, ratio_from: 0 };
        unpack(&one, small).1.unwrap();
        assert!(unpack(&two, small).1.unwrap_err().contains("bytes"));
        let ratio = Limits { ratio: 10, ratio_from: 1 << 19, ..Limits::default() };
        assert!(unpack(&one, ratio).1.unwrap_err().contains("packed"));
        let few = Limits { entries: 1, ..Limits::default() };
        assert!(unpack(&two, few).1.unwrap_err().contains("entries"));
        unpack(b"not a zip", Limits::default()).1.unwrap_err();
    }

    #[test]
    fn executable_files_stay_executable() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        writer.start_file("content/run", options.unix_permissions(0o4755)).unwrap();
        writer.start_file("content/data", options.unix_permissions(0o666)).unwrap();
        let (dir, result) = unpack(&writer.finish().unwrap().into_inner(), Limits::default());
        result.unwrap();
        let mode = |name: &str| {
            let meta = fs::metadata(dir.path().join("target").join(name)).unwrap();
            meta.permissions().mode() & 0o7777
        };
        assert_eq!((mode("run"), mode("data")), (0o755, 0o644));
    }

    proptest! {
        #[test]
        fn no_name_leads_out(name in "(content/|\\./|)?([.%/\\\\:a-c0-9]|%2e|%2f|%5c|\\.\\.){0,24}") {
            if let Ok(Some(path)) = content_path(&name) {
                prop_assert!(path.components().all(|part| matches!(
                    part,
                    std::path::Component::Normal(part) if !part.to_string_lossy().starts_with('.')
                )));
                prop_assert!(path.components().next().is_some());
            }
        }
    }
}
