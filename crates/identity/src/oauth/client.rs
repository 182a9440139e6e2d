//! Which client calls an endpoint, and whether it proves it: by HTTP Basic or by parameters, never by both (RFC 6749,
//! section 2.3). Clients without a secret only name themselves.

use super::failure::{Outcome, invalid_client, invalid_request};
use super::form::Form;
use crate::applications::{self, Application, Proof};
use crate::identity::Identity;
use bandmaster_api::Call;
use bandmaster_core::ids::parse_guid;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::sync::Arc;

/// What a request says about its client.
pub(crate) struct Shown {
    pub id: String,
    pub secret: Option<String>,
    /// Whether it said so in the Authorization header.
    pub by_header: bool,
}

/// Reads the client's id and secret.
pub(crate) fn shown(call: &Call, form: &Form) -> Outcome<Shown> {
    let mut headers = call.headers().get_all("authorization").iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err(invalid_request("The Authorization header occurs more than once."));
    }
    let basic = match header {
        None => None,
        Some(value) => {
            let text = value.to_str().map_err(|_| invalid_client(true))?;
            match text.split_once(' ') {
                Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                    Some(basic(rest.trim()).ok_or_else(|| invalid_client(true))?)
                }
                // Some clients send the token they have beside the form; it says nothing about the client.
                _ => None,
            }
        }
    };
    let secret = form.get("client_secret");
    match basic {
        Some((id, password)) => {
            if secret.is_some() {
                return Err(invalid_request("The client authenticates in two ways."));
            }
            if form.get("client_id").is_some_and(|other| other != id) {
                return Err(invalid_request("The client names two different ids."));
            }
            Ok(Shown { id, secret: Some(password).filter(|p| !p.is_empty()), by_header: true })
        }
        None => {
            let id = form.need("client_id")?.to_owned();
            Ok(Shown { id, secret: secret.map(str::to_owned), by_header: false })
        }
    }
}

/// Id and secret of a Basic credential; both are form-encoded in it.
fn basic(credential: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(credential).or_else(|_| STANDARD_NO_PAD.decode(credential)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        // A lone value cannot contain what separates pairs.
        let pairs = bandmaster_odata::options::query_pairs(&format!("v={}", text.replace('&', "%26"))).ok()?;
        pairs.into_iter().next().map(|(_, v)| v)
    };
    let id = decode(id)?;
    if id.is_empty() {
        return None;
    }
    Some((id, decode(secret)?))
}

/// The application that calls, after it has proved to be it. A confidential one needs a secret; one without must
/// not send any.
pub(crate) async fn authenticated(call: &Call, form: &Form) -> Outcome<(Application, Shown)> {
    let shown = shown(call, form)?;
    let application = proved(call, &shown).await?.ok_or_else(|| invalid_client(shown.by_header))?;
    Ok((application, shown))
}

/// The application of the id and secret; none when they do not fit.
pub(crate) async fn proved(call: &Call, shown: &Shown) -> Outcome<Option<Application>> {
    if shown.secret.is_some() {
        return Ok(proof(call, shown).await?.map(|proof| proof.application.clone()));
    }
    let Some(key) = parse_guid(&shown.id) else { return Ok(None) };
    let mut conn = call.read().await?;
    // Without a secret only those are believed that have none.
    Ok(applications::by_key(&mut conn, &key).await?.filter(|a| !a.is_confidential))
}

/// The application of a secret that was shown; none when they do not fit. What was found stays true as long as the
/// version of all credentials does, which is read each time.
pub(crate) async fn proof(call: &Call, shown: &Shown) -> Outcome<Option<Arc<Proof>>> {
    let (Some(key), Some(secret)) = (parse_guid(&shown.id), &shown.secret) else { return Ok(None) };
    let identity = Identity::of(&call.app)?;
    let version = identity.watch().now(&call.app).await?;
    let place = (key, applications::secret_hash(&call.app.keys, secret)?);
    if let Some((known, proof)) = identity.proofs().get(&place)
        && known == version
    {
        return Ok(Some(proof).filter(|p| p.secret_expires_at.is_none_or(|at| at > call.now())));
    }
    let found = applications::proof(&mut call.read().await?, &place.0, &place.1, call.now()).await?;
    let found = found.map(Arc::new);
    match &found {
        Some(proof) => identity.proofs().insert(place, (version, proof.clone())),
        None => identity.proofs().invalidate(&place),
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials() {
        let of = |text: &str| basic(&STANDARD.encode(text));
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(of("id:secret"), pair("id", "secret"));
        assert_eq!(of("id:a%3Ab+c%2B"), pair("id", "a:b c+"));
        assert_eq!(of("id:a&b=c"), pair("id", "a&b=c"));
        assert_eq!(of("id:"), pair("id", ""));
        assert_eq!(basic(&STANDARD_NO_PAD.encode("id:s")), pair("id", "s"));
        for bad in [
            STANDARD.encode("id"),
            STANDARD.encode(":s"),
            STANDARD.encode([0xff, b':', b'a']),
            "%%%".into(),
            String::new(),
        ] {
            assert_eq!(basic(&bad), None, "{bad}");
        }
    }
}
