//! Buckets: the whole life of one, options, refusals, isolation, links.

use crate::world::*;
use bandmaster_testkit::{Client, Value, json, suite};

/// The body of a bucket.
pub fn body(name: &str, n: u32) -> Value {
    json!({"Name": name, "Identifier": format!("6d9b1c70-2a3e-4b5d-9f10-{n:012}")})
}

/// Makes a bucket.
pub async fn bucket(client: &Client, name: &str) -> Value {
    let n = name.bytes().fold(7u32, |n, b| n.wrapping_mul(31).wrapping_add(b.into()));
    client.post("/odata/Buckets", body(name, n)).await.expect(201)
}

/// The address of a bucket.
pub fn by_id(bucket: &Value) -> String {
    format!("/odata/Buckets({})", bucket["Id"])
}

suite! {
    async fn a_bucket_lives_and_is_audited(server: &TestServer) {
        let admin = server.admin();
        let mut wish = body(" invoices ", 1);
        wish["Description"] = json!("scans");
        wish["Tags"] = json!([{"Name": "t", "DisplayName": "t", "Value": null, "DisplayValue": null}]);
        for absent in ["StorageProvider", "StorageParameters", "StorageContainer", "CredentialStoreId", "ExternalName", "Password"] {
            wish[absent] = Value::Null;
        }
        let made = admin.post("/odata/Buckets", wish.clone()).await.expect(201);
        assert_eq!((&made["Name"], &made["Description"], &made["Options"]), (&json!("invoices"), &json!("scans"), &json!("None")));
        assert_eq!((&made["StorageProvider"], &made["CredentialStoreId"], &made["Password"]), (&json!("Orchestrator"), &Value::Null, &Value::Null));
        assert_eq!((&made["FoldersCount"], &made["Identifier"]), (&json!(1), &wish["Identifier"]));
        let one = admin.get(&by_id(&made)).await.expect(200);
        assert_eq!(one["Tags"][0]["Name"], "t");
        let list = admin.get("/odata/Buckets?$filter=Name eq 'INVOICES'&$top=1").await.expect(200);
        assert_eq!(column(&list, "Id"), [made["Id"].clone()]);
        let found = admin.get("/odata/Buckets?$filter=contains(tolower(Name), tolower('VOI'))").await.expect(200);
        assert_eq!(rows(&found).len(), 1);
        for quote in ["", "'"] {
            let path = op("Buckets", &format!("GetByKey(identifier={quote}{}{quote})", made["Identifier"].as_str().unwrap()));
            assert_eq!(admin.get(&path).await.expect(200)["Id"], made["Id"]);
            server.other_tenant().await.get(&path).await.error(404, 1002);
        }
        let mut wish = one.clone();
        wish["Name"] = json!("bills");
        wish["Options"] = json!("ReadOnly, AuditReadAccess");
        let changed = admin.put(&by_id(&made), wish.clone()).await.expect(200);
        assert_eq!((&changed["Name"], &changed["Options"]), (&json!("bills"), &json!("ReadOnly, AuditReadAccess")));
        let list = admin.get("/odata/Buckets?$filter=Options eq 'ReadOnly, AuditReadAccess'&$select=Name").await.expect(200);
        assert_eq!(column(&list, "Name"), [json!("bills")]);
        wish["Identifier"] = json!("00000000-0000-4000-8000-000000000000");
        admin.put(&by_id(&made), wish.clone()).await.error(409, 1023);
        wish["Id"] = json!(4711);
        admin.put(&by_id(&made), wish).await.error(400, 1009);
        admin.delete(&by_id(&made)).await.expect(204);
        admin.delete(&by_id(&made)).await.error(404, 1002);
        admin.get(&by_id(&made)).await.error(404, 1002);
        admin.put(&by_id(&made), body("x", 1)).await.error(404, 1002);
        let name = |action: &str, name: &str| (action.to_owned(), name.to_owned());
        assert_eq!(audited(server, "Buckets").await, [name("Create", "invoices"), name("Update", "bills"), name("Delete", "bills")]);
    }

    async fn bad_buckets_are_refused(server: &TestServer) {
        let admin = server.admin();
        let with = |member: &str, value: Value| {
            let mut body = body("b", 1);
            body[member] = value;
            body
        };
        for (body, code) in [
            (json!({"Name": "b"}), 1009),
            (json!({"Identifier": "6d9b1c70-2a3e-4b5d-9f10-0c1d2e3f4a5b"}), 1009),
            (with("Identifier", json!("x")), 1000),
            (with("Name", json!("  ")), 1009),
            (with("Name", json!("a\tb")), 1009),
            (with("Name", json!("x".repeat(129))), 1009),
            (with("Description", json!("x".repeat(513))), 1009),
            (with("Options", json!("Encrypted")), 1009),
            (with("StorageProvider", json!("Tape")), 3101),
            (with("StorageProvider", json!("Azure")), 3104),
            (with("StorageProvider", json!("amazon")), 3104),
            (with("StorageProvider", json!("Minio")), 3104),
            (with("StorageProvider", json!("S3Compatible")), 3104),
            (with("StorageProvider", json!("FileSystem")), 3104),
            (with("Password", json!("secret")), 1009),
            (with("StorageParameters", json!("accessKey=x")), 1009),
            (with("StorageContainer", json!("c")), 1009),
            (with("CredentialStoreId", json!(1)), 1009),
        ] {
            let told = admin.post("/odata/Buckets", body.clone()).await;
            assert!(told.status == 400, "{body}: {}", told.text());
            told.error(400, code);
            assert!(!told.text().contains("secret"));
        }
        admin.post("/odata/Buckets", with("StorageProvider", json!("orchestrator"))).await.expect(201);
        admin.post("/odata/Buckets", body("B", 2)).await.error(409, 1001);
        admin.post("/odata/Buckets", body("c", 1)).await.error(409, 1004);
        // Another tenant may have the same.
        server.other_tenant().await.post("/odata/Buckets", body("b", 1)).await.expect(201);
        assert_eq!(rows(&admin.get("/odata/Buckets").await.expect(200)).len(), 1);
        let longest = body(&"ä".repeat(128), 3);
        admin.post("/odata/Buckets", longest).await.expect(201);
    }

    async fn access_to_buckets_is_held(server: &TestServer) {
        let admin = server.admin();
        let made = bucket(&admin, "a").await;
        server.anonymous().get("/odata/Buckets").await.error(401, 0);
        assert_eq!(server.application("OR.Assets", None).await.get("/odata/Buckets").await.status, 403);
        admin.without_folder().get(&by_id(&made)).await.error(400, 1101);
        let reader = server.application("OR.Administration.Read", None).await;
        reader.get(&by_id(&made)).await.expect(200);
        assert_eq!(reader.delete(&by_id(&made)).await.status, 403);
        // A robot sees buckets and may read and write files, but neither make nor change buckets.
        let robot = server.application("OR.Administration", Some("Automation User")).await;
        robot.get(&by_id(&made)).await.expect(200);
        robot.post("/odata/Buckets", body("b", 2)).await.error(403, 0);
        robot.put(&by_id(&made), body("b", 2)).await.error(403, 0);
        robot.delete(&by_id(&made)).await.error(403, 0);
        robot.delete(&format!("{}/UiPath.Server.Configuration.OData.DeleteFile?path=x", by_id(&made))).await.error(403, 0);
        let elsewhere = admin.in_folder(folder(server, "Elsewhere").await);
        let other = server.other_tenant().await;
        for caller in [&elsewhere, &other] {
            for function in ["", "GetFiles", "GetDirectories", "GetFile?path=a", "GetReadUri?path=a", "GetWriteUri?path=a"] {
                let path = if function.is_empty() { by_id(&made) } else { format!("{}/UiPath.Server.Configuration.OData.{function}", by_id(&made)) };
                caller.get(&path).await.error(404, 1002);
            }
            caller.get(&format!("/api/Buckets/{}/ListFiles", made["Id"])).await.error(404, 1002);
            caller.put(&by_id(&made), body("b", 2)).await.error(404, 1002);
            caller.delete(&by_id(&made)).await.error(404, 1002);
            caller.delete(&format!("{}/UiPath.Server.Configuration.OData.DeleteFile?path=x", by_id(&made))).await.error(404, 1002);
            assert_eq!(rows(&caller.get("/odata/Buckets").await.expect(200)).len(), 0);
        }
    }

    async fn a_bucket_is_linked_and_counted_once(server: &TestServer) {
        let admin = server.admin();
        let (left, right) = (folder(server, "Left").await, folder(server, "Right").await);
        let (made, here) = (bucket(&admin, "a").await, bucket(&admin, "here").await);
        let share = op("Buckets", "ShareToFolders");
        let wish = |add: &[i64], remove: &[i64]| json!({"BucketIds": [made["Id"]], "ToAddFolderIds": add, "ToRemoveFolderIds": remove});
        admin.post(&share, wish(&[left, right], &[])).await.expect(204);
        let seen = admin.in_folder(left).get(&by_id(&made)).await.expect(200);
        assert_eq!((&seen["Id"], &seen["FoldersCount"]), (&made["Id"], &json!(3)));
        let folders = format!("{}(id={})", op("Buckets", "GetFoldersForBucket"), made["Id"]);
        let told = admin.without_folder().get(&folders).await.expect(200);
        assert_eq!((&told["TotalFoldersCount"], &told["AccessibleFolders"][0]["DisplayName"]), (&json!(3), &json!("Left")));
        let across = op("Buckets", "GetBucketsAcrossFolders?$orderby=Name");
        let all = admin.without_folder().get(&across).await.expect(200);
        assert_eq!(column(&all, "Id"), [made["Id"].clone(), here["Id"].clone()]);
        let without = admin.get(&format!("{across}&excludeFolderId={left}")).await.expect(200);
        assert_eq!(column(&without, "Name"), [json!("here")]);
        admin.in_folder(left).post("/odata/Buckets", body("A", 9)).await.error(409, 1001);
        admin.post(&share, wish(&[], &[server.shared, left])).await.expect(204);
        admin.get(&by_id(&made)).await.error(404, 1002);
        admin.post(&share, wish(&[], &[right])).await.error(409, 1017);
        admin.post(&share, json!({"BucketIds": [4711], "ToAddFolderIds": [left]})).await.error(404, 1002);
        let robot = server.application("OR.Administration", Some("Automation User")).await;
        robot.post(&share, json!({"BucketIds": [here["Id"]], "ToAddFolderIds": [], "ToRemoveFolderIds": [server.shared]})).await.error(403, 1017);
        server.other_tenant().await.get(&folders).await.error(404, 1002);
    }
}
