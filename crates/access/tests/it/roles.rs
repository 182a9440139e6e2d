//! Roles and permissions.

use crate::harness::{has_members_of, organization, suite};
use serde_json::{Value, json};

const ACTION: &str = "UiPath.Server.Configuration.OData";

fn granted(role: &Value) -> Vec<&str> {
    role["Permissions"].as_array().unwrap().iter().map(|p| p["Name"].as_str().unwrap()).collect()
}

suite! {
    async fn a_tenant_begins_with_roles(server: &TestServer) {
        let admin = server.admin();
        let page = admin.get("/odata/Roles?$orderby=Id").await.expect(200);
        let names: Vec<&str> = page["value"].as_array().unwrap().iter().map(|r| r["Name"].as_str().unwrap()).collect();
        assert_eq!(names, [
            "Administrator", "Orchestrator Administrator", "Tenant Administrator", "Allow to be Folder Administrator",
            "Folder Administrator", "Allow to be Automation User", "Automation User", "Allow to be Automation Publisher",
            "Automation Publisher", "Allow to be Automation Developer", "Automation Developer",
            "Personal Workspace Administrator", "Robot",
        ]);
        has_members_of("RoleDto", &page["value"][0]);
        assert!(page["value"][0].get("Permissions").is_none());
        let page = admin.get("/odata/Roles?$filter=Type eq 'Tenant' and Name eq 'Allow to be Automation User'&$expand=Permissions").await.expect(200);
        has_members_of("PermissionDto", &page["value"][0]["Permissions"][0]);
        assert_eq!(granted(&page["value"][0]), ["Alerts", "Alerts.Create", "Libraries", "License", "Machines", "Packages", "Settings"]);
        assert_eq!(page["value"][0]["Permissions"][0]["Scope"], "Global");
        let one = admin.get(&format!("/odata/Roles({})?$expand=Permissions&$select=Name", page["value"][0]["Id"])).await.expect(200);
        assert!(one.get("Type").is_none() && one["Permissions"].is_array());
    }

    async fn a_role_lives(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"Name": "Billing", "DisplayName": "Bills", "Type": "Folder", "Groups": "", "IsStatic": false, "IsEditable": true,
            "Permissions": [{"Name": "Queues", "IsGranted": true, "Scope": "Folder"}, {"Name": "Transactions.Edit", "IsGranted": true},
                {"Name": "Assets", "IsGranted": false}]});
        let made = admin.post("/odata/Roles", body).await.expect(201);
        has_members_of("RoleDto", &made);
        assert_eq!(granted(&made), ["Queues", "Transactions.Edit"]);
        let id = made["Id"].as_i64().unwrap();
        let key = server.person("ana", &[]).await;
        let ana = server.caller(&key);
        ana.get("/odata/Permissions").await.expect(200);
        let user = server.user_id(&key).await;
        let assign = json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": server.tenant.folder_id, "RoleIds": [id]}]}});
        admin.post(&format!("/odata/Folders/{ACTION}.AssignUsers"), assign).await.expect(204);
        let own = ana.get("/odata/Permissions").await.expect(200);
        assert_eq!((&own["@odata.count"], &own["value"][0]["Name"], &own["value"][0]["RoleId"]), (&json!(2), &json!("Queues"), &json!(id)));
        has_members_of("PermissionDto", &own["value"][0]);
        admin.put(&format!("/odata/Roles({id})"), json!({"Id": id, "Name": "Billing", "Permissions": [{"Name": "Assets", "IsGranted": true}]})).await.expect(200);
        let own = ana.get("/odata/Permissions?$filter=Name eq 'Assets'").await.expect(200);
        assert_eq!(own["value"].as_array().unwrap().len(), 1);
        assert_eq!(ana.get("/odata/Permissions").await.expect(200)["@odata.count"], 1);
        // Without the list the permissions stay.
        admin.put(&format!("/odata/Roles({id})"), json!({"Name": "Bills"})).await.expect(200);
        assert_eq!(granted(&admin.get(&format!("/odata/Roles({id})?$expand=Permissions")).await.expect(200)), ["Assets"]);
        admin.delete(&format!("/odata/Roles({id})")).await.expect(204);
        assert_eq!(ana.get("/odata/Permissions").await.expect(200)["@odata.count"], 0);
        admin.get(&format!("/odata/Roles({id})")).await.error(404, 1002);
        admin.delete(&format!("/odata/Roles({id})")).await.error(404, 1002);
        for action in ["Create", "Update", "Delete"] {
            assert!(server.audited("Roles", action, if action == "Delete" { "Bills" } else { "Billing" }).await, "{action}");
        }
    }

    async fn wrong_roles_are_refused(server: &TestServer) {
        let admin = server.admin();
        let grant = |name: &str| json!([{"Name": name, "IsGranted": true}]);
        for (body, status, code) in [
            (json!({"Name": "administrator", "Type": "Tenant"}), 409, 1001),
            (json!({"Type": "Tenant"}), 400, 1009),
            (json!({"Name": " ", "Type": "Tenant"}), 400, 1009),
            (json!({"Name": "n".repeat(65), "Type": "Tenant"}), 400, 1009),
            (json!({"Name": "a\u{7}", "Type": "Tenant"}), 400, 1009),
            (json!({"Name": "x"}), 400, 1009),
            (json!({"Name": "x", "Type": "Mixed"}), 409, 1017),
            (json!({"Name": "x", "Type": "Cubic"}), 400, 1000),
            (json!({"Name": "x", "Type": "Tenant", "Permissions": grant("Queues")}), 400, 1009),
            (json!({"Name": "x", "Type": "Folder", "Permissions": grant("Units")}), 400, 1009),
            (json!({"Name": "x", "Type": "Folder", "Permissions": grant("Nonsense")}), 400, 1009),
            (json!({"Name": "x", "Type": "Folder", "Permissions": "Queues"}), 400, 1000),
        ] {
            admin.post("/odata/Roles", body).await.error(status, code);
        }
        // The kind follows from the permissions where they leave no doubt.
        let made = admin.post("/odata/Roles", json!({"Name": "Quoted \"\\", "Permissions": grant("Users")})).await.expect(201);
        assert_eq!((&made["Type"], &made["DisplayName"]), (&json!("Tenant"), &made["Name"]));
        let id = made["Id"].as_i64().unwrap();
        admin.put(&format!("/odata/Roles({id})"), json!({"Type": "Folder"})).await.error(409, 1023);
        admin.put(&format!("/odata/Roles({id})"), json!({"Name": "robot"})).await.error(409, 1001);
        admin.put("/odata/Roles(999999)", json!({"Name": "x"})).await.error(404, 1002);
        let fixed = server.role_id("Automation User").await;
        admin.put(&format!("/odata/Roles({fixed})"), json!({"Name": "Other"})).await.error(409, 1023);
        admin.put(&format!("/odata/Roles({fixed})"), json!({"Permissions": grant("Assets")})).await.error(409, 1017);
        admin.delete(&format!("/odata/Roles({fixed})")).await.error(409, 1005);
        let editable = server.role_id("Robot").await;
        admin.put(&format!("/odata/Roles({editable})"), json!({"Permissions": grant("Assets")})).await.expect(200);
        // A name with quotes is text among the roles of an account.
        let me = format!("/odata/Users({})", server.tenant.administrator_id.unwrap());
        admin.post(&format!("/odata/Roles({id})/{ACTION}.SetUsers"), json!({"addedUserIds": [server.tenant.administrator_id], "removedUserIds": []})).await.expect(204);
        assert_eq!(admin.get(&me).await.expect(200)["RolesList"], json!(["Administrator", "Quoted \"\\"]));
    }

    async fn members_of_a_role(server: &TestServer) {
        let admin = server.admin();
        let me = server.tenant.administrator_id.unwrap();
        let key = server.person("ana", &[]).await;
        server.caller(&key).get("/odata/Permissions").await.expect(200);
        let user = server.user_id(&key).await;
        let role = server.role_id("Tenant Administrator").await;
        let set = format!("/odata/Roles({role})/{ACTION}.SetUsers");
        admin.post(&set, json!({"addedUserIds": [user, user], "removedUserIds": []})).await.expect(204);
        admin.post(&set, json!({"addedUserIds": [user], "removedUserIds": []})).await.expect(204);
        let ids = admin.get(&format!("/odata/Roles/{ACTION}.GetUserIdsForRole(key={role})")).await.expect(200);
        assert_eq!(ids["value"], json!([user]));
        let list = format!("/odata/Roles/{ACTION}.GetUsersForRole(key={role})");
        let all = admin.get(&list).await.expect(200);
        assert_eq!((&all["value"][0]["Id"], all["value"].as_array().unwrap().len()), (&json!(user), 8));
        assert_eq!(all["@odata.count"], 8);
        let second = admin.get(&format!("{list}?$top=1&$skip=1")).await.expect(200);
        assert_eq!((second["value"].as_array().unwrap().len(), &second["@odata.count"]), (1, &json!(8)));
        assert_ne!(second["value"][0]["Id"], json!(user));
        let ordered = admin.get(&format!("{list}?$orderby=Id&$top=1")).await.expect(200);
        assert_ne!(ordered["value"][0]["Id"], json!(user));
        let expanded = admin.get(&format!("{list}?$expand=UserRoles&$top=1")).await.expect(200);
        has_members_of("UserRoleDto", &expanded["value"][0]["UserRoles"][0]);
        admin.post(&set, json!({"addedUserIds": [], "removedUserIds": [user]})).await.expect(204);
        assert_eq!(admin.get(&format!("/odata/Roles/{ACTION}.GetUserIdsForRole(key={role})")).await.expect(200)["value"], json!([]));
        admin.post(&set, json!({"addedUserIds": [999_999], "removedUserIds": []})).await.error(404, 1002);
        admin.post(&set, json!({"addedUserIds": []})).await.expect(400);
        let folder_role = server.role_id("Automation User").await;
        admin.post(&format!("/odata/Roles({folder_role})/{ACTION}.SetUsers"), json!({"addedUserIds": [user], "removedUserIds": []})).await.error(409, 1009);
        let administrator = server.role_id("Administrator").await;
        admin.post(&format!("/odata/Roles({administrator})/{ACTION}.SetUsers"), json!({"addedUserIds": [], "removedUserIds": [me]})).await.error(409, 1017);
        admin.get(&format!("/odata/Roles/{ACTION}.GetUsersForRole(key=999999)")).await.error(404, 1002);
    }

    async fn roles_ask_for_permissions(server: &TestServer) {
        let ana = server.caller(&server.person("ana", &["Automation Users"]).await);
        let role = server.role_id("Robot").await;
        ana.get("/odata/Roles").await.error(403, 0);
        ana.get(&format!("/odata/Roles({role})")).await.error(403, 0);
        ana.post("/odata/Roles", json!({"Name": "x", "Type": "Tenant"})).await.error(403, 0);
        ana.put(&format!("/odata/Roles({role})"), json!({})).await.error(403, 0);
        ana.delete(&format!("/odata/Roles({role})")).await.error(403, 0);
        // Who administers a folder picks roles for it.
        server.caller(&server.person("dev", &["Automation Developers"]).await).get("/odata/Roles").await.expect(200);
        server.admin().with_scopes(&["OR.Folders"]).get("/odata/Roles").await.expect(403);
        let (_, other, other_key) = organization(&server.app, "Other").await;
        let foreign = server.caller(&other_key);
        foreign.get(&format!("/odata/Roles({role})")).await.error(404, 1002);
        foreign.put(&format!("/odata/Roles({role})"), json!({"Name": "x"})).await.error(404, 1002);
        let path = format!("/odata/Users({})/{ACTION}.AssignRoles", other.administrator_id.unwrap());
        foreign.post(&path, json!({"roleIds": [role]})).await.error(404, 1002);
    }
}
