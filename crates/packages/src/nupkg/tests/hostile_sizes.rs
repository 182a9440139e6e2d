//! Archives made to exhaust memory, disk or time.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::support::{Raw, crc32, deflate, manifest, pack_with_manifest, raw_archive, refusal};
use crate::nupkg::{Limits, PackageError, read};

fn refused(bytes: &[u8], limits: &Limits) -> PackageError {
    read(Cursor::new(bytes), limits).expect_err("the package was accepted")
}

#[test]
fn a_plain_bomb() {
    let zeros = vec![0; 8 << 20];
    let bytes = pack_with_manifest(&[("content/zeros", &zeros)]);
    assert!(bytes.len() < 64 << 10);
    assert_eq!(refusal(&bytes), "Entry 'content/zeros' of the package unpacks to more than 250 times its packed size.");
    // Small files may be as empty as they like.
    let small = pack_with_manifest(&[("content/zeros", &zeros[..4 << 20])]);
    assert!(read(Cursor::new(&small), &Limits::default()).is_ok());
}

#[test]
fn a_bomb_that_claims_to_be_small() {
    let zeros = vec![0; 8 << 20];
    let packed = deflate(&zeros);
    for size in [0, 1, 1000, 4 << 20, (8 << 20) - 1] {
        let mut entry = Raw::new("content/zeros", b"");
        entry.content.clone_from(&packed);
        entry.method = 8;
        entry.crc = crc32(&zeros);
        entry.size = size;
        let found = refused(&raw_archive(&[entry]), &Limits::default());
        assert!(
            matches!(found, PackageError::DamagedEntry { .. } | PackageError::RatioTooHigh { .. }),
            "{size}: {found:?}"
        );
    }
}

#[test]
fn an_entry_that_claims_to_be_large() {
    for size in [6, 1 << 20, u32::MAX - 1] {
        let mut entry = Raw::new("content/a.txt", b"hello");
        entry.size = size;
        let limits =
            Limits { max_entry_bytes: u64::MAX, max_total_bytes: u64::MAX, max_ratio: u64::MAX, ..Limits::default() };
        let found = refused(&raw_archive(&[entry]), &limits);
        assert!(matches!(found, PackageError::DamagedEntry { .. }), "{size}: {found:?}");
    }
}

#[test]
fn sizes_of_one_and_of_all() {
    let noise = |seed: u32| -> Vec<u8> {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..1000).map(step).collect()
    };
    let bytes = pack_with_manifest(&[("content/a", &noise(1)), ("content/b", &noise(2)), ("content/c", &noise(3))]);
    let total = 3000 + manifest("").len() as u64;
    let with = |max_entry_bytes, max_total_bytes| Limits { max_entry_bytes, max_total_bytes, ..Limits::default() };
    assert!(read(Cursor::new(&bytes), &with(1000, total)).is_ok());
    assert!(matches!(refused(&bytes, &with(999, total)), PackageError::EntryTooLarge { limit: 999, .. }));
    assert!(matches!(refused(&bytes, &with(1000, total - 1)), PackageError::PackageTooLarge(_)));
}

#[test]
fn files_that_are_parsed_have_bounds_of_their_own() {
    let note = "x".repeat(1 << 20);
    let bytes =
        super::support::pack(&[("A.nuspec", manifest(&format!("<description>{note}</description>")).as_bytes())]);
    assert_eq!(refusal(&bytes), "Entry 'A.nuspec' of the package is larger than the 1048576 bytes accepted.");
    let mut json = b"\"".to_vec();
    let mut state = 1_u32;
    json.extend((0..(16 << 20)).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 28) as u8
    }));
    json.push(b'"');
    let bytes = pack_with_manifest(&[("content/operate.json", &json)]);
    assert!(refusal(&bytes).contains("larger than the 16777216 bytes"));
    let bytes = pack_with_manifest(&[("content/uipath.json", &json)]);
    assert!(read(Cursor::new(&bytes), &Limits::default()).is_ok());
}

#[test]
fn too_many_entries() {
    let entries: Vec<Raw> = (0..30_000).map(|i| Raw::new(format!("content/{i}"), b"")).collect();
    assert!(matches!(
        refused(&raw_archive(&entries), &Limits::default()),
        PackageError::TooManyEntries { found: 30_001, limit: 20_000 }
    ));
    let at_limit = Limits { max_entries: 20_000, ..Limits::default() };
    assert!(read(Cursor::new(raw_archive(&entries[..19_999])), &at_limit).is_ok());
}

#[test]
fn a_hundred_thousand_entries() {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..100_000 {
        let name = format!("content/{i}");
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
    }
    archive.start_file("A.nuspec", SimpleFileOptions::default()).unwrap();
    archive.write_all(manifest("").as_bytes()).unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    assert!(refusal(&bytes).contains("ZIP64"));
}

#[test]
fn a_directory_of_many_megabytes() {
    let entries: Vec<Raw> = (0..200)
        .map(|i| {
            let mut entry = Raw::new(format!("content/{i}"), b"");
            entry.extra = [0xFE, 0xCA, 0x5C, 0xEA].to_vec();
            entry.extra.resize(60_000, 0);
            entry
        })
        .collect();
    assert!(refusal(&raw_archive(&entries)).contains("its directory is too large"));
    assert!(read(Cursor::new(raw_archive(&entries[..100])), &Limits::default()).is_ok());
}

#[test]
fn entries_that_share_their_bytes() {
    let kernel = Raw::new("content/0", &[7; 1000]);
    let mut entries = vec![kernel.clone()];
    for i in 1..100 {
        let mut copy = kernel.clone();
        copy.name = format!("content/{i}").into_bytes();
        copy.shares = Some(1);
        entries.push(copy);
    }
    assert!(matches!(refused(&raw_archive(&entries), &Limits::default()), PackageError::OverlappingEntries));
}

#[test]
fn many_entry_points() {
    let rows: Vec<String> = (0..6000).map(|i| format!("{{\"filePath\":\"p{i}\"}}")).collect();
    let document = format!("{{\"entryPoints\":[{}]}}", rows.join(","));
    let bytes = pack_with_manifest(&[("content/entry-points.json", document.as_bytes())]);
    assert!(refusal(&bytes).contains("6000 entry points; at most 5000"));
}
