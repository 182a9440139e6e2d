//! Credential stores: the one that every tenant has.

use crate::world::*;
use bandmaster_testkit::{Value, json, suite};

suite! {
    async fn every_tenant_has_one(server: &TestServer) {
        let admin = server.admin().without_folder();
        let list = admin.get("/odata/CredentialStores?$expand=Details,DefaultCredentialStores").await.expect(200);
        assert_eq!(rows(&list).len(), 1);
        let store = &rows(&list)[0];
        for (name, want) in [("Name", json!("Orchestrator Database")), ("Type", json!("Database")), ("ProxyId", Value::Null), ("ProxyType", Value::Null),
            ("HostName", Value::Null), ("AdditionalConfiguration", Value::Null), ("Details", json!({"IsReadOnly": false}))] {
            assert_eq!(store[name], want, "{name}");
        }
        let id = store["Id"].as_i64().unwrap();
        let defaults: Vec<&Value> = store["DefaultCredentialStores"].as_array().unwrap().iter().map(|d| &d["ResourceType"]).collect();
        assert_eq!(defaults, [&json!("AssetCredential"), &json!("RobotCredential"), &json!("BucketCredential"), &json!("Secrets")]);
        let address = format!("/odata/CredentialStores({id})");
        assert_eq!(admin.get(&address).await.expect(200)["Id"], id);
        assert_eq!(admin.get(&op("CredentialStores", "GetAvailableCredentialStoreTypes")).await.expect(200)["value"], json!(["Database"]));
        admin.get(&op("CredentialStores", "GetAvailableCredentialStoreTypes?$filter=Nonsense eq 1")).await.error(400, 1000);
        for kind in ["AssetCredential", "Secrets"] {
            let path = format!("{}(resourceType='{kind}')", op("CredentialStores", "GetDefaultStoreForResourceType"));
            assert_eq!(admin.get(&path).await.expect(200)["value"], id);
        }
        admin.get(&format!("{}(resourceType='Shoes')", op("CredentialStores", "GetDefaultStoreForResourceType"))).await.error(400, 1009);
        let other = server.other_tenant().await.without_folder();
        let theirs = other.get("/odata/CredentialStores").await.expect(200);
        assert_eq!(rows(&theirs).len(), 1);
        assert_ne!(rows(&theirs)[0]["Id"], id);
        other.get(&address).await.error(404, 1002);
    }

    async fn others_cannot_be_made(server: &TestServer) {
        let admin = server.admin().without_folder();
        let id = rows(&admin.get("/odata/CredentialStores").await.expect(200))[0]["Id"].as_i64().unwrap();
        let address = format!("/odata/CredentialStores({id})");
        admin.post("/odata/CredentialStores", json!({"Name": "Vault", "Type": "HashiCorp Vault"})).await.error(400, 2302);
        admin.post("/odata/CredentialStores", json!({"Name": "Second", "Type": "Database"})).await.error(409, 2308);
        admin.post("/odata/CredentialStores", json!({"Name": "Second"})).await.error(400, 1009);
        admin.delete(&address).await.error(409, 2300);
        admin.delete(&format!("{address}?forceDelete=true")).await.error(409, 2300);
        admin.delete("/odata/CredentialStores(4711)").await.error(404, 1002);
        admin.put(&address, json!({"Name": "Ours", "Type": "CyberArk"})).await.error(409, 2308);
        admin.put(&address, json!({"Name": " ", "Type": "Database"})).await.error(400, 1009);
        admin.put("/odata/CredentialStores(4711)", json!({"Name": "Ours", "Type": "Database"})).await.error(404, 1002);
        admin.put(&address, json!({"Name": "Ours", "Type": "Database"})).await.expect(200);
        assert_eq!(admin.get(&address).await.expect(200)["Name"], "Ours");
        let set = |id: i64| format!("/odata/CredentialStores({id})/UiPath.Server.Configuration.OData.SetDefaultStoreForResourceType");
        admin.post(&set(id), json!({"resourceType": "AssetCredential"})).await.expect(200);
        admin.post(&set(4711), json!({"resourceType": "AssetCredential"})).await.error(404, 1002);
        admin.post(&set(id), json!({"resourceType": "Shoes"})).await.error(400, 1000);
        assert_eq!(audited(server, "CredentialStores").await, [("Update".into(), "Ours".into())]);
        assert_eq!(audited(server, "DefaultCredentialStores").await, [("Set".into(), "Ours".into())]);
        let reader = server.application("OR.Settings", Some("Automation User")).await.without_folder();
        reader.get("/odata/CredentialStores").await.expect(200);
        reader.get(&address).await.error(403, 0);
        reader.put(&address, json!({"Name": "Mine", "Type": "Database"})).await.error(403, 0);
        server.anonymous().get(&address).await.error(401, 0);
    }

    async fn what_is_kept_there(server: &TestServer) {
        let admin = server.admin();
        let id = rows(&admin.get("/odata/CredentialStores").await.expect(200))[0]["Id"].as_i64().unwrap();
        for (name, ty) in [("text", "Text"), ("login", "Credential"), ("token", "Secret")] {
            let body = json!({"Name": name, "ValueScope": "Global", "ValueType": ty, "StringValue": "x", "CredentialUsername": "u", "CredentialPassword": "p",
                "SecretValue": "s", "CredentialStoreId": if ty == "Text" { Value::Null } else { json!(id) }});
            admin.post("/odata/Assets", body).await.expect(201);
        }
        let ask = |id: i64, kind: &str| format!("{}(key={id},resourceType='{kind}')", op("CredentialStores", "GetResourcesForCredentialStoreTypes"));
        for (kind, names) in [("AssetCredential", vec!["login"]), ("Secrets", vec!["token"]), ("BucketCredential", vec![]), ("RobotCredential", vec![])] {
            let found = admin.get(&ask(id, kind)).await.expect(200);
            assert_eq!(column(&found, "Name"), names, "{kind}");
            assert!(rows(&found).iter().all(|r| r["Type"] == kind && r["Id"].is_i64()));
        }
        admin.get(&ask(4711, "Secrets")).await.error(404, 1002);
        let proxied = format!("{}(key={id},resourceType='Secrets')", op("CredentialStores", "GetResourcesForCredentialsProxyResourceTypes"));
        admin.get(&proxied).await.error(404, 1002);
        let filtered = admin.get(&format!("{}?$filter=Name eq 'nothing'", ask(id, "Secrets"))).await.expect(200);
        assert_eq!(rows(&filtered).len(), 0);
    }
}
