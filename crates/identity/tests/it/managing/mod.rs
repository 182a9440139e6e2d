//! Managing accounts, groups, robot accounts and settings, against the whole server.

mod deleting;
mod groups;
mod keeping;
mod users;

use bandmaster_testkit::{Client, Reply, TestServer, Value, json};

/// All scopes of platform management.
pub const SCOPES: &str = "PM.User PM.Group PM.RobotAccount PM.Setting PM.Audit PM.MessageTemplate PM.UserLoginAttempt \
     PM.AuthSetting";

/// A password that fits the policy.
pub const PASSWORD: &str = "S3cret_123";

/// The first organization's GUID.
pub async fn partition(server: &TestServer) -> String {
    let shown = server.command(json!({"command": "show"})).await;
    shown["organizations"][0]["key"].as_str().unwrap().to_owned()
}

/// A DELETE with a body.
pub async fn delete(client: &Client, path: &str, body: Value) -> Reply {
    let request = client.request("DELETE".parse().unwrap(), path).json(&body);
    client.send(request).await
}

/// Makes a person and answers the GUID.
pub async fn person(client: &Client, partition: &str, name: &str, groups: &[&str]) -> String {
    let body = json!({"userName": name, "email": format!("{name}@example.test"), "name": "Ana", "surname": "Pop",
        "partitionGlobalId": partition, "password": PASSWORD, "validatePassword": true, "groupIDs": groups, "type": "user"});
    let made = client.post("/identity/api/User", body).await.expect(200);
    assert_eq!(made, json!({"succeeded": true, "errors": []}));
    find(client, partition, name).await["id"].as_str().unwrap().to_owned()
}

/// The person of that name.
pub async fn find(client: &Client, partition: &str, name: &str) -> Value {
    let list =
        client.get(&format!("/identity/api/User/users/{partition}?searchTerm={name}&top=1000")).await.expect(200);
    let found = list["results"].as_array().unwrap().iter().find(|u| u["userName"] == name);
    found.cloned().unwrap_or(Value::Null)
}

/// The GUID of the built-in group of that name.
pub async fn group(client: &Client, partition: &str, name: &str) -> String {
    let list = client.get(&format!("/identity/api/Group/{partition}")).await.expect(200);
    let found = list.as_array().unwrap().iter().find(|g| g["name"] == name).unwrap().clone();
    found["id"].as_str().unwrap().to_owned()
}

/// A person's own client, signed in with the password.
pub async fn signed_in(server: &TestServer, name: &str, password: &str) -> Option<Client> {
    let body = json!({"tenancyName": "Default", "usernameOrEmailAddress": name, "password": password});
    let reply = server.anonymous().post("/api/Account/Authenticate", body).await;
    (reply.status == 200).then(|| server.caller(reply.json()["result"].as_str().unwrap()))
}

/// The codes of a refused request.
pub fn codes(reply: &Reply) -> Vec<String> {
    let body = reply.expect(400);
    assert_eq!(body["succeeded"], false, "{body}");
    body["errors"].as_array().unwrap().iter().map(|e| e["code"].as_str().unwrap().to_owned()).collect()
}
