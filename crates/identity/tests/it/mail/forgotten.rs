//! Forgotten passwords.

use super::{Administrator, Receiver, count, published, tick, told};
use crate::browser::Browser;
use crate::world::{Node, PASSWORD, World, post};
use serde_json::json;

const CHOSEN: &str = "my own 1 password";
const FORGOT: &str = "/identity/account/forgot";

async fn ask(node: &Node, name: &str) -> crate::world::Answer {
    let mut browser = Browser::default();
    let page = browser.get(node, FORGOT).await;
    browser.submit(node, &page, &[("username", name)]).await
}

/// A token that a password gives; none when it is refused.
async fn sign_in(world: &World, name: &str, password: &str) -> Option<String> {
    let body = json!({"usernameOrEmailAddress": name, "password": password});
    let answer = world.send(post("/api/Account/Authenticate").json(body)).await;
    answer.status.is_success().then(|| answer.text("result"))
}

both! {
    async fn a_new_password_ends_what_was_signed_in(world: &World) {
        let (admin, receiver, node) = (Administrator::of(world).await, Receiver::start().await, published(world));
        admin.set_up(world, &receiver).await;
        world.person("ana").await;
        let old = sign_in(world, "ana", PASSWORD).await.unwrap();
        node.who(&old).await.expect(200);
        let mut signed_in = Browser::default();
        let page = signed_in.get(&node, "/identity/account/login").await;
        assert!(page.body.contains("href=\"/identity/account/forgot"), "{}", page.body);
        assert_eq!(signed_in.submit(&node, &page, &[("username", "ana"), ("password", PASSWORD)]).await.status, 200);
        assert_eq!(count(world, "browser_sessions").await, 1);

        let sql = "INSERT INTO refresh_tokens (token_hash, family, application_id, user_id, scopes, auth_time, created_at, expires_at) \
             SELECT 'hash', 'family', (SELECT MIN(id) FROM applications), id, '', 0, 0, 9000000000000000 FROM identity_users WHERE user_name = 'ana'";
        let mut unit = world.unit().await;
        unit.execute(sql, bandmaster_store::params![]).await.unwrap();
        unit.commit().await.unwrap();

        let asked = ask(&node, "ANA@example.test").await;
        assert_eq!(asked.status, 200);
        let rows = world.rows("SELECT name_sealed FROM password_reset_requests", &[]).await;
        assert!(!rows[0].get::<String>(0).unwrap().to_lowercase().contains("ana"));
        tick(&node).await;
        let mail = receiver.only();
        assert!(mail.link().starts_with("https://bm.test/identity/account/reset?token="), "{mail:?}");
        let mut browser = Browser::default();
        let page = browser.get(&node, &mail.path()).await;
        assert!(page.status == 200 && page.body.contains("value=\"ana\"") && !page.body.contains("<script"));
        for (password, again) in [("short", "short"), (CHOSEN, "x")] {
            assert_eq!(browser.submit(&node, &page, &[("password", password), ("again", again)]).await.status, 400);
        }
        // From elsewhere, without the page's cookie.
        let stranger = Browser::default().submit(&node, &page, &[("password", CHOSEN), ("again", CHOSEN)]).await;
        assert_eq!(stranger.status, 400);
        node.who(&old).await.expect(200);
        let done = browser.submit(&node, &page, &[("password", CHOSEN), ("again", CHOSEN)]).await;
        assert!(done.status == 200 && done.body.contains("Your password is changed"), "{}", done.body);
        node.who(&old).await.expect(401);
        assert_eq!(count(world, "browser_sessions").await, 0);
        assert_eq!(world.count("SELECT COUNT(*) FROM refresh_tokens WHERE revoked_at IS NULL").await, 0);
        assert!(sign_in(world, "ana", PASSWORD).await.is_none());
        assert!(sign_in(world, "ana", CHOSEN).await.is_some());
        let again = browser.submit(&node, &page, &[("password", CHOSEN), ("again", CHOSEN)]).await;
        assert!(again.status == 410 && again.body.contains("used already"));
        let told = told(world).await;
        let last: Vec<(&str, &str)> = told.iter().rev().take(3).map(|(a, w)| (a.as_str(), w.as_str())).collect();
        assert_eq!(last[..2], [("ResetPassword", "ana"), ("ChangePassword", "ana")]);
        assert_eq!(last[2].0, "RequestPasswordReset");
    }

    async fn nobody_learns_who_is_there(world: &World) {
        let (admin, receiver, node) = (Administrator::of(world).await, Receiver::start().await, published(world));
        admin.set_up(world, &receiver).await;
        world.person("ana").await;
        admin.send(world, "POST", "/identity/api/User", json!({"partitionGlobalId": world.organization.key, "userName": "invited", "email": "i@example.test"})).await;
        tick(&node).await;
        receiver.forget();
        let known = ask(&node, "ana").await;
        // Unknown, without an address, without a password.
        for name in ["nobody", "admin", "invited", "a\u{1}b"] {
            let answer = ask(&node, name).await;
            assert_eq!((answer.status, &answer.body), (known.status, &known.body), "{name}");
        }
        assert_eq!(count(world, "password_reset_requests").await, 5, "the same is written for each");
        tick(&node).await;
        assert_eq!(count(world, "password_reset_requests").await, 0);
        receiver.only();
        // An account gets three in an hour, however often somebody asks.
        for _ in 0..5 {
            assert_eq!(ask(&node, "ana").await.body, known.body);
            tick(&node).await;
        }
        assert_eq!(receiver.taken().len(), 3);
        // Only the newest counts.
        let mut browser = Browser::default();
        let statuses = [0, 1, 2].map(|at| receiver.taken()[at].path());
        for (path, status) in statuses.iter().zip([410, 410, 200]) {
            assert_eq!(browser.get(&node, path).await.status, status);
        }
        world.advance(3600);
        let late = browser.get(&node, &statuses[2]).await;
        assert!(late.status == 410 && late.body.contains("has expired"));
        ask(&node, "ana").await;
        tick(&node).await;
        assert_eq!(receiver.taken().len(), 4);
        // A change of the password ends the link.
        let path = receiver.taken()[3].path();
        assert_eq!(browser.get(&node, &path).await.status, 200);
        let (_, list) = admin.send(world, "GET", &format!("/identity/api/User/users/{}?searchTerm=ana", world.organization.key), json!(null)).await;
        let id = list["results"][0]["id"].as_str().unwrap().to_owned();
        admin.send(world, "PUT", &format!("/identity/api/User/{id}"), json!({"password": "An0ther_one"})).await;
        assert_eq!(browser.get(&node, &path).await.status, 410);
    }

    async fn an_address_is_slowed(world: &World) {
        let node = published(world);
        let mut browser = Browser::default();
        let page = browser.get(&node, FORGOT).await;
        let action = "/identity/account/forgot";
        let nonce = crate::browser::attribute(&page.body, "name=\"nonce\"", "value").unwrap();
        let send = async |browser: &mut Browser, address: &str| {
            let form = post(action).form(&[("nonce", &nonce), ("username", "nobody")]).from(address);
            browser.send(&node, form).await
        };
        for _ in 0..30 {
            assert_eq!(send(&mut browser, "203.0.113.7").await.status, 200);
        }
        let slowed = send(&mut browser, "203.0.113.7").await;
        assert!(slowed.status == 429 && slowed.header("retry-after").is_some());
        assert_eq!(send(&mut browser, "203.0.113.8").await.status, 200);
        assert_eq!(browser.submit(&node, &page, &[("username", "")]).await.status, 400);
    }

    async fn links_come_from_the_configured_address_only(world: &World) {
        let answer = Browser::default().get(world, FORGOT).await;
        assert!(answer.status == 404 && answer.body.contains("does not send links"));
        let login = Browser::default().get(world, "/identity/account/login").await;
        assert!(!login.body.contains("Forgot"));
        assert_eq!(world.send(post(FORGOT).form(&[("username", "ana")])).await.status, 404);
    }

    async fn an_organization_gets_no_hold_on_the_installation(world: &World) {
        let (admin, receiver, node) = (Administrator::of(world).await, Receiver::start().await, published(world));
        admin.set_up(world, &receiver).await;
        let mut unit = world.unit().await;
        let sql = "UPDATE identity_users SET email = 'root@example.test' WHERE is_host = 1";
        unit.execute(sql, bandmaster_store::params![]).await.unwrap();
        unit.commit().await.unwrap();
        ask(&node, "admin").await;
        tick(&node).await;
        // It waits for the server of the configuration, of which there is none.
        assert!(receiver.taken().is_empty());
        let rows = world.rows("SELECT error FROM mail_outbox", &[]).await;
        assert_eq!(rows[0].get::<String>(0).unwrap(), "No mail server is set up.");
    }
}
