//! The pages on which a person enters a device's code and decides. Nobody is shown anything about a code before they have
//! signed in, and a code in the address (`verification_uri_complete`) is only filled in: looking it up takes a form of
//! ours, so that no other site can use up somebody's attempts.

use super::super::authorize::prefix;
use super::super::form::{Form, encode};
use super::{CONFIRM, PATH, codes, guesses};
use crate::applications::{self, Application};
use crate::identity::Identity;
use crate::pages::{self, device as page, nonce};
use crate::sessions::{self, Session};
use crate::{principal, signin};
use axum::http::StatusCode;
use bandmaster_api::{Call, Change, Output};
use bandmaster_core::time::Micros;
use bandmaster_core::{Result, Scopes, seal};
use bandmaster_store::{Conn, params};
use serde_json::json;

const NO_SUCH_CODE: &str = "There is no such code, or it is over. Compare it with the one on your device.";

/// The stored form of a code.
pub(super) fn hashed(call: &Call, code: &str) -> Result<String> {
    call.app.keys.hash(code, "device-user-code")
}

/// What binds a form to this session, and to this code once there is one.
fn field(call: &Call, session: &Session, code: &str) -> Result<String> {
    call.app.keys.hash(&format!("{} {code}", session.value.reveal()), "device-form")
}

/// Who is signed in in this browser and may decide something.
async fn session(call: &Call) -> Result<Option<Session>> {
    Ok(sessions::current(call).await?.filter(|s| !s.user.must_change_password))
}

fn entry(call: &Call, session: &Session, status: u16, code: &str, problem: Option<&str>) -> Result<Output> {
    let body = page::entry(&page::Entry {
        action: &format!("{}{PATH}", prefix(call)),
        nonce: &field(call, session, "")?,
        user: &session.user.shown_name(),
        code,
        problem,
    });
    Ok(pages::page(status, "Sign in on a device", &body, &[]))
}

/// `GET /identity/device`, with or without `user_code`.
pub(super) async fn show(call: &mut Call) -> Result<Output> {
    let code: String = call.query("user_code").unwrap_or_default().chars().take(64).collect();
    match session(call).await? {
        Some(session) => entry(call, &session, 200, &code, None),
        None => {
            let back = encode(&returning(&code));
            let target = format!("{}/identity/account/login?return={back}", prefix(call));
            Ok(pages::redirect(StatusCode::FOUND, &target))
        }
    }
}

const KIND: (&str, &str) = ("to", "device");

/// What the sign-in page carries to lead back here.
fn returning(code: &str) -> String {
    let query = format!("{}={}", KIND.0, KIND.1);
    if code.is_empty() { query } else { format!("{query}&user_code={}", encode(code)) }
}

/// The address that the sign-in page leads back to, when that is here.
pub(crate) fn resumed(call: &Call, form: &Form) -> Option<(String, String)> {
    if form.get(KIND.0) != Some(KIND.1) {
        return None;
    }
    let code: String = form.get("user_code").unwrap_or_default().chars().take(64).collect();
    let query = if code.is_empty() { String::new() } else { format!("?user_code={}", encode(&code)) };
    Some((returning(&code), format!("{}{PATH}{query}", prefix(call))))
}

/// A request that waits for somebody's decision.
struct Waiting {
    id: i64,
    application: Application,
    scopes: Vec<String>,
    address: Option<String>,
    created_at: Micros,
}

/// The request with that code which the session's person may decide.
async fn waiting(conn: &mut Conn, call: &Call, session: &Session, code: &str, now: Micros) -> Result<Option<Waiting>> {
    let row = conn
        .query_opt(
            "SELECT d.id, a.key, d.scopes, d.client_address, d.created_at FROM device_authorizations d \
             JOIN applications a ON a.id = d.application_id \
             WHERE d.user_hash = $1 AND d.decided_at IS NULL AND d.expires_at > $2",
            params![hashed(call, code)?, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(application) = applications::by_key(conn, &row.get::<String>(1)?).await? else { return Ok(None) };
    if application.organization_id.is_some_and(|o| o != session.user.organization_id) {
        return Ok(None);
    }
    Ok(Some(Waiting {
        id: row.get(0)?,
        application,
        scopes: row.get::<String>(2)?.split(' ').map(str::to_owned).collect(),
        address: row.get(3)?,
        created_at: row.get(4)?,
    }))
}

/// `POST /identity/device`: a code was entered.
pub(super) async fn enter(call: &mut Call) -> Result<Output> {
    let Ok(fields) = Form::body(call) else { return Ok(nonce::stale()) };
    let Some(session) = session(call).await? else { return Ok(nonce::stale()) };
    let expected = field(call, &session, "")?;
    if !fields.get("nonce").is_some_and(|n| seal::same(n, &expected)) {
        return Ok(nonce::stale());
    }
    let entered: String = fields.get("user_code").unwrap_or_default().chars().take(64).collect();
    let Some(code) = codes::read(&entered) else {
        return entry(call, &session, 400, &entered, Some("A code has eight letters, none of them a vowel."));
    };
    let throttle = Identity::of(&call.app)?.throttle();
    let address = signin::client_address(call);
    if let Some(seconds) = throttle.wait(address, call.now()) {
        let text = format!("Too many attempts. Try again in {seconds} seconds.");
        let output = entry(call, &session, 429, &entered, Some(&text))?;
        return Ok(output.header("retry-after", seconds.to_string()));
    }
    let mut unit = call.begin().await?;
    let now = unit.now();
    let open = guesses::begin(&mut unit, session.user.id).await?;
    let found = if open { waiting(&mut unit, call, &session, &code, now).await? } else { None };
    if found.is_some() {
        guesses::right(&mut unit, session.user.id).await?;
    }
    unit.commit().await?;
    let Some(found) = found else {
        throttle.failed(address, call.now());
        return match open {
            true => entry(call, &session, 400, &entered, Some(NO_SUCH_CODE)),
            false => {
                let text = "Too many wrong codes were entered with this account. Try again in an hour.";
                entry(call, &session, 429, &entered, Some(text))
            }
        };
    };
    let body = page::confirm(&page::Confirm {
        action: &format!("{}{CONFIRM}", prefix(call)),
        nonce: &field(call, &session, &code)?,
        code: &codes::shown(&code),
        application: &found.application.name,
        proved: found.application.is_confidential,
        user: &session.user.shown_name(),
        scopes: &found.scopes,
        address: found.address.as_deref(),
        seconds: (now - found.created_at) / bandmaster_core::clock::SECOND,
    });
    Ok(pages::page(200, "Is this your device?", &body, &[]))
}

/// `POST /identity/device/confirm`: the person decides.
pub(super) async fn decide(call: &mut Call) -> Result<Output> {
    let Ok(fields) = Form::body(call) else { return Ok(nonce::stale()) };
    let Some(session) = session(call).await? else { return Ok(nonce::stale()) };
    let Some(code) = fields.get("user_code").and_then(codes::read) else { return Ok(nonce::stale()) };
    // Only the page before, in this session and for this code, could make the field: this is no way to guess codes.
    let expected = field(call, &session, &code)?;
    if !fields.get("nonce").is_some_and(|n| seal::same(n, &expected)) {
        return Ok(nonce::stale());
    }
    let allowed = fields.get("decision") == Some("allow");
    // The person is known from here on; the audit shall say so.
    call.principal = principal::of_user(&session.user, Scopes::All);
    let mut unit = call.begin().await?;
    let now = unit.now();
    let Some(found) = waiting(&mut unit, call, &session, &code, now).await? else { return Ok(nonce::stale()) };
    let decided = unit
        .execute(
            "UPDATE device_authorizations SET decided_at = $1, is_allowed = $2, user_id = $3, security_stamp = $4, \
             auth_time = $5 WHERE id = $6 AND decided_at IS NULL AND expires_at > $1",
            params![
                now,
                allowed,
                session.user.id,
                session.user.security_stamp.as_str(),
                session.signed_in_at,
                found.id
            ],
        )
        .await?;
    if decided == 0 {
        return Ok(nonce::stale());
    }
    unit.audit(Change {
        component: "ExternalApplication",
        action: if allowed { "AllowDevice" } else { "DenyDevice" },
        id: Some(found.application.id),
        key: Some(&found.application.key),
        name: &found.application.name,
        before: None,
        after: Some(json!({
            "user": session.user.user_name, "scopes": found.scopes, "deviceAddress": found.address,
        })),
    })
    .await?;
    unit.commit().await?;
    Ok(match allowed {
        true => pages::message(200, "The device is signed in", "You can close this window and go on there."),
        false => pages::message(200, "The device was not signed in", "Nothing was allowed. You can close this window."),
    })
}
