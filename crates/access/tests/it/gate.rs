//! Tenant of a request, rights of a caller, folder of the headers.

use crate::harness::{TestServer, organization, suite, unit};
use bandmaster_access::parts::MachineFolders;
use bandmaster_api::{Parts, Rights, TenantWish};
use bandmaster_core::{Principal, PrincipalKind, Result, Scopes};
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

const PERMISSIONS: &str = "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentPermissions";
const OWN_FOLDERS: &str = "/api/Folders/GetAllForCurrentUser";

/// Paths of the folders that a caller is in.
async fn paths(client: &crate::harness::Client) -> Vec<String> {
    let page = client.get(OWN_FOLDERS).await.expect(200);
    page["PageItems"].as_array().unwrap().iter().map(|f| f["FullyQualifiedName"].as_str().unwrap().to_owned()).collect()
}

/// Whether a caller has a permission in a folder.
async fn holds(client: &crate::harness::Client, permission: &str, folder: i64) -> bool {
    let reply = client.with_header("x-uipath-organizationunitid", &folder.to_string()).get(PERMISSIONS).await;
    reply.status == 200 && reply.expect(200)["Permissions"].as_array().unwrap().iter().any(|p| p == permission)
}

async fn rights(server: &TestServer, principal: &Principal) -> Arc<Rights> {
    let tenant = server.app.gate.tenant(&server.app, principal, &TenantWish::default()).await.unwrap().unwrap();
    server.app.gate.rights(&server.app, principal, &tenant).await.unwrap()
}

suite! {
    async fn the_address_names_the_tenant(server: &TestServer) {
        let (_, other, other_key) = organization(&server.app, "Other").await;
        let admin = server.admin();
        let path = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
        let key = &server.tenant.key;
        for (address, status) in [
            ("".to_owned(), 200),
            ("/Acme/Default".to_owned(), 200),
            ("/ACME/default/orchestrator_".to_owned(), 200),
            (format!("/acme/{}", key.to_uppercase()), 200),
            ("/Acme/Nowhere".to_owned(), 403),
            ("/Nobody/Default".to_owned(), 403),
            ("/Other/Default".to_owned(), 403),
            (format!("/Acme/{}", other.key), 403),
            ("/Acme/a%00b".to_owned(), 403),
        ] {
            assert_eq!(admin.get(&format!("{address}/{path}")).await.status, status, "{address}");
            let nobody = server.anonymous().get(&format!("{address}/{path}")).await;
            nobody.error(401, 0);
        }
        server.caller(&other_key).get(&format!("/Other/Default/{path}")).await.expect(200);
        admin.get(&format!("/Acme/Nowhere/{path}")).await.error(403, 0);
        let header = |name: &str| admin.with_header("x-uipath-tenantname", name);
        header("default").get(&format!("/{path}")).await.expect(200);
        header("Elsewhere").get(&format!("/{path}")).await.error(403, 0);
        // With a tenant in the address the header does not count.
        header("Elsewhere").get(&format!("/Acme/Default/{path}")).await.expect(200);
    }

    async fn a_credential_of_one_tenant_opens_no_other(server: &TestServer) {
        let mut unit = unit(&server.app).await;
        let second =
            bandmaster_access::create_tenant(&mut unit, server.organization_id, "Second", Some(&server.admin_key)).await.unwrap();
        unit.commit().await.unwrap();
        let principal = |tenant: Option<i64>| Principal {
            kind: PrincipalKind::User,
            organization_id: server.organization_id,
            tenant_id: tenant,
            key: server.admin_key.clone(),
            scopes: Scopes::All,
            ..Principal::anonymous()
        };
        let gate = &server.app.gate;
        let wish = |tenant: &str| TenantWish { tenant_name: Some(tenant.into()), ..TenantWish::default() };
        let found = gate.tenant(&server.app, &principal(Some(second.id)), &TenantWish::default()).await.unwrap();
        assert_eq!(found.map(|t| t.name).as_deref(), Some("Second"));
        assert_eq!(gate.tenant(&server.app, &principal(Some(second.id)), &wish("Default")).await.unwrap_err().status(), 403);
        // Two tenants and no word about which.
        assert_eq!(gate.tenant(&server.app, &principal(None), &TenantWish::default()).await.unwrap(), None);
        let found = gate.tenant(&server.app, &principal(None), &wish("SECOND")).await.unwrap();
        assert_eq!(found.map(|t| t.id), Some(second.id));
    }

    async fn roles_of_folders_reach_down(server: &TestServer) {
        let key = server.person("ana", &[]).await;
        let ana = server.caller(&key);
        assert_eq!(paths(&ana).await, Vec::<String>::new());
        let (finance, role) = (server.folder("Finance", None).await, server.role_id("Automation User").await);
        let invoices = server.folder("Invoices", Some(finance)).await;
        let eu = server.folder("EU", Some(invoices)).await;
        let user = server.user_id(&key).await;
        let assign = json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": invoices, "RoleIds": [role]}]}});
        server.admin().post("/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers", assign).await.expect(204);
        assert_eq!(paths(&ana).await, ["Finance/Invoices", "Finance/Invoices/EU"]);
        for (permission, folder, held) in [
            ("Jobs.Create", invoices, true),
            ("Jobs.Create", eu, true),
            ("Jobs.Edit", eu, false),
            ("Jobs.Create", finance, false),
            ("Jobs.Create", server.tenant.folder_id, false),
        ] {
            assert_eq!(holds(&ana, permission, folder).await, held, "{permission} in {folder}");
        }
        // The mixed role of the administrator gives nothing in a folder without an assignment there.
        let boss = server.person("boss", &[]).await;
        server.caller(&boss).get(PERMISSIONS).await.expect(200);
        let administrator = server.role_id("Administrator").await;
        let id = server.user_id(&boss).await;
        let path = format!("/odata/Users({id})/UiPath.Server.Configuration.OData.AssignRoles");
        server.admin().post(&path, json!({"roleIds": [administrator]})).await.expect(200);
        assert!(!holds(&server.caller(&boss), "Jobs.Create", finance).await);
        server.caller(&boss).get("/odata/Folders").await.expect(200);
    }

    async fn a_change_holds_at_the_next_request(server: &TestServer) {
        let key = server.person("ana", &["Automation Users"]).await;
        let ana = server.caller(&key);
        let shared = server.tenant.folder_id;
        assert!(holds(&ana, "Jobs.Create", shared).await, "through the group");
        server.membership(&key, "Automation Users", false).await;
        assert!(!holds(&ana, "Jobs.Create", shared).await);
        server.membership(&key, "Automation Users", true).await;
        assert!(holds(&ana, "Jobs.Create", shared).await);
        // Another node, which shares only the database.
        let other = crate::harness::app(server.app.store.clone(), Parts::default());
        let principal = Principal {
            kind: PrincipalKind::User,
            organization_id: server.organization_id,
            key: key.clone(),
            scopes: Scopes::All,
            ..Principal::anonymous()
        };
        let tenant = other.gate.tenant(&other, &principal, &TenantWish::default()).await.unwrap().unwrap();
        let sees = async |rights: Result<Arc<Rights>>| rights.unwrap().has("Jobs.Create", Some(shared));
        assert!(sees(other.gate.rights(&other, &principal, &tenant).await).await);
        let user = server.user_id(&key).await;
        let path = format!("/odata/Users({user})/UiPath.Server.Configuration.OData.SetActive");
        server.admin().post(&path, json!({"active": false})).await.expect(200);
        assert!(!sees(other.gate.rights(&other, &principal, &tenant).await).await);
        assert!(!holds(&ana, "Jobs.Create", shared).await);
    }

    async fn accounts_of_groups_come_in_by_themselves(server: &TestServer) {
        let person = server.person("ana", &[]).await;
        let robot = server.robot("bot", &["Automation Users"]).await;
        let me = "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
        let ana = server.caller(&person).get(me).await.expect(200);
        assert_eq!((&ana["UserName"], &ana["Type"], &ana["ProvisionType"]), (&json!("ana"), &json!("DirectoryUser"), &json!("Automatic")));
        assert_eq!(ana["Key"], json!(person));
        let bot = server.caller(&robot).get(me).await.expect(200);
        assert_eq!((&bot["Type"], &bot["MayHaveUserSession"]), (&json!("DirectoryRobot"), &json!(false)));
        assert!(holds(&server.caller(&robot), "Logs.Create", server.tenant.folder_id).await);
        assert!(server.audited("Users", "Create", "bot").await);
        // Applications have what was given to them and do not come in by themselves.
        let application = server.application("importer").await;
        let client = server.caller(&application);
        assert_eq!(client.get(me).await.status, 204);
        client.get("/odata/Folders").await.error(403, 0);
        let assignment = json!({"assignment": {"DirectoryIdentifier": application, "UserType": "DirectoryExternalApplication",
            "RolesPerFolder": [{"FolderId": server.tenant.folder_id, "RoleIds": [server.role_id("Automation User").await]}]}});
        server.admin().post("/odata/Folders/UiPath.Server.Configuration.OData.AssignDomainUser", assignment).await.expect(204);
        assert!(holds(&client, "Jobs.Create", server.tenant.folder_id).await);
        // Scope and permission are both asked for.
        client.with_scopes(&["OR.Folders.Read"]).get("/odata/Folders").await.expect(200);
        client.with_scopes(&["OR.Jobs"]).get("/odata/Folders").await.expect(403);
        client.with_scopes(&["OR.Folders.Read"]).post("/odata/Folders", json!({"DisplayName": "x"})).await.expect(403);
    }

    async fn robots_and_the_server(server: &TestServer) {
        let key = server.robot("bot", &[]).await;
        server.caller(&key).get(PERMISSIONS).await.expect(200);
        let shared = server.tenant.folder_id;
        let role = json!({"Name": "Looker", "Type": "Folder", "Permissions": [{"Name": "Assets", "IsGranted": true}]});
        let role = server.admin().post("/odata/Roles", role).await.expect(201)["Id"].as_i64().unwrap();
        let user = server.user_id(&key).await;
        let assign = json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": shared, "RoleIds": [role]}]}});
        server.admin().post("/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers", assign).await.expect(204);
        let bot = Principal {
            kind: PrincipalKind::Robot,
            organization_id: server.organization_id,
            tenant_id: Some(server.tenant.id),
            key,
            scopes: Scopes::All,
            ..Principal::anonymous()
        };
        let own = rights(server, &bot).await;
        assert!(own.has("Assets.View", Some(shared)) && own.has("Logs.Create", Some(shared)));
        assert!(!own.has("Packages.View", None) && !own.has("FolderPackages.View", Some(shared)));
        let on_machine = rights(server, &Principal { machine_id: Some(5), ..bot }).await;
        assert!(on_machine.has("Packages.View", None) && on_machine.has("FolderPackages.View", Some(shared)));
        let system = Principal::system(server.organization_id, Some(server.tenant.id));
        assert!(rights(server, &system).await.has("Units.Delete", Some(shared)));
    }

    async fn headers_name_folders(server: &TestServer) {
        let finance = server.folder("Finance", None).await;
        let invoices = server.folder("Büro", Some(finance)).await;
        let hidden = server.folder("Hidden", None).await;
        let key = server.person("ana", &[]).await;
        let ana = server.caller(&key);
        ana.get(PERMISSIONS).await.expect(200);
        let (user, role) = (server.user_id(&key).await, server.role_id("Automation User").await);
        let assign = json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": finance, "RoleIds": [role]}]}});
        server.admin().post("/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers", assign).await.expect(204);
        let key_of = async |id: i64| {
            let folder = server.admin().get(&format!("/odata/Folders({id})")).await.expect(200);
            folder["Key"].as_str().unwrap().to_owned()
        };
        let (finance_key, hidden_key) = (key_of(finance).await, key_of(hidden).await);
        let encoded = |path: &str| {
            let bytes: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
            base64(&bytes)
        };
        let cases: Vec<(Vec<(&str, String)>, bool)> = vec![
            (vec![("x-uipath-organizationunitid", finance.to_string())], true),
            (vec![("x-uipath-organizationunitid", hidden.to_string())], false),
            (vec![("x-uipath-organizationunitid", "999999".into())], false),
            // A folder's key is also its feed's, and clients send that as an id.
            (vec![("x-uipath-organizationunitid", finance_key.to_uppercase())], true),
            (vec![("x-uipath-folderkey", finance_key.clone())], true),
            (vec![("x-uipath-folderkey", hidden_key)], false),
            (vec![("x-uipath-folderkey", "nonsense".into())], false),
            (vec![("x-uipath-folderpath", "FINANCE".into())], true),
            (vec![("x-uipath-folderpath", "Finance/Nowhere".into())], false),
            (vec![("x-uipath-folderpath", "Hidden".into())], false),
            (vec![("x-uipath-folderpath-encoded", encoded("finance/BÜRO"))], true),
            (vec![("x-uipath-folderpath-encoded", encoded("./Büro")), ("x-uipath-folderkey", finance_key.clone())], true),
            (vec![("x-uipath-folderpath-encoded", encoded("..")), ("x-uipath-organizationunitid", invoices.to_string())], true),
            (vec![("x-uipath-folderpath-encoded", encoded("../../Hidden")), ("x-uipath-folderkey", finance_key.clone())], false),
            // The path is what the caller meant.
            (vec![("x-uipath-folderpath", "Finance".into()), ("x-uipath-organizationunitid", hidden.to_string())], true),
            (vec![("x-uipath-folderpath", "Hidden".into()), ("x-uipath-organizationunitid", finance.to_string())], false),
            (vec![("x-uipath-folderkey", finance_key.clone()), ("x-uipath-organizationunitid", hidden.to_string())], true),
        ];
        for (headers, good) in cases {
            let client = headers.iter().fold(ana.clone(), |c, (n, v)| c.with_header(n, v));
            let reply = client.get(PERMISSIONS).await;
            if good {
                let held = reply.expect(200);
                assert!(held["Permissions"].as_array().unwrap().contains(&json!("Jobs.Create")), "{headers:?}");
            } else {
                reply.error(400, 1100);
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// A fleet of one machine, which works in the folder whose id the table of tenants happens to hold.
struct OneMachine;

impl MachineFolders for OneMachine {
    fn folders<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, machine_id: i64) -> BoxFuture<'a, Result<Vec<i64>>> {
        Box::pin(async move {
            if machine_id != 5 {
                return Ok(Vec::new());
            }
            let sql = "SELECT id FROM folders WHERE tenant_id = $1 AND display_name = 'Shared'";
            let rows = conn.query(sql, params![tenant_id]).await?;
            rows.iter().map(|r| Ok(r.get(0)?)).collect()
        })
    }
}

async fn machines(on_postgres: bool) {
    let mut parts = Parts::default();
    parts.insert::<Box<dyn MachineFolders>>(Box::new(OneMachine));
    let server = TestServer::with_parts(on_postgres, parts).await;
    let shared = server.tenant.folder_id;
    assert!(holds(&server.machine(5), "Logs.Create", shared).await);
    assert!(holds(&server.machine(5), "FolderPackages", shared).await);
    assert!(!holds(&server.machine(5), "Jobs", shared).await);
    assert!(!holds(&server.machine(6), "Logs.Create", shared).await);
    let names: Value = server.machine(6).get(PERMISSIONS).await.expect(200);
    assert_eq!(names["Permissions"], json!(["Libraries", "Packages"]));
    assert_eq!(names["UserId"], Value::Null);
}

mod machines_see_their_folders {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        super::machines(false).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        super::machines(true).await;
    }
}
