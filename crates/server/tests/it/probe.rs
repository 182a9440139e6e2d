//! Requests made from the registry's descriptions: an address and a body for every operation, with identifiers chosen
//! by the test.

use bandmaster_api::Operation;
use bandmaster_model::{ParameterFacts, Place, TypeRef};
use bandmaster_testkit::{Client, Reply, TestServer, Value, json};
use reqwest::Method;
use std::sync::Arc;

/// What stands for a number and for a GUID in a request.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    /// Numbers.
    pub number: i64,
    /// GUIDs.
    pub guid: &'a str,
    /// Names and other texts.
    pub text: &'a str,
}

/// Identifiers of nothing.
pub const NOTHING: Ids<'static> =
    Ids { number: 987_654_321, guid: "00000000-0000-4000-8000-00000000dead", text: "nothing-of-that-name" };

fn value(p: &ParameterFacts, ids: Ids<'_>) -> String {
    match &p.ty {
        TypeRef::Uuid => ids.guid.into(),
        TypeRef::Int32 | TypeRef::Int64 => ids.number.to_string(),
        TypeRef::List(inner) if **inner == TypeRef::Uuid => ids.guid.into(),
        TypeRef::List(_) => ids.number.to_string(),
        TypeRef::Bool => "false".into(),
        TypeRef::DateTime => "2024-01-01T00:00:00Z".into(),
        TypeRef::Enum(words) => words.first().cloned().unwrap_or_default(),
        _ => ids.text.into(),
    }
}

/// An address of the operation; optional parameters are left out.
pub fn address(operation: &Operation, ids: Ids<'_>) -> String {
    let mut path = operation.facts.path.clone();
    let mut query = Vec::new();
    for p in &operation.facts.params {
        match p.place {
            Place::Path => path = path.replace(&format!("{{{}}}", p.name), &value(p, ids)),
            Place::Query if p.required => query.push(format!("{}={}", p.name, value(p, ids))),
            Place::Query => {}
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

/// Calls the operation with these identifiers in its address and that body.
pub async fn call_with(client: &Client, operation: &Operation, ids: Ids<'_>, body: &Value) -> Reply {
    let method = Method::from_bytes(operation.facts.method.as_bytes()).expect("a method");
    let mut request = client.request(method, &address(operation, ids));
    if operation.facts.method != "GET" {
        request = request.json(body);
    }
    client.send(request).await
}

/// Calls the operation with identifiers of nothing and an empty body.
pub async fn call(client: &Client, operation: &Operation) -> Reply {
    call_with(client, operation, NOTHING, &json!({})).await
}

/// Served operations that ask for a caller.
pub fn guarded(server: &TestServer) -> Vec<Arc<Operation>> {
    server.served.operations().filter(|o| o.handler.is_some() && o.facts.caller != "none").cloned().collect()
}
