//! Making, reading and changing people's accounts.

use super::{PASSWORD, SCOPES, codes, find, group, partition, person, signed_in};
use bandmaster_testkit::{json, suite};

suite! {
    async fn an_account_lives(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let users = group(&app, &org, "Automation Users").await;
        let id = person(&app, &org, "ana", &[&users]).await;
        let path = format!("/identity/api/User/{id}");
        let shown = app.get(&path).await.expect(200);
        for (member, value) in [("userName", json!("ana")), ("email", json!("ana@example.test")), ("name", json!("Ana")),
            ("surname", json!("Pop")), ("displayName", json!("Ana Pop")), ("isActive", json!(true)), ("type", json!("user")),
            ("lastLoginTime", json!(null)), ("emailConfirmed", json!(false))] {
            assert_eq!(shown[member], value, "{member}");
        }
        assert!(shown["groupIDs"].as_array().unwrap().contains(&json!(users)));

        let ana = signed_in(server, "ana", PASSWORD).await.unwrap();
        assert_eq!(ana.get(&path).await.expect(200)["userName"], "ana", "the own account");
        let body = json!({"name": "Anna", "surname": null, "email": "anna@example.test", "password": "N3w_secret",
            "groupIDsToRemove": [users], "bypassBasicAuthRestriction": true, "extensionUserAttributesToAddOrUpdate": {"a": "b"}});
        assert_eq!(app.put(&path, body).await.expect(200), json!({"succeeded": true, "errors": []}));
        ana.get(&path).await.expect(401);
        assert!(signed_in(server, "ana", PASSWORD).await.is_none());
        let ana = signed_in(server, "anna@example.test", "N3w_secret").await.unwrap();
        let shown = app.get(&path).await.expect(200);
        assert_eq!((&shown["name"], &shown["surname"], &shown["bypassBasicAuthRestriction"]), (&json!("Anna"), &json!("Pop"), &json!(true)));
        assert!(!shown["groupIDs"].as_array().unwrap().contains(&json!(users)));

        app.put(&path, json!({"isActive": false})).await.expect(200);
        ana.get(&path).await.expect(401);
        assert!(signed_in(server, "ana", "N3w_secret").await.is_none());
        app.delete(&path).await.expect(204);
        app.get(&path).await.error(404, 1002);
        app.delete(&path).await.error(404, 1002);

        let list = app.get(&format!("/identity/api/AuditQuery/{org}?top=100&sortBy=createdOn&sortOrder=asc")).await.expect(200);
        let told: Vec<_> = list["results"].as_array().unwrap().iter().filter(|e| e["category"] == "User")
            .map(|e| e["action"].as_str().unwrap().to_owned()).collect();
        assert_eq!(told, ["Create", "Update", "ChangePassword", "Update", "Update", "Delete"]);
        assert!(!list.to_string().contains("N3w_secret"));
        let other = app.get(&format!("/audit_/api/auditlogs/{org}?top=2&skip=1&api-version=1.0")).await.expect(200);
        for path in ["/Default/audit_/api/auditlogs".to_owned(), "/audit_/api/auditlogs".to_owned(), format!("/Default/audit_/api/auditlogs/{org}")] {
            assert_eq!(app.get(&format!("{path}?top=2&skip=1&api-version=1.0")).await.expect(200), other, "{path}");
        }
        app.get("/Elsewhere/audit_/api/auditlogs").await.expect(403);
        assert_eq!((other["results"].as_array().unwrap().len(), &other["totalCount"]), (2, &list["totalCount"]));
        let file = app.get(&format!("/identity/api/AuditQuery/{org}/download?size=5")).await;
        assert!(file.status == 200 && file.bytes.starts_with(b"PK"));
    }

    async fn what_cannot_be_made_is_told(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let id = person(&app, &org, "ana", &[]).await;
        let cases = [
            (json!({"userName": "ANA"}), "DuplicateUserName"),
            (json!({"userName": "b", "email": "Ana@Example.test"}), "DuplicateEmail"),
            (json!({"userName": ""}), "InvalidUserName"),
            (json!({"userName": "b", "email": "nobody"}), "InvalidEmail"),
            (json!({"userName": "b", "password": "x", "validatePassword": true}), "PasswordTooShort"),
            (json!({"userName": "b", "groupIDs": [org]}), "GroupNotFound"),
            (json!({"userName": "b", "type": "robotAccount"}), "InvalidUserType"),
            (json!({"userName": "b", "id": id}), "DuplicateId"),
        ];
        for (mut body, code) in cases {
            body["partitionGlobalId"] = json!(org);
            assert_eq!(codes(&app.post("/identity/api/User", body.clone()).await)[0], code, "{body}");
        }
        app.post("/identity/api/User", json!({"userName": "b"})).await.error(400, 1009);

        let bulk = json!({"users": [{"userName": "bob", "email": "", "name": "Bob"}, {"userName": "eve"}], "partitionGlobalId": org, "groupIDs": []});
        let made = app.post("/identity/api/User/BulkCreate", bulk).await.expect(200);
        assert_eq!((&made["succeeded"], &made["result"]["succeeded"], made["users"].as_array().unwrap().len()), (&json!(true), &json!(true), 2));
        let bulk = json!({"users": [{"userName": "fay"}, {"userName": "bob"}], "partitionGlobalId": org});
        let refused = app.post("/identity/api/User/BulkCreate", bulk).await;
        assert_eq!(codes(&refused), ["DuplicateUserName"]);
        assert_eq!((&refused.json()["users"], &refused.json()["result"]["succeeded"]), (&json!([]), &json!(false)));
        assert!(find(&app, &org, "fay").await.is_null(), "all or none");
    }

    async fn bodies_that_do_not_fit(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let id = person(&app, &org, "ana", &[]).await;
        let path = format!("/identity/api/User/{id}");
        let send = |text: &'static str| app.send(app.request("PUT".parse().unwrap(), &path).header("content-type", "application/json").body(text));
        let told = send("{\n \"name\": \"x\",\n \"bypassBasicAuthRestriction\": \"h\", \"isActive\": 5}").await.expect(400);
        assert_eq!((&told["status"], told["errors"].as_object().unwrap().len()), (&json!(400), 2));
        let text = told["errors"]["bypassBasicAuthRestriction"][0].as_str().unwrap();
        assert!(text.contains("line 3, position 32") && text.contains("'bypassBasicAuthRestriction'"), "{text}");
        let told = send("{\"bypassBasicAuthRestriction\": h}").await.expect(400);
        assert!(told["errors"]["bypassBasicAuthRestriction"].is_array(), "{told}");
        for (text, member) in [("", "$"), ("[]", "$"), ("{\"groupIDsToAdd\": [1]}", "groupIDsToAdd"), ("{\"name\": {}}", "name")] {
            assert!(send(text).await.expect(400)["errors"][member].is_array(), "{text}");
        }
        assert_eq!(app.get(&path).await.expect(200)["name"], "Ana");
        assert_eq!(codes(&app.put(&path, json!({"groupIDsToAdd": ["66-ss"]})).await), ["GroupNotFound"]);
        assert_eq!(codes(&app.put(&path, json!({"email": "x"})).await), ["InvalidEmail"]);
        for odd in ["66-ss", "00000000-0000-4000-8000-000000000001", "%20", "a%00b"] {
            assert!(matches!(app.put(&format!("/identity/api/User/{odd}"), json!({})).await.status, 400 | 404), "{odd}");
        }
        app.put("/identity/api/User/66-ss", json!({})).await.error(404, 1002);
    }

    async fn who_may(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let id = person(&app, &org, "ana", &[]).await;
        let other = person(&app, &org, "bob", &[]).await;
        let path = format!("/identity/api/User/{id}");
        let list = format!("/identity/api/User/users/{org}");
        let reader = server.application("PM.User.Read", None).await;
        reader.get(&list).await.expect(200);
        let refused = reader.put(&path, json!({"name": "x"})).await.expect(403);
        assert!(refused["errorMessage"].as_str().unwrap().contains("PM.User"));
        reader.delete(&path).await.expect(403);
        reader.post("/identity/api/User", json!({})).await.expect(403);
        server.anonymous().get(&path).await.expect(401);
        let ana = signed_in(server, "ana", PASSWORD).await.unwrap();
        for refused in [
            ana.get(&list).await,
            ana.get(&format!("/identity/api/User/{other}")).await,
            ana.get("/identity/api/User/66-ss").await,
            ana.put(&path, json!({"groupIDsToAdd": []})).await,
            ana.put(&path, json!({"email": "x@example.test"})).await,
            ana.put(&format!("/identity/api/User/{other}"), json!({"name": "x"})).await,
            ana.delete(&path).await,
            ana.get(&format!("/identity/api/Group/{org}")).await,
        ] {
            assert_eq!(refused.status, 403, "{}: {}", refused.what, refused.text());
        }
        ana.put(&path, json!({"name": "Anastasia"})).await.expect(200);
        let foreign = server.other_tenant().await;
        foreign.get(&list).await.expect(403);
        foreign.get(&path).await.error(404, 1002);
        let admin = find(&app, &org, "admin").await["id"].as_str().unwrap().to_owned();
        app.put(&format!("/identity/api/User/{admin}"), json!({"password": PASSWORD})).await.expect(403);
        for (query, status) in [("top=1001", 400), ("top=-1", 400), ("skip=-1", 400), ("top=0", 200), ("sortBy=password", 400),
            ("sortBy=email&sortOrder=DESC", 200), ("sortOrder=up", 400), ("searchTerm=%25", 200)] {
            app.get(&format!("{list}?{query}")).await.expect(status);
        }
        let older = app.get(&format!("/identity/api/UserPartition/users/{org}?top=2&skip=1")).await.expect(200);
        assert_eq!((older["results"].as_array().unwrap().len(), &older["totalCount"]), (2, &json!(3)));
    }

    async fn passwords_change_by_the_old_one(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let id = person(&app, &org, "ana", &[]).await;
        let ana = signed_in(server, "ana", PASSWORD).await.unwrap();
        let path = format!("/identity/api/User/{id}/changepassword");
        let change = |old: &str, new: &str| json!({"oldPassword": old, "newPassword": new});
        assert_eq!(codes(&ana.post(&path, change("wrong", "N3w_secret")).await), ["PasswordMismatch"]);
        assert_eq!(codes(&ana.post(&path, change(PASSWORD, "x")).await)[0], "PasswordTooShort");
        ana.post(&path, change(PASSWORD, "N3w_secret")).await.expect(200);
        ana.post(&path, change("N3w_secret", PASSWORD)).await.expect(401);
        assert!(signed_in(server, "ana", "N3w_secret").await.is_some());
        let attempts = app.get(&format!("/identity/api/User/{id}/loginAttempts?top=2&sortOrder=desc")).await.expect(200);
        assert_eq!((&attempts["totalCount"], &attempts["results"][0]["result"]), (&json!(5), &json!("success")));
        assert_eq!(attempts["results"][0]["partitionGlobalId"], json!(org));
        let body = json!({"TenancyName": "Default", "Username": "ana", "CurrentPassword": "N3w_secret", "NewPassword": "Th1rd_secret"});
        let admin = server.admin();
        admin.post("/odata/Users/UiPath.Server.Configuration.OData.UpdatePassword", body.clone()).await.expect(200);
        admin.post("/odata/Users/UiPath.Server.Configuration.OData.UpdatePassword", body).await.expect(400);
        assert!(signed_in(server, "ana", "Th1rd_secret").await.is_some());
        admin.post("/odata/Users(999999)/UiPath.Server.Configuration.OData.ChangePassword", json!({})).await.error(404, 1002);
    }
}
