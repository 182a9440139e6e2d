//! Accounts of the tenant, the caller's own, the directory.

use crate::harness::{TestServer, has_members_of, organization, suite};
use bandmaster_access::parts::{AccountContents, RobotBlocks, RobotOwner, RobotProvisioning, ShownRobots};
use bandmaster_api::{App, Parts, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::Conn;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const ACTION: &str = "UiPath.Server.Configuration.OData";

suite! {
    async fn an_account_is_added_and_read(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &[]).await;
        let body = json!({"UserName": "ana", "Type": "DirectoryUser", "Domain": "autogen", "RolesList": ["tenant administrator"],
            "MayHaveUnattendedSession": true, "UpdatePolicy": {"Type": "None", "SpecificVersion": null}, "NotificationSubscription": {}});
        let made = admin.post("/odata/Users", body.clone()).await.expect(201);
        has_members_of("UserDto", &made);
        assert_eq!((&made["Key"], &made["RolesList"], &made["Domain"]), (&json!(key), &json!(["Tenant Administrator"]), &json!("")));
        assert_eq!((&made["MayHaveUserSession"], &made["ExplicitMayHaveUserSession"]), (&json!(true), &Value::Null));
        assert_eq!((&made["MayHaveUnattendedSession"], &made["TenancyName"]), (&json!(true), &json!("Default")));
        assert_eq!((&made["Password"], &made["UpdatePolicy"]["Type"]), (&Value::Null, &json!("None")));
        let id = made["Id"].as_i64().unwrap();
        admin.post("/odata/Users", body).await.error(409, 1001);
        let read = admin.get(&format!("/odata/Users({id})?$expand=UserRoles,OrganizationUnits")).await.expect(200);
        has_members_of("UserDto", &read);
        assert_eq!(read["UserRoles"][0]["RoleName"], "Tenant Administrator");
        let page = admin.get("/odata/Users?$filter=Type eq 'DirectoryGroup'&$orderby=UserName&$select=UserName&$top=2").await.expect(200);
        assert_eq!((&page["@odata.count"], &page["value"][0]), (&json!(6), &json!({"UserName": "Administrators"})));
        let found = admin.get("/odata/Users?$filter=UserRoles/any(r:r/RoleName eq 'Tenant Administrator')").await.expect(200);
        assert_eq!(found["value"][0]["Id"], json!(id));
        for (body, status, code) in [
            (json!({}), 400, 1009),
            (json!({"UserName": "nobody"}), 404, 1002),
            (json!({"UserName": "ben", "RolesList": ["Nothing"]}), 404, 1002),
            (json!({"UserName": "ben", "RolesList": ["Automation User"]}), 409, 1009),
            (json!({"DirectoryIdentifier": "00000000-0000-4000-8000-000000000001"}), 404, 1002),
            (json!({"UserName": "ben", "Type": "Nonsense"}), 400, 1000),
        ] {
            server.person("ben", &[]).await;
            admin.post("/odata/Users", body).await.error(status, code);
            // A refusal leaves nothing behind, not even the account.
            let rows = admin.get("/odata/Users?$filter=UserName eq 'ben'").await.expect(200);
            assert_eq!(rows["@odata.count"], 0);
            forget(server, "ben").await;
        }
        assert!(server.audited("Users", "Create", "ana").await);
    }

    async fn an_account_is_changed(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &["Automation Users"]).await;
        let ana = server.caller(&key);
        ana.get(&format!("/odata/Users/{ACTION}.GetCurrentUser")).await.expect(200);
        let id = server.user_id(&key).await;
        let path = format!("/odata/Users({id})");
        let shown = admin.get(&path).await.expect(200);
        admin.put(&path, shown.clone()).await.expect(200);
        let again = admin.get(&path).await.expect(200);
        assert_eq!(again["ExplicitMayHaveUserSession"], Value::Null, "what was only shown is not set");
        assert_ne!(again["LastModificationTime"], Value::Null);
        admin.put(&path, json!({"MayHaveRobotSession": false, "RolesList": ["Allow to be Automation Publisher"], "IsActive": true})).await.expect(200);
        let after = admin.get(&path).await.expect(200);
        assert_eq!((&after["MayHaveRobotSession"], &after["ExplicitMayHaveRobotSession"]), (&json!(false), &json!(false)));
        assert_eq!(after["RolesList"], json!(["Allow to be Automation Publisher"]));
        admin.put(&path, json!({"UserName": "other"})).await.error(409, 1023);
        admin.put("/odata/Users(999999)", json!({})).await.error(404, 1002);
        // A partial change of one's own leaves roles and switches alone.
        ana.patch(&path, json!({"MayHaveUnattendedSession": true, "RolesList": ["Administrator"], "NotificationSubscription": {"Jobs": true}})).await.expect(200);
        let after = admin.get(&path).await.expect(200);
        assert_eq!((&after["MayHaveUnattendedSession"], &after["RolesList"]), (&json!(false), &json!(["Allow to be Automation Publisher"])));
        assert_eq!(after["NotificationSubscription"]["Jobs"], true);
        let ben = server.caller(&server.person("ben", &[]).await);
        ben.get(&format!("/odata/Users/{ACTION}.GetCurrentUser")).await.expect(200);
        ben.patch(&path, json!({"NotificationSubscription": {}})).await.error(403, 0);
        ben.put(&path, json!({})).await.error(403, 0);
        ben.get("/odata/Users").await.error(403, 0);
        ben.get(&path).await.expect(200);
        ben.delete(&path).await.error(403, 0);
        let (_, _, other_key) = organization(&server.app, "Other").await;
        let foreign = server.caller(&other_key);
        foreign.get(&path).await.error(404, 1002);
        foreign.put(&path, json!({})).await.error(404, 1002);
        foreign.delete(&path).await.error(404, 1002);
        assert!(server.audited("Users", "Update", "ana").await);
    }

    async fn groups_decide_what_is_not_set(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &["Citizen Developers"]).await;
        let ana = server.caller(&key);
        let me = format!("/odata/Users/{ACTION}.GetCurrentUser");
        assert_eq!(ana.get(&me).await.expect(200)["RestrictToPersonalWorkspace"], false);
        let group = admin.get("/odata/Users?$filter=UserName eq 'Citizen Developers'").await.expect(200)["value"][0]["Id"].clone();
        admin.put(&format!("/odata/Users({group})"), json!({"RestrictToPersonalWorkspace": true})).await.expect(200);
        let shown = ana.get(&me).await.expect(200);
        assert_eq!((&shown["RestrictToPersonalWorkspace"], &shown["ExplicitRestrictToPersonalWorkspace"]), (&json!(true), &Value::Null));
        let id = server.user_id(&key).await;
        admin.put(&format!("/odata/Users({id})"), json!({"RestrictToPersonalWorkspace": false})).await.expect(200);
        assert_eq!(ana.get(&me).await.expect(200)["RestrictToPersonalWorkspace"], false);
        admin.put(&format!("/odata/Users({id})"), json!({"ExplicitRestrictToPersonalWorkspace": null})).await.expect(200);
        assert_eq!(ana.get(&me).await.expect(200)["RestrictToPersonalWorkspace"], true);
        assert_eq!(ana.get(&me).await.expect(200)["HasOnlyInheritedPrivileges"], true);
    }

    async fn an_account_is_removed(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &["Automation Users"]).await;
        let ana = server.caller(&key);
        ana.get("/odata/Permissions").await.expect(200);
        let id = server.user_id(&key).await;
        admin.delete(&format!("/odata/Users({id})")).await.expect(204);
        admin.get(&format!("/odata/Users({id})")).await.error(404, 1002);
        admin.delete(&format!("/odata/Users({id})")).await.error(404, 1002);
        // Its groups still bring it in.
        assert_ne!(ana.get(&format!("/odata/Users/{ACTION}.GetCurrentUser")).await.expect(200)["Id"], json!(id));
        let me = server.tenant.administrator_id.unwrap();
        admin.delete(&format!("/odata/Users({me})")).await.error(409, 1005);
        let group = admin.get("/odata/Users?$filter=UserName eq 'Everyone'").await.expect(200)["value"][0]["Id"].clone();
        admin.delete(&format!("/odata/Users({group})")).await.error(409, 1005);
        assert!(server.audited("Users", "Delete", "ana").await);
    }

    async fn the_last_administrator_stays(server: &TestServer) {
        let admin = server.admin();
        let me = server.tenant.administrator_id.unwrap();
        let act = |id: i64, action: &str| format!("/odata/Users({id})/{ACTION}.{action}");
        admin.post(&act(me, "AssignRoles"), json!({"roleIds": []})).await.error(409, 1017);
        admin.post(&act(me, "ToggleRole"), json!({"role": "Administrator", "toggle": false})).await.error(409, 1017);
        admin.post(&act(me, "SetActive"), json!({"active": false})).await.error(409, 1017);
        admin.put(&format!("/odata/Users({me})"), json!({"IsActive": false})).await.error(409, 1017);
        let key = server.person("second", &[]).await;
        server.caller(&key).get("/odata/Permissions").await.expect(200);
        let second = server.user_id(&key).await;
        admin.post(&act(second, "ToggleRole"), json!({"role": "administrator", "toggle": true})).await.expect(200);
        admin.post(&act(second, "ToggleRole"), json!({"role": "Administrator", "toggle": true})).await.error(409, 1004);
        server.caller(&key).delete(&format!("/odata/Users({me})")).await.expect(204);
        // A group that holds the role counts as long as somebody else is in it.
        server.membership(&server.admin_key, "Administrators", false).await;
        server.caller(&key).post(&act(second, "AssignRoles"), json!({"roleIds": []})).await.error(409, 1017);
    }

    async fn roles_of_an_account(server: &TestServer) {
        let admin = server.admin();
        let key = server.robot("bot", &[]).await;
        let made = admin.post("/odata/Users", json!({"UserName": "bot", "Type": "DirectoryRobot"})).await.expect(201);
        assert_eq!(made["Key"], json!(key));
        let id = made["Id"].as_i64().unwrap();
        let act = |action: &str| format!("/odata/Users({id})/{ACTION}.{action}");
        let role = async |name: &str| server.role_id(name).await;
        let (a, b, c) = (role("Tenant Administrator").await, role("Allow to be Automation User").await, role("Robot").await);
        let held = async || admin.get(&format!("/odata/Users({id})")).await.expect(200)["RolesList"].clone();
        admin.post(&act("AssignRoles"), json!({"roleIds": [a, b, a]})).await.expect(200);
        assert_eq!(held().await, json!(["Allow to be Automation User", "Tenant Administrator"]));
        admin.post(&act("AssignRoles"), json!({"roleIds": [a, c]})).await.expect(200);
        assert_eq!(held().await, json!(["Robot", "Tenant Administrator"]));
        admin.post(&act("ToggleRole"), json!({"role": "Robot", "toggle": false})).await.expect(200);
        admin.post(&act("ToggleRole"), json!({"role": "Robot", "toggle": false})).await.error(409, 1000);
        admin.post(&act("ToggleRole"), json!({"role": "Nothing", "toggle": true})).await.error(404, 1002);
        admin.post(&act("ToggleRole"), json!({"role": ""})).await.expect(400);
        admin.post(&act("AssignRoles"), json!({"roleIds": [role("Automation User").await]})).await.error(409, 1009);
        admin.post(&act("AssignRoles"), json!({"roleIds": [999_999]})).await.error(404, 1002);
        admin.post(&act("AssignRoles"), json!({})).await.expect(400);
        assert_eq!(held().await, json!(["Tenant Administrator"]));
        let unit = json!({"toggle": true, "organizationUnitId": server.tenant.folder_id});
        admin.post(&act("ToggleOrganizationUnit"), unit).await.expect(200);
        let shown = admin.get(&format!("/odata/Users({id})?$expand=OrganizationUnits")).await.expect(200);
        assert_eq!(shown["OrganizationUnits"], json!([{"DisplayName": "Shared", "Id": server.tenant.folder_id}]));
        let unit = json!({"toggle": false, "organizationUnitId": server.tenant.folder_id});
        admin.post(&act("ToggleOrganizationUnit"), unit.clone()).await.expect(200);
        admin.post(&act("ToggleOrganizationUnit"), unit).await.error(409, 2830);
        admin.post(&act("SetActive"), json!({"active": false})).await.expect(200);
        assert_eq!(server.caller(&key).get("/odata/Permissions").await.expect(200)["@odata.count"], 0);
        admin.post(&act("ChangeUserCulture"), json!({"culture": "ja"})).await.expect(200);
        admin.post(&act("ChangeUserCulture"), json!({"culture": "no such!"})).await.error(400, 1009);
        admin.post(&format!("/odata/Users(999999)/{ACTION}.ChangeUserCulture"), json!({"culture": "ja"})).await.error(404, 1002);
        admin.post(&format!("/odata/Users/{ACTION}.ChangeCulture"), json!({"culture": "de"})).await.expect(200);
    }

    async fn the_caller(server: &TestServer) {
        let admin = server.admin();
        let me = admin.get(&format!("/odata/Users/{ACTION}.GetCurrentUser")).await.expect(200);
        has_members_of("UserDto", &me);
        assert_eq!((&me["UserName"], &me["FullName"]), (&json!("admin"), &json!("Ada Admin")));
        let some = admin.get(&format!("/odata/Users/{ACTION}.GetCurrentUser?$select=UserName,Id")).await.expect(200);
        assert_eq!(some.as_object().unwrap().len(), 3, "{some}");
        admin.get(&format!("/odata/Users/{ACTION}.GetCurrentUser?$select=Nothing")).await.error(400, 1000);
        let held = admin.get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions")).await.expect(200);
        has_members_of("UserPermissionsCollection", &held);
        assert_eq!(held["UserId"], me["Id"]);
        let names = held["Permissions"].as_array().unwrap();
        assert!(names.contains(&json!("Jobs")) && names.contains(&json!("Units.Create")) && !names.contains(&json!("Jobs.View")));
        let only = admin.get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions?$select=UserId")).await.expect(200);
        assert!(only.get("Permissions").is_none());
        server.anonymous().get(&format!("/odata/Users/{ACTION}.GetCurrentPermissions")).await.error(401, 0);
        let extended = format!("/odata/Users/{ACTION}.GetCurrentUserExtended");
        let none = admin.get(&extended).await.expect(200);
        assert_eq!((&none["PersonalWorkspace"], &none["PersonalWorskpaceFeedId"]), (&Value::Null, &Value::Null));
        has_members_of("UserDto", &none);
        let map = admin.get(&format!("/odata/Users/{ACTION}.Validate(userIds=[{},999999])", me["Id"])).await.expect(200);
        assert_eq!(map["value"], json!({me["Id"].to_string(): false}));
        admin.get(&format!("/odata/Users/{ACTION}.Validate(userIds=[x])")).await.error(400, 1009);
    }

    async fn the_directory(server: &TestServer) {
        let admin = server.admin();
        let key = server.person("ana", &["Automation Users"]).await;
        server.robot("anabot", &[]).await;
        server.application("analyst").await;
        let found = admin.get("/api/DirectoryService/SearchForUsersAndGroups?searchContext=All&domain=autogen&prefix=AN").await.expect(200);
        let rows: Vec<_> = found.as_array().unwrap().iter().map(|r| (r["identityName"].as_str().unwrap(), r["type"].as_i64().unwrap())).collect();
        assert_eq!(rows, [("ana", 0), ("anabot", 3), ("analyst", 4)]);
        has_members_of("DirectoryObjectDto", &found[0]);
        assert_eq!((&found[0]["identifier"], &found[0]["source"]), (&json!(key), &json!("local")));
        let robots = admin.get("/api/DirectoryService/SearchForUsersAndGroups?searchContext=Robots&prefix=a").await.expect(200);
        assert_eq!(robots.as_array().unwrap().len(), 1);
        let wild = admin.get("/api/DirectoryService/SearchForUsersAndGroups?prefix=%25").await.expect(200);
        assert_eq!(wild, json!([]));
        admin.get("/api/DirectoryService/SearchForUsersAndGroups?domain=elsewhere&prefix=a").await.error(400, 1009);
        admin.get("/api/DirectoryService/SearchForUsersAndGroups?searchContext=Cats").await.error(400, 1009);
        assert_eq!(admin.get("/api/DirectoryService/GetDomains").await.expect(200), json!([{"name": "autogen", "isDefault": true}]));
        let id = |query: &str| format!("/api/DirectoryService/GetDomainUserId?{query}");
        admin.get(&id("userName=ana")).await.error(404, 1002);
        admin.get(&id("")).await.error(400, 1009);
        server.caller(&key).get("/odata/Permissions").await.expect(200);
        let user = server.user_id(&key).await;
        assert_eq!(admin.get(&id("domain=autogen&userName=ANA&userType=DirectoryUser")).await.expect(200), json!(user));
        assert_eq!(admin.get(&id(&format!("directoryIdentifier={key}"))).await.expect(200), json!(user));
        let through = admin.get(&format!("/api/DirectoryService/GetDirectoryPermissions?userId={user}")).await.expect(200);
        has_members_of("DirectoryPermissionDto", &through[0]);
        let groups: Vec<_> = through.as_array().unwrap().iter().map(|g| g["directoryGroup"].as_str().unwrap()).collect();
        assert_eq!(groups, ["Automation Users", "Everyone"]);
        assert_eq!(through[0]["organizationUnits"][0]["organizationUnitName"], "Shared");
        assert_eq!(through[0]["roles"].as_array().unwrap().len(), 2);
        has_members_of("LightRoleDto", &through[0]["roles"][0]);
        admin.get("/api/DirectoryService/GetDirectoryPermissions?username=nobody").await.error(404, 1002);
        admin.get("/api/DirectoryService/GetDirectoryPermissions").await.error(400, 1009);
        server.caller(&key).get("/api/DirectoryService/GetDomains").await.error(403, 0);
        let (_, _, other_key) = organization(&server.app, "Other").await;
        let foreign = server.caller(&other_key).get("/api/DirectoryService/SearchForUsersAndGroups?prefix=ana").await.expect(200);
        assert_eq!(foreign, json!([]));
    }
}

/// Takes a person out of the organization again.
async fn forget(server: &TestServer, name: &str) {
    let mut unit = crate::harness::unit(&server.app).await;
    let user = bandmaster_identity::users::find(&mut unit, server.organization_id, name).await.unwrap().unwrap();
    bandmaster_identity::users::remove(&mut unit, &server.app, &user).await.unwrap();
    unit.commit().await.unwrap();
}

/// A fleet that remembers what it was told.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<Vec<(RobotOwner, RobotBlocks)>>>);

impl RobotProvisioning for Fleet {
    fn arrange<'a>(
        &'a self,
        _: &'a App,
        _: &'a mut Unit,
        owner: &'a RobotOwner,
        blocks: &'a RobotBlocks,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if blocks.unattended.as_ref().is_some_and(|b| b["UserName"] == "") {
                return Err(Error::argument("The robot needs a user name."));
            }
            self.0.lock().unwrap().push((owner.clone(), blocks.clone()));
            Ok(())
        })
    }

    fn show<'a>(
        &'a self,
        _: &'a mut Conn,
        _: i64,
        users: &'a [i64],
    ) -> BoxFuture<'a, Result<HashMap<i64, ShownRobots>>> {
        let told = self.0.lock().unwrap();
        let shown = told.iter().filter(|(o, _)| users.contains(&o.user_id)).map(|(o, b)| {
            let mut unattended = b.unattended.clone().unwrap_or_default();
            if let Some(password) = unattended.get_mut("Password") {
                *password = Value::Null;
            }
            (o.user_id, ShownRobots { attended: Value::Null, unattended })
        });
        let shown = shown.collect();
        Box::pin(async move { Ok(shown) })
    }

    fn busy<'a>(&'a self, _: &'a mut Conn, _: i64, users: &'a [i64]) -> BoxFuture<'a, Result<Vec<i64>>> {
        Box::pin(async move { Ok(users.to_vec()) })
    }
}

/// A feature that needs accounts whose name is `needed`.
struct Needs;

impl AccountContents for Needs {
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let tenant = unit.tenant_id();
            let user = bandmaster_access::users::find(unit, tenant, user_id).await?;
            Ok(user.filter(|u| u.user_name == "needed").map(|_| "triggers run as this account".to_owned()))
        })
    }

    fn delete<'a>(&'a self, _: &'a mut Unit, _: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fleet_keeps_the_robots() {
    let fleet = Fleet::default();
    let mut parts = Parts::default();
    parts.insert::<Box<dyn RobotProvisioning>>(Box::new(fleet.clone()));
    let server = TestServer::with_parts(false, parts).await;
    let admin = server.admin();
    server.robot("bot", &[]).await;
    let body = |name: &str| {
        json!({"UserName": "bot", "Type": "DirectoryRobot", "MayHaveUnattendedSession": true,
            "UnattendedRobot": {"UserName": name, "Password": "hidden", "CredentialType": "Default"}})
    };
    admin.post("/odata/Users", body("")).await.error(400, 1009);
    let rows = admin.get("/odata/Users?$filter=UserName eq 'bot'").await.expect(200);
    assert_eq!(rows["@odata.count"], 0, "what the fleet refuses is not done at all");
    let made = admin.post("/odata/Users", body("corp\\bot")).await.expect(201);
    assert_eq!(made["UnattendedRobot"]["UserName"], "corp\\bot");
    let id = made["Id"].as_i64().unwrap();
    {
        let told = fleet.0.lock().unwrap();
        assert!(told[0].0.unattended && !told[0].0.attended && told[0].1.attended.is_none());
        assert_eq!(told[0].1.unattended.as_ref().unwrap()["Password"], "hidden");
    }
    let page = admin.get("/odata/Users?$filter=UserName eq 'bot'&$select=UnattendedRobot").await.expect(200);
    let robot = &page["value"][0];
    assert_eq!((robot.as_object().unwrap().len(), &robot["UnattendedRobot"]["UserName"]), (1, &json!("corp\\bot")));
    admin.put(&format!("/odata/Users({id})"), json!({"UnattendedRobot": null})).await.expect(200);
    assert_eq!(fleet.0.lock().unwrap().last().unwrap().1.unattended, Some(Value::Null));
    let map = admin.get(&format!("/odata/Users/{ACTION}.Validate(userIds=[{id}])")).await.expect(200);
    assert_eq!(map["value"][id.to_string()], true);
    // No password reaches the audit.
    let mut conn = server.app.store.read().await.unwrap();
    let rows = conn.query("SELECT before_json, after_json FROM audit_entries", &[]).await.unwrap();
    assert!(rows.iter().all(|r| !format!("{r:?}").contains("hidden")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn features_keep_accounts() {
    let mut parts = Parts::default();
    let features: Vec<Box<dyn AccountContents>> = vec![Box::new(Needs)];
    parts.insert(features);
    let server = TestServer::with_parts(false, parts).await;
    for (name, status) in [("needed", 409), ("free", 204)] {
        server.person(name, &[]).await;
        let made = server.admin().post("/odata/Users", json!({"UserName": name})).await.expect(201);
        let reply = server.admin().delete(&format!("/odata/Users({})", made["Id"])).await;
        if status == 409 { _ = reply.error(409, 1012) } else { _ = reply.expect(status) }
    }
}
