//! Attacks on tokens and on the endpoints of OAuth 2.0, as tables of named cases: each says which answer it expects,
//! and each table first shows that the same request without the attack is answered. What is attacked: RFC 9700 (the
//! best current practice), RFC 8725 (JSON Web Tokens), RFC 6819 (the threat model).

mod clients;
mod codes;
mod credentials;
mod doubled;
mod forged;
mod redirects;
mod refreshing;
mod registering;
mod requests;

use crate::browser::{Browser, returned};
use crate::world::{Answer, PASSWORD, Sent, World, encoded, get, post};
use bandmaster_identity::applications::{self, Application, NewApplication};
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_identity::scopes;
use std::collections::HashSet;

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const LOOPBACK: &str = "http://localhost:8104/oidc/login";
const BACK: &str = "https://client.test/cb";

/// The least number of cases in each table; a table that shrinks below fails.
const LEAST: [(&str, usize); 8] = [
    ("forged", 400),
    ("redirects", 110),
    ("requests", 45),
    ("codes", 50),
    ("clients", 55),
    ("refreshing", 23),
    ("doubled", 120),
    ("registering", 29),
];

const _: () = {
    let (mut at, mut sum) = (0, 0);
    while at < LEAST.len() {
        sum += LEAST[at].1;
        at += 1;
    }
    assert!(sum >= 800, "the set has shrunk");
};

/// The answer that a case expects. None of them carries a token or a code.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// An error of RFC 6749, section 5.2: status and word.
    Refused(u16, &'static str),
    /// That status, whatever stands in the body.
    Status(u16),
    /// A page for the person; the browser is sent nowhere.
    Page,
    /// The client is told this error at its registered address, with the state.
    Told(&'static str),
    /// The person must sign in first.
    SignIn,
    /// The token counts for nothing (introspection).
    Inactive,
}

/// An attack.
pub struct Case {
    pub name: String,
    pub request: Sent,
    pub expected: Expected,
}

pub fn case(name: impl Into<String>, request: Sent, expected: Expected) -> Case {
    Case { name: name.into(), request, expected }
}

/// Why an answer is not the expected one.
fn differs(answer: &Answer, expected: Expected) -> Option<String> {
    let status = answer.status.as_u16();
    let location = answer.header("location").unwrap_or_default();
    let fine = match expected {
        Expected::Refused(s, word) => {
            status == s && serde_json::from_str::<serde_json::Value>(&answer.body).is_ok_and(|b| b["error"] == word)
        }
        Expected::Status(s) => status == s,
        Expected::Page => {
            status == 400
                && location.is_empty()
                && answer.header("content-type").is_some_and(|t| t.starts_with("text/html"))
        }
        Expected::Told(word) => {
            let home = location.starts_with(&format!("{BACK}?")) || location.starts_with(&format!("{LOOPBACK}?"));
            status == 302
                && home
                && returned(answer, "error").as_deref() == Some(word)
                && returned(answer, "state").is_some()
        }
        Expected::SignIn => status == 302 && location.contains("/identity/account/login?return="),
        Expected::Inactive => status == 200 && answer.json() == serde_json::json!({"active": false}),
    };
    let given = returned(answer, "code").is_some()
        || answer.body.contains("\"access_token\"")
        || answer.body.contains("\"refresh_token\"");
    if fine && !given {
        return None;
    }
    let shown: String = answer.body.chars().take(200).collect();
    Some(format!("expected {expected:?}, got {status} {location} {shown}"))
}

/// Sends every case of a table and fails with all that were answered otherwise.
pub async fn hold(world: &World, browser: &mut Browser, table: &str, cases: Vec<Case>) {
    let least = LEAST.iter().find(|(name, _)| *name == table).unwrap().1;
    assert!(cases.len() >= least, "{table} has only {} cases", cases.len());
    println!("{table}: {} cases", cases.len());
    let (mut names, mut wrong) = (HashSet::new(), Vec::new());
    for case in cases {
        assert!(names.insert(case.name.clone()), "two cases are named {}", case.name);
        let answer = browser.send(world, case.request).await;
        if let Some(why) = differs(&answer, case.expected) {
            wrong.push(format!("{table}: {}: {why}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), names.len(), wrong.join("\n"));
}

/// Parameters with some replaced; empty values leave a parameter out.
pub fn changed<'a>(base: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = base.to_vec();
    for (name, value) in more {
        all.retain(|(n, _)| n != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
    all
}

/// A request to the token endpoint.
pub fn token(fields: &[(&str, &str)]) -> Sent {
    post("/identity/connect/token").form(fields)
}

/// What the attacks are about: a person signed in in a browser, and clients of all kinds.
pub struct Stage {
    pub browser: Browser,
    /// A confidential application and its secret; `admin` has agreed to it.
    pub app: Application,
    pub secret: String,
    /// Another one of the same organization.
    pub other: Application,
    pub other_secret: String,
    /// One without a secret.
    pub public: Application,
    /// A confidential one of another organization.
    pub foreign: Application,
    pub foreign_secret: String,
}

impl Stage {
    pub async fn set(world: &World) -> Stage {
        let (app, secret) = world.confidential("app", "OR.Jobs OR.Assets.Read").await;
        let (other, other_secret) = world.confidential("other", "OR.Jobs OR.Assets.Read OR.Queues").await;
        let new = |name: &str, is_confidential: bool| NewApplication {
            name: name.into(),
            is_confidential,
            redirect_uris: vec![BACK.into()],
            application_scopes: if is_confidential { scopes::parse("OR.Jobs").unwrap() } else { vec![] },
            user_scopes: scopes::parse("OR.Jobs").unwrap(),
        };
        let (public, _) = world.application(new("public", false)).await;
        let (stranger, _) = world.other_organization().await;
        let mut unit = world.unit().await;
        let (foreign, foreign_secret) =
            applications::create(&mut unit, &world.app, stranger.id, &new("foreign", true)).await.unwrap();
        unit.commit().await.unwrap();
        let foreign_secret = foreign_secret.unwrap().reveal().to_owned();
        let mut stage =
            Stage { browser: Browser::default(), app, secret, other, other_secret, public, foreign, foreign_secret };
        let page = stage.browser.sign_in(world, &address(&stage.asking(&[])), "admin", PASSWORD).await;
        let answer = stage.browser.submit(world, &page, &[("decision", "allow")]).await;
        assert!(returned(&answer, "code").is_some(), "{}", answer.body);
        stage
    }

    /// The confidential application's authorization request.
    pub fn asking<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let base = [
            ("response_type", "code"),
            ("client_id", self.app.key.as_str()),
            ("redirect_uri", BACK),
            ("scope", "OR.Jobs offline_access openid"),
            ("state", "s"),
            ("nonce", "n"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        changed(&base, more)
    }

    /// A fresh code of the confidential application.
    pub async fn code(&mut self, world: &World) -> String {
        let request = address(&self.asking(&[]));
        let answer = self.browser.get(world, &request).await;
        returned(&answer, "code").unwrap_or_else(|| panic!("{} {:?}", answer.body, answer.header("location")))
    }

    /// The fields that redeem a code.
    pub fn redeeming<'a>(&'a self, code: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let base = [
            ("grant_type", "authorization_code"),
            ("client_id", self.app.key.as_str()),
            ("client_secret", self.secret.as_str()),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
            ("code", code),
        ];
        changed(&base, more)
    }

    /// The first tokens of a sign-in: access, refresh and identity token.
    pub async fn tokens(&mut self, world: &World) -> [String; 3] {
        let code = self.code(world).await;
        let answer = world.token(&self.redeeming(&code, &[])).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        ["access_token", "refresh_token", "id_token"].map(|n| answer.text(n))
    }
}

/// The command line's authorization request.
pub fn command_line<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("response_type", "code"),
        ("client_id", PUBLIC_CLIENT),
        ("redirect_uri", LOOPBACK),
        ("scope", "OrchestratorApiUserAccess openid"),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    changed(&base, more)
}

/// The address of an authorization request.
pub fn address(parameters: &[(&str, &str)]) -> String {
    format!("/identity/connect/authorize?{}", encoded(parameters))
}

pub fn ask(parameters: &[(&str, &str)]) -> Sent {
    get(&address(parameters))
}
