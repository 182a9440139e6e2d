//! Archives for tests: well-formed ones, and ones written byte by byte to be wrong.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::nupkg::{Limits, PackageError, PackageInfo, read};

/// The manifest of package `A`, version 1.0.0, with more elements in it.
pub(super) fn manifest(more: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><package><metadata><id>A</id><version>1.0.0</version>{more}\
         </metadata></package>"
    )
}

/// A well-formed archive.
pub(super) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::DEFLATE);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A well-formed archive with the manifest of package `A` in front.
pub(super) fn pack_with_manifest(files: &[(&str, &[u8])]) -> Vec<u8> {
    let manifest = manifest("");
    let mut all = vec![("A.nuspec", manifest.as_bytes())];
    all.extend_from_slice(files);
    pack(&all)
}

/// Reads bytes within the default limits.
pub(super) fn read_bytes(bytes: &[u8]) -> Result<PackageInfo, PackageError> {
    read(Cursor::new(bytes), &Limits::default())
}

/// Reads an archive of these files, which has to succeed.
pub(super) fn info(files: &[(&str, &[u8])]) -> PackageInfo {
    read_bytes(&pack(files)).unwrap()
}

/// The message for an archive that has to be refused.
pub(super) fn refusal(bytes: &[u8]) -> String {
    let error = read_bytes(bytes).expect_err("the package was accepted");
    assert!(error.is_callers_fault(), "{error:?}");
    error.to_string()
}

/// An entry as the directory describes it; every field can lie.
#[derive(Clone)]
pub(super) struct Raw {
    pub(super) name: Vec<u8>,
    pub(super) content: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) crc: u32,
    pub(super) size: u32,
    pub(super) made_by: u16,
    pub(super) attributes: u32,
    pub(super) extra: Vec<u8>,
    /// Place of another entry whose data this one shares.
    pub(super) shares: Option<usize>,
}

impl Raw {
    /// An honest, uncompressed entry.
    pub(super) fn new(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            content: content.to_vec(),
            method: 0,
            flags: 0,
            crc: crc32(content),
            size: content.len() as u32,
            made_by: 20,
            attributes: 0,
            extra: Vec::new(),
            shares: None,
        }
    }
}

/// Writes entries as they describe themselves, after an honest manifest.
pub(super) fn raw_archive(entries: &[Raw]) -> Vec<u8> {
    let mut all = vec![Raw::new("A.nuspec", manifest("").as_bytes())];
    all.extend_from_slice(entries);
    let (mut out, mut directory, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &all {
        let own = out.len();
        let offset = entry.shares.and_then(|at| offsets.get(at).copied()).unwrap_or(own);
        offsets.push(offset);
        let mut head = Vec::new();
        for field in [20_u16, entry.flags, entry.method, 0, 0x21] {
            head.extend(field.to_le_bytes());
        }
        for field in [entry.crc, entry.content.len() as u32, entry.size] {
            head.extend(field.to_le_bytes());
        }
        head.extend((entry.name.len() as u16).to_le_bytes());
        if entry.shares.is_none() {
            out.extend(b"PK\x03\x04");
            out.extend(&head);
            out.extend(0_u16.to_le_bytes());
            out.extend(&entry.name);
            out.extend(&entry.content);
        }
        directory.extend(b"PK\x01\x02");
        directory.extend(entry.made_by.to_le_bytes());
        directory.extend(&head);
        for field in [entry.extra.len() as u16, 0, 0, 0] {
            directory.extend(field.to_le_bytes());
        }
        directory.extend(entry.attributes.to_le_bytes());
        directory.extend((offset as u32).to_le_bytes());
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend((all.len() as u16).to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// CRC-32 as ZIP has it.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1)))
    })
}

/// `content` as a raw deflate stream, with the archive writer's help.
pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let bytes = pack(&[("x", content)]);
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let (start, length) = {
        let file = archive.by_index_raw(0).unwrap();
        (file.data_start().unwrap() as usize, file.compressed_size() as usize)
    };
    bytes[start..start + length].to_vec()
}
