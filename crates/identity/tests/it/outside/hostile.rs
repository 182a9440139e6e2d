//! What must not go right.

use super::{Administrator, CLIENT, PATH, Provider, Signing, attempts, person, pressed, renamed, sign_in, signed_in};
use crate::browser::{Browser, returned};
use serde_json::{Map, Value, json};

fn members(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

both! {
    async fn tokens_that_are_not_right_lead_nowhere(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({"createAccounts": true})).await;
        let now = world.now() / 1_000_000;
        let (none, right) = (json!({}), Signing::Rs256);
        let cases = [
            ("another nonce", right, none.clone(), json!({"nonce": "another"})),
            ("no nonce", right, none.clone(), json!({"nonce": null})),
            ("another issuer", right, none.clone(), json!({"iss": "https://id.example.test"})),
            ("an issuer with a stroke", right, none.clone(), json!({"iss": format!("{}/", provider.issuer)})),
            ("no issuer", right, none.clone(), json!({"iss": null})),
            ("another audience", right, none.clone(), json!({"aud": "another client"})),
            ("no audience", right, none.clone(), json!({"aud": null})),
            ("an audience of others", right, none.clone(), json!({"aud": ["x", "y"]})),
            ("several audiences, no party", right, none.clone(), json!({"aud": [CLIENT, "y"]})),
            ("another party", right, none.clone(), json!({"aud": [CLIENT, "y"], "azp": "y"})),
            ("another party alone", right, none.clone(), json!({"azp": "y"})),
            ("over", right, none.clone(), json!({"exp": now - 60})),
            ("no end", right, none.clone(), json!({"exp": null})),
            ("an end in words", right, none.clone(), json!({"exp": "tomorrow"})),
            ("not begun", right, none.clone(), json!({"nbf": now + 61})),
            ("a beginning in words", right, none.clone(), json!({"nbf": "now"})),
            ("issued later", right, none.clone(), json!({"iat": now + 61})),
            ("not issued", right, none.clone(), json!({"iat": null})),
            ("nobody", right, none.clone(), json!({"sub": null})),
            ("an empty name", right, none.clone(), json!({"sub": ""})),
            ("a number", right, none.clone(), json!({"sub": 7})),
            ("a long name", right, none.clone(), json!({"sub": "x".repeat(256)})),
            ("no signature", Signing::None, none.clone(), none.clone()),
            ("no signature, in capitals", Signing::None, json!({"alg": "NONE"}), none.clone()),
            ("the public key as a secret", Signing::Confused, none.clone(), none.clone()),
            ("the public key as a secret, said to be RS256", Signing::Confused, json!({"alg": "RS256"}), none.clone()),
            ("another's key", Signing::Forged, none.clone(), none.clone()),
            ("another's key of its own saying", Signing::Forged, json!({"jwk": renamed("e1"), "kid": "x"}), none.clone()),
            ("changed", Signing::Changed, none.clone(), none.clone()),
            ("an unknown key", right, json!({"kid": "r9"}), none.clone()),
            ("a key of another algorithm", right, json!({"kid": "e1"}), none.clone()),
            ("another algorithm", right, json!({"alg": "RS384"}), none.clone()),
            ("a critical extension", right, json!({"crit": ["x"], "x": 1}), none.clone()),
            ("another kind of token", right, json!({"typ": "at+jwt"}), none.clone()),
        ];
        let mut browser = Browser::default();
        for (what, signing, header, claims) in &cases {
            provider.set(|p| (p.signing, p.header, p.claims) = (*signing, members(header.clone()), members(claims.clone())));
            let page = sign_in(world, &provider, &mut browser, person("s-1", "ana@example.test", true)).await;
            assert_eq!(page.status, 400, "{what}: {}", page.body);
            assert!(page.body.contains("Signing in with the provider failed."), "{what}");
            assert!(!browser.cookies.contains_key("bandmaster-session"), "{what}");
        }
        assert_eq!(attempts(world).await, vec!["externalFailedAuthentication"; cases.len()]);
        assert_eq!(world.count("SELECT COUNT(*) FROM outside_links").await, 0);
        // What is allowed: a minute's difference of clocks, several audiences with the right party, fractions of seconds.
        for claims in [
            json!({"exp": now - 59, "iat": now + 60}),
            json!({"aud": [CLIENT, "y"], "azp": CLIENT}),
            json!({"exp": f64::from(i32::try_from(now).unwrap()) + 0.5}),
        ] {
            provider.set(|p| (p.signing, p.header, p.claims) = (right, Map::new(), members(claims.clone())));
            let page = sign_in(world, &provider, &mut Browser::default(), person("s-1", "ana@example.test", true)).await;
            assert_eq!(page.status, 200, "{claims}");
        }
    }

    async fn a_state_is_good_once_and_for_its_browser(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({})).await;
        let ana = || person("s-1", "ana@example.test", true);
        let (mut browser, mut other) = (Browser::default(), Browser::default());
        let request = pressed(world, &mut browser).await;
        let back = provider.approve(&request, ana());
        // Another browser, without and with a sign-in of its own under way.
        assert_eq!(other.get(world, &back).await.status, 400);
        pressed(world, &mut other).await;
        assert_eq!(other.get(world, &back).await.status, 400);
        assert!(signed_in(world, &mut other).await.is_none() && provider.asked("/token") == 0);
        // The browser that began it is not disturbed by that; the second time it is over.
        assert_eq!(browser.get(world, &back).await.status, 200);
        assert!(signed_in(world, &mut browser).await.is_some());
        assert_eq!(browser.get(world, &back).await.status, 400);
        assert_eq!(provider.asked("/token"), 1);
        // Too late, made up, missing, doubled.
        let request = pressed(world, &mut browser).await;
        let late = provider.approve(&request, ana());
        world.advance(600);
        for path in [
            late.as_str(),
            "/identity/account/outside/return?code=x&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "/identity/account/outside/return?code=x",
            "/identity/account/outside/return",
            "/identity/account/outside/return?state=a&state=b&code=x",
        ] {
            assert_eq!(browser.get(world, path).await.status, 400, "{path}");
        }
        assert_eq!(provider.asked("/token"), 1);
        // Two tabs of one browser do not disturb each other.
        let (one, two) = (pressed(world, &mut browser).await, pressed(world, &mut browser).await);
        provider.set(|p| p.now += 600);
        for request in [one, two] {
            let back = provider.approve(&request, ana());
            assert_eq!(browser.get(world, &back).await.status, 200);
        }
    }

    async fn answers_of_others_and_refusals_lead_nowhere(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({})).await;
        let mut browser = Browser::default();
        let ana = || person("s-1", "ana@example.test", true);
        let request = pressed(world, &mut browser).await;
        let back = format!("{}&iss=https%3A%2F%2Fid.example.test", provider.approve(&request, ana()));
        assert_eq!(browser.get(world, &back).await.status, 400);
        let request = pressed(world, &mut browser).await;
        let state = returned(&request, "state").unwrap();
        let refused = browser.get(world, &format!("/identity/account/outside/return?error=access_denied&error_description=%3Cb%3E&state={state}")).await;
        assert!(refused.status == 400 && !refused.body.contains("<b>"));
        assert_eq!(provider.asked("/token"), 0);
        let request = pressed(world, &mut browser).await;
        let issuer = crate::world::encode(&provider.issuer);
        let back = format!("{}&iss={issuer}", provider.approve(&request, ana()));
        assert_eq!(browser.get(world, &back).await.status, 200);
        // A code that the provider does not know.
        let request = pressed(world, &mut browser).await;
        let state = returned(&request, "state").unwrap();
        let page = browser.get(world, &format!("/identity/account/outside/return?code=made-up&state={state}")).await;
        assert_eq!(page.status, 400);
        assert_eq!(attempts(world).await.iter().filter(|a| *a == "externalFailedAuthentication").count(), 3);
    }

    async fn a_provider_that_says_so_must_name_itself(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        provider.set(|p| p.document = members(json!({"authorization_response_iss_parameter_supported": true})));
        admin.name(world, &provider, json!({})).await;
        let page = sign_in(world, &provider, &mut Browser::default(), person("s-1", "ana@example.test", true)).await;
        assert_eq!(page.status, 400);
    }

    async fn documents_that_are_not_right_lead_nowhere(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        let made = admin.name(world, &provider, json!({})).await;
        let check = format!("{}/{}/check", PATH, made["id"].as_str().unwrap());
        for document in [
            json!({"issuer": "https://id.example.test"}),
            json!({"issuer": format!("{}/", provider.issuer)}),
            json!({"issuer": null}),
            json!({"authorization_endpoint": null}),
            json!({"authorization_endpoint": "javascript:alert(1)"}),
            json!({"token_endpoint": "http://id.example.test/token"}),
            json!({"jwks_uri": "file:///etc/passwd"}),
        ] {
            provider.set(|p| p.document = members(document.clone()));
            assert_eq!(pressed(world, &mut Browser::default()).await.status, 503, "{document}");
            let (status, told) = admin.send(world, "POST", &check, json!({})).await;
            assert!(status == 200 && told["succeeded"] == false && told["error"].is_string(), "{document}: {told}");
        }
        // Endpoints that the guard does not let through are as closed as the issuer itself.
        provider.set(|p| p.document = members(json!({"jwks_uri": "http://127.0.0.2:1/keys"})));
        let (_, told) = admin.send(world, "POST", &check, json!({})).await;
        assert_eq!(told["error"], "The server's configuration does not allow connections to this address.");
        provider.set(|p| p.document = Map::new());
        assert_eq!(admin.send(world, "POST", &check, json!({})).await.1, json!({"succeeded": true, "error": null}));
    }

    async fn providers_that_hang_or_never_end_are_given_up(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({})).await;
        let ana = || person("s-1", "ana@example.test", true);
        provider.set(|p| p.endless = Some("/.well-known/openid-configuration"));
        assert_eq!(pressed(world, &mut Browser::default()).await.status, 503);
        provider.set(|p| p.endless = Some("/token"));
        assert_eq!(sign_in(world, &provider, &mut Browser::default(), ana()).await.status, 400);
        provider.set(|p| p.endless = Some("/keys"));
        assert_eq!(sign_in(world, &provider, &mut Browser::default(), ana()).await.status, 400);
        provider.set(|p| (p.endless, p.silent) = (None, Some("/token")));
        assert_eq!(sign_in(world, &provider, &mut Browser::default(), ana()).await.status, 400);
        // Not more than a few at once wait for one that hangs.
        let mut requests = Vec::new();
        for _ in 0..9 {
            let mut browser = Browser::default();
            let request = pressed(world, &mut browser).await;
            requests.push((browser, provider.approve(&request, ana())));
        }
        let waiting = requests.into_iter().map(|(mut browser, back)| async move { browser.get(world, &back).await.status.as_u16() });
        let mut told = futures::future::join_all(waiting).await;
        told.sort_unstable();
        assert_eq!((told[0], told[8]), (400, 503), "{told:?}");
        provider.set(|p| p.silent = None);
        assert_eq!(sign_in(world, &provider, &mut Browser::default(), ana()).await.status, 200);
    }
}
