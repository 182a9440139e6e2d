//! A provider for tests: it publishes what a provider publishes, gives tokens for codes that a test has approved, and lies as
//! it is told.

use crate::browser::returned;
use crate::world::{Answer, encoded};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const CLIENT: &str = "bandmaster at the provider";
pub const SECRET: &str = "planted secret: %+&";

/// RSA keys are dear to make: one for all tests of a process.
static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static EC: LazyLock<EcdsaKeyPair> = LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static OTHER: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ec_jwk(kid: &str, pair: &EcdsaKeyPair) -> Value {
    let point = pair.public_key().as_ref();
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": base64(&point[1..33]),
        "y": base64(&point[33..])})
}

fn rsa_jwk(kid: &str) -> Value {
    let key = RsaPublicKeyComponents::<Vec<u8>>::from(RSA.public_key());
    json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": base64(&key.n),
        "e": base64(&key.e)})
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    Rs256,
    Es256,
    /// With a key that is not published, under the name of one that is.
    Forged,
    /// No signature at all.
    None,
    /// HMAC with the published RSA key as the secret.
    Confused,
    /// Signed, then changed.
    Changed,
}

pub struct State {
    pub signing: Signing,
    /// Members of the token's header in place of the right ones.
    pub header: Map<String, Value>,
    /// Claims in place of the right ones; null leaves one out.
    pub claims: Map<String, Value>,
    /// Members of the document in place of the right ones; null leaves one out.
    pub document: Map<String, Value>,
    pub keys: Vec<Value>,
    /// A path that never answers.
    pub silent: Option<&'static str>,
    /// A path whose answer is endless.
    pub endless: Option<&'static str>,
    /// How often each path was asked.
    pub asked: HashMap<String, usize>,
    /// The present moment in seconds, as the tests' clock has it.
    pub now: i64,
    codes: HashMap<String, Map<String, Value>>,
}

pub struct Provider {
    pub issuer: String,
    state: Arc<Mutex<State>>,
}

impl Provider {
    pub async fn start(now: i64) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            signing: Signing::Rs256,
            header: Map::new(),
            claims: Map::new(),
            document: Map::new(),
            keys: vec![rsa_jwk("r1"), ec_jwk("e1", &EC), json!({"kty": "oct", "k": "AAAA", "kid": "o1"}), json!(7)],
            silent: None,
            endless: None,
            asked: HashMap::new(),
            now: now / 1_000_000,
            codes: HashMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let (own, name) = (state.clone(), issuer.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, own.clone(), name.clone()));
            }
        });
        Provider { issuer, state }
    }

    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.get(path).copied().unwrap_or(0)
    }

    /// The person says yes: where the provider sends the browser. `request` is what sent the browser here.
    pub fn approve(&self, request: &Answer, person: Value) -> String {
        let need = |name: &str| returned(request, name).unwrap_or_else(|| panic!("no {name}"));
        assert!(request.header("location").unwrap().starts_with(&format!("{}/authorize?", self.issuer)));
        assert_eq!((need("response_type"), need("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!(
            (need("client_id"), need("redirect_uri")),
            (CLIENT.into(), "http://bm.test/identity/account/outside/return".into())
        );
        assert!(need("scope").split(' ').any(|s| s == "openid") && need("state").len() == 43);
        let mut state = self.state.lock().unwrap();
        let code = format!("code {}", state.codes.len());
        let mut kept = person.as_object().unwrap().clone();
        kept.insert("nonce".into(), need("nonce").into());
        kept.insert(" challenge".into(), need("code_challenge").into());
        kept.insert(" redirect".into(), need("redirect_uri").into());
        state.codes.insert(code.clone(), kept);
        format!("/identity/account/outside/return?{}", encoded(&[("code", &code), ("state", &need("state"))]))
    }
}

fn token(state: &State, issuer: &str, person: Map<String, Value>) -> String {
    let mut claims =
        json!({"iss": issuer, "aud": CLIENT, "iat": state.now, "exp": state.now + 300}).as_object().unwrap().clone();
    claims.extend(person.into_iter().filter(|(n, _)| !n.starts_with(' ')));
    for (name, value) in &state.claims {
        match value {
            Value::Null => claims.remove(name),
            value => claims.insert(name.clone(), value.clone()),
        };
    }
    let (alg, kid) = match state.signing {
        Signing::Rs256 | Signing::Changed => ("RS256", "r1"),
        Signing::Es256 | Signing::Forged => ("ES256", "e1"),
        Signing::None => ("none", "r1"),
        Signing::Confused => ("HS256", "r1"),
    };
    let mut header = json!({"alg": alg, "typ": "JWT", "kid": kid}).as_object().unwrap().clone();
    header.extend(state.header.clone());
    header.retain(|_, v| !v.is_null());
    let signed =
        format!("{}.{}", base64(json!(header).to_string().as_bytes()), base64(json!(claims).to_string().as_bytes()));
    let random = SystemRandom::new();
    let rsa = || {
        let mut signature = vec![0; RSA.public_modulus_len()];
        RSA.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        signature
    };
    let signature = match state.signing {
        Signing::Rs256 | Signing::Changed => rsa(),
        Signing::Es256 => EC.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        Signing::Forged => OTHER.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        Signing::None => Vec::new(),
        Signing::Confused => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, RSA.public_key().as_ref());
            hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
        }
    };
    if state.signing == Signing::Changed {
        claims.insert("sub".into(), json!("somebody else"));
        let head = signed.split('.').next().unwrap();
        return format!("{head}.{}.{}", base64(json!(claims).to_string().as_bytes()), base64(&signature));
    }
    format!("{signed}.{}", base64(&signature))
}

/// Status and body for a request.
fn answer(state: &mut State, issuer: &str, path: &str, head: &str, body: &str) -> (u16, Value) {
    match path {
        "/.well-known/openid-configuration" => {
            let mut document = json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
                "end_session_endpoint": format!("{issuer}/end"),
            });
            document.as_object_mut().unwrap().extend(state.document.clone());
            document.as_object_mut().unwrap().retain(|_, v| !v.is_null());
            (200, document)
        }
        "/keys" => (200, json!({"keys": state.keys})),
        "/token" => {
            let pairs: HashMap<String, String> =
                bandmaster_odata::options::query_pairs(body).unwrap().into_iter().collect();
            let pair = format!("{}:{}", crate::world::encode(CLIENT), crate::world::encode(SECRET));
            // Letters, digits and four signs may stand as they are; the rest is compared decoded.
            let basic = head.lines().find_map(|l| l.strip_prefix("authorization: Basic "));
            let shown = basic.map(|b| String::from_utf8(STANDARD.decode(b.trim()).unwrap()).unwrap());
            let known = shown == Some(pair) || pairs.get("client_secret").is_some_and(|s| s == SECRET);
            if !known {
                return (401, json!({"error": "invalid_client"}));
            }
            let Some(person) = state.codes.remove(&pairs["code"]) else {
                return (400, json!({"error": "invalid_grant"}));
            };
            let challenge = base64(digest::digest(&digest::SHA256, pairs["code_verifier"].as_bytes()).as_ref());
            if person[" challenge"] != challenge || person[" redirect"] != pairs["redirect_uri"] {
                return (400, json!({"error": "invalid_grant"}));
            }
            (200, json!({"access_token": "x", "token_type": "Bearer", "id_token": token(state, issuer, person)}))
        }
        _ => (404, Value::Null),
    }
}

async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>, issuer: String) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let length =
            head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |n| n.trim().parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        let (silent, endless, (status, value)) = {
            let mut state = state.lock().unwrap();
            *state.asked.entry(path.clone()).or_default() += 1;
            let told = answer(&mut state, &issuer, &path, &head, &String::from_utf8(body).ok()?);
            (state.silent == Some(path.as_str()), state.endless == Some(path.as_str()), told)
        };
        if silent {
            std::future::pending::<()>().await;
        }
        if endless {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await
                .ok()?;
            loop {
                stream.write_all(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).as_bytes()).await.ok()?;
            }
        }
        let text = value.to_string();
        let told = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(told.as_bytes()).await.ok()?;
    }
}

/// A key of the provider's under another name, for a change of keys.
pub fn renamed(kid: &str) -> Value {
    ec_jwk(kid, &EC)
}
