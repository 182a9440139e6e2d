//! Making access and identity tokens for people, and the answers that carry them.

use crate::claims::{Claims, Subject};
use crate::users::User;
use crate::{jwt, scopes};
use bandmaster_api::Call;
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What an access token of a person is to hold.
pub(crate) struct Issue<'a> {
    pub client_id: &'a str,
    pub user: &'a User,
    pub scopes: &'a [String],
    pub tenant_id: Option<i64>,
    /// The family it belongs to: tokens of one family end together.
    pub sid: Option<&'a str>,
    /// When the person signed in.
    pub auth_time: Micros,
    pub life: Micros,
}

/// Address of the identity service, as tokens name their issuer.
pub(crate) fn issuer(call: &Call) -> String {
    format!("{}/identity", call.origin)
}

/// Makes an access token of a person.
pub(crate) async fn access_token(call: &Call, issue: &Issue<'_>) -> Result<String> {
    let now = call.now();
    let user = issue.user;
    let claims = Claims {
        subject: Subject::User,
        sub: user.key.clone(),
        client_id: issue.client_id.to_owned(),
        scopes: issue.scopes.to_vec(),
        organization: user.organization_key.clone(),
        tenant_id: issue.tenant_id,
        job_key: None,
        stamp: Some(user.security_stamp.clone()),
        sid: issue.sid.map(str::to_owned),
        jti: call.app.ids.guid(),
        issued_at: now,
        expires_at: now + issue.life,
        auth_time: Some(issue.auth_time),
    };
    let mut more = person(user);
    more.insert("idp".into(), json!("local"));
    more.insert("amr".into(), json!(["pwd"]));
    jwt::access_token(&call.app, &issuer(call), &claims, more).await
}

/// What clients may know about a person.
pub(crate) fn person(user: &User) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in [
        ("name", Some(user.shown_name())),
        ("preferred_username", Some(user.user_name.clone())),
        ("email", user.email.clone()),
        ("first_name", user.name.clone()),
        ("last_name", user.surname.clone()),
    ] {
        if let Some(value) = value {
            out.insert(name.to_owned(), Value::String(value));
        }
    }
    out
}

/// The claims about a person that the scopes open: `profile` and `email` (OpenID Connect Core, section 5.4).
pub(crate) fn opened(user: &User, granted: &[String]) -> Map<String, Value> {
    let has = |s: &str| granted.iter().any(|g| g == s || g == scopes::EVERYTHING);
    let mut out = person(user);
    out.retain(|name, _| if name == "email" { has("email") } else { has("profile") });
    out
}

/// Makes an identity token. `nonce`: the authorization request's.
pub(crate) async fn identity_token(
    call: &Call,
    issue: &Issue<'_>,
    nonce: Option<&str>,
    access_token: &str,
) -> Result<String> {
    let now = call.now();
    let digest = Sha256::digest(access_token.as_bytes());
    let half = digest.get(..16).unwrap_or_default();
    let mut claims = opened(issue.user, issue.scopes);
    for (name, value) in [
        ("iss", json!(issuer(call))),
        ("aud", json!(issue.client_id)),
        ("sub", json!(issue.user.key)),
        ("iat", json!(now / SECOND)),
        ("nbf", json!(now / SECOND)),
        ("exp", json!((now + issue.life) / SECOND)),
        ("auth_time", json!(issue.auth_time / SECOND)),
        ("prt_id", json!(issue.user.organization_key)),
        ("amr", json!(["pwd"])),
        ("idp", json!("local")),
        ("sid", json!(issue.sid)),
        ("nonce", json!(nonce)),
        ("at_hash", json!(URL_SAFE_NO_PAD.encode(half))),
    ] {
        if !value.is_null() {
            claims.insert(name.to_owned(), value);
        }
    }
    jwt::identity_token(&call.app, &claims).await
}

/// The body that carries tokens (RFC 6749, section 5.1).
pub(crate) fn answer(
    access_token: &str,
    life: Micros,
    granted: &[String],
    refresh_token: Option<&str>,
    identity_token: Option<&str>,
) -> Value {
    let mut out = json!({
        "access_token": access_token,
        "expires_in": life / SECOND,
        "token_type": "Bearer",
        "scope": granted.join(" "),
    });
    for (name, token) in [("refresh_token", refresh_token), ("id_token", identity_token)] {
        if let Some(token) = token {
            out[name] = json!(token);
        }
    }
    out
}
