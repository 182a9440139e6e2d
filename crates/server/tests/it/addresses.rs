//! The same operations answer under every address layout; unknown organizations and tenants never answer 404.

use bandmaster_testkit::{Value, json, suite};

suite! {
    async fn every_layout_reaches_the_same_operation(server: &TestServer) {
        let admin = server.admin();
        admin.post("/odata/QueueDefinitions", json!({"Name": "q"})).await.expect(201);
        let shown = server.command(json!({"command": "show"})).await;
        let organization = shown["organizations"][0]["key"].as_str().unwrap().to_owned();
        let tenant = shown["organizations"][0]["tenants"][0]["key"].as_str().unwrap().to_owned();
        for prefix in [
            "", "/orchestrator_", "/Default/Default/orchestrator_", "/default/DEFAULT/orchestrator_", "/Default/Default",
            "//Default//Default//orchestrator_/", &format!("/{organization}/{tenant}/orchestrator_"),
        ] {
            let list = admin.get(&format!("{prefix}/odata/QueueDefinitions?$count=true")).await.expect(200);
            assert_eq!(list["@odata.count"], 1, "{prefix}");
        }
        let context = admin.get("/Default/Default/orchestrator_/odata/QueueDefinitions").await.expect(200);
        let expected = format!("{}/Default/Default/orchestrator_/odata/$metadata#QueueDefinitions", server.url);
        assert_eq!(context["@odata.context"], expected);
        for path in ["/ODATA/queuedefinitions", "/odata/QueueDefinitions()"] {
            admin.get(path).await.expect(200);
        }
        for path in ["/identity/.well-known/openid-configuration", "/identity_/.well-known/openid-configuration",
            "/Default/identity_/.well-known/openid-configuration"] {
            assert!(server.anonymous().get(path).await.expect(200)["token_endpoint"].is_string());
        }
    }

    async fn foreign_and_unknown_places_are_refused(server: &TestServer) {
        let admin = server.admin();
        let other = server.other_tenant().await;
        for path in ["/Nobody/Default/orchestrator_/odata/QueueDefinitions", "/Default/Nothing/orchestrator_/odata/QueueDefinitions"] {
            server.anonymous().get(path).await.error(401, 0);
            admin.get(path).await.error(403, 0);
        }
        other.get("/Default/Default/orchestrator_/odata/QueueDefinitions").await.error(403, 0);
        admin.with_header("X-UIPATH-TenantName", "Nothing").get("/odata/QueueDefinitions").await.error(403, 0);
        admin.with_header("X-UIPATH-TenantName", "default").get("/odata/QueueDefinitions").await.expect(200);
    }

    async fn addresses_that_lead_nowhere(server: &TestServer) {
        let admin = server.admin();
        for path in ["/odata/NoSuchSet", "/nothing", "/api/Nothing/At/All", "/odata/QueueDefinitions(1)/NoFunction", "/odata/QueueDefinitions('"] {
            let reply = admin.get(path).await;
            assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
            assert!(reply.json()["errorCode"].is_i64());
        }
        let reply = admin.patch("/odata/QueueDefinitions", json!({})).await;
        reply.error(405, 1000);
        assert_eq!(reply.header("allow"), Some("GET, POST"));
        server.anonymous().get("/odata/Tasks").await.error(401, 0);
        let reply = admin.get("/odata/Webhooks").await;
        assert_eq!((reply.status, &reply.json()["errorCode"]), (501, &Value::from(0)));
    }
}
