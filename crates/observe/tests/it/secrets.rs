//! Secrets go in and never come out.

use crate::world::{setting, settings, stored, tenant, value};
use bandmaster_observe::settings::secret;
use bandmaster_testkit::{json, suite};

const PLANTED: &str = "planted-7f3a-secret";

suite! {
    async fn they_are_sealed_and_never_read_back(server: &TestServer) {
        let admin = server.admin();
        let name = "Abp.Net.Mail.Smtp.Password";
        admin.put(&setting(name), json!({"Name": name, "Value": PLANTED})).await.expect(200);
        let others = json!({"settings": [{"Name": "My.ClientSecret", "Value": PLANTED}, {"Name": "nuget.packages.APIKEY", "Value": PLANTED}]});
        admin.post(&settings("UpdateBulk"), others).await.expect(200);
        let own = json!({"setting": {"Name": "Features.My.Token", "Value": PLANTED}});
        admin.post(&settings("UpdateUserSetting"), own).await.expect(200);
        for name in [name, "My.ClientSecret", "NuGet.Packages.ApiKey", "Features.My.Token"] {
            assert_eq!(value(&admin, name).await, "");
        }
        for path in ["/odata/Settings", &settings("GetWebSettings")] {
            let reply = admin.get(path).await;
            reply.expect(200);
            assert!(!reply.text().contains(PLANTED), "{path}");
        }
        let filtered = admin.get(&format!("/odata/Settings?$filter=Value eq '{PLANTED}'")).await.expect(200);
        assert_eq!(filtered["value"], json!([]));
        assert!(!stored(server, PLANTED).await);
        let audit: Vec<_> = server.audit().await.into_iter().filter(|a| a["component"] == "Settings").collect();
        assert_eq!(audit.len(), 4);
        assert!(audit.iter().all(|a| a["after"]["Value"].is_null() && a["before"]["Value"].is_null()));
        // The server itself can use it.
        let (mut conn, tenant) = (server.app().store.read().await.unwrap(), tenant(server).await);
        let opened = secret(&mut conn, &server.app().keys, tenant, "abp.net.mail.smtp.PASSWORD").await.unwrap();
        assert_eq!(opened.unwrap().reveal(), PLANTED);
    }

    async fn a_list_can_be_written_back(server: &TestServer) {
        let admin = server.admin();
        let name = "Abp.Net.Mail.Smtp.Password";
        admin.put(&setting(name), json!({"Name": name, "Value": PLANTED})).await.expect(200);
        let list = admin.get("/odata/Settings").await.expect(200);
        admin.post(&settings("UpdateBulk"), json!({"settings": list["value"]})).await.expect(200);
        let tenant = tenant(server).await;
        let opened = async || {
            let mut conn = server.app().store.read().await.unwrap();
            secret(&mut conn, &server.app().keys, tenant, name).await.unwrap().map(|s| s.reveal().to_owned())
        };
        assert_eq!(opened().await.as_deref(), Some(PLANTED));
        // The installation's counts where the tenant has none.
        admin.put(&setting(name), json!({"Name": name, "Value": "of all", "Scope": "Application"})).await.expect(200);
        assert_eq!(opened().await.as_deref(), Some(PLANTED));
        admin.post(&settings("DeleteBulk"), json!({"settingNames": [name]})).await.expect(204);
        assert_eq!(opened().await.as_deref(), Some("of all"));
        admin.put(&setting(name), json!({"Name": name, "Value": null, "Scope": "Application"})).await.expect(200);
        assert_eq!(opened().await, None);
    }
}
