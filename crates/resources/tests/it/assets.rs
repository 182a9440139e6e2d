//! Assets as people manage them: the whole life of one, types, lists, refusals, isolation.

use crate::world::*;
use bandmaster_testkit::{Value, json, suite};

suite! {
    async fn lives_and_is_audited(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"Name": " ApiBaseUrl ", "ValueScope": "Global", "ValueType": "Text", "Description": "Service root",
            "StringValue": "https://api.example.com", "Tags": [{"Name": "a", "DisplayName": "a"}]});
        let made = admin.post("/odata/Assets", body).await.expect(201);
        for (name, want) in [
            ("Name", json!("ApiBaseUrl")),
            ("CanBeDeleted", json!(true)),
            ("ValueScope", json!("Global")),
            ("ValueType", json!("Text")),
            ("Value", json!("https://api.example.com")),
            ("StringValue", json!("https://api.example.com")),
            ("BoolValue", json!(false)),
            ("IntValue", json!(0)),
            ("CredentialUsername", json!("")),
            ("CredentialPassword", json!("")),
            ("SecretValue", json!("")),
            ("ExternalName", Value::Null),
            ("CredentialStoreId", Value::Null),
            ("KeyValueList", json!([])),
            ("HasDefaultValue", json!(true)),
            ("Description", json!("Service root")),
            ("FoldersCount", json!(1)),
            ("AllowDirectApiAccess", json!(false)),
            ("LastModificationTime", Value::Null),
            ("CreationTime", json!("2026-01-05T08:00:00Z")),
        ] {
            assert_eq!(made[name], want, "{name}");
        }
        assert_eq!(made["Tags"][0]["Name"], "a");
        assert!(made["Key"].as_str().is_some_and(|k| k.len() == 36));
        assert!(made["@odata.context"].as_str().unwrap().ends_with("/odata/$metadata#Assets/$entity"));
        let address = asset(&made["Id"]);
        assert_eq!(admin.get(&address).await.expect(200)["Key"], made["Key"]);

        let body = json!({"Id": made["Id"], "Name": "Root", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"});
        let reply = admin.put(&address, body).await;
        reply.expect(200);
        assert!(reply.bytes.is_empty());
        let after = admin.get(&address).await.expect(200);
        assert_eq!((&after["Name"], &after["Value"], &after["Description"]), (&json!("Root"), &json!("x"), &Value::Null));
        assert_eq!(after["LastModificationTime"], "2026-01-05T08:00:00Z");
        admin.delete(&address).await.expect(204);
        admin.get(&address).await.error(404, 1002);
        admin.delete(&address).await.error(404, 1002);
        admin.put(&address, json!({"Name": "Root", "ValueScope": "Global"})).await.error(404, 1002);
        let entries: Vec<Value> = server.audit().await.into_iter().filter(|e| e["component"] == "Assets").collect();
        let actions: Vec<&str> = entries.iter().map(|e| e["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["Create", "Update", "Delete"]);
        assert_eq!((&entries[1]["before"]["Name"], &entries[1]["after"]["Name"]), (&json!("ApiBaseUrl"), &json!("Root")));
        assert!(entries.iter().all(|e| e["id"] == made["Id"]));
    }

    async fn every_type_has_its_value_and_its_words(server: &TestServer) {
        let admin = server.admin();
        let pairs = json!([{"Key": "k", "Value": "v"}, {"Key": "l", "Value": ""}]);
        let cases = [
            ("Text", json!({"StringValue": "t", "IntValue": 9}), "StringValue", json!("t"), "t"),
            ("DBConnectionString", json!({"StringValue": "Server=a"}), "StringValue", json!("Server=a"), "Server=a"),
            ("HttpConnectionString", json!({"StringValue": "http://a"}), "StringValue", json!("http://a"), "http://a"),
            ("Bool", json!({"BoolValue": true}), "BoolValue", json!(true), "True"),
            ("Bool", json!({}), "BoolValue", json!(false), "False"),
            ("Integer", json!({"IntValue": "-7"}), "IntValue", json!(-7), "-7"),
            ("KeyValueList", json!({"KeyValueList": pairs}), "KeyValueList", pairs.clone(), ""),
            ("Credential", json!({"CredentialUsername": "u", "CredentialPassword": "p"}), "CredentialUsername", json!("u"), "username: u"),
            ("WindowsCredential", json!({"CredentialUsername": "u", "CredentialPassword": "p"}), "CredentialUsername", json!("u"), "username: u"),
            ("Secret", json!({"SecretValue": "s"}), "SecretValue", json!(""), ""),
        ];
        for (at, (ty, mut body, member, value, words)) in cases.into_iter().enumerate() {
            body["Name"] = json!(format!("a{at}"));
            body["ValueScope"] = json!("Global");
            body["ValueType"] = json!(ty);
            let made = admin.post("/odata/Assets", body).await.expect(201);
            assert_eq!((&made["ValueType"], &made[member], &made["Value"]), (&json!(ty), &value, &json!(words)), "{ty}");
            let neutral = [("StringValue", json!("")), ("BoolValue", json!(false)), ("IntValue", json!(0)), ("CredentialPassword", json!("")),
                ("KeyValueList", json!([])), ("CredentialUsername", json!(""))];
            for (name, want) in neutral.iter().filter(|(name, _)| *name != member) {
                assert_eq!(&made[name], want, "{name} of {ty}");
            }
            assert_eq!(made["CredentialStoreId"].is_i64(), ["Credential", "WindowsCredential", "Secret"].contains(&ty), "{ty}");
        }
        // The old list leaves secrets out, the new one does not.
        let old = admin.get("/odata/Assets?$count=true").await.expect(200);
        assert_eq!(old["@odata.count"], 9);
        let new = admin.get(&op("Assets", "GetFiltered?$count=true")).await.expect(200);
        assert_eq!(new["@odata.count"], 10);
        let secrets = admin.get(&op("Assets", "GetFiltered?$filter=ValueType eq 'Secret'")).await.expect(200);
        assert_eq!(column(&secrets, "Name"), [json!("a9")]);
        assert!(rows(&secrets)[0].get("UserValues").is_none());
    }

    async fn lists_are_filtered(server: &TestServer) {
        let admin = server.admin();
        for (name, description) in [("Invoice", "bills of x"), ("InvoiceMail", ""), ("Other", "about an INVOICE")] {
            let body = json!({"Name": name, "Description": description, "ValueScope": "Global", "ValueType": "Text", "StringValue": name});
            admin.post("/odata/Assets", body).await.expect(201);
        }
        for (query, names) in [
            ("$filter=Name eq 'invoice'&$top=1", vec!["Invoice"]),
            ("$filter=contains(Name,'invoice')&$orderby=Name desc", vec!["InvoiceMail", "Invoice"]),
            ("$filter=contains(tolower(Name),'invoice') or contains(tolower(Description),'invoice')&$orderby=Id", vec!["Invoice", "InvoiceMail", "Other"]),
            ("$filter=Value eq 'Other'", vec!["Other"]),
            ("$skip=1&$top=1&$orderby=Name", vec!["InvoiceMail"]),
            ("$filter=Name eq 'nothing'", vec![]),
        ] {
            for name in ["", "/UiPath.Server.Configuration.OData.GetFiltered"] {
                let found = admin.get(&format!("/odata/Assets{name}?{query}")).await.expect(200);
                assert_eq!(column(&found, "Name"), names, "{query}");
            }
        }
        let one = admin.get(&op("Assets", "GetFiltered?$select=Name,Value&$top=1&$orderby=Name")).await.expect(200);
        assert_eq!(rows(&one)[0], json!({"Name": "Invoice", "Value": "Invoice"}));
        for query in ["$filter=Nonsense eq 1", "$filter=CredentialPassword eq 'a'", "$filter=SecretValue eq 'a'", "$orderby=SecretValue", "$top=1001"] {
            admin.get(&op("Assets", &format!("GetFiltered?{query}"))).await.error(400, 1000);
        }
    }

    async fn names_are_unique_in_a_folder(server: &TestServer) {
        let admin = server.admin();
        let body = |name: &str| json!({"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"});
        admin.post("/odata/Assets", body("Größe")).await.expect(201);
        let other = admin.post("/odata/Assets", body("GRÖSSE")).await.expect(201);
        admin.post("/odata/Assets", body("GRÖßE")).await.error(409, 1001);
        admin.put(&asset(&other["Id"]), body("größe")).await.error(409, 1001);
        admin.put(&asset(&other["Id"]), body("Grösse")).await.expect(200);
        let elsewhere = admin.in_folder(folder(server, "Elsewhere").await);
        elsewhere.post("/odata/Assets", body("größe")).await.expect(201);
        assert_eq!(rows(&admin.get("/odata/Assets").await.expect(200)).len(), 2);
    }

    async fn bad_bodies_are_refused(server: &TestServer) {
        let admin = server.admin();
        let text = |more: Value| {
            let mut body = json!({"Name": "x", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let cases = [
            (json!({}), 1009),
            (text(json!({"Name": ""})), 1009),
            (text(json!({"Name": "   "})), 1009),
            (text(json!({"Name": "a\nb"})), 1009),
            (text(json!({"Name": "x".repeat(257)})), 1009),
            (text(json!({"Description": "x".repeat(251)})), 1009),
            (text(json!({"StringValue": "x".repeat(1_000_001)})), 1009),
            (text(json!({"ValueScope": "Somewhere"})), 1000),
            (text(json!({"ValueType": "Colour"})), 1000),
            (text(json!({"ValueType": "Integer", "IntValue": 2_147_483_648_i64})), 1000),
            (text(json!({"ValueType": "Bool", "BoolValue": "yes"})), 1000),
            (text(json!({"ValueType": "KeyValueList", "KeyValueList": [{"Value": "v"}]})), 1009),
            (text(json!({"ValueScope": "PerRobot", "HasDefaultValue": false})), 1009),
            (text(json!({"ValueScope": "PerRobot", "HasDefaultValue": false, "UserValues": []})), 1009),
            (text(json!({"ValueType": "Credential", "CredentialUsername": "u"})), 1500),
            (text(json!({"ValueType": "Credential", "CredentialPassword": "p"})), 1009),
            (text(json!({"ValueType": "Credential", "CredentialUsername": "u", "ExternalName": "vault-name"})), 1500),
            (text(json!({"ValueType": "Credential", "CredentialUsername": "u", "CredentialPassword": "p", "CredentialStoreId": 4711})), 2301),
            (text(json!({"ValueType": "Credential", "CredentialUsername": "u".repeat(513), "CredentialPassword": "p"})), 1009),
            (text(json!({"ValueType": "Credential", "CredentialUsername": "u", "CredentialPassword": "p".repeat(25_001)})), 1009),
            (text(json!({"ValueType": "Secret"})), 1505),
            (text(json!({"ValueType": "Secret", "SecretValue": ""})), 1505),
            (text(json!({"UserValues": [{"UserId": 1, "StringValue": "y"}]})), 1009),
        ];
        for (at, (body, code)) in cases.into_iter().enumerate() {
            let reply = admin.post("/odata/Assets", body).await;
            assert_eq!((reply.status, &reply.json()["errorCode"]), (400, &json!(code)), "case {at}: {}", reply.text());
        }
        let empty = admin.raw("/odata/Assets", "application/json", Vec::new()).await;
        assert_eq!(empty.status, 400);
        assert_eq!(rows(&admin.get("/odata/Assets").await.expect(200)).len(), 0, "nothing was made");
        admin.post("/odata/Assets", text(json!({"Name": "n".repeat(256), "StringValue": "ä".repeat(1_000_000)}))).await.expect(201);
        assert!(audited(server, "Assets").await.len() == 1);
    }

    async fn what_stays_as_it_is(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"Name": "fixed", "ValueScope": "Global", "ValueType": "Integer", "IntValue": 1, "CanBeDeleted": false, "AllowDirectApiAccess": true});
        let made = admin.post("/odata/Assets", body).await.expect(201);
        let address = asset(&made["Id"]);
        let put = |more: Value| {
            let mut body = json!({"Name": "fixed", "ValueScope": "Global", "IntValue": 2});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        admin.put(&address, put(json!({"ValueType": "Text"}))).await.error(409, 1502);
        admin.put(&address, put(json!({"Id": 4711}))).await.error(400, 1009);
        admin.delete(&address).await.error(409, 1005);
        assert_eq!(admin.get(&address).await.expect(200)["IntValue"], 1);
        admin.put(&address, put(json!({}))).await.expect(200);
        let after = admin.get(&address).await.expect(200);
        assert_eq!((&after["ValueType"], &after["IntValue"]), (&json!("Integer"), &json!(2)));
        assert_eq!((&after["CanBeDeleted"], &after["AllowDirectApiAccess"]), (&json!(false), &json!(true)));
        admin.put(&address, put(json!({"CanBeDeleted": true, "AllowDirectApiAccess": false}))).await.expect(200);
        assert_eq!(admin.get(&address).await.expect(200)["AllowDirectApiAccess"], false);
        admin.delete(&address).await.expect(204);
    }

    async fn access_is_held(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"Name": "a", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"});
        let made = admin.post("/odata/Assets", body.clone()).await.expect(201);
        let address = asset(&made["Id"]);
        server.anonymous().get(&address).await.error(401, 0);
        assert_eq!(server.application("OR.Queues", None).await.get(&address).await.status, 403);
        let reader = server.application("OR.Assets", Some("Automation User")).await;
        reader.get(&address).await.expect(200);
        reader.get("/odata/Assets").await.expect(200);
        reader.post("/odata/Assets", body.clone()).await.error(403, 0);
        reader.put(&address, body.clone()).await.error(403, 0);
        reader.delete(&address).await.error(403, 0);
        assert_eq!(server.application("OR.Assets.Read", None).await.post("/odata/Assets", body.clone()).await.status, 403);
        admin.without_folder().get(&address).await.error(400, 1101);
        // Another folder, another tenant: as if it were not there.
        let elsewhere = admin.in_folder(folder(server, "Elsewhere").await);
        let other = server.other_tenant().await;
        for caller in [&elsewhere, &other] {
            caller.get(&address).await.error(404, 1002);
            caller.put(&address, body.clone()).await.error(404, 1002);
            caller.delete(&address).await.error(404, 1002);
            assert_eq!(rows(&caller.get("/odata/Assets").await.expect(200)).len(), 0);
            assert_eq!(rows(&caller.get(&op("Assets", "GetFiltered")).await.expect(200)).len(), 0);
        }
        admin.get("/odata/Assets(9007199254740990)").await.error(404, 1002);
        admin.get(&address).await.expect(200);
    }

    async fn a_folder_takes_its_assets_along(server: &TestServer) {
        let admin = server.admin();
        let doomed = folder(server, "Doomed").await;
        let body = |name: &str| json!({"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"});
        let inside = admin.in_folder(doomed);
        inside.post("/odata/Assets", body("only")).await.expect(201);
        let both = inside.post("/odata/Assets", body("both")).await.expect(201);
        let share = json!({"AssetIds": [both["Id"]], "ToAddFolderIds": [server.shared]});
        admin.post(&op("Assets", "ShareToFolders"), share).await.expect(204);
        let mut unit = unit(server).await;
        for contents in bandmaster_resources::folder_contents() {
            assert_eq!(contents.hindrance(&mut unit, &[doomed]).await.unwrap(), None);
            contents.delete(&mut unit, &[doomed]).await.unwrap();
        }
        unit.commit().await.unwrap();
        assert_eq!(rows(&inside.get("/odata/Assets").await.expect(200)).len(), 0);
        assert_eq!(column(&admin.get("/odata/Assets").await.expect(200), "Name"), [json!("both")]);
        let across = admin.get(&op("Assets", "GetAssetsAcrossFolders")).await.expect(200);
        assert_eq!(column(&across, "Name"), [json!("both")]);
        assert_eq!(rows(&across)[0]["FoldersCount"], 1);
    }
}
