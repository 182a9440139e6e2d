//! Randomness and ids as an argument.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Mutex;
use uuid::Uuid;

/// A source of random bytes and of the ids made from them.
pub trait Ids: Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);

    /// A fresh GUID (version 4), lower case with hyphens.
    fn guid(&self) -> String {
        let mut bytes = [0u8; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string()
    }

    /// A fresh secret: 256 random bits in URL-safe Base64 (43 characters).
    fn secret(&self) -> String {
        use base64::Engine;
        let mut bytes = [0u8; 32];
        self.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The operating system's randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn fill(&self, buffer: &mut [u8]) {
        rand::rng().fill_bytes(buffer);
    }
}

/// A repeatable sequence. Only for tests and simulations: whoever knows the seed knows every secret.
#[derive(Debug)]
pub struct SeededIds(Mutex<StdRng>);

impl SeededIds {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> SeededIds {
        SeededIds(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Ids for SeededIds {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(buffer);
    }
}

/// Reads a GUID in any usual form (with or without hyphens, braces, capitals) into the form that is stored.
pub fn parse_guid(text: &str) -> Option<String> {
    Uuid::try_parse(text.trim()).ok().map(|u| u.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_normal_and_seeds_repeat() {
        let (a, b) = (SeededIds::new(7), SeededIds::new(7));
        let guid = a.guid();
        assert_eq!(guid, b.guid());
        assert_eq!(parse_guid(&guid.to_uppercase()), Some(guid.clone()));
        assert_eq!(parse_guid(&format!("{{{guid}}}")), Some(guid));
        assert_eq!(parse_guid("17"), None);
        assert_eq!(a.secret().len(), 43);
    }
}
