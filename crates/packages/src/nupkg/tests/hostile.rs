//! Archives made to harm: names, kinds of entries, manifests, damage. Sizes: `hostile_sizes`.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;

use super::support::{Raw, info, manifest, pack, pack_with_manifest, raw_archive, read_bytes, refusal};
use crate::nupkg::build::PackageBuilder;
use crate::nupkg::{Limits, PackageError, read};

#[test]
fn the_raw_writer_makes_readable_archives() {
    let bytes = raw_archive(&[Raw::new("content/a.txt", b"hello"), Raw::new("content/", b"")]);
    let found = read_bytes(&bytes).unwrap();
    assert_eq!(found.file_count, 2);
    assert_eq!(found.unpacked_size, 5 + manifest("").len() as u64);
}

#[test]
fn names_that_escape() {
    for (name, reason) in [
        ("../evil.txt", "dots or blanks"),
        ("content/../../evil.txt", "dots or blanks"),
        ("content\\..\\..\\evil.txt", "dots or blanks"),
        ("content/%2e%2e/evil.txt", "dots or blanks"),
        ("content/.. /evil.txt", "dots or blanks"),
        ("/etc/cron.d/evil", "absolute"),
        ("\\evil.txt", "absolute"),
        ("\\\\server\\share\\evil.txt", "absolute"),
        ("%2Fevil.txt", "absolute"),
        ("C:\\evil.txt", "drive letter"),
        ("c:evil.txt", "drive letter"),
        ("content/C:/evil.txt", "drive letter"),
        ("content/a\0.txt", "control character"),
        ("content/a%00.txt", "control character"),
        ("content/%ff.txt", "not UTF-8"),
        ("", "empty"),
    ] {
        let found = refusal(&raw_archive(&[Raw::new(name, b"x")]));
        assert!(found.contains(reason), "{name:?}: {found}");
        assert!(!found.chars().any(char::is_control), "{found:?}");
    }
    let long = refusal(&raw_archive(&[Raw::new("a".repeat(2000), b"x")]));
    assert!(long.contains("too long") && long.len() < 300, "{long}");
}

#[test]
fn names_that_clash() {
    let twice = |a: &str, b: &str| refusal(&raw_archive(&[Raw::new(a, b"1"), Raw::new(b, b"2")]));
    for (a, b, expected) in [
        ("content/a.txt", "content/A.TXT", "'content/A.TXT' stands in the package more than once"),
        ("content/a b", "content/a%20b", "more than once"),
        ("content/é", "content/É", "more than once"),
        ("content/a", "./content\\a", "more than once"),
        ("content/a", "content/a", "names an entry more than once"),
        ("content/a", "content/A/b/c", "'content/a' of the package is used both"),
        ("A.nuspec/x", "b", "both as a file and as a folder"),
    ] {
        let found = twice(a, b);
        assert!(found.contains(expected), "{a} {b}: {found}");
    }
}

#[test]
fn kinds_of_entries() {
    let with = |made_by: u16, mode: u32| {
        let mut entry = Raw::new("content/link", b"/etc/passwd");
        entry.made_by = made_by;
        entry.attributes = mode << 16;
        raw_archive(&[entry])
    };
    let unix = 3 << 8;
    for (made_by, mode) in [
        (unix, 0o120_777),
        (0, 0o120_777),
        (19 << 8, 0o120_777),
        (unix, 0o010_644),
        (unix, 0o020_644),
        (unix, 0o140_644),
    ] {
        let found = refusal(&with(made_by, mode));
        assert!(found.contains("link or special file"), "{mode:o}: {found}");
    }
    for mode in [0, 0o600, 0o100_644] {
        assert!(read_bytes(&with(unix, mode)).is_ok(), "{mode:o}");
    }

    let mut encrypted = Raw::new("content/secret", b"x");
    encrypted.flags = 1;
    assert!(refusal(&raw_archive(&[encrypted])).contains("'content/secret' of the package is encrypted"));

    let mut bzip = Raw::new("content/x.bz", b"x");
    bzip.method = 12;
    assert!(refusal(&raw_archive(&[bzip])).contains("compression method"));

    let folder = Raw::new("content/folder/", b"data");
    assert!(refusal(&raw_archive(&[folder])).contains("folder with content"));
}

#[test]
fn manifests() {
    let none = pack(&[("content/a.nuspec", b"x"), ("readme.txt", b"x")]);
    assert_eq!(refusal(&none), "The package has no .nuspec file at its root.");
    let text = manifest("");
    let two = pack(&[("A.nuspec", text.as_bytes()), ("b.NUSPEC", text.as_bytes())]);
    assert!(refusal(&two).contains("more than one .nuspec file at its root ('A.nuspec' and 'b.NUSPEC')"));
    let nested = info(&[("./A.nuspec", text.as_bytes()), ("content/b.nuspec", b"x")]);
    assert_eq!(nested.id.as_str(), "A");

    let bad = |content: &[u8]| refusal(&pack(&[("A.nuspec", content)]));
    let doctype = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{text}");
    assert!(bad(doctype.as_bytes()).contains("document type"));
    assert!(bad(manifest("<title>&a;</title>").as_bytes()).contains("entity 'a'"));
    assert!(bad(b"<package>\xE9</package>").contains("not UTF-8"));
    assert!(bad(text.replace("<id>A", "<id>../A").as_bytes()).contains("'../A' is not a valid package id"));
    assert!(bad(text.replace("1.0.0", "one").as_bytes()).contains("'one' is not a valid package version"));
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for good in [format!("\u{FEFF}{text}").into_bytes(), utf16] {
        assert_eq!(info(&[("A.nuspec", &good)]).id.as_str(), "A");
    }
}

#[test]
fn project_files() {
    let with = |name: &str, content: &[u8]| pack_with_manifest(&[(name, content)]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for name in [
        "content/project.json",
        "lib/net45/project.json",
        "content/operate.json",
        "content/entry-points.json",
        "content/bindings_v2.json",
    ] {
        let found = refusal(&with(name, deep.as_bytes()));
        assert!(found.contains(name) && found.contains("deeper than 64"), "{found}");
        let found = refusal(&with(name, b"{\"a\": "));
        assert!(found.contains(name) && found.contains("not JSON"), "{found}");
    }
    // Files that only add something do not stop a package.
    for name in ["content/bindings.json", "content/project.uiproj", "content/uipath.json"] {
        assert!(read_bytes(&with(name, deep.as_bytes())).is_ok(), "{name}");
    }
    // Any JSON of the wrong shape is taken as empty.
    for content in ["null", "[]", "1", "\"x\"", "{\"entryPoints\": {}, \"runtimeOptions\": 1}"] {
        for name in ["content/project.json", "content/operate.json", "content/entry-points.json"] {
            let found = read_bytes(&with(name, content.as_bytes())).unwrap();
            assert!(found.entry_points.is_empty(), "{name} {content}");
        }
    }
}

#[test]
fn not_an_archive() {
    for bytes in [&b""[..], b"PK", b"<html></html>", b"PK\x05\x06", &[0; 100]] {
        assert!(refusal(bytes).starts_with("The file is not a readable package archive:"));
    }
    let empty = pack(&[]);
    assert!(refusal(&empty).contains("no .nuspec"));
}

fn sample() -> Vec<u8> {
    let schema = serde_json::json!({"type": "object", "properties": {"a": {"type": "string"}}});
    PackageBuilder::new("demo-robot", "0.0.1")
        .function("main", "main.py:main", schema.clone(), schema)
        .file("main.py", "def main(a):\n    return a\n")
        .bindings(serde_json::json!([]))
        .build()
        .unwrap()
}

#[test]
fn cut_off_anywhere() {
    let whole = sample();
    assert!(read_bytes(&whole).is_ok());
    for length in (0..whole.len()).step_by(64).chain([whole.len() - 1]) {
        let error = read_bytes(&whole[..length]).expect_err("a cut-off package was accepted");
        assert!(error.is_callers_fault(), "{length}: {error:?}");
    }
}

#[test]
fn checksums_are_checked() {
    let mut entry = Raw::new("content/a.txt", b"hello");
    entry.crc ^= 1;
    assert!(refusal(&raw_archive(&[entry])).contains("'content/a.txt' of the package is damaged"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_anywhere(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = sample();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Err(error) = read_bytes(&bytes) {
            prop_assert!(error.is_callers_fault(), "{error:?}");
        }
    }

    #[test]
    fn garbage(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_bytes(&bytes);
        let mut tail = bytes.clone();
        tail.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x10\0\0\0\0\0\0\0\0\0");
        let _ = read_bytes(&tail);
    }
}

/// A file on a disk that fails after some bytes.
struct Failing {
    inner: Cursor<Vec<u8>>,
    left: usize,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n).ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))?;
        Ok(n)
    }
}

impl Seek for Failing {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

#[test]
fn a_failing_disk_is_not_the_packages_fault() {
    let bytes = sample();
    let mut failures = 0;
    for left in (0..100_000).step_by(500) {
        let reader = Failing { inner: Cursor::new(bytes.clone()), left };
        match read(reader, &Limits::default()) {
            Ok(_) => break,
            Err(PackageError::Io(_)) => failures += 1,
            Err(error) => panic!("{left}: {error:?}"),
        }
    }
    assert!(failures > 10, "{failures}");
}
