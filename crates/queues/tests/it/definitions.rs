//! Queue definitions: the whole life of one, names, links, isolation.

use bandmaster_testkit::{json, suite};

suite! {
    async fn lives_and_is_audited(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"Name": "Invoices", "Description": "Supplier invoices", "MaxNumberOfRetries": 2,
            "AcceptAutomaticallyRetry": true, "EnforceUniqueReference": true, "Tags": [{"Name": "a", "DisplayName": "a"}]});
        let made = admin.post("/odata/QueueDefinitions", body).await.expect(201);
        assert_eq!(made["Name"], "Invoices");
        assert_eq!(made["FoldersCount"], 1);
        assert_eq!(made["OrganizationUnitFullyQualifiedName"], "Shared");
        let id = made["Id"].as_i64().unwrap();
        let same = admin.get(&format!("/odata/QueueDefinitions({id})")).await.expect(200);
        assert_eq!(same["Key"], made["Key"]);
        let key = made["Key"].as_str().unwrap();
        for quote in ["", "'"] {
            let path = format!("/odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetByKey(identifier={quote}{key}{quote})");
            assert_eq!(admin.get(&path).await.expect(200)["Id"], id);
        }
        let list = admin.get("/odata/QueueDefinitions?$filter=Name eq 'INVOICES'").await.expect(200);
        assert_eq!(list["@odata.count"], 1);
        let changed = json!({"Name": "Bills", "MaxNumberOfRetries": 1, "SlaInMinutes": 60, "RiskSlaInMinutes": 30});
        admin.put(&format!("/odata/QueueDefinitions({id})"), changed).await.expect(200);
        let after = admin.get(&format!("/odata/QueueDefinitions({id})")).await.expect(200);
        assert_eq!((&after["Name"], &after["SlaInMinutes"]), (&json!("Bills"), &json!(60)));
        assert_eq!(after["EnforceUniqueReference"], true);
        admin.delete(&format!("/odata/QueueDefinitions({id})")).await.expect(204);
        admin.get(&format!("/odata/QueueDefinitions({id})")).await.error(404, 1002);
        let audit: Vec<_> = server.audit().await.into_iter().filter(|a| a["component"] == "Queues").collect();
        let actions: Vec<_> = audit.iter().map(|a| a["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["Create", "Update", "Delete"]);
        assert_eq!((&audit[1]["before"]["Name"], &audit[1]["after"]["Name"]), (&json!("Invoices"), &json!("Bills")));
        let kinds: Vec<_> = server.events().await.into_iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect();
        assert!(["queue.created", "queue.updated", "queue.deleted"].iter().all(|k| kinds.iter().any(|e| e == k)));
    }

    async fn names_are_unique_in_a_folder(server: &TestServer) {
        let admin = server.admin();
        admin.post("/odata/QueueDefinitions", json!({"Name": "Größe"})).await.expect(201);
        admin.post("/odata/QueueDefinitions", json!({"Name": "GRÖSSE"})).await.expect(201);
        admin.post("/odata/QueueDefinitions", json!({"Name": "GRÖßE"})).await.error(409, 1001);
        let list = admin.get("/odata/QueueDefinitions").await.expect(200);
        assert_eq!(list["value"].as_array().unwrap().len(), 2);
    }

    async fn bad_bodies_are_refused(server: &TestServer) {
        let admin = server.admin();
        let cases = [
            (json!({}), 1009),
            (json!({"Name": ""}), 1009),
            (json!({"Name": "   "}), 1009),
            (json!({"Name": "x".repeat(51)}), 1009),
            (json!({"Name": "x", "MaxNumberOfRetries": 51}), 1009),
            (json!({"Name": "x", "MaxNumberOfRetries": -1}), 1009),
            (json!({"Name": "x", "SlaInMinutes": 10, "RiskSlaInMinutes": 10}), 1009),
            (json!({"Name": "x", "SlaInMinutes": 129_601}), 1009),
            (json!({"Name": "x", "SpecificDataJsonSchema": "{"}), 1857),
            (json!({"Name": 5}), 1000),
        ];
        for (body, code) in cases {
            admin.post("/odata/QueueDefinitions", body).await.error(400, code);
        }
        admin.post("/odata/QueueDefinitions", json!({"Name": "x".repeat(50)})).await.expect(201);
        let made = admin.post("/odata/QueueDefinitions", json!({"Name": "e", "Encrypted": true})).await.expect(201);
        let path = format!("/odata/QueueDefinitions({})", made["Id"]);
        admin.put(&path, json!({"Name": "e", "Encrypted": false})).await.error(409, 1854);
        admin.put(&path, json!({"Name": "e", "Id": 999})).await.error(400, 1009);
        admin.put("/odata/QueueDefinitions(9007199254740990)", json!({"Name": "e"})).await.error(404, 1002);
    }

    async fn access_is_held(server: &TestServer) {
        let admin = server.admin();
        let made = admin.post("/odata/QueueDefinitions", json!({"Name": "q"})).await.expect(201);
        let path = format!("/odata/QueueDefinitions({})", made["Id"]);
        server.anonymous().get(&path).await.error(401, 0);
        server.application("OR.Assets", None).await.get(&path).await.error(403, 0);
        let reader = server.application("OR.Queues", Some("Automation User")).await;
        reader.get(&path).await.expect(200);
        reader.post("/odata/QueueDefinitions", json!({"Name": "r"})).await.error(403, 0);
        reader.delete(&path).await.error(403, 0);
        admin.without_folder().get(&path).await.error(400, 1101);
        admin.in_folder(4711).get(&path).await.error(400, 1100);
        let other = server.other_tenant().await;
        other.get(&path).await.error(404, 1002);
        other.delete(&path).await.error(404, 1002);
        admin.get(&path).await.expect(200);
    }

    async fn a_queue_and_its_retention_go_in_one_body(server: &TestServer) {
        let admin = server.admin();
        let base = "/odata/QueueDefinitions/UiPath.Server.Configuration.OData";
        let body = json!({"Name": "q", "MaxNumberOfRetries": 2, "RetentionAction": "None"});
        let made = admin.post(&format!("{base}.CreateQueue"), body).await.expect(201);
        assert_eq!((&made["Name"], &made["RetentionAction"], &made["RetentionPeriod"]), (&json!("q"), &json!("None"), &json!(null)));
        let id = &made["Id"];
        let body = json!({"Id": id, "Name": "r", "RetentionAction": "Delete", "RetentionPeriod": 7});
        admin.post(&format!("{base}.EditQueue"), body).await.expect(200);
        let path = format!("{base}.GetQueue(id={id})");
        let now = admin.get(&path).await.expect(200);
        assert_eq!((&now["Name"], &now["RetentionPeriod"], &now["RetentionBucketName"]), (&json!("r"), &json!(7), &json!(null)));
        admin.post(&format!("{base}.EditQueue"), json!({"Name": "r"})).await.error(400, 1009);
        admin.post(&format!("{base}.EditQueue"), json!({"Id": 4711, "Name": "r"})).await.error(404, 1002);
        admin.post(&format!("{base}.CreateQueue"), json!({"Name": "x", "RetentionAction": "Archive", "RetentionBucketId": 3})).await.error(404, 3105);
        admin.post(&format!("{base}.CreateQueue"), json!({"Name": "x".repeat(51)})).await.error(400, 1009);
        admin.post(&format!("{base}.CreateQueue"), json!({"Name": "R"})).await.error(409, 1001);
        server.other_tenant().await.get(&path).await.error(404, 1002);
        let reader = server.application("OR.Queues", Some("Automation User")).await;
        reader.post(&format!("{base}.CreateQueue"), json!({"Name": "s"})).await.error(403, 0);
        reader.get(&path).await.expect(200);
    }
}
