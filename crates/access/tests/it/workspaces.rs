//! Personal workspaces.

use crate::harness::{TestServer, has_members_of, suite};
use serde_json::{Value, json};

const ACTION: &str = "UiPath.Server.Configuration.OData";
const OWN: &str = "/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace";

/// A person with a workspace: key, id of the workspace.
async fn owner(server: &TestServer, name: &str) -> (String, i64) {
    let key = server.person(name, &[]).await;
    server.admin().post("/odata/Users", json!({"UserName": name, "MayHavePersonalWorkspace": true})).await.expect(201);
    let own = server.caller(&key).get(OWN).await.expect(200);
    (key, own["Id"].as_i64().unwrap())
}

suite! {
    async fn an_owner_has_a_workspace(server: &TestServer) {
        let admin = server.admin();
        let (key, id) = owner(server, "ana").await;
        let ana = server.caller(&key);
        let own = ana.get(OWN).await.expect(200);
        has_members_of("PersonalWorkspaceDto", &own);
        assert_eq!((&own["Name"], &own["OwnerName"], &own["OwnerKey"]), (&json!("ana's workspace"), &json!("ana"), &json!(key)));
        assert_eq!(own["ExploringUserIds"], json!([]));
        let me = format!("/odata/Users/{ACTION}.GetCurrentUserExtended");
        for query in ["", "?$expand=PersonalWorkspace", "?$select=PersonalWorkspace&$expand=PersonalWorkspace"] {
            let shown = ana.get(&format!("{me}{query}")).await.expect(200);
            has_members_of("FolderDto", &shown["PersonalWorkspace"]);
            assert_eq!((&shown["PersonalWorkspace"]["Id"], &shown["PersonalWorkspace"]["FolderType"]), (&json!(id), &json!("Personal")));
            assert_eq!(shown.get("UserName").is_some(), !query.contains("$select"), "{query}");
            if !query.contains("$select") {
                // The feed of a workspace has the folder's key.
                assert_eq!(shown["PersonalWorskpaceFeedId"], own["Key"]);
            }
        }
        let folders = ana.get("/api/Folders/GetAllForCurrentUser").await.expect(200);
        assert_eq!(folders["PageItems"][0]["Id"], json!(id));
        let held = ana.with_header("x-uipath-folderkey", own["Key"].as_str().unwrap()).get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions")).await.expect(200);
        let held = held["Permissions"].as_array().unwrap();
        assert!(held.contains(&json!("Jobs.Create")) && !held.contains(&json!("SubFolders.Create")));
        // Nobody else sees it, whatever they administer.
        let page = admin.get("/odata/Folders").await.expect(200);
        assert!(page["value"].as_array().unwrap().iter().all(|f| f["FolderType"] == "Standard"));
        admin.get(&format!("/odata/Folders({id})")).await.error(404, 1002);
        admin.delete(&format!("/odata/Folders({id})")).await.error(404, 1002);
        admin.post("/odata/Folders", json!({"DisplayName": "x", "ParentId": id})).await.error(404, 1002);
        admin.with_header("x-uipath-organizationunitid", &id.to_string()).get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions")).await.error(400, 1100);
        let list = admin.get("/odata/PersonalWorkspaces?$filter=contains(OwnerName,'an')").await.expect(200);
        assert_eq!((&list["@odata.count"], &list["value"][0]["Id"]), (&json!(1), &json!(id)));
        admin.get(OWN).await.error(404, 1002);
        ana.get("/odata/PersonalWorkspaces").await.error(403, 0);
        assert!(server.audited("PersonalWorkspaces", "Create", "ana's workspace").await);
    }

    async fn a_group_gives_workspaces(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &["Automation Developers"]).await;
        let ana = server.caller(&key);
        ana.get(OWN).await.error(404, 1002);
        // The name is taken already by an ordinary folder.
        server.folder("ana's workspace", None).await;
        let group = admin.get("/odata/Users?$filter=UserName eq 'Automation Developers'").await.expect(200)["value"][0]["Id"].clone();
        admin.put(&format!("/odata/Users({group})"), json!({"MayHavePersonalWorkspace": true})).await.expect(200);
        assert_eq!(ana.get(OWN).await.expect(200)["Name"], "ana's workspace 2");
        // The same at the very first call of a newcomer.
        let ben = server.caller(&server.person("ben", &["Automation Developers"]).await);
        assert_eq!(ben.get(OWN).await.expect(200)["Name"], "ben's workspace");
    }

    async fn exploring(server: &TestServer) {
        let admin = server.admin();
        let (key, id) = owner(server, "ana").await;
        let act = |action: &str| format!("/odata/PersonalWorkspaces({id})/{ACTION}.{action}");
        admin.post(&act("StopExploring"), json!({})).await.error(409, 1000);
        admin.post(&act("StartExploring"), Value::Null).await.expect(204);
        admin.post(&act("StartExploring"), json!({})).await.error(409, 1004);
        let inside = admin.with_header("x-uipath-organizationunitid", &id.to_string());
        let held = inside.get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions")).await.expect(200);
        assert!(held["Permissions"].as_array().unwrap().contains(&json!("Assets.Delete")));
        admin.get(&format!("/odata/Folders({id})")).await.expect(200);
        let list = admin.get("/odata/PersonalWorkspaces").await.expect(200);
        assert_eq!(list["value"][0]["ExploringUserIds"], json!([server.tenant.administrator_id]));
        admin.post(&act("StopExploring"), json!({})).await.expect(204);
        inside.get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions")).await.error(400, 1100);
        server.caller(&key).post(&act("StartExploring"), json!({})).await.error(403, 0);
        let user = server.user_id(&key).await;
        let role = server.role_id("Administrator").await;
        admin.post(&format!("/odata/Users({user})/{ACTION}.AssignRoles"), json!({"roleIds": [role]})).await.expect(200);
        server.caller(&key).post(&act("StartExploring"), json!({})).await.error(409, 1017);
        let none = format!("/odata/PersonalWorkspaces({})/{ACTION}.StartExploring", server.tenant.folder_id);
        admin.post(&none, json!({})).await.error(404, 1002);
        for action in ["ExploreStart", "ExploreEnd"] {
            assert!(server.audited("PersonalWorkspaces", action, "ana's workspace").await, "{action}");
        }
    }

    async fn a_workspace_becomes_a_folder(server: &TestServer) {
        let admin = server.admin();
        let (key, id) = owner(server, "ana").await;
        let ana = server.caller(&key);
        let convert = format!("/odata/PersonalWorkspaces({id})/{ACTION}.ConvertToFolder");
        admin.post(&convert, json!({"folderName": "shared"})).await.error(409, 1001);
        admin.post(&convert, json!({"folderName": "a/b"})).await.error(400, 2810);
        admin.post(&convert, json!({})).await.expect(400);
        ana.post(&convert, json!({"folderName": "Ana archive"})).await.error(403, 0);
        admin.post(&convert, json!({"folderName": "Ana archive"})).await.expect(204);
        let folder = admin.get(&format!("/odata/Folders({id})")).await.expect(200);
        assert_eq!((&folder["FolderType"], &folder["FeedType"], &folder["FullyQualifiedName"]), (&json!("Standard"), &json!("FolderHierarchy"), &json!("Ana archive")));
        admin.post(&convert, json!({"folderName": "x"})).await.error(404, 1002);
        let users = admin.get(&format!("/odata/Folders/{ACTION}.GetUsersForFolder(key={id},includeInherited=false)")).await.expect(200);
        let roles: Vec<_> = users["value"].as_array().unwrap().iter().map(|u| (u["UserEntity"]["UserName"].as_str().unwrap(), u["Roles"][0]["Name"].as_str().unwrap())).collect();
        assert_eq!(roles, [("admin", "Folder Administrator"), ("ana", "Personal Workspace Administrator")]);
        // Who may still have a workspace gets a new one.
        let own = ana.get(OWN).await.expect(200);
        assert_ne!(own["Id"], json!(id));
        assert_eq!(own["Name"], "ana's workspace");
        assert!(server.audited("PersonalWorkspaces", "Convert", "Ana archive").await);
    }

    async fn a_workspace_without_an_owner(server: &TestServer) {
        let admin = server.admin();
        let (key, id) = owner(server, "ana").await;
        let user = server.user_id(&key).await;
        admin.put(&format!("/odata/Users({user})"), json!({"MayHavePersonalWorkspace": false})).await.expect(200);
        server.caller(&key).get(OWN).await.error(404, 1002);
        let list = admin.get("/odata/PersonalWorkspaces").await.expect(200);
        assert_eq!((&list["value"][0]["OwnerId"], &list["value"][0]["IsActive"]), (&Value::Null, &json!(false)));
        admin.delete(&format!("/odata/Folders({id})")).await.expect(204);
        let (key, id) = owner(server, "ben").await;
        let user = server.user_id(&key).await;
        admin.delete(&format!("/odata/Users({user})")).await.expect(204);
        admin.post(&format!("/odata/PersonalWorkspaces({id})/{ACTION}.ConvertToFolder"), json!({"folderName": "Ben"})).await.expect(204);
        // Assignments to workspaces are the owner's alone.
        let (_, id) = owner(server, "eva").await;
        let body = json!({"assignments": {"UserIds": [server.tenant.administrator_id], "RolesPerFolder": [{"FolderId": id, "RoleIds": []}]}});
        admin.post(&format!("/odata/Folders/{ACTION}.AssignUsers"), body).await.error(404, 2808);
    }

    async fn applications_have_none(server: &TestServer) {
        let application = server.caller(&server.application("importer").await);
        application.get(OWN).await.error(403, 0);
        application.post(&format!("/odata/PersonalWorkspaces(1)/{ACTION}.StartExploring"), json!({})).await.error(403, 0);
    }
}
