//! Tokens that were altered, forged or borrowed.

use crate::world::{Node, get, parts};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Signs whatever it is given with the installation's own key.
async fn signed(node: &Node, header: &Value, claims: &Value) -> String {
    let signer = node.identity.keys().signer(&node.app).await.unwrap();
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = signer.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn with(value: &Value, name: &str, to: Value) -> Value {
    let mut out = value.clone();
    match to {
        Value::Null => drop(out.as_object_mut().unwrap().shift_remove(name)),
        to => out[name] = to,
    }
    out
}

both! {
    async fn altered_and_forged_tokens_open_nothing(world: &World) {
        let token = world.signed_in("admin").await;
        let (header, claims) = parts(&token);
        let kid = header["kid"].as_str().unwrap().to_owned();
        // The test's own hand must be able to make a good one, or the rest would prove nothing.
        let own = signed(world, &header, &claims).await;
        world.who(&own).await.expect(200);

        let mut bad: Vec<(String, String)> = Vec::new();
        let mut add = |what: &str, token: String| bad.push((what.to_owned(), token));
        let [h, p, s] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());

        add("empty signature", format!("{h}.{p}."));
        add("no signature", format!("{h}.{p}"));
        add("two parts more", format!("{token}.x.y"));
        add("four parts", format!("{token}.{s}"));
        add("header only", h.to_owned());
        add("dots", "..".into());
        add("padding", format!("{token}=="));
        add("blank inside", format!("{h} .{p}.{s}"));
        add("other payload", format!("{h}.{}.{s}", part(&with(&claims, "sub", json!("someone")))));
        add("other header", format!("{}.{p}.{s}", part(&with(&header, "x", json!(1)))));
        for at in [0, 10, s.len() / 2, s.len() - 3] {
            let mut signature = s.as_bytes().to_vec();
            signature[at] = if signature[at] == b'A' { b'B' } else { b'A' };
            add("signature bit", format!("{h}.{p}.{}", String::from_utf8(signature).unwrap()));
        }
        add("signature cut", format!("{h}.{p}.{}", &s[..s.len() - 4]));
        add("signature longer", format!("{h}.{p}.{s}AAAA"));
        for alg in ["none", "None", "NONE", "nOnE", "HS256", "RS512", "PS256", "ES256", "rs256", "", "RS256 "] {
            let other = with(&header, "alg", json!(alg));
            add(alg, format!("{}.{p}.", part(&other)));
            add(alg, format!("{}.{p}.{s}", part(&other)));
        }
        for (what, token) in &bad {
            assert_eq!(world.who(token).await.status, 401, "{what}");
        }

        // Signed with the installation's own key, and still no access token.
        for (what, header, claims) in [
            ("no algorithm", with(&header, "alg", Value::Null), claims.clone()),
            ("none, signed", with(&header, "alg", json!("none")), claims.clone()),
            ("other algorithm, signed", with(&header, "alg", json!("RS384")), claims.clone()),
            ("no type", with(&header, "typ", Value::Null), claims.clone()),
            ("identity token's type", with(&header, "typ", json!("JWT")), claims.clone()),
            ("no key id", with(&header, "kid", Value::Null), claims.clone()),
            ("unknown key id", with(&header, "kid", json!("x")), claims.clone()),
            ("key id of a path", with(&header, "kid", json!("../../dev/null")), claims.clone()),
            ("key id with SQL", with(&header, "kid", json!("' OR '1'='1")), claims.clone()),
            ("key id no text", with(&header, "kid", json!(7)), claims.clone()),
            ("critical extension", with(&header, "crit", json!(["exp"])), claims.clone()),
            ("no audience", header.clone(), with(&claims, "aud", Value::Null)),
            ("foreign audience", header.clone(), with(&claims, "aud", json!(["somebody"]))),
            ("audience no text", header.clone(), with(&claims, "aud", json!(5))),
            ("foreign issuer", header.clone(), with(&claims, "iss", json!("https://evil.test"))),
            ("no issuer", header.clone(), with(&claims, "iss", Value::Null)),
            ("no end", header.clone(), with(&claims, "exp", Value::Null)),
            ("over", header.clone(), with(&claims, "exp", json!(claims["iat"].as_i64().unwrap()))),
            ("end no number", header.clone(), with(&claims, "exp", json!("9999999999"))),
            ("end beyond numbers", header.clone(), with(&claims, "exp", json!(i64::MAX))),
            ("negative end", header.clone(), with(&claims, "exp", json!(-1))),
            ("begins later", header.clone(), with(&claims, "nbf", json!(claims["iat"].as_i64().unwrap() + 120))),
            ("issued later", header.clone(), with(&claims, "iat", json!(claims["iat"].as_i64().unwrap() + 120))),
            ("begin no number", header.clone(), with(&claims, "nbf", json!("now"))),
            ("no subject", header.clone(), with(&claims, "sub", Value::Null)),
            ("unknown subject", header.clone(), with(&claims, "sub", json!("11111111-1111-4111-8111-111111111111"))),
            ("subject no text", header.clone(), with(&claims, "sub", json!([claims["sub"]]))),
            ("other kind", header.clone(), with(&claims, "sub_type", json!("service.external"))),
            ("machine", header.clone(), with(&claims, "sub_type", json!("machine"))),
            ("no kind", header.clone(), with(&claims, "sub_type", Value::Null)),
            ("foreign organization", header.clone(), with(&claims, "prt_id", json!("11111111-1111-4111-8111-111111111111"))),
            ("no organization", header.clone(), with(&claims, "prt_id", Value::Null)),
            ("old password", header.clone(), with(&claims, "stamp", json!("another"))),
            ("unknown client", header.clone(), with(&claims, "client_id", json!("11111111-1111-4111-8111-111111111111"))),
            ("no id", header.clone(), with(&claims, "jti", Value::Null)),
            ("no scopes", header.clone(), with(&claims, "scope", Value::Null)),
            ("ended job", header.clone(), with(&claims, "job_key", json!("gone"))),
            ("job of no key", header.clone(), with(&claims, "job_key", json!(7))),
            ("tenant of no number", header.clone(), with(&claims, "tenant_id", json!("1"))),
        ] {
            let token = signed(world, &header, &claims).await;
            let answer = world.who(&token).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        }
        // A key that the token brings along is not looked at, whatever it is.
        let brought = with(&with(&header, "jku", json!("https://evil.test/jwks")), "x5u", json!("https://evil.test/x"));
        world.who(&signed(world, &brought, &claims).await).await.expect(200);

        // The public key as a shared secret.
        let jwks = world.send(get("/identity/.well-known/openid-configuration/jwks")).await.expect(200);
        let n = jwks["keys"][0]["n"].as_str().unwrap();
        let mut confused = Header::new(Algorithm::HS256);
        (confused.kid, confused.typ) = (Some(kid.clone()), Some("at+jwt".into()));
        for secret in [n.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(n).unwrap(), Vec::new(), jwks.to_string().into_bytes()] {
            let token = jsonwebtoken::encode(&confused, &claims, &EncodingKey::from_secret(&secret)).unwrap();
            world.who(&token).await.expect(401);
        }
    }

    async fn a_key_of_ones_own_opens_nothing(world: &World) {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
        use aws_lc_rs::rsa::KeySize;
        use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
        let (header, claims) = parts(&world.signed_in("admin").await);
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let _: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let jwk = json!({"kty": "RSA", "alg": "RS256", "n": URL_SAFE_NO_PAD.encode(&public.n), "e": URL_SAFE_NO_PAD.encode(&public.e)});
        for header in [header.clone(), with(&header, "jwk", jwk.clone()), with(&with(&header, "jwk", jwk), "kid", json!("mine"))] {
            let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
            let message = format!("{}.{}", part(&header), part(&claims));
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = aws_lc_rs::rand::SystemRandom::new();
            pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature));
            world.who(&token).await.expect(401);
        }
    }

    async fn headers_that_are_no_credential(world: &World) {
        let token = world.signed_in("admin").await;
        let who = |header: &str| get("/api/who").header("authorization", header);
        for header in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            token.clone(),
            format!("Bearer{token}"),
            format!("Token {token}"),
            format!("Bearer {token} {token}"),
            format!("Bearer \"{token}\""),
            format!("Basic {}", STANDARD.encode("admin:secret")),
            "Bearer rt_".into(),
            "Bearer rt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
            "UiRobot robot-key".into(),
            "Negotiate abc".into(),
        ] {
            assert_eq!(world.send(who(&header)).await.status, 401, "{header}");
        }
        world.send(who(&format!("Bearer {token}")).bearer(&token)).await.expect(401);
        world.send(get("/api/who")).await.expect(401);
        world.send(who(&format!("bEaReR   {token}"))).await.expect(200);
        // Where nobody needs to be known, a bad credential does no harm.
        world.send(get("/identity/.well-known/openid-configuration").bearer("nonsense")).await.expect(200);
    }
}
