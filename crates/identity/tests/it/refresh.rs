//! Refresh tokens, revocation, introspection.

use crate::browser::{Browser, returned};
use crate::world::{Answer, Node, PASSWORD, World, encoded, get, post};
use bandmaster_identity::applications::Application;
use bandmaster_identity::users;
use serde_json::{Value, json};

/// Signs `admin` in at a confidential application and gives its first tokens.
async fn first(world: &World, app: &Application, secret: &str, scope: &str) -> Value {
    let mut browser = Browser::default();
    let request = encoded(&[
        ("response_type", "code"),
        ("client_id", &app.key),
        ("redirect_uri", "https://client.test/cb"),
        ("scope", scope),
    ]);
    let page = browser.sign_in(world, &format!("/identity/connect/authorize?{request}"), "dana", PASSWORD).await;
    let answer = match page.status.as_u16() {
        302 => page,
        _ => browser.submit(world, &page, &[("decision", "allow")]).await,
    };
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", app.key.as_str()),
        ("client_secret", secret),
        ("redirect_uri", "https://client.test/cb"),
        ("code", &returned(&answer, "code").unwrap()),
    ];
    world.token(&fields).await.expect(200)
}

async fn again(node: &Node, app: &Application, secret: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", app.key.as_str()),
        ("client_secret", secret),
        ("refresh_token", token),
    ];
    node.token(&[&fields[..], more].concat()).await
}

fn member(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

both! {
    async fn each_token_is_used_once(world: &World) {
        world.person("dana").await;
        let (app, secret) = world.confidential("app", "OR.Jobs OR.Assets").await;
        let one = first(world, &app, &secret, "OR.Jobs OR.Assets offline_access openid").await;
        world.advance(59 * 86_400);
        let two = again(world, &app, &secret, &member(&one, "refresh_token"), &[]).await.expect(200);
        assert_eq!(two["scope"], "OR.Jobs OR.Assets offline_access openid");
        assert!(two["id_token"].is_string());
        // Less this time; the next token still has all.
        let three = again(world, &app, &secret, &member(&two, "refresh_token"), &[("scope", "OR.Jobs.Read")]).await.expect(200);
        assert_eq!(three["scope"], "OR.Jobs.Read");
        world.send(get("/api/assets").bearer(&member(&three, "access_token"))).await.expect(403);
        again(world, &app, &secret, &member(&three, "refresh_token"), &[("scope", "OR.Queues")]).await.refused(400, "invalid_scope");
        let four = again(world, &app, &secret, &member(&three, "refresh_token"), &[]).await.expect(200);
        assert_eq!(four["scope"], "OR.Jobs OR.Assets offline_access openid");
        world.who(&member(&four, "access_token")).await.expect(200);

        // A token that was used already: somebody has a copy, so all of them end.
        again(world, &app, &secret, &member(&two, "refresh_token"), &[]).await.refused(400, "invalid_grant");
        again(world, &app, &secret, &member(&four, "refresh_token"), &[]).await.refused(400, "invalid_grant");
        world.who(&member(&four, "access_token")).await.expect(401);
        world.who(&member(&three, "access_token")).await.expect(401);
        // Another family of the same person lives on.
        let other = first(world, &app, &secret, "OR.Jobs offline_access").await;
        again(world, &app, &secret, &member(&other, "refresh_token"), &[]).await.expect(200);
    }

    async fn two_uses_at_once_end_the_family(world: &World) {
        world.person("dana").await;
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let one = first(world, &app, &secret, "OR.Jobs offline_access").await;
        let token = member(&one, "refresh_token");
        let (a, b) = tokio::join!(again(world, &app, &secret, &token, &[]), again(world, &app, &secret, &token, &[]));
        let good: Vec<Answer> = [a, b].into_iter().filter(|a| a.status == 200).collect();
        assert_eq!(good.len(), 1);
        again(world, &app, &secret, &good[0].text("refresh_token"), &[]).await.refused(400, "invalid_grant");
    }

    async fn tokens_of_others_and_ended_ones(world: &World) {
        let user = world.person("dana").await;
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let (other, other_secret) = world.confidential("other", "OR.Jobs").await;
        let one = first(world, &app, &secret, "OR.Jobs offline_access").await;
        let token = member(&one, "refresh_token");
        again(world, &other, &other_secret, &token, &[]).await.refused(400, "invalid_grant");
        again(world, &app, "wrong", &token, &[]).await.refused(400, "invalid_client");
        again(world, &app, &secret, "nonsense", &[]).await.refused(400, "invalid_grant");
        again(world, &app, &secret, &member(&one, "access_token"), &[]).await.refused(400, "invalid_grant");
        // None of that has used it up.
        let two = again(world, &app, &secret, &token, &[]).await.expect(200);
        world.advance(60 * 86_400);
        again(world, &app, &secret, &member(&two, "refresh_token"), &[]).await.refused(400, "invalid_grant");

        let three = first(world, &app, &secret, "OR.Jobs offline_access").await;
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, false).await.unwrap();
        unit.commit().await.unwrap();
        again(world, &app, &secret, &member(&three, "refresh_token"), &[]).await.refused(400, "invalid_grant");
        world.who(&member(&three, "access_token")).await.expect(401);
        // Allowed again: what ended stays ended.
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &user, true).await.unwrap();
        unit.commit().await.unwrap();
        again(world, &app, &secret, &member(&three, "refresh_token"), &[]).await.refused(400, "invalid_grant");
    }

    async fn tokens_are_given_back(world: &World) {
        world.person("dana").await;
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let (other, other_secret) = world.confidential("other", "OR.Jobs").await;
        let revoke = async |app: &Application, secret: &str, token: &str| {
            let fields = [("client_id", app.key.as_str()), ("client_secret", secret), ("token", token)];
            world.send(post("/identity/connect/revocation").form(&fields)).await
        };
        let one = first(world, &app, &secret, "OR.Jobs offline_access").await;
        let (access, refresh) = (member(&one, "access_token"), member(&one, "refresh_token"));
        revoke(&app, "wrong", &access).await.refused(400, "invalid_client");
        assert_eq!(revoke(&other, &other_secret, &access).await.status, 200);
        assert_eq!(revoke(&other, &other_secret, &refresh).await.status, 200);
        assert_eq!(revoke(&app, &secret, "nonsense").await.status, 200);
        world.who(&access).await.expect(200);
        assert_eq!(revoke(&app, &secret, &access).await.status, 200);
        world.who(&access).await.expect(401);
        let two = again(world, &app, &secret, &refresh, &[]).await.expect(200);
        let (access, refresh) = (member(&two, "access_token"), member(&two, "refresh_token"));
        world.who(&access).await.expect(200);
        // A node that knew the token hears of it within a second.
        let node = world.another_node();
        node.who(&access).await.expect(200);
        assert_eq!(revoke(&app, &secret, &refresh).await.status, 200);
        world.who(&access).await.expect(401);
        world.advance(1);
        node.who(&access).await.expect(401);
        again(world, &app, &secret, &refresh, &[]).await.refused(400, "invalid_grant");
    }

    async fn whoever_may_ask_is_told_what_counts(world: &World) {
        let dana = world.person("dana").await;
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let (other, other_secret) = world.confidential("other", "OR.Jobs").await;
        let ask = async |app: &Application, secret: &str, token: &str| {
            let fields = [("client_id", app.key.as_str()), ("client_secret", secret), ("token", token)];
            world.send(post("/identity/connect/introspect").form(&fields)).await
        };
        let one = first(world, &app, &secret, "OR.Jobs offline_access openid").await;
        let body = ask(&other, &other_secret, &member(&one, "access_token")).await.expect(200);
        assert_eq!((&body["active"], &body["username"], &body["sub"]), (&json!(true), &json!("dana"), &json!(dana.key)));
        assert_eq!((&body["client_id"], &body["scope"]), (&json!(app.key), &json!("OR.Jobs offline_access openid")));
        let refresh = member(&one, "refresh_token");
        assert_eq!(ask(&app, &secret, &refresh).await.expect(200)["active"], true);
        assert_eq!(ask(&other, &other_secret, &refresh).await.expect(200), json!({"active": false}));
        for token in ["nonsense", "a.b.c", "rt_x", &member(&one, "id_token")] {
            assert_eq!(ask(&app, &secret, token).await.expect(200), json!({"active": false}), "{token}");
        }
        ask(&app, "wrong", &refresh).await.refused(400, "invalid_client");
        let public = [("client_id", bandmaster_identity::builtin::PUBLIC_CLIENT), ("token", refresh.as_str())];
        world.send(post("/identity/connect/introspect").form(&public)).await.refused(400, "invalid_client");
        // Another organization learns nothing.
        let (stranger, _) = world.other_organization().await;
        let mut unit = world.unit().await;
        let new = bandmaster_identity::applications::NewApplication {
            name: "stranger".into(), is_confidential: true, ..Default::default()
        };
        let (foreign, foreign_secret) =
            bandmaster_identity::applications::create(&mut unit, &world.app, stranger.id, &new).await.unwrap();
        unit.commit().await.unwrap();
        let told = ask(&foreign, foreign_secret.unwrap().reveal(), &member(&one, "access_token")).await.expect(200);
        assert_eq!(told, json!({"active": false}));
        world.advance(3600);
        assert_eq!(ask(&app, &secret, &member(&one, "access_token")).await.expect(200), json!({"active": false}));
    }
}
