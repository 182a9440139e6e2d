//! Reading and writing the tenant's settings.

use crate::world::{column, setting, settings, value};
use bandmaster_testkit::{json, suite};

suite! {
    async fn values_are_written_read_and_removed(server: &TestServer) {
        let admin = server.admin();
        let name = "Abp.Timing.TimeZone";
        assert_eq!(value(&admin, name).await, "UTC");
        let body = json!({"Name": name, "Value": "GMT Standard Time", "Scope": "Tenant", "Id": name});
        admin.put(&setting(name), body).await.expect(200);
        assert_eq!(value(&admin, name).await, "GMT Standard Time");
        assert_eq!(value(&admin, "abp.timing.TIMEZONE").await, "GMT Standard Time");
        let many = json!({"settings": [
            {"Name": "Abp.Net.Mail.Smtp.Host", "Value": "smtp.example.test"},
            {"Name": "abp.net.mail.smtp.port", "Value": "587"},
            {"Name": "Portal.Colour", "Value": "#123456"},
        ]});
        assert!(admin.post(&settings("UpdateBulk"), many).await.expect(200).is_null());
        let list = admin.get("/odata/Settings?$filter=contains(Name,'smtp.') or Name eq 'portal.colour'").await.expect(200);
        let found = |wanted: &str| list["value"].as_array().unwrap().iter().find(|s| s["Name"] == wanted).cloned();
        let host = json!({"Name": "Abp.Net.Mail.Smtp.Host", "Value": "smtp.example.test", "Scope": "Tenant", "Id": "Abp.Net.Mail.Smtp.Host"});
        assert_eq!(found("Abp.Net.Mail.Smtp.Host"), Some(host));
        assert_eq!(found("Abp.Net.Mail.Smtp.Port").unwrap()["Value"], "587");
        assert_eq!(found("Portal.Colour").unwrap()["Value"], "#123456");
        let names = json!({"settingNames": ["abp.net.mail.SMTP.host", "Portal.Colour", "Never.Set"]});
        admin.post(&settings("DeleteBulk"), names).await.expect(204);
        assert_eq!(value(&admin, "Abp.Net.Mail.Smtp.Host").await, "");
        admin.get(&setting("Portal.Colour")).await.error(404, 1002);
        assert_eq!(value(&admin, "Abp.Net.Mail.Smtp.Port").await, "587");
    }

    async fn names_are_one_whatever_their_case(server: &TestServer) {
        let admin = server.admin();
        for (name, text) in [("Portal.Größe", "1"), ("PORTAL.GRÖßE", "2")] {
            let body = json!({"settings": [{"Name": name, "Value": text}]});
            admin.post(&settings("UpdateBulk"), body).await.expect(200);
        }
        assert_eq!(value(&admin, "portal.grÖße").await, "2");
        let list = admin.get("/odata/Settings?$filter=startswith(Name,'portal.')").await.expect(200);
        assert_eq!(column(&list, "Name"), [json!("Portal.Größe")]);
        // The Kelvin sign counts as a k: it is no way around the form of a known setting.
        let around = json!({"Name": "Auth.UserLoc\u{212A}Out.IsEnabled", "Value": "maybe"});
        admin.post(&settings("UpdateBulk"), json!({"settings": [around]})).await.error(400, 1009);
    }

    async fn changes_are_audited(server: &TestServer) {
        let admin = server.admin();
        let name = "Abp.Timing.TimeZone";
        let body = |value: &str| json!({"Name": name, "Value": value});
        admin.put(&setting(name), body("Tokyo Standard Time")).await.expect(200);
        let many = json!({"settings": [body("UTC"), {"Name": "My.Own", "Value": "x"}]});
        admin.post(&settings("UpdateBulk"), many).await.expect(200);
        admin.post(&settings("DeleteBulk"), json!({"settingNames": ["my.own"]})).await.expect(204);
        let own = json!({"setting": {"Name": "Abp.Localization.DefaultLanguageName", "Value": "de"}});
        admin.post(&settings("UpdateUserSetting"), own).await.expect(200);
        let audit: Vec<_> = server.audit().await.into_iter().filter(|a| a["component"] == "Settings").collect();
        let told: Vec<_> = audit.iter().map(|a| (a["operation"].as_str().unwrap(), a["action"].as_str().unwrap(),
            a["before"]["Value"].as_str(), a["after"]["Value"].as_str())).collect();
        assert_eq!(told, [
            ("Settings_PutById", "Update", None, Some("Tokyo Standard Time")),
            ("Settings_UpdateBulk", "Update", Some("Tokyo Standard Time"), Some("UTC")),
            ("Settings_UpdateBulk", "Update", None, Some("x")),
            ("Settings_DeleteBulk", "Delete", Some("x"), None),
            ("Settings_UpdateUserSetting", "Update", None, Some("de")),
        ]);
        assert!(audit.iter().all(|a| a["actor"] == "admin" && !a["name"].as_str().unwrap().is_empty()));
    }

    async fn nothing_is_what_an_empty_value_sets(server: &TestServer) {
        let admin = server.admin();
        for (name, before, empty, after) in [
            ("Jobs.TerminatingJobsTimeout", "30", json!(""), "1440"),
            ("Abp.Timing.TimeZone", "Europe/Berlin", json!(null), "UTC"),
            ("DeploymentUrl", "http://feed.example.test", json!(""), ""),
        ] {
            admin.put(&setting(name), json!({"Name": name, "Value": before})).await.expect(200);
            assert_eq!(value(&admin, name).await, before);
            admin.put(&setting(name), json!({"Name": name, "Value": empty})).await.expect(200);
            assert_eq!(value(&admin, name).await, after, "{name}");
        }
    }

    async fn wrong_bodies_are_refused_and_nothing_is_written(server: &TestServer) {
        let admin = server.admin();
        let good = json!({"Name": "My.Good", "Value": "x"});
        let cases = [
            (json!({"Name": "", "Value": "x"}), 1009),
            (json!({"Name": "   ", "Value": "x"}), 1009),
            (json!({"Value": "x"}), 1009),
            (json!({"Name": "n".repeat(129), "Value": "x"}), 1009),
            (json!({"Name": "My.Big", "Value": "v".repeat(100_001)}), 1009),
            (json!({"Name": "My.Null\u{0}", "Value": "x"}), 1000),
            (json!({"Name": "My.Null", "Value": "a\u{0}"}), 1000),
            (json!({"Name": "My.Number", "Value": 5}), 1000),
            (json!({"Name": 5, "Value": "x"}), 1000),
            (json!({"Name": "My.Own", "Value": "x", "Scope": "Nowhere"}), 1000),
            (json!({"Name": "My.Own", "Value": "x", "Scope": 3}), 1009),
            (json!({"Name": "Abp.Timing.TimeZone", "Value": "Mars"}), 1009),
            (json!({"Name": "Abp.Net.Mail.Smtp.Port", "Value": "-1"}), 1009),
            (json!({"Name": "Alerts.Email.Enabled", "Value": "perhaps"}), 1009),
            (json!({"Name": "GlobalExecutionSettings", "Value": "[1]"}), 1009),
            (json!({"Name": "My.Own", "Value": "x", "Scope": "User"}), 1009),
            (json!(null), 1000),
        ];
        for (body, code) in cases {
            admin.post(&settings("UpdateBulk"), json!({"settings": [good, body]})).await.error(400, code);
        }
        admin.get(&setting("My.Good")).await.error(404, 1002);
        let many: Vec<_> = (0..1_001).map(|n| json!({"Name": format!("My.{n}"), "Value": "x"})).collect();
        admin.post(&settings("UpdateBulk"), json!({"settings": many})).await.error(400, 1009);
        admin.post(&settings("UpdateBulk"), json!({"settings": 5})).await.error(400, 1000);
        admin.post(&settings("UpdateBulk"), json!([])).await.error(400, 1000);
        for empty in [json!(null), json!({}), json!({"settings": null, "settingNames": null})] {
            admin.post(&settings("UpdateBulk"), empty.clone()).await.error(400, 0);
            admin.post(&settings("DeleteBulk"), empty).await.error(400, 0);
        }
        admin.post(&settings("DeleteBulk"), json!({"settingNames": [5]})).await.error(400, 1000);
        let names: Vec<_> = (0..1_001).map(|n| format!("My.{n}")).collect();
        admin.post(&settings("DeleteBulk"), json!({"settingNames": names})).await.error(400, 1009);
        admin.put(&setting("My.Own"), json!({"Name": "My.Other", "Value": "x"})).await.error(400, 1009);
        admin.put(&setting("My.Own"), json!({"Value": "x"})).await.error(400, 1009);
        admin.put(&setting("My.Own"), json!(null)).await.error(400, 0);
        // What just fits.
        let (long, big) = ("ü".repeat(128), "ü".repeat(100_000));
        admin.put(&setting(&long), json!({"Name": long, "Value": big})).await.expect(200);
        assert_eq!(value(&admin, &long).await, big.as_str());
    }

    async fn only_so_many_are_kept(server: &TestServer) {
        let admin = server.admin();
        let some = |from: u32, to: u32| {
            let list: Vec<_> = (from..to).map(|n| json!({"Name": format!("My.{n}"), "Value": "x"})).collect();
            json!({"settings": list})
        };
        admin.post(&settings("UpdateBulk"), some(0, 1_000)).await.expect(200);
        admin.post(&settings("UpdateBulk"), some(1_000, 1_001)).await.error(400, 1009);
        admin.get(&setting("My.1000")).await.error(404, 1002);
        admin.post(&settings("UpdateBulk"), some(0, 1)).await.expect(200);
    }

    async fn the_list_takes_options(server: &TestServer) {
        let admin = server.admin();
        let page = admin.get("/odata/Settings?$orderby=Name desc&$top=2&$skip=1&$select=Name&$count=true").await.expect(200);
        let all = admin.get("/odata/Settings?$orderby=Name desc").await.expect(200);
        assert_eq!(column(&page, "Name"), column(&all, "Name")[1..3]);
        assert_eq!(page["value"][0].as_object().unwrap().len(), 1);
        assert_eq!(page["@odata.count"].as_u64().unwrap(), all["value"].as_array().unwrap().len() as u64);
        for options in [
            "$filter=Nothing eq 1", "$filter=Name eq", "$filter=Name eq 'a' or 1=1--", "$orderby=Nothing", "$top=-1",
            "$top=x", "$skip=-1", "$count=maybe", "$select=Nothing", "$expand=Nothing", "$filter=%00", "$what=1",
        ] {
            admin.get(&format!("/odata/Settings?{options}")).await.error(400, 1000);
        }
        admin.get(&format!("{}?$filter=(", setting("Abp.Timing.TimeZone"))).await.error(400, 1000);
        for absent in ["None", "%00", "x''y", "%F0%9F%98%80", &"n".repeat(4_000)] {
            admin.get(&setting(absent)).await.error(404, 1002);
        }
    }

    async fn tenants_are_apart(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        let body = json!({"settings": [{"Name": "My.Own", "Value": "mine"}, {"Name": "Abp.Timing.TimeZone", "Value": "Europe/Paris"}]});
        admin.post(&settings("UpdateBulk"), body).await.expect(200);
        other.get(&setting("My.Own")).await.error(404, 1002);
        assert_eq!(value(&other, "Abp.Timing.TimeZone").await, "UTC");
        other.post(&settings("DeleteBulk"), json!({"settingNames": ["My.Own", "Abp.Timing.TimeZone"]})).await.expect(204);
        assert_eq!(value(&admin, "My.Own").await, "mine");
        assert_eq!(value(&admin, "Abp.Timing.TimeZone").await, "Europe/Paris");
    }

    async fn the_installation_gives_defaults(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        let name = "Triggers.DisableWhenFailedCount";
        let write = |value: &str, scope: &str| json!({"Name": name, "Value": value, "Scope": scope});
        admin.put(&setting(name), write("5", "Application")).await.expect(200);
        assert_eq!((value(&admin, name).await, value(&other, name).await), (json!("5"), json!("5")));
        let list = other.get(&format!("/odata/Settings?$filter=Name eq '{name}'")).await.expect(200);
        assert_eq!(list["value"][0]["Scope"], "Application");
        other.put(&setting(name), write("7", "Tenant")).await.expect(200);
        assert_eq!((value(&admin, name).await, value(&other, name).await), (json!("5"), json!("7")));
        // Only administrators of the installation set its values, whatever they may do in their tenant.
        other.put(&setting(name), write("9", "Application")).await.error(403, 0);
        other.post(&settings("UpdateBulk"), json!({"settings": [write("9", "Application")]})).await.error(403, 0);
        other.put(&setting(name), json!({"Name": name, "Value": "9", "Scope": 1})).await.error(403, 0);
        other.post(&settings("DeleteBulk"), json!({"settingNames": [name]})).await.expect(204);
        assert_eq!((value(&admin, name).await, value(&other, name).await), (json!("5"), json!("5")));
    }

    async fn permissions_are_held(server: &TestServer) {
        let name = "My.Own";
        let body = json!({"Name": name, "Value": "x"});
        let bulk = json!({"settings": [body]});
        let gone = json!({"settingNames": [name]});
        server.admin().put(&setting(name), body.clone()).await.expect(200);
        let without = server.application("OR.Settings", Some("Automation User")).await;
        let reader = server.application("OR.Settings.Read", None).await;
        let scopeless = server.application("OR.Assets", None).await;
        for (client, status) in [(&server.anonymous(), 401), (&without, 403), (&scopeless, 403)] {
            client.get("/odata/Settings").await.error(status, 0);
            client.get(&setting(name)).await.error(status, 0);
            client.put(&setting(name), body.clone()).await.error(status, 0);
            client.post(&settings("UpdateBulk"), bulk.clone()).await.error(status, 0);
            client.post(&settings("DeleteBulk"), gone.clone()).await.error(status, 0);
        }
        assert_eq!(value(&reader, name).await, "x");
        reader.put(&setting(name), body.clone()).await.error(403, 0);
        reader.post(&settings("UpdateBulk"), bulk).await.error(403, 0);
        reader.post(&settings("DeleteBulk"), gone).await.error(403, 0);
        assert_eq!(value(&server.admin(), name).await, "x");
    }
}
