//! Asking a person whether an application may act in their name. First-party clients are not asked for; the answer
//! for confidential ones is remembered; others are asked for each time, since anybody can pretend to be one
//! (RFC 8252, section 8.6).

use super::authorize::{granted, prefix};
use super::form::Form;
use super::redirect;
use super::request::{self, Authorization};
use crate::pages::{self, consent as page, nonce};
use crate::scopes;
use crate::sessions::{self, Session};
use crate::users::User;
use axum::http::StatusCode;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_store::params;

/// Whether the person must be asked.
pub(crate) async fn needed(call: &Call, request: &Authorization, user: &User) -> Result<bool> {
    if request.application.is_first_party {
        return Ok(false);
    }
    if !request.application.is_confidential || request.prompt.iter().any(|p| p == "consent") {
        return Ok(true);
    }
    let mut conn = call.read().await?;
    let row = conn
        .query_opt(
            "SELECT scopes FROM application_consents WHERE application_id = $1 AND user_id = $2",
            params![request.application.id, user.id],
        )
        .await?;
    let Some(row) = row else { return Ok(true) };
    let agreed: Vec<String> = row.get::<String>(0)?.split(' ').map(str::to_owned).collect();
    Ok(!request.scopes.iter().all(|s| scopes::contained(&agreed, s)))
}

/// What binds the page's form to this session and this very request.
fn field(call: &Call, session: &Session, query: &str) -> Result<String> {
    // Only the hash of the cookie's value leaves.
    call.app.keys.hash(&format!("{} {query}", session.value.reveal()), "consent-form")
}

/// Asks.
pub(crate) fn show(call: &Call, request: &Authorization, session: &Session) -> Result<Output> {
    let query = request.form.encoded_without(&[]);
    let body = page::form(&page::Form {
        action: &format!("{}/identity/account/consent", prefix(call)),
        nonce: &field(call, session, &query)?,
        back: &query,
        application: &request.application.name,
        user: &session.user.shown_name(),
        returns_to: &redirect::origin_of(&request.redirect_uri),
        scopes: &request.scopes,
    });
    Ok(pages::page(200, "Allow access", &body, &[redirect::origin_of(&request.redirect_uri)]))
}

/// `POST /identity/account/consent`.
pub async fn submit(call: &mut Call) -> Result<Output> {
    let Ok(fields) = Form::body(call) else { return Ok(nonce::stale()) };
    let query = fields.get("return").unwrap_or_default();
    let Some(session) = sessions::current(call).await? else { return Ok(nonce::stale()) };
    let expected = field(call, &session, query)?;
    if !fields.get("nonce").is_some_and(|n| bandmaster_core::seal::same(n, &expected)) {
        return Ok(nonce::stale());
    }
    let request = match request::read(call, Form::parse(query)).await? {
        Ok(request) => request,
        Err(wrong) => return Ok(wrong.answer(call)),
    };
    let own = request.application.organization_id.is_none_or(|o| o == session.user.organization_id);
    if !own || fields.get("decision") != Some("allow") {
        return Ok(request.refuse("access_denied", "The user did not agree.").answer(call));
    }
    let mut unit = call.begin().await?;
    let now = unit.now();
    unit.execute(
        "INSERT INTO application_consents (application_id, user_id, scopes, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (application_id, user_id) DO UPDATE SET scopes = excluded.scopes, created_at = excluded.created_at",
        params![request.application.id, session.user.id, request.scopes.join(" "), now],
    )
    .await?;
    unit.commit().await?;
    granted(call, &request, &session, StatusCode::SEE_OTHER).await
}
