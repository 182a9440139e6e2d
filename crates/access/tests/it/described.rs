//! Holds answers against the description of their operation: status, members, JSON types.

use bandmaster_api::Served;
use bandmaster_api::address::Address;
use bandmaster_model::{TypeBody, TypeRef};
use bandmaster_odata::template::Route;
use serde_json::Value;

/// Fails for a successful answer that is not as described.
#[track_caller]
pub fn check(served: &Served, method: &str, path: &str, status: u16, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let Route::Match(found) = served.router().find(method, &Address::parse(path).path) else { return };
    if status >= 300 {
        return;
    }
    let described = found.target.facts.responses.iter().find(|(s, _)| *s == status);
    let Some((_, ty)) = described else { panic!("{method} {path}: status {status} is not described") };
    match ty {
        None => assert!(body.is_null(), "{method} {path}: a body that is not described: {body}"),
        Some(ty) => {
            let mut wrong = Vec::new();
            walk(served, body, ty, "", &mut wrong);
            assert!(wrong.is_empty(), "{method} {path}: {wrong:?}\n{body}");
        }
    }
}

fn walk(served: &Served, value: &Value, ty: &TypeRef, at: &str, wrong: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    let enumerated =
        |words: &[String]| value.is_number() || value.as_str().is_some_and(|v| words.iter().any(|w| w == v));
    let fits = match ty {
        TypeRef::Any | TypeRef::File => true,
        TypeRef::Object => value.is_object(),
        TypeRef::Bool => value.is_boolean(),
        TypeRef::Int32 | TypeRef::Int64 => value.is_i64(),
        TypeRef::Double => value.is_number(),
        TypeRef::String | TypeRef::Uuid | TypeRef::DateTime | TypeRef::Uri | TypeRef::Bytes => value.is_string(),
        TypeRef::Enum(words) => enumerated(words),
        TypeRef::List(inner) => {
            value.as_array().into_iter().flatten().for_each(|v| walk(served, v, inner, at, wrong));
            value.is_array()
        }
        TypeRef::Map(inner) => {
            value.as_object().into_iter().flatten().for_each(|(_, v)| walk(served, v, inner, at, wrong));
            value.is_object()
        }
        TypeRef::Named(name) => match served.type_def(name).map(|d| &d.body) {
            None => true,
            Some(TypeBody::Enum(words)) => enumerated(words),
            Some(TypeBody::Object(properties)) => {
                for (key, member) in value.as_object().into_iter().flatten().filter(|(k, _)| !k.contains("@odata.")) {
                    match properties.iter().find(|p| p.name == *key) {
                        Some(p) => walk(served, member, &p.ty, &format!("{at}.{key}"), wrong),
                        None => wrong.push(format!("{at}.{key} is not described")),
                    }
                }
                value.is_object()
            }
        },
    };
    if !fits {
        wrong.push(format!("{at} is no {ty}"));
    }
}
