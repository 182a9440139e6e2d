//! Folders: made, listed, changed, moved, deleted; accounts in them; navigation.

use crate::harness::{TestServer, has_members_of, organization, suite, unit};
use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::{Parts, Unit};
use bandmaster_core::Result;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const ACTION: &str = "UiPath.Server.Configuration.OData";

fn names(page: &Value) -> Vec<&str> {
    page["value"].as_array().unwrap().iter().map(|f| f["FullyQualifiedName"].as_str().unwrap()).collect()
}

suite! {
    async fn a_folder_is_made_and_read(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"DisplayName": " Finance ", "Description": "Money", "ProvisionType": "Automatic",
            "PermissionModel": "FineGrained", "FeedType": "Processes"});
        let made = admin.post("/odata/Folders", body).await.expect(201);
        has_members_of("FolderDto", &made);
        assert_eq!((&made["DisplayName"], &made["FullyQualifiedName"]), (&json!("Finance"), &json!("Finance")));
        assert_eq!((&made["FolderType"], &made["IsPersonal"], &made["ParentId"]), (&json!("Standard"), &json!(false), &Value::Null));
        let id = made["Id"].as_i64().unwrap();
        let child = json!({"DisplayName": "Invoices", "ParentKey": made["Key"]});
        let child = admin.post("/odata/Folders", child).await.expect(201);
        assert_eq!((&child["ParentId"], &child["ParentKey"]), (&json!(id), &made["Key"]));
        assert_eq!(child["FullyQualifiedName"], "Finance/Invoices");
        let read = admin.get(&format!("/odata/Folders({id})")).await.expect(200);
        has_members_of("FolderDto", &read);
        let key = made["Key"].as_str().unwrap();
        let by_key = admin.get(&format!("/odata/Folders/{ACTION}.GetByKey(identifier={key})")).await.expect(200);
        assert_eq!(by_key["Id"], made["Id"]);
        let page = admin.get("/odata/Folders?$filter=FullyQualifiedName eq 'finance/invoices'&$top=1").await.expect(200);
        assert_eq!(page["@odata.count"], 1);
        assert_eq!(names(&page), ["Finance/Invoices"]);
        // Whoever makes a folder administers it.
        let users = admin.get(&format!("/odata/Folders/{ACTION}.GetUsersForFolder(key={id},includeInherited=false)?$expand=UserEntity,Roles")).await.expect(200);
        assert_eq!(users["value"][0]["UserEntity"]["UserName"], "admin");
        assert_eq!(users["value"][0]["Roles"][0]["Name"], "Folder Administrator");
        assert!(server.audited("Folders", "Create", "Finance").await);
    }

    async fn wrong_folders_are_refused(server: &TestServer) {
        let admin = server.admin();
        let finance = server.folder("Finance", None).await;
        let long = "n".repeat(116);
        for (body, status, code) in [
            (json!({"DisplayName": "finance"}), 409, 1001),
            (json!({"DisplayName": "a/b"}), 400, 2810),
            (json!({"DisplayName": ".."}), 400, 2810),
            (json!({"DisplayName": "   "}), 400, 2810),
            (json!({"DisplayName": ""}), 400, 1009),
            (json!({}), 400, 1009),
            (json!({"DisplayName": long}), 400, 1009),
            (json!({"DisplayName": "x", "Description": "d".repeat(501)}), 400, 1009),
            (json!({"DisplayName": "x", "ProvisionType": "Manual"}), 409, 1106),
            (json!({"DisplayName": "x", "PermissionModel": "InheritFromTenant"}), 409, 2825),
            (json!({"DisplayName": "x", "FolderType": "Personal"}), 409, 2827),
            (json!({"DisplayName": "x", "FolderType": "Solution"}), 409, 2836),
            (json!({"DisplayName": "x", "FeedType": "PersonalWorkspace"}), 400, 1009),
            (json!({"DisplayName": "x", "FeedType": "FolderHierarchy", "ParentId": finance}), 409, 2802),
            (json!({"DisplayName": "x", "ParentId": 999_999}), 404, 1002),
            (json!({"DisplayName": "x", "ParentKey": "00000000-0000-4000-8000-000000000001"}), 404, 1002),
            (json!({"DisplayName": 5}), 400, 1000),
            (json!([]), 400, 1000),
        ] {
            admin.post("/odata/Folders", body).await.error(status, code);
        }
        let mut parent = finance;
        for level in 2..=7 {
            parent = server.folder(&format!("L{level}"), Some(parent)).await;
        }
        admin.post("/odata/Folders", json!({"DisplayName": "L8", "ParentId": parent})).await.error(409, 2804);
        // Siblings of different parents may share a name.
        server.folder("Finance", Some(finance)).await;
    }

    async fn permissions_decide_where(server: &TestServer) {
        let key = server.person("ana", &["Automation Developers"]).await;
        let ana = server.caller(&key);
        let shared = server.tenant.folder_id;
        let hidden = server.folder("Hidden", None).await;
        let page = ana.get("/odata/Folders").await.expect(200);
        assert_eq!(names(&page), ["Shared"]);
        let below = ana.post("/odata/Folders", json!({"DisplayName": "Ours", "ParentId": shared})).await.expect(201);
        let id = below["Id"].as_i64().unwrap();
        ana.post("/odata/Folders", json!({"DisplayName": "Top"})).await.error(403, 0);
        ana.post("/odata/Folders", json!({"DisplayName": "x", "ParentId": hidden})).await.error(404, 1002);
        ana.get(&format!("/odata/Folders({hidden})")).await.error(404, 1002);
        ana.delete(&format!("/odata/Folders({hidden})")).await.error(404, 1002);
        ana.put(&format!("/odata/Folders({hidden})"), json!({"DisplayName": "y"})).await.error(404, 1002);
        ana.delete(&format!("/odata/Folders({id})")).await.expect(204);
        // A plain user may look but not change.
        let ben = server.caller(&server.person("ben", &["Automation Users"]).await);
        ben.get(&format!("/odata/Folders({shared})")).await.expect(200);
        ben.put(&format!("/odata/Folders({shared})"), json!({"DisplayName": "y"})).await.error(403, 0);
        ben.delete(&format!("/odata/Folders({shared})")).await.error(403, 0);
        let nobody = server.caller(&server.person("eve", &[]).await);
        nobody.get("/odata/Folders").await.error(403, 0);
        nobody.get(&format!("/odata/Folders({shared})")).await.error(403, 0);
        server.anonymous().get("/odata/Folders").await.error(401, 0);
        // Another organization's folder is like none.
        let (_, other, other_key) = organization(&server.app, "Other").await;
        server.admin().get(&format!("/odata/Folders({})", other.folder_id)).await.error(404, 1002);
        server.admin().delete(&format!("/odata/Folders({})", other.folder_id)).await.error(404, 1002);
        let page = server.caller(&other_key).get("/odata/Folders").await.expect(200);
        assert_eq!(names(&page), ["Shared"]);
    }

    async fn a_folder_is_changed(server: &TestServer) {
        let admin = server.admin();
        let finance = server.folder("Finance", None).await;
        let invoices = server.folder("Invoices", Some(finance)).await;
        let other = server.folder("Other", None).await;
        let mut body = admin.get(&format!("/odata/Folders({finance})")).await.expect(200);
        body["DisplayName"] = json!("Money");
        body["Description"] = json!("All of it");
        let after = admin.put(&format!("/odata/Folders({finance})"), body.clone()).await.expect(200);
        assert_eq!((&after["FullyQualifiedName"], &after["Description"]), (&json!("Money"), &json!("All of it")));
        let child = admin.get(&format!("/odata/Folders({invoices})")).await.expect(200);
        assert_eq!(child["FullyQualifiedName"], "Money/Invoices");
        for (member, value, code) in [
            ("ParentId", json!(other), 2807),
            ("FeedType", json!("FolderHierarchy"), 2826),
            ("PermissionModel", json!("InheritFromTenant"), 2806),
            ("ProvisionType", json!("Manual"), 2805),
            ("FolderType", json!("Solution"), 2836),
            ("DisplayName", json!("other"), 1001),
        ] {
            let mut wrong = body.clone();
            wrong[member] = value;
            admin.put(&format!("/odata/Folders({finance})"), wrong).await.error(409, code);
        }
        let key = body["Key"].as_str().unwrap();
        let patch = |key: &str| format!("/api/Folders/PatchNameDescription?key={key}");
        admin.patch(&patch(key), json!({"name": "Cash"})).await.expect(200);
        let after = admin.get(&format!("/odata/Folders({finance})")).await.expect(200);
        assert_eq!((&after["DisplayName"], &after["Description"]), (&json!("Cash"), &json!("All of it")));
        admin.patch(&patch(key), json!({"description": ""})).await.expect(200);
        let after = admin.get(&format!("/odata/Folders({finance})")).await.expect(200);
        assert_eq!(after["Description"], Value::Null);
        admin.patch(&patch("00000000-0000-4000-8000-000000000001"), json!({"name": "x"})).await.error(404, 1002);
        admin.patch(&patch(""), json!({"name": "x"})).await.error(400, 1009);
        admin.patch(&patch("x"), json!({"name": "x"})).await.error(400, 1009);
        assert!(server.audited("Folders", "Update", "Finance").await);
    }

    async fn a_folder_is_moved(server: &TestServer) {
        let admin = server.admin();
        let finance = server.folder("Finance", None).await;
        let invoices = server.folder("Invoices", Some(finance)).await;
        let eu = server.folder("EU", Some(invoices)).await;
        let archive = server.folder("Archive", None).await;
        let to = |id: i64, parent: Option<i64>| {
            let parent = parent.map_or_else(String::new, |p| format!("?targetParentId={p}"));
            format!("/odata/Folders({id})/{ACTION}.MoveFolder{parent}")
        };
        let path = async |id: i64| {
            let folder = admin.get(&format!("/odata/Folders({id})")).await.expect(200);
            folder["FullyQualifiedName"].as_str().unwrap().to_owned()
        };
        admin.put(&to(invoices, Some(archive)), json!({})).await.expect(204);
        assert_eq!((path(invoices).await, path(eu).await), ("Archive/Invoices".to_owned(), "Archive/Invoices/EU".to_owned()));
        admin.put(&to(invoices, None), json!({})).await.expect(204);
        assert_eq!(path(eu).await, "Invoices/EU");
        admin.put(&to(invoices, Some(eu)), json!({})).await.error(409, 2820);
        admin.put(&to(invoices, Some(invoices)), json!({})).await.error(409, 2820);
        admin.put(&to(invoices, Some(999_999)), json!({})).await.error(404, 1002);
        server.folder("Invoices", Some(finance)).await;
        admin.put(&to(invoices, Some(finance)), json!({})).await.error(409, 1001);
        // Another feed.
        let own = json!({"DisplayName": "Own", "FeedType": "FolderHierarchy"});
        let own = admin.post("/odata/Folders", own).await.expect(201);
        assert_eq!(own["FeedType"], "FolderHierarchy");
        let own = own["Id"].as_i64().unwrap();
        let below = server.folder("Below", Some(own)).await;
        admin.put(&to(invoices, Some(own)), json!({})).await.error(409, 2802);
        admin.put(&to(below, None), json!({})).await.error(409, 2802);
        admin.put(&to(own, Some(archive)), json!({})).await.error(409, 2802);
        let mut conn = server.app.store.read().await.unwrap();
        let root = bandmaster_access::folders::feed_root(&mut conn, server.tenant.id, below).await.unwrap();
        assert_eq!(root.map(|n| n.id), Some(own));
        assert_eq!(bandmaster_access::folders::feed_root(&mut conn, server.tenant.id, eu).await.unwrap(), None);
        drop(conn);
        // Not deeper than there are levels.
        let mut deep = archive;
        for level in 2..=6 {
            deep = server.folder(&format!("L{level}"), Some(deep)).await;
        }
        admin.put(&to(invoices, Some(deep)), json!({})).await.error(409, 2804);
        admin.put(&to(eu, Some(deep)), json!({})).await.expect(204);
        assert!(server.audited("Folders", "Move", "Invoices").await);
    }

    async fn a_folder_is_deleted_with_what_is_below(server: &TestServer) {
        let admin = server.admin();
        let finance = server.folder("Finance", None).await;
        let invoices = server.folder("Invoices", Some(finance)).await;
        admin.delete(&format!("/odata/Folders({finance})")).await.expect(204);
        admin.get(&format!("/odata/Folders({invoices})")).await.error(404, 1002);
        admin.delete(&format!("/odata/Folders({finance})")).await.error(404, 1002);
        assert!(server.audited("Folders", "Delete", "Invoices").await);
        let again = server.folder("Finance", None).await;
        let key = admin.get(&format!("/odata/Folders({again})")).await.expect(200)["Key"].as_str().unwrap().to_owned();
        admin.delete(&format!("/api/Folders/DeleteByKey?key={key}")).await.expect(204);
        admin.delete(&format!("/api/Folders/DeleteByKey?key={key}")).await.error(404, 1002);
        admin.delete("/api/Folders/DeleteByKey").await.error(400, 1009);
    }

    async fn accounts_are_assigned(server: &TestServer) {
        let admin = server.admin();
        let finance = server.folder("Finance", None).await;
        let invoices = server.folder("Invoices", Some(finance)).await;
        let key = server.person("ana", &[]).await;
        server.caller(&key).get("/api/Folders/GetAllForCurrentUser").await.expect(200);
        let user = server.user_id(&key).await;
        let (plain, publisher) = (server.role_id("Automation User").await, server.role_id("Automation Publisher").await);
        let assign = format!("/odata/Folders/{ACTION}.AssignUsers");
        let body = |folder: i64, users: Value, roles: Value| json!({"assignments": {"UserIds": users, "RolesPerFolder": [{"FolderId": folder, "RoleIds": roles}]}});
        admin.post(&assign, body(finance, json!([user]), json!([plain]))).await.expect(204);
        admin.post(&assign, body(invoices, json!([user]), json!([publisher, publisher]))).await.expect(204);
        let list = |folder: i64, inherited: bool| format!("/odata/Folders/{ACTION}.GetUsersForFolder(key={folder},includeInherited={inherited})?$expand=UserEntity,Roles&$filter=UserEntity/UserName eq 'ana'");
        let row = admin.get(&list(invoices, true)).await.expect(200)["value"][0].clone();
        has_members_of("UserRolesDto", &row);
        has_members_of("UserEntityDto", &row["UserEntity"]);
        has_members_of("SimpleRoleDto", &row["Roles"][0]);
        assert_eq!(row["UserEntity"]["AssignedToFolderIds"], json!([invoices, finance]));
        assert_eq!((&row["Roles"][0]["Name"], &row["Roles"][0]["Origin"]), (&json!("Automation Publisher"), &json!("Assigned")));
        assert_eq!((&row["Roles"][1]["Origin"], &row["Roles"][1]["InheritedFromFolder"]["Id"]), (&json!("Inherited"), &json!(finance)));
        // Roles become what is listed; none leaves a plain member.
        admin.post(&assign, body(invoices, json!([user]), json!([]))).await.expect(204);
        let row = admin.get(&list(invoices, false)).await.expect(200)["value"][0].clone();
        assert_eq!((&row["Roles"], &row["UserEntity"]["IsInherited"]), (&json!([]), &json!(false)));
        let tenant_role = server.role_id("Tenant Administrator").await;
        admin.post(&assign, body(finance, json!([user]), json!([tenant_role]))).await.error(409, 1009);
        admin.post(&assign, body(finance, json!([user]), json!([999_999]))).await.error(404, 2808);
        admin.post(&assign, body(finance, json!([999_999]), json!([plain]))).await.error(404, 2808);
        admin.post(&assign, body(999_999, json!([user]), json!([plain]))).await.error(404, 2808);
        admin.post(&assign, json!({"assignments": {"UserIds": [user]}})).await.error(400, 1009);
        admin.post(&assign, json!({})).await.expect(400);
        let remove = format!("/odata/Folders({finance})/{ACTION}.RemoveUserFromFolder");
        admin.post(&remove, json!({"userId": user})).await.expect(204);
        admin.post(&remove, json!({"userId": user})).await.error(409, 2830);
        let remove = format!("/odata/Folders({invoices})/{ACTION}.RemoveUserFromFolderByKey");
        admin.post(&remove, json!({"userKey": key})).await.expect(204);
        admin.post(&remove, json!({"userKey": "00000000-0000-4000-8000-000000000001"})).await.error(404, 1002);
        assert!(server.audited("Folders", "Assign", "Finance").await && server.audited("Folders", "Unassign", "Finance").await);
        // Who may not administer the folder may not assign, and does not learn of others' folders.
        let ben = server.caller(&server.person("ben", &["Automation Users"]).await);
        ben.post(&assign, body(server.tenant.folder_id, json!([user]), json!([plain]))).await.error(403, 0);
        let dev = server.caller(&server.person("dev", &["Automation Developers"]).await);
        dev.post(&assign, body(finance, json!([user]), json!([plain]))).await.error(404, 2808);
        dev.post(&assign, body(server.tenant.folder_id, json!([user]), json!([plain]))).await.expect(204);
    }

    async fn accounts_of_the_directory_are_assigned(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &[]).await;
        let (shared, role) = (server.tenant.folder_id, server.role_id("Automation User").await);
        for action in ["AssignDomainUser", "AssignDirectoryUser"] {
            let path = format!("/odata/Folders/{ACTION}.{action}");
            let body = |name: &str| json!({"assignment": {"Domain": "autogen", "UserName": name, "UserType": "DirectoryUser",
                "RolesPerFolder": [{"FolderId": shared, "RoleIds": [role]}]}});
            admin.post(&path, body("ANA")).await.expect(204);
            admin.post(&path, body("nobody")).await.error(404, 1002);
        }
        let user = server.user_id(&key).await;
        let shown = admin.get(&format!("/odata/Users({user})")).await.expect(200);
        assert_eq!(shown["ProvisionType"], "Manual");
        let by_identifier = json!({"assignment": {"DirectoryIdentifier": format!("aad|{key}"), "RolesPerFolder": [{"FolderId": shared, "RoleIds": []}]}});
        admin.post(&format!("/odata/Folders/{ACTION}.AssignDomainUser"), by_identifier).await.expect(204);
    }

    async fn all_roles_of_an_account(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &["Automation Users"]).await;
        server.caller(&key).get("/api/Folders/GetAllForCurrentUser").await.expect(200);
        let finance = server.folder("Finance", None).await;
        let user = server.user_id(&key).await;
        let role = server.role_id("Automation Publisher").await;
        let body = json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": finance, "RoleIds": [role]}]}});
        admin.post(&format!("/odata/Folders/{ACTION}.AssignUsers"), body).await.expect(204);
        let answer = admin.get(&format!("/odata/Folders/{ACTION}.GetAllRolesForUser(username='ana',skip=0,take=10)")).await.expect(200);
        has_members_of("UserRoleAssignmentsDto", &answer);
        assert_eq!(answer["TenantRoles"][0]["Name"], "Allow to be Automation User");
        assert_eq!((&answer["TenantRoles"][0]["Users"][0]["UserName"], &answer["TenantRoles"][0]["Users"][0]["IsInherited"]), (&json!("Automation Users"), &json!(true)));
        assert_eq!((&answer["Count"], &answer["PageItems"][0]["Folder"]["DisplayName"]), (&json!(2), &json!("Finance")));
        assert_eq!(answer["PageItems"][0]["Roles"][0]["Users"][0]["IsInherited"], false);
        let page = "/api/FoldersNavigation/GetAllRolesForUser?username=ana&type=User&skip=1&take=1";
        let answer = admin.get(page).await.expect(200);
        assert_eq!((answer["PageItems"].as_array().unwrap().len(), &answer["PageItems"][0]["Folder"]["DisplayName"]), (1, &json!("Shared")));
        let found = admin.get("/api/FoldersNavigation/GetAllRolesForUser?username=ana&searchText=fin").await.expect(200);
        assert_eq!(found["Count"], 1);
        admin.get("/api/FoldersNavigation/GetAllRolesForUser?username=nobody").await.error(404, 1002);
        admin.get("/api/FoldersNavigation/GetAllRolesForUser?username=ana&type=Group").await.error(404, 1002);
        admin.get("/api/FoldersNavigation/GetAllRolesForUser?username=ana&take=1001").await.error(400, 1009);
        admin.get("/api/FoldersNavigation/GetAllRolesForUser").await.error(400, 1009);
    }

    async fn navigation(server: &TestServer) {
        let admin = server.admin();
        let finance = server.folder("Finance", None).await;
        let invoices = server.folder("Invoices", Some(finance)).await;
        let eu = server.folder("EU", Some(invoices)).await;
        let key = server.person("ana", &[]).await;
        let ana = server.caller(&key);
        ana.get("/api/Folders/GetAllForCurrentUser").await.expect(200);
        let user = server.user_id(&key).await;
        let body = json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": invoices, "RoleIds": []}]}});
        admin.post(&format!("/odata/Folders/{ACTION}.AssignUsers"), body).await.expect(204);
        let tree = ana.get("/api/FoldersNavigation/GetAllFoldersForCurrentUser").await.expect(200);
        has_members_of("ExtendedFolderDto", &tree[0]);
        let rows: Vec<_> = tree.as_array().unwrap().iter().map(|f| (f["Id"].as_i64().unwrap(), f["IsSelectable"].as_bool().unwrap(), f["HasChildren"].as_bool().unwrap(), f["Level"].as_i64().unwrap())).collect();
        assert_eq!(rows, [(finance, false, true, 0), (invoices, true, true, 1), (eu, true, false, 2)]);
        let context = "/api/FoldersNavigation/GetFolderNavigationContextForCurrentUser";
        let top = ana.get(context).await.expect(200);
        assert_eq!((&top["ChildrenCount"], &top["ChildrenPage"][0]["Id"]), (&json!(1), &json!(finance)));
        let inner = ana.get(&format!("{context}?folderId={eu}")).await.expect(200);
        has_members_of("FolderNavigationContextDto", &inner);
        assert_eq!(inner["Ancestors"].as_array().unwrap().iter().map(|a| a["Id"].as_i64().unwrap()).collect::<Vec<_>>(), [finance, invoices]);
        ana.get(&format!("{context}?folderId={}", server.tenant.folder_id)).await.error(404, 1002);
        let find = "/api/FoldersNavigation/GetFoldersForCurrentUser";
        let page = ana.get(&format!("{find}?searchText=eu&skip=0&take=20")).await.expect(200);
        has_members_of("PathAwareFolderDto", &page["PageItems"][0]);
        assert_eq!((&page["Count"], &page["PageItems"][0]["FullyQualifiedName"]), (&json!(1), &json!("Finance/Invoices/EU")));
        let none = ana.get(&format!("{find}?folderTypes=Personal")).await.expect(200);
        assert_eq!(none["Count"], 0);
        ana.get(&format!("{find}?take=101")).await.error(400, 1009);
        ana.get(&format!("{find}?skip=-1")).await.error(400, 1009);
        ana.get(&format!("{find}?folderTypes=Square")).await.error(400, 1009);
        let all = ana.get("/api/Folders/GetAllForCurrentUser?take=1&skip=1").await.expect(200);
        has_members_of("CurrentUserFolderDto", &all["PageItems"][0]);
        assert_eq!((&all["Count"], &all["PageItems"][0]["Id"]), (&json!(2), &json!(eu)));
        ana.get("/api/Folders/GetAllForCurrentUser?take=1001").await.error(400, 1009);
        // Tokens of applications find folders, but do not walk the tree.
        let application = server.caller(&server.application("importer").await);
        application.get("/api/FoldersNavigation/GetAllFoldersForCurrentUser").await.error(403, 0);
        assert_eq!(application.get(find).await.expect(200)["Count"], 0);
    }

    async fn one_tree_changes_one_step_after_another(server: &TestServer) {
        let finance = server.folder("Finance", None).await;
        let archive = server.folder("Archive", None).await;
        let admin = server.admin();
        let made = (0..8).map(|n| {
            let admin = admin.clone();
            async move { admin.post("/odata/Folders", json!({"DisplayName": format!("F{n}"), "ParentId": finance})).await.status }
        });
        let path = format!("/odata/Folders({finance})/{ACTION}.MoveFolder?targetParentId={archive}");
        let moved = admin.put(&path, json!({}));
        let (statuses, moved) = futures::future::join(futures::future::join_all(made), moved).await;
        assert!(statuses.iter().all(|s| *s == 201) && moved.status == 204, "{statuses:?} {}", moved.status);
        let page = admin.get("/odata/Folders?$filter=contains(FullyQualifiedName,'/Finance/F')").await.expect(200);
        assert_eq!(names(&page).len(), 8);
        assert!(names(&page).iter().all(|n| n.starts_with("Archive/Finance/F")), "{:?}", names(&page));
    }
}

static DELETED: AtomicUsize = AtomicUsize::new(0);

/// A feature that has something to say about folders, depending on their number.
struct Contents(Option<Hindrance>);

impl FolderContents for Contents {
    fn hindrance<'a>(&'a self, _: &'a mut Unit, _: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn delete<'a>(&'a self, _: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        DELETED.fetch_add(folders.len(), Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn features_hinder_deletion() {
    for (hindrance, status, code) in [
        (None, 204, 0),
        (Some(Hindrance::JobsNotFinal), 409, 2824),
        (Some(Hindrance::Entities("queues hold items".into())), 409, 2823),
    ] {
        let mut parts = Parts::default();
        let features: Vec<Box<dyn FolderContents>> = vec![Box::new(Contents(None)), Box::new(Contents(hindrance))];
        parts.insert(features);
        let server = TestServer::with_parts(false, parts).await;
        let folder = server.folder("Finance", None).await;
        server.folder("Below", Some(folder)).await;
        DELETED.store(0, Ordering::Relaxed);
        let reply = server.admin().delete(&format!("/odata/Folders({folder})")).await;
        if status == 204 {
            reply.expect(204);
            assert_eq!(DELETED.load(Ordering::Relaxed), 4, "both features, both folders");
        } else {
            reply.error(status, code);
            assert_eq!(DELETED.load(Ordering::Relaxed), 0);
            server.admin().get(&format!("/odata/Folders({folder})")).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_free_again_after_a_rollback() {
    let server = TestServer::start(false).await;
    let mut dropped = unit(&server.app).await;
    let new = bandmaster_access::folders::NewFolder { name: "Gone".into(), ..Default::default() };
    bandmaster_access::folders::create(&mut dropped, server.tenant.id, &new).await.unwrap();
    drop(dropped);
    server.folder("Gone", None).await;
}
