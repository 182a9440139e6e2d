//! Deleting people: one, and many as one unit.

use super::{PASSWORD, SCOPES, delete, find, group, partition, person, signed_in};
use bandmaster_store::params;
use bandmaster_testkit::{json, suite};

const PATH: &str = "/identity/api/User";

suite! {
    async fn many_are_deleted_as_one(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application("PM.User.Write PM.User.Read", None).await;
        let (ana, bob) = (person(&app, &org, "ana", &[]).await, person(&app, &org, "bob", &[]).await);
        let token = signed_in(server, "ana", PASSWORD).await.unwrap();
        token.get(&format!("{PATH}/{ana}")).await.expect(200);
        let made = server.command(json!({"command": "organization create", "name": "Elsewhere", "password": PASSWORD})).await;
        assert!(made["folder_id"].is_number());
        let foreign = {
            let sql = "SELECT key FROM identity_users WHERE organization_id <> 1";
            let rows = server.app().store.read().await.unwrap().query(sql, params![]).await.unwrap();
            rows[0].get::<String>(0).unwrap()
        };
        let ids = json!([ana.to_uppercase(), bob, ana, foreign, "no-such-id", "00000000-0000-4000-8000-000000000001"]);
        let reply = delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": ids, "deleteCurrentUser": false, "isHostMode": false})).await;
        assert_eq!((reply.status, reply.bytes.len()), (204, 0));
        assert!(find(&app, &org, "ana").await.is_null() && find(&app, &org, "bob").await.is_null());
        token.get(&format!("{PATH}/{ana}")).await.expect(401);
        assert!(signed_in(server, "bob", PASSWORD).await.is_none());
        let sql = "SELECT is_deleted FROM identity_users WHERE key = $1";
        let row = server.app().store.read().await.unwrap().query_one(sql, params![foreign.as_str()]).await.unwrap();
        assert!(!row.get::<bool>(0).unwrap());
        // Their names are free again.
        person(&app, &org, "ana", &[]).await;
        let told = server.audit().await.into_iter().filter(|a| a["operation"] == "User_BulkDelete").count();
        assert_eq!(told, 2);
        // Doing it twice is fine.
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": ids})).await.expect(204);
    }

    async fn ids_are_texts(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application("PM.User", None).await;
        let ids = [person(&app, &org, "dolores", &[]).await, person(&app, &org, "quincy", &[]).await];
        let example = json!({"partitionGlobalId": org, "userIds": ["dol-2908", "qui-2609"]});
        delete(&app, PATH, example.clone()).await.expect(204);
        assert!(!find(&app, &org, "dolores").await.is_null());
        for (id, text) in ids.iter().zip(["dol-2908", "qui-2609"]) {
            let sql = "UPDATE identity_users SET key = $1 WHERE key = $2";
            let mut unit = server.app().store.begin().await.unwrap();
            unit.execute(sql, params![text, id.as_str()]).await.unwrap();
            unit.commit().await.unwrap();
        }
        delete(&app, PATH, example).await.expect(204);
        assert!(find(&app, &org, "dolores").await.is_null() && find(&app, &org, "quincy").await.is_null());
    }

    async fn the_last_administrator_stays(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let administrators = group(&app, &org, "Administrators").await;
        let admin = find(&app, &org, "admin").await["id"].as_str().unwrap().to_owned();
        let eve = person(&app, &org, "eve", &[]).await;
        let body = json!({"partitionGlobalId": org, "userIds": [eve, admin]});
        delete(&app, PATH, body).await.error(409, 1005);
        assert!(!find(&app, &org, "eve").await.is_null(), "refused whole");
        app.delete(&format!("{PATH}/{admin}")).await.error(409, 1005);
        app.put(&format!("{PATH}/{admin}"), json!({"groupIDsToRemove": [administrators]})).await.expect(400);
        let change = json!({"partitionGlobalId": org, "directoryUserIDsToRemove": [admin]});
        app.put(&format!("/identity/api/Group/{administrators}"), change.clone()).await.error(409, 1005);
        // With a second one the first may go, and the second then not.
        app.put(&format!("{PATH}/{eve}"), json!({"groupIDsToAdd": [administrators]})).await.expect(200);
        let other = signed_in(server, "eve", PASSWORD).await.unwrap();
        other.get(&format!("{PATH}/users/{org}")).await.expect(200);
        delete(&other, PATH, json!({"partitionGlobalId": org, "userIds": [eve]})).await.error(409, 1005);
        app.put(&format!("/identity/api/Group/{administrators}"), change).await.expect(200);
        app.put(&format!("{PATH}/{eve}"), json!({"isActive": false})).await.expect(400);
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": [eve]})).await.error(409, 1005);
        other.get(&format!("{PATH}/users/{org}")).await.expect(200);
    }

    async fn what_is_refused(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application("PM.User", None).await;
        let ana = person(&app, &org, "ana", &[]).await;
        for (body, member) in [
            (json!({"userIds": [ana]}), "partitionGlobalId"),
            (json!({"partitionGlobalId": "x", "userIds": [ana]}), "partitionGlobalId"),
            (json!({"partitionGlobalId": org}), "userIds"),
            (json!({"partitionGlobalId": org, "userIds": null}), "userIds"),
            (json!({"partitionGlobalId": org, "userIds": [7]}), "userIds"),
            (json!({"partitionGlobalId": org, "userIds": "x"}), "userIds"),
            (json!([]), "$"),
        ] {
            let told = delete(&app, PATH, body.clone()).await.expect(400);
            assert!(told["errors"][member].is_array() && told["status"] == 400, "{body}: {told}");
        }
        app.delete(PATH).await.expect(400);
        let body = json!({"partitionGlobalId": org, "userIds": [ana]});
        let reader = server.application("PM.User.Read", None).await;
        delete(&reader, PATH, body.clone()).await.expect(403);
        delete(&server.anonymous(), PATH, body.clone()).await.expect(401);
        delete(&server.other_tenant().await, PATH, body.clone()).await.expect(403);
        let elsewhere = json!({"partitionGlobalId": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "userIds": [ana]});
        delete(&app, PATH, elsewhere).await.expect(403);
        let own = signed_in(server, "ana", PASSWORD).await.unwrap();
        delete(&own, PATH, body).await.expect(403);
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": []})).await.expect(204);
        assert!(!find(&app, &org, "ana").await.is_null());
        let body = json!({"userIds": [ana]});
        delete(&app, &format!("{PATH}?partitionGlobalId={org}"), body).await.expect(204);
    }

    async fn tenants_let_go_of_who_is_gone(server: &TestServer) {
        let org = partition(server).await;
        let (app, admin) = (server.application(&format!("{SCOPES} PM.OAuthApp"), None).await, server.admin());
        let (ana, bob) = (person(&app, &org, "ana", &[]).await, person(&app, &org, "bob", &[]).await);
        let robot = app.post("/identity/api/RobotAccount", json!({"partitionGlobalId": org, "name": "bot1"})).await.expect(201);
        let other = app.post("/identity/api/RobotAccount", json!({"partitionGlobalId": org, "name": "bot2"})).await.expect(201);
        let group = |name: &'static str| json!({"partitionGlobalId": org, "name": name});
        let reviewers = app.post("/identity/api/Group", group("Reviewers")).await.expect(201);
        let writers = app.post("/identity/api/Group", group("Writers")).await.expect(201);
        let roles = admin.get("/odata/Roles?$filter=Name eq 'Automation User'").await.expect(200);
        let role = roles["value"][0]["Id"].as_i64().unwrap();
        let named = [("ana", "DirectoryUser"), ("bob", "DirectoryUser"), ("bot1", "DirectoryRobot"), ("bot2", "DirectoryRobot"),
            ("Reviewers", "DirectoryGroup"), ("Writers", "DirectoryGroup")];
        for (name, kind) in named {
            let body = json!({"UserName": name, "Domain": "autogen", "Type": kind, "RolesList": ["Allow to be Automation User"]});
            let id = admin.post("/odata/Users", body).await.expect(201)["Id"].clone();
            let assignment = json!({"assignments": {"UserIds": [id], "RolesPerFolder": [{"FolderId": server.shared, "RoleIds": [role]}]}});
            let path = "/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers";
            assert!((200..300).contains(&admin.post(path, assignment).await.status));
        }
        let known = async || {
            let names = named.map(|(name, _)| format!("UserName eq '{name}'")).join(" or ");
            let list = admin.get(&format!("/odata/Users?$filter={names}&$orderby=UserName")).await.expect(200);
            list["value"].as_array().unwrap().iter().map(|u| u["UserName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(known().await.len(), named.len());
        app.delete(&format!("{PATH}/{ana}")).await.expect(204);
        assert!(!known().await.contains(&"ana".to_owned()));
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": [bob]})).await.expect(204);
        app.delete(&format!("/identity/api/RobotAccount/{org}/{}", robot["id"].as_str().unwrap())).await.expect(204);
        let ids = json!({"robotAccountIDs": [other["id"]]});
        delete(&app, &format!("/identity/api/RobotAccount/{org}"), ids).await.expect(204);
        app.delete(&format!("/identity/api/Group/{org}/{}", reviewers["id"].as_str().unwrap())).await.expect(204);
        assert_eq!(known().await, ["Writers"]);
        delete(&app, &format!("/identity/api/Group/{org}"), json!({"groupIDs": [writers["id"]]})).await.expect(204);
        assert!(known().await.is_empty());
        let left = "SELECT COUNT(*) FROM folder_users fu LEFT JOIN users u ON u.id = fu.user_id WHERE u.id IS NULL";
        let mut conn = server.app().store.read().await.unwrap();
        assert_eq!(conn.query_one(left, params![]).await.unwrap().get::<i64>(0).unwrap(), 0);
        let audit = server.audit().await;
        let gone = audit.iter().filter(|a| a["component"] == "Users" && a["action"] == "Delete");
        assert_eq!(gone.count(), named.len());
    }

    async fn a_tenant_keeps_its_last_administrator(server: &TestServer) {
        let org = partition(server).await;
        let (app, admin) = (server.application(SCOPES, None).await, server.admin());
        let eve = person(&app, &org, "eve", &[]).await;
        let body = json!({"UserName": "eve", "Domain": "autogen", "Type": "DirectoryUser", "RolesList": ["Administrator"]});
        admin.post("/odata/Users", body).await.expect(201);
        let holders = "DELETE FROM user_roles WHERE role_id IN (SELECT id FROM roles WHERE name = 'Administrator') AND user_id IN \
             (SELECT id FROM users WHERE key <> $1)";
        let mut unit = server.app().store.begin().await.unwrap();
        unit.execute(holders, params![eve.as_str()]).await.unwrap();
        unit.commit().await.unwrap();
        app.delete(&format!("{PATH}/{eve}")).await.error(409, 1005);
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": [eve]})).await.error(409, 1005);
        assert!(!find(&app, &org, "eve").await.is_null());
        assert!(signed_in(server, "eve", PASSWORD).await.is_some(), "nothing of it was done");
    }

    async fn what_others_tried(server: &TestServer) {
        let org = partition(server).await;
        let (app, admin) = (server.application(SCOPES, None).await, server.admin());
        person(&app, &org, "ana", &[]).await;
        let body = json!({"UserName": "ana", "Domain": "autogen", "Type": "DirectoryUser", "RolesList": []});
        let id = admin.post("/odata/Users", body).await.expect(201)["Id"].as_i64().unwrap();
        let own = signed_in(server, "ana", PASSWORD).await.unwrap();
        assert!(signed_in(server, "ana", "wrong").await.is_none());
        let path = format!("/odata/UserLoginAttempts({id})");
        let seen = admin.get(&path).await.expect(200);
        assert_eq!(seen["value"][0]["Result"], "InvalidPassword");
        assert_eq!((&seen["value"][1]["Result"], &seen["value"][1]["UserId"]), (&json!("Success"), &json!(id)));
        assert_eq!(own.get(&path).await.expect(200), seen);
        admin.get("/odata/UserLoginAttempts(999999)").await.error(404, 1002);
        let mine = admin.get("/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser").await.expect(200)["Id"].clone();
        own.get(&format!("/odata/UserLoginAttempts({mine})")).await.expect(403);
        own.get("/odata/UserLoginAttempts(999999)").await.expect(403);
        server.other_tenant().await.get(&path).await.error(404, 1002);
        let change = |id: &str| format!("/odata/Users({id})/UiPath.Server.Configuration.OData.ChangePassword");
        let body = json!({"CurrentPassword": PASSWORD, "NewPassword": "N3w_secret_1"});
        own.post(&change(&mine.to_string()), body.clone()).await.expect(403);
        let wrong = json!({"CurrentPassword": "wrong", "NewPassword": "N3w_secret_1"});
        admin.post(&change(&id.to_string()), wrong).await.expect(400);
        admin.post(&change("999999"), body.clone()).await.error(404, 1002);
        server.other_tenant().await.post(&change(&id.to_string()), body.clone()).await.error(404, 1002);
        admin.post(&change(&id.to_string()), body).await.expect(200);
        assert!(signed_in(server, "ana", "N3w_secret_1").await.is_some());
        own.get(&path).await.expect(401);
    }
}
