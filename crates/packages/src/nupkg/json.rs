//! JSON files of a package: parsed within bounds, read leniently. A member of the wrong kind counts
//! as missing, because packages of many producers and ages have to be taken in.

use serde_json::Value;

use super::text::{clean_line, decode};
use super::{Limits, PackageError};

/// Parses one file. Bounded in depth and number of values before the parser runs, so a small file
/// cannot become a large tree.
pub(crate) fn parse(entry: &str, bytes: &[u8], limits: &Limits) -> Result<Value, PackageError> {
    let text = decode(bytes).ok_or_else(|| PackageError::json(entry, "it is not UTF-8 text"))?;
    check_shape(&text, limits).map_err(|reason| PackageError::json(entry, reason))?;
    serde_json::from_str(&text)
        .map_err(|e| PackageError::json(entry, format!("it is not JSON (line {}, column {})", e.line(), e.column())))
}

/// Counts nesting and values outside strings. Says nothing about well-formedness.
fn check_shape(text: &str, limits: &Limits) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut values = 1_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > limits.max_json_depth {
            return Err(format!("it is nested deeper than {}", limits.max_json_depth));
        }
        if values > limits.max_json_values {
            return Err(format!("it holds more than {} values", limits.max_json_values));
        }
    }
    Ok(())
}

/// A text member as one clean line; `None` when missing, blank or not a text.
pub(crate) fn line(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).and_then(clean_line)
}

/// A yes/no member, also written as text.
pub(crate) fn flag(value: &Value, name: &str) -> Option<bool> {
    match value.get(name)? {
        Value::Bool(yes) => Some(*yes),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The elements of a list member; nothing when it is missing or no list.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str) -> Result<Value, String> {
        parse("a.json", text.as_bytes(), &Limits::default()).map_err(|e| e.to_string())
    }

    #[test]
    fn bounds() {
        let nest = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check(&nest(64)).is_ok());
        assert!(check(&nest(65)).unwrap_err().contains("deeper than 64"));
        assert!(check(&"[".repeat(10_000)).is_err());
        let many = |n: usize| format!("[{}1]", "1,".repeat(n));
        assert!(check(&many(499_000)).is_ok());
        assert!(check(&many(500_000)).unwrap_err().contains("more than 500000"));
        // Brackets within strings are text.
        assert!(check(&format!("\"\\\"{}\"", "[".repeat(1000))).is_ok());
    }

    #[test]
    fn errors_name_the_place() {
        let found = check("{\n  \"a\": }").unwrap_err();
        assert_eq!(found, "Entry 'a.json' of the package is not valid: it is not JSON (line 2, column 8).");
        assert!(parse("a", b"\xEF\xBB\xBF{}\r\n", &Limits::default()).is_ok());
        assert!(parse("a", b"\"\xE9\"", &Limits::default()).is_err());
    }

    #[test]
    fn lenient_members() {
        let value = json!({"a": " x\n", "b": "TRUE", "c": true, "d": 1, "e": [1, 2], "f": ""});
        assert_eq!(line(&value, "a").as_deref(), Some("x"));
        assert_eq!(line(&value, "f"), None);
        assert_eq!(line(&value, "d"), None);
        assert_eq!(flag(&value, "b"), Some(true));
        assert_eq!(flag(&value, "c"), Some(true));
        assert_eq!(flag(&value, "d"), None);
        assert_eq!(list(&value, "e").count(), 2);
        assert_eq!(list(&value, "d").count(), 0);
    }
}
