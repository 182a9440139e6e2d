//! What goes right, and whom it leads to.

use super::{Administrator, PATH, Provider, SECRET, Signing, attempts, person, pressed, renamed, sign_in, signed_in};
use crate::browser::{Browser, returned};
use crate::world::encoded;
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_identity::users;
use serde_json::{Value, json};

const NONE: &str = "There is no account for you here.";

both! {
    async fn a_person_signs_in_by_a_verified_address_and_then_by_name(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({})).await;
        let mut browser = Browser::default();
        let page = sign_in(world, &provider, &mut browser, person("s-1", "ANA@example.test", true)).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("You are signed in"));
        assert_eq!(signed_in(world, &mut browser).await.as_deref(), Some("ana"));
        // Afterwards the provider's name for the person counts, whatever the address is.
        provider.set(|p| p.signing = Signing::Es256);
        let mut other = Browser::default();
        sign_in(world, &provider, &mut other, json!({"sub": "s-1"})).await;
        assert_eq!(signed_in(world, &mut other).await.as_deref(), Some("ana"));
        assert_eq!(attempts(world).await, ["success", "success"]);
        assert_eq!(world.count("SELECT COUNT(*) FROM identity_users WHERE user_name = 'ana' AND last_login_at IS NOT NULL").await, 1);
        let audit = world.rows("SELECT action, COALESCE(after_json, '') || COALESCE(before_json, ''), actor_name FROM audit_entries ORDER BY id", &[]).await;
        let linked: Vec<String> = audit.iter().filter(|r| r.get::<String>(0).unwrap() == "LinkExternalLogin").map(|r| r.get(2).unwrap()).collect();
        assert_eq!(linked, ["ana"]);
        assert!(audit.iter().all(|r| !r.get::<String>(1).unwrap().contains(SECRET)));
        let sealed: String = world.rows("SELECT secret_sealed FROM identity_providers", &[]).await[0].get(0).unwrap();
        assert!(!sealed.contains("planted"));
        assert_eq!((provider.asked("/.well-known/openid-configuration"), provider.asked("/keys")), (1, 1));
    }

    async fn the_way_leads_back_to_the_request(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({})).await;
        let query = encoded(&[
            ("response_type", "code"), ("client_id", PUBLIC_CLIENT), ("redirect_uri", "http://localhost:8104/oidc/login"),
            ("scope", "openid"), ("state", "a state"), ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ]);
        let mut browser = Browser::default();
        let page = browser.sign_in_page(world, &format!("/identity_/connect/authorize?{query}")).await;
        assert!(page.body.contains("Sign in with Example &lt;ID&gt;</a>") && !page.body.contains("<script"));
        let address = crate::browser::attribute(&page.body, "<a class=\"button\"", "href").unwrap();
        let request = browser.get(world, &address).await;
        let back = provider.approve(&request, person("s-1", "ana@example.test", true));
        let answer = browser.get(world, &back).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let resumed = browser.get(world, answer.header("location").unwrap()).await;
        assert_eq!(returned(&resumed, "state").as_deref(), Some("a state"));
        assert!(returned(&resumed, "code").is_some());
    }

    async fn an_address_that_is_not_verified_leads_to_nobody(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        let made = admin.name(world, &provider, json!({})).await;
        let mut browser = Browser::default();
        for claims in [
            person("s-2", "ana@example.test", false),
            json!({"sub": "s-2", "email": "ana@example.test"}),
            json!({"sub": "s-2", "email": "ana@example.test", "email_verified": "yes"}),
            json!({"sub": "s-2", "preferred_username": "ana@example.test"}),
            json!({"sub": "ana"}),
            json!({"sub": "ana@example.test"}),
            person("s-2", "nobody@example.test", true),
        ] {
            let page = sign_in(world, &provider, &mut browser, claims.clone()).await;
            assert_eq!(page.status, 403, "{claims}");
            assert!(page.body.contains(NONE) && signed_in(world, &mut browser).await.is_none());
        }
        assert_eq!(attempts(world).await, ["unknownExternalLogin"; 7]);
        // Where accounts are made, it is another account, which cannot be taken for the first one's.
        let path = format!("{}/{}", PATH, made["id"].as_str().unwrap());
        assert_eq!(admin.send(world, "PUT", &path, json!({"createAccounts": true})).await.0, 200);
        sign_in(world, &provider, &mut browser, json!({"sub": "s@2", "email": "ana@example.test", "email_verified": false,
            "preferred_username": "ana@example.test"})).await;
        let rows = world.rows("SELECT user_name, email FROM identity_users ORDER BY id DESC LIMIT 1", &[]).await;
        assert_eq!((rows[0].get::<String>(0).unwrap(), rows[0].get::<Option<String>>(1).unwrap()), ("s.2".into(), None));
        // A name that is taken is not taken over.
        let page = sign_in(world, &provider, &mut Browser::default(), json!({"sub": "s-3", "preferred_username": "ana"})).await;
        assert_eq!(page.status, 403);
    }

    async fn accounts_are_made_where_that_is_wanted(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        let (status, group) = admin.send(world, "POST", "/identity/api/Group",
            json!({"partitionGlobalId": world.organization.key, "name": "Guests"})).await;
        assert!(status < 300, "{group}");
        let made = admin.name(world, &provider, json!({"createAccounts": true, "groupIds": [group["id"]]})).await;
        assert_eq!(made["groupIds"], json!([group["id"]]));
        let mut browser = Browser::default();
        sign_in(world, &provider, &mut browser, person("s-9", "new@example.test", true)).await;
        assert_eq!(signed_in(world, &mut browser).await.as_deref(), Some("Ana Pop"));
        let rows = world.rows(
            "SELECT u.user_name, u.email, u.email_confirmed, u.password_hash, g.name FROM identity_users u \
             JOIN identity_group_members m ON m.member_key = u.key JOIN identity_groups g ON g.id = m.group_id \
             WHERE u.email = 'new@example.test'", &[]).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].get::<String>(0).unwrap(), rows[0].get::<i64>(2).unwrap()), ("new@example.test".into(), 1));
        assert_eq!((rows[0].get::<Option<String>>(3).unwrap(), rows[0].get::<String>(4).unwrap()), (None, "Guests".into()));
        // Once and not again.
        sign_in(world, &provider, &mut Browser::default(), person("s-9", "other@example.test", true)).await;
        assert_eq!(world.count("SELECT COUNT(*) FROM outside_links").await, 1);
        // Nobody signs in to it with a password.
        assert_ne!(world.password("new@example.test", "").await.status, 200);
    }

    async fn an_address_that_changed_hands_leads_nowhere(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({"createAccounts": true})).await;
        sign_in(world, &provider, &mut Browser::default(), person("s-1", "ana@example.test", true)).await;
        let mut browser = Browser::default();
        let page = sign_in(world, &provider, &mut browser, person("s-2", "ana@example.test", true)).await;
        assert_eq!((page.status.as_u16(), signed_in(world, &mut browser).await), (403, None));
    }

    async fn who_may_not_sign_in_does_not_get_in_this_way(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        let ana = world.person("ana").await;
        admin.name(world, &provider, json!({"createAccounts": true})).await;
        let mut browser = Browser::default();
        // Administrators of the installation.
        let mut unit = world.unit().await;
        unit.execute("UPDATE identity_users SET email = 'root@example.test' WHERE id = $1", bandmaster_store::params![world.admin.id]).await.unwrap();
        unit.commit().await.unwrap();
        assert!(world.admin.is_host);
        let page = sign_in(world, &provider, &mut browser, person("s-0", "root@example.test", true)).await;
        assert_eq!((page.status.as_u16(), signed_in(world, &mut browser).await), (403, None));
        // Who is linked and then switched off.
        sign_in(world, &provider, &mut browser, person("s-1", "ana@example.test", true)).await;
        assert!(signed_in(world, &mut browser).await.is_some());
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &ana, false).await.unwrap();
        unit.commit().await.unwrap();
        assert!(signed_in(world, &mut browser).await.is_none());
        let page = sign_in(world, &provider, &mut browser, person("s-1", "ana@example.test", true)).await;
        assert_eq!((page.status.as_u16(), signed_in(world, &mut browser).await), (403, None));
        assert_eq!(attempts(world).await.last().map(String::as_str), Some("userIsNotActive"));
        // Who is removed: the link is gone with the account, the person is a new one.
        let mut unit = world.unit().await;
        users::remove(&mut unit, &world.app, &ana).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) FROM outside_links").await, 0);
    }

    async fn signing_out_tells_of_the_provider(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        let made = admin.name(world, &provider, json!({})).await;
        let mut browser = Browser::default();
        sign_in(world, &provider, &mut browser, person("s-1", "ana@example.test", true)).await;
        let page = browser.get(world, "/identity/connect/endsession").await;
        let gone = browser.submit(world, &page, &[]).await;
        let link = format!("href=\"{}/end?client_id=bandmaster%20at%20the%20provider\"", provider.issuer);
        assert!(gone.body.contains("You are signed out") && gone.body.contains(&link), "{}", gone.body);
        assert!(signed_in(world, &mut browser).await.is_none());
        // A provider that is switched off takes its sessions along, and its button.
        sign_in(world, &provider, &mut browser, person("s-1", "ana@example.test", true)).await;
        assert!(signed_in(world, &mut browser).await.is_some());
        let request = pressed(world, &mut browser).await;
        let late = provider.approve(&request, person("s-1", "ana@example.test", true));
        let path = format!("{}/{}", PATH, made["id"].as_str().unwrap());
        assert_eq!(admin.send(world, "PUT", &path, json!({"isEnabled": false})).await.0, 200);
        assert!(signed_in(world, &mut browser).await.is_none());
        assert_eq!(browser.get(world, &late).await.status, 400);
        assert!(!browser.get(world, "/identity/account/login").await.body.contains("class=\"button\""));
        let button = format!("/identity/account/outside?provider={}", made["id"].as_str().unwrap());
        assert_eq!(browser.get(world, &button).await.status, 404);
    }

    async fn keys_may_change_but_are_not_asked_for_all_the_time(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        admin.name(world, &provider, json!({})).await;
        let ana = || person("s-1", "ana@example.test", true);
        let mut browser = Browser::default();
        assert_eq!(sign_in(world, &provider, &mut browser, ana()).await.status, 200);
        provider.set(|p| {
            p.signing = Signing::Es256;
            p.keys = vec![renamed("e2")];
            p.header.insert("kid".into(), json!("e2"));
        });
        // The new key is unknown, and the old ones were fetched just now.
        for _ in 0..3 {
            assert_eq!(sign_in(world, &provider, &mut browser, ana()).await.status, 400);
        }
        assert_eq!(provider.asked("/keys"), 1);
        world.advance(60);
        provider.set(|p| p.now += 60);
        assert_eq!(sign_in(world, &provider, &mut browser, ana()).await.status, 200);
        assert_eq!(provider.asked("/keys"), 2);
        // Without a name, the only key of the algorithm is meant; among two, none.
        provider.set(|p| {
            p.header.insert("kid".into(), Value::Null);
        });
        assert_eq!(sign_in(world, &provider, &mut browser, ana()).await.status, 200);
        provider.set(|p| p.keys.push(renamed("e3")));
        world.advance(3_600);
        provider.set(|p| p.now += 3_600);
        assert_eq!(sign_in(world, &provider, &mut browser, ana()).await.status, 400);
        assert_eq!((provider.asked("/keys"), provider.asked("/.well-known/openid-configuration")), (3, 2));
    }

    async fn a_provider_may_want_the_secret_in_the_body(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        world.person("ana").await;
        provider.set(|p| {
            p.document.insert("token_endpoint_auth_methods_supported".into(), json!(["client_secret_post"]));
        });
        let made = admin.name(world, &provider, json!({})).await;
        let ana = || person("s-1", "ana@example.test", true);
        assert_eq!(sign_in(world, &provider, &mut Browser::default(), ana()).await.status, 200);
        // A wrong secret is the provider's to refuse.
        let path = format!("{}/{}", PATH, made["id"].as_str().unwrap());
        admin.send(world, "PUT", &path, json!({"clientSecret": "wrong"})).await;
        assert_eq!(sign_in(world, &provider, &mut Browser::default(), ana()).await.status, 400);
    }
}
