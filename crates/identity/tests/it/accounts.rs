//! Lockout, slowing, enumeration, disabled accounts, changed passwords.

use crate::world::{Answer, PASSWORD, post};
use bandmaster_core::{RandomIds, Secret};
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_identity::password::Cost;
use bandmaster_identity::users::NewUser;
use bandmaster_identity::{Identity, Options, groups, users};
use bandmaster_store::params;

both! {
    async fn ten_failures_lock_an_account_for_five_minutes(world: &World) {
        world.person("dana").await;
        world.person("other").await;
        for _ in 0..9 {
            world.password("dana", "wrong").await.refused(400, "invalid_grant");
        }
        // A success in time begins anew.
        world.password("dana", PASSWORD).await.expect(200);
        for _ in 0..10 {
            world.password("dana", "wrong").await.refused(400, "invalid_grant");
        }
        let locked = world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
        let unknown = world.password("nobody", PASSWORD).await.refused(400, "invalid_grant");
        assert_eq!(locked, unknown, "a locked account looks like an unknown one");
        world.password("other", PASSWORD).await.expect(200);
        world.advance(299);
        world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
        world.advance(1);
        world.password("dana", PASSWORD).await.expect(200);
        // After the lock the count begins anew too.
        for _ in 0..9 {
            world.password("dana", "wrong").await.refused(400, "invalid_grant");
        }
        world.password("dana", PASSWORD).await.expect(200);

        let sql = "SELECT result, COUNT(*) FROM login_attempts GROUP BY result ORDER BY result";
        let told: Vec<(String, i64)> =
            world.rows(sql, params![]).await.iter().map(|r| (r.get(0).unwrap(), r.get(1).unwrap())).collect();
        let expected = [("invalidPassword", 28), ("invalidUserNameTenancyName", 1), ("lockedOut", 2), ("success", 4)];
        assert_eq!(told, expected.map(|(r, n)| (r.to_owned(), n)));
    }

    async fn many_attempts_at_once_count_as_many(world: &World) {
        world.person("dana").await;
        let attempts: Vec<_> = (0..25).map(|i| {
            let password = format!("guess {i}");
            async move { world.password("dana", &password).await.status }
        }).collect();
        for status in futures_of(attempts).await {
            assert_eq!(status, 400);
        }
        let tried = world.count("SELECT COUNT(*) FROM login_attempts WHERE result = 'invalidPassword'").await;
        assert_eq!(tried, 10, "only so many were held against the password");
        world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
    }

    async fn an_address_that_guesses_is_slowed(world: &World) {
        let ask = async |name: &str, password: &str, from: &str| -> Answer {
            let fields = [("grant_type", "password"), ("client_id", PUBLIC_CLIENT), ("username", name), ("password", password)];
            world.send(post("/identity/connect/token").from(from).form(&fields)).await
        };
        for i in 0..30 {
            ask(&format!("guess{i}"), "wrong", "203.0.113.7").await.refused(400, "invalid_grant");
        }
        let slowed = ask("admin", PASSWORD, "203.0.113.7").await;
        assert_eq!((slowed.status.as_u16(), slowed.header("retry-after")), (429, Some("5")));
        let body = serde_json::json!({"usernameOrEmailAddress": "admin", "password": PASSWORD});
        let legacy = world.send(post("/api/Account/Authenticate").from("203.0.113.7").json(body)).await;
        assert_eq!(legacy.status, 429);
        ask("admin", PASSWORD, "203.0.113.8").await.expect(200);
        world.advance(5);
        ask("admin", PASSWORD, "203.0.113.7").await.expect(200);
        let told = world.rows("SELECT client_address FROM login_attempts ORDER BY id LIMIT 1", params![]).await;
        assert_eq!(told[0].get::<String>(0).unwrap(), "203.0.113.7");
    }

    async fn what_is_wrong_is_not_told(world: &World) {
        let user = world.person("sleeping").await;
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, false).await.unwrap();
        let robot = NewUser { user_name: "robot", robot: true, ..NewUser::default() };
        users::create(&mut unit, world.organization.id, &robot).await.unwrap();
        let without = NewUser { user_name: "without", ..NewUser::default() };
        users::create(&mut unit, world.organization.id, &without).await.unwrap();
        unit.commit().await.unwrap();
        let expected = world.password("admin", "wrong").await.refused(400, "invalid_grant");
        let long = "x".repeat(5000);
        for (name, password) in [
            ("nobody", PASSWORD), ("sleeping", PASSWORD), ("robot", ""), ("robot", "x"), ("without", "x"), ("admin", long.as_str()),
            ("' OR 1=1 --", "x"), ("admin%", PASSWORD), (long.as_str(), PASSWORD), ("ad\u{0131}min", PASSWORD),
        ] {
            let answer = world.password(name, password).await;
            if password.is_empty() {
                answer.refused(400, "invalid_request");
                continue;
            }
            assert_eq!(answer.refused(400, "invalid_grant"), expected, "{}", &name[..name.len().min(20)]);
        }
    }

    async fn a_forbidden_account_is_out_at_once(world: &World) {
        let user = world.person("dana").await;
        let token = world.signed_in("dana").await;
        let node = world.another_node();
        world.who(&token).await.expect(200);
        node.who(&token).await.expect(200);
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, false).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&token).await.expect(401);
        world.advance(1);
        node.who(&token).await.expect(401);
        world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, true).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&token).await.expect(200);
        let mut unit = world.unit().await;
        users::remove(&mut unit, &world.app, &user).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&token).await.expect(401);
        world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
        // The name is free again, for somebody else.
        let other = world.person("dana").await;
        assert_ne!(other.key, user.key);
        world.who(&token).await.expect(401);
    }

    async fn an_undone_change_changes_nothing(world: &World) {
        let user = world.person("dana").await;
        let token = world.signed_in("dana").await;
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, false).await.unwrap();
        drop(unit);
        world.who(&token).await.expect(200);
    }

    async fn a_new_password_ends_what_the_old_one_opened(world: &World) {
        let user = world.person("dana").await;
        let token = world.signed_in("dana").await;
        world.who(&token).await.expect(200);
        let hash = world.identity.hasher().hash(&Secret::new("another 8 password"), &RandomIds).await.unwrap();
        let mut unit = world.unit().await;
        users::set_password(&mut unit, &user, &hash, false).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&token).await.expect(401);
        world.password("dana", PASSWORD).await.refused(400, "invalid_grant");
        world.password("dana", "another 8 password").await.expect(200);
        let texts = world.rows("SELECT before_json, after_json FROM audit_entries", params![]).await;
        assert!(texts.iter().all(|r| !format!("{r:?}").contains("argon2") && !format!("{r:?}").contains("another 8")));
    }

    async fn an_old_hash_is_renewed_at_the_next_sign_in(world: &World) {
        let stronger = Identity::new(Options { cost: Cost { memory_kib: 64, passes: 1 }, ..Options::default() });
        let user = world.person("dana").await;
        let hash = stronger.hasher().hash(&Secret::new(PASSWORD), &RandomIds).await.unwrap();
        let mut unit = world.unit().await;
        users::set_password(&mut unit, &user, &hash, false).await.unwrap();
        unit.commit().await.unwrap();
        let token = world.signed_in("dana").await;
        let stored = world.rows("SELECT password_hash FROM identity_users WHERE user_name = 'dana'", params![]).await;
        let stored: String = stored[0].get(0).unwrap();
        assert!(stored.contains("m=8,t=1,p=1") && stored != hash, "{stored}");
        // The renewed hash is of the same password: nothing ends.
        world.who(&token).await.expect(200);
        world.password("dana", PASSWORD).await.expect(200);
    }

    async fn names_and_addresses_are_taken_once(world: &World) {
        world.person("dana").await;
        for (name, email, status) in [
            ("DANA", None, 409), ("new", Some("Dana@Example.Test"), 409), (" ", None, 400), ("a\nb", None, 400),
            ("new", Some("no address"), 400), ("new", Some("a b@c"), 400),
        ] {
            let mut unit = world.unit().await;
            let new = NewUser { user_name: name, email, ..NewUser::default() };
            let error = users::create(&mut unit, world.organization.id, &new).await.unwrap_err();
            assert_eq!(error.status(), status, "{name} {email:?}");
        }
        let (other, _) = world.other_organization().await;
        let mut unit = world.unit().await;
        users::create(&mut unit, other.id, &NewUser { user_name: "dana", ..NewUser::default() }).await.unwrap();
        unit.commit().await.unwrap();
    }

    async fn groups_hold_accounts(world: &World) {
        let user = world.person("dana").await;
        let mut conn = world.app.store.read().await.unwrap();
        let all = groups::all(&mut conn, world.organization.id).await.unwrap();
        let names: Vec<&str> = all.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["Administrators", "Automation Users", "Automation Developers", "Automation Express", "Citizen Developers", "Everyone"]);
        let everyone = &all[5].key;
        assert_eq!(groups::keys_of(&mut conn, world.organization.id, &user.key).await.unwrap(), std::slice::from_ref(everyone));
        assert_eq!(groups::keys_of(&mut conn, world.organization.id, &world.admin.key).await.unwrap().len(), 2);
        assert_eq!(groups::keys_of(&mut conn, world.organization.id, "nobody").await.unwrap().len(), 0);
        assert!(groups::is_administrator(&mut conn, world.organization.id, &world.admin.key).await.unwrap());
        drop(conn);
        let mut unit = world.unit().await;
        groups::add_member(&mut unit, &all[0], &user.key).await.unwrap();
        groups::add_member(&mut unit, &all[0], &user.key).await.unwrap();
        assert!(groups::is_administrator(&mut unit, world.organization.id, &user.key).await.unwrap());
        groups::remove_member(&mut unit, &all[0], &user.key).await.unwrap();
        assert!(!groups::is_administrator(&mut unit, world.organization.id, &user.key).await.unwrap());
        unit.commit().await.unwrap();
    }
}

/// Runs futures at the same time on this task.
pub async fn futures_of<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in running.iter_mut().zip(done.iter_mut()) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
