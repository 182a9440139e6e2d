//! Metadata, keys, the person's own data, the first start.

use crate::world::{PASSWORD, get};
use bandmaster_core::Secret;
use bandmaster_identity::{BootstrapPlan, is_bootstrapped};
use serde_json::json;

both! {
    async fn the_server_describes_itself(world: &World) {
        for path in ["/identity/.well-known/openid-configuration", "/identity_/.well-known/openid-configuration", "/Default/identity_/.well-known/openid-configuration", "/identity/.well-known/oauth-authorization-server"] {
            let body = world.send(get(path)).await.expect(200);
            assert_eq!(body["issuer"], "http://bm.test/identity");
            assert_eq!(body["token_endpoint"], "http://bm.test/identity/connect/token");
            assert_eq!(body["code_challenge_methods_supported"], json!(["S256"]));
            assert_eq!(body["response_types_supported"], json!(["code"]));
        }
        let document = world.send(get("/identity/.well-known/openid-configuration")).await.expect(200);
        // What it names is there: whatever answers, it is not 404.
        for (name, value) in document.as_object().unwrap() {
            if let Some(path) = value.as_str().and_then(|v| v.strip_prefix("http://bm.test"))
                && name != "issuer"
            {
                let status = world.send(get(path)).await.status.as_u16();
                assert!(![404, 500, 501].contains(&status), "{name} {status}");
            }
        }
        let keys = world.send(get("/identity/.well-known/openid-configuration/jwks")).await;
        assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
        let keys = keys.expect(200);
        assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]), (&json!("RSA"), &json!("RS256")));
        assert_eq!(keys["keys"][0]["n"].as_str().unwrap().len(), 342, "2048 bits");
    }

    async fn the_first_start_happens_once(world: &World) {
        let mut conn = world.app.store.read().await.unwrap();
        assert!(is_bootstrapped(&mut conn).await.unwrap());
        drop(conn);
        let weak = BootstrapPlan::prepare(&world.identity, &world.app, Some(Secret::new("weak"))).await;
        assert_eq!(weak.err().unwrap().status(), 400);
        let plan = BootstrapPlan::prepare(&world.identity, &world.app, None).await.unwrap();
        let mut unit = world.unit().await;
        let again = bandmaster_identity::bootstrap(&mut unit, plan).await;
        assert_eq!(again.err().unwrap().status(), 409);
        // The password is in no column of no table that the first start wrote.
        for table in ["identity_users", "audit_entries", "organizations", "applications"] {
            let rows = world.rows(&format!("SELECT * FROM {table}"), &[]).await;
            assert!(!rows.is_empty() && rows.iter().all(|r| !format!("{r:?}").contains(PASSWORD)), "{table}");
        }
    }

    async fn a_person_asks_for_their_own_data(world: &World) {
        world.person("dana").await;
        let path = "/identity/connect/userinfo";
        world.send(get(path)).await.expect(401);
        let token = world.signed_in("dana").await;
        let body = world.send(get(path).bearer(&token)).await.expect(200);
        assert_eq!((&body["email"], &body["name"], &body["prt_id"]), (&json!("dana@example.test"), &json!("dana"), &json!(world.organization.key)));
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let fields = [("grant_type", "client_credentials"), ("client_id", app.key.as_str()), ("client_secret", &secret)];
        let token = world.token(&fields).await.text("access_token");
        world.send(get(path).bearer(&token)).await.expect(403);
    }

    async fn pages_from_elsewhere_may_call_only_if_known(world: &World) {
        let path = "/identity_/connect/token";
        for (origin, known) in [("http://localhost:8104", true), ("http://localhost:8055", true), ("http://localhost:42042", true), ("https://evil.test", false), ("null", false)] {
            let answer = world.send(get(path).method("OPTIONS").header("origin", origin).header("access-control-request-headers", "content-type")).await;
            assert_eq!(answer.header("access-control-allow-origin"), known.then_some(origin));
        }
    }
}
