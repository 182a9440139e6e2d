//! Authorization codes: issued to a browser, redeemed once by the client that asked for them. A code shown twice ends
//! everything that came from it (RFC 6749, section 4.1.2).

use super::failure::{Outcome, invalid_grant};
use super::form::Form;
use super::issue::{self, Issue};
use super::request::Authorization;
use super::{pkce, refresh};
use crate::applications::Application;
use crate::claims::ACCESS_LIFE;
use crate::users::{self, User};
use crate::{scopes, watch};
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::Result;
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;
use bandmaster_store::params;

/// Life of a code.
const LIFE: Micros = 5 * MINUTE;
const PURPOSE: &str = "authorization-code";

/// Makes a code for a request that the person has agreed to.
pub(crate) async fn issue(
    call: &Call,
    request: &Authorization,
    granted: &[String],
    user: &User,
    signed_in_at: Micros,
) -> Result<String> {
    let code = call.app.ids.secret();
    let hash = call.app.keys.hash(&code, PURPOSE)?;
    let mut unit = call.begin().await?;
    let (family, now) = (unit.guid(), unit.now());
    unit.execute(
        "INSERT INTO authorization_codes (code_hash, family, application_id, user_id, redirect_uri, scopes, challenge, \
         nonce, auth_time, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            hash,
            family,
            request.application.id,
            user.id,
            request.redirect_uri.as_str(),
            granted.join(" "),
            request.challenge.as_deref(),
            request.nonce.as_deref(),
            signed_in_at,
            now + LIFE
        ],
    )
    .await?;
    unit.commit().await?;
    Ok(code)
}

/// `authorization_code`.
pub(crate) async fn redeem(call: &Call, form: &Form, application: &Application) -> Outcome<Output> {
    let hash = call.app.keys.hash(form.need("code")?, PURPOSE)?;
    let (redirect_uri, verifier) = (form.get("redirect_uri"), form.get("code_verifier"));
    let mut unit = call.begin().await?;
    let now = unit.now();
    // Whoever shows a code uses it up, rightly or not: a code is worth one attempt.
    let row = unit
        .query_opt(
            "UPDATE authorization_codes SET used_at = $1 WHERE code_hash = $2 AND used_at IS NULL \
             RETURNING application_id, user_id, redirect_uri, scopes, challenge, nonce, auth_time, expires_at, family",
            params![now, hash.as_str()],
        )
        .await?;
    let Some(row) = row else {
        let used = unit
            .query_opt("SELECT family FROM authorization_codes WHERE code_hash = $1", params![hash.as_str()])
            .await?;
        if let Some(used) = used {
            let family: String = used.get(0)?;
            end_family(&mut unit, &family).await?;
            tracing::warn!(client = application.key, "an authorization code was shown twice; what came from it ends");
        }
        unit.commit().await?;
        return Err(invalid_grant());
    };
    let challenge: Option<String> = row.get(4)?;
    let proved = match (&challenge, verifier) {
        (Some(challenge), Some(verifier)) => pkce::fits(verifier, challenge),
        (None, None) => application.is_confidential,
        // A verifier without a challenge: somebody took the challenge away (RFC 9700, section 4.8).
        _ => false,
    };
    let fits = proved
        && row.get::<i64>(0)? == application.id
        && redirect_uri == Some(row.get::<String>(2)?.as_str())
        && row.get::<Micros>(7)? > now;
    let user = users::by_id(&mut unit, row.get(1)?).await?.filter(|u| u.is_active);
    let (true, Some(user)) = (fits, user) else {
        unit.commit().await?;
        return Err(invalid_grant());
    };
    let granted: Vec<String> = row.get::<String>(3)?.split(' ').map(str::to_owned).collect();
    let (nonce, auth_time, family): (Option<String>, Micros, String) = (row.get(5)?, row.get(6)?, row.get(8)?);
    let nonce = nonce.as_deref();
    let grant = Grant { application, user: &user, scopes: &granted, family: &family, auth_time, nonce };
    tokens(call, unit, &grant).await
}

/// What a person has granted to a client and the client may now have.
pub(crate) struct Grant<'a> {
    pub application: &'a Application,
    pub user: &'a User,
    pub scopes: &'a [String],
    /// The family of everything that comes of it.
    pub family: &'a str,
    /// When the person signed in.
    pub auth_time: Micros,
    /// The authorization request's.
    pub nonce: Option<&'a str>,
}

/// Writes what the grant leaves behind, commits the unit, and makes the answer with the tokens.
pub(crate) async fn tokens(call: &Call, mut unit: Unit, grant: &Grant<'_>) -> Outcome<Output> {
    let &Grant { application, user, scopes: granted, family, auth_time, nonce } = grant;
    let refresh_token = match granted.iter().any(|s| s == scopes::OFFLINE) {
        true => {
            let first = refresh::Next { family, application, user, scopes: granted, auth_time };
            Some(refresh::issue(call, &mut unit, &first).await?)
        }
        false => None,
    };
    unit.commit().await?;
    let issue = Issue {
        client_id: &application.key,
        user,
        scopes: granted,
        tenant_id: None,
        sid: Some(family),
        auth_time,
        life: ACCESS_LIFE,
    };
    let token = issue::access_token(call, &issue).await?;
    let identity = match granted.iter().any(|s| s == scopes::OPENID) {
        true => Some(issue::identity_token(call, &issue, nonce, &token).await?),
        false => None,
    };
    let body = issue::answer(&token, ACCESS_LIFE, granted, refresh_token.as_deref(), identity.as_deref());
    Ok(Output::json(body))
}

/// Ends a family: its refresh tokens, and the access tokens that were issued with them.
pub(crate) async fn end_family(unit: &mut Unit, family: &str) -> Result<()> {
    let now = unit.now();
    unit.execute(
        "UPDATE refresh_tokens SET revoked_at = $1 WHERE family = $2 AND revoked_at IS NULL",
        params![now, family],
    )
    .await?;
    end_access(unit, family, now + ACCESS_LIFE).await
}

/// Makes access tokens void by their own or their family's id, until they would have ended anyway.
pub(crate) async fn end_access(unit: &mut Unit, id: &str, until: Micros) -> Result<()> {
    unit.execute(
        "INSERT INTO revoked_tokens (id, expires_at) VALUES ($1, $2) \
         ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
        params![id, until],
    )
    .await?;
    watch::raise(unit).await
}
