//! Signed addresses: whoever holds one may do one thing with one file for a while, without any other credential.
//!
//! The signature is an HMAC over method, area, id and end of validity under the installation's key. Nothing about
//! it is stored, so it cannot be taken back before its end; keep that near.

use super::Area;
use bandmaster_core::clock::{HOUR, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, KeyRing, Result, codes, seal};
use serde_json::{Value, json};

/// How long an address holds.
pub const VALIDITY: Micros = HOUR;

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Read.
    Get,
    /// Write.
    Put,
}

impl Verb {
    /// The HTTP method.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Put => "PUT",
        }
    }
}

fn signature(keys: &KeyRing, verb: Verb, area: Area, id: &str, expires: i64) -> Result<String> {
    keys.hash(&format!("{} {} {id} {expires}", verb.word(), area.name()), "blob")
}

/// The end and the signature of an address, as its query has them. `id` is all that the address says besides.
pub fn query(keys: &KeyRing, verb: Verb, area: Area, id: &str, until: Micros) -> Result<String> {
    let expires = until / SECOND;
    let signature = signature(keys, verb, area, id, expires)?;
    Ok(format!("expires={expires}&signature={signature}"))
}

/// The path and query of a signed address. `id` is a GUID.
pub fn path(keys: &KeyRing, verb: Verb, area: Area, id: &str, until: Micros) -> Result<String> {
    Ok(format!("/blob/{}/{id}?{}", area.name(), query(keys, verb, area, id, until)?))
}

/// `BlobFileAccessDto` for a file: what a client does next. `origin` is scheme and host.
pub fn access(keys: &KeyRing, origin: &str, verb: Verb, area: Area, id: &str, now: Micros) -> Result<Value> {
    Ok(described(verb, &format!("{origin}{}", path(keys, verb, area, id, now + VALIDITY)?)))
}

/// `BlobFileAccessDto` for a whole address.
pub fn described(verb: Verb, uri: &str) -> Value {
    json!({
        "Uri": uri,
        "Verb": verb.word(),
        "RequiresAuth": false,
        "Headers": {"Keys": [], "Values": []},
    })
}

/// Checks an address. 403 when it is over, or was not made here for this; which of the two is not told.
pub fn check(
    keys: &KeyRing,
    verb: Verb,
    area: Area,
    id: &str,
    expires: Option<&str>,
    given: Option<&str>,
    now: Micros,
) -> Result<()> {
    let void = || Error::new(403, codes::FORBIDDEN_OPERATION, "The address is not valid, or no longer.");
    let (Some(expires), Some(given)) = (expires, given) else { return Err(void()) };
    let seconds: i64 = expires.parse().map_err(|_| void())?;
    // Only the form in which it was written: an address has one spelling.
    if seconds.to_string() != expires {
        return Err(void());
    }
    let genuine = seal::same(&signature(keys, verb, area, id, seconds)?, given);
    let until = seconds.checked_mul(SECOND).ok_or_else(void)?;
    if genuine && now < until { Ok(()) } else { Err(void()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::SeededIds;
    use std::sync::Arc;

    const ID: &str = "6d9b1c70-2a3e-4b5d-9f10-0c1d2e3f4a5b";
    const NOW: Micros = 1_700_000_000 * SECOND;

    fn ring(byte: u8) -> KeyRing {
        KeyRing::new(vec![("k".into(), [byte; 32])], Arc::new(SeededIds::new(1))).unwrap()
    }

    fn parts(path: &str) -> (String, String) {
        let query = path.split_once('?').unwrap().1;
        let (expires, signature) = query.split_once('&').unwrap();
        let value = |pair: &str| pair.split_once('=').unwrap().1.to_owned();
        (value(expires), value(signature))
    }

    #[test]
    fn an_address_holds_for_its_file_its_verb_and_its_time() {
        let keys = ring(1);
        let until = NOW + VALIDITY;
        let (expires, signature) = parts(&path(&keys, Verb::Put, Area::Attachments, ID, until).unwrap());
        let ask = |keys: &KeyRing, verb, id: &str, expires: Option<&str>, signature: Option<&str>, now| {
            check(keys, verb, Area::Attachments, id, expires, signature, now).map_err(|e| e.status())
        };
        let (e, s) = (Some(expires.as_str()), Some(signature.as_str()));
        assert_eq!(ask(&keys, Verb::Put, ID, e, s, NOW), Ok(()));
        assert_eq!(ask(&keys, Verb::Put, ID, e, s, until - 1), Ok(()));
        let other = "7d9b1c70-2a3e-4b5d-9f10-0c1d2e3f4a5b";
        let later = (expires.parse::<i64>().unwrap() + 60).to_string();
        let padded = format!("+{expires}");
        let upper = signature.to_uppercase();
        let shorter = &signature[..signature.len() - 1];
        let refused = [
            ask(&keys, Verb::Put, ID, e, s, until),
            ask(&keys, Verb::Get, ID, e, s, NOW),
            ask(&keys, Verb::Put, other, e, s, NOW),
            ask(&keys, Verb::Put, ID, Some(&later), s, NOW),
            ask(&keys, Verb::Put, ID, Some(&padded), s, NOW),
            ask(&keys, Verb::Put, ID, Some("9223372036854775807"), s, NOW),
            ask(&keys, Verb::Put, ID, Some("x"), s, NOW),
            ask(&keys, Verb::Put, ID, e, Some(&upper), NOW),
            ask(&keys, Verb::Put, ID, e, Some(shorter), NOW),
            ask(&keys, Verb::Put, ID, e, Some(""), NOW),
            ask(&keys, Verb::Put, ID, e, None, NOW),
            ask(&keys, Verb::Put, ID, None, s, NOW),
            ask(&ring(2), Verb::Put, ID, e, s, NOW),
        ];
        assert_eq!(refused, [Err(403); 13]);
    }

    #[test]
    fn the_answer_has_the_published_members() {
        let value = access(&ring(1), "https://a.example", Verb::Get, Area::Attachments, ID, NOW).unwrap();
        for property in bandmaster_model::contract().type_def("BlobFileAccessDto").unwrap().properties() {
            assert!(value.get(&property.name).is_some(), "{}", property.name);
        }
        assert!(value["Uri"].as_str().unwrap().starts_with(&format!("https://a.example/blob/attachments/{ID}?")));
        assert_eq!(value["RequiresAuth"], json!(false));
    }

    proptest::proptest! {
        #[test]
        fn nothing_made_up_is_believed(expires in "-?[0-9]{1,19}|.{0,20}", signature in "[0-9a-f]{64}|.{0,70}") {
            let keys = ring(1);
            let outcome = check(&keys, Verb::Get, Area::Attachments, ID, Some(&expires), Some(&signature), NOW);
            proptest::prop_assert_eq!(outcome.map_err(|e| e.status()), Err(403));
        }
    }
}
