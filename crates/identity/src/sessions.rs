//! Browser sessions of the sign-in pages: a random value in a cookie, its keyed hash in the database. They end by
//! themselves after a working day, at sign-out, and when the account's password changes.

use crate::users::{self, User};
use axum::http::{HeaderMap, header};
use bandmaster_api::Call;
use bandmaster_core::clock::HOUR;
use bandmaster_core::time::Micros;
use bandmaster_core::{Result, Secret};
use bandmaster_store::params;

/// Life of a session.
const LIFE: Micros = 8 * HOUR;
const PURPOSE: &str = "browser-session";

/// A session.
pub(crate) struct Session {
    /// Its cookie's value; what forms are bound to.
    pub value: Secret,
    /// Who is signed in.
    pub user: User,
    /// When the person signed in.
    pub signed_in_at: Micros,
    /// The provider outside that the session began with.
    pub provider_id: Option<i64>,
}

/// Whether the browser reached us over TLS, as far as is known.
pub(crate) fn is_https(call: &Call) -> bool {
    call.origin.starts_with("https://")
}

fn full_name(call: &Call, name: &str) -> String {
    // The prefix makes browsers refuse a cookie that a neighbouring host or an unencrypted page has set.
    if is_https(call) { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of a cookie.
pub(crate) fn cookie(call: &Call, name: &str) -> Option<String> {
    read(call.headers(), &full_name(call, name))
}

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    pairs.filter_map(|p| p.trim().split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v.to_owned())
}

/// The text of a `Set-Cookie` header. Seconds 0 removes the cookie.
pub(crate) fn set_cookie(call: &Call, name: &str, value: &str, seconds: i64) -> String {
    let secure = if is_https(call) { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", full_name(call, name))
}

const NAME: &str = "bandmaster-session";

/// The session of the request, if there is a valid one.
pub(crate) async fn current(call: &Call) -> Result<Option<Session>> {
    let Some(value) = cookie(call, NAME) else { return Ok(None) };
    let mut conn = call.read().await?;
    let row = conn
        .query_opt(
            "SELECT user_id, created_at, provider_id FROM browser_sessions WHERE id_hash = $1 AND expires_at > $2",
            params![call.app.keys.hash(&value, PURPOSE)?, call.now()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let user = users::by_id(&mut conn, row.get(0)?).await?.filter(|u| u.is_active);
    let (signed_in_at, provider_id) = (row.get(1)?, row.get(2)?);
    Ok(user.map(|user| Session { value: Secret::new(value), user, signed_in_at, provider_id }))
}

/// Begins a session, in place of the one there was. Answers the `Set-Cookie` header.
pub(crate) async fn begin(call: &Call, user: &User) -> Result<String> {
    begin_with(call, user, None).await
}

/// The same for a person who signed in with a provider outside.
pub(crate) async fn begin_with(call: &Call, user: &User, provider_id: Option<i64>) -> Result<String> {
    let value = call.app.ids.secret();
    let hash = call.app.keys.hash(&value, PURPOSE)?;
    let old = cookie(call, NAME).map(|v| call.app.keys.hash(&v, PURPOSE)).transpose()?;
    let mut unit = call.begin().await?;
    let now = unit.now();
    if let Some(old) = old {
        unit.execute("DELETE FROM browser_sessions WHERE id_hash = $1", params![old]).await?;
    }
    unit.execute(
        "INSERT INTO browser_sessions (id_hash, user_id, created_at, expires_at, provider_id) VALUES ($1, $2, $3, $4, $5)",
        params![hash, user.id, now, now + LIFE, provider_id],
    )
    .await?;
    unit.commit().await?;
    Ok(set_cookie(call, NAME, &value, LIFE / bandmaster_core::clock::SECOND))
}

/// Ends the request's session. Answers the `Set-Cookie` header.
pub(crate) async fn end(call: &Call) -> Result<String> {
    if let Some(value) = cookie(call, NAME) {
        let hash = call.app.keys.hash(&value, PURPOSE)?;
        let mut unit = call.begin().await?;
        unit.execute("DELETE FROM browser_sessions WHERE id_hash = $1", params![hash]).await?;
        unit.commit().await?;
    }
    Ok(set_cookie(call, NAME, "", 0))
}
