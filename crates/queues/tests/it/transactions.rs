//! Taking items and reporting results.

use crate::items::{add, queue};
use bandmaster_testkit::{Client, Value, json, suite};
use std::time::Duration;

async fn start(client: &Client, body: Value) -> Value {
    let reply = client.post("/odata/Queues/UiPathODataSvc.StartTransaction", json!({ "transactionData": body })).await;
    if reply.status == 204 { Value::Null } else { reply.expect(200) }
}

async fn finish(client: &Client, id: &Value, body: Value) -> bandmaster_testkit::Reply {
    client
        .post(&format!("/odata/Queues({id})/UiPathODataSvc.SetTransactionResult"), json!({ "transactionResult": body }))
        .await
}

suite! {
    async fn items_are_served_in_order(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let due = |n: u32| format!("2026-02-{n:02}T00:00:00Z");
        for (reference, priority, date) in [
            ("low", "Low", None), ("normal 1", "Normal", None), ("high", "High", None), ("normal 2", "Normal", None),
            ("due low early", "Low", Some(due(1))), ("due normal late", "Normal", Some(due(3))),
            ("due normal early", "Normal", Some(due(2))), ("due high", "High", Some(due(9))),
        ] {
            add(&admin, json!({"Name": "q", "Reference": reference, "Priority": priority, "DueDate": date})).await;
        }
        add(&admin, json!({"Name": "q", "Reference": "deferred", "Priority": "High", "DueDate": due(2),
            "DeferDate": "2026-01-05T09:00:00Z"})).await;
        let mut served = Vec::new();
        loop {
            let item = start(&admin, json!({"Name": "Q"})).await;
            if item.is_null() { break }
            assert_eq!((&item["Status"], item["StartProcessing"].is_string()), (&json!("InProgress"), true));
            served.push(item["Reference"].as_str().unwrap().to_owned());
        }
        assert_eq!(served, ["due high", "due normal early", "due normal late", "due low early", "high", "normal 1", "normal 2", "low"]);
        server.clock.advance(Duration::from_secs(3600));
        assert_eq!(start(&admin, json!({"Name": "q"})).await["Reference"], "deferred");
        assert!(start(&admin, json!({"Name": "q"})).await.is_null());
    }

    async fn what_is_answered_is_what_is_listed(server: &TestServer) {
        let admin = server.admin();
        for encrypted in [false, true] {
            let name = format!("q{encrypted}");
            queue(&admin, json!({"Name": name, "Encrypted": encrypted})).await;
            let body = json!({"Name": name, "Reference": "r", "DueDate": "2026-02-01T00:00:00Z", "Progress": "p",
                "SpecificContent": {"a": "ü\"{", "b": 1.50, "c": null}});
            let mut made = add(&admin, body).await;
            made.as_object_mut().unwrap().shift_remove("@odata.context");
            let listed = admin.get("/odata/QueueItems?$filter=Status eq 'New'").await.expect(200)["value"][0].clone();
            assert_eq!(serde_order(&made), serde_order(&listed));
            let mut taken = start(&admin, json!({"Name": name})).await;
            taken.as_object_mut().unwrap().shift_remove("@odata.context");
            let listed = admin.get("/odata/QueueItems?$orderby=Id desc&$top=1").await.expect(200)["value"][0].clone();
            assert_eq!(serde_order(&taken), serde_order(&listed));
        }
    }

    async fn results_end_a_transaction(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        add(&admin, json!({"Name": "q"})).await;
        let item = start(&admin, json!({"Name": "q"})).await;
        let id = &item["Id"];
        let progress = format!("/odata/QueueItems({id})/UiPathODataSvc.SetTransactionProgress");
        assert_eq!(admin.post(&progress, json!({"progress": "page 2"})).await.expect(200), json!({}));
        server.clock.advance(Duration::from_secs(5));
        finish(&admin, id, json!({"IsSuccessful": true, "Output": {"DocId": "77"}, "Analytics": {"Pages": 3}})).await.expect(200);
        let done = admin.get(&format!("/odata/QueueItems({id})")).await.expect(200);
        assert_eq!((&done["Status"], &done["Progress"], &done["Output"]), (&json!("Successful"), &json!("page 2"), &json!({"DocId": "77"})));
        assert_eq!(done["OutputData"], "{\"DynamicProperties\":{\"DocId\":\"77\"}}");
        assert_eq!(done["EndProcessing"], "2026-01-05T08:00:05Z");
        assert_ne!(done["RowVersion"], item["RowVersion"]);
        finish(&admin, id, json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}})).await.error(409, 1865);
        admin.post(&progress, json!({"progress": "late"})).await.error(409, 1851);
        let kinds: Vec<_> = server.events().await.into_iter().map(|e| e["kind"].as_str().unwrap().to_owned()).filter(|k| k.starts_with("queueItem")).collect();
        assert_eq!(kinds, ["queueItem.added", "queueItem.transactionStarted", "queueItem.transactionCompleted"]);
    }

    async fn application_exceptions_are_retried_while_a_retry_is_left(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1, "EnforceUniqueReference": true})).await;
        let first = add(&admin, json!({"Name": "q", "Reference": "r", "SpecificContent": {"a": 1}})).await;
        start(&admin, json!({"Name": "q"})).await;
        server.clock.advance(Duration::from_secs(7));
        finish(&admin, &first["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "timeout", "Type": "ApplicationException"}})).await.expect(200);
        let old = admin.get(&format!("/odata/QueueItems({})", first["Id"])).await.expect(200);
        assert_eq!((&old["Status"], &old["ProcessingException"]["Reason"]), (&json!("Retried"), &json!("timeout")));
        let again = start(&admin, json!({"Name": "q"})).await;
        assert_eq!((&again["Key"], &again["AncestorId"], &again["RetryNumber"]), (&first["Key"], &first["Id"], &json!(1)));
        assert_eq!((&again["SpecificContent"], &again["Reference"], &again["SecondsInPreviousAttempts"]), (&json!({"a": 1}), &json!("r"), &json!(7)));
        assert_ne!(again["UniqueKey"], first["UniqueKey"]);
        finish(&admin, &again["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "timeout"}})).await.expect(200);
        let last = admin.get(&format!("/odata/QueueItems({})", again["Id"])).await.expect(200);
        assert_eq!((&last["Status"], &last["ProcessingExceptionType"]), (&json!("Failed"), &json!("ApplicationException")));
        let list = admin.get(&format!("/odata/QueueItems?$filter=QueueDefinitionId eq {q}&$count=true&$top=1")).await.expect(200);
        assert_eq!(list["@odata.count"], 2);
    }

    async fn business_exceptions_are_not_retried(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 3})).await;
        add(&admin, json!({"Name": "q"})).await;
        let item = start(&admin, json!({"Name": "q"})).await;
        finish(&admin, &item["Id"], json!({"IsSuccessful": false})).await.error(400, 1009);
        finish(&admin, &item["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "no", "Type": "BusinessException"}})).await.expect(200);
        assert_eq!(admin.get(&format!("/odata/QueueItems({})", item["Id"])).await.expect(200)["Status"], "Failed");
        assert!(start(&admin, json!({"Name": "q"})).await.is_null());
    }

    async fn a_deferral_puts_the_item_back(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        add(&admin, json!({"Name": "q"})).await;
        let item = start(&admin, json!({"Name": "q"})).await;
        finish(&admin, &item["Id"], json!({"DeferDate": "2026-01-05T10:00:00Z"})).await.expect(200);
        assert!(start(&admin, json!({"Name": "q"})).await.is_null());
        server.clock.advance(Duration::from_secs(2 * 3600));
        assert_eq!(start(&admin, json!({"Name": "q"})).await["Id"], item["Id"]);
    }

    async fn references_choose_and_contents_begin_at_once(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        for reference in ["A-1", "B_1", "BX1"] {
            add(&admin, json!({"Name": "q", "Reference": reference})).await;
        }
        assert_eq!(start(&admin, json!({"Name": "q", "Reference": "b_", "ReferenceFilterOption": "StartsWith"})).await["Reference"], "B_1");
        assert!(start(&admin, json!({"Name": "q", "Reference": "b_", "ReferenceFilterOption": "StartsWith"})).await.is_null());
        assert!(start(&admin, json!({"Name": "q", "Reference": "A"})).await.is_null());
        assert_eq!(start(&admin, json!({"Name": "q", "Reference": "a-1"})).await["Reference"], "A-1");
        let made = start(&admin, json!({"Name": "q", "SpecificContent": {"x": 1}, "Reference": "new"})).await;
        assert_eq!((&made["Status"], &made["SpecificContent"]), (&json!("InProgress"), &json!({"x": 1})));
        start_unknown(&admin).await;
    }

    async fn no_item_is_given_twice(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let items: Vec<Value> = (0..40).map(|n| json!({"Reference": format!("r{n}")})).collect();
        let many = json!({"queueName": "q", "commitType": "AllOrNothing", "queueItems": items});
        admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200);
        let takers: Vec<_> = (0..8).map(|_| {
            let client = admin.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let item = start(&client, json!({"Name": "q"})).await;
                    if item.is_null() { return mine }
                    mine.push(item["Id"].as_i64().unwrap());
                }
            })
        }).collect();
        let mut all = Vec::new();
        for taker in takers {
            all.extend(taker.await.unwrap());
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 40);
    }
}

async fn start_unknown(client: &Client) {
    let body = json!({"transactionData": {"Name": "none"}});
    client.post("/odata/Queues/UiPathODataSvc.StartTransaction", body).await.error(404, 1002);
}

/// The text, so that the order of members counts as well.
fn serde_order(value: &Value) -> String {
    value.to_string()
}
