//! Sign-in on devices without a browser: both codes, the pages, polling, and those who would abuse them.

use crate::browser::{Browser, attribute};
use crate::world::{Answer, Node, PASSWORD, World, encode, get, post};
use bandmaster_api::Duty;
use bandmaster_core::{RandomIds, Secret};
use bandmaster_identity::applications::NewApplication;
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_identity::{Upkeep, applications, users};
use bandmaster_store::params;
use serde_json::json;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ASKED: &str = "offline_access OrchestratorApiUserAccess openid profile";

async fn ask(node: &Node, fields: &[(&str, &str)]) -> Answer {
    node.send(post("/identity/connect/deviceauthorization").form(fields)).await
}

/// A device that the command line's client has begun to sign in.
struct Device {
    code: String,
    user_code: String,
    /// Where the person goes.
    page: String,
}

impl Device {
    async fn begin(node: &Node) -> Device {
        let answer = ask(node, &[("client_id", PUBLIC_CLIENT), ("scope", ASKED)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page = answer.text("verification_uri");
        let page = page.strip_prefix("http://bm.test").unwrap().to_owned();
        Device { code: answer.text("device_code"), user_code: answer.text("user_code"), page }
    }

    async fn poll(&self, node: &Node) -> Answer {
        self.poll_as(node, &[("client_id", PUBLIC_CLIENT)]).await
    }

    async fn poll_as(&self, node: &Node, client: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("grant_type", GRANT), ("device_code", self.code.as_str())];
        fields.extend(client);
        node.token(&fields).await
    }

    /// The question that somebody is asked who enters the code.
    async fn question(&self, node: &Node, browser: &mut Browser) -> Answer {
        let page = browser.get(node, &self.page).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let question = browser.submit(node, &page, &[("user_code", &self.user_code)]).await;
        assert_eq!(question.status, 200, "{}", question.body);
        question
    }

    async fn decide(&self, node: &Node, browser: &mut Browser, decision: &str) {
        let question = self.question(node, browser).await;
        let answer = browser.submit(node, &question, &[("decision", decision)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// A browser in which somebody has signed in.
async fn browser_of(node: &Node, name: &str) -> Browser {
    let mut browser = Browser::default();
    let page = browser.sign_in_page(node, "/identity/device").await;
    let answer = browser.submit(node, &page, &[("username", name), ("password", PASSWORD)]).await;
    assert_eq!(answer.header("location"), Some("/identity/device"), "{}", answer.body);
    browser
}

async fn tries_left(world: &World, browser: &mut Browser, code: &str, from: &str) -> Answer {
    let page = browser.get(world, "/identity/device").await;
    let nonce = attribute(&page.body, "name=\"nonce\"", "value").unwrap();
    let form = post("/identity/device").form(&[("nonce", &nonce), ("user_code", code)]);
    browser.send(world, form.from(from)).await
}

both! {
    async fn a_device_signs_in(world: &World) {
        let user = world.person("dana").await;
        let fields = [("client_id", PUBLIC_CLIENT), ("scope", ASKED)];
        let sent = post("/identity_/connect/deviceauthorization").header("origin", "http://localhost:8104").form(&fields);
        let answer = world.send(sent).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:8104"));
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        let body = answer.expect(200);
        let (user_code, complete) = (body["user_code"].as_str().unwrap(), body["verification_uri_complete"].as_str().unwrap());
        assert_eq!((&body["expires_in"], &body["interval"]), (&json!(600), &json!(5)));
        assert_eq!(body["verification_uri"], "http://bm.test/identity/device");
        assert_eq!(complete, format!("http://bm.test/identity/device?user_code={user_code}"));
        assert!(user_code.len() == 9 && user_code.bytes().all(|b| b"BCDFGHJKLMNPQRSTVWXZ-".contains(&b)), "{user_code}");
        assert_eq!(body["device_code"].as_str().unwrap().len(), 43);
        let device = Device {
            code: body["device_code"].as_str().unwrap().into(), user_code: user_code.into(), page: complete["http://bm.test".len()..].into(),
        };
        // Neither code is in the database.
        let rows = world.rows("SELECT * FROM device_authorizations", &[]).await;
        let stored = format!("{rows:?}");
        assert!(rows.len() == 1 && !stored.contains(&device.code) && !stored.contains(user_code));
        assert!(!stored.contains(&user_code.replace('-', "")));

        device.poll(world).await.refused(400, "authorization_pending");
        // The person follows the complete address, signs in, and compares the code.
        let mut browser = Browser::default();
        let sign_in = browser.sign_in_page(world, &device.page).await;
        let answer = browser.submit(world, &sign_in, &[("username", "dana"), ("password", PASSWORD)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(device.page.as_str())));
        let page = browser.get(world, &device.page).await;
        assert_eq!(attribute(&page.body, "id=\"user_code\"", "value").as_deref(), Some(user_code));
        assert!(page.body.contains("<label for=\"user_code\">") && page.body.contains("lang=\"en\"") && !page.body.contains("<script"));
        assert_eq!((page.header("x-frame-options"), page.header("cache-control")), (Some("DENY"), Some("no-store")));
        let question = browser.submit(world, &page, &[("user_code", user_code)]).await;
        assert_eq!(question.status, 200, "{}", question.body);
        let name = world.rows("SELECT name FROM applications WHERE key = $1", params![PUBLIC_CLIENT]).await[0].get::<String>(0).unwrap();
        for text in [name.as_str(), user_code, "dana", "OrchestratorApiUserAccess", "offline_access", "just begun it yourself", "Any program can use this name"] {
            assert!(question.body.contains(text), "{text} in {}", question.body);
        }
        world.advance(5);
        device.poll(world).await.refused(400, "authorization_pending");
        let answer = browser.submit(world, &question, &[("decision", "allow")]).await;
        assert!(answer.status == 200 && answer.body.contains("The device is signed in"), "{}", answer.body);

        world.advance(5);
        let answer = device.poll(world).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let tokens = answer.expect(200);
        assert_eq!(tokens["scope"], ASKED);
        let who = world.who(tokens["access_token"].as_str().unwrap()).await.expect(200);
        assert_eq!((&who["key"], &who["client"], &who["scopes"]), (&json!(user.key), &json!(PUBLIC_CLIENT), &json!("all")));
        assert_eq!(crate::world::parts(tokens["id_token"].as_str().unwrap()).1["name"], "dana");
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let next = world.token(&[("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT), ("refresh_token", refresh)]).await;
        next.expect(200);

        let entries = world.rows("SELECT action, actor_name, after_json FROM audit_entries WHERE action LIKE '%Device'", &[]).await;
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].get::<String>(0).unwrap(), entries[0].get::<String>(1).unwrap()), ("AllowDevice".into(), "dana".into()));
        let after = entries[0].get::<String>(2).unwrap();
        assert!(after.contains("OrchestratorApiUserAccess") && !after.contains(user_code), "{after}");
    }

    async fn everywhere_identity_answers_and_the_page_stays_there(world: &World) {
        for (path, page) in [
            ("/identity", "/identity/device"), ("/identity_", "/identity/device"), ("/Default/identity_", "/Default/identity/device"),
        ] {
            let answer = world.send(post(&format!("{path}/connect/deviceauthorization")).form(&[("client_id", PUBLIC_CLIENT)])).await;
            assert_eq!(answer.text("verification_uri"), format!("http://bm.test{page}"), "{path}");
            let answer = world.send(get(page)).await;
            let to = answer.header("location").unwrap();
            assert!(to.starts_with(&page.replace("device", "account/login?return=")), "{to}");
        }
        let document = world.send(get("/identity/.well-known/openid-configuration")).await.expect(200);
        assert_eq!(document["device_authorization_endpoint"], "http://bm.test/identity/connect/deviceauthorization");
        assert!(document["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));
    }

    async fn polling_too_fast_is_slowed_down(world: &World) {
        let device = Device::begin(world).await;
        device.poll(world).await.refused(400, "authorization_pending");
        world.advance(4);
        device.poll(world).await.refused(400, "slow_down");
        // Ten seconds from now on, counted from the last poll, and five more for each that is too early.
        world.advance(9);
        device.poll(world).await.refused(400, "slow_down");
        world.advance(15);
        device.poll(world).await.refused(400, "authorization_pending");
        world.advance(14);
        device.poll(world).await.refused(400, "slow_down");
        // Another device is not slowed down by this one.
        let other = Device::begin(world).await;
        other.poll(world).await.refused(400, "authorization_pending");
        // Once decided, nobody has to wait.
        let mut browser = browser_of(world, "admin").await;
        device.decide(world, &mut browser, "allow").await;
        device.poll(world).await.expect(200);
    }

    async fn no_and_too_late(world: &World) {
        let mut browser = browser_of(world, "admin").await;
        let (no, late, allowed_late) = (Device::begin(world).await, Device::begin(world).await, Device::begin(world).await);
        no.decide(world, &mut browser, "deny").await;
        no.poll(world).await.refused(400, "access_denied");
        no.poll(world).await.refused(400, "access_denied");
        assert_eq!(world.count("SELECT COUNT(*) FROM audit_entries WHERE action = 'DenyDevice'").await, 1);
        let question = late.question(world, &mut browser).await;
        allowed_late.decide(world, &mut browser, "allow").await;
        world.advance(600);
        late.poll(world).await.refused(400, "expired_token");
        allowed_late.poll(world).await.refused(400, "expired_token");
        let answer = browser.submit(world, &question, &[("decision", "allow")]).await;
        assert_eq!(answer.status, 400);
        let page = browser.get(world, &late.page).await;
        let answer = browser.submit(world, &page, &[("user_code", &late.user_code)]).await;
        assert!(answer.status == 400 && answer.body.contains("There is no such code"));
        late.poll(world).await.refused(400, "expired_token");
        // The upkeep takes them away.
        let upkeep = Upkeep::default();
        upkeep.tick(&world.app, world.now()).await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) FROM device_authorizations").await, 3);
        world.advance(3_601);
        upkeep.tick(&world.app, world.now()).await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) FROM device_authorizations").await, 0);
        assert_eq!(world.count("SELECT COUNT(*) FROM device_code_guesses").await, 0);
        late.poll(world).await.refused(400, "invalid_grant");
    }

    async fn a_code_gives_tokens_once(world: &World) {
        let mut browser = browser_of(world, "admin").await;
        let device = Device::begin(world).await;
        device.decide(world, &mut browser, "allow").await;
        // Many at once: one gets them, and since others had the code too, what it got ends.
        let polls: Vec<_> = (0..8).map(|_| async { device.poll(world).await }).collect();
        let answers = crate::accounts::futures_of(polls).await;
        let given: Vec<_> = answers.into_iter().filter(|a| a.status == 200).collect();
        assert_eq!(given.len(), 1);
        device.poll(world).await.refused(400, "invalid_grant");
        let access = given[0].text("access_token");
        world.who(&access).await.expect(401);
        let refresh = given[0].text("refresh_token");
        world.token(&[("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT), ("refresh_token", &refresh)]).await.refused(400, "invalid_grant");
        // Nor can it be decided again.
        let page = browser.get(world, &device.page).await;
        let answer = browser.submit(world, &page, &[("user_code", &device.user_code)]).await;
        assert_eq!(answer.status, 400);
    }

    async fn only_the_client_that_asked_is_answered(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs OR.Assets.Read").await;
        let (other, other_secret) = world.confidential("other", "OR.Jobs").await;
        let own = [("client_id", app.key.as_str()), ("client_secret", secret.as_str())];
        let foreign = [("client_id", other.key.as_str()), ("client_secret", other_secret.as_str())];
        // A confidential client proves who it is at both endpoints.
        ask(world, &[("client_id", &app.key)]).await.refused(400, "invalid_client");
        ask(world, &[("client_id", &app.key), ("client_secret", "x")]).await.refused(400, "invalid_client");
        ask(world, &[("client_id", "6d1f1f2c-0000-4000-8000-000000000000")]).await.refused(400, "invalid_client");
        ask(world, &[("scope", "openid")]).await.refused(400, "invalid_request");
        for scope in ["OR.Queues", "OR.Assets", "OR.Jobs OR.Assets.Write", "OrchestratorApiUserAccess", "OR.Default", "a\\b"] {
            ask(world, &[own[0], own[1], ("scope", scope)]).await.refused(400, "invalid_scope");
        }
        let itself = NewApplication { name: "itself".into(), is_confidential: true, application_scopes: vec!["OR.Jobs".into()], ..NewApplication::default() };
        let (itself, itself_secret) = world.application(itself).await;
        ask(world, &[("client_id", &itself.key), ("client_secret", &itself_secret)]).await.refused(400, "unauthorized_client");
        assert_eq!(world.count("SELECT COUNT(*) FROM device_authorizations").await, 0);

        let answer = ask(world, &[own[0], own[1], ("scope", "OR.Jobs.Read openid")]).await;
        let device = Device { code: answer.text("device_code"), user_code: answer.text("user_code"), page: "/identity/device".into() };
        let mut browser = browser_of(world, "admin").await;
        let question = device.question(world, &mut browser).await;
        assert!(question.body.contains("<strong>app</strong>") && !question.body.contains("Any program"), "{}", question.body);
        browser.submit(world, &question, &[("decision", "allow")]).await.expect(200);
        device.poll_as(world, &foreign).await.refused(400, "invalid_grant");
        device.poll(world).await.refused(400, "invalid_grant");
        device.poll_as(world, &own[..1]).await.refused(400, "invalid_client");
        device.poll_as(world, &[own[0], ("client_secret", "x")]).await.refused(400, "invalid_client");
        for code in ["x", &device.user_code, &device.code[1..], "%"] {
            world.token(&[("grant_type", GRANT), own[0], own[1], ("device_code", code)]).await.refused(400, "invalid_grant");
        }
        world.token(&[("grant_type", GRANT), own[0], own[1]]).await.refused(400, "invalid_request");
        // Their attempts used nothing up.
        let tokens = device.poll_as(world, &own).await.expect(200);
        assert_eq!(tokens["scope"], "OR.Jobs.Read openid");
        assert!(tokens.get("refresh_token").is_none());
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(world.who(token).await.expect(200)["scopes"], json!(["OR.Jobs.Read", "openid"]));
        world.send(get("/api/assets").bearer(token)).await.expect(403);
    }

    async fn another_browser_or_site_cannot_confirm(world: &World) {
        world.person("mallory").await;
        let (mut victim, mut attacker) = (browser_of(world, "admin").await, browser_of(world, "mallory").await);
        let device = Device::begin(world).await;
        let theirs = device.question(world, &mut attacker).await;
        // The attacker's form, sent by the victim's browser.
        let answer = victim.submit(world, &theirs, &[("decision", "allow")]).await;
        assert_eq!(answer.status, 400);
        // A form without the field, with a made-up one, with the one of the page before, or with another code's.
        let entry = victim.get(world, "/identity/device").await;
        let entry_field = attribute(&entry.body, "name=\"nonce\"", "value").unwrap();
        let other = Device::begin(world).await.question(world, &mut victim).await;
        let other_field = attribute(&other.body, "name=\"nonce\"", "value").unwrap();
        for nonce in ["", "made up", &entry_field, &other_field] {
            let fields = [("nonce", nonce), ("user_code", device.user_code.as_str()), ("decision", "allow")];
            let answer = victim.send(world, post("/identity/device/confirm").form(&fields)).await;
            assert_eq!((answer.status.as_u16(), answer.headers.get("set-cookie")), (400, None), "{nonce}");
        }
        let fields = [("nonce", other_field.as_str()), ("user_code", device.user_code.as_str())];
        assert_eq!(victim.send(world, post("/identity/device").form(&fields)).await.status, 400);
        // Opening the address decides nothing, and nobody without a session gets further.
        let address = format!("/identity/device?user_code={}&decision=allow", encode(&device.user_code));
        assert_eq!(victim.get(world, &address).await.status, 200);
        let mut nobody = Browser::default();
        assert_eq!(nobody.get(world, &address).await.status, 302);
        for path in ["/identity/device", "/identity/device/confirm"] {
            assert_eq!(nobody.send(world, post(path).form(&fields)).await.status, 400);
        }
        device.poll(world).await.refused(400, "authorization_pending");
        // What comes in by the address is shown as text.
        let odd = victim.get(world, "/identity/device?user_code=%22%3E%3Cscript%3E").await;
        assert!(odd.status == 200 && !odd.body.contains("<script"), "{}", odd.body);
        let login = nobody.get(world, "/identity/account/login?return=to%3Ddevice%26user_code%3D%2522%252F%252Fevil.test%253Cb%253E").await;
        assert!(login.status == 200 && !login.body.contains("<b>"), "{}", login.body);
        let answer = nobody.submit(world, &login, &[("username", "admin"), ("password", PASSWORD)]).await;
        assert!(answer.header("location").unwrap().starts_with("/identity/device?user_code=%22%2F%2Fevil"));
    }

    async fn people_of_other_organizations_find_nothing(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let (organization, _) = world.other_organization().await;
        let answer = ask(world, &[("client_id", &app.key), ("client_secret", &secret)]).await;
        let user_code = answer.text("user_code");
        let mut browser = Browser::default();
        let page = browser.sign_in_page(world, &format!("/{}/identity/device", organization.key)).await;
        let fields = [("username", "admin"), ("password", PASSWORD), ("organization", organization.name.as_str())];
        let answer = browser.submit(world, &page, &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let page = browser.get(world, "/identity/device").await;
        let answer = browser.submit(world, &page, &[("user_code", &user_code)]).await;
        assert!(answer.status == 400 && answer.body.contains("There is no such code"), "{}", answer.body);
    }

    async fn guessing_is_limited_by_account_and_by_address(world: &World) {
        let user = world.person("dana").await;
        let mut browser = browser_of(world, "dana").await;
        let device = Device::begin(world).await;
        // Ten wrong codes of one account, each from an address of its own, right ones between.
        for n in 0..10 {
            let answer = tries_left(world, &mut browser, "BBBB-BBBB", &format!("10.0.0.{n}")).await;
            assert_eq!(answer.status, 400, "{n} {}", answer.body);
            if n < 9 {
                let answer = tries_left(world, &mut browser, &device.user_code, "10.0.1.1").await;
                assert_eq!(answer.status, 200, "{n} {}", answer.body);
            }
            // What is no code at all is no guess.
            assert_eq!(tries_left(world, &mut browser, "AEIOU", "10.0.1.2").await.status, 400);
        }
        for code in [device.user_code.as_str(), "BBBB-BBBB"] {
            let answer = tries_left(world, &mut browser, code, "10.0.2.1").await;
            assert!(answer.status == 429 && answer.body.contains("Too many wrong codes"), "{}", answer.body);
        }
        // Many at once count as many.
        world.advance(3_601);
        let device = Device::begin(world).await;
        let mut browser = browser_of(world, "dana").await;
        let page = browser.get(world, "/identity/device").await;
        let nonce = attribute(&page.body, "name=\"nonce\"", "value").unwrap();
        let cookies = browser.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
        let (nonce, cookies) = (&nonce, &cookies);
        let guesses: Vec<_> = (0..30).map(|n| async move {
            let form = post("/identity/device").form(&[("nonce", nonce), ("user_code", "CCCC-CCCC")]);
            world.send(form.header("cookie", cookies).from(&format!("10.1.0.{n}"))).await
        }).collect();
        let answers = crate::accounts::futures_of(guesses).await;
        assert_eq!(answers.iter().filter(|a| a.status == 400).count(), 10);
        assert!(answers.iter().all(|a| a.status == 400 || a.status == 429));
        let wrong = world.rows("SELECT wrong FROM device_code_guesses WHERE user_id = $1", params![user.id]).await;
        assert!(wrong[0].get::<i64>(0).unwrap() >= 30);
        // Other accounts are not concerned.
        let mut admin = browser_of(world, "admin").await;
        device.question(world, &mut admin).await;

        // One address, many accounts.
        let mut slowed = 0;
        for n in 0..4 {
            let name = format!("person{n}");
            world.person(&name).await;
            let mut browser = browser_of(world, &name).await;
            for _ in 0..10 {
                slowed += u32::from(tries_left(world, &mut browser, "DDDD-DDDD", "203.0.113.9").await.status == 429);
            }
        }
        assert_eq!(slowed, 10);
    }

    async fn asking_for_codes_is_limited_by_address(world: &World) {
        let mut slowed = 0;
        for _ in 0..40 {
            let sent = post("/identity/connect/deviceauthorization").form(&[("client_id", PUBLIC_CLIENT)]);
            let answer = world.send(sent.from("203.0.113.8")).await;
            if answer.status == 429 {
                assert!(answer.header("retry-after").is_some());
                slowed += 1;
            }
        }
        assert_eq!((slowed, world.count("SELECT COUNT(*) FROM device_authorizations").await), (10, 30));
    }

    async fn what_happens_between_the_decision_and_the_poll_counts(world: &World) {
        // The account is shut out, gets a new password, is deleted.
        for n in 0..3 {
            let name = format!("person{n}");
            let user = world.person(&name).await;
            let mut browser = browser_of(world, &name).await;
            let (decided, waiting) = (Device::begin(world).await, Device::begin(world).await);
            decided.decide(world, &mut browser, "allow").await;
            let question = waiting.question(world, &mut browser).await;
            let hash = world.identity.hasher().hash(&Secret::new("another 8 horse battery"), &RandomIds).await.unwrap();
            let mut unit = world.unit().await;
            match n {
                0 => users::set_active(&mut unit, &user, false).await.map(|_| ()).unwrap(),
                1 => users::set_password(&mut unit, &user, &hash, false).await.map(|_| ()).unwrap(),
                _ => users::remove(&mut unit, &world.app, &user).await.map(|_| ()).unwrap(),
            }
            unit.commit().await.unwrap();
            decided.poll(world).await.refused(400, "invalid_grant");
            assert_eq!(browser.submit(world, &question, &[("decision", "allow")]).await.status, 400);
            waiting.poll(world).await.refused(400, "authorization_pending");
        }
        // The application is deleted: before the decision, and after it.
        let mut browser = browser_of(world, "admin").await;
        for after in [false, true] {
            let (app, secret) = world.confidential("app", "OR.Jobs").await;
            let client = [("client_id", app.key.as_str()), ("client_secret", secret.as_str())];
            let answer = ask(world, &client).await;
            let device = Device { code: answer.text("device_code"), user_code: answer.text("user_code"), page: "/identity/device".into() };
            let question = device.question(world, &mut browser).await;
            if after {
                browser.submit(world, &question, &[("decision", "allow")]).await.expect(200);
            }
            let mut unit = world.unit().await;
            applications::remove(&mut unit, &world.app, &app).await.unwrap();
            unit.commit().await.unwrap();
            if !after {
                assert_eq!(browser.submit(world, &question, &[("decision", "allow")]).await.status, 400);
                let page = browser.get(world, "/identity/device").await;
                let answer = browser.submit(world, &page, &[("user_code", &device.user_code)]).await;
                assert_eq!(answer.status, 400);
            }
            device.poll_as(world, &client).await.refused(400, "invalid_client");
            assert_eq!(world.count("SELECT COUNT(*) FROM device_authorizations WHERE decided_at IS NULL").await, 3);
        }
    }

    async fn two_people_decide_at_once_and_one_counts(world: &World) {
        world.person("dana").await;
        let (mut one, mut two) = (browser_of(world, "admin").await, browser_of(world, "dana").await);
        let device = Device::begin(world).await;
        let (first, second) = (device.question(world, &mut one).await, device.question(world, &mut two).await);
        let (a, b) = tokio::join!(
            one.submit(world, &first, &[("decision", "deny")]),
            two.submit(world, &second, &[("decision", "allow")])
        );
        assert_eq!([a.status, b.status].iter().filter(|s| s.as_u16() == 200).count(), 1, "{} {}", a.body, b.body);
        let answer = device.poll(world).await;
        match b.status.as_u16() {
            200 => { answer.expect(200); }
            _ => { answer.refused(400, "access_denied"); }
        }
        assert_eq!(world.count("SELECT COUNT(*) FROM audit_entries WHERE action LIKE '%Device'").await, 1);
    }
}
