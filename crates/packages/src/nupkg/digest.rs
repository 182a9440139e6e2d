//! Fingerprints: the SHA-256 of a package, and ids derived from text where a package has none.
//! Not here: storing or comparing them.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Length and SHA-256 of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 as 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// Reads the stream to its end and returns its fingerprint. Fails only as the stream does.
pub fn sha256(mut reader: impl Read) -> io::Result<Fingerprint> {
    let mut hash = Sha256::new();
    let mut size = 0_u64;
    let mut buffer = vec![0_u8; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hash.update(buffer.get(..n).unwrap_or_default());
                size += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(Fingerprint { sha256: bandmaster_core::text::hex(&hash.finalize()), size })
}

/// The hexadecimal digest of the parts, told apart by a separator that no part holds.
pub(crate) fn hex_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    bandmaster_core::text::hex(&hash.finalize())
}

/// A GUID that is always the same for the same parts (a version 8 UUID of their digest).
///
/// Entry points without a usable `uniqueId` get one from package id and path, so that it stays
/// the same over the package's versions, as a written one does.
pub(crate) fn derived_guid(parts: &[&str]) -> String {
    let digits = hex_of(parts);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// A GUID in its usual form, lower case. Accepts braces and the form without dashes; `None` for
/// anything else.
pub(crate) fn guid(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if !dashes.is_empty() && dashes != [8, 13, 18, 23] {
        return None;
    }
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Some(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_a_known_text() {
        let found = sha256(&b"abc"[..]).unwrap();
        assert_eq!(found.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(found.size, 3);
    }

    #[test]
    fn guids_are_normalised() {
        let plain = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for text in [
            plain,
            "0F8FAD5B-D9CB-469F-A165-70867728950E",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "0f8fad5bd9cb469fa16570867728950e",
        ] {
            assert_eq!(guid(text).as_deref(), Some(plain), "{text}");
        }
        for text in [
            "",
            "main-entry",
            "0f8fad5bd9cb-469f-a165-70867728950e",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "éééééééééééééééé",
        ] {
            assert_eq!(guid(text), None, "{text}");
        }
    }

    #[test]
    fn derived_guids_are_stable_and_well_formed() {
        let one = derived_guid(&["a", "bc"]);
        assert_eq!(one, derived_guid(&["a", "bc"]));
        assert_ne!(one, derived_guid(&["ab", "c"]));
        assert_eq!(guid(&one), Some(one.clone()));
    }
}
