//! Settings, templates, certificates that there are none of, the directory.

use super::{PASSWORD, SCOPES, group, partition, person, signed_in};
use bandmaster_store::params;
use bandmaster_testkit::{json, suite};

suite! {
    async fn settings_are_kept(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let ana = person(&app, &org, "ana", &[]).await;
        let body = json!({"partitionGlobalId": org, "settings": [
            {"key": "Email.Smtp.Host", "value": "smtp.example.test"}, {"key": "Email.Smtp.Password", "value": "plantedsecret"}]});
        let written = app.put("/identity/api/Setting", body).await.expect(200);
        assert_eq!((&written[0]["value"], &written[0]["userId"], &written[1]["value"]), (&json!("smtp.example.test"), &json!(null), &json!("*****")));
        let get = format!("/identity/api/Setting?partitionGlobalId={org}");
        assert_eq!(app.get(&get).await.expect(200), json!([]));
        let got = app.get(&format!("{get}&key=email.smtp.HOST&key=Email.Smtp.Port&key=Email.Smtp.Host&key=Email.Smtp.Password")).await.expect(200);
        assert_eq!(got, written);
        let again = json!({"partitionGlobalId": org, "settings": [{"key": "Email.Smtp.Host", "value": null}, {"key": "Email.Smtp.Password", "value": "*****"}]});
        assert_eq!(app.put("/identity/api/Setting", again).await.expect(200)[0]["value"], json!(null));
        let sql = "SELECT COALESCE(value, '') FROM identity_settings UNION ALL SELECT COALESCE(after_json, '') FROM audit_entries";
        let rows = server.app().store.read().await.unwrap().query(sql, params![]).await.unwrap();
        assert!(rows.iter().all(|r| !r.get::<String>(0).unwrap().contains("plantedsecret")));

        let own = signed_in(server, "ana", PASSWORD).await.unwrap();
        let theme = json!({"partitionGlobalId": org, "userId": ana, "settings": [{"key": "UserTheme.Theme", "value": "dark"}]});
        assert_eq!(own.put("/identity/api/Setting", theme.clone()).await.expect(200)[0]["userId"], json!(ana));
        let got = own.get(&format!("/identity/api/Setting?userId={ana}&key=UserTheme.Theme")).await.expect(200);
        assert_eq!(got[0]["value"], "dark");
        assert_eq!(app.get(&format!("{get}&key=UserTheme.Theme")).await.expect(200), json!([]));
        own.get(&format!("{get}&key=Email.Smtp.Host")).await.expect(403);
        own.put("/identity/api/Setting", json!({"settings": []})).await.expect(403);
        server.other_tenant().await.put("/identity/api/Setting", theme).await.expect(403);
        app.get(&format!("{get}&userId={org}&key=x")).await.error(404, 1002);
        app.put("/identity/api/Setting", json!({"partitionGlobalId": org})).await.error(400, 1009);
        server.application("PM.Setting.Read", None).await.put("/identity/api/Setting", json!({})).await.expect(403);
    }

    async fn templates_and_certificates(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let found = app.get("/identity/api/MessageTemplate?name=userinvitation").await.expect(200);
        let path = format!("/identity/api/MessageTemplate/{}", found["id"]);
        assert_eq!(app.get(&path).await.expect(200), found);
        let changed = app.put(&path, json!({"id": found["id"], "value": "<p>Hi</p>"})).await.expect(200);
        assert_eq!((&changed["value"], &changed["name"]), (&json!("<p>Hi</p>"), &found["name"]));
        app.put(&path, json!({"id": 999, "value": "x"})).await.error(400, 1009);
        app.put(&path, json!({})).await.error(400, 1009);
        app.get("/identity/api/MessageTemplate?name=x").await.error(404, 1002);
        app.get("/identity/api/MessageTemplate").await.error(400, 1009);
        app.get("/identity/api/MessageTemplate/x").await.error(404, 1002);
        let reader = server.application("PM.MessageTemplate.Read", None).await;
        reader.put(&path, json!({"value": "x"})).await.expect(403);
        app.get(&format!("/identity/api/SamlCertificate/{org}/certificates")).await.error(404, 1002);
        app.post(&format!("/identity/api/SamlCertificate/{org}/switch"), json!({})).await.error(404, 1002);
        app.delete(&format!("/identity/api/SamlCertificate/{org}/1")).await.error(404, 1002);
        app.put("/identity/api/SamlCertificate/primary", json!({"partitionGlobalId": org, "certificate": "x"})).await.error(400, 1009);
        reader.get(&format!("/identity/api/SamlCertificate/{org}/certificates")).await.expect(403);
    }

    async fn the_directory_knows_everybody(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let ana = person(&app, &org, "ana", &[]).await;
        app.post("/identity/api/RobotAccount", json!({"partitionGlobalId": org, "name": "anabot"})).await.expect(201);
        let found = app.get(&format!("/identity/api/Directory/Search/{org}?startsWith=AN")).await.expect(200);
        let kinds: Vec<_> = found.as_array().unwrap().iter().map(|e| (e["identityName"].as_str().unwrap(), e["objectType"].as_str().unwrap())).collect();
        assert_eq!(kinds, [("ana", "DirectoryUser"), ("anabot", "DirectoryRobotUser")]);
        assert_eq!(app.get(&format!("/identity/api/Directory/Search/{org}?startsWith=%25")).await.expect(200), json!([]));
        let resolve = format!("/identity/api/Directory/Resolve/{org}");
        let own = signed_in(server, "ana", PASSWORD).await.unwrap();
        for client in [&app, &own] {
            let reply = client.post(&resolve, json!({"entityId": ana, "entityType": "User"})).await.expect(200);
            assert_eq!(reply["email"], "ana@example.test");
        }
        app.post(&resolve, json!({"entityId": ana, "entityType": "group"})).await.error(404, 1002);
        app.post(&resolve, json!({"entityType": "user"})).await.error(400, 1009);
        own.get(&format!("/identity/api/Directory/Search/{org}")).await.expect(403);
        server.other_tenant().await.post(&resolve, json!({"entityId": ana})).await.expect(403);
        let users = group(&app, &org, "Automation Users").await;
        let names = json!({"entityNames": ["automation users", "nobody"], "entityType": "group"});
        let reply = app.post(&format!("/identity/api/Directory/BulkResolveByName/{org}"), names).await.expect(200);
        assert_eq!((&reply["automation users"]["identifier"], &reply["nobody"]), (&json!(users), &json!(null)));
        assert_eq!(own.get("/identity/api/Account/Profile").await.expect(200)["userName"], "ana");
    }
}
