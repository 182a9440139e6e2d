//! Adding and reading items.

use bandmaster_testkit::{Client, Value, json, suite};

pub async fn queue(client: &Client, body: Value) -> i64 {
    client.post("/odata/QueueDefinitions", body).await.expect(201)["Id"].as_i64().unwrap()
}

pub async fn add(client: &Client, body: Value) -> Value {
    client.post("/odata/Queues/UiPathODataSvc.AddQueueItem", json!({ "itemData": body })).await.expect(201)
}

suite! {
    async fn an_item_comes_back_as_it_was_added(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "Invoices"})).await;
        let item = add(&admin, json!({"Name": "invoices", "Priority": "High", "Reference": "A-1",
            "SpecificContent": {"InvoiceNo": "A-100", "Amount": 125.5, "Amount@odata.type": "#Double", "Urgent": true},
            "DeferDate": "2026-02-01T08:00:00+01:00", "DueDate": "2026-02-02T08:00:00Z"})).await;
        assert_eq!(item["QueueDefinitionId"], id);
        assert_eq!((&item["Status"], &item["ReviewStatus"], &item["Priority"]), (&json!("New"), &json!("None"), &json!("High")));
        assert_eq!(item["DeferDate"], "2026-02-01T07:00:00Z");
        assert_eq!(item["SpecificContent"], json!({"InvoiceNo": "A-100", "Amount": 125.5, "Urgent": true}));
        let data: Value = serde_json::from_str(item["SpecificData"].as_str().unwrap()).unwrap();
        assert_eq!(data["DynamicProperties"], item["SpecificContent"]);
        let path = format!("/odata/QueueItems({})", item["Id"]);
        let same = admin.get(&path).await.expect(200);
        assert_eq!(same["SpecificContent"], item["SpecificContent"]);
        let part = admin.get(&format!("{path}?$select=SpecificContent,Status")).await.expect(200);
        assert_eq!(part["SpecificContent"], item["SpecificContent"]);
        assert!(part.get("Key").is_none());
        for (name, count) in [("INVOICES", 1), ("x", 0)] {
            let list = admin.get(&format!("/odata/QueueItems?$filter=QueueDefinitionName eq '{name}'")).await.expect(200);
            assert_eq!(list["@odata.count"], count);
        }
        let list = admin.get(&format!("/odata/QueueItems?$filter=QueueDefinitionId eq {id} and Status eq 'New'&$expand=QueueDefinition,Robot,ReviewerUser")).await.expect(200);
        assert_eq!(list["value"][0]["QueueDefinition"]["Name"], "Invoices");
        assert_eq!(list["value"][0]["Robot"], Value::Null);
    }

    async fn contents_of_encrypted_queues_are_sealed(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "Secret", "Encrypted": true})).await;
        let item = add(&admin, json!({"Name": "Secret", "SpecificContent": {"Word": "plantedsecret"}})).await;
        assert_eq!(item["SpecificContent"]["Word"], "plantedsecret");
        let list = admin.get("/odata/QueueItems?$select=SpecificData").await.expect(200);
        assert!(list["value"][0]["SpecificData"].as_str().unwrap().contains("plantedsecret"));
        assert!(list["value"][0].get("UniqueKey").is_none());
        let sql = "SELECT content FROM queue_items UNION ALL SELECT payload FROM events UNION ALL SELECT coalesce(after_json, '') FROM audit_entries";
        let rows = server.app().store.read().await.unwrap().query(sql, &[]).await.unwrap();
        assert!(rows.iter().all(|r| !r.get::<String>(0).unwrap().contains("plantedsecret")));
    }

    async fn references_are_unique_where_they_must_be(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "U", "EnforceUniqueReference": true})).await;
        add(&admin, json!({"Name": "U", "Reference": "A"})).await;
        let again = json!({"itemData": {"Name": "U", "Reference": "a"}});
        admin.post("/odata/Queues/UiPathODataSvc.AddQueueItem", again).await.error(409, 1016);
        admin.post("/odata/Queues/UiPathODataSvc.AddQueueItem", json!({"itemData": {"Name": "U"}})).await.error(400, 1850);
        let many = json!({"queueName": "U", "commitType": "ProcessAllIndependently",
            "queueItems": [{"Reference": "B"}, {"Reference": "A"}, {"Reference": "C"}, {}]});
        let reply = admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200);
        assert_eq!(reply["Success"], false);
        let failed: Vec<_> = reply["FailedItems"].as_array().unwrap().iter().map(|f| (f["Ordinal"].as_i64().unwrap(), f["ErrorCode"].as_str().unwrap())).collect();
        assert_eq!(failed, [(2, "DuplicateReference"), (4, "TransactionReferenceRequired")]);
        assert_eq!(admin.get("/odata/QueueItems").await.expect(200)["@odata.count"], 3);
        let many = json!({"queueName": "U", "commitType": "AllOrNothing", "queueItems": [{"Reference": "D"}, {"Reference": "A"}]});
        assert_eq!(admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200)["Success"], false);
        let many = json!({"queueName": "U", "commitType": "StopOnFirstFailure", "queueItems": [{"Reference": "E"}, {"Reference": "A"}, {"Reference": "F"}]});
        assert_eq!(admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200)["Success"], false);
        let list = admin.get("/odata/QueueItems?$orderby=Id&$select=Reference").await.expect(200);
        let references: Vec<_> = list["value"].as_array().unwrap().iter().map(|v| v["Reference"].as_str().unwrap()).collect();
        assert_eq!(references, ["A", "B", "C", "E"]);
    }

    async fn bad_items_are_refused(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let path = "/odata/Queues/UiPathODataSvc.AddQueueItem";
        admin.post(path, json!({"itemData": {"Name": "none"}})).await.error(404, 1002);
        admin.post(path, json!({})).await.error(400, 0);
        admin.post(path, json!({"itemData": {}})).await.error(400, 1009);
        admin.post(path, json!({"itemData": {"Name": "q", "Reference": "x".repeat(129)}})).await.error(400, 1009);
        admin.post(path, json!({"itemData": {"Name": "q", "Priority": "Urgent"}})).await.error(400, 1000);
        admin.post(path, json!({"itemData": {"Name": "q", "DeferDate": "2026-02-02", "DueDate": "2026-02-01"}})).await.error(400, 1009);
        admin.post(path, json!({"itemData": {"Name": "q", "Source": "Elsewhere"}})).await.error(400, 1009);
        admin.post(path, json!({"itemData": {"Name": "q", "SpecificContent": {"a": "x".repeat(1 << 20)}}})).await.error(400, 1864);
        assert_eq!(admin.get("/odata/QueueItems").await.expect(200)["@odata.count"], 0);
    }

    async fn a_sheet_becomes_items(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        let path = format!("/odata/QueueDefinitions({q})/UiPathODataSvc.UploadItems");
        let sheet = "Reference,Deadline,Postpone,Priority,Name,Note\nA,2026/02/01 08:30,2026 01 31,3,x,\"two\nlines, =1\"\nB,,,Low,=1+1,\n";
        let reply = admin.upload(&path, "items.csv", sheet.into()).await.expect(200);
        assert_eq!((&reply["Success"], &reply["FailedItems"]), (&json!(true), &json!([])));
        let list = admin.get("/odata/QueueItems?$orderby=Id").await.expect(200);
        let (a, b) = (&list["value"][0], &list["value"][1]);
        assert_eq!((&a["Priority"], &a["DueDate"], &a["DeferDate"]), (&json!("High"), &json!("2026-02-01T08:30:00Z"), &json!("2026-01-31T00:00:00Z")));
        assert_eq!(a["SpecificContent"], json!({"Name": "x", "Note": "two\nlines, =1"}));
        assert_eq!((&b["Priority"], &b["DueDate"], &b["SpecificContent"]["Name"]), (&json!("Low"), &json!(null), &json!("=1+1")));
        let mixed = "Reference,Priority\nC,1\nA,1\nD,9\nE\nF,2\n";
        let reply = admin.upload(&format!("{path}?commitType=ProcessAllIndependently"), "m.csv", mixed.into()).await.expect(200);
        let failed: Vec<_> = reply["FailedItems"].as_array().unwrap().iter().map(|f| (f["Ordinal"].as_i64().unwrap(), f["ErrorCode"].as_str().unwrap())).collect();
        assert_eq!(failed, [(2, "DuplicateReference"), (3, "InvalidArgument"), (4, "InvalidArgument")]);
        assert_eq!(admin.upload(&path, "m.csv", "Reference\nG\nA\n".into()).await.expect(200)["Success"], false);
        assert_eq!(admin.get("/odata/QueueItems").await.expect(200)["@odata.count"], 4);
        for bad in [&b""[..], b"a,\"", b"a,,b\n1,2,3\n", b"\xff\xfe"] {
            admin.upload(&path, "bad.csv", bad.to_vec()).await.error(400, 1009);
        }
        let many = format!("Reference\n{}", "x\n".repeat(15_001));
        admin.upload(&path, "many.csv", many.into()).await.error(400, 1009);
        admin.upload(&path.replace(&q.to_string(), "4711"), "a.csv", "a\n1\n".into()).await.error(404, 1002);
        server.other_tenant().await.upload(&path, "a.csv", "a\n1\n".into()).await.error(404, 1002);
    }

    async fn an_item_of_a_queue_in_several_folders_is_one(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        let folder = admin.without_folder().post("/odata/Folders", json!({"DisplayName": "Second"})).await.expect(201)["Id"].as_i64().unwrap();
        let path = "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders";
        admin.post(path, json!({"QueueIds": [q], "ToAddFolderIds": [folder], "ToRemoveFolderIds": []})).await.expect(204);
        let item = add(&admin, json!({"Name": "q"})).await;
        assert_eq!(admin.without_folder().get("/odata/QueueItems").await.expect(200)["@odata.count"], 1);
        let second = admin.in_folder(folder);
        for client in [&admin, &second] {
            assert_eq!(client.get("/odata/QueueItems").await.expect(200)["@odata.count"], 1);
            assert_eq!(client.get("/odata/QueueItemEvents").await.expect(200)["@odata.count"], 1);
            let status = client.get("/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus").await.expect(200);
            assert_eq!((&status["value"][0]["ItemsToProcess"], &status["value"][0]["QueueFoldersCount"]), (&json!(1), &json!(2)));
        }
        assert_eq!(crate::start(&second, "q").await["Id"], item["Id"]);
        assert!(crate::start(&admin, "q").await.is_null());
        admin.post(path, json!({"QueueIds": [q], "ToAddFolderIds": [], "ToRemoveFolderIds": [folder]})).await.expect(204);
        second.get(&format!("/odata/QueueItems({})", item["Id"])).await.error(404, 1002);
        crate::finish(&second, &item["Id"], json!({"IsSuccessful": true})).await.error(404, 1002);
        second.delete(&format!("/odata/QueueItems({})", item["Id"])).await.error(404, 1002);
    }
}
