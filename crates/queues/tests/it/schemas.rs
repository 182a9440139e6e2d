//! JSON Schemas of queues.

use crate::items::{add, queue};
use crate::{finish, item, start};
use bandmaster_testkit::{Value, json, suite};

const ADD: &str = "/odata/Queues/UiPathODataSvc.AddQueueItem";

suite! {
    async fn contents_fit_their_schemas(server: &TestServer) {
        let admin = server.admin();
        let specific = r#"{"type":"object","required":["No"],"properties":{"No":{"type":"string","pattern":"^A-[0-9]+$"}}}"#;
        let output = r#"{"type":"object","properties":{"Doc":{"type":"integer"}}}"#;
        let q = queue(&admin, json!({"Name": "q", "SpecificDataJsonSchema": specific, "OutputDataJsonSchema": output,
            "AnalyticsDataJsonSchema": output, "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 3})).await;
        let shown = admin.get(&format!("/odata/QueueDefinitions({q})")).await.expect(200);
        assert_eq!(shown["SpecificDataJsonSchema"], specific);
        for (kind, text) in [("SpecificData", specific), ("OutputData", output), ("analyticsdata", output)] {
            let path = format!("/odata/QueueDefinitions({q})/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='{kind}')");
            let reply = admin.get(&path).await;
            assert_eq!((reply.status, reply.text().as_str()), (200, text));
            server.other_tenant().await.get(&path).await.error(404, 1002);
        }
        admin.get(&format!("/odata/QueueDefinitions({q})/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='x')")).await.error(400, 1859);
        for content in [json!({"No": "B-1"}), json!({}), json!(null)] {
            admin.post(ADD, json!({"itemData": {"Name": "q", "SpecificContent": content}})).await.error(400, 1856);
        }
        let begun = json!({"transactionData": {"Name": "q", "SpecificContent": {"No": 5}}});
        admin.post("/odata/Queues/UiPathODataSvc.StartTransaction", begun).await.error(400, 1856);
        let many = json!({"queueName": "q", "commitType": "ProcessAllIndependently",
            "queueItems": [{"SpecificContent": {"No": "A-1"}}, {"SpecificContent": {"No": "x"}}, {"SpecificContent": {"No": "A-2"}}]});
        let reply = admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200);
        assert_eq!((&reply["FailedItems"][0]["Ordinal"], &reply["FailedItems"][0]["ErrorCode"]), (&json!(2), &json!("QueueItemSchemaViolationException")));
        let (first, second) = (start(&admin, "q").await, start(&admin, "q").await);
        finish(&admin, &first["Id"], json!({"IsSuccessful": true, "Output": {"Doc": "secretvalue"}})).await.expect(200);
        let failed = item(&admin, &first["Id"]).await;
        assert_eq!((&failed["Status"], &failed["ProcessingExceptionType"]), (&json!("Failed"), &json!("BusinessException")));
        assert!(!failed["ProcessingException"]["Reason"].as_str().unwrap().contains("secretvalue"));
        finish(&admin, &second["Id"], json!({"IsSuccessful": true, "Output": {"Doc": 1}, "Analytics": {"Doc": 2}})).await.expect(200);
        assert_eq!(item(&admin, &second["Id"]).await["Status"], "Successful");
        let other = json!({"Name": "q", "AcceptAutomaticallyRetry": true, "SpecificDataJsonSchema": "{\"required\":[\"Other\"]}"});
        admin.put(&format!("/odata/QueueDefinitions({q})"), other).await.expect(200);
        admin.post(ADD, json!({"itemData": {"Name": "q", "SpecificContent": {"No": "A-3"}}})).await.error(400, 1856);
        add(&admin, json!({"Name": "q", "SpecificContent": {"Other": 1}})).await;
        let path = format!("/odata/QueueDefinitions({q})/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='OutputData')");
        admin.get(&path).await.error(404, 1860);
    }

    async fn hostile_schemas_are_refused_and_nothing_is_fetched(server: &TestServer) {
        let admin = server.admin();
        // Whoever fetched something would call here.
        let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        trap.set_nonblocking(true).unwrap();
        let remote = format!("http://{}/x.json", trap.local_addr().unwrap());
        let tower = |n: usize, keyword: &str| (0..n).fold(json!({}), |inner, _| json!({keyword: inner}));
        let defs = |of: &dyn Fn(usize) -> Value| (0..40).map(|n| (format!("l{n:02}"), of(n))).collect::<Value>();
        let below = |n: usize| json!({"$ref": format!("#/$defs/l{:02}", n.saturating_sub(1))});
        let laughs = defs(&|n| if n == 0 { json!({}) } else { json!({"allOf": [below(n), below(n)]}) });
        let chain = defs(&|n| if n == 0 { json!({}) } else { json!({"not": below(n)}) });
        let bad: Vec<(&str, String)> = vec![
            ("cut off", "{".into()),
            ("a list", "[]".into()),
            ("a number", "5".into()),
            ("nested beyond what JSON readers take", format!("{}{}", "{\"not\":".repeat(20_000), "}".repeat(20_000))),
            ("an unknown type", json!({"type": "nothing"}).to_string()),
            ("a wrong keyword", json!({"minimum": "five"}).to_string()),
            ("deep", tower(40, "not").to_string()),
            ("deep properties", tower(40, "properties").to_string()),
            ("deep data", json!({"const": tower(40, "a")}).to_string()),
            ("deep through references", json!({"$ref": "#/$defs/l39", "$defs": chain}).to_string()),
            ("doubling", json!({"$ref": "#/$defs/l39", "$defs": laughs}).to_string()),
            ("many parts", json!({"allOf": vec![json!({}); 5_000]}).to_string()),
            ("a long text", json!({"title": "x".repeat(100_001)}).to_string()),
            ("the whole refers to itself", json!({"$ref": "#"}).to_string()),
            ("a tree", json!({"properties": {"next": {"$ref": "#"}}}).to_string()),
            ("a part refers to itself", json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}).to_string()),
            ("two refer to each other", json!({"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}}).to_string()),
            ("itself in other words", json!({"$ref": "#/$defs/A", "$defs": {"%41": {}, "A": {"$ref": "#/$defs/%41"}}}).to_string()),
            ("dynamic", json!({"$dynamicAnchor": "a", "properties": {"b": {"$dynamicRef": "#a"}}}).to_string()),
            ("recursive", json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true, "properties": {"b": {"$recursiveRef": "#"}}}).to_string()),
            ("remote", json!({"$ref": remote}).to_string()),
            ("remote, deeper", json!({"properties": {"a": {"items": {"$ref": format!("{remote}#/$defs/a")}}}}).to_string()),
            ("remote by its id", json!({"$id": remote, "$ref": "y.json"}).to_string()),
            ("remote by an inner id", json!({"properties": {"a": {"$id": remote, "$ref": "#/b"}}, "b": {}}).to_string()),
            ("remote language", json!({"$schema": remote}).to_string()),
            ("without a scheme", json!({"$ref": remote.trim_start_matches("http:")}).to_string()),
            ("a file", json!({"$ref": "file:///etc/passwd"}).to_string()),
            ("a name", json!({"$ref": "#anchor"}).to_string()),
            ("nowhere", json!({"$ref": "#/$defs/missing"}).to_string()),
            ("a broken pattern", json!({"pattern": "("}).to_string()),
            ("a huge pattern", json!({"pattern": "(a{1000}){1000}"}).to_string()),
        ];
        let kept = queue(&admin, json!({"Name": "kept"})).await;
        let alias = "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.CreateQueue";
        for (what, schema) in &bad {
            for member in ["SpecificDataJsonSchema", "OutputDataJsonSchema", "AnalyticsDataJsonSchema"] {
                let replies = [
                    admin.post("/odata/QueueDefinitions", json!({"Name": "q", member: schema})).await,
                    admin.post(alias, json!({"Name": "q", member: schema})).await,
                    admin.put(&format!("/odata/QueueDefinitions({kept})"), json!({"Name": "kept", member: schema})).await,
                ];
                for reply in replies {
                    assert_eq!((reply.status, &reply.json()["errorCode"]), (400, &json!(1857)), "{what}: {}", reply.text());
                }
            }
        }
        let none = trap.accept().map(|_| ()).unwrap_err();
        assert_eq!(none.kind(), std::io::ErrorKind::WouldBlock, "something was fetched");
        let list = admin.get("/odata/QueueDefinitions").await.expect(200);
        assert_eq!((&list["@odata.count"], &list["value"][0]["SpecificDataJsonSchema"]), (&json!(1), &json!(null)));
    }

    async fn a_schema_at_the_limits_is_used(server: &TestServer) {
        let admin = server.admin();
        // 32 levels; what is forbidden is allowed again at every other.
        let tower = (0..32).fold(json!({}), |inner, _| json!({"not": inner}));
        // An engine that goes back would take years for this pattern.
        let slow = json!({"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}});
        queue(&admin, json!({"Name": "deep", "SpecificDataJsonSchema": tower.to_string()})).await;
        queue(&admin, json!({"Name": "slow", "SpecificDataJsonSchema": slow.to_string()})).await;
        add(&admin, json!({"Name": "deep", "SpecificContent": {"a": 1}})).await;
        let (good, bad) = ("a".repeat(100_000), format!("{}!", "a".repeat(100_000)));
        add(&admin, json!({"Name": "slow", "SpecificContent": {"a": good}})).await;
        admin.post(ADD, json!({"itemData": {"Name": "slow", "SpecificContent": {"a": bad}}})).await.error(400, 1856);
    }
}
