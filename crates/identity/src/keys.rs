//! The RSA keys that sign tokens: made, sealed into the database, published before they sign and kept for checking
//! after. Every node reads them from there; a token signed by another node is understood at once.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair, RsaPublicKeyComponents};
use bandmaster_api::{App, Fates, Unit, UnitContext};
use bandmaster_core::clock::{DAY, MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How long a key signs.
pub const SIGNS_FOR: Micros = 30 * DAY;
/// A following key is made and published this long before it signs, so that whoever keeps the published set for a
/// while knows it in time.
pub const PUBLISHED_BEFORE: Micros = 2 * DAY;
/// A key checks for this long after it signed last; also the longest life of a token.
pub const CHECKS_AFTER: Micros = 31 * DAY;

/// The set is read again after this time.
const FRESH_FOR: Micros = 10 * MINUTE;
/// An unknown key id makes the set be read again, but not more often than this.
const UNKNOWN_PAUSE: Micros = SECOND;

/// A key that signs.
pub struct Signer {
    /// Its id, the header's `kid`.
    pub kid: String,
    pair: RsaKeyPair,
    from: Micros,
    until: Micros,
}

impl Signer {
    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256 (RS256). Takes about a millisecond.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.pair
            .sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message, &mut signature)
            .map_err(|_| Error::internal("signing a token failed"))?;
        Ok(signature)
    }
}

struct Checker {
    key: DecodingKey,
    until: Micros,
}

/// The keys known at one moment.
struct Set {
    signers: Vec<Arc<Signer>>,
    checkers: HashMap<String, Checker>,
    published: Vec<(Micros, Value)>,
    read_at: Micros,
}

impl Set {
    fn signer(&self, now: Micros) -> Option<Arc<Signer>> {
        // The one that has most of its time before it: nodes with the same set choose the same.
        self.signers.iter().filter(|s| s.from <= now && now < s.until).max_by_key(|s| s.until).cloned()
    }
}

/// The keys of the installation, as this node knows them.
#[derive(Default)]
pub struct Keys {
    set: RwLock<Option<Arc<Set>>>,
    // One at a time reads or makes keys.
    turn: tokio::sync::Mutex<()>,
}

impl Keys {
    fn known(&self) -> Option<Arc<Set>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self, app: &App, no_older_than: Micros) -> Result<Arc<Set>> {
        let _turn = self.turn.lock().await;
        if let Some(set) = self.known().filter(|s| s.read_at >= no_older_than) {
            return Ok(set);
        }
        self.read_now(app).await
    }

    async fn read_now(&self, app: &App) -> Result<Arc<Set>> {
        let now = app.clock.now();
        let mut conn = app.store.read().await?;
        let rows = conn
            .query(
                "SELECT kid, private_sealed, public_jwk, signs_from, signs_until, verifies_until FROM signing_keys \
                 WHERE verifies_until > $1 ORDER BY signs_from, id",
                params![now],
            )
            .await?;
        drop(conn);
        let before = self.known();
        let mut set = Set { signers: Vec::new(), checkers: HashMap::new(), published: Vec::new(), read_at: now };
        for row in rows {
            let (kid, from, until): (String, Micros, Micros) = (row.get(0)?, row.get(3)?, row.get(4)?);
            let checks_until: Micros = row.get(5)?;
            let jwk: Value = serde_json::from_str(&row.get::<String>(2)?)
                .map_err(|_| Error::internal("a public signing key cannot be read"))?;
            let part = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
            let key = DecodingKey::from_rsa_components(part("n"), part("e"))
                .map_err(|_| Error::internal("a public signing key cannot be read"))?;
            if now < until {
                let known = before.as_ref().and_then(|b| b.signers.iter().find(|s| s.kid == kid).cloned());
                let signer = match known {
                    Some(signer) => signer,
                    None => {
                        let der = app.keys.open(&row.get::<String>(1)?, &place(&kid))?;
                        let pair = RsaKeyPair::from_pkcs8(&der)
                            .map_err(|_| Error::internal("a private signing key cannot be read"))?;
                        Arc::new(Signer { kid: kid.clone(), pair, from, until })
                    }
                };
                set.signers.push(signer);
            }
            set.checkers.insert(kid, Checker { key, until: checks_until });
            set.published.push((checks_until, jwk));
        }
        let set = Arc::new(set);
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Some(set.clone());
        Ok(set)
    }

    /// The key to sign with now. Made on the spot when there is none, which happens at the first start and after a
    /// long standstill only.
    pub async fn signer(&self, app: &App) -> Result<Arc<Signer>> {
        let now = app.clock.now();
        if let Some(signer) = self.known().filter(|s| now - s.read_at < FRESH_FOR).and_then(|s| s.signer(now)) {
            return Ok(signer);
        }
        let _turn = self.turn.lock().await;
        if let Some(signer) = self.read_now(app).await?.signer(now) {
            return Ok(signer);
        }
        make(app, now, now + SIGNS_FOR).await?;
        self.read_now(app).await?.signer(now).ok_or_else(|| Error::internal("there is no key to sign with"))
    }

    /// The key with which a token that names `kid` is checked; none when there is no such key (any more).
    pub async fn checker(&self, app: &App, kid: &str) -> Result<Option<DecodingKey>> {
        let now = app.clock.now();
        let find = |set: &Set| set.checkers.get(kid).filter(|c| now < c.until).map(|c| c.key.clone());
        let known = self.known();
        if let Some(key) = known.as_deref().and_then(find) {
            return Ok(Some(key));
        }
        // A clock set back must not keep the set from being read.
        if known.is_some_and(|s| (0..UNKNOWN_PAUSE).contains(&(now - s.read_at))) {
            return Ok(None);
        }
        Ok(find(self.read(app, now).await?.as_ref()))
    }

    /// The published key set (RFC 7517).
    pub async fn published(&self, app: &App) -> Result<Value> {
        let now = app.clock.now();
        self.signer(app).await?;
        let set = self.read(app, now - FRESH_FOR).await?;
        let keys: Vec<&Value> = set.published.iter().filter(|(until, _)| now < *until).map(|(_, jwk)| jwk).collect();
        Ok(json!({ "keys": keys }))
    }

    /// Makes the following key when it is time, and forgets the keys that are over.
    pub async fn rotate(&self, app: &App) -> Result<()> {
        let now = app.clock.now();
        self.signer(app).await?;
        let mut conn = app.store.read().await?;
        let last: Option<Micros> =
            conn.query_one("SELECT MAX(signs_until) FROM signing_keys", params![]).await?.get(0)?;
        let over =
            conn.query_opt("SELECT 1 FROM signing_keys WHERE verifies_until <= $1", params![now]).await?.is_some();
        drop(conn);
        if let Some(last) = last.filter(|last| last - now <= PUBLISHED_BEFORE) {
            make(app, last, last.max(now) + SIGNS_FOR).await?;
        }
        if over {
            let mut unit = Unit::begin(app, UnitContext::duty("identity-keys"), Fates::default()).await?;
            unit.execute("DELETE FROM signing_keys WHERE verifies_until <= $1", params![now]).await?;
            unit.commit().await?;
        }
        let _turn = self.turn.lock().await;
        self.read_now(app).await?;
        Ok(())
    }
}

fn place(kid: &str) -> String {
    format!("signing_keys.private/{kid}")
}

/// Makes a key. Two nodes may do so at once; then there are two, which does no harm.
async fn make(app: &App, from: Micros, until: Micros) -> Result<()> {
    let failed = |_| Error::internal("making a signing key failed");
    let pair = tokio::task::spawn_blocking(|| RsaKeyPair::generate(KeySize::Rsa2048))
        .await
        .map_err(|e| Error::internal(format!("making a signing key ended abnormally: {e}")))?
        .map_err(failed)?;
    let kid = app.ids.guid().replace('-', "").to_uppercase();
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let sealed = app.keys.seal(der.as_ref(), &place(&kid))?;
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let jwk = json!({
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": URL_SAFE_NO_PAD.encode(&public.n),
        "e": URL_SAFE_NO_PAD.encode(&public.e),
    });
    let mut unit = Unit::begin(app, UnitContext::duty("identity-keys"), Fates::default()).await?;
    let now = unit.now();
    unit.execute(
        "INSERT INTO signing_keys (kid, private_sealed, public_jwk, created_at, signs_from, signs_until, \
         verifies_until) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![kid, sealed.0, jwk.to_string(), now, from, until, until + CHECKS_AFTER],
    )
    .await?;
    unit.commit().await
}
