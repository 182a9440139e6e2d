//! Holds answers against the description: every member that an answer carries must be described for its
//! operation, with the described JSON type.

use crate::client::Reply;
use bandmaster_api::Served;
use bandmaster_api::address::Address;
use bandmaster_model::{TypeBody, TypeRef};
use bandmaster_odata::template::Route;
use serde_json::Value;

/// Checks one answer. 5xx other than 501 and 503 fail at once: no input may cause them.
pub fn check(served: &Served, method: &str, path: &str, reply: &Reply) {
    assert!(
        reply.status < 500 || matches!(reply.status, 501 | 503),
        "{}: {} {}",
        reply.what,
        reply.status,
        reply.text()
    );
    let address = Address::parse(path);
    let Route::Match(found) = served.router().find(method, &address.path) else { return };
    let facts = &found.target.facts;
    if reply.status >= 400 {
        let body = reply.json();
        let fits = body["message"].is_string() && body["errorCode"].is_i64();
        let page = reply.header("content-type").is_some_and(|t| t.starts_with("text/html"));
        assert!(fits || page, "{}: {} without the envelope: {}", reply.what, reply.status, reply.text());
        return;
    }
    if reply.status >= 300 {
        return;
    }
    crate::tested::note(&facts.id);
    let described = facts.responses.iter().find(|(s, _)| *s == reply.status);
    let any = facts.responses.is_empty() || found.target.hidden;
    // A client that always reads JSON gets 200 where the contract says 204.
    let lenient = reply.status == 200 && facts.responses.iter().any(|(s, _)| *s == 204);
    assert!(described.is_some() || any || lenient, "{}: status {} is not described", reply.what, reply.status);
    if let Some((_, Some(ty))) = described
        && !matches!(ty, TypeRef::File)
        && !reply.bytes.is_empty()
    {
        let mut wrong = Vec::new();
        walk(served, &reply.json(), ty, "", &mut wrong, 0);
        assert!(wrong.is_empty(), "{}: not as described: {wrong:?}\n{}", reply.what, reply.text());
    }
}

fn walk(served: &Served, value: &Value, ty: &TypeRef, at: &str, wrong: &mut Vec<String>, depth: usize) {
    if value.is_null() || depth > 8 {
        return;
    }
    let fits = match ty {
        TypeRef::Any | TypeRef::File => true,
        TypeRef::Object => value.is_object(),
        TypeRef::Bool => value.is_boolean(),
        TypeRef::Int32 | TypeRef::Int64 => value.is_i64() || value.is_u64(),
        TypeRef::Double => value.is_number(),
        TypeRef::String | TypeRef::Uuid | TypeRef::DateTime | TypeRef::Uri | TypeRef::Bytes => value.is_string(),
        TypeRef::Enum(words) => value.is_number() || value.as_str().is_some_and(|v| words.iter().any(|w| w == v)),
        TypeRef::List(inner) => {
            value.as_array().into_iter().flatten().for_each(|v| walk(served, v, inner, at, wrong, depth + 1));
            value.is_array()
        }
        TypeRef::Map(inner) => {
            value.as_object().into_iter().flatten().for_each(|(k, v)| {
                if !k.starts_with('@') {
                    walk(served, v, inner, &format!("{at}.{k}"), wrong, depth + 1);
                }
            });
            value.is_object()
        }
        TypeRef::Named(name) => match served.type_def(name).map(|d| &d.body) {
            None => true,
            Some(TypeBody::Enum(words)) => {
                value.is_number() || value.as_str().is_some_and(|v| words.iter().any(|w| w == v))
            }
            Some(TypeBody::Object(properties)) => {
                for (key, member) in value.as_object().into_iter().flatten().filter(|(k, _)| !k.contains("@odata.")) {
                    match properties.iter().find(|p| p.name == *key) {
                        Some(p) => walk(served, member, &p.ty, &format!("{at}.{key}"), wrong, depth + 1),
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
