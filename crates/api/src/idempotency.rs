//! `Idempotency-Key`: a mutating call repeated with the same key gets the first answer again and changes nothing.
//!
//! The key is claimed before the operation runs, in its own unit, and the answer is stored after it, sealed, since
//! it may hold a one-time secret. When the server dies between the two, the outcome is unknown and the repeated
//! call says so (409) instead of doing the work twice. Keys live a day. The same key with another
//! request is refused.

use crate::call::Call;
use axum::body::{Body, HttpBody, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bandmaster_core::clock::DAY;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Replies larger than this are not kept; the repeated call is told that its first run succeeded.
const MOST: usize = 1 << 20;

/// What is to happen with the call.
pub enum Ticket {
    /// No key was sent.
    None,
    /// The key is claimed for this call.
    Claimed {
        /// Whose key it is.
        scope: String,
        /// Hash of the key.
        key_hash: String,
    },
    /// The call was made before; this was its answer.
    Replay(Box<Response>),
}

impl Ticket {
    /// How many units claiming the key has committed.
    pub fn units(&self) -> usize {
        usize::from(matches!(self, Ticket::Claimed { .. }))
    }
}

/// Looks at the call's key and claims it.
pub async fn begin(call: &Call) -> Result<Ticket> {
    let Some(key) = call.header("idempotency-key").map(str::trim).filter(|k| !k.is_empty()) else {
        return Ok(Ticket::None);
    };
    // A caller who is nobody may still show credentials in the body or another header; a stored reply would hand what
    // they got to whoever repeats the key without them.
    if !call.principal.is_known() {
        return Ok(Ticket::None);
    }
    if key.len() > 255 || call.streams {
        return Err(Error::argument("The Idempotency-Key is too long, or the operation does not take one."));
    }
    let tenant = call.tenant.as_ref().map_or(0, |t| t.id);
    let who = &call.principal;
    let scope = format!(
        "{tenant}/{:?}/{}/{}/{}/{}",
        who.kind,
        who.key,
        who.machine_id.unwrap_or(0),
        who.job_key.as_deref().unwrap_or_default(),
        call.operation.facts.id
    );
    let keys = &call.app.keys;
    let key_hash = keys.hash(key, "idempotency-key")?;
    let request = format!("{:?}{:?}{}", call.arguments, call.query, String::from_utf8_lossy(&call.raw_body));
    let request_hash = keys.hash(&request, "idempotency-request")?;
    let mut unit = call.begin().await?;
    let now = unit.now();
    unit.execute(
        "DELETE FROM stored_replies WHERE scope = $1 AND key_hash = $2 AND expires_at < $3",
        params![scope.as_str(), key_hash.as_str(), now],
    )
    .await?;
    let claimed = unit
        .execute(
            "INSERT INTO stored_replies (scope, key_hash, request_hash, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, key_hash) DO NOTHING",
            params![scope.as_str(), key_hash.as_str(), request_hash.as_str(), now, now + DAY],
        )
        .await?;
    if claimed == 1 {
        unit.commit().await?;
        return Ok(Ticket::Claimed { scope, key_hash });
    }
    let row = unit
        .query_opt(
            "SELECT request_hash, status, reply_sealed FROM stored_replies WHERE scope = $1 AND key_hash = $2",
            params![scope.as_str(), key_hash.as_str()],
        )
        .await?;
    unit.commit().await?;
    let Some(row) = row else {
        return Err(Error::clash());
    };
    if row.get::<String>(0)? != request_hash {
        return Err(Error::conflict(codes::INVALID_ARGUMENT, "This Idempotency-Key was used for a different request."));
    }
    match (row.get::<Option<i64>>(1)?, row.get::<Option<String>>(2)?) {
        (Some(status), Some(sealed)) => {
            let text = keys.open_text(&sealed, &context(&scope, &key_hash))?;
            Ok(Ticket::Replay(Box::new(replay(status, text.reveal()))))
        }
        _ => Err(Error::conflict(
            codes::OPTIMISTIC_CONCURRENCY,
            "A request with this Idempotency-Key is being served, or was interrupted; look at its effect before you repeat it.",
        )),
    }
}

fn context(scope: &str, key_hash: &str) -> String {
    format!("stored_replies.reply/{scope}/{key_hash}")
}

fn replay(status: i64, text: &str) -> Response {
    let stored: Value = serde_json::from_str(text).unwrap_or_default();
    let body = stored["body"].as_str().and_then(|b| STANDARD.decode(b).ok()).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        u16::try_from(status).ok().and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or(StatusCode::OK);
    if let Some(ty) = stored["type"].as_str().and_then(|t| HeaderValue::from_str(t).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, ty);
    }
    response.headers_mut().insert("idempotent-replay", HeaderValue::from_static("true"));
    response
}

/// Stores the answer under the claimed key. A failed operation gives its key back, see [`give_back`].
pub async fn end(call: &Call, ticket: Ticket, response: Response) -> Result<Response> {
    let Ticket::Claimed { scope, key_hash } = ticket else { return Ok(response) };
    let (parts, body) = response.into_parts();
    let size = HttpBody::size_hint(&body).exact();
    if size.is_none_or(|n| n > MOST as u64) {
        let mut unit = call.begin().await?;
        unit.execute(
            "UPDATE stored_replies SET status = $1 WHERE scope = $2 AND key_hash = $3",
            params![i64::from(parts.status.as_u16()), scope, key_hash],
        )
        .await?;
        unit.commit().await?;
        return Ok(Response::from_parts(parts, body));
    }
    let bytes = to_bytes(body, MOST).await.map_err(|e| Error::internal(e.to_string()))?;
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let stored = json!({"type": content_type, "body": STANDARD.encode(&bytes)}).to_string();
    let sealed = call.app.keys.seal(stored.as_bytes(), &context(&scope, &key_hash))?;
    let mut unit = call.begin().await?;
    unit.execute(
        "UPDATE stored_replies SET status = $1, reply_sealed = $2 WHERE scope = $3 AND key_hash = $4",
        params![i64::from(parts.status.as_u16()), sealed.0, scope, key_hash],
    )
    .await?;
    unit.commit().await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Gives a claimed key back after an operation that failed before it changed anything.
pub async fn give_back(call: &Call, ticket: Ticket) -> Result<()> {
    let Ticket::Claimed { scope, key_hash } = ticket else { return Ok(()) };
    let mut unit = call.begin().await?;
    unit.execute(
        "DELETE FROM stored_replies WHERE scope = $1 AND key_hash = $2",
        params![scope.as_str(), key_hash.as_str()],
    )
    .await?;
    unit.commit().await
}
