//! Tenants as the installation's administrators see them, and as they are made.

use crate::harness::TestServer;
use crate::harness::{has_members_of, organization, suite, unit};
use bandmaster_access::Tenants;
use bandmaster_api::Parts;
use bandmaster_identity::TenantDirectory;
use bandmaster_identity::password::Cost;
use bandmaster_identity::{Identity, Options};
use serde_json::{Value, json};

suite! {
    async fn hosts_read_tenants(server: &TestServer) {
        let (_, other, _) = organization(&server.app, "Other").await;
        let host = server.host();
        let page = host.get("/odata/Tenants?$orderby=Id").await.expect(200);
        assert_eq!(page["@odata.count"], 2);
        has_members_of("TenantDto", &page["value"][0]);
        let first = &page["value"][0];
        assert_eq!((&first["Name"], &first["OrganizationName"], &first["AdminPassword"]), (&json!("Default"), &json!("Acme"), &Value::Null));
        let one = host.get(&format!("/odata/Tenants({})?$select=Name", other.id)).await.expect(200);
        assert_eq!(one["Name"], "Default");
        host.get("/odata/Tenants(999999)").await.error(404, 1002);
        let mut unit = unit(&server.app).await;
        let signed_in = "UPDATE identity_users SET last_login_at = 1, surname = 'Boss' WHERE key = $1";
        unit.execute(signed_in, bandmaster_store::params![server.admin_key.as_str()]).await.unwrap();
        unit.commit().await.unwrap();
        let me = server.admin().get(&format!("/odata/Users({})", server.tenant.administrator_id.unwrap())).await.expect(200);
        assert_eq!((&me["FullName"], &me["LastLoginTime"]), (&json!("Ada Boss"), &json!("1970-01-01T00:00:00.000001Z")));
        let seen = host.get(&format!("/odata/Tenants({})", server.tenant.id)).await.expect(200);
        assert_ne!(seen["LastLoginTime"], Value::Null);
        let quick = host.get("/odata/Tenants?skipLastLoginTime=true&$filter=IsActive eq true&$orderby=Id").await.expect(200);
        assert_eq!(quick["value"][0]["LastLoginTime"], Value::Null);
        server.admin().get("/odata/Tenants").await.error(403, 0);
        server.anonymous().get("/odata/Tenants").await.error(401, 0);
    }

    async fn a_tenant_is_switched_off(server: &TestServer) {
        let (organization_id, other, other_key) = organization(&server.app, "Other").await;
        let foreign = server.caller(&other_key);
        foreign.get("/odata/Folders").await.expect(200);
        let set = "/odata/Tenants/UiPath.Server.Configuration.OData.SetActive";
        server.host().post(set, json!({"active": false, "tenantIds": [other.id]})).await.expect(200);
        foreign.get("/odata/Folders").await.error(403, 0);
        foreign.get("/Other/Default/odata/Folders").await.error(403, 0);
        assert!(Tenants.of_organization(&server.app, organization_id).await.unwrap().is_empty());
        server.host().post(set, json!({"active": true, "tenantIds": [other.id]})).await.expect(200);
        foreign.get("/Other/Default/odata/Folders").await.expect(200);
        server.host().post(set, json!({"active": false, "tenantIds": [server.tenant.id]})).await.error(409, 1017);
        server.host().post(set, json!({"active": false, "tenantIds": [999_999]})).await.error(404, 1002);
        server.admin().post(set, json!({"active": false, "tenantIds": [other.id]})).await.error(403, 0);
        assert!(server.audited("Tenant", "Deactivate", "Default").await);
        let named = Tenants.named(&server.app, "DEFAULT").await.unwrap();
        assert_eq!(named.iter().map(|t| t.id).collect::<Vec<_>>(), [server.tenant.id, other.id]);
        assert_eq!(Tenants.named(&server.app, &other.key).await.unwrap().len(), 1);
        assert!(Tenants.named(&server.app, "a\0b").await.unwrap().is_empty());
    }

    async fn a_tenant_is_renamed(server: &TestServer) {
        let path = format!("/odata/Tenants({})", server.tenant.id);
        let host = server.host();
        server.admin().get("/Acme/Default/odata/Folders").await.expect(200);
        host.patch(&path, json!({"Name": "Main", "DisplayName": "Main tenant"})).await.expect(200);
        let shown = host.get(&path).await.expect(200);
        assert_eq!((&shown["Name"], &shown["DisplayName"]), (&json!("Main"), &json!("Main tenant")));
        server.admin().get("/Acme/Main/odata/Folders").await.expect(200);
        server.admin().get("/Acme/Default/odata/Folders").await.error(403, 0);
        host.patch(&path, json!({"Name": "2 bad"})).await.error(400, 1009);
        host.patch(&path, json!({"AdminPassword": "x"})).await.error(400, 1009);
        host.patch("/odata/Tenants(999999)", json!({"Name": "Other"})).await.error(404, 1002);
        let mut unit = unit(&server.app).await;
        bandmaster_access::create_tenant(&mut unit, server.organization_id, "Second", None).await.unwrap();
        unit.commit().await.unwrap();
        host.patch(&path, json!({"Name": "second"})).await.error(409, 1001);
    }

    async fn a_tenant_begins_ready(server: &TestServer) {
        let mut unit = unit(&server.app).await;
        let taken = bandmaster_access::create_tenant(&mut unit, server.organization_id, "default", None).await;
        assert_eq!(taken.unwrap_err().code(), 1001);
        drop(unit);
        let admin = server.admin();
        let action = "UiPath.Server.Configuration.OData";
        let path = format!("/odata/Folders/{action}.GetUsersForFolder(key={},includeInherited=true)", server.tenant.folder_id);
        let users = admin.get(&path).await.expect(200);
        let rows: Vec<(&str, Vec<&str>)> = users["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| {
                let roles = u["Roles"].as_array().unwrap().iter().map(|r| r["Name"].as_str().unwrap()).collect();
                (u["UserEntity"]["UserName"].as_str().unwrap(), roles)
            })
            .collect();
        assert_eq!(rows, [
            ("Administrators", vec!["Folder Administrator"]),
            ("Automation Users", vec!["Automation User"]),
            ("Automation Developers", vec!["Folder Administrator", "Automation User"]),
            ("Automation Express", vec!["Automation User"]),
            ("Citizen Developers", vec!["Automation User"]),
            ("admin", vec!["Folder Administrator"]),
        ]);
        let me = admin.get(&format!("/odata/Users({})", server.tenant.administrator_id.unwrap())).await.expect(200);
        assert_eq!(me["RolesList"], json!(["Administrator"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_made_with_its_organization() {
    let mut parts = Parts::default();
    parts.insert(Identity::new(Options { cost: Cost::least(), ..Options::default() }));
    let server = TestServer::with_parts(false, parts).await;
    let host = server.host();
    let body = json!({"Name": "sales", "DisplayName": "Sales", "AdminEmailAddress": "root@example.test", "AdminName": "Ada",
        "AdminSurname": "Admin", "AdminPassword": "Secret_1234", "IsActive": true});
    let made = host.post("/odata/Tenants", body.clone()).await.expect(201);
    has_members_of("TenantDto", &made);
    assert_eq!(
        (&made["Name"], &made["DisplayName"], &made["AdminPassword"]),
        (&json!("sales"), &json!("Sales"), &Value::Null)
    );
    host.post("/odata/Tenants", body.clone()).await.error(409, 1001);
    let with = |member: &str, value: Value| {
        let mut other = body.clone();
        other[member] = value;
        other
    };
    host.post("/odata/Tenants", with("Name", json!("Acme"))).await.error(409, 1001);
    host.post("/odata/Tenants", with("Name", json!("2x"))).await.error(400, 1009);
    host.post("/odata/Tenants", json!({"Name": "other"})).await.error(400, 1009);
    let weak = host.post("/odata/Tenants", json!({"Name": "other", "AdminPassword": "x"})).await;
    assert_eq!(weak.status, 400);
    server.admin().post("/odata/Tenants", body).await.error(403, 0);
    let mut conn = server.app.store.read().await.unwrap();
    let organization = bandmaster_identity::organizations::find(&mut conn, "sales").await.unwrap().unwrap();
    let admin = bandmaster_identity::users::find(&mut conn, organization.id, "admin").await.unwrap().unwrap();
    drop(conn);
    let me = server
        .caller(&admin.key)
        .get("/sales/sales/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser")
        .await
        .expect(200);
    assert_eq!((&me["FullName"], &me["RolesList"]), (&json!("Ada Admin"), &json!(["Administrator"])));
    assert!(server.audited("Tenant", "Create", "sales").await);
}
