//! Reading a body that the identity service answers with its validation form: every member that does not fit is told
//! with its place in the text. Ids in lists are texts of any form here; which of them exist is decided by comparing
//! them with the stored ones.

use super::answer::{Stop, invalid};
use bandmaster_api::Call;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::time;
use bandmaster_model::TypeRef;
use serde_json::{Map, Value};

/// The body of an operation that leaves reading it to its handler: an object with the members of the described type,
/// by their published names. Unknown ones are left out.
pub(super) async fn read(call: &mut Call) -> Result<Value, Stop> {
    let stream = call.take_stream()?;
    let bytes = bandmaster_api::body::receive(&call.app, stream).await?;
    match checked(call, &bytes) {
        Ok(body) => Ok(body),
        Err(problems) => Err(invalid(call, problems)),
    }
}

/// The ids that a bulk deletion names. Without the member the request is refused.
pub(super) async fn ids(call: &mut Call, member: &str) -> Result<Vec<String>, Stop> {
    let body = read(call).await?;
    match body.get(member).and_then(Value::as_array) {
        Some(list) => Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        None => Err(invalid(call, vec![(member.to_owned(), "A list of ids is needed.".to_owned())])),
    }
}

type Problems = Vec<(String, String)>;

/// Stands for the body as a whole among the members.
const WHOLE: &str = "$";

fn checked(call: &Call, bytes: &[u8]) -> Result<Value, Problems> {
    let whole = |text: &str| vec![(WHOLE.to_owned(), text.to_owned())];
    let text = std::str::from_utf8(bytes).map_err(|_| whole("The body is no UTF-8 text."))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(whole("A body is needed."));
    }
    let value: Value = serde_json::from_str(text).map_err(|e| {
        let place = Place { line: e.line(), position: e.column() };
        let member = members(text).into_iter().rev().find(|(_, at)| !place.is_before(&Place::of(text, *at)));
        let name = member.map_or(WHOLE.to_owned(), |(name, _)| name);
        vec![(name.clone(), located("The text is no valid JSON here.", &name, &place))]
    })?;
    let Value::Object(given) = value else { return Err(whole("The body is no object.")) };
    let described = match &call.operation.facts.body {
        Some(TypeRef::Named(name)) => call.served.type_def(name),
        _ => None,
    };
    let Some(described) = described else { return Ok(Value::Object(given)) };
    let places = members(text);
    let mut body = Map::new();
    let mut problems = Vec::new();
    for (name, value) in given {
        let Some(property) = described.property(&name) else { continue };
        if value.is_null() {
            continue;
        }
        match fitting(value, &property.ty) {
            Ok(value) => {
                body.insert(property.name.clone(), value);
            }
            Err(expected) => {
                let at = places.iter().rev().find(|(n, _)| *n == name).map_or(0, |(_, at)| *at);
                let text = located(&format!("The value is not {expected}."), &property.name, &Place::of(text, at));
                problems.push((property.name.clone(), text));
            }
        }
    }
    if problems.is_empty() { Ok(Value::Object(body)) } else { Err(problems) }
}

fn located(text: &str, member: &str, place: &Place) -> String {
    format!("{text} Path '{member}', line {}, position {}.", place.line, place.position)
}

/// The value in its stored form, or what it should have been.
fn fitting(value: Value, ty: &TypeRef) -> Result<Value, &'static str> {
    let plain = |v: &Value| v.as_str().is_some_and(|t| !t.contains('\0'));
    match ty {
        TypeRef::Bool => value.is_boolean().then_some(value).ok_or("true or false"),
        TypeRef::Int32 | TypeRef::Int64 => value.is_i64().then_some(value).ok_or("an integer"),
        TypeRef::Uuid => value.as_str().and_then(parse_guid).map(Value::String).ok_or("a GUID"),
        TypeRef::DateTime => {
            let known = value.as_str().and_then(time::parse).is_some();
            known.then_some(value).ok_or("a date and time")
        }
        TypeRef::String | TypeRef::Uri => plain(&value).then_some(value).ok_or("a text"),
        TypeRef::List(_) => {
            let texts = value.as_array().is_some_and(|list| list.iter().all(plain));
            texts.then_some(value).ok_or("a list of texts")
        }
        TypeRef::Map(_) => {
            let texts = value.as_object().is_some_and(|map| map.values().all(|v| v.is_null() || plain(v)));
            texts.then_some(value).ok_or("an object of texts")
        }
        _ => Ok(value),
    }
}

/// A place in a text; both count from one.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    position: usize,
}

impl Place {
    fn of(text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let position = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Place { line, position }
    }

    fn is_before(&self, other: &Place) -> bool {
        (self.line, self.position) < (other.line, other.position)
    }
}

/// The members of the outermost object with the offsets of their values, as far as the text can be followed.
fn members(text: &str) -> Vec<(String, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut i = 0;
    // The last text seen at the first level: a name if a colon follows.
    let mut name: Option<String> = None;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b'"' => {
                let start = i;
                i += 1;
                while let Some(byte) = bytes.get(i).filter(|b| **b != b'"') {
                    i += if *byte == b'\\' { 2 } else { 1 };
                }
                if depth == 1 {
                    name = text.get(start..=i).and_then(|t| serde_json::from_str(t).ok());
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 => {
                if let Some(name) = name.take() {
                    let rest = text.get(i + 1..).unwrap_or_default();
                    found.push((name, i + 1 + (rest.len() - rest.trim_start().len())));
                }
            }
            _ => {}
        }
        i += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_found_where_they_stand() {
        let text = "{\n  \"a\": 1,\n \"b\\\"\" :\n  {\"c\": [\"x\"]}, \"d\": tru";
        let places: Vec<_> = members(text).into_iter().map(|(n, at)| (n, Place::of(text, at))).collect();
        let at = |line, position| Place { line, position };
        assert_eq!(places, [("a".into(), at(2, 8)), ("b\"".into(), at(4, 3)), ("d".into(), at(4, 22))]);
    }

    #[test]
    fn members_of_anything_end() {
        for text in ["", "{", "\"", "{\"", "{\"a", "{\"a\\", "]]]", "{:::", "é{\"é\":é", "[[{\"a\":1}"] {
            members(text);
        }
        assert_eq!(members("[{\"a\":1}]").len(), 0);
    }

    #[test]
    fn values_fit_their_types() {
        let cases = [
            ("bool", json!("h"), false),
            ("bool", json!(true), true),
            ("uuid", json!("dol-2908"), false),
            ("uuid", json!("3FA85F64-5717-4562-B3FC-2C963F66AFA6"), true),
            ("[uuid]", json!(["dol-2908"]), true),
            ("[uuid]", json!([1]), false),
            ("[uuid]", json!("x"), false),
            ("{string}", json!({"a": "b", "c": null}), true),
            ("{string}", json!({"a": 1}), false),
            ("string", json!("a\u{0}"), false),
            ("int64", json!(1.5), false),
        ];
        for (ty, value, fits) in cases {
            assert_eq!(fitting(value.clone(), &TypeRef::parse(ty)).is_ok(), fits, "{ty} {value}");
        }
    }
}
