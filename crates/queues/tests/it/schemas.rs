//! JSON Schemas of queues.

use crate::items::{add, queue};
use crate::{finish, item, start};
use bandmaster_testkit::{json, suite};

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

    async fn hostile_schemas_are_refused(server: &TestServer) {
        let admin = server.admin();
        let deep = (0..40).fold(json!({}), |inner, _| json!({"not": inner}));
        let bad = ["{", "[]", "5", "{\"type\":\"nothing\"}", "{\"$ref\":\"#\"}", "{\"$ref\":\"http://127.0.0.1:1/x\"}",
            "{\"$ref\":\"file:///etc/passwd\"}", "{\"$schema\":\"http://127.0.0.1:1/x\"}", "{\"pattern\":\"(\"}", "{\"pattern\":\"(a{1000}){1000}\"}"];
        for schema in bad.iter().map(|s| (*s).to_owned()).chain([deep.to_string(), json!({"title": "x".repeat(100_001)}).to_string()]) {
            for member in ["SpecificDataJsonSchema", "OutputDataJsonSchema", "AnalyticsDataJsonSchema"] {
                let reply = admin.post("/odata/QueueDefinitions", json!({"Name": "q", member: schema})).await;
                assert_eq!((reply.status, &reply.json()["errorCode"]), (400, &json!(1857)), "{}", &schema[..schema.len().min(80)]);
            }
        }
        assert_eq!(admin.get("/odata/QueueDefinitions").await.expect(200)["@odata.count"], 0);
    }
}
