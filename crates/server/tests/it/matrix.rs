//! Every served operation as nobody, without its scope, without its permission, and from another tenant. What is
//! allowed to differ stands in a list that may only shrink.

use crate::probe::{call, guarded};
use bandmaster_testkit::{all_scopes, suite};

/// Operations that ask for no permission yet answer a caller without roles with something of its own, not of others.
const OWN_THINGS: &[&str] = &[];

suite! {
    async fn nobody_gets_in(server: &TestServer) {
        let nobody = server.anonymous().in_folder(server.shared);
        let forged = nobody.with_token("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.");
        let garbage = nobody.with_token("rt_garbage");
        // Tokens of applications live an hour.
        let expired = server.application(&all_scopes(), None).await;
        server.clock.advance(std::time::Duration::from_secs(2 * 3600));
        for operation in guarded(server) {
            for client in [&nobody, &forged, &garbage, &expired] {
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
