//! Signing in with a browser: authorization requests, PKCE, the pages, consent, codes, signing out.

use crate::browser::{Browser, attribute, returned};
use crate::world::{Answer, Node, PASSWORD, encoded, get, parts, post};
use bandmaster_api::Settings;
use bandmaster_core::{RandomIds, Secret};
use bandmaster_identity::applications::{Application, NewApplication};
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_identity::{scopes, users};
use serde_json::json;

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "http://localhost:8104/oidc/login";

/// The authorization request of the vendor's command line.
fn command_line(more: &[(&str, &str)]) -> String {
    request(
        &[
            ("response_type", "code"),
            ("client_id", PUBLIC_CLIENT),
            ("redirect_uri", BACK),
            (
                "scope",
                "offline_access ProcessMining OrchestratorApiUserAccess StudioWebBackend IdentityServerApi Du.Digitization.Api TM.Projects openid",
            ),
            ("state", "a state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ],
        more,
    )
}

/// A request with some parameters replaced; empty ones are left out.
fn request(base: &[(&str, &str)], more: &[(&str, &str)]) -> String {
    let mut all: Vec<(&str, &str)> = base.to_vec();
    for (name, value) in more {
        all.retain(|(n, _)| n != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
    format!("/identity_/connect/authorize?{}", encoded(&all))
}

fn confidential(app: &Application, more: &[(&str, &str)]) -> String {
    request(
        &[
            ("response_type", "code"),
            ("client_id", &app.key),
            ("redirect_uri", "https://client.test/cb"),
            ("scope", "OR.Jobs openid email"),
            ("state", "s"),
        ],
        more,
    )
}

async fn redeem(node: &Node, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", PUBLIC_CLIENT),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    for (name, value) in more {
        fields.retain(|(n, _)| n != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    node.send(post("/identity_/connect/token").header("origin", "http://localhost:8104").form(&fields)).await
}

/// A fresh code for `admin` at the command line's client.
async fn code(node: &Node, browser: &mut Browser, more: &[(&str, &str)]) -> String {
    let answer = match browser.cookies.contains_key("bandmaster-session") {
        true => browser.get(node, &command_line(more)).await,
        false => browser.sign_in(node, &command_line(more), "admin", PASSWORD).await,
    };
    assert_eq!(answer.status, 302, "{}", answer.body);
    returned(&answer, "code").unwrap_or_else(|| panic!("{:?}", answer.header("location")))
}

both! {
    async fn the_vendors_command_line_signs_in(world: &World) {
        let mut browser = Browser::default();
        let answer = browser.sign_in(world, &command_line(&[]), "admin", PASSWORD).await;
        assert_eq!(answer.status, 302);
        assert!(answer.header("location").unwrap().starts_with("http://localhost:8104/oidc/login?"));
        assert_eq!(returned(&answer, "state").as_deref(), Some("a state"));
        assert_eq!(returned(&answer, "iss").as_deref(), Some("http://bm.test/identity"));
        let code = returned(&answer, "code").unwrap();
        let answer = redeem(world, &code, &[]).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:8104"));
        let body = answer.expect(200);
        assert_eq!(body["scope"], "offline_access OrchestratorApiUserAccess IdentityServerApi openid");
        let token = body["access_token"].as_str().unwrap();
        let (_, claims) = parts(token);
        assert_eq!((&claims["prt_id"], &claims["sub"]), (&json!(world.organization.key), &json!(world.admin.key)));
        assert_eq!(claims["sub_type"], "user");
        let who = world.who(token).await.expect(200);
        assert_eq!((&who["scopes"], &who["client"]), (&json!("all"), &json!(PUBLIC_CLIENT)));

        let (header, identity) = parts(body["id_token"].as_str().unwrap());
        assert_eq!((&header["typ"], &identity["aud"], &identity["sub"]), (&json!("JWT"), &json!(PUBLIC_CLIENT), &json!(world.admin.key)));
        assert!(identity["at_hash"].is_string());

        let path = format!("/{}/portal_/api/filtering/leftnav/tenantsAndOrganizationInfo", world.organization.key);
        let portal = world.send(get(&path).bearer(token)).await.expect(200);
        assert_eq!(portal, json!({
            "tenants": [{"id": "11111111-2222-3333-4444-555555555555", "name": "Production"}],
            "organization": {"id": world.organization.key, "name": "Default"},
        }));
        for name in ["TryEnableFirstRun", "AcquireLicense"] {
            let path = format!("/Default/Production/orchestrator_/api/StudioWeb/{name}");
            assert_eq!(world.send(post(&path).bearer(token)).await.status, 204);
        }
        let info = world.send(get("/identity/connect/userinfo").bearer(token)).await.expect(200);
        assert_eq!((&info["sub"], &info["preferred_username"]), (&json!(world.admin.key), &json!("admin")));

        let refreshed = world.token(&[
            ("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT),
            ("refresh_token", body["refresh_token"].as_str().unwrap()),
        ]).await.expect(200);
        world.who(refreshed["access_token"].as_str().unwrap()).await.expect(200);

        // The other two ports, and one that the person chose.
        for back in ["http://localhost:8055/oidc/login", "http://localhost:42042/oidc/login", "http://127.0.0.1:9999/oidc/login"] {
            let code = self::code(world, &mut browser, &[("redirect_uri", back)]).await;
            redeem(world, &code, &[("redirect_uri", back)]).await.expect(200);
        }
    }

    async fn requests_that_lead_nowhere(world: &World) {
        let (app, _) = world.confidential("app", "OR.Jobs").await;
        let mut browser = Browser::default();
        let page = |request: String| request;
        for path in [
            page(command_line(&[("client_id", "")])),
            page(command_line(&[("client_id", "nonsense")])),
            page(command_line(&[("client_id", "11111111-1111-4111-8111-111111111111")])),
            page(command_line(&[("redirect_uri", "")])),
            page(command_line(&[("redirect_uri", "https://evil.test/cb")])),
            page(command_line(&[("redirect_uri", "http://localhost:8104/oidc/login/x")])),
            page(command_line(&[("redirect_uri", "http://localhost:8104@evil.test/oidc/login")])),
            page(command_line(&[("redirect_uri", "javascript:alert(1)")])),
            page(confidential(&app, &[("redirect_uri", "https://client.test/cb/")])),
            page(confidential(&app, &[("redirect_uri", "https://client.test/cb?x=1")])),
            page(confidential(&app, &[("redirect_uri", "https://client.test:443/cb")])),
            page(confidential(&app, &[("redirect_uri", "http://localhost:1/cb")])),
            format!("{}&client_id={}", command_line(&[]), app.key),
            "/identity/connect/authorize".into(),
        ] {
            let answer = browser.get(world, &path).await;
            assert_eq!(answer.status, 400, "{path}");
            assert!(answer.header("location").is_none() && answer.header("content-type").unwrap().starts_with("text/html"));
        }
    }

    async fn wrong_requests_are_told_to_the_client(world: &World) {
        let (app, _) = world.confidential("app", "OR.Jobs").await;
        let (no_users, _) = world.application(NewApplication {
            name: "own".into(), is_confidential: true, redirect_uris: vec!["https://client.test/cb".into()],
            application_scopes: scopes::parse("OR.Jobs").unwrap(), user_scopes: vec![],
        }).await;
        let (public, _) = world.application(NewApplication {
            name: "public".into(), is_confidential: false, redirect_uris: vec!["https://client.test/cb".into()],
            application_scopes: vec![], user_scopes: scopes::parse("OR.Jobs").unwrap(),
        }).await;
        let mut browser = Browser::default();
        for (path, error) in [
            (command_line(&[("response_type", "")]), "invalid_request"),
            (command_line(&[("response_type", "token")]), "unsupported_response_type"),
            (command_line(&[("response_type", "code id_token")]), "unsupported_response_type"),
            (command_line(&[("response_mode", "fragment")]), "invalid_request"),
            (command_line(&[("code_challenge", "")]), "invalid_request"),
            (command_line(&[("code_challenge_method", "")]), "invalid_request"),
            (command_line(&[("code_challenge_method", "plain")]), "invalid_request"),
            (command_line(&[("code_challenge", "short")]), "invalid_request"),
            (command_line(&[("scope", "a\u{e4}")]), "invalid_scope"),
            (command_line(&[("prompt", "none")]), "login_required"),
            (command_line(&[("prompt", "none login")]), "invalid_request"),
            (command_line(&[("prompt", "dance")]), "invalid_request"),
            (command_line(&[("max_age", "-1")]), "invalid_request"),
            (command_line(&[("request", "x")]), "request_not_supported"),
            (command_line(&[("request_uri", "https://x")]), "request_uri_not_supported"),
            (confidential(&app, &[("scope", "OR.Queues")]), "invalid_scope"),
            (confidential(&app, &[("scope", "OR.Default")]), "invalid_scope"),
            (confidential(&app, &[("scope", "OrchestratorApiUserAccess")]), "invalid_scope"),
            (confidential(&app, &[("code_challenge_method", "S256")]), "invalid_request"),
            (confidential(&no_users, &[]), "unauthorized_client"),
            (confidential(&public, &[]), "invalid_request"),
        ] {
            let answer = browser.get(world, &path).await;
            assert_eq!(answer.status, 302, "{path}");
            assert_eq!(returned(&answer, "error").as_deref(), Some(error), "{path}");
            assert!(returned(&answer, "state").is_some() && returned(&answer, "code").is_none());
            assert_eq!(returned(&answer, "iss").as_deref(), Some("http://bm.test/identity"));
        }
    }

    async fn codes_are_worth_one_attempt_of_the_right_client(world: &World) {
        let mut browser = Browser::default();
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let other = &[("client_id", app.key.as_str()), ("client_secret", secret.as_str())][..];
        let long = "a".repeat(129);
        for more in [
            &[("code_verifier", "")][..],
            &[("code_verifier", CHALLENGE)],
            &[("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-w")],
            &[("code_verifier", &long)],
            &[("redirect_uri", "")],
            &[("redirect_uri", "http://localhost:8055/oidc/login")],
            &[("redirect_uri", "http://localhost:8104/oidc/login/")],
            other,
        ] {
            let code = code(world, &mut browser, &[]).await;
            redeem(world, &code, more).await.refused(400, "invalid_grant");
            // And it is used up.
            redeem(world, &code, &[]).await.refused(400, "invalid_grant");
        }
        redeem(world, "nonsense", &[]).await.refused(400, "invalid_grant");
        redeem(world, "", &[]).await.refused(400, "invalid_request");
        let code = code(world, &mut browser, &[]).await;
        world.advance(300);
        redeem(world, &code, &[]).await.refused(400, "invalid_grant");
    }

    async fn a_code_shown_twice_ends_what_came_from_it(world: &World) {
        let mut browser = Browser::default();
        let code = code(world, &mut browser, &[]).await;
        let body = redeem(world, &code, &[]).await.expect(200);
        let token = body["access_token"].as_str().unwrap();
        world.who(token).await.expect(200);
        redeem(world, &code, &[]).await.refused(400, "invalid_grant");
        world.who(token).await.expect(401);
        let refresh = body["refresh_token"].as_str().unwrap();
        world.token(&[("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT), ("refresh_token", refresh)]).await
            .refused(400, "invalid_grant");
    }

    async fn one_code_for_many_at_once_is_redeemed_once(world: &World) {
        let mut browser = Browser::default();
        let code = code(world, &mut browser, &[]).await;
        let (a, b, c) = tokio::join!(redeem(world, &code, &[]), redeem(world, &code, &[]), redeem(world, &code, &[]));
        let good: Vec<Answer> = [a, b, c].into_iter().filter(|a| a.status == 200).collect();
        assert_eq!(good.len(), 1);
        world.who(&good[0].text("access_token")).await.expect(401);
    }

    async fn a_confidential_client_asks_the_person_once(world: &World) {
        world.person("dana").await;
        let (app, secret) = world.confidential("<b>app</b>", "OR.Jobs OR.Assets").await;
        let mut browser = Browser::default();
        let page = browser.sign_in(world, &confidential(&app, &[("nonce", "n")]), "dana", PASSWORD).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("&lt;b&gt;app") && !page.body.contains("<b>app"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self' https://client.test;") && policy.contains("frame-ancestors 'none'"));
        let denied = browser.submit(world, &page, &[("decision", "deny")]).await;
        assert_eq!((denied.status.as_u16(), returned(&denied, "error").as_deref()), (302, Some("access_denied")));

        let answer = browser.submit(world, &page, &[("decision", "allow")]).await;
        assert_eq!(answer.status, 303);
        let code = returned(&answer, "code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"), ("client_id", app.key.as_str()), ("client_secret", &secret),
            ("redirect_uri", "https://client.test/cb"), ("code", &code),
        ];
        let body = world.token(&fields).await.expect(200);
        assert_eq!(body["scope"], "OR.Jobs openid email");
        assert!(body.get("refresh_token").is_none(), "nobody asked for one");
        let (_, identity) = parts(body["id_token"].as_str().unwrap());
        assert_eq!((&identity["nonce"], &identity["email"]), (&json!("n"), &json!("dana@example.test")));
        assert!(identity.get("name").is_none(), "the scope profile was not asked for");
        let who = world.who(body["access_token"].as_str().unwrap()).await.expect(200);
        assert_eq!((&who["name"], &who["kind"], &who["scopes"]), (&json!("dana"), &json!("User"), &json!(["OR.Jobs", "openid", "email"])));

        // Not asked again, also for less; asked again for more, or when the client wants it.
        let again = browser.get(world, &confidential(&app, &[("scope", "OR.Jobs.Read")])).await;
        assert_eq!((again.status.as_u16(), returned(&again, "code").is_some()), (302, true));
        assert_eq!(browser.get(world, &confidential(&app, &[("scope", "OR.Assets")])).await.status, 200);
        assert_eq!(browser.get(world, &confidential(&app, &[("prompt", "consent")])).await.status, 200);
        let quiet = browser.get(world, &confidential(&app, &[("scope", "OR.Assets"), ("prompt", "none")])).await;
        assert_eq!(returned(&quiet, "error").as_deref(), Some("consent_required"));

        // A verifier without a challenge is a sign of a taken-away challenge.
        let code = returned(&again, "code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"), ("client_id", app.key.as_str()), ("client_secret", &secret),
            ("redirect_uri", "https://client.test/cb"), ("code", &code), ("code_verifier", VERIFIER),
        ];
        world.token(&fields).await.refused(400, "invalid_grant");
        // With a challenge it must be proved also by a confidential client.
        let more = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        let answer = browser.get(world, &confidential(&app, &more)).await;
        let code = returned(&answer, "code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"), ("client_id", app.key.as_str()), ("client_secret", &secret),
            ("redirect_uri", "https://client.test/cb"), ("code", &code),
        ];
        world.token(&fields).await.refused(400, "invalid_grant");
    }

    async fn a_client_without_a_secret_asks_each_time(world: &World) {
        let (app, _) = world.application(NewApplication {
            name: "tool".into(), is_confidential: false, redirect_uris: vec!["https://client.test/cb".into()],
            application_scopes: vec![], user_scopes: scopes::parse("OR.Jobs").unwrap(),
        }).await;
        let more = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256"), ("scope", "OR.Jobs offline_access")];
        let mut browser = Browser::default();
        let page = browser.sign_in(world, &confidential(&app, &more), "admin", PASSWORD).await;
        let answer = browser.submit(world, &page, &[("decision", "allow")]).await;
        let code = returned(&answer, "code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"), ("client_id", app.key.as_str()),
            ("redirect_uri", "https://client.test/cb"), ("code", &code), ("code_verifier", VERIFIER),
        ];
        let body = world.token(&fields).await.expect(200);
        assert!(body["refresh_token"].is_string());
        let who = world.who(body["access_token"].as_str().unwrap()).await.expect(200);
        assert_eq!(who["scopes"], json!(["OR.Jobs", "offline_access"]));
        assert_eq!(browser.get(world, &confidential(&app, &more)).await.status, 200, "asked again");
    }

    async fn forms_of_other_sites_do_nothing(world: &World) {
        let mut browser = Browser::default();
        let page = browser.sign_in_page(world, &command_line(&[])).await;
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let good = [("username", "admin"), ("password", PASSWORD)];
        for nonce in ["", "x", &"0".repeat(64)] {
            let answer = browser.submit(world, &page, &[&good[..], &[("nonce", nonce)]].concat()).await;
            assert_eq!(answer.status, 400);
            assert!(!browser.cookies.contains_key("bandmaster-session"));
        }
        // A page of another browser.
        let mut other = Browser::default();
        assert_eq!(other.submit(world, &page, &good).await.status, 400);
        let foreign = other.sign_in_page(world, &command_line(&[])).await;
        assert_eq!(browser.submit(world, &foreign, &good).await.status, 400);
        // Sent by a script of another site, cookies and all.
        let nonce = attribute(&page.body, "name=\"nonce\"", "value").unwrap();
        let forged = post("/identity/account/login").header("sec-fetch-site", "cross-site")
            .form(&[&good[..], &[("nonce", nonce.as_str())]].concat());
        assert_eq!(browser.send(world, forged).await.status, 400);
        assert_eq!(browser.submit(world, &page, &good).await.status, 303);

        // The consent of one request is none for another, nor for another session.
        let (app, _) = world.confidential("app", "OR.Jobs OR.Assets").await;
        let consent = browser.get(world, &confidential(&app, &[])).await;
        let back = attribute(&consent.body, "name=\"return\"", "value").unwrap();
        let wider = back.replace("OR.Jobs", "OR.Jobs%20OR.Assets");
        assert_ne!(back, wider);
        assert_eq!(browser.submit(world, &consent, &[("decision", "allow"), ("return", &wider)]).await.status, 400);
        let mut other = Browser::default();
        other.sign_in(world, &command_line(&[]), "admin", PASSWORD).await;
        assert_eq!(other.submit(world, &consent, &[("decision", "allow")]).await.status, 400);
        assert_eq!(browser.submit(world, &consent, &[("decision", "allow")]).await.status, 303);
    }

    async fn the_sign_in_page_leads_only_to_the_request(world: &World) {
        let mut browser = Browser::default();
        for back in ["https://evil.test", "//evil.test", "/identity/x", "client_id=x", "%00"] {
            let answer = browser.get(world, &format!("/identity/account/login?return={}", crate::world::encode(back))).await;
            assert_eq!(answer.status, 400, "{back}");
        }
        let page = browser.get(world, "/identity/account/login").await;
        assert_eq!(page.status, 200);
        let hint = browser.sign_in_page(world, &command_line(&[("login_hint", "\"><script>")])).await;
        assert!(!hint.body.contains("<script>") && hint.body.contains("&quot;&gt;&lt;script&gt;"));
        let wrong = browser.submit(world, &page, &[("username", "admin"), ("password", "wrong")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.body.contains("role=\"alert\"") && !wrong.body.contains("value=\"wrong\""));
        let done = browser.submit(world, &page, &[("username", "admin"), ("password", PASSWORD)]).await;
        assert_eq!(done.status, 200);
        assert!(browser.cookies.contains_key("bandmaster-session"));
    }

    async fn sessions_age_and_end(world: &World) {
        let mut browser = Browser::default();
        code(world, &mut browser, &[]).await;
        let first = browser.cookies["bandmaster-session"].clone();
        assert_eq!(world.count("SELECT COUNT(*) FROM browser_sessions WHERE id_hash LIKE '%bandmaster%'").await, 0);
        world.advance(100);
        // Young enough for one client, not for another.
        assert!(returned(&browser.get(world, &command_line(&[("max_age", "100")])).await, "code").is_some());
        assert!(returned(&browser.get(world, &command_line(&[("max_age", "99")])).await, "code").is_none());
        // Asked to sign in again: the request goes on, and the session is a new one.
        let answer = browser.sign_in(world, &command_line(&[("prompt", "login"), ("max_age", "0")]), "admin", PASSWORD).await;
        assert!(returned(&answer, "code").is_some());
        assert_ne!(browser.cookies["bandmaster-session"], first);
        let mut old = Browser::default();
        old.cookies.insert("bandmaster-session".into(), first);
        assert!(returned(&old.get(world, &command_line(&[])).await, "code").is_none());
        // Signing out asks first, and then ends it on the server too.
        let kept = browser.cookies["bandmaster-session"].clone();
        let page = browser.get(world, "/identity/connect/endsession").await;
        assert!(browser.cookies.contains_key("bandmaster-session"));
        assert_eq!(browser.submit(world, &page, &[]).await.status, 200);
        assert!(!browser.cookies.contains_key("bandmaster-session"));
        browser.cookies.insert("bandmaster-session".into(), kept);
        assert!(returned(&browser.get(world, &command_line(&[])).await, "code").is_none());
        let mut browser = Browser::default();
        code(world, &mut browser, &[]).await;
        world.advance(8 * 3600);
        assert!(returned(&browser.get(world, &command_line(&[])).await, "code").is_none());
    }

    async fn a_client_signs_its_person_out(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let mut browser = Browser::default();
        let page = browser.sign_in(world, &confidential(&app, &[]), "admin", PASSWORD).await;
        let answer = browser.submit(world, &page, &[("decision", "allow")]).await;
        let fields = [
            ("grant_type", "authorization_code"), ("client_id", app.key.as_str()), ("client_secret", &secret),
            ("redirect_uri", "https://client.test/cb"), ("code", &returned(&answer, "code").unwrap()),
        ];
        let hint = world.token(&fields).await.text("id_token");
        let end = |hint: &str, to: &str| format!("/identity/connect/endsession?{}", encoded(&[
            ("id_token_hint", hint), ("post_logout_redirect_uri", to), ("state", "x"),
        ]));
        // A forged hint is none.
        let forged = format!("{}A", &hint[..hint.len() - 2]);
        assert_eq!(browser.get(world, &end(&forged, "https://client.test/cb")).await.status, 200);
        assert!(browser.cookies.contains_key("bandmaster-session"));
        // A hint may be over, and an address that is not registered is not gone to.
        world.advance(7200);
        assert_eq!(browser.get(world, &end(&hint, "https://evil.test/")).await.status, 200);
        assert!(!browser.cookies.contains_key("bandmaster-session"));
        let answer = browser.get(world, &end(&hint, "https://client.test/cb")).await;
        assert_eq!(answer.header("location"), Some("https://client.test/cb?state=x"));
    }

    async fn organizations_do_not_mix(world: &World) {
        let (other, _) = world.other_organization().await;
        let (app, _) = world.confidential("app", "OR.Jobs").await;
        let mut browser = Browser::default();
        // The session of one organization is none for another's application or name.
        let page = browser.sign_in_page(world, &command_line(&[("acr_values", "tenantName:Other")])).await;
        assert!(page.body.contains("value=\"Other\""));
        let answer = browser.submit(world, &page, &[("username", "admin"), ("password", PASSWORD)]).await;
        let back = browser.get(world, answer.header("location").unwrap()).await;
        let body = redeem(world, &returned(&back, "code").unwrap(), &[]).await.expect(200);
        assert_eq!(world.who(body["access_token"].as_str().unwrap()).await.expect(200)["organization"], other.id);
        let page = browser.sign_in_page(world, &confidential(&app, &[])).await;
        let refused = browser.submit(world, &page, &[("organization", "Other"), ("username", "admin"), ("password", PASSWORD)]).await;
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains("another organization"));
        browser.sign_in_page(world, &command_line(&[("acr_values", "tenantName:Default")])).await;
        browser.sign_in_page(world, &command_line(&[]).replace("/identity_/", "/Default/identity_/")).await;
    }

    async fn a_password_that_must_be_changed_is_changed_first(world: &World) {
        let user = world.person("dana").await;
        let hash = world.identity.hasher().hash(&Secret::new(PASSWORD), &RandomIds).await.unwrap();
        let mut unit = world.unit().await;
        users::set_password(&mut unit, &user, &hash, true).await.unwrap();
        unit.commit().await.unwrap();
        world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
        let mut browser = Browser::default();
        let page = browser.sign_in_page(world, &command_line(&[])).await;
        let change = browser.submit(world, &page, &[("username", "dana"), ("password", PASSWORD)]).await;
        assert!(change.status == 200 && change.body.contains("New password") && !browser.cookies.contains_key("bandmaster-session"));
        for (a, b) in [("short1", "short1"), ("long enough 1", "other 1 other"), (PASSWORD, PASSWORD), ("", "")] {
            let answer = browser.submit(world, &change, &[("password", a), ("again", b)]).await;
            assert_eq!(answer.status, 400, "{a}");
            assert!(answer.body.contains("role=\"alert\""));
        }
        let forged = browser.submit(world, &change, &[("password", "brand new 9"), ("again", "brand new 9"), ("ticket", "v1.k1.AAAA")]).await;
        assert!(forged.status == 400 && forged.body.contains("no longer valid"));
        let done = browser.submit(world, &change, &[("password", "brand new 9"), ("again", "brand new 9")]).await;
        assert_eq!(done.status, 303);
        let back = browser.get(world, done.header("location").unwrap()).await;
        assert!(returned(&back, "code").is_some());
        // The page is good for one change.
        let twice = browser.submit(world, &change, &[("password", "brand new 8"), ("again", "brand new 8")]).await;
        assert!(twice.body.contains("no longer valid"));
        world.password("dana", "brand new 9").await.expect(200);
        let audited = world.rows("SELECT actor_name FROM audit_entries WHERE action = 'ChangePassword' ORDER BY id DESC", &[]).await;
        assert_eq!(audited[0].get::<String>(0).unwrap(), "dana");
    }

    async fn cookies_are_bound_to_tls(world: &World) {
        let secure = world.node_with(Settings { public_url: Some("https://bm.example.test".into()), ..Settings::default() });
        let mut browser = Browser::default();
        let answer = browser.sign_in(&secure, &command_line(&[]), "admin", PASSWORD).await;
        assert_eq!(returned(&answer, "iss").as_deref(), Some("https://bm.example.test/identity"));
        assert!(browser.cookies.contains_key("__Host-bandmaster-session"), "{:?}", browser.cookies.keys());
        // Not taken under the name that an unencrypted page could set.
        let value = browser.cookies["__Host-bandmaster-session"].clone();
        let mut other = Browser::default();
        other.cookies.insert("bandmaster-session".into(), value);
        assert!(returned(&other.get(&secure, &command_line(&[])).await, "code").is_none());
    }

    async fn a_form_may_carry_the_request(world: &World) {
        let mut browser = Browser::default();
        code(world, &mut browser, &[]).await;
        let query = command_line(&[]);
        let query = query.split_once('?').unwrap().1;
        let sent = post("/identity/connect/authorize").raw(query, "application/x-www-form-urlencoded");
        let answer = browser.send(world, sent).await;
        assert!(returned(&answer, "code").is_some());
    }
}
