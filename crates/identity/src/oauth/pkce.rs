//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

fn unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

/// Whether a text can be an S256 challenge: 43 characters of URL-safe Base64.
pub(crate) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The challenge of a verifier.
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether a verifier is well-formed and fits the challenge.
pub(crate) fn fits(verifier: &str, challenge: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(unreserved)
        && bandmaster_core::seal::same(&self::challenge(verifier), challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_fits_and_nothing_else() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(challenge) && fits(verifier, challenge));
        assert!(!fits(challenge, challenge), "the plain method is not understood");
        for bad in
            ["", "short", &verifier[..42], &format!("{verifier}x"), &"a".repeat(129), &verifier.replace('-', "+")]
        {
            assert!(!fits(bad, challenge), "{bad}");
        }
        for bad in ["", "short", &format!("{challenge}="), &challenge.replace('-', "+"), &"é".repeat(22)] {
            assert!(!is_challenge(bad), "{bad}");
        }
    }
}
