//! Signing out (OpenID Connect RP-Initiated Logout). Without a proof that the person's own client asks, the person is
//! asked first: otherwise any page could sign people out.

use super::authorize::prefix;
use super::form::Form;
use super::redirect;
use crate::pages::{self, nonce};
use crate::{applications, jwt, outside, sessions};
use axum::http::StatusCode;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

/// What a client asks for.
struct Wish {
    /// The person and the client of the identity token that was shown.
    hint: Option<(String, String)>,
    /// Where to go afterwards, when it is registered.
    target: Option<String>,
}

async fn wish(call: &Call, form: &Form) -> Result<Wish> {
    let hint = match form.get("id_token_hint") {
        Some(token) => jwt::hint(&call.app, token).await.ok(),
        None => None,
    };
    let mut target = None;
    if let (Some((_, client)), Some(uri)) = (&hint, form.get("post_logout_redirect_uri")) {
        let mut conn = call.read().await?;
        let application = applications::by_key(&mut conn, client).await?;
        if application.is_some_and(|a| redirect::allowed(&a, uri)) {
            target = Some(redirect::with(uri, &[("state", form.get("state"))]));
        }
    }
    Ok(Wish { hint, target })
}

/// The answer when nobody is signed in any more. `provider_id`: the provider that the session had begun with.
async fn gone(call: &Call, wish: &Wish, provider_id: Option<i64>) -> Result<Output> {
    Ok(match &wish.target {
        Some(target) => pages::redirect(StatusCode::SEE_OTHER, target),
        None => {
            let more = outside::farewell(call, provider_id).await?;
            pages::page(200, "You are signed out", &format!("<p>You can close this window.</p>{more}"), &[])
        }
    })
}

/// `GET /identity/connect/endsession`.
pub async fn show(call: &mut Call) -> Result<Output> {
    let Ok(form) = Form::query(call) else { return Ok(nonce::stale()) };
    let wish = wish(call, &form).await?;
    let Some(session) = sessions::current(call).await? else { return gone(call, &wish, None).await };
    if wish.hint.as_ref().is_some_and(|(person, _)| *person == session.user.key) {
        let cookie = sessions::end(call).await?;
        return Ok(gone(call, &wish, session.provider_id).await?.header("set-cookie", cookie));
    }
    let (field, cookie) = nonce::field(call)?;
    let action = format!("{}/identity/connect/endsession", prefix(call));
    let body = pages::sign_out(&action, &field, &session.user.shown_name());
    let output = pages::page(200, "Sign out", &body, &[]);
    Ok(nonce::with_cookie(output, cookie))
}

/// `POST /identity/connect/endsession`.
pub async fn submit(call: &mut Call) -> Result<Output> {
    let Ok(form) = Form::body(call) else { return Ok(nonce::stale()) };
    let wish = wish(call, &form).await?;
    let session = sessions::current(call).await?;
    let own = session.as_ref().zip(wish.hint.as_ref()).is_some_and(|(s, (person, _))| *person == s.user.key);
    if session.is_some() && !own && !nonce::fits(call, form.get("nonce"))? {
        return Ok(nonce::stale());
    }
    let cookie = sessions::end(call).await?;
    Ok(gone(call, &wish, session.and_then(|s| s.provider_id)).await?.header("set-cookie", cookie))
}
