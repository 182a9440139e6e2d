//! A provider's keys: which of a published set may verify a token. RS256 and ES256 only; a key serves one algorithm.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Keys of a set that are looked at.
const MOST: usize = 100;
/// Length of an RSA modulus in Base64: 2,048 to 8,192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 340..=1_400;

struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

/// The usable keys of a set.
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a published set. Keys that are none of ours are passed over.
    pub fn read(set: &Value) -> Option<KeySet> {
        let keys = set.get("keys")?.as_array()?;
        Some(KeySet(keys.iter().take(MOST).filter_map(usable).collect()))
    }

    /// The key that a token's header names; without a name the only one of the algorithm.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fitting =
            self.0.iter().filter(|k| k.algorithm == algorithm && (kid.is_none() || k.kid.as_deref() == kid));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(&found.decoding)
    }
}

fn usable(value: &Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|u| *u != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(p) if MODULUS.contains(&p.n.len()) && p.e.len() <= 8 => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    let own = if algorithm == Algorithm::RS256 { KeyAlgorithm::RS256 } else { KeyAlgorithm::ES256 };
    if jwk.common.key_algorithm.as_ref().is_some_and(|a| *a != own) {
        return None;
    }
    Some(Key { kid: jwk.common.key_id.clone(), algorithm, decoding: DecodingKey::from_jwk(&jwk).ok()? })
}
