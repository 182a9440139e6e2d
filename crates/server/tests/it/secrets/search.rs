//! Planted secrets, and looking for them in bytes in whatever form a program might have written them.

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::BTreeSet;

/// A secret somewhere in the product.
struct Plant {
    name: String,
    /// The part that is looked for: nothing that escaping would change, so that every way of quoting is found too.
    core: String,
}

/// All that were planted or given out.
#[derive(Default)]
pub struct Plants(Vec<Plant>);

impl Plants {
    /// A secret to be given to the product under this name.
    pub fn plant(&mut self, name: &str) -> String {
        use bandmaster_core::ids::Ids;
        let core = format!("Zq{}", bandmaster_core::RandomIds.guid().replace('-', ""));
        let value = format!("P{core}+/=9a");
        self.0.push(Plant { name: name.to_owned(), core });
        value
    }

    /// A secret that the product has made.
    pub fn made(&mut self, name: &str, value: &str) -> String {
        assert!(value.len() >= 8 && value.is_ascii(), "{name} is no secret: {value}");
        // The beginning of a token in parts is the same in many.
        let core = match value.split('.').nth(2) {
            Some(signature) => &signature[signature.len() - 40..],
            None if value.len() >= 40 => &value[4..36],
            None => value,
        };
        self.0.push(Plant { name: name.to_owned(), core: core.to_owned() });
        value.to_owned()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Makes the search for all of them.
    pub fn search(&self) -> Search {
        let mut needles = Vec::new();
        let mut names = Vec::new();
        for plant in &self.0 {
            for (form, needle) in forms(&plant.core) {
                names.push((plant.name.clone(), form));
                needles.push(needle);
            }
        }
        Search { machine: AhoCorasick::new(&needles).expect("needles"), names }
    }
}

/// The forms of a text that are looked for.
fn forms(core: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = core.as_bytes();
    let each = |shape: &dyn Fn(&u8) -> String| bytes.iter().map(shape).collect::<String>().into_bytes();
    let wide = |order: fn(u16) -> [u8; 2]| core.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let mut out = vec![
        ("as it is", bytes.to_vec()),
        ("in small letters", core.to_lowercase().into_bytes()),
        ("in capitals", core.to_uppercase().into_bytes()),
        ("backwards", bytes.iter().rev().copied().collect()),
        ("in hexadecimal digits", each(&|b| format!("{b:02x}"))),
        ("in hexadecimal digits", each(&|b| format!("{b:02X}"))),
        ("percent-encoded", each(&|b| format!("%{b:02x}"))),
        ("percent-encoded", each(&|b| format!("%{b:02X}"))),
        ("as a list of numbers", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()),
        ("as a list of numbers", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",").into_bytes()),
        ("in UTF-16", wide(u16::to_le_bytes)),
        ("in UTF-16", wide(u16::to_be_bytes)),
    ];
    // In Base64 a text looks different at each of three offsets, and its ends mix with what stands around it.
    for offset in 0..3usize {
        let shifted: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
        let text = STANDARD_NO_PAD.encode(&shifted);
        let from = [0, 2, 3][offset];
        let to = text.len() - usize::from(!shifted.len().is_multiple_of(3));
        let inner = &text[from..to];
        out.push(("in Base64", inner.as_bytes().to_vec()));
        out.push(("in Base64 for addresses", inner.replace('+', "-").replace('/', "_").into_bytes()));
    }
    let mut seen = BTreeSet::new();
    out.retain(|(_, needle)| seen.insert(needle.clone()));
    out
}

/// A search for all planted secrets at once.
pub struct Search {
    machine: AhoCorasick,
    names: Vec<(String, &'static str)>,
}

impl Search {
    /// Which secrets stand in these bytes, and in which form.
    pub fn found(&self, bytes: &[u8]) -> BTreeSet<(String, &'static str)> {
        self.machine.find_overlapping_iter(bytes).map(|m| self.names[m.pattern().as_usize()].clone()).collect()
    }
}

#[test]
fn every_form_is_found() {
    let mut plants = Plants::default();
    let value = plants.plant("one");
    let other = plants.plant("other");
    let search = plants.search();
    let utf16 = |order: fn(u16) -> [u8; 2]| value.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let hex: String = value.bytes().map(|b| format!("{b:02x}")).collect();
    let percent: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
    let url = base64::engine::general_purpose::URL_SAFE;
    let mut hidden: Vec<Vec<u8>> = vec![
        value.clone().into_bytes(),
        serde(&value),
        value.to_uppercase().into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        percent.into_bytes(),
        value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").into_bytes(),
        format!("{:?}", value.as_bytes()).into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        value.bytes().rev().collect(),
    ];
    for before in ["", "a", "ab", "name:", "client id:"] {
        let text = format!("{before}{value}and more");
        hidden.push(base64::engine::general_purpose::STANDARD.encode(&text).into_bytes());
        hidden.push(url.encode(&text).into_bytes());
    }
    for bytes in hidden {
        let all = [b"something before ".as_slice(), &bytes, b" and after"].concat();
        let found = search.found(&all);
        assert!(found.iter().all(|(name, _)| name == "one") && !found.is_empty(), "{}", String::from_utf8_lossy(&all));
    }
    assert!(search.found(b"nothing here").is_empty());
    assert!(search.found(&value.as_bytes()[..20]).is_empty());
    assert_eq!(search.found(format!("{value} {other}").as_bytes()).len(), 2);
}

fn serde(text: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({"text": text})).expect("JSON")
}
