//! Secrets at rest: sealing with XChaCha20-Poly1305 under a ring of keys, and keyed hashes for secrets
//! that the server made itself (256 random bits, so a fast hash suffices; RFC 2104 HMAC with SHA-256).
//!
//! A sealed text names the key that sealed it, so keys can be rotated while old texts still open. The
//! caller passes a context (table, column, row) that must be the same at opening: a sealed value copied to
//! another place does not open there.

use crate::error::{Error, Result};
use crate::ids::Ids;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A sealed text as it is stored: `v1.<key id>.<nonce and ciphertext in Base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub String);

struct RingKey {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
}

/// The keys of an installation. The first seals; all open.
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<Vec<RingKey>>,
    ids: Arc<dyn Ids>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

const NONCE: usize = 24;

impl KeyRing {
    /// A ring of keys given as `(id, 32 bytes)`; the first one seals. Ids must not contain a full stop.
    pub fn new(keys: Vec<(String, [u8; 32])>, ids: Arc<dyn Ids>) -> Result<KeyRing> {
        if keys.is_empty() || keys.iter().any(|(id, _)| id.is_empty() || id.contains('.')) {
            return Err(Error::internal("the key ring needs keys with plain ids"));
        }
        let keys = keys.into_iter().map(|(id, bytes)| RingKey { id, bytes: Zeroizing::new(bytes) }).collect();
        Ok(KeyRing { keys: Arc::new(keys), ids })
    }

    /// Reads the text form of a ring: a line a key, `id base64`, newest first.
    pub fn parse(text: &str, ids: Arc<dyn Ids>) -> Result<KeyRing> {
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let decoded = line.split_once(' ').and_then(|(id, key)| {
                let bytes = Zeroizing::new(STANDARD_NO_PAD.decode(key.trim().trim_end_matches('=')).ok()?);
                Some((id.to_owned(), <[u8; 32]>::try_from(bytes.as_slice()).ok()?))
            });
            keys.push(decoded.ok_or_else(|| Error::internal("the key file has a line that is no key"))?);
        }
        KeyRing::new(keys, ids)
    }

    /// A new line of the text form with a fresh key.
    pub fn fresh_line(ids: &dyn Ids, id: &str) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        ids.fill(bytes.as_mut_slice());
        Zeroizing::new(format!("{id} {}\n", STANDARD_NO_PAD.encode(bytes.as_slice())))
    }

    fn cipher(key: &RingKey) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*key.bytes))
    }

    /// Seals bytes for one place. `context` is not secret and not stored, for example `asset_values.secret/17`.
    pub fn seal(&self, plain: &[u8], context: &str) -> Result<Sealed> {
        let key = self.keys.first().ok_or_else(|| Error::internal("the key ring is empty"))?;
        let mut nonce = [0u8; NONCE];
        self.ids.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let body = Self::cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::internal("sealing a secret failed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&body);
        Ok(Sealed(format!("v1.{}.{}", key.id, STANDARD_NO_PAD.encode(bytes))))
    }

    /// Opens what was sealed for the same context. Fails when the key is gone, the text was altered, or it
    /// belongs elsewhere; the failure does not tell which.
    pub fn open(&self, sealed: &str, context: &str) -> Result<Zeroizing<Vec<u8>>> {
        let fail = || Error::internal("a sealed value does not open: its key is missing or it was altered");
        let mut parts = sealed.splitn(3, '.');
        let (Some("v1"), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fail());
        };
        let key = self.keys.iter().find(|k| k.id == id).ok_or_else(fail)?;
        let bytes = STANDARD_NO_PAD.decode(body).map_err(|_| fail())?;
        let (nonce, body) = bytes.split_at_checked(NONCE).ok_or_else(fail)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| fail())?;
        let payload = Payload { msg: body, aad: context.as_bytes() };
        Self::cipher(key).decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).map_err(|_| fail())
    }

    /// Opens a sealed text.
    pub fn open_text(&self, sealed: &str, context: &str) -> Result<crate::Secret> {
        let bytes = self.open(sealed, context)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::internal("a sealed text is no text"))?;
        Ok(crate::Secret::new(text))
    }

    /// Whether a sealed text was sealed by a key that is no longer the newest.
    pub fn is_stale(&self, sealed: &str) -> bool {
        let newest = self.keys.first().map(|k| k.id.as_str());
        sealed.strip_prefix("v1.").and_then(|r| r.split('.').next()) != newest
    }

    /// The keyed hash of a secret that the server made: hex of HMAC-SHA-256 under the oldest key, which stays
    /// in the ring for good so that the hash can be looked up by equality. `purpose` separates uses.
    pub fn hash(&self, secret: &str, purpose: &str) -> Result<String> {
        let key = self.keys.last().ok_or_else(|| Error::internal("the key ring is empty"))?;
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.bytes.as_slice())
            .map_err(|_| Error::internal("the hash key has a wrong length"))?;
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(secret.as_bytes());
        Ok(crate::text::hex(&mac.finalize().into_bytes()))
    }
}

/// Compares two texts in a time that does not depend on where they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededIds;

    fn ring(keys: &[(&str, u8)]) -> KeyRing {
        let keys = keys.iter().map(|(id, b)| ((*id).to_owned(), [*b; 32])).collect();
        KeyRing::new(keys, Arc::new(SeededIds::new(1))).unwrap()
    }

    #[test]
    fn opens_only_in_its_place_and_with_its_key() {
        let old = ring(&[("a", 1)]);
        let sealed = old.seal(b"secret", "t.c/1").unwrap();
        assert!(!sealed.0.contains("secret"));
        let rotated = ring(&[("b", 2), ("a", 1)]);
        assert_eq!(rotated.open(&sealed.0, "t.c/1").unwrap().as_slice(), b"secret");
        assert!(rotated.is_stale(&sealed.0) && !old.is_stale(&sealed.0));
        assert!(rotated.open(&sealed.0, "t.c/2").is_err());
        assert!(ring(&[("b", 2)]).open(&sealed.0, "t.c/1").is_err());
        let mut altered = sealed.0.clone();
        altered.replace_range(altered.len() - 1.., if altered.ends_with('A') { "B" } else { "A" });
        assert!(old.open(&altered, "t.c/1").is_err() || altered == sealed.0);
        for broken in ["", "v1", "v1.a", "v1.a.", "v1.a.AAAA", "v2.a.AAAA"] {
            assert!(old.open(broken, "t.c/1").is_err(), "{broken}");
        }
    }

    #[test]
    fn hashes_survive_rotation_and_differ_by_purpose() {
        let (old, new) = (ring(&[("a", 1)]), ring(&[("b", 2), ("a", 1)]));
        assert_eq!(old.hash("x", "pat").unwrap(), new.hash("x", "pat").unwrap());
        assert_ne!(old.hash("x", "pat").unwrap(), old.hash("x", "machine").unwrap());
    }

    #[test]
    fn text_form_reads_back() {
        let ids = SeededIds::new(3);
        let line = KeyRing::fresh_line(&ids, "k1");
        let ring = KeyRing::parse(&line, Arc::new(SeededIds::new(4))).unwrap();
        let sealed = ring.seal(b"x", "c").unwrap();
        assert!(sealed.0.starts_with("v1.k1."));
        assert!(KeyRing::parse("k1 short", Arc::new(SeededIds::new(4))).is_err());
        assert!(KeyRing::parse("", Arc::new(SeededIds::new(4))).is_err());
    }
}
