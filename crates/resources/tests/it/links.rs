//! Links of assets to folders.

use crate::world::*;
use bandmaster_testkit::{Value, json, suite};

fn text(name: &str) -> Value {
    json!({"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": name})
}

suite! {
    async fn an_asset_is_linked_and_unlinked(server: &TestServer) {
        let admin = server.admin();
        let (left, right) = (folder(server, "Left").await, folder(server, "Right").await);
        let share = op("Assets", "ShareToFolders");
        let made = admin.post("/odata/Assets", text("a")).await.expect(201);
        let id = &made["Id"];
        let body = |add: &[i64], remove: &[i64]| json!({"AssetIds": [id], "ToAddFolderIds": add, "ToRemoveFolderIds": remove});
        admin.post(&share, body(&[left, right], &[])).await.expect(204);
        admin.post(&share, body(&[left], &[])).await.expect(204);
        let seen = admin.in_folder(left).get(&asset(id)).await.expect(200);
        assert_eq!((&seen["Id"], &seen["FoldersCount"]), (id, &json!(3)));
        let folders = format!("{}(id={id})", op("Assets", "GetFoldersForAsset"));
        let told = admin.without_folder().get(&folders).await.expect(200);
        assert_eq!(told["TotalFoldersCount"], 3);
        let names: Vec<&Value> = told["AccessibleFolders"].as_array().unwrap().iter().map(|f| &f["FullyQualifiedName"]).collect();
        assert_eq!(names, [&json!("Left"), &json!("Right"), &json!("Shared")]);
        // A change is seen everywhere; deleting is for everywhere.
        admin.in_folder(right).put(&asset(id), text("b")).await.expect(200);
        assert_eq!(admin.get(&asset(id)).await.expect(200)["Name"], "b");
        admin.post(&share, body(&[], &[server.shared, left])).await.expect(204);
        admin.get(&asset(id)).await.error(404, 1002);
        admin.post(&share, body(&[], &[right])).await.error(409, 1017);
        assert_eq!(admin.in_folder(right).get(&asset(id)).await.expect(200)["FoldersCount"], 1);
        admin.in_folder(right).delete(&asset(id)).await.expect(204);
        admin.post(&share, body(&[left], &[])).await.error(404, 1002);
        admin.get(&folders).await.error(404, 1002);
        let told = audited(server, "Assets").await;
        assert_eq!(told.iter().filter(|(action, _)| action == "Associate").count(), 3);
    }

    async fn names_are_free_in_every_folder(server: &TestServer) {
        let admin = server.admin();
        let left = folder(server, "Left").await;
        let share = op("Assets", "ShareToFolders");
        let (one, two) = (admin.post("/odata/Assets", text("One")).await.expect(201), admin.post("/odata/Assets", text("Two")).await.expect(201));
        admin.in_folder(left).post("/odata/Assets", text("TWO")).await.expect(201);
        // All or nothing: the first of them could be linked.
        let body = json!({"AssetIds": [one["Id"], two["Id"]], "ToAddFolderIds": [left]});
        admin.post(&share, body).await.error(409, 1001);
        assert_eq!(column(&admin.in_folder(left).get("/odata/Assets").await.expect(200), "Name"), [json!("TWO")]);
        admin.post(&share, json!({"AssetIds": [one["Id"]], "ToAddFolderIds": [left]})).await.expect(204);
        admin.put(&asset(&one["Id"]), text("two")).await.error(409, 1001);
        admin.put(&asset(&one["Id"]), text("Three")).await.expect(200);
        admin.in_folder(left).post("/odata/Assets", text("three")).await.error(409, 1001);
        admin.in_folder(left).post("/odata/Assets", text("one")).await.expect(201);
    }

    async fn links_need_rights_in_both_folders(server: &TestServer) {
        let admin = server.admin();
        let left = folder(server, "Left").await;
        let share = op("Assets", "ShareToFolders");
        let made = admin.post("/odata/Assets", text("a")).await.expect(201);
        let body = |add: &[i64], remove: &[i64]| json!({"AssetIds": [made["Id"]], "ToAddFolderIds": add, "ToRemoveFolderIds": remove});
        for (body, status, code) in [
            (json!({}), 400, 1009),
            (body(&[], &[]), 400, 1009),
            (body(&[left], &[left]), 409, 1009),
            (body(&[4711], &[]), 404, 1002),
            (body(&[], &[4711]), 404, 1002),
            (json!({"AssetIds": [4711], "ToAddFolderIds": [left]}), 404, 1002),
        ] {
            admin.post(&share, body).await.error(status, code);
        }
        let robot = server.application("OR.Assets", Some("Automation User")).await;
        robot.post(&share, body(&[server.shared], &[])).await.error(403, 1017);
        robot.post(&share, body(&[], &[server.shared])).await.error(403, 1017);
        robot.post(&share, body(&[left], &[])).await.error(404, 1002);
        let other = server.other_tenant().await;
        let theirs = other.post("/odata/Assets", text("b")).await.expect(201);
        other.post(&share, body(&[server.shared], &[])).await.error(404, 1002);
        admin.post(&share, json!({"AssetIds": [theirs["Id"]], "ToAddFolderIds": [left]})).await.error(404, 1002);
        let folders = format!("{}(id={})", op("Assets", "GetFoldersForAsset"), made["Id"]);
        other.get(&folders).await.error(404, 1002);
        assert_eq!(admin.get(&asset(&made["Id"])).await.expect(200)["FoldersCount"], 1);
        // Whoever sees one folder of several is told how many there are.
        admin.post(&share, body(&[left], &[])).await.expect(204);
        let told = robot.get(&folders).await.expect(200);
        assert_eq!((told["AccessibleFolders"].as_array().unwrap().len(), &told["TotalFoldersCount"]), (1, &json!(2)));
    }

    async fn assets_of_other_folders_are_found(server: &TestServer) {
        let admin = server.admin();
        let left = folder(server, "Left").await;
        admin.post("/odata/Assets", text("here")).await.expect(201);
        let both = admin.post("/odata/Assets", text("both")).await.expect(201);
        admin.post(&op("Assets", "ShareToFolders"), json!({"AssetIds": [both["Id"]], "ToAddFolderIds": [left]})).await.expect(204);
        admin.in_folder(left).post("/odata/Assets", text("there")).await.expect(201);
        let across = op("Assets", "GetAssetsAcrossFolders?$orderby=Name");
        for caller in [admin.clone(), admin.without_folder()] {
            assert_eq!(column(&caller.get(&across).await.expect(200), "Name"), [json!("both"), json!("here"), json!("there")]);
            let without = caller.get(&format!("{across}&excludeFolderId={left}")).await.expect(200);
            assert_eq!(column(&without, "Name"), [json!("here")]);
        }
        admin.get(&format!("{across}&excludeFolderId=x")).await.error(400, 1009);
        let robot = server.application("OR.Assets", Some("Automation User")).await.without_folder();
        assert_eq!(column(&robot.get(&across).await.expect(200), "Name"), [json!("both"), json!("here")]);
        assert_eq!(rows(&server.other_tenant().await.get(&across).await.expect(200)).len(), 0);
    }

    async fn changes_at_once_keep_the_rules(server: &TestServer) {
        let admin = server.admin();
        let left = folder(server, "Left").await;
        let share = op("Assets", "ShareToFolders");
        for round in 0..6 {
            // Two who each take one of the two links away: one link stays.
            let made = admin.post("/odata/Assets", text(&format!("a{round}"))).await.expect(201);
            let body = |add: &[i64], remove: &[i64]| json!({"AssetIds": [made["Id"]], "ToAddFolderIds": add, "ToRemoveFolderIds": remove});
            admin.post(&share, body(&[left], &[])).await.expect(204);
            let (one, two) = futures::join!(admin.post(&share, body(&[], &[left])), admin.post(&share, body(&[], &[server.shared])));
            let mut statuses = [one.status, two.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409]);
            // A new name and a new link: the link has the new name, whoever was first.
            let made = admin.post("/odata/Assets", text(&format!("old{round}"))).await.expect(201);
            let body = json!({"AssetIds": [made["Id"]], "ToAddFolderIds": [left]});
            let (address, renamed) = (asset(&made["Id"]), text(&format!("new{round}")));
            let (one, two) = futures::join!(admin.post(&share, body), admin.put(&address, renamed.clone()));
            assert_eq!((one.status, two.status), (204, 200), "{} {}", one.text(), two.text());
            admin.in_folder(left).post("/odata/Assets", renamed).await.error(409, 1001);
            admin.in_folder(left).post("/odata/Assets", text(&format!("old{round}"))).await.expect(201);
        }
    }

    async fn one_name_is_given_once(server: &TestServer) {
        let admin = server.admin();
        for round in 0..5 {
            let body = text(&format!("n{round}"));
            let replies = futures::future::join_all((0..4).map(|_| admin.post("/odata/Assets", body.clone()))).await;
            assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 1);
            assert!(replies.iter().all(|r| matches!(r.status, 201 | 409)), "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
        }
        assert_eq!(rows(&admin.get("/odata/Assets").await.expect(200)).len(), 5);
    }
}
