//! Requests made from the registry's descriptions: an address and a body for every operation, with identifiers chosen
//! by the test.

use bandmaster_api::Operation;
use bandmaster_model::{OperationFacts, ParameterFacts, Place, TypeBody, TypeRef};
use bandmaster_testkit::{Client, Reply, TestServer, Value, json};
use reqwest::Method;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something there is: its number, its GUID, its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Number.
    pub number: i64,
    /// GUID.
    pub guid: String,
    /// Name.
    pub name: String,
}

impl Thing {
    /// What there is not.
    pub fn none() -> Thing {
        Thing {
            number: 987_654_321,
            guid: "00000000-0000-4000-8000-00000000dead".into(),
            name: "nothing-named-so".into(),
        }
    }
}

/// Things by the lower-case name of their set; an empty map names nothing that there is.
pub type Things = BTreeMap<String, Thing>;

/// The thing that a parameter or member of that name means, in an operation of that address.
fn meant(things: &Things, path: &str, name: &str) -> Thing {
    let name = name.to_lowercase();
    let stem = ["ids", "keys", "id", "key"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let stem = match stem {
        "organizationunit" => "folder",
        "process" => "release",
        other => other,
    };
    let singular = |set: &str| set.trim_end_matches('s').to_owned();
    let by_name = || {
        things
            .iter()
            .find(|(set, _)| stem.len() > 2 && (stem.ends_with(&singular(set)) || singular(set).ends_with(stem)))
    };
    let own = || {
        let path = path.to_lowercase();
        let set = path.split('/').nth(2).and_then(|s| s.split('(').next().map(str::to_owned)).unwrap_or_default();
        things.iter().find(|(name, _)| **name == set)
    };
    by_name().or_else(own).or_else(|| things.iter().next()).map_or_else(Thing::none, |(_, thing)| thing.clone())
}

/// Whether a number or text of that name identifies something.
fn identifies(name: &str) -> bool {
    let name = name.to_lowercase();
    ["id", "ids", "key", "keys", "identifier", "name", "names", "reference"].iter().any(|end| name.ends_with(end))
}

fn value(p: &ParameterFacts, path: &str, things: &Things) -> String {
    let thing = meant(things, path, &p.name);
    match &p.ty {
        TypeRef::Uuid => thing.guid,
        TypeRef::Int32 | TypeRef::Int64 | TypeRef::String if !identifies(&p.name) => "1".into(),
        TypeRef::Int32 | TypeRef::Int64 => thing.number.to_string(),
        TypeRef::List(inner) if **inner == TypeRef::Uuid => thing.guid,
        TypeRef::List(_) => thing.number.to_string(),
        TypeRef::Bool => "false".into(),
        TypeRef::DateTime => "2024-01-01T00:00:00Z".into(),
        TypeRef::Enum(words) => words.first().cloned().unwrap_or_default(),
        _ => thing.name,
    }
}

/// An address of the operation; optional parameters are left out.
pub fn address(operation: &Operation, things: &Things) -> String {
    address_of(&operation.facts, things)
}

/// The same from what is published about an operation.
pub fn address_of(facts: &OperationFacts, things: &Things) -> String {
    let template = &facts.path;
    let mut path = template.clone();
    let mut query = Vec::new();
    for p in &facts.params {
        match p.place {
            Place::Path => path = path.replace(&format!("{{{}}}", p.name), &value(p, template, things)),
            Place::Query if p.required => query.push(format!("{}={}", p.name, value(p, template, things))),
            Place::Query => {}
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

/// Addresses of the operation with one more of its optional parameters that may name something, for each of them.
pub fn addresses_with_options(operation: &Operation, things: &Things) -> Vec<String> {
    let bare = address(operation, things);
    let named = |p: &&ParameterFacts| {
        p.place == Place::Query
            && !p.required
            && !p.name.starts_with('$')
            && (identifies(&p.name) || p.ty == TypeRef::Uuid)
    };
    let join = if bare.contains('?') { '&' } else { '?' };
    let options = operation.facts.params.iter().filter(named);
    options.map(|p| format!("{bare}{join}{}={}", p.name, value(p, &operation.facts.path, things))).collect()
}

/// A body in which every member that may name something names these things.
pub fn body(server: &TestServer, operation: &Operation, things: &Things) -> Value {
    let path = &operation.facts.path;
    operation.facts.body.as_ref().map_or(json!({}), |ty| filled(server, ty, path, things, "", 0))
}

fn filled(server: &TestServer, ty: &TypeRef, path: &str, things: &Things, name: &str, depth: usize) -> Value {
    let lower = name.to_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| lower.ends_with(end));
    match ty {
        TypeRef::Bool => json!(false),
        TypeRef::Int32 | TypeRef::Int64 if ends(&["id", "ids"]) => json!(meant(things, path, name).number),
        TypeRef::Int32 | TypeRef::Int64 | TypeRef::Double => json!(1),
        TypeRef::Uuid => json!(meant(things, path, name).guid),
        TypeRef::DateTime => json!("2026-02-01T00:00:00Z"),
        TypeRef::Enum(words) => json!(words.first()),
        TypeRef::String if ends(&["key", "keys", "identifier"]) => json!(meant(things, path, name).guid),
        TypeRef::String if identifies(name) => json!(meant(things, path, name).name),
        TypeRef::String => json!("text"),
        TypeRef::Uri => json!("https://example.test/"),
        TypeRef::Bytes => json!("AA=="),
        TypeRef::Any | TypeRef::File => Value::Null,
        TypeRef::Object | TypeRef::Map(_) => json!({}),
        TypeRef::List(inner) if depth < 3 => json!([filled(server, inner, path, things, name, depth + 1)]),
        TypeRef::List(_) => json!([]),
        TypeRef::Named(named) => match server.served.type_def(named).map(|d| &d.body) {
            Some(TypeBody::Enum(words)) => json!(words.first()),
            Some(TypeBody::Object(properties)) if depth < 3 => {
                let members = properties.iter().filter(|p| !p.read_only);
                let member = |ty, name: &str| filled(server, ty, path, things, name, depth + 1);
                Value::Object(members.map(|p| (p.name.clone(), member(&p.ty, &p.name))).collect())
            }
            _ => Value::Null,
        },
    }
}

/// Sends a request of the operation.
pub async fn send(client: &Client, operation: &Operation, address: &str, body: &Value) -> Reply {
    let method = Method::from_bytes(operation.facts.method.as_bytes()).expect("a method");
    let mut request = client.request(method, address);
    if operation.facts.method != "GET" {
        request = request.json(body);
    }
    client.send(request).await
}

/// Calls the operation with identifiers of nothing and an empty body.
pub async fn call(client: &Client, operation: &Operation) -> Reply {
    send(client, operation, &address(operation, &Things::new()), &json!({})).await
}

/// Served operations that ask for a caller.
pub fn guarded(server: &TestServer) -> Vec<Arc<Operation>> {
    server.served.operations().filter(|o| o.handler.is_some() && o.facts.caller != "none").cloned().collect()
}
