//! The way back from a provider: the state of this browser, the code for a token, the token for a person, the person for
//! an account and a session. What goes wrong is told to the log and the record of attempts in detail, to the browser
//! hardly: it may be anybody's.

use super::account::{self, Refused};
use super::discovery::{LARGEST, Metadata, Unfit, known};
use super::provider::{self, Provider};
use super::start::{UnderWay, busy, stopped, take};
use super::token::{self, Person};
use crate::identity::Identity;
use crate::oauth::form::{Form, encode};
use crate::oauth::login::Return;
use crate::{principal, sessions, signin};
use axum::http::{HeaderMap, HeaderValue, header};
use bandmaster_api::outgoing::{Method, Sent};
use bandmaster_api::{Call, Outgoing, Output};
use bandmaster_core::{Result, Scopes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Where providers send people back to.
pub(super) const PATH: &str = "/identity/account/outside/return";

const STALE: &str = "This sign-in is no longer valid. Go back to where you came from and try again.";
const FAILED: &str = "Signing in with the provider failed. Try again, or ask an administrator.";

/// `GET /identity/account/outside/return`.
pub(super) async fn back(call: &mut Call) -> Result<Output> {
    let Ok(form) = Form::query(call) else { return Ok(stopped(400, STALE)) };
    let Some(under_way) = (match form.get("state") {
        Some(state) => take(call, state).await?,
        None => None,
    }) else {
        return Ok(stopped(400, STALE));
    };
    let found = provider::by_id(&mut call.read().await?, under_way.provider_id).await?;
    let Some(provider) = found.filter(|p| p.is_enabled) else { return Ok(stopped(400, STALE)) };
    let known = known(&call.app)?;
    let Some(_line) = known.line(&provider) else { return Ok(busy()) };
    let person = match identified(call, &form, &provider, &under_way).await? {
        Ok(person) => person,
        Err(unfit) => {
            tracing::warn!(provider = provider.key, why = unfit.0, "a sign-in with a provider failed");
            signin::outside(call, provider.organization_id, None, &provider.name, "externalFailedAuthentication")
                .await?;
            Identity::of(&call.app)?.throttle().failed(signin::client_address(call), call.now());
            return Ok(stopped(400, FAILED));
        }
    };
    let shown = person.email.as_ref().or(person.user_name.as_ref()).unwrap_or(&person.subject).clone();
    let user = match account::of(call, &provider, &person).await? {
        Ok(user) => user,
        Err(refused) => {
            let (user, word, text) = match refused {
                Refused::Unknown => {
                    (None, "unknownExternalLogin", "There is no account for you here. Ask an administrator.")
                }
                Refused::Inactive(user) => (Some(user), "userIsNotActive", "Your account is switched off."),
            };
            signin::outside(call, provider.organization_id, user.as_deref(), &shown, word).await?;
            return Ok(stopped(403, text));
        }
    };
    // The person is known from here on.
    call.principal = principal::of_user(&user, Scopes::All);
    signin::outside(call, provider.organization_id, Some(&user), &shown, "success").await?;
    let cookie = sessions::begin_with(call, &user, Some(provider.id)).await?;
    match Return::read(call, &under_way.back).await? {
        Ok(back) => Ok(back.go(call, cookie)),
        Err(page) => Ok(page.header("set-cookie", cookie)),
    }
}

/// Who the provider says it is.
async fn identified(
    call: &Call,
    form: &Form,
    provider: &Provider,
    under_way: &UnderWay,
) -> Result<Result<Person, Unfit>> {
    let known = known(&call.app)?;
    let metadata = match known.metadata(&call.app, provider).await? {
        Ok(metadata) => metadata,
        Err(unfit) => return Ok(Err(unfit)),
    };
    // RFC 9207: a code that one provider issued is never taken to another.
    match form.get("iss") {
        Some(iss) if iss != provider.issuer => return Ok(Err(Unfit("The answer is of another issuer."))),
        None if metadata.names_issuer => return Ok(Err(Unfit("The answer does not name its issuer."))),
        _ => {}
    }
    if form.get("error").is_some() {
        return Ok(Err(Unfit("The provider has refused.")));
    }
    let Some(code) = form.get("code") else { return Ok(Err(Unfit("The answer has no code."))) };
    let token = match redeemed(call, &metadata, provider, under_way, code).await? {
        Ok(token) => token,
        Err(unfit) => return Ok(Err(unfit)),
    };
    token::checked(&call.app, known, &metadata, provider, &token, &under_way.nonce).await
}

/// The identity token for a code.
async fn redeemed(
    call: &Call,
    metadata: &Metadata,
    provider: &Provider,
    under_way: &UnderWay,
    code: &str,
) -> Result<Result<String, Unfit>> {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", under_way.redirect_uri.as_str()),
        ("code_verifier", under_way.verifier.as_str()),
    ];
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let secret = provider.secret(&call.app)?;
    match &secret {
        Some(secret) if !metadata.secret_in_body => {
            // RFC 6749, section 2.3.1: both halves are encoded like parameters first.
            let pair = format!("{}:{}", encode(&provider.client_id), encode(secret.reveal()));
            let Ok(mut value) = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))) else {
                return Ok(Err(Unfit("The client's secret cannot be sent.")));
            };
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Some(secret) => pairs.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret.reveal())]),
        None => pairs.push(("client_id", provider.client_id.as_str())),
    }
    let body = pairs.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect::<Vec<_>>().join("&");
    let sent = Sent { method: Method::POST, headers, body: body.into(), ..Sent::get(metadata.token.clone(), LARGEST) };
    let answer = match Outgoing::of(&call.app)?.send(sent).await {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Err(trouble.into())),
    };
    if answer.status != 200 {
        return Ok(Err(Unfit("The provider has not taken the code.")));
    }
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(value["id_token"].as_str().map(str::to_owned).ok_or(Unfit("The provider gave no identity token.")))
}
