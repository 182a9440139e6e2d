//! Settings of the caller's own.

use crate::world::{setting, settings, value};
use bandmaster_testkit::{Value, json, suite};

fn own(name: &str, value: &str) -> Value {
    json!({"setting": {"Name": name, "Value": value, "Scope": "User"}})
}

suite! {
    async fn they_count_for_the_caller_alone(server: &TestServer) {
        let admin = server.admin();
        let name = "Abp.Localization.DefaultLanguageName";
        admin.put(&setting(name), json!({"Name": name, "Value": "fr"})).await.expect(200);
        assert!(admin.post(&settings("UpdateUserSetting"), own(name, "de")).await.expect(200).is_null());
        let app = server.application("OR.Settings", None).await;
        assert_eq!((value(&admin, name).await, value(&app, name).await), (json!("de"), json!("fr")));
        let list = admin.get(&format!("/odata/Settings?$filter=Name eq '{name}'")).await.expect(200);
        assert_eq!((&list["value"][0]["Value"], &list["value"][0]["Scope"]), (&json!("de"), &json!("User")));
        let web = admin.get(&settings("GetWebSettings")).await.expect(200);
        let at = web["Keys"].as_array().unwrap().iter().position(|k| k == name).unwrap();
        assert_eq!(web["Values"][at], "de");
        // Others of the tenant, the tenant itself and other tenants keep theirs.
        app.post(&settings("UpdateUserSetting"), own(name, "ja")).await.expect(200);
        assert_eq!((value(&admin, name).await, value(&app, name).await), (json!("de"), json!("ja")));
        assert_eq!(value(&server.other_tenant().await, name).await, "en");
        // The scope of the body does not count; null takes the value back.
        let tenant = json!({"setting": {"Name": name, "Value": "ko", "Scope": "Application"}});
        app.post(&settings("UpdateUserSetting"), tenant).await.expect(200);
        assert_eq!((value(&admin, name).await, value(&app, name).await), (json!("de"), json!("ko")));
        admin.post(&settings("UpdateUserSetting"), json!({"setting": {"Name": name, "Value": null}})).await.expect(200);
        assert_eq!(value(&admin, name).await, "fr");
    }

    async fn nobody_needs_a_permission_for_them(server: &TestServer) {
        let name = "Abp.Localization.DefaultLanguageName";
        let app = server.application("OR.Settings.Write", Some("Automation User")).await;
        app.post(&settings("UpdateUserSetting"), own(name, "de")).await.expect(200);
        app.put(&setting(name), json!({"Name": name, "Value": "es", "Scope": "User"})).await.error(403, 0);
        server.anonymous().post(&settings("UpdateUserSetting"), own(name, "de")).await.error(401, 0);
        let reader = server.application("OR.Settings.Read", None).await;
        reader.post(&settings("UpdateUserSetting"), own(name, "de")).await.error(403, 0);
        // With the permission an own value can be put as well, also by its number.
        for (scope, text) in [(json!("User"), "it"), (json!(4), "pt")] {
            server.admin().put(&setting(name), json!({"Name": name, "Value": text, "Scope": scope})).await.expect(200);
            assert_eq!(value(&server.admin(), name).await, text);
        }
        assert_eq!(value(&server.application("OR.Settings", None).await, name).await, "en");
    }

    async fn wrong_ones_are_refused(server: &TestServer) {
        let admin = server.admin();
        let path = settings("UpdateUserSetting");
        admin.post(&path, json!({})).await.error(400, 0);
        admin.post(&path, json!({"setting": {"Value": "x"}})).await.error(400, 1009);
        admin.post(&path, json!({"setting": {"Name": "", "Value": "x"}})).await.error(400, 1009);
        admin.post(&path, json!({"setting": []})).await.error(400, 1000);
        admin.post(&path, own("Abp.Timing.TimeZone", "Mars")).await.error(400, 1009);
        admin.post(&path, own(&"n".repeat(129), "x")).await.error(400, 1009);
        admin.post(&path, own("My.Big", &"v".repeat(100_001))).await.error(400, 1009);
    }

    async fn machines_have_none(server: &TestServer) {
        let key = crate::world::machine(&server.admin(), "M", server.shared).await;
        let machine = server.anonymous().with_header("X-ROBOT-LICENSE", &key);
        machine.post(&settings("UpdateUserSetting"), own("My.Own", "x")).await.error(400, 1009);
    }
}
