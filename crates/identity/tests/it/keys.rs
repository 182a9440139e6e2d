//! Signing keys: made once, rotated in time, known to every node.

use crate::world::{get, parts};
use bandmaster_api::Duty;
use bandmaster_core::Clock;
use bandmaster_identity::Upkeep;
use bandmaster_store::params;
use serde_json::Value;

const DAY: u64 = 86_400;

fn kids(set: &Value) -> Vec<String> {
    set["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap().to_owned()).collect()
}

both! {
    async fn keys_are_published_before_they_sign_and_checked_after(world: &World) {
        let published = async || {
            kids(&world.send(get("/identity/.well-known/openid-configuration/jwks")).await.expect(200))
        };
        let upkeep = Upkeep::default();
        let first = parts(&world.signed_in("admin").await).0["kid"].as_str().unwrap().to_owned();
        upkeep.tick(&world.app, world.clock.now()).await.unwrap();
        assert_eq!(published().await, std::slice::from_ref(&first));
        world.advance(27 * DAY);
        upkeep.tick(&world.app, world.clock.now()).await.unwrap();
        assert_eq!(published().await.len(), 1, "too early");
        world.advance(DAY + DAY / 2);
        upkeep.tick(&world.app, world.clock.now()).await.unwrap();
        let both = published().await;
        assert_eq!(both.len(), 2);
        let old = world.signed_in("admin").await;
        assert_eq!(parts(&old).0["kid"], first, "the following key is published and does not sign yet");
        // A node that has not heard of anything yet.
        let node = world.another_node();
        world.advance(2 * DAY);
        upkeep.tick(&world.app, world.clock.now()).await.unwrap();
        assert_eq!(published().await.len(), 2, "one follower is enough");
        let new = world.signed_in("admin").await;
        let second = parts(&new).0["kid"].as_str().unwrap().to_owned();
        assert!(second != first && both.contains(&second));
        world.who(&new).await.expect(200);
        node.who(&new).await.expect(200);
        world.advance(31 * DAY);
        upkeep.tick(&world.app, world.clock.now()).await.unwrap();
        assert!(!published().await.contains(&first));
        assert_eq!(world.count("SELECT COUNT(*) FROM signing_keys").await, 2);
        world.who(&old).await.expect(401);
    }

    async fn a_server_that_stood_still_makes_a_key_on_the_spot(world: &World) {
        let old = world.signed_in("admin").await;
        world.advance(400 * DAY);
        let new = world.signed_in("admin").await;
        assert_ne!(parts(&old).0["kid"], parts(&new).0["kid"]);
        world.who(&new).await.expect(200);
        world.who(&old).await.expect(401);
    }

    async fn another_nodes_new_key_is_read_when_it_is_shown(world: &World) {
        let node = world.another_node();
        node.who(&world.signed_in("admin").await).await.expect(200);
        // Made by the first node after the second has read its keys, without being published before.
        world.advance(400 * DAY);
        let token = world.signed_in("admin").await;
        node.who(&token).await.expect(200);
    }

    async fn private_halves_are_sealed(world: &World) {
        world.signed_in("admin").await;
        let rows = world.rows("SELECT private_sealed, public_jwk FROM signing_keys", params![]).await;
        let (sealed, jwk): (String, String) = (rows[0].get(0).unwrap(), rows[0].get(1).unwrap());
        assert!(sealed.starts_with("v1.k1."));
        let jwk: Value = serde_json::from_str(&jwk).unwrap();
        let names: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["kty", "use", "alg", "kid", "n", "e"], "nothing private is published");
        assert_eq!(jwk["e"], "AQAB");
    }

    async fn upkeep_removes_what_is_over(world: &World) {
        world.signed_in("admin").await;
        world.password("admin", "wrong").await;
        let mut unit = world.unit().await;
        let now = world.now();
        unit.execute("INSERT INTO revoked_tokens (id, expires_at) VALUES ('a', $1), ('b', $2)", params![now + 1, now + 200 * 86_400_000_000])
            .await.unwrap();
        unit.execute("INSERT INTO browser_sessions (id_hash, user_id, created_at, expires_at) VALUES ('a', $1, 0, 1)", params![world.admin.id])
            .await.unwrap();
        unit.commit().await.unwrap();
        world.advance(91 * DAY);
        let upkeep = Upkeep::default();
        let next = upkeep.tick(&world.app, world.clock.now()).await.unwrap();
        assert_eq!(next, world.now() + 60_000_000);
        for (table, left) in [("login_attempts", 0), ("revoked_tokens", 1), ("browser_sessions", 0)] {
            assert_eq!(world.count(&format!("SELECT COUNT(*) FROM {table}")).await, left, "{table}");
        }
    }
}
