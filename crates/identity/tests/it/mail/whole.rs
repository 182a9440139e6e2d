//! The whole server: its duties send by themselves, and settings of a mail server can be tried.

use super::Receiver;
use crate::managing::{SCOPES, find, partition};
use bandmaster_testkit::{json, suite, wait};

suite! {
    async fn the_server_sends_by_itself(server: &TestServer) {
        let org = partition(server).await;
        let (app, receiver) = (server.application(SCOPES, None).await, Receiver::start().await);
        let settings = json!([{"key": "Email.Smtp.Host", "value": "127.0.0.1"}, {"key": "Email.Smtp.Port", "value": receiver.port.to_string()},
            {"key": "Email.Smtp.FromEmail", "value": "bandmaster@example.test"}]);
        app.put("/identity/api/Setting", json!({"partitionGlobalId": org, "settings": settings})).await.expect(200);
        receiver.refuse(&["451 not now"]);
        let users = json!([{"userName": "ana", "email": "ana@example.test"}, {"userName": "bob", "email": ""}]);
        app.post("/identity/api/User/BulkCreate", json!({"partitionGlobalId": org, "users": users})).await.expect(200);
        let ana = find(&app, &org, "ana").await["id"].as_str().unwrap().to_owned();
        let path = format!("/identity/api/User/{ana}/invitation");
        wait::until("the first attempt", async || app.get(&path).await.expect(200)["error"].is_string()).await;
        server.clock.advance(std::time::Duration::from_secs(16));
        wait::until("the mail", async || app.get(&path).await.expect(200)["state"] == "sent").await;
        let link = receiver.only().link();
        assert!(link.starts_with(&format!("{}/identity/account/invitation?token=", server.url)), "{link}");
        app.post(&path, json!({})).await.expect(200);
        app.delete(&path).await.expect(204);
        server.application("PM.User.Read", None).await.post(&path, json!({})).await.expect(403);
        server.other_tenant().await.get(&path).await.error(404, 1002);
    }

    async fn settings_of_a_mail_server_can_be_tried(server: &TestServer) {
        let (admin, receiver) = (server.admin(), Receiver::start().await);
        let path = "/odata/Settings/UiPath.Server.Configuration.OData.VerifySmtpSetting";
        let body = |port: u16, to: &str, ssl: bool| {
            json!({"sendTo": to, "smtpSettingModel": {"Host": "127.0.0.1", "Port": port, "EnableSsl": ssl, "UserName": "u",
                "Password": "plantedsecret", "UseDefaultCredentials": false, "DefaultFromAddress": "noreply@example.test"}})
        };
        admin.post(path, body(receiver.port, "ana@example.test", false)).await.expect(200);
        assert!(receiver.only().to.contains("ana@example.test"));
        let told = admin.post(path, body(1, "ana@example.test", false)).await.error(400, 1008);
        assert!(!told.to_string().contains("plantedsecret"));
        // A server that offers no TLS is sent no password.
        admin.post(path, body(receiver.port, "ana@example.test", true)).await.error(400, 1008);
        receiver.refuse(&["550 unknown"]);
        admin.post(path, body(receiver.port, "ana@example.test", false)).await.error(400, 1008);
        admin.post(path, body(receiver.port, "nobody", false)).await.error(400, 1009);
        admin.post(path, json!({"sendTo": "ana@example.test"})).await.expect(400);
        admin.post(path, json!({"sendTo": "ana@example.test", "smtpSettingModel": {"Port": 25}})).await.expect(400);
        let reader = server.application("OR.Settings.Read", None).await;
        reader.post(path, body(receiver.port, "ana@example.test", false)).await.expect(403);
        receiver.only();
    }
}
