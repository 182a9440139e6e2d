//! Two servers over one PostgreSQL: a right that one takes away is gone at the next request to the other, whatever that
//! one had in mind. The clock stands, so nothing helps but asking.

use bandmaster_testkit::{ADMIN_PASSWORD, Backend, Client, TestServer, Value, all_scopes, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

/// The two servers, and administrators of each.
struct Nodes {
    here: TestServer,
    there: TestServer,
}

impl Nodes {
    /// The same caller at the other server.
    fn over_there(&self, client: &Client) -> Client {
        self.there.caller(client.token().expect("a token"))
    }

    async fn organization(&self) -> String {
        self.here.command(json!({"command": "show"})).await["organizations"][0]["key"].as_str().unwrap().to_owned()
    }

    /// The id of the account of that name in the tenant.
    async fn user(&self, name: &str) -> i64 {
        let path = format!("/odata/Users?$filter=UserName eq '{name}'").replace(' ', "%20");
        let found = self.here.admin().without_folder().get(&path).await.expect(200);
        found["value"][0]["Id"].as_i64().unwrap_or_else(|| panic!("no account {name}: {found}"))
    }

    async fn role(&self, name: &str) -> i64 {
        let path = format!("/odata/Roles?$filter=Name eq '{name}'").replace(' ', "%20");
        self.here.admin().without_folder().get(&path).await.expect(200)["value"][0]["Id"].as_i64().unwrap()
    }

    /// A person with a token that has every scope, in no group but the one of everybody.
    async fn person(&self, name: &str) -> (String, Client) {
        let body = json!({"partitionGlobalId": self.organization().await, "userName": name, "password": ADMIN_PASSWORD,
            "email": format!("{name}@example.test")});
        let manager = self.here.application(&all_scopes(), None).await;
        let made = manager.post("/identity/api/User", body).await;
        assert!(made.status < 300, "{}", made.text());
        let request = json!({"command": "token create", "user": name, "name": "t", "scopes": all_scopes()});
        let token = self.here.command(request).await["token"].as_str().unwrap().to_owned();
        let caller = self.here.caller(&token);
        let me = caller.get(&format!("/odata/Users/{ODATA}.GetCurrentUser")).await.expect(200);
        (me["Key"].as_str().unwrap_or_default().to_owned(), caller)
    }

    async fn group(&self, name: &str) -> String {
        let manager = self.here.application(&all_scopes(), None).await;
        let groups = manager.get(&format!("/identity/api/Group/{}", self.organization().await)).await.expect(200);
        let found = groups.as_array().unwrap().iter().find(|g| g["name"] == name).unwrap_or_else(|| panic!("{groups}"));
        found["id"].as_str().unwrap().to_owned()
    }
}

fn two(test: impl AsyncFnOnce(Nodes)) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let here = TestServer::start(Backend::Postgres).await;
        let there = here.beside().await;
        let (first, second) = (here.app().clone(), there.app().clone());
        test(Nodes { here, there }).await;
        first.stopping.cancel();
        second.stopping.cancel();
    });
    runtime.shutdown_background();
}

/// Served there three times, so that everything that is kept is kept.
async fn warm(client: &Client, path: &str) {
    for _ in 0..3 {
        client.get(path).await.expect(200);
    }
}

async fn refused(client: &Client, path: &str, status: u16) {
    let reply = client.get(path).await;
    assert_eq!(reply.status, status, "{path}: {}", reply.text());
}

async fn token_for(server: &TestServer, id: &str, secret: &str) -> Result<String, u16> {
    let form =
        [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret), ("scope", "OR.Folders")];
    let reply = server.anonymous().form("/identity/connect/token", &form).await;
    match reply.status {
        200 => Ok(reply.json()["access_token"].as_str().unwrap().to_owned()),
        status => Err(status),
    }
}

#[test]
fn a_role_that_is_taken_away() {
    two(async |nodes| {
        let (_, ana) = nodes.person("ana").await;
        let (user, role) = (nodes.user("ana").await, nodes.role("Tenant Administrator").await);
        let admin = nodes.here.admin().without_folder();
        let assign = format!("/odata/Users({user})/{ODATA}.AssignRoles");
        admin.post(&assign, json!({"roleIds": [role]})).await.expect(200);
        let there = nodes.over_there(&ana);
        warm(&there, "/odata/Roles").await;
        admin.post(&assign, json!({"roleIds": []})).await.expect(200);
        refused(&there, "/odata/Roles", 403).await;
        // A role that loses a permission.
        let body = json!({"Name": "looker", "DisplayName": "looker", "Type": "Tenant", "Permissions": [{"Name": "Roles.View", "IsGranted": true}]});
        let made = admin.post("/odata/Roles", body.clone()).await.expect(201);
        admin.post(&assign, json!({"roleIds": [made["Id"]]})).await.expect(200);
        warm(&there, "/odata/Roles").await;
        let mut less = body;
        less["Permissions"] = json!([{"Name": "Roles.View", "IsGranted": false}]);
        less["Id"] = made["Id"].clone();
        admin.put(&format!("/odata/Roles({})", made["Id"]), less).await.expect(200);
        refused(&there, "/odata/Roles", 403).await;
    });
}

#[test]
fn a_membership_that_ends() {
    two(async |nodes| {
        let (key, ana) = nodes.person("ana").await;
        let (organization, group) = (nodes.organization().await, nodes.group("Administrators").await);
        let manager = nodes.here.application(&all_scopes(), None).await;
        let change = |what: &str| json!({"partitionGlobalId": organization, what: [key]});
        let path = format!("/identity/api/Group/{group}");
        manager.put(&path, change("directoryUserIDsToAdd")).await.expect(200);
        let there = nodes.over_there(&ana);
        warm(&there, "/odata/Roles").await;
        manager.put(&path, change("directoryUserIDsToRemove")).await.expect(200);
        refused(&there, "/odata/Roles", 403).await;
    });
}

#[test]
fn an_account_that_is_switched_off() {
    two(async |nodes| {
        let (key, ana) = nodes.person("ana").await;
        let there = nodes.over_there(&ana);
        let path = format!("/odata/Users/{ODATA}.GetCurrentUser");
        warm(&there, &path).await;
        let manager = nodes.here.application(&all_scopes(), None).await;
        manager.put(&format!("/identity/api/User/{key}"), json!({"isActive": false})).await.expect(200);
        refused(&there, &path, 401).await;
        manager.put(&format!("/identity/api/User/{key}"), json!({"isActive": true})).await.expect(200);
        // In the tenant only.
        let (_, ben) = nodes.person("ben").await;
        let user = nodes.user("ben").await;
        let admin = nodes.here.admin().without_folder();
        let role = nodes.role("Tenant Administrator").await;
        admin.post(&format!("/odata/Users({user})/{ODATA}.AssignRoles"), json!({"roleIds": [role]})).await.expect(200);
        let there = nodes.over_there(&ben);
        warm(&there, "/odata/Roles").await;
        admin.post(&format!("/odata/Users({user})/{ODATA}.SetActive"), json!({"active": false})).await.expect(200);
        let reply = there.get("/odata/Roles").await;
        assert!([401, 403].contains(&reply.status), "{}", reply.text());
    });
}

#[test]
fn a_secret_that_is_deleted() {
    two(async |nodes| {
        let organization = nodes.organization().await;
        let manager = nodes.here.application(&format!("{} PM.OAuthApp", all_scopes()), None).await;
        let body = json!({"partitionGlobalId": organization, "name": "app", "isConfidential": true,
            "scopes": [{"name": "OR.Folders", "type": 1}]});
        let made = manager.post("/identity/api/ExternalClient", body).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let one = format!("/identity/api/ExternalClient/{organization}/{id}");
        let added = manager.post(&format!("{one}/secret"), json!({"description": "two"})).await.expect(201);
        let secret = added["secret"].as_str().unwrap();
        for node in [&nodes.here, &nodes.there] {
            token_for(node, id, secret).await.expect("a token");
        }
        assert_eq!(manager.delete(&format!("{one}/secret/{}", added["id"])).await.status, 204);
        let again = token_for(&nodes.there, id, secret).await;
        assert!(again.is_err_and(|status| (400..500).contains(&status)));
        // The application itself.
        let first = made["secret"].as_str().unwrap();
        let token = token_for(&nodes.there, id, first).await.expect("the other secret is good");
        let there = nodes.there.caller(&token);
        let known = there.get("/odata/Folders").await;
        assert_ne!(known.status, 401, "{}", known.text());
        assert_eq!(manager.delete(&one).await.status, 204);
        refused(&there, "/odata/Folders", 401).await;
        assert!(token_for(&nodes.there, id, first).await.is_err());
    });
}

#[test]
fn a_token_that_is_revoked() {
    two(async |nodes| {
        let scopes = "OR.Folders";
        let request = json!({"command": "application create", "name": "robot", "scopes": scopes});
        let made = nodes.here.command(request).await;
        let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
        let token = token_for(&nodes.here, id, secret).await.expect("a token");
        // Nodes are reached under one name, which is the issuer of tokens.
        let name = nodes.here.url.trim_start_matches("http://").to_owned();
        let there = nodes.there.caller(&token).with_header("host", &name);
        // A node looks for keys it does not know at most once a second.
        nodes.here.clock.advance(std::time::Duration::from_secs(2));
        warm(&there, "/odata/Folders").await;
        let form = [("client_id", id), ("client_secret", secret), ("token", token.as_str())];
        nodes.here.anonymous().form("/identity/connect/revocation", &form).await.expect(200);
        refused(&there, "/odata/Folders", 401).await;
    });
}

#[test]
fn a_folder_that_is_taken_away() {
    two(async |nodes| {
        let (_, ana) = nodes.person("ana").await;
        let (user, role) = (nodes.user("ana").await, nodes.role("Folder Administrator").await);
        let (admin, shared) = (nodes.here.admin().without_folder(), nodes.here.shared);
        let assignments =
            json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": shared, "RoleIds": [role]}]}});
        admin.post(&format!("/odata/Folders/{ODATA}.AssignUsers"), assignments).await.expect(204);
        let there = nodes.over_there(&ana);
        warm(&there, "/odata/QueueDefinitions").await;
        let remove = format!("/odata/Folders({shared})/{ODATA}.RemoveUserFromFolder");
        admin.post(&remove, json!({"userId": user})).await.expect(204);
        refused(&there, "/odata/QueueDefinitions", 400).await;
    });
}

#[test]
fn a_tenant_that_is_switched_off_or_deleted() {
    two(async |nodes| {
        let other = nodes.here.other_tenant().await;
        let there = nodes.over_there(&other).without_folder();
        warm(&there, "/odata/Folders").await;
        let host = nodes.here.admin().without_folder();
        let tenants = host.get("/odata/Tenants?$orderby=Id%20desc&$top=1").await.expect(200);
        let id = tenants["value"][0]["Id"].as_i64().unwrap();
        let set = async |active: bool| {
            let body = json!({"active": active, "tenantIds": [id]});
            host.post(&format!("/odata/Tenants/{ODATA}.SetActive"), body).await.expect(200)
        };
        set(false).await;
        refused(&there, "/odata/Folders", 403).await;
        set(true).await;
        warm(&there, "/odata/Folders").await;
        set(false).await;
        host.delete(&format!("/odata/Tenants({id})")).await.expect(204);
        refused(&there, "/odata/Folders", 403).await;
        let left: Value = nodes.there.admin().without_folder().get("/odata/Tenants").await.expect(200);
        assert_eq!(left["@odata.count"], 1);
    });
}
