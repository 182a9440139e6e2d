//! Settings that clients ask for without knowing their names: versions, lists, definitions, addresses, the licence.

use crate::world::{machine, setting, settings};
use bandmaster_testkit::{Value, json, suite};

fn pairs(answer: &Value) -> Vec<(String, String)> {
    let texts = |name: &str| -> Vec<String> {
        answer[name].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let (keys, values) = (texts("Keys"), texts("Values"));
    assert_eq!(keys.len(), values.len());
    keys.into_iter().zip(values).collect()
}

fn find(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

suite! {
    async fn anybody_who_is_signed_in_may_ask(server: &TestServer) {
        let app = server.application("OR.Settings.Read", Some("Automation User")).await;
        let functions = ["GetActivitySettings", "GetWebSettings", "GetTimezones", "GetLanguages", "GetUpdateSettings", "GetLicense"];
        for function in functions {
            let answer = app.get(&settings(function)).await.expect(200);
            assert_eq!(app.get(&settings(&format!("{function}()"))).await.expect(200), answer, "{function}");
            server.anonymous().get(&settings(function)).await.error(401, 0);
            server.application("OR.Assets", None).await.get(&settings(function)).await.error(403, 0);
        }
    }

    async fn activities_learn_the_version(server: &TestServer) {
        let answer = server.admin().get(&settings("GetActivitySettings")).await.expect(200);
        assert_eq!(answer["ApiVersion"], "20.0");
        assert_eq!(answer["SignalR"], json!({"url": "", "skipNegotiation": false}));
        let update = server.admin().get(&settings("GetUpdateSettings")).await.expect(200);
        assert_eq!((&update["UpdateServerSource"], &update["UpdateServerUrl"], &update["PollingInterval"]),
            (&json!("Orchestrator"), &json!(null), &json!(0)));
    }

    async fn web_settings_tell_what_a_page_needs(server: &TestServer) {
        let admin = server.admin();
        admin.put(&setting("Abp.Timing.TimeZone"), json!({"Name": "Abp.Timing.TimeZone", "Value": "Europe/Paris"})).await.expect(200);
        let found = pairs(&admin.get(&settings("GetWebSettings")).await.expect(200));
        assert_eq!(find(&found, "Abp.Timing.TimeZone").as_deref(), Some("Europe/Paris"));
        assert_eq!(find(&found, "Application.ApiVersion").as_deref(), Some("20.0"));
        assert_eq!(find(&found, "Abp.Net.Mail.Smtp.Host"), None);
        let other = pairs(&server.other_tenant().await.get(&settings("GetWebSettings")).await.expect(200));
        assert_eq!(find(&other, "Abp.Timing.TimeZone").as_deref(), Some("UTC"));
    }

    async fn sign_in_pages_learn_nothing_of_a_tenant(server: &TestServer) {
        let name = "Auth.Password.PreviousUseLimit";
        server.admin().put(&setting(name), json!({"Name": name, "Value": "7"})).await.expect(200);
        let answer = server.anonymous().get(&settings("GetAuthenticationSettings")).await.expect(200);
        let found = pairs(&answer);
        assert!(!found.is_empty() && found.iter().all(|(key, _)| key.starts_with("Auth.")));
        assert_eq!(find(&found, name).as_deref(), Some("0"));
    }

    async fn zones_and_languages_can_be_chosen(server: &TestServer) {
        let admin = server.admin();
        let zones = admin.get(&settings("GetTimezones")).await.expect(200);
        let zones = zones["Items"].as_array().unwrap();
        assert!(zones.contains(&json!({"Name": "(UTC+01:00) W. Europe Standard Time", "Value": "W. Europe Standard Time"})));
        let name = "Abp.Timing.TimeZone";
        for zone in [&zones[0], &zones[zones.len() - 1]] {
            admin.put(&setting(name), json!({"Name": name, "Value": zone["Value"]})).await.expect(200);
        }
        // Offsets are those of today: in July it is summer in Berlin.
        server.clock.advance(std::time::Duration::from_secs(180 * 86_400));
        let summer = admin.get(&settings("GetTimezones")).await.expect(200);
        assert!(summer["Items"].as_array().unwrap().contains(&json!({"Name": "(UTC+02:00) W. Europe Standard Time", "Value": "W. Europe Standard Time"})));
        let languages = admin.get(&settings("GetLanguages")).await.expect(200);
        let languages = languages["Items"].as_array().unwrap();
        assert_eq!(languages.iter().filter(|l| l["IsDefault"] == true).count(), 1);
        assert!(["en", "de", "pt-BR", "zh-TW"].iter().all(|code| languages.iter().any(|l| l["Name"] == *code)));
    }

    async fn execution_settings_are_described(server: &TestServer) {
        let admin = server.admin();
        let path = |scope: &str| settings(&format!("GetExecutionSettingsConfiguration(scope={scope})"));
        let level = |answer: &Value| answer["Configuration"].as_array().unwrap().iter().find(|d| d["Key"] == "TracingLevel").cloned().unwrap();
        let global = admin.get(&path("0")).await.expect(200);
        assert_eq!((&global["Scope"], &level(&global)["DefaultValue"]), (&json!("Global"), &json!("Information")));
        assert!(level(&global)["PossibleValues"].as_array().unwrap().contains(&json!("Verbose")));
        assert_eq!(level(&global)["ValueType"], "MultipleChoice");
        let name = "GlobalExecutionSettings";
        let set = json!({"TracingLevel": "Trace", "ResolutionWidth": 1920}).to_string();
        admin.put(&setting(name), json!({"Name": name, "Value": set})).await.expect(200);
        let robot = admin.get(&path("1")).await.expect(200);
        assert_eq!((&robot["Scope"], &level(&robot)["DefaultValue"]), (&json!("Robot"), &json!("Trace")));
        assert_eq!(level(&admin.get(&path("0")).await.expect(200))["DefaultValue"], "Information");
        for wrong in ["2", "-1", "x", "99999999999999999999", "null"] {
            admin.get(&path(wrong)).await.error(400, 1009);
        }
        server.application("OR.Settings", Some("Automation User")).await.get(&path("0")).await.error(403, 0);
        server.anonymous().get(&path("0")).await.error(401, 0);
    }

    async fn no_licence_is_needed(server: &TestServer) {
        let license = server.admin().get(&settings("GetLicense")).await.expect(200);
        assert_eq!((&license["IsRegistered"], &license["IsExpired"]), (&json!(true), &json!(false)));
        assert!(license["ExpireDate"].as_i64().unwrap() > 4_000_000_000);
        assert!(license["Allowed"]["Unattended"].as_i64().unwrap() > 1_000_000);
        assert_eq!(license["Used"]["Unattended"], 0);
    }

    async fn robots_learn_the_addresses(server: &TestServer) {
        let key = machine(&server.admin(), "M", server.shared).await;
        let robot = server.anonymous().with_header("X-ROBOT-LICENSE", &key);
        let found = pairs(&robot.get(&settings("GetServicesSettings()")).await.expect(200));
        assert_eq!(pairs(&robot.get(&settings("GetServicesSettings")).await.expect(200)), found);
        for name in ["ConfigurationUrl", "MonitoringUrl", "LoggingUrl", "QueuesSvcUrl"] {
            assert_eq!(find(&found, name).as_deref(), Some(server.url.as_str()), "{name}");
        }
        let feed = find(&found, "DeploymentUrl").unwrap();
        assert!(feed.starts_with(&server.url) && feed.ends_with("/index.json") && find(&found, "ActivitiesFeed") != Some(feed));
        server.anonymous().get(&settings("GetServicesSettings()")).await.error(401, 0);
        let wrong = server.anonymous().with_header("X-ROBOT-LICENSE", "8066c309-cef8-4b47-9163-b273fc14cc43");
        wrong.get(&settings("GetServicesSettings()")).await.error(401, 0);
        server.admin().get(&settings("GetServicesSettings()")).await.error(403, 0);
    }
}
