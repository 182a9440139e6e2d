//! JSON bodies: checked against the described type, member names brought into their published spelling,
//! and read by name afterwards.
//!
//! Names are matched without regard to case; unknown members are dropped (or refused in strict mode);
//! absent, null and given stay distinguishable. Enumerations pass as names or numbers; the handler that
//! knows the numbers resolves them with [`bandmaster_model::EnumType`].

use crate::app::App;
use axum::body::{Body, to_bytes};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_model::{EnumType, PropertyDef, TypeBody, TypeDef, TypeRef};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks up described types.
pub trait Types {
    /// The type of that name.
    fn find(&self, name: &str) -> Option<&TypeDef>;
}

impl Types for crate::registry::Served {
    fn find(&self, name: &str) -> Option<&TypeDef> {
        self.type_def(name)
    }
}

/// How strictly a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Refuse unknown members.
    pub strict: bool,
    /// Missing required members are fine (PATCH).
    pub partial: bool,
}

/// Takes a body off the connection. Larger than [`Settings::max_json_bytes`](crate::Settings) answers 413, cut off
/// 400, slower than a minute 408.
pub async fn receive(app: &App, body: Body) -> Result<Bytes> {
    let limit = app.settings.max_json_bytes;
    match tokio::time::timeout(PATIENCE, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(e)) => {
            let text = e.to_string();
            Err(if text.contains("length limit") {
                Error::new(413, codes::INVALID_REQUEST, format!("The body is larger than {limit} bytes."))
            } else {
                Error::invalid("The body did not arrive whole.").because(text)
            })
        }
        Err(_) => Err(Error::new(408, codes::INVALID_REQUEST, "The body took too long to arrive.")),
    }
}

/// Reads and checks a body. `empty` bodies count as null.
pub fn read(bytes: &[u8], ty: &TypeRef, types: &dyn Types, reading: Reading) -> Result<Value> {
    let value = if bytes.iter().all(u8::is_ascii_whitespace) {
        Value::Null
    } else {
        serde_json::from_slice(bytes).map_err(|e| {
            Error::invalid(format!("The body is no valid JSON (line {}, column {}).", e.line(), e.column()))
        })?
    };
    check(value, ty, types, reading)
}

fn check(value: Value, ty: &TypeRef, types: &dyn Types, reading: Reading) -> Result<Value> {
    match (value, ty) {
        (Value::Null, TypeRef::Named(name)) => {
            let Some(def) = types.find(name) else { return Ok(Value::Object(Map::new())) };
            match def.properties().iter().find(|p| p.required && !reading.partial) {
                Some(missing) if def.name.ends_with("Request") => Err(Error::unbound(&lower_first(&missing.name))),
                Some(_) => Err(Error::unbound(&lower_first(&def.name))),
                None => Ok(Value::Object(Map::new())),
            }
        }
        (Value::Null, TypeRef::List(_)) => Err(Error::unbound("value")),
        (value, ty) => checked(value, ty, types, reading, "body", 0),
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

const DEPTH: usize = 32;

fn wrong(at: &str, expected: &str) -> Error {
    Error::invalid(format!("The value of {at} is not {expected}."))
}

fn checked(value: Value, ty: &TypeRef, types: &dyn Types, reading: Reading, at: &str, depth: usize) -> Result<Value> {
    if depth > DEPTH {
        return Err(Error::invalid(format!("The body is nested too deeply at {at}.")));
    }
    match ty {
        TypeRef::Any => Ok(value),
        TypeRef::Object | TypeRef::Map(_) if !value.is_object() => Err(wrong(at, "an object")),
        TypeRef::Object => Ok(value),
        TypeRef::Map(inner) => {
            let Value::Object(members) = value else { return Err(wrong(at, "an object")) };
            let mut out = Map::new();
            for (name, member) in members {
                let member = nullable(member, inner, types, reading, at, depth)?;
                out.insert(name, member);
            }
            Ok(Value::Object(out))
        }
        TypeRef::List(inner) => {
            let Value::Array(elements) = value else { return Err(wrong(at, "a list")) };
            let elements: Result<Vec<Value>> =
                elements.into_iter().map(|e| checked(e, inner, types, reading, at, depth + 1)).collect();
            elements.map(Value::Array)
        }
        TypeRef::Named(name) => match types.find(name) {
            Some(TypeDef { body: TypeBody::Enum(words), .. }) => enumeration(value, words, at),
            Some(def) => object(value, def, types, reading, at, depth),
            None => Ok(value),
        },
        TypeRef::Enum(words) => enumeration(value, words, at),
        TypeRef::Bool => value.is_boolean().then_some(value).ok_or_else(|| wrong(at, "true or false")),
        TypeRef::Int32 => integer(value, at, i64::from(i32::MIN), i64::from(i32::MAX)),
        TypeRef::Int64 => integer(value, at, i64::MIN, i64::MAX),
        TypeRef::Double => value.is_number().then_some(value).ok_or_else(|| wrong(at, "a number")),
        TypeRef::String | TypeRef::Bytes | TypeRef::Uri | TypeRef::File => text(value, at),
        TypeRef::Uuid => {
            let guid = value.as_str().and_then(parse_guid).ok_or_else(|| wrong(at, "a GUID"))?;
            Ok(Value::String(guid))
        }
        TypeRef::DateTime => {
            let known = value.as_str().is_some_and(|t| time::parse(t).is_some());
            known.then_some(value).ok_or_else(|| wrong(at, "a date and time"))
        }
    }
}

fn nullable(value: Value, ty: &TypeRef, types: &dyn Types, reading: Reading, at: &str, depth: usize) -> Result<Value> {
    if value.is_null() { Ok(value) } else { checked(value, ty, types, reading, at, depth + 1) }
}

fn object(value: Value, def: &TypeDef, types: &dyn Types, reading: Reading, at: &str, depth: usize) -> Result<Value> {
    let Value::Object(members) = value else { return Err(wrong(at, "an object")) };
    let mut out = Map::new();
    for (name, member) in members {
        if name.contains("@odata.") {
            continue;
        }
        let Some(property) = def.property(&name) else {
            if reading.strict {
                return Err(Error::unbound(&lower_first(&def.name)).because(format!("unknown member {name}")));
            }
            continue;
        };
        if property.read_only {
            continue;
        }
        let inside = if at == "body" { property.name.clone() } else { format!("{at}.{}", property.name) };
        let member = nullable(member, &property.ty, types, reading, &inside, depth)?;
        limits(&member, property, &inside)?;
        out.insert(property.name.clone(), member);
    }
    if !reading.partial {
        for property in def.properties().iter().filter(|p| p.required && !p.read_only) {
            if out.get(&property.name).is_none_or(Value::is_null) {
                return Err(if def.name.ends_with("Request") {
                    Error::unbound(&lower_first(&property.name))
                } else {
                    Error::argument(format!("The field {} is required.", property.name))
                });
            }
        }
    }
    Ok(Value::Object(out))
}

fn limits(value: &Value, property: &PropertyDef, at: &str) -> Result<()> {
    let length = match value {
        Value::String(s) => Some((s.chars().count(), "characters")),
        Value::Array(a) => Some((a.len(), "elements")),
        _ => None,
    };
    if let Some((n, unit)) = length {
        let (least, most) = property.length;
        if most.is_some_and(|m| n > m) {
            return Err(Error::argument(format!("{at} may have at most {} {unit}.", most.unwrap_or_default())));
        }
        // An empty text in an optional member means "not given" to the clients that send it.
        if least.is_some_and(|l| n < l) && (n > 0 || property.required) {
            return Err(Error::argument(format!("{at} must have at least {} {unit}.", least.unwrap_or_default())));
        }
    }
    if let Some(n) = value.as_i64() {
        let (least, most) = property.range;
        if least.is_some_and(|l| n < l) || most.is_some_and(|m| n > m) {
            let (least, most) = (least.unwrap_or(i64::MIN), most.unwrap_or(i64::MAX));
            return Err(Error::argument(format!("{at} must be between {least} and {most}.")));
        }
    }
    Ok(())
}

fn text(value: Value, at: &str) -> Result<Value> {
    match &value {
        Value::String(s) if s.contains('\0') => {
            Err(Error::invalid(format!("{at} contains a character that is not allowed.")))
        }
        Value::String(_) => Ok(value),
        _ => Err(wrong(at, "a text")),
    }
}

fn integer(value: Value, at: &str, least: i64, most: i64) -> Result<Value> {
    let number = match &value {
        Value::Number(n) => n.as_i64().or_else(|| {
            // 3.0 is an integer to the clients that write every number with a fraction.
            n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| {
                #[allow(clippy::cast_possible_truncation)]
                let whole = f as i64;
                whole
            })
        }),
        Value::String(s) => s.parse().ok(),
        _ => None,
    };
    match number {
        Some(n) if (least..=most).contains(&n) => Ok(Value::from(n)),
        _ => Err(wrong(at, "an integer of the right size")),
    }
}

fn enumeration(value: Value, words: &[String], at: &str) -> Result<Value> {
    let known = match &value {
        Value::String(s) => match words.iter().find(|w| w.eq_ignore_ascii_case(s)) {
            Some(word) => return Ok(Value::String(word.clone())),
            None => s.parse::<usize>().is_ok_and(|n| n <= words.len()),
        },
        // Some enumerations count from one, hence "at most" and not "below".
        Value::Number(n) => n.as_u64().is_some_and(|n| usize::try_from(n).is_ok_and(|n| n <= words.len())),
        _ => false,
    };
    known.then_some(value).ok_or_else(|| wrong(at, "one of the allowed values"))
}

/// The members of a checked object, by their published names.
#[derive(Clone, Copy)]
pub struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    /// The members of a value; none when it is no object.
    pub fn of(value: &'a Value) -> Fields<'a> {
        Fields(value.as_object())
    }

    /// The member, null included; `None` when it is absent.
    pub fn given(&self, name: &str) -> Option<&'a Value> {
        self.0.and_then(|m| m.get(name))
    }

    /// The member when it is there and not null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.given(name).filter(|v| !v.is_null())
    }

    /// Whether the member is there, be it null.
    pub fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A text that is not empty.
    pub fn filled(&self, name: &str) -> Option<&'a str> {
        self.text(name).filter(|t| !t.is_empty())
    }

    /// An integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    /// A truth value.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// A moment.
    pub fn time(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(time::parse)
    }

    /// The elements of a list; none when it is absent.
    pub fn list(&self, name: &str) -> &'a [Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The integers of a list.
    pub fn ints(&self, name: &str) -> Vec<i64> {
        self.list(name).iter().filter_map(Value::as_i64).collect()
    }

    /// The members of an inner object.
    pub fn fields(&self, name: &str) -> Option<Fields<'a>> {
        self.get(name).and_then(Value::as_object).map(|m| Fields(Some(m)))
    }

    /// The number of an enumeration's member, given by name or number.
    pub fn choice(&self, name: &str, of: &EnumType) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::String(s) => of.number(s),
            Value::Number(n) => of.number(&n.to_string()),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(name, "one of the allowed values"))
    }

    /// A text that must be there and not empty.
    pub fn need_text(&self, name: &str) -> Result<&'a str> {
        self.filled(name).ok_or_else(|| Error::argument(format!("The field {name} is required.")))
    }

    /// An integer that must be there.
    pub fn need_int(&self, name: &str) -> Result<i64> {
        self.int(name).ok_or_else(|| Error::argument(format!("The field {name} is required.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::{contract, parse_types};
    use serde_json::json;

    struct Published;
    impl Types for Published {
        fn find(&self, name: &str) -> Option<&TypeDef> {
            contract().type_def(name)
        }
    }

    const READ: Reading = Reading { strict: false, partial: false };

    fn asset(body: &str) -> Result<Value> {
        read(body.as_bytes(), &TypeRef::parse("AssetDto"), &Published, READ)
    }

    #[test]
    fn names_are_spelled_as_published_and_unknown_ones_dropped() {
        let v =
            asset(r#"{"NAME":"a","valuescope":"global","IntValue":"7","What":1,"UserValues":[{"userid":3}]}"#).unwrap();
        assert_eq!(v, json!({"Name":"a","ValueScope":"Global","IntValue":7,"UserValues":[{"UserId":3}]}));
    }

    #[test]
    fn wrong_bodies_are_refused() {
        let long = format!(r#"{{"Name":"{}","ValueScope":"Global"}}"#, "n".repeat(257));
        let deep = format!("{}{}", r#"{"UserValues":["#.repeat(2000), "]}".repeat(2000));
        let cases = [
            ("{", 1000),
            ("[]", 1000),
            ("null", 0),
            ("", 0),
            ("\"text\"", 1000),
            ("7", 1000),
            ("{}", 1009),
            (r#"{"Name":5,"ValueScope":"Global"}"#, 1000),
            (r#"{"Name":"a","ValueScope":"Nowhere"}"#, 1000),
            (r#"{"Name":"a","ValueScope":9}"#, 1000),
            (r#"{"Name":"a\u0000","ValueScope":"Global"}"#, 1000),
            (r#"{"Name":"a","ValueScope":"Global","Id":1180591620717411303424}"#, 1000),
            (r#"{"Name":"a","ValueScope":"Global","Key":"x"}"#, 1000),
            (r#"{"Name":"","ValueScope":"Global"}"#, 1009),
            (long.as_str(), 1009),
            (deep.as_str(), 1000),
        ];
        for (body, code) in cases {
            let e = asset(body).unwrap_err();
            assert_eq!((e.status(), e.code()), (400, code), "{}", &body[..body.len().min(60)]);
        }
        assert!(read(b"\xff\xfe\x00", &TypeRef::parse("AssetDto"), &Published, READ).is_err());
    }

    #[test]
    fn requests_name_the_missing_parameter() {
        let e = read(b"{}", &TypeRef::parse("StartJobsRequest"), &Published, READ).unwrap_err();
        assert_eq!(e.message(), "startInfo must not be null");
        let e = read(b"", &TypeRef::parse("StartJobsRequest"), &Published, READ).unwrap_err();
        assert_eq!(e.message(), "startInfo must not be null");
    }

    #[test]
    fn strict_reading_refuses_unknown_members() {
        struct Own(Vec<TypeDef>);
        impl Types for Own {
            fn find(&self, name: &str) -> Option<&TypeDef> {
                self.0.iter().find(|t| t.name == name)
            }
        }
        let own = Own(parse_types("type PairDto\n  A string\n  B int32 range=1..3\n"));
        let ty = TypeRef::parse("PairDto");
        let strict = Reading { strict: true, partial: false };
        assert_eq!(read(br#"{"c":1}"#, &ty, &own, strict).unwrap_err().message(), "pairDto must not be null");
        assert!(read(br#"{"c":1}"#, &ty, &own, READ).is_ok());
        assert!(read(br#"{"B":4}"#, &ty, &own, READ).is_err());
    }

    #[test]
    fn absent_null_and_value_stay_apart() {
        let v = json!({"A": null, "B": 2});
        let f = Fields::of(&v);
        assert!(f.has("A") && f.get("A").is_none() && !f.has("C"));
        assert_eq!(f.int("B"), Some(2));
    }
}
