//! Holds answers against the description of their operation: status, members, JSON types.

use bandmaster_api::Served;
use bandmaster_api::address::Address;
use bandmaster_model::{TypeBody, TypeRef, contract};
use bandmaster_odata::template::Route;
use serde_json::Value;

/// Fails for an answer that is not as described, and for errors without the envelope.
#[track_caller]
pub fn check(served: &Served, method: &str, path: &str, status: u16, json: Option<&Value>) {
    let path = path.split('?').next().unwrap_or_default();
    let Route::Match(found) = served.router().find(method, &Address::parse(path).path) else { return };
    if status >= 400 {
        let envelope = json.is_some_and(|b| b["message"].is_string() && b["errorCode"].is_i64());
        assert!(envelope, "{method} {path}: {status} without the envelope");
        return;
    }
    note(&found.target.facts.id);
    let described = found.target.facts.responses.iter().find(|(s, _)| *s == status);
    let Some((_, ty)) = described else { panic!("{method} {path}: status {status} is not described") };
    match (ty, json) {
        (Some(TypeRef::File), _) | (None, None) => {}
        (None, Some(body)) => panic!("{method} {path}: a body that is not described: {body}"),
        (Some(_), None) => panic!("{method} {path}: no body"),
        (Some(ty), Some(body)) => {
            let mut wrong = Vec::new();
            walk(served, body, ty, "", &mut wrong);
            assert!(wrong.is_empty(), "{method} {path}: {wrong:?}\n{body}");
        }
    }
}

/// Notes an operation that was called and answered, for the compatibility table; only when that is asked for.
fn note(operation: &str) {
    use std::io::Write;
    let Ok(folder) = std::env::var("BANDMASTER_TESTED") else { return };
    let name = env!("CARGO_PKG_NAME");
    std::fs::create_dir_all(&folder).unwrap();
    let path = std::path::Path::new(&folder).join(format!("{name}.tsv"));
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{operation}\t{name}\n").as_bytes()).unwrap();
}

fn walk(served: &Served, value: &Value, ty: &TypeRef, at: &str, wrong: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    let fits = match ty {
        TypeRef::Any | TypeRef::File => true,
        TypeRef::Object | TypeRef::Map(_) => value.is_object(),
        TypeRef::Bool => value.is_boolean(),
        TypeRef::Int32 | TypeRef::Int64 => value.is_i64(),
        TypeRef::Double => value.is_number(),
        TypeRef::String | TypeRef::Uuid | TypeRef::DateTime | TypeRef::Uri | TypeRef::Bytes => value.is_string(),
        TypeRef::Enum(words) => value.as_str().is_some_and(|v| words.iter().any(|w| w == v)),
        TypeRef::List(inner) => {
            value.as_array().into_iter().flatten().for_each(|v| walk(served, v, inner, at, wrong));
            value.is_array()
        }
        TypeRef::Named(name) => {
            if let Some(TypeBody::Object(properties)) = served.type_def(name).map(|d| &d.body) {
                for (key, member) in value.as_object().into_iter().flatten().filter(|(k, _)| !k.contains("@odata.")) {
                    match properties.iter().find(|p| p.name == *key) {
                        Some(p) => walk(served, member, &p.ty, &format!("{at}.{key}"), wrong),
                        None => wrong.push(format!("{at}.{key} is not described")),
                    }
                }
            }
            value.is_object()
        }
    };
    if !fits {
        wrong.push(format!("{at} is no {ty}"));
    }
}

/// Fails unless an object has every property of a contract's type that is neither an object nor a list of objects.
#[track_caller]
pub fn has_members_of(type_name: &str, value: &Value) {
    let ty = contract().type_def(type_name).unwrap();
    for property in ty.properties() {
        let plain = match &property.ty {
            TypeRef::Named(_) | TypeRef::Object | TypeRef::Map(_) => false,
            TypeRef::List(inner) => !matches!(**inner, TypeRef::Named(_)),
            _ => true,
        };
        assert!(!plain || value.get(&property.name).is_some(), "{type_name}.{} is missing in {value}", property.name);
    }
}
