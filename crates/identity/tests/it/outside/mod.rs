//! Signing in with a provider outside, against a small provider of the tests' own.

mod hostile;
mod managing;
mod provider;
mod signing_in;

use crate::browser::{Browser, attribute};
use crate::world::{Answer, Node, World, get, post};
pub use provider::{CLIENT, Provider, SECRET, Signing, renamed};
use serde_json::{Value, json};

pub const PATH: &str = "/identity/api/IdentityProvider";

/// A caller that may name providers.
pub struct Administrator {
    client: String,
    secret: String,
    scopes: String,
}

impl Administrator {
    pub async fn of(world: &World) -> Administrator {
        Administrator::with(world, "PM.AuthSetting PM.Group").await
    }

    pub async fn with(world: &World, scopes: &str) -> Administrator {
        let (app, secret) = world.confidential(&format!("for {scopes}"), scopes).await;
        Administrator { client: app.key, secret, scopes: scopes.to_owned() }
    }

    pub async fn send(&self, node: &Node, method: &str, path: &str, body: Value) -> (u16, Value) {
        let sent = if body.is_null() { get(path).method(method) } else { post(path).json(body).method(method) };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client.as_str()),
            ("client_secret", self.secret.as_str()),
            ("scope", &self.scopes),
        ];
        let token = node.token(&form).await.text("access_token");
        let answer = node.send(sent.bearer(&token)).await;
        (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// Names a provider; answers what is told of it.
    pub async fn name(&self, world: &World, provider: &Provider, more: Value) -> Value {
        let mut body =
            json!({"name": "Example <ID>", "issuer": provider.issuer, "clientId": CLIENT, "clientSecret": SECRET});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, made) = self.send(world, "POST", PATH, body).await;
        assert_eq!(status, 201, "{made}");
        made
    }
}

/// The button of the sign-in page is pressed; answers what sends the browser to the provider.
pub async fn pressed(node: &Node, browser: &mut Browser) -> Answer {
    let page = browser.get(node, "/identity/account/login").await;
    assert_eq!(page.status, 200);
    let address = attribute(&page.body, "<a class=\"button\"", "href").expect("a button");
    browser.get(node, &address).await
}

/// Signs in; answers the page at the end.
pub async fn sign_in(node: &Node, provider: &Provider, browser: &mut Browser, person: Value) -> Answer {
    let request = pressed(node, browser).await;
    assert_eq!(request.status, 302, "{}", request.body);
    let back = provider.approve(&request, person);
    browser.get(node, &back).await
}

/// Results of attempts to sign in, oldest first.
pub async fn attempts(node: &Node) -> Vec<String> {
    let rows = node.rows("SELECT result FROM login_attempts ORDER BY id", &[]).await;
    rows.iter().map(|r| r.get(0).unwrap()).collect()
}

/// Who is signed in, as the page for signing out tells it.
pub async fn signed_in(node: &Node, browser: &mut Browser) -> Option<String> {
    let page = browser.get(node, "/identity/connect/endsession").await;
    let rest = page.body.split_once("You are signed in as <strong>")?.1;
    Some(rest.split('<').next().unwrap().to_owned())
}

/// A person as the provider knows one.
pub fn person(subject: &str, email: &str, verified: bool) -> Value {
    json!({"sub": subject, "email": email, "email_verified": verified, "given_name": "Ana", "family_name": "Pop"})
}
