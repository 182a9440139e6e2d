//! Ten thousand guesses: on one account, and one on each of ten thousand accounts. What counts is how many were held
//! against a real password, who is shut out by it, and whether an attacker learns which accounts there are.

use crate::accounts::futures_of;
use crate::browser::{Browser, returned};
use crate::world::{Answer, PASSWORD, World, post};
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_store::params;
use serde_json::json;

const HOME: &str = "198.51.100.7";

async fn attempt(world: &World, name: &str, password: &str, from: &str) -> Answer {
    let fields = [("grant_type", "password"), ("client_id", PUBLIC_CLIENT), ("username", name), ("password", password)];
    world.send(post("/identity/connect/token").from(from).form(&fields)).await
}

/// An address of its own for each guess.
fn address(n: usize) -> String {
    format!("10.{}.{}.{}", n / 65536, n / 256 % 256, n % 256)
}

async fn held_against_the_password(world: &World) -> i64 {
    world.count("SELECT COUNT(*) FROM login_attempts WHERE result = 'invalidPassword'").await
}

both! {
    async fn ten_thousand_guesses_on_one_account(world: &World) {
        world.person("dana").await;
        // The owner was at home before, holds a token and has a browser open.
        let token = attempt(world, "dana", PASSWORD, HOME).await.text("access_token");
        let mut browser = Browser::default();
        let request = format!(
            "/identity/connect/authorize?response_type=code&client_id={PUBLIC_CLIENT}&redirect_uri=http%3A%2F%2Flocalhost%3A8104%2Foidc%2Flogin&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        browser.sign_in(world, &request, "dana", PASSWORD).await;
        let before = world.identity.hasher().computed();

        // From one address: that address is stopped, others are not.
        let mut slowed = 0;
        for n in 0..200 {
            slowed += u32::from(attempt(world, "dana", &format!("guess {n}"), "203.0.113.7").await.status == 429);
        }
        assert_eq!((slowed, held_against_the_password(world).await), (170, 10));
        attempt(world, "dana", PASSWORD, "192.0.2.1").await.expect(200);

        // From ten thousand addresses, in less than an hour.
        let mut at = 0;
        for _ in 0..100 {
            let guesses: Vec<_> = (0..98).map(|n| {
                let n = at + n;
                async move { attempt(world, "dana", &format!("guess {n}"), &address(n)).await }
            }).collect();
            at += guesses.len();
            for answer in futures_of(guesses).await {
                answer.refused(400, "invalid_grant");
            }
            world.advance(30);
        }
        let tried = held_against_the_password(world).await;
        assert_eq!(tried, 20, "{at} guesses");
        // Each guess took the same work, whether it counted or not.
        assert_eq!(world.identity.hasher().computed() - before, at as u64 + 30 + 1);

        // Even the right password is no use from an address like the attacker's, and looks the same.
        let right = attempt(world, "dana", PASSWORD, "10.200.0.1").await.refused(400, "invalid_grant");
        assert_eq!(right, attempt(world, "nobody", PASSWORD, "10.200.0.2").await.refused(400, "invalid_grant"));
        // The owner notices nothing: at home, with the token, in the browser, at the place of a moment ago.
        attempt(world, "dana", PASSWORD, HOME).await.expect(200);
        attempt(world, "dana", PASSWORD, "192.0.2.1").await.expect(200);
        world.who(&token).await.expect(200);
        assert!(returned(&browser.get(world, &request).await, "code").is_some());

        // Over a day of guessing: never more than twenty in any hour.
        for n in 0..240 {
            world.advance(360);
            let guesses: Vec<_> = (0..6).map(|m| async move {
                attempt(world, "dana", "guess", &address(20_000 + n * 6 + m)).await
            }).collect();
            futures_of(guesses).await;
        }
        let rows = world.rows("SELECT at FROM login_attempts WHERE result = 'invalidPassword' ORDER BY at", params![]).await;
        let times: Vec<i64> = rows.iter().map(|r| r.get(0).unwrap()).collect();
        assert!(times.len() > 200, "later hours have their own guesses: {}", times.len());
        for window in times.windows(21) {
            assert!(window[20] - window[0] >= 3_600_000_000, "21 guesses within an hour");
        }
    }

    async fn one_guess_on_each_of_ten_thousand_accounts(world: &World) {
        let real = 100;
        for n in 0..real {
            world.person(&format!("person{}", n * 100)).await;
        }
        let before = world.identity.hasher().computed();
        // One address gets thirty at once and then one in five seconds.
        let mut tried = 0;
        for n in 0..100 {
            tried += u32::from(attempt(world, &format!("person{n}"), "Summer2026", "203.0.113.9").await.status == 400);
        }
        assert_eq!((tried, world.identity.hasher().computed() - before), (30, 30));

        // Ten thousand addresses, one guess each: every answer is the same, after the same work.
        let before = world.identity.hasher().computed();
        let expected = attempt(world, "nobody at all", "x", "192.0.2.9").await.refused(400, "invalid_grant");
        for n in 0..100 {
            let guesses: Vec<_> = (0..100).map(|m| {
                let n = n * 100 + m;
                async move { attempt(world, &format!("person{n}"), "Summer2026", &address(n)).await }
            }).collect();
            for answer in futures_of(guesses).await {
                assert_eq!(answer.refused(400, "invalid_grant"), expected);
            }
        }
        assert_eq!(world.identity.hasher().computed() - before, 10_001);
        assert_eq!(world.count("SELECT COUNT(*) FROM login_attempts WHERE result = 'lockedOut'").await, 0);
        // Nobody was shut out.
        for n in 0..real {
            attempt(world, &format!("person{}", n * 100), PASSWORD, &format!("198.51.100.{n}")).await.expect(200);
        }
    }

    async fn the_first_look_at_nobody_costs_no_more_than_others(world: &World) {
        world.person("dana").await;
        let mut costs = Vec::new();
        for name in ["nobody", "dana", "somebody", "dana"] {
            let before = world.identity.hasher().computed();
            let body = json!({"usernameOrEmailAddress": name, "password": "wrong"});
            let answer = world.send(post("/api/Account/Authenticate").json(body)).await;
            costs.push((answer.status.as_u16(), world.identity.hasher().computed() - before));
        }
        assert!(costs.iter().all(|c| *c == costs[0] && c.1 == 1), "{costs:?}");
    }

    async fn a_new_password_opens_a_locked_account(world: &World) {
        let user = world.person("dana").await;
        for _ in 0..10 {
            attempt(world, "dana", "wrong", HOME).await.refused(400, "invalid_grant");
        }
        attempt(world, "dana", PASSWORD, HOME).await.refused(400, "invalid_grant");
        world.advance(1);
        let hash = world.identity.hasher().hash(&bandmaster_core::Secret::new("another 8 words"), &bandmaster_core::RandomIds).await.unwrap();
        let mut unit = world.unit().await;
        bandmaster_identity::users::set_password(&mut unit, &user, &hash, false).await.unwrap();
        unit.commit().await.unwrap();
        attempt(world, "dana", "another 8 words", HOME).await.expect(200);
    }
}
