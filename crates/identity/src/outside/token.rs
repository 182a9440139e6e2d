//! Checking an identity token (OpenID Connect Core, section 3.1.3.7). The algorithm is RS256 or ES256, whatever the
//! token or its provider would like; keys come from the provider's set alone.

use super::discovery::{Known, Metadata, Unfit};
use super::provider::Provider;
use bandmaster_api::App;
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::seal::same;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

/// Clocks may differ by so many seconds.
const SKEW: i64 = 60;
/// Longest token.
const LONGEST: usize = 64 << 10;

/// Who has signed in, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub subject: String,
    /// Only when the provider says that it has verified it.
    pub email: Option<String>,
    pub user_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub name: Option<String>,
}

/// Checks a token and reads it.
pub(super) async fn checked(
    app: &App,
    known: &Known,
    metadata: &Metadata,
    provider: &Provider,
    token: &str,
    nonce: &str,
) -> Result<Result<Person, Unfit>> {
    if token.len() > LONGEST {
        return Ok(Err(Unfit("The identity token is too large.")));
    }
    let header = match jsonwebtoken::decode_header(token) {
        Ok(header) => header,
        Err(_) => return Ok(Err(Unfit("The identity token's header cannot be read."))),
    };
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) || header.crit.is_some() {
        return Ok(Err(Unfit("The identity token's algorithm is neither RS256 nor ES256.")));
    }
    if header.typ.as_ref().is_some_and(|t| !t.eq_ignore_ascii_case("JWT")) {
        return Ok(Err(Unfit("The token is no identity token.")));
    }
    let mut validation = Validation::new(header.alg);
    // All claims are checked below, time with the server's own clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    let verified = known
        .with_key(app, metadata, header.kid.as_deref(), header.alg, |key| {
            jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation)
                .map(|data| data.claims)
                .map_err(|_| Unfit("The identity token's signature is not the provider's."))
        })
        .await?;
    Ok(verified.and_then(|claims| claimed(&claims, provider, nonce, app.clock.now() / SECOND)))
}

fn claimed(claims: &Map<String, Value>, provider: &Provider, nonce: &str, now: i64) -> Result<Person, Unfit> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(provider.issuer.as_str()) {
        return Err(Unfit("The identity token is of another issuer."));
    }
    let (meant, others) = match claims.get("aud") {
        Some(Value::String(one)) => (*one == provider.client_id, false),
        Some(Value::Array(list)) => (list.iter().any(|a| *a == provider.client_id), list.len() > 1),
        _ => (false, false),
    };
    if !meant {
        return Err(Unfit("The identity token is for another client."));
    }
    let party = claims.get("azp");
    if party.is_some_and(|p| *p != provider.client_id) || (others && party.is_none()) {
        return Err(Unfit("The identity token was issued to another client."));
    }
    // Some providers count in fractions of seconds.
    let moment = |name: &str| claims.get(name).map(|v| v.as_i64().or_else(|| v.as_f64().map(|f| f as i64)));
    let (Some(Some(ends)), Some(Some(issued))) = (moment("exp"), moment("iat")) else {
        return Err(Unfit("The identity token does not say when it is valid."));
    };
    let begins = match moment("nbf") {
        None => issued,
        Some(Some(begins)) => begins,
        Some(None) => return Err(Unfit("The identity token does not say when it is valid.")),
    };
    if ends.saturating_add(SKEW) <= now {
        return Err(Unfit("The identity token is over."));
    }
    if begins.max(issued).saturating_sub(SKEW) > now {
        return Err(Unfit("The identity token has not begun."));
    }
    if !text("nonce").is_some_and(|n| same(n, nonce)) {
        return Err(Unfit("The identity token belongs to another sign-in."));
    }
    let plain = |name: &str, most: usize| {
        let found = text(name).map(str::trim).filter(|t| !t.is_empty() && t.chars().count() <= most);
        found.filter(|t| !t.chars().any(char::is_control)).map(str::to_owned)
    };
    // A subject is compared to the letter, so it is not trimmed.
    let subject = text("sub").filter(|s| (1..=255).contains(&s.len()) && !s.chars().any(char::is_control));
    let verified = claims.get("email_verified").is_some_and(|v| *v == true || *v == "true");
    Ok(Person {
        subject: subject.ok_or(Unfit("The identity token does not say who has signed in."))?.to_owned(),
        email: plain("email", 256).filter(|_| verified),
        user_name: plain("preferred_username", 256),
        given_name: plain("given_name", 256),
        family_name: plain("family_name", 256),
        name: plain("name", 256),
    })
}
