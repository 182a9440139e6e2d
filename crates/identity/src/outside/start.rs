//! The way to a provider: the buttons of the sign-in page, and where they lead.

use super::callback;
use super::discovery::known;
use super::provider::{self, Provider};
use crate::identity::Identity;
use crate::oauth::form::encode;
use crate::oauth::login::Return;
use crate::oauth::{authorize::prefix, pkce, redirect};
use crate::organizations::Organization;
use crate::pages::{self, escape};
use crate::sessions::{cookie, set_cookie};
use crate::signin;
use axum::http::StatusCode;
use bandmaster_api::{Call, Output};
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::{Value, json};

/// Where the buttons lead.
pub(super) const PATH: &str = "/identity/account/outside";
/// How long somebody may take with the provider.
const LIFE: i64 = 10 * MINUTE;
const STATE: &str = "outside.state";
const BROWSER: &str = "outside.browser";
const COOKIE: &str = "bandmaster-outside";

/// What a sign-in under way must remember. It is sealed: the verifier and the nonce are secrets.
pub(super) struct UnderWay {
    pub provider_id: i64,
    pub nonce: String,
    pub verifier: String,
    /// Where the provider sends the browser back to; the token request repeats it.
    pub redirect_uri: String,
    /// The authorization request that waits, as parameters.
    pub back: String,
}

/// A button for each provider of the organization, as links: they need no script, and the page's policy for forms need not
/// know where providers are.
pub(crate) async fn buttons(call: &Call, organization: Option<&Organization>, back: &str) -> Result<String> {
    let Some(organization) = organization else { return Ok(String::new()) };
    let providers = provider::all(&mut call.read().await?, organization.id).await?;
    let mut out = String::new();
    for provider in providers.iter().filter(|p| p.is_enabled) {
        let address = format!("{}{PATH}?provider={}&return={}", prefix(call), provider.key, encode(back));
        let (address, name) = (escape(&address), escape(&provider.name));
        out.push_str(&format!(
            "\n<p><a class=\"button\" rel=\"nofollow\" href=\"{address}\">Sign in with {name}</a></p>"
        ));
    }
    Ok(out)
}

/// The page on which a sign-in with a provider ends early.
pub(super) fn stopped(status: u16, text: &str) -> Output {
    pages::message(status, "You are not signed in", text)
}

/// `GET /identity/account/outside`.
pub(super) async fn begin(call: &mut Call) -> Result<Output> {
    let back = match Return::read(call, call.query("return").unwrap_or_default()).await? {
        Ok(back) => back,
        Err(page) => return Ok(page),
    };
    let address = signin::client_address(call);
    if let Some(seconds) = Identity::of(&call.app)?.throttle().wait(address, call.now()) {
        let text = format!("Too many failed attempts. Try again in {seconds} seconds.");
        return Ok(stopped(429, &text).header("retry-after", seconds.to_string()));
    }
    let named = call.query("provider").and_then(parse_guid);
    let provider = match named {
        Some(key) => provider::by_key(&mut call.read().await?, &key).await?.filter(|p| p.is_enabled),
        None => None,
    };
    let Some(provider) = provider else { return Ok(stopped(404, "There is no such way to sign in.")) };
    if back.organization(call).await?.is_some_and(|meant| meant.id != provider.organization_id) {
        return Ok(stopped(400, "This sign-in is for another organization."));
    }
    let known = known(&call.app)?;
    let Some(_line) = known.line(&provider) else { return Ok(busy()) };
    let metadata = match known.metadata(&call.app, &provider).await? {
        Ok(metadata) => metadata,
        Err(unfit) => {
            tracing::warn!(provider = provider.key, why = unfit.0, "a provider of sign-in cannot be used");
            return Ok(stopped(503, "The provider cannot be reached or is not set up correctly. Try again later."));
        }
    };
    let ids = call.app.ids.clone();
    let state = ids.secret();
    let browser = cookie(call, COOKIE).filter(|v| v.len() == 43).unwrap_or_else(|| ids.secret());
    let under_way = UnderWay {
        provider_id: provider.id,
        nonce: ids.secret(),
        verifier: ids.secret(),
        redirect_uri: redirect_uri(call),
        back: back.query,
    };
    keep(call, &state, &browser, &under_way).await?;
    let target = redirect::with(
        metadata.authorization.as_str(),
        &[
            ("response_type", Some("code")),
            ("client_id", Some(&provider.client_id)),
            ("redirect_uri", Some(&under_way.redirect_uri)),
            ("scope", Some(&provider.scopes)),
            ("state", Some(&state)),
            ("nonce", Some(&under_way.nonce)),
            ("code_challenge", Some(&pkce::challenge(&under_way.verifier))),
            ("code_challenge_method", Some("S256")),
        ],
    );
    let cookie = set_cookie(call, COOKIE, &browser, LIFE / SECOND);
    Ok(pages::redirect(StatusCode::FOUND, &target).header("set-cookie", cookie))
}

pub(super) fn busy() -> Output {
    stopped(503, "The provider is slow at the moment. Try again later.").header("retry-after", "10")
}

/// Where providers send people back to.
pub(super) fn redirect_uri(call: &Call) -> String {
    format!("{}{}", call.origin, callback::PATH)
}

fn context(state_hash: &str) -> String {
    format!("outside_sign_ins.sealed/{state_hash}")
}

async fn keep(call: &Call, state: &str, browser: &str, under_way: &UnderWay) -> Result<()> {
    let keys = &call.app.keys;
    let (state, browser) = (keys.hash(state, STATE)?, keys.hash(browser, BROWSER)?);
    let text = json!({"nonce": under_way.nonce, "verifier": under_way.verifier, "redirect": under_way.redirect_uri,
        "back": under_way.back});
    let sealed = keys.seal(text.to_string().as_bytes(), &context(&state))?.0;
    let mut unit = call.begin().await?;
    let until = unit.now() + LIFE;
    unit.execute(
        "INSERT INTO outside_sign_ins (state_hash, browser_hash, provider_id, sealed, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
        params![state, browser, under_way.provider_id, sealed, until],
    )
    .await?;
    unit.commit().await
}

/// Takes a sign-in under way: once, and only for the browser that began it. Another browser's state stays untouched.
pub(super) async fn take(call: &Call, state: &str) -> Result<Option<UnderWay>> {
    let Some(browser) = cookie(call, COOKIE) else { return Ok(None) };
    let keys = &call.app.keys;
    let (state, browser) = (keys.hash(state, STATE)?, keys.hash(&browser, BROWSER)?);
    let mut unit = call.begin().await?;
    let now = unit.now();
    let row = unit
        .query_opt(
            "DELETE FROM outside_sign_ins WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3 \
             RETURNING provider_id, sealed",
            params![state.as_str(), browser, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (provider_id, sealed): (i64, String) = (row.get(0)?, row.get(1)?);
    unit.commit().await?;
    let text = keys.open_text(&sealed, &context(&state))?;
    let value: Value = serde_json::from_str(text.reveal()).unwrap_or_default();
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let (Some(nonce), Some(verifier), Some(redirect_uri), Some(back)) =
        (text("nonce"), text("verifier"), text("redirect"), text("back"))
    else {
        return Err(Error::internal("a sign-in under way cannot be read"));
    };
    Ok(Some(UnderWay { provider_id, nonce, verifier, redirect_uri, back }))
}

/// What the page after signing out adds for a session that began with a provider: a link to sign out there too. Nobody is
/// sent there unasked, since other programs may use the same sign-in.
pub(crate) async fn farewell(call: &Call, provider_id: Option<i64>) -> Result<String> {
    let provider: Option<Provider> = match provider_id {
        Some(id) => provider::by_id(&mut call.read().await?, id).await?.filter(|p| p.is_enabled),
        None => None,
    };
    let Some(provider) = provider else { return Ok(String::new()) };
    let known = known(&call.app)?;
    let Some(_line) = known.line(&provider) else { return Ok(String::new()) };
    let metadata = known.metadata(&call.app, &provider).await?.ok();
    let Some(place) = metadata.and_then(|m| m.end_session.clone()) else { return Ok(String::new()) };
    let address = redirect::with(place.as_str(), &[("client_id", Some(&provider.client_id))]);
    let (address, name) = (escape(&address), escape(&provider.name));
    Ok(format!("\n<p>You may still be signed in with {name}. <a href=\"{address}\">Sign out there too</a></p>"))
}
