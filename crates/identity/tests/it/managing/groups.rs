//! Groups and robot accounts.

use super::{PASSWORD, SCOPES, delete, group, partition, person, signed_in};
use bandmaster_testkit::{json, suite};

suite! {
    async fn a_group_lives(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let ana = person(&app, &org, "ana", &[]).await;
        let body = json!({"partitionGlobalId": org, "name": "Reviewers", "directoryUserMemberIDs": [ana]});
        let made = app.post("/identity/api/Group", body.clone()).await.expect(201);
        let id = made["id"].as_str().unwrap();
        assert_eq!((&made["type"], &made["members"][0]["objectType"], &made["members"][0]["name"]), (&json!("custom"), &json!("DirectoryUser"), &json!("ana")));
        app.post("/identity/api/Group", body).await.error(409, 1001);
        let one = format!("/identity/api/Group/{org}/{id}");
        assert_eq!(app.get(&one).await.expect(200)["members"][0]["identifier"], json!(ana));
        let change = json!({"partitionGlobalId": org, "name": "Checkers", "directoryUserIDsToAdd": [ana], "directoryUserIDsToRemove": [org]});
        assert_eq!(app.put(&format!("/identity/api/Group/{id}"), change).await.expect(200)["name"], "Checkers");
        let change = json!({"partitionGlobalId": org, "directoryUserIDsToRemove": [ana]});
        assert_eq!(app.put(&format!("/identity/api/Group/{id}"), change).await.expect(200)["members"], json!([]));
        let change = json!({"partitionGlobalId": org, "directoryUserIDsToAdd": [org]});
        app.put(&format!("/identity/api/Group/{id}"), change).await.error(400, 1009);
        app.delete(&one).await.expect(204);
        app.delete(&one).await.error(404, 1002);
        app.get(&format!("/identity/api/Group/{org}/66-ss")).await.error(404, 1002);
        let actions: Vec<_> = server.audit().await.into_iter().filter(|a| a["component"] == "Group" && a["operation"].as_str().unwrap().starts_with("Group_"))
            .map(|a| a["action"].as_str().unwrap().to_owned()).collect();
        assert_eq!(actions, ["Create", "Assign", "Update", "Unassign", "Delete"]);
    }

    async fn built_in_groups_stay(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let everyone = group(&app, &org, "Everyone").await;
        let shown = app.get(&format!("/identity/api/Group/{org}/{everyone}")).await.expect(200);
        assert_eq!((&shown["type"], &shown["members"][0]["name"]), (&json!("builtIn"), &json!("admin")));
        app.delete(&format!("/identity/api/Group/{org}/{everyone}")).await.error(409, 1005);
        app.put(&format!("/identity/api/Group/{everyone}"), json!({"partitionGlobalId": org, "name": "All"})).await.error(400, 1009);
        let made = app.post("/identity/api/Group", json!({"partitionGlobalId": org, "name": "X"})).await.expect(201);
        let path = format!("/identity/api/Group/{org}");
        delete(&app, &path, json!({"groupIDs": [made["id"], everyone]})).await.error(409, 1005);
        app.get(&format!("{path}/{}", made["id"].as_str().unwrap())).await.expect(200);
        delete(&app, &path, json!({"groupIDs": [made["id"], "dol-2908"]})).await.expect(204);
        app.get(&format!("{path}/{}", made["id"].as_str().unwrap())).await.error(404, 1002);
        assert!(delete(&app, &path, json!({})).await.expect(400)["errors"]["groupIDs"].is_array());
        let foreign = server.other_tenant().await;
        foreign.get(&path).await.expect(403);
        foreign.get(&format!("{path}/{everyone}")).await.expect(403);
        foreign.put(&format!("/identity/api/Group/{everyone}"), json!({})).await.error(404, 1002);
        server.application("PM.Group.Read", None).await.post("/identity/api/Group", json!({})).await.expect(403);
    }

    async fn membership_counts_at_once(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let administrators = group(&app, &org, "Administrators").await;
        let ana = person(&app, &org, "ana", &[]).await;
        let own = signed_in(server, "ana", PASSWORD).await.unwrap();
        let list = format!("/identity/api/User/users/{org}");
        own.get(&list).await.expect(403);
        app.put(&format!("/identity/api/Group/{administrators}"), json!({"partitionGlobalId": org, "directoryUserIDsToAdd": [ana]})).await.expect(200);
        own.get(&list).await.expect(200);
        app.put(&format!("/identity/api/Group/{administrators}"), json!({"partitionGlobalId": org, "directoryUserIDsToRemove": [ana]})).await.expect(200);
        own.get(&list).await.expect(403);
    }

    async fn a_robot_account_lives(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let users = group(&app, &org, "Automation Users").await;
        let body = json!({"partitionGlobalId": org, "name": "bot1", "displayName": "Bot 1", "groupIDsToAdd": [users]});
        let made = app.post("/identity/api/RobotAccount", body.clone()).await.expect(201);
        assert_eq!((&made["name"], &made["displayName"]), (&json!("bot1"), &json!("Bot 1")));
        assert!(made["groupIds"].as_array().unwrap().contains(&json!(users)));
        app.post("/identity/api/RobotAccount", body).await.error(409, 1001);
        let id = made["id"].as_str().unwrap();
        let one = format!("/identity/api/RobotAccount/{org}/{id}");
        let change = json!({"partitionGlobalId": org, "displayName": "Bot one", "groupIDsToRemove": [users]});
        let changed = app.put(&format!("/identity/api/RobotAccount/{id}"), change).await.expect(200);
        assert_eq!((&changed["displayName"], &changed["name"]), (&json!("Bot one"), &json!("bot1")));
        assert!(!app.get(&one).await.expect(200)["groupIds"].as_array().unwrap().contains(&json!(users)));
        let list = app.get(&format!("/identity/api/RobotAccount/{org}?searchTerm=BOT&top=5&sortBy=name&sortOrder=desc")).await.expect(200);
        assert_eq!((&list["totalCount"], &list["results"][0]["id"]), (&json!(1), &json!(id)));
        app.get(&format!("/identity/api/User/{id}")).await.error(404, 1002);
        assert!(signed_in(server, "bot1", "").await.is_none());
        app.get(&format!("/identity/api/RobotAccount/{org}?top=1001")).await.error(400, 1009);
        app.delete(&one).await.expect(204);
        app.delete(&one).await.error(404, 1002);
        let two = app.post("/identity/api/RobotAccount", json!({"partitionGlobalId": org, "name": "bot1"})).await.expect(201);
        let path = format!("/identity/api/RobotAccount/{org}");
        delete(&app, &path, json!({"robotAccountIDs": [two["id"], "qui-2609"]})).await.expect(204);
        assert_eq!(app.get(&path).await.expect(200)["totalCount"], 0);
        server.other_tenant().await.get(&path).await.expect(403);
        server.application("PM.RobotAccount.Read", None).await.delete(&one).await.expect(403);
    }
}
