//! Authorization requests: read and checked. Until client and redirect address are known to belong together nothing is
//! ever sent to that address (RFC 6749, section 4.1.2.1).

use super::failure::Failure;
use super::form::Form;
use super::grants::organization_of;
use super::{issue, pkce, redirect};
use crate::applications::{self, Application};
use crate::pages;
use crate::scopes;
use axum::http::StatusCode;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_core::ids::parse_guid;

/// A request that may be granted.
pub(crate) struct Authorization {
    pub application: Application,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub scopes: Vec<String>,
    pub challenge: Option<String>,
    pub nonce: Option<String>,
    /// Words of `prompt`.
    pub prompt: Vec<String>,
    /// Seconds since the sign-in that are still fine.
    pub max_age: Option<i64>,
    /// The organization that is meant.
    pub organization: Option<String>,
    pub login_hint: Option<String>,
    /// The parameters as they came.
    pub form: Form,
}

/// Why a request is not granted.
pub(crate) enum Wrong {
    /// There is nobody to tell but the person.
    Page(String),
    /// The client is told.
    Client { uri: String, state: Option<String>, error: &'static str, text: String },
}

impl Wrong {
    /// The answer to the browser.
    pub fn answer(self, call: &Call) -> Output {
        match self {
            Wrong::Page(text) => pages::message(400, "This request cannot be answered", &text),
            Wrong::Client { uri, state, error, text } => {
                let issuer = issue::issuer(call);
                let parameters = [
                    ("error", Some(error)),
                    ("error_description", Some(text.as_str())),
                    ("state", state.as_deref()),
                    ("iss", Some(issuer.as_str())),
                ];
                pages::redirect(StatusCode::FOUND, &redirect::with(&uri, &parameters))
            }
        }
    }
}

impl Authorization {
    /// Tells the client why it gets nothing.
    pub fn refuse(&self, error: &'static str, text: &str) -> Wrong {
        Wrong::Client { uri: self.redirect_uri.clone(), state: self.state.clone(), error, text: text.to_owned() }
    }

    /// The request's parameters for the way back after signing in; what asked for the sign-in is left out.
    pub fn resumed(&self) -> String {
        let mut query = self.form.encoded_without(&["prompt", "max_age"]);
        if self.prompt.iter().any(|p| p == "consent") {
            query.push_str("&prompt=consent");
        }
        query
    }
}

fn text_of(failure: Failure) -> String {
    match failure {
        Failure::OAuth { text, .. } => text,
        Failure::Other(error) => error.message().to_owned(),
    }
}

/// The scopes that a client gets in a person's name, who has still to agree; else the error and its text.
pub(crate) fn may_have(
    application: &Application,
    asked: &[String],
) -> Result<Vec<String>, (&'static str, &'static str)> {
    if application.is_first_party {
        return Ok(scopes::grant_first_party(asked));
    }
    if application.user_scopes.is_empty() {
        return Err(("unauthorized_client", "This client has no scopes of users."));
    }
    let unknown = ("invalid_scope", "A requested scope is unknown or not one of the client's.");
    scopes::grant_user(&application.user_scopes, asked).ok_or(unknown)
}

/// Reads and checks a request.
pub(crate) async fn read(call: &Call, form: Result<Form, Failure>) -> Result<Result<Authorization, Wrong>> {
    let form = match form {
        Ok(form) => form,
        Err(failure) => return Ok(Err(Wrong::Page(text_of(failure)))),
    };
    let page = |text: &str| Ok(Err(Wrong::Page(text.to_owned())));
    let Some(key) = form.get("client_id").and_then(parse_guid) else {
        return page("The request does not name a client application.");
    };
    let mut conn = call.read().await?;
    let application = applications::by_key(&mut conn, &key).await?;
    drop(conn);
    let Some(application) = application else {
        return page("The client application is not known here.");
    };
    let Some(redirect_uri) = form.get("redirect_uri").map(str::to_owned) else {
        return page("The request does not say where to return to.");
    };
    if !redirect::allowed(&application, &redirect_uri) {
        return page("The address to return to is not registered for this client application.");
    }
    let state = form.get("state").map(str::to_owned);
    let wrong = |error: &'static str, text: &str| {
        Ok(Err(Wrong::Client { uri: redirect_uri.clone(), state: state.clone(), error, text: text.to_owned() }))
    };
    match form.get("response_type") {
        Some("code") => {}
        None => return wrong("invalid_request", "The parameter response_type is missing."),
        Some(_) => return wrong("unsupported_response_type", "Only the response type code is supported."),
    }
    if form.get("response_mode").is_some_and(|m| m != "query") {
        return wrong("invalid_request", "Only the response mode query is supported.");
    }
    if form.get("request").is_some() {
        return wrong("request_not_supported", "Request objects are not supported.");
    }
    if form.get("request_uri").is_some() {
        return wrong("request_uri_not_supported", "Request objects are not supported.");
    }
    let challenge = form.get("code_challenge").map(str::to_owned);
    match (&challenge, form.get("code_challenge_method")) {
        (None, None) if application.is_confidential => {}
        (None, _) => return wrong("invalid_request", "The parameter code_challenge is missing."),
        (Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => {}
        (Some(_), _) => return wrong("invalid_request", "The code challenge must be made with S256."),
    }
    let Some(asked) = scopes::parse(form.get("scope").unwrap_or_default()) else {
        return wrong("invalid_scope", "A requested scope is malformed.");
    };
    let granted = match may_have(&application, &asked) {
        Ok(granted) => granted,
        Err((error, text)) => return wrong(error, text),
    };
    let prompt: Vec<String> = form.get("prompt").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let known = prompt.iter().all(|p| matches!(p.as_str(), "none" | "login" | "consent" | "select_account"));
    if !known || (prompt.len() > 1 && prompt.iter().any(|p| p == "none")) {
        return wrong("invalid_request", "The parameter prompt is not understood.");
    }
    let max_age = match form.get("max_age").map(str::parse::<i64>) {
        None => None,
        Some(Ok(seconds)) if seconds >= 0 => Some(seconds),
        Some(_) => return wrong("invalid_request", "The parameter max_age is not understood."),
    };
    let nonce = form.get("nonce").map(str::to_owned);
    if nonce.as_ref().is_some_and(|n| n.len() > 1000) {
        return wrong("invalid_request", "The parameter nonce is too long.");
    }
    Ok(Ok(Authorization {
        scopes: granted,
        challenge,
        nonce,
        prompt,
        max_age,
        organization: form.get("acr_values").and_then(organization_of).map(str::to_owned),
        login_hint: form.get("login_hint").map(str::to_owned),
        application,
        redirect_uri,
        state,
        form,
    }))
}
