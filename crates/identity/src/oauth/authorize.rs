//! The authorize endpoint: who is signed in in this browser, and has that person agreed?

use super::form::{Form, encode};
use super::request::{self, Authorization};
use super::{code, consent, issue, redirect};
use crate::sessions::{self, Session};
use crate::{pages, signin};
use axum::http::StatusCode;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;

/// What stands before `/identity` in addresses of this request: nothing, or the organization.
pub(crate) fn prefix(call: &Call) -> &str {
    call.base.strip_prefix(call.origin.as_str()).unwrap_or_default()
}

/// `GET` and `POST /identity/connect/authorize`.
pub async fn authorize(call: &mut Call) -> Result<Output> {
    let form = if call.operation.facts.method == "POST" { Form::body(call) } else { Form::query(call) };
    let request = match request::read(call, form).await? {
        Ok(request) => request,
        Err(wrong) => return Ok(wrong.answer(call)),
    };
    let session = match sessions::current(call).await? {
        Some(session) if usable(call, &request, &session).await? => session,
        _ if request.prompt.iter().any(|p| p == "none") => {
            return Ok(request.refuse("login_required", "Nobody is signed in.").answer(call));
        }
        _ => {
            let target = format!("{}/identity/account/login?return={}", prefix(call), encode(&request.resumed()));
            return Ok(pages::redirect(StatusCode::FOUND, &target));
        }
    };
    if consent::needed(call, &request, &session.user).await? {
        if request.prompt.iter().any(|p| p == "none") {
            return Ok(request.refuse("consent_required", "The user has not agreed yet.").answer(call));
        }
        return consent::show(call, &request, &session);
    }
    granted(call, &request, &session, StatusCode::FOUND).await
}

/// Whether the session is of the right organization and young enough.
async fn usable(call: &Call, request: &Authorization, session: &Session) -> Result<bool> {
    if request.prompt.iter().any(|p| p == "login" || p == "select_account") {
        return Ok(false);
    }
    let age = call.now() - session.signed_in_at;
    if request.max_age.is_some_and(|most| age / SECOND > most) {
        return Ok(false);
    }
    let own = request.application.organization_id.is_none_or(|o| o == session.user.organization_id);
    let named = request.organization.as_deref().or_else(|| call.addressed_organization());
    let meant = match named {
        None => true,
        Some(name) => {
            let place = signin::place(call, Some(name)).await?;
            // A name that means nothing here is no reason to sign in again and again.
            place.organization.is_none_or(|o| o.id == session.user.organization_id)
        }
    };
    Ok(own && meant && !session.user.must_change_password)
}

/// Sends the browser back with a code.
pub(crate) async fn granted(
    call: &Call,
    request: &Authorization,
    session: &Session,
    status: StatusCode,
) -> Result<Output> {
    let code = code::issue(call, request, &request.scopes, &session.user, session.signed_in_at).await?;
    let issuer = issue::issuer(call);
    let scope = request.scopes.join(" ");
    let parameters = [
        ("code", Some(code.as_str())),
        ("scope", Some(scope.as_str())),
        ("state", request.state.as_deref()),
        ("iss", Some(issuer.as_str())),
    ];
    Ok(pages::redirect(status, &redirect::with(&request.redirect_uri, &parameters)))
}
