//! Every served operation as nobody, without its scope, without its permission, and from another tenant. What is
//! allowed to differ stands in a list that may only shrink.

use bandmaster_model::{ParameterFacts, Place, TypeRef};
use bandmaster_testkit::{Client, Reply, TestServer, all_scopes, json, suite};
use reqwest::Method;

/// Operations that ask for no permission yet answer a caller without roles with something of its own, not of others.
const OWN_THINGS: &[&str] = &[];

fn value(p: &ParameterFacts) -> &'static str {
    match p.ty {
        TypeRef::Uuid => "00000000-0000-4000-8000-000000000001",
        TypeRef::Int32 | TypeRef::Int64 | TypeRef::List(_) => "1",
        TypeRef::Bool => "false",
        TypeRef::DateTime => "2024-01-01T00:00:00Z",
        _ => "x",
    }
}

/// An address of the operation in which every parameter has some value.
fn address(operation: &bandmaster_api::Operation) -> String {
    let mut path = operation.facts.path.clone();
    let mut query = Vec::new();
    for p in &operation.facts.params {
        match p.place {
            Place::Path => path = path.replace(&format!("{{{}}}", p.name), value(p)),
            Place::Query if p.required => query.push(format!("{}={}", p.name, value(p))),
            Place::Query => {}
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

async fn call(client: &Client, operation: &bandmaster_api::Operation) -> Reply {
    let method = Method::from_bytes(operation.facts.method.as_bytes()).expect("a method");
    let mut request = client.request(method, &address(operation));
    if operation.facts.method != "GET" {
        request = request.json(&json!({}));
    }
    client.send(request).await
}

/// Operations that ask for a caller.
fn guarded(server: &TestServer) -> Vec<std::sync::Arc<bandmaster_api::Operation>> {
    server.served.operations().filter(|o| o.handler.is_some() && o.facts.caller != "none").cloned().collect()
}

suite! {
    async fn nobody_gets_in(server: &TestServer) {
        let nobody = server.anonymous().in_folder(server.shared);
        let forged = nobody.with_token("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.");
        for operation in guarded(server) {
            for client in [&nobody, &forged] {
                let reply = call(client, &operation).await;
                assert_eq!(reply.status, 401, "{}: {}", operation.facts.id, reply.text());
            }
        }
    }

    async fn without_the_scope_nothing_is_served(server: &TestServer) {
        let weak = server.application("OR.BackgroundTasks", None).await;
        let mut checked = 0;
        for operation in guarded(server).iter().filter(|o| !o.facts.scopes.is_empty()) {
            let reply = call(&weak, operation).await;
            assert_eq!(reply.status, 403, "{}: {}", operation.facts.id, reply.text());
            checked += 1;
        }
        assert!(checked > 100);
    }

    async fn without_the_permission_nothing_is_served(server: &TestServer) {
        // Every scope, but no role anywhere and no folder.
        let bare = server.bare_application(&all_scopes()).await;
        for operation in guarded(server).iter().filter(|o| !o.facts.permission.is_empty() && o.facts.caller == "user") {
            for client in [bare.clone(), bare.in_folder(server.shared)] {
                let reply = call(&client, operation).await;
                let refused = (400..500).contains(&reply.status) || OWN_THINGS.contains(&operation.facts.id.as_str());
                // A list across folders of which the caller sees none is empty.
                let empty = reply.status == 200 && reply.json()["value"].as_array().is_some_and(Vec::is_empty);
                assert!(refused || empty, "{}: {} {}", operation.facts.id, reply.status, reply.text());
            }
        }
    }

    async fn host_operations_refuse_tenants(server: &TestServer) {
        let other = server.other_tenant().await;
        for operation in guarded(server).iter().filter(|o| o.facts.caller == "host") {
            let reply = call(&other, operation).await;
            assert_eq!(reply.status, 403, "{}: {}", operation.facts.id, reply.text());
        }
    }
}
