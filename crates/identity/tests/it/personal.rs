//! Personal access tokens: their life from making to ending.

use crate::world::{get, post};
use bandmaster_api::Duty;
use bandmaster_core::clock::DAY;
use bandmaster_core::time;
use bandmaster_identity::{Upkeep, pats, scopes, users};
use bandmaster_store::params;
use serde_json::{Value, json};

const PATH: &str = "/identity/api/ReferenceToken";

both! {
    async fn from_making_to_ending(world: &World) {
        world.person("dana").await;
        let session = world.signed_in("dana").await;
        let expiry = time::iso(world.now() + 30 * DAY);
        let made = world.send(post(PATH).bearer(&session).json(json!({"description": "ci", "expiryTime": expiry, "scopes": ["OR.Assets.Read", "OR.Jobs"]}))).await.expect(201);
        let token = made["token"].as_str().unwrap();
        assert!(token.starts_with("rt_") && token.len() == 46);
        assert_eq!((&made["expiryTime"], &made["lastUsedTime"]), (&json!(expiry), &json!(null)));
        let stored = world.rows("SELECT token_hash FROM personal_access_tokens", params![]).await;
        assert!(!stored[0].get::<String>(0).unwrap().contains(&token[3..]));

        let who = world.who(token).await.expect(200);
        assert_eq!((&who["name"], &who["kind"], &who["scopes"]), (&json!("dana"), &json!("User"), &json!(["OR.Assets.Read", "OR.Jobs"])));
        world.send(get("/api/assets").bearer(token)).await.expect(200);
        Upkeep::default().tick(&world.app, world.now()).await.unwrap();
        let list = world.send(get(PATH).bearer(&session)).await.expect(200);
        assert_eq!((&list[0]["lastUsedTime"], &list[0]["token"]), (&json!(time::iso(world.now())), &Value::Null));
        // A token does not make or prolong tokens.
        world.send(get(PATH).bearer(token)).await.expect(403);
        world.send(post(PATH).bearer(token).json(json!({"description": "x"}))).await.expect(403);

        let id = made["id"].as_str().unwrap();
        let path = format!("{PATH}/{id}/regenerate");
        let second = world.send(post(&path).bearer(&session)).await.expect(200);
        let second_token = second["token"].as_str().unwrap();
        assert_eq!((&second["id"], &second["expiryTime"]), (&made["id"], &made["expiryTime"]));
        world.who(token).await.expect(401);
        world.who(second_token).await.expect(200);
        world.send(post(&path).bearer(&world.signed_in("admin").await)).await.expect(404);

        let node = world.another_node();
        node.who(second_token).await.expect(200);
        let delete = get(&format!("{PATH}/{id}")).method("DELETE").bearer(&session);
        assert_eq!(world.send(delete.clone()).await.status, 204);
        world.who(second_token).await.expect(401);
        world.advance(1);
        node.who(second_token).await.expect(401);
        world.send(delete).await.expect(404);
        let kinds = world.rows("SELECT action FROM audit_entries WHERE component = 'PersonalAccessToken' ORDER BY id", params![]).await;
        let kinds: Vec<String> = kinds.iter().map(|r| r.get(0).unwrap()).collect();
        assert_eq!(kinds, ["Create", "Update", "Delete"]);
    }

    async fn it_ends_with_its_time_and_with_its_person(world: &World) {
        let user = world.person("dana").await;
        let session = world.signed_in("dana").await;
        let make = async |days: i64| {
            let body = json!({"description": "x", "expiryTime": time::iso(world.now() + days * DAY)});
            world.send(post(PATH).bearer(&session).json(body)).await
        };
        for days in [0, -1, 1801] {
            make(days).await.expect(400);
        }
        let short = make(1).await.text("token");
        let long = make(1800).await.text("token");
        assert_eq!(world.who(&short).await.expect(200)["scopes"], "all");
        world.advance(86_399);
        world.who(&short).await.expect(200);
        world.advance(1);
        world.who(&short).await.expect(401);
        // A new password does not end it, a forbidden account does.
        let hash = world.identity.hasher().hash(&bandmaster_core::Secret::new("another 8 pass"), &bandmaster_core::RandomIds).await.unwrap();
        let mut unit = world.unit().await;
        users::set_password(&mut unit, &user, &hash, false).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&long).await.expect(200);
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, false).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&long).await.expect(401);
    }

    async fn what_cannot_be_made(world: &World) {
        world.person("dana").await;
        let session = world.signed_in("dana").await;
        let make = async |body: Value| world.send(post(PATH).bearer(&session).json(body)).await;
        for body in [
            json!({"description": "x".repeat(257)}),
            json!({"description": "x", "scopes": ["OR.Nonsense"]}),
            json!({"description": "x", "scopes": ["OR.Default"]}),
            json!({"description": "x", "scopes": ["OrchestratorApiUserAccess"]}),
            json!({"description": "x", "expiryTime": "soon"}),
            json!({}),
        ] {
            assert_eq!(make(body.clone()).await.status, 400, "{body}");
        }
        world.send(get(PATH)).await.expect(401);
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let fields = [("grant_type", "client_credentials"), ("client_id", app.key.as_str()), ("client_secret", &secret)];
        let token = world.token(&fields).await.text("access_token");
        world.send(get(PATH).bearer(&token)).await.expect(403);
    }

    async fn an_account_has_fifty_at_most(world: &World) {
        let user = world.person("dana").await;
        let new = || pats::NewToken { description: "x", scopes: scopes::parse("OR.Jobs").unwrap(), expires_at: world.now() + 2 * DAY };
        let mut unit = world.unit().await;
        for _ in 0..50 {
            pats::create(&mut unit, &world.app, &user, &new()).await.unwrap();
        }
        assert_eq!(pats::create(&mut unit, &world.app, &user, &new()).await.unwrap_err().status(), 400);
        unit.commit().await.unwrap();
        world.advance(2 * 86_400);
        let mut unit = world.unit().await;
        pats::create(&mut unit, &world.app, &user, &new()).await.unwrap();
    }
}
