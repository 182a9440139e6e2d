//! Documents and probes.

use bandmaster_testkit::{Value, json, suite};

suite! {
    async fn the_descriptions_tell_what_is_served(server: &TestServer) {
        let client = server.anonymous();
        let document = client.get("/swagger/v20.0/swagger.json").await.expect(200);
        assert_eq!(document["openapi"], "3.0.4");
        let create = &document["paths"]["/odata/QueueDefinitions"]["post"];
        assert_eq!(create["operationId"], "QueueDefinitions_Post");
        assert_eq!(create["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/QueueDefinitionDto");
        assert_eq!(document["components"]["schemas"]["QueueDefinitionDto"]["properties"]["Name"]["maxLength"], 50);
        assert!(document["paths"].get("/odata/Webhooks").is_none());
        references(&document, &document);
        let identity = client.get("/identity/swagger/external/swagger.json").await.expect(200);
        assert!(identity["paths"].is_object());
        references(&identity, &identity);
        let page = client.get("/swagger/index.html").await;
        assert!(page.text().contains("swagger-ui-bundle.js"));
        assert!(client.get("/swagger/swagger-ui-bundle.js").await.bytes.len() > 100_000);
    }

    async fn metadata_comes_in_both_forms(server: &TestServer) {
        let client = server.anonymous();
        let json = client.get("/odata/$metadata").await.expect(200);
        assert!(json.to_string().contains("QueueDefinitions"));
        let xml = client.get("/odata/?$format=xml").await;
        assert!(xml.header("content-type").unwrap().starts_with("application/xml"));
        assert!(xml.text().contains("<EntitySet Name=\"QueueDefinitions\""));
    }

    async fn probes_and_metrics(server: &TestServer) {
        let client = server.anonymous();
        for path in ["/healthz", "/readyz", "/livez", "/api/health", "/api/health/startup", "/api/Status/Get"] {
            assert_eq!(client.get(path).await.status, 200, "{path}");
        }
        server.admin().post("/odata/QueueDefinitions", json!({"Name": "plantedname"})).await.expect(201);
        let text = client.get("/metrics").await.text();
        assert!(text.contains("bandmaster_http_requests_total{operation=\"QueueDefinitions_Post\",status=\"2xx\"} 1"));
        assert!(text.contains("bandmaster_store_units_committed_total") && text.ends_with("# EOF\n"));
        assert!(!text.contains("plantedname"));
    }
}

/// Every reference of a description leads somewhere in it.
fn references(value: &Value, document: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            members.values().for_each(|v| references(v, document));
        }
        Value::Array(elements) => elements.iter().for_each(|v| references(v, document)),
        _ => {}
    }
}
