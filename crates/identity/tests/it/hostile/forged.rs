//! Access tokens that were altered, forged, or are of another kind (RFC 8725).

use super::*;
use crate::world::{Node, parts};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Signs whatever it is given with the installation's own key.
async fn signed(node: &Node, header: &Value, claims: &Value) -> String {
    let signer = node.identity.keys().signer(&node.app).await.unwrap();
    let message = format!("{}.{}", part(header), part(claims));
    let signature = signer.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A key pair of the attacker's own.
struct Own(aws_lc_rs::signature::RsaKeyPair);

impl Own {
    fn make() -> Own {
        Own(aws_lc_rs::signature::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap())
    }

    fn jwk(&self) -> Value {
        use aws_lc_rs::signature::{KeyPair, RsaPublicKeyComponents};
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.0.public_key());
        json!({"kty": "RSA", "alg": "RS256", "kid": "mine", "n": URL_SAFE_NO_PAD.encode(&public.n), "e": URL_SAFE_NO_PAD.encode(&public.e)})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.0.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature))
    }
}

fn with(value: &Value, name: &str, to: Value) -> Value {
    let mut out = value.clone();
    match to {
        Value::Null => drop(out.as_object_mut().unwrap().shift_remove(name)),
        to => out[name] = to,
    }
    out
}

/// Tokens that nobody of us has signed, made from a good one.
fn altered(token: &str, header: &Value, claims: &Value) -> Vec<(String, String)> {
    let [h, p, s] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let mut out: Vec<(String, String)> = [
        ("empty signature", format!("{h}.{p}.")),
        ("no signature", format!("{h}.{p}")),
        ("two parts more", format!("{token}.x.y")),
        ("four parts", format!("{token}.{s}")),
        ("header only", h.to_owned()),
        ("dots", "..".into()),
        ("padded", format!("{token}==")),
        ("blank inside", format!("{h} .{p}.{s}")),
        ("parts swapped", format!("{p}.{h}.{s}")),
        ("signature of the payload's place", format!("{h}.{s}.{p}")),
        ("signature in plain Base64", format!("{h}.{p}.{}", STANDARD.encode(URL_SAFE_NO_PAD.decode(s).unwrap()))),
        ("signature cut", format!("{h}.{p}.{}", &s[..s.len() - 4])),
        ("signature longer", format!("{h}.{p}.{s}AAAA")),
        ("signature of zeros", format!("{h}.{p}.{}", URL_SAFE_NO_PAD.encode([0u8; 256]))),
        ("signature of ones", format!("{h}.{p}.{}", URL_SAFE_NO_PAD.encode([0xffu8; 256]))),
        ("header with one more member", format!("{}.{p}.{s}", part(&with(header, "x", json!(1))))),
        ("header no object", format!("{}.{p}.{s}", part(&json!(["RS256"])))),
        ("payload no object", format!("{h}.{}.{s}", part(&json!("x")))),
        ("nested", format!("{}.{}.{s}", part(&with(header, "cty", json!("JWT"))), URL_SAFE_NO_PAD.encode(token))),
        ("JSON form", json!({"payload": p, "protected": h, "signature": s}).to_string()),
        ("encrypted form", format!("{}.{p}.{s}.{s}.{s}", part(&json!({"alg": "dir", "enc": "A256GCM"})))),
    ]
    .map(|(n, t)| (n.to_owned(), t))
    .to_vec();
    for at in [0, 10, s.len() / 2, s.len() - 3] {
        let mut signature = s.as_bytes().to_vec();
        signature[at] = if signature[at] == b'A' { b'B' } else { b'A' };
        out.push((format!("signature altered at {at}"), format!("{h}.{p}.{}", String::from_utf8(signature).unwrap())));
    }
    for alg in [
        "none", "None", "NONE", "nOnE", "HS256", "HS512", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "",
        "RS256 ",
    ] {
        let other = part(&with(header, "alg", json!(alg)));
        out.push((format!("algorithm {alg:?} without a signature"), format!("{other}.{p}.")));
        out.push((format!("algorithm {alg:?} with the old signature"), format!("{other}.{p}.{s}")));
    }
    for (name, to) in [
        ("sub", json!("11111111-1111-4111-8111-111111111111")),
        ("exp", json!(4_102_444_800_i64)),
        ("scope", json!(["OrchestratorApiUserAccess", "PM.User"])),
        ("prt_id", json!("11111111-1111-4111-8111-111111111111")),
        ("client_id", json!("11111111-1111-4111-8111-111111111111")),
        ("sub_type", json!("machine")),
    ] {
        out.push((format!("payload with another {name}"), format!("{h}.{}.{s}", part(&with(claims, name, to)))));
    }
    out
}

/// Headers and claims that are wrong though the installation's own key has signed them.
fn wrongly_made(header: &Value, claims: &Value) -> Vec<(&'static str, Value, Value)> {
    let iat = claims["iat"].as_i64().unwrap();
    let mut out = Vec::new();
    for (name, member, to) in [
        ("no algorithm", "alg", Value::Null),
        ("algorithm none", "alg", json!("none")),
        ("algorithm RS384", "alg", json!("RS384")),
        ("algorithm no text", "alg", json!(256)),
        ("no type", "typ", Value::Null),
        ("type of an identity token", "typ", json!("JWT")),
        ("type of a logout token", "typ", json!("logout+jwt")),
        ("type in capitals", "typ", json!("AT+JWT")),
        ("no key id", "kid", Value::Null),
        ("empty key id", "kid", json!("")),
        ("unknown key id", "kid", json!("x")),
        ("key id of a path", "kid", json!("../../../../dev/null")),
        ("key id of an address", "kid", json!("https://evil.test/jwks")),
        ("key id with SQL", "kid", json!("' UNION SELECT 'x' --")),
        ("key id with a command", "kid", json!("x|id")),
        ("key id no text", "kid", json!(7)),
        ("endless key id", "kid", json!("k".repeat(5000))),
        ("critical extension", "crit", json!(["exp"])),
        ("unencoded payload", "crit", json!(["b64"])),
    ] {
        out.push((name, with(header, member, to), claims.clone()));
    }
    for (name, member, to) in [
        ("no audience", "aud", Value::Null),
        ("foreign audience", "aud", json!("somebody")),
        ("list of foreign audiences", "aud", json!(["somebody", "else"])),
        ("client as audience", "aud", json!(PUBLIC_CLIENT)),
        ("audience no text", "aud", json!(5)),
        ("audience in small letters", "aud", json!("uipath.orchestrator")),
        ("foreign issuer", "iss", json!("https://evil.test")),
        ("issuer no text", "iss", json!(1)),
        ("no issuer", "iss", Value::Null),
        ("no end", "exp", Value::Null),
        ("over", "exp", json!(iat)),
        ("end no number", "exp", json!("9999999999")),
        ("end beyond numbers", "exp", json!(i64::MAX)),
        ("end beyond everything", "exp", json!(1e300)),
        ("negative end", "exp", json!(-1)),
        ("begins later", "nbf", json!(iat + 120)),
        ("begin no number", "nbf", json!("now")),
        ("issued later", "iat", json!(iat + 120)),
        ("issued never", "iat", Value::Null),
        ("no subject", "sub", Value::Null),
        ("empty subject", "sub", json!("")),
        ("unknown subject", "sub", json!("11111111-1111-4111-8111-111111111111")),
        ("several subjects", "sub", json!([claims["sub"]])),
        ("subject of an application", "sub_type", json!("service.external")),
        ("subject of a machine", "sub_type", json!("machine")),
        ("unknown kind of subject", "sub_type", json!("root")),
        ("no kind of subject", "sub_type", Value::Null),
        ("foreign organization", "prt_id", json!("11111111-1111-4111-8111-111111111111")),
        ("no organization", "prt_id", Value::Null),
        ("old password", "stamp", json!("another")),
        ("unknown client", "client_id", json!("11111111-1111-4111-8111-111111111111")),
        ("no client", "client_id", Value::Null),
        ("no token id", "jti", Value::Null),
        ("no scopes", "scope", Value::Null),
        ("scopes no list", "scope", json!({"a": 1})),
        ("ended job", "job_key", json!("gone")),
        ("job no text", "job_key", json!(7)),
        ("tenant no number", "tenant_id", json!("1")),
    ] {
        out.push((name, header.clone(), with(claims, member, to)));
    }
    out
}

both! {
    async fn altered_and_forged_tokens_open_nothing(world: &World) {
        let mut stage = Stage::set(world).await;
        let token = world.signed_in("admin").await;
        let (header, claims) = parts(&token);
        // The test's own hand must be able to make a good one, or the rest would prove nothing.
        let own = signed(world, &header, &claims).await;
        world.who(&own).await.expect(200);
        let mut tokens = altered(&token, &header, &claims);
        for (name, header, claims) in wrongly_made(&header, &claims) {
            tokens.push((name.to_owned(), signed(world, &header, &claims).await));
        }
        let other = world.rows("SELECT key FROM organizations WHERE name = 'Other'", &[]).await[0].get::<String>(0).unwrap();
        tokens.push(("person of one organization in another".into(), signed(world, &header, &with(&claims, "prt_id", json!(other))).await));
        let foreign = with(&claims, "client_id", json!(stage.foreign.key));
        tokens.push(("client of another organization".into(), signed(world, &header, &foreign).await));

        // The public key as a shared secret.
        let jwks = world.send(get("/identity/.well-known/openid-configuration/jwks")).await.expect(200);
        let (n, kid) = (jwks["keys"][0]["n"].as_str().unwrap(), header["kid"].as_str().unwrap());
        for (name, secret) in [
            ("modulus as text", n.as_bytes().to_vec()),
            ("modulus", URL_SAFE_NO_PAD.decode(n).unwrap()),
            ("nothing", Vec::new()),
            ("key as JSON", jwks["keys"][0].to_string().into_bytes()),
            ("key set as JSON", jwks.to_string().into_bytes()),
            ("key id", kid.as_bytes().to_vec()),
        ] {
            for algorithm in [Algorithm::HS256, Algorithm::HS512] {
                let mut confused = Header::new(algorithm);
                (confused.kid, confused.typ) = (Some(kid.to_owned()), Some("at+jwt".into()));
                let token = jsonwebtoken::encode(&confused, &claims, &EncodingKey::from_secret(&secret)).unwrap();
                tokens.push((format!("{algorithm:?} with {name}"), token));
            }
        }

        // A key of the attacker's own, and all the ways to recommend it.
        let mine = Own::make();
        for (name, header) in [
            ("under our key id", header.clone()),
            ("with the key along", with(&header, "jwk", mine.jwk())),
            ("with the key along and its id", with(&with(&header, "jwk", mine.jwk()), "kid", json!("mine"))),
            ("with an address of keys", with(&header, "jku", json!("https://evil.test/jwks"))),
            ("with an address of keys and its id", with(&with(&header, "jku", json!("https://evil.test/jwks")), "kid", json!("mine"))),
            ("with an address of certificates", with(&header, "x5u", json!("https://evil.test/x.pem"))),
            ("with a certificate along", with(&header, "x5c", json!(["MIIB"]))),
            ("with a print of a certificate", with(&header, "x5t", json!("AAAA"))),
            ("without a key id, key along", with(&with(&header, "jwk", mine.jwk()), "kid", Value::Null)),
            ("with the whole key set along", with(&header, "jwks", json!({"keys": [mine.jwk()]}))),
        ] {
            tokens.push((format!("own key {name}"), mine.sign(&header, &claims)));
        }
        let [_, refresh, identity] = stage.tokens(world).await;
        tokens.push(("identity token".into(), identity));
        tokens.push(("refresh token".into(), refresh));

        let mut cases: Vec<Case> =
            tokens.iter().map(|(name, token)| case(name.as_str(), get("/api/who").bearer(token), Expected::Status(401))).collect();
        // The other places that look at tokens must not be easier to fool.
        for (name, token) in tokens.iter().filter(|(n, _)| !n.contains("identity token") && !n.contains("refresh token")) {
            let fields = [("client_id", stage.app.key.as_str()), ("client_secret", &stage.secret), ("token", token)];
            cases.push(case(format!("introspection: {name}"), post("/identity/connect/introspect").form(&fields), Expected::Inactive));
            cases.push(case(format!("userinfo: {name}"), get("/identity/connect/userinfo").bearer(token), Expected::Status(401)));
        }
        hold(world, &mut stage.browser, "forged", cases).await;

        // A key that the token brings along is not looked at, whatever it is.
        let brought = with(&with(&header, "jku", json!("https://evil.test/jwks")), "x5u", json!("https://evil.test/x"));
        world.who(&signed(world, &brought, &claims).await).await.expect(200);
    }
}
