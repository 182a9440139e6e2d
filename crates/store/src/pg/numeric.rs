//! PostgreSQL's NUMERIC on the wire. Sums and averages of BIGINT come as it;
//! the schema has no such columns.

use crate::value::Value;

const NEGATIVE: u16 = 0x4000;
const NOT_A_NUMBER: u16 = 0xC000;

/// A whole number when it is one that fits, else floating point.
pub(crate) fn decode(raw: &[u8]) -> Option<Value> {
    let word = |i: usize| {
        let bytes = raw.get(i * 2..i * 2 + 2)?;
        Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
    };
    let count = usize::from(word(0)?);
    #[allow(clippy::cast_possible_wrap)]
    let weight = i32::from(word(1)? as i16);
    let sign = word(2)?;
    match sign {
        0 | NEGATIVE => {}
        NOT_A_NUMBER => return Some(Value::Real(f64::NAN)),
        0xD000 => return Some(Value::Real(f64::INFINITY)),
        0xF000 => return Some(Value::Real(f64::NEG_INFINITY)),
        _ => return None,
    }
    let mut text = String::new();
    if sign == NEGATIVE {
        text.push('-');
    }
    text.push('0');
    // Digits are in base 10,000, the first worth 10,000 to the weight.
    let mut whole = true;
    let mut place = weight.max(-1);
    while place >= 0 {
        let i = usize::try_from(weight - place).unwrap_or(usize::MAX);
        let digit = if i < count { word(4 + i)? } else { 0 };
        text.push_str(&format!("{digit:04}"));
        place -= 1;
    }
    text.push('.');
    for _ in 0..(-1 - weight).max(0) {
        text.push_str("0000");
    }
    let first = usize::try_from(weight + 1).unwrap_or(0);
    for i in first..count {
        let digit = word(4 + i)?;
        whole &= digit == 0;
        text.push_str(&format!("{digit:04}"));
    }
    text.push('0');
    if whole
        && let Some((integer, _)) = text.split_once('.')
        && let Ok(v) = integer.parse()
    {
        return Some(Value::Int(v));
    }
    text.parse().ok().map(Value::Real)
}

/// The wire form of a decimal number like `-12.5`.
pub(crate) fn encode(decimal: &str) -> Option<Vec<u8>> {
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (0, decimal),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let padded = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let weight = i16::try_from(whole.len() / 4).ok()? - 1;
    let scale = u16::try_from(fraction.len()).ok()?;
    let all = format!("{whole}{padded}");
    let groups = u16::try_from(all.len() / 4).ok()?;
    let mut out = Vec::with_capacity(8 + all.len() / 2);
    out.extend(groups.to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(scale.to_be_bytes());
    for at in (0..all.len()).step_by(4) {
        let group: u16 = all.get(at..at + 4)?.parse().ok()?;
        out.extend(group.to_be_bytes());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::value::Value;
    use proptest::prelude::*;

    #[test]
    fn decodes_what_the_server_sends() {
        // digits, weight, sign, scale, then the digits
        let wire = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<_>>();
        for (words, value) in [
            (&[0, 0, 0, 0][..], Value::Int(0)),
            (&[1, 0, 0, 0, 42], Value::Int(42)),
            (&[1, 1, 0, 0, 3], Value::Int(30_000)),
            (&[2, 0, 0x4000, 1, 12, 5000], Value::Real(-12.5)),
            (&[1, 0xFFFF, 0, 2, 2500], Value::Real(0.25)),
            (&[1, 0xFFFE, 0, 8, 1], Value::Real(1e-8)),
            (&[2, 0, 0, 4, 7, 0], Value::Int(7)),
            (&[1, 6, 0, 0, 1], Value::Real(1e24)),
        ] {
            assert_eq!(decode(&wire(words)), Some(value), "{words:?}");
        }
        assert_eq!(decode(&[0, 1]), None);
    }

    proptest! {
        #[test]
        fn whole_numbers_come_back(v in any::<i64>()) {
            let wire = encode(&v.to_string()).unwrap();
            prop_assert_eq!(decode(&wire), Some(Value::Int(v)));
        }

        #[test]
        fn decimals_come_back(v in -1e12f64..1e12) {
            let wire = encode(&v.to_string()).unwrap();
            let back = match decode(&wire).unwrap() {
                Value::Int(i) => i as f64,
                Value::Real(r) => r,
                _ => f64::NAN,
            };
            prop_assert_eq!(back, v);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(raw in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&raw);
        }
    }
}
