//! JSON Web Tokens (RFC 7519, RFC 9068): signing, and checking what does not need the database beyond the keys.
//!
//! The algorithm is RS256 and nothing else. The key is found by its id among the installation's own; whatever a
//! token says about where keys are to be had (`jku`, `jwk`, `x5u`, `x5c`) is not looked at. The issuer's address
//! is not compared, since one installation is reached under several; the signature tells whose token it is.

use crate::claims::{AUDIENCE, Claims};
use crate::identity::Identity;
use crate::keys::Signer;
use bandmaster_api::App;
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value, json};

/// Type of an access token's header.
const ACCESS: &str = "at+jwt";
/// Type of an identity token's header.
const IDENTITY: &str = "JWT";
/// Nodes' clocks may differ by this much.
const SKEW_SECONDS: i64 = 60;

fn sign(signer: &Signer, ty: &str, claims: &Map<String, Value>) -> Result<String> {
    let header = json!({"alg": "RS256", "typ": ty, "kid": signer.kid}).to_string();
    let payload = serde_json::to_vec(claims).map_err(|e| Error::internal(e.to_string()))?;
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    // Signed here and not by the JWT library, which would parse the private key again for every token.
    let signature = signer.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Signs an access token. `more` holds claims for clients (names and such).
pub async fn access_token(app: &App, issuer: &str, claims: &Claims, more: Map<String, Value>) -> Result<String> {
    let mut all = claims.to_json(issuer);
    for (name, value) in more {
        all.entry(name).or_insert(value);
    }
    let signer = Identity::of(app)?.keys().signer(app).await?;
    sign(&signer, ACCESS, &all)
}

/// Signs an identity token.
pub async fn identity_token(app: &App, claims: &Map<String, Value>) -> Result<String> {
    let signer = Identity::of(app)?.keys().signer(app).await?;
    sign(&signer, IDENTITY, claims)
}

/// Why a token does not count; for the log, never for the caller.
fn void(why: &str) -> Error {
    Error::unauthenticated().because(why)
}

fn validation(audience: Option<&str>) -> Validation {
    let mut v = Validation::new(Algorithm::RS256);
    // Time is checked below, with the server's own clock.
    v.validate_exp = false;
    v.validate_nbf = false;
    match audience {
        Some(audience) => v.set_audience(&[audience]),
        None => v.validate_aud = false,
    }
    v.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    v
}

async fn decoded(app: &App, token: &str, ty: &str, audience: Option<&str>) -> Result<Map<String, Value>> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| void("the token's header cannot be read"))?;
    if header.alg != Algorithm::RS256 || header.crit.is_some() {
        return Err(void("the token's algorithm is not ours"));
    }
    if header.typ.as_deref() != Some(ty) {
        return Err(void("the token is of another type"));
    }
    let kid = header.kid.ok_or_else(|| void("the token names no key"))?;
    let Some(key) = Identity::of(app)?.keys().checker(app, &kid).await? else {
        return Err(void("the token's key is not known"));
    };
    let data = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation(audience))
        .map_err(|e| void(&format!("the token is not valid: {:?}", e.kind())))?;
    if !data.claims.get("iss").and_then(Value::as_str).is_some_and(|i| i.ends_with("/identity")) {
        return Err(void("the token's issuer is not ours"));
    }
    Ok(data.claims)
}

/// Checks an access token: its signature, type, audience and time. 401 when anything is wrong.
pub async fn checked(app: &App, token: &str) -> Result<Claims> {
    let json = decoded(app, token, ACCESS, Some(AUDIENCE)).await?;
    let claims = Claims::from_json(&json).ok_or_else(|| void("the token lacks claims"))?;
    let now = app.clock.now();
    if claims.expires_at <= now {
        return Err(void("the token is over"));
    }
    let begins = json.get("nbf").map_or(Some(0), Value::as_i64).ok_or_else(|| void("the token lacks claims"))?;
    if begins.saturating_sub(SKEW_SECONDS) > now / SECOND || claims.issued_at > now + MINUTE {
        return Err(void("the token has not begun"));
    }
    Ok(claims)
}

/// Checks an identity token that a client shows as a hint: signature and type only, since it may well be over.
/// Answers its `sub` and its client.
pub async fn hint(app: &App, token: &str) -> Result<(String, String)> {
    let json = decoded(app, token, IDENTITY, None).await?;
    let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    text("sub").zip(text("aud")).ok_or_else(|| void("the token lacks claims"))
}
