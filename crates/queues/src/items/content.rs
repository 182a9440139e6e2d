//! Contents of items: limits, sealing for encrypted queues, and the two forms in which they are shown.

use bandmaster_core::{Error, KeyRing, Result, codes};
use serde_json::{Map, Value, json};

/// Which content it is; each has its own limit in characters of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the item is about: 1 MB, the lenient one of the two published figures.
    Specific,
    /// What processing gave: 51,200.
    Output,
    /// What is to be evaluated: 5,120.
    Analytics,
}

impl Part {
    fn limit(self) -> (usize, i32, &'static str) {
        match self {
            Part::Specific => (1 << 20, codes::QUEUE_ITEM_CONTENT_SIZE_EXCEEDED, "specific content"),
            Part::Output => (51_200, codes::QUEUE_ITEM_OUTPUT_SIZE_EXCEEDED, "output"),
            Part::Analytics => (5_120, codes::QUEUE_ITEM_ANALYTICS_SIZE_EXCEEDED, "analytics data"),
        }
    }

    fn column(self) -> &'static str {
        match self {
            Part::Specific => "content",
            Part::Output => "output",
            Part::Analytics => "analytics",
        }
    }
}

/// The JSON text of a content as it is stored: without type annotations, within its limit.
pub fn text(value: Option<&Value>, part: Part) -> Result<Option<String>> {
    let Some(Value::Object(members)) = value else { return Ok(None) };
    let mut kept = Map::with_capacity(members.len());
    for (name, member) in members {
        if name.contains("@odata.") {
            continue;
        }
        if name.is_empty() || name.len() > 1_000 || name.contains(['\0', ':', '@', '"']) {
            return Err(Error::argument(
                "A name in the content is empty, too long, or has a character that is not allowed.",
            ));
        }
        kept.insert(name.clone(), member.clone());
    }
    let text = Value::Object(kept).to_string();
    let (limit, code, what) = part.limit();
    if text.chars().count() > limit {
        return Err(Error::new(400, code, format!("The {what} has more than {limit} characters.")));
    }
    if text.contains("\\u0000") {
        return Err(Error::invalid("The content contains a character that is not allowed."));
    }
    Ok(Some(text))
}

fn place(part: Part, unique_key: &str) -> String {
    format!("queue_items.{}/{unique_key}", part.column())
}

/// The stored form: as it is, or sealed and wrapped as a JSON text.
pub fn stored(
    keys: &KeyRing,
    text: Option<String>,
    encrypted: bool,
    part: Part,
    unique_key: &str,
) -> Result<Option<String>> {
    match text {
        Some(text) if encrypted => {
            let sealed = keys.seal(text.as_bytes(), &place(part, unique_key))?;
            Ok(Some(Value::String(sealed.0).to_string()))
        }
        text => Ok(text),
    }
}

/// The clear text of a stored content.
pub fn clear(keys: &KeyRing, stored: &str, encrypted: bool, part: Part, unique_key: &str) -> Result<String> {
    if !encrypted {
        return Ok(stored.to_owned());
    }
    let sealed: String = serde_json::from_str(stored).map_err(|e| Error::internal(format!("a sealed content: {e}")))?;
    Ok(keys.open_text(&sealed, &place(part, unique_key))?.reveal().to_owned())
}

/// The wrapped form of clients: a text that holds an object with one member.
pub fn wrapped(value: &Value) -> Value {
    if value.is_null() { Value::Null } else { Value::String(json!({"DynamicProperties": value}).to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::SeededIds;
    use std::sync::Arc;

    #[test]
    fn annotations_go_and_limits_hold() {
        let value = json!({"Amount": 3, "Amount@odata.type": "#Int64", "N": null});
        assert_eq!(text(Some(&value), Part::Specific).unwrap().unwrap(), r#"{"Amount":3,"N":null}"#);
        assert_eq!(text(None, Part::Output).unwrap(), None);
        let at_limit = json!({"a": "x".repeat(5_120 - 8)});
        assert!(text(Some(&at_limit), Part::Analytics).is_ok());
        let beyond = json!({"a": "x".repeat(5_120 - 7)});
        assert_eq!(text(Some(&beyond), Part::Analytics).unwrap_err().code(), 1868);
        let beyond = json!({"a": "x".repeat(51_200 - 7)});
        assert_eq!(text(Some(&beyond), Part::Output).unwrap_err().code(), 1867);
        let beyond = json!({"a": "x".repeat((1 << 20) - 7)});
        assert_eq!(text(Some(&beyond), Part::Specific).unwrap_err().code(), 1864);
        assert!(text(Some(&json!({"a:b": 1})), Part::Specific).is_err());
        assert!(text(Some(&json!({"a": "\u{0}"})), Part::Specific).is_err());
    }

    #[test]
    fn sealed_contents_open_for_their_item_only() {
        let keys = KeyRing::new(vec![("k".into(), [7; 32])], Arc::new(SeededIds::new(1))).unwrap();
        let sealed = stored(&keys, Some("{\"a\":1}".into()), true, Part::Specific, "u1").unwrap().unwrap();
        assert!(!sealed.contains("\"a\""));
        assert_eq!(clear(&keys, &sealed, true, Part::Specific, "u1").unwrap(), "{\"a\":1}");
        assert!(clear(&keys, &sealed, true, Part::Specific, "u2").is_err());
        assert!(clear(&keys, &sealed, true, Part::Output, "u1").is_err());
    }
}
