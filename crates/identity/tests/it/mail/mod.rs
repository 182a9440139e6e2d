//! Mail: the outbox and sending, invitations, forgotten passwords; with a mail server of the tests' own.

mod forgotten;
mod inviting;
mod receiver;
mod sending;
mod whole;

use crate::world::{Node, Sent, World, get, post};
use bandmaster_api::{Duty, Settings};
use bandmaster_identity::{Mailer, ResetRequests};
pub use receiver::Receiver;
use serde_json::{Value, json};

const SCOPES: &str = "PM.User PM.Setting PM.MessageTemplate PM.Audit";

/// A caller that administers the first organization.
pub struct Administrator {
    client: String,
    secret: String,
}

impl Administrator {
    pub async fn of(world: &World) -> Administrator {
        let (app, secret) = world.confidential("administration", SCOPES).await;
        Administrator { client: app.key, secret }
    }

    pub async fn send(&self, node: &Node, method: &str, path: &str, body: Value) -> (u16, Value) {
        let sent: Sent = if method == "GET" { get(path) } else { post(path).json(body).method(method) };
        // A fresh token each time: tests move the clock.
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client.as_str()),
            ("client_secret", self.secret.as_str()),
            ("scope", SCOPES),
        ];
        let token = node.token(&form).await.text("access_token");
        let answer = node.send(sent.bearer(&token)).await;
        (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// Makes the receiver the organization's mail server.
    pub async fn set_up(&self, world: &World, receiver: &Receiver) {
        let port = receiver.port.to_string();
        let pairs = [
            ("Email.Smtp.Host", "127.0.0.1"),
            ("Email.Smtp.Port", port.as_str()),
            ("Email.Smtp.UserName", "post"),
            ("Email.Smtp.Password", "plantedsecret"),
            ("Email.Smtp.FromEmail", "bandmaster@example.test"),
            ("Email.Smtp.FromDisplayName", "Bänd"),
        ];
        let list: Vec<Value> = pairs.iter().map(|(k, v)| json!({"key": k, "value": v})).collect();
        let body = json!({"partitionGlobalId": world.organization.key, "settings": list});
        assert_eq!(self.send(world, "PUT", "/identity/api/Setting", body).await.0, 200);
    }

    /// Makes an account without a password; answers its GUID.
    pub async fn invite(&self, world: &World, name: &str) -> String {
        let user = json!({"userName": name, "email": format!("{name}@example.test"), "name": "Ana", "surname": "Pop"});
        let body = json!({"partitionGlobalId": world.organization.key, "users": [user]});
        let (status, made) = self.send(world, "POST", "/identity/api/User/BulkCreate", body).await;
        assert_eq!(status, 200, "{made}");
        made["users"][0]["id"].as_str().unwrap().to_owned()
    }

    pub async fn state(&self, world: &World, id: &str) -> Value {
        self.send(world, "GET", &format!("/identity/api/User/{id}/invitation"), Value::Null).await.1
    }
}

/// Lets the duties of a node do what is due.
pub async fn tick(node: &Node) {
    ResetRequests.tick(&node.app, node.app.clock.now()).await.unwrap();
    Mailer::default().tick(&node.app, node.app.clock.now()).await.unwrap();
}

/// A node that knows its own address.
pub fn published(world: &World) -> Node {
    world.node_with(Settings { public_url: Some("https://bm.test".into()), ..Settings::default() })
}

pub async fn count(node: &Node, table: &str) -> i64 {
    node.rows(&format!("SELECT COUNT(*) FROM {table}"), &[]).await[0].get(0).unwrap()
}

/// Audit entries about accounts, oldest first: action and who did it.
pub async fn told(node: &Node) -> Vec<(String, String)> {
    let sql = "SELECT action, actor_name FROM audit_entries WHERE component = 'User' ORDER BY id";
    node.rows(sql, &[]).await.iter().map(|r| (r.get(0).unwrap(), r.get(1).unwrap())).collect()
}
