//! What a provider says about itself (OpenID Connect Discovery 1.0), and its keys: fetched through the guard, bounded,
//! and remembered for an hour. A token that names an unknown key makes the keys be fetched again, but not more often than
//! once a minute.

use super::keys::KeySet;
use super::provider::{Provider, address};
use bandmaster_api::outgoing::{Sent, Trouble, Url};
use bandmaster_api::{App, Outgoing};
use bandmaster_core::clock::{HOUR, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use jsonwebtoken::{Algorithm, DecodingKey};
use moka::sync::Cache;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest document, key set or answer in bytes.
pub(super) const LARGEST: usize = 256 << 10;
/// Conversations with one provider at the same time, on one node: a provider that hangs holds up no more.
const AT_ONCE: usize = 8;
const REMEMBERED: u64 = 500;

/// Why a provider cannot be used; the words are for the administrator and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfit(pub &'static str);

impl From<Trouble> for Unfit {
    fn from(trouble: Trouble) -> Unfit {
        Unfit(trouble.words())
    }
}

/// What is known of a provider.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    pub authorization: Url,
    pub token: Url,
    pub keys: Url,
    /// Where people sign out there.
    pub end_session: Option<Url>,
    /// The secret goes into the body instead of the header.
    pub secret_in_body: bool,
    /// Answers name their issuer (RFC 9207).
    pub names_issuer: bool,
    fetched_at: Micros,
}

struct Fetched {
    keys: KeySet,
    at: Micros,
}

/// What this node remembers of providers.
pub(crate) struct Known {
    metadata: Cache<String, Arc<Metadata>>,
    keys: Cache<String, Arc<Fetched>>,
    lines: Cache<i64, Arc<Semaphore>>,
}

impl Default for Known {
    fn default() -> Known {
        Known { metadata: Cache::new(REMEMBERED), keys: Cache::new(REMEMBERED), lines: Cache::new(REMEMBERED) }
    }
}

impl Known {
    /// A line to a provider, held as long as the conversation lasts; none when all are taken.
    pub(super) fn line(&self, provider: &Provider) -> Option<OwnedSemaphorePermit> {
        let lines = self.lines.get_with(provider.id, || Arc::new(Semaphore::new(AT_ONCE)));
        lines.try_acquire_owned().ok()
    }

    /// What the provider says about itself.
    pub(super) async fn metadata(&self, app: &App, provider: &Provider) -> Result<Result<Arc<Metadata>, Unfit>> {
        let now = app.clock.now();
        let fresh = |m: &Arc<Metadata>| now >= m.fetched_at && now - m.fetched_at < HOUR;
        if let Some(known) = self.metadata.get(&provider.issuer).filter(fresh) {
            return Ok(Ok(known));
        }
        let place = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let Some(place) = address(&place) else { return Ok(Err(Unfit("The issuer is no address."))) };
        let read = match fetch(Outgoing::of(app)?, place).await {
            Ok(document) => read(&document, &provider.issuer, now),
            Err(unfit) => Err(unfit),
        };
        Ok(read.map(|metadata| {
            let metadata = Arc::new(metadata);
            self.metadata.insert(provider.issuer.clone(), metadata.clone());
            metadata
        }))
    }

    /// Passes the key that verifies a token to a function.
    pub(super) async fn with_key<T>(
        &self,
        app: &App,
        metadata: &Metadata,
        kid: Option<&str>,
        algorithm: Algorithm,
        then: impl Fn(&DecodingKey) -> Result<T, Unfit>,
    ) -> Result<Result<T, Unfit>> {
        let now = app.clock.now();
        let place = metadata.keys.to_string();
        let known = self.keys.get(&place).filter(|k| now >= k.at && now - k.at < HOUR);
        if let Some(known) = &known {
            if let Some(key) = known.keys.find(kid, algorithm) {
                return Ok(then(key));
            }
            if now - known.at < MINUTE {
                return Ok(Err(UNKNOWN_KEY));
            }
        }
        let set = match fetch(Outgoing::of(app)?, metadata.keys.clone()).await {
            Ok(set) => set,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let Some(keys) = KeySet::read(&set) else { return Ok(Err(Unfit("The provider's keys cannot be read."))) };
        let fetched = Arc::new(Fetched { keys, at: now });
        self.keys.insert(place, fetched.clone());
        Ok(fetched.keys.find(kid, algorithm).ok_or(UNKNOWN_KEY).and_then(then))
    }

    /// Forgets what a provider says about itself, so that an administrator's trial asks it anew.
    pub(super) fn forget(&self, issuer: &str) {
        if let Some(known) = self.metadata.remove(issuer) {
            self.keys.invalidate(known.keys.as_str());
        }
    }
}

const UNKNOWN_KEY: Unfit = Unfit("The identity token is signed with a key that the provider does not publish.");

async fn fetch(out: &Outgoing, place: Url) -> Result<Value, Unfit> {
    let answer = out.send(Sent::get(place, LARGEST)).await?;
    if answer.status != 200 {
        return Err(Unfit("The provider does not answer with what it should publish."));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Unfit(Trouble::NotUnderstood.words()))
}

fn read(document: &Value, issuer: &str, now: Micros) -> Result<Metadata, Unfit> {
    // Exactly: another issuer's document would let it speak for this one.
    if document["issuer"].as_str() != Some(issuer) {
        return Err(Unfit("The provider says that it is another issuer."));
    }
    let place = |name: &str| document[name].as_str().and_then(address);
    let (Some(authorization), Some(token), Some(keys)) =
        (place("authorization_endpoint"), place("token_endpoint"), place("jwks_uri"))
    else {
        return Err(Unfit("The provider does not name its endpoints, or not over TLS."));
    };
    let methods = document["token_endpoint_auth_methods_supported"].as_array();
    let has = |word: &str| methods.is_some_and(|list| list.iter().any(|m| m == word));
    Ok(Metadata {
        authorization,
        token,
        keys,
        end_session: place("end_session_endpoint"),
        secret_in_body: has("client_secret_post") && !has("client_secret_basic"),
        names_issuer: document["authorization_response_iss_parameter_supported"] == true,
        fetched_at: now,
    })
}

/// Whether an administrator's provider answers as it should: its document and its keys.
pub(super) async fn tried(known: &Known, app: &App, provider: &Provider) -> Result<Result<(), Unfit>> {
    known.forget(&provider.issuer);
    let metadata = match known.metadata(app, provider).await? {
        Ok(metadata) => metadata,
        Err(unfit) => return Ok(Err(unfit)),
    };
    let set = match fetch(Outgoing::of(app)?, metadata.keys.clone()).await {
        Ok(set) => set,
        Err(unfit) => return Ok(Err(unfit)),
    };
    Ok(KeySet::read(&set).map(|_| ()).ok_or(Unfit("The provider's keys cannot be read.")))
}

/// The provider's keeper.
pub(super) fn known(app: &App) -> Result<&Known> {
    let identity = crate::identity::Identity::of(app).map_err(|_| Error::internal("no identity service"))?;
    Ok(identity.outside())
}
