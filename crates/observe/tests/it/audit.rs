//! The audit as its readers see it.

use bandmaster_testkit::wait::until;
use bandmaster_testkit::{Client, Value, json, suite};

const LIST: &str = "/odata/AuditLogs";
const EXPORT: &str = "/odata/AuditLogs/UiPath.Server.Configuration.OData.Export";
const REPORT: &str = "/odata/AuditLogs/UiPath.Server.Configuration.OData.Reports";
const SERVICE: &str = "x-UIPATH-AuditedService";

fn details(id: &Value) -> String {
    format!("/odata/AuditLogs/UiPath.Server.Configuration.OData.GetAuditLogDetails(auditLogId={id})")
}

async fn list(client: &Client, options: &str) -> Vec<Value> {
    client.get(&format!("{LIST}?{options}")).await.expect(200)["value"].as_array().unwrap().clone()
}

async fn queue(client: &Client, name: &str) -> Value {
    client.post("/odata/QueueDefinitions", json!({"Name": name})).await.expect(201)
}

suite! {
    async fn a_change_is_told_with_all_its_members(server: &TestServer) {
        let admin = server.admin();
        let made = queue(&admin, "Invoices").await;
        let mut changed = made.clone();
        changed["Description"] = json!("of March");
        admin.put(&format!("/odata/QueueDefinitions({})", made["Id"]), changed).await.expect(200);
        let entries = list(&admin, "$filter=Component eq 'Queues'&$orderby=Id desc").await;
        assert_eq!(entries.len(), 2);
        let (update, create) = (&entries[0], &entries[1]);
        let user = create["UserId"].as_i64().expect("an account");
        for (name, wanted) in [
            ("ServiceName", json!("QueueDefinitions")), ("MethodName", json!("Post")), ("ExecutionTime", json!("2026-01-05T08:00:00Z")),
            ("Action", json!("Create")), ("Component", json!("Queues")), ("DisplayName", json!("Invoices")), ("EntityId", made["Id"].clone()),
            ("OperationText", json!("User admin created queue Invoices")), ("UserName", json!("admin")), ("UserType", json!("DirectoryUser")),
            ("UserIsDeleted", json!(false)), ("Entities", json!([])),
        ] {
            assert_eq!(create[name], wanted, "{name}");
        }
        let parameters: Value = serde_json::from_str(create["Parameters"].as_str().unwrap()).unwrap();
        assert_eq!(parameters["Name"], "Invoices");
        assert_eq!((&update["Action"], &update["MethodName"]), (&json!("Update"), &json!("PutById")));

        let told = admin.get(&details(&update["Id"])).await.expect(200)["value"].clone();
        assert_eq!(told.as_array().unwrap().len(), 1);
        let told = &told[0];
        assert_eq!((&told["AuditLogId"], &told["Id"], &told["EntityId"]), (&update["Id"], &update["Id"], &made["Id"]));
        assert_eq!((&told["Action"], &told["EntityName"]), (&json!("Update"), &json!("QueueDefinition")));
        let data: Value = serde_json::from_str(told["CustomData"].as_str().unwrap()).unwrap();
        assert_eq!((&data["Before"]["Description"], &data["After"]["Description"]), (&Value::Null, &json!("of March")));
        let first = admin.get(&details(&create["Id"])).await.expect(200)["value"][0]["CustomData"].clone();
        assert_eq!(serde_json::from_str::<Value>(first.as_str().unwrap()).unwrap()["Before"], Value::Null);
        let expanded = list(&admin, &format!("$filter=Id eq {}&$expand=Entities", update["Id"])).await;
        assert_eq!(&expanded[0]["Entities"][0], told);

        for (filter, found) in [
            (format!("UserId eq {user} and Component eq 'Queues'"), 2),
            ("Component eq 'Queues' and Action eq 'Update'".to_owned(), 1),
            ("Component eq UiPath.Server.Configuration.OData.AuditComponent'Queues'".to_owned(), 2),
            ("Component eq 'Queues' and ExecutionTime ge 2026-01-05T08:00:00Z".to_owned(), 2),
            ("Component eq 'Queues' and ExecutionTime gt 2026-01-05T08:00:00Z".to_owned(), 0),
            ("contains(OperationText,'QUEUE invoices')".to_owned(), 2),
            ("MethodName eq 'Post' and ServiceName eq 'queuedefinitions'".to_owned(), 1),
            ("UserType eq 'DirectoryUser' and Component eq 'Queues' and UserIsDeleted eq false".to_owned(), 2),
            ("Component eq 'Webhooks'".to_owned(), 0),
        ] {
            assert_eq!(list(&admin, &format!("$filter={filter}")).await.len(), found, "{filter}");
        }
        let page = admin.get(&format!("{LIST}?$filter=Component eq 'Queues'&$orderby=Id&$top=1&$count=true&$select=Id,Action")).await.expect(200);
        assert_eq!((&page["@odata.count"], &page["value"]), (&json!(2), &json!([{"Action": "Create", "Id": create["Id"]}])));
    }

    async fn applications_and_secrets(server: &TestServer) {
        let app = server.application("OR.Assets", None).await;
        let asset = json!({"Name": "Vault", "ValueScope": "Global", "ValueType": "Credential", "CredentialUsername": "u", "CredentialPassword": "hushhush 7"});
        app.post("/odata/Assets", asset).await.expect(201);
        let admin = server.admin();
        let entries = list(&admin, "$filter=Component eq 'Assets'").await;
        let entry = entries.last().unwrap();
        assert_eq!((&entry["UserType"], &entry["UserIsDeleted"]), (&json!("DirectoryExternalApplication"), &json!(false)));
        assert!(entry["ExternalClientId"].is_string() && entry["OperationText"].as_str().unwrap().starts_with("Application app-"), "{entry}");
        for path in [LIST.to_owned(), details(&entry["Id"]), REPORT.to_owned()] {
            assert!(!admin.get(&path).await.text().contains("hushhush"), "{path}");
        }
    }

    async fn readers_need_the_permission_and_see_their_tenant(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, "Mine").await;
        let entry = list(&admin, "$filter=DisplayName eq 'Mine'").await.remove(0);
        let other = server.other_tenant().await;
        assert!(list(&other, "$filter=DisplayName eq 'Mine'").await.is_empty());
        assert_eq!(other.get(&details(&entry["Id"])).await.expect(200)["value"], json!([]));
        assert_eq!(admin.get(&details(&json!(i64::MAX))).await.expect(200)["value"], json!([]));
        admin.get(&details(&json!("x"))).await.expect(400);
        // The audit is the tenant's, whatever folder a header names.
        assert_eq!(list(&admin.without_folder(), "$filter=DisplayName eq 'Mine'").await.len(), 1);
        for path in [LIST.to_owned(), details(&entry["Id"]), REPORT.to_owned()] {
            server.anonymous().get(&path).await.error(401, 0);
            server.application("OR.Jobs", None).await.get(&path).await.error(403, 0);
            server.application("OR.Audit.Write", None).await.get(&path).await.error(403, 0);
            server.application("OR.Audit", Some("Folder Administrator")).await.get(&path).await.error(403, 0);
            server.application("OR.Audit.Read", None).await.get(&path).await.expect(200);
            admin.get(&format!("{path}?$filter=Nothing eq 1")).await.error(400, 1000);
            admin.with_header(SERVICE, "Somewhere").get(&path).await.error(400, 1009);
        }
        server.application("OR.Audit.Read", None).await.post(EXPORT, json!({})).await.error(403, 0);
        server.application("OR.Audit", Some("Folder Administrator")).await.post(EXPORT, json!({})).await.error(403, 0);
    }

    async fn test_automation_has_an_empty_audit(server: &TestServer) {
        let admin = server.admin();
        let entry = { queue(&admin, "Mine").await; list(&admin, "").await.remove(0) };
        let testing = admin.with_header(SERVICE, "TestAutomation");
        assert!(list(&testing, "").await.is_empty());
        assert_eq!(testing.get(&details(&entry["Id"])).await.expect(200)["value"], json!([]));
        assert_eq!(testing.get(REPORT).await.text().matches("\r\n").count(), 1);
        assert!(!list(&admin.with_header(SERVICE, "Orchestrator"), "").await.is_empty());
        let asked = admin.post(&format!("{EXPORT}?auditedService=TestAutomation"), json!({})).await.expect(200);
        assert_eq!(asked["Type"], "TestAutomationAudit");
        admin.post(&format!("{EXPORT}?auditedService=Elsewhere"), json!({})).await.expect(400);
    }

    async fn the_audit_leaves_as_a_file(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, "One").await;
        queue(&admin, "Two").await;
        let options = "$filter=Component eq 'Queues'&$orderby=Id&$select=Action,DisplayName,UserName";
        let wanted = "Action,DisplayName,UserName\r\nCreate,One,admin\r\nCreate,Two,admin\r\n";
        let report = admin.get(&format!("{REPORT}?{options}")).await;
        assert_eq!((report.status, report.text().as_str()), (200, wanted));
        let asked = admin.post(&format!("{EXPORT}?{options}"), json!({})).await.expect(200);
        assert_eq!(asked["Type"], "OrchestratorAudit");
        let path = format!("/odata/Exports({})", asked["Id"]);
        until("the export", async || admin.get(&path).await.expect(200)["Status"] == "Completed").await;
        let link = admin.get(&format!("{path}/UiPath.Server.Configuration.OData.GetDownloadLink")).await.expect(200);
        assert_eq!(server.anonymous().get(link["Uri"].as_str().unwrap()).await.text(), wanted);
        let entry = list(&admin, "$filter=Action eq 'Download'").await.remove(0);
        assert_eq!((&entry["Component"], &entry["MethodName"], &entry["DisplayName"]), (&json!("Tenant"), &json!("Export"), &asked["Name"]));
    }

    async fn entries_are_never_changed(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, "Mine").await;
        let entry = list(&admin, "").await.remove(0);
        let path = format!("{LIST}({})", entry["Id"]);
        for reply in [admin.put(&path, json!({})).await, admin.patch(&path, json!({})).await, admin.delete(&path).await, admin.post(LIST, json!({})).await] {
            assert!(matches!(reply.status, 404 | 405), "{}", reply.status);
        }
        assert_eq!(list(&admin, &format!("$filter=Id eq {}", entry["Id"])).await, [entry]);
    }
}
