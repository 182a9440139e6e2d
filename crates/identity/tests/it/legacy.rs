//! The old password endpoint.

use crate::world::{PASSWORD, parts, post};
use serde_json::{Value, json};

both! {
    async fn a_password_gives_a_token_of_half_an_hour(world: &World) {
        let ask = async |body: Value| world.send(post("/api/Account/Authenticate").json(body)).await;
        let body = ask(json!({"tenancyName": "Production", "UsernameOrEmailAddress": "admin", "PASSWORD": PASSWORD})).await.expect(200);
        let token = body["result"].as_str().unwrap();
        assert_eq!(body, json!({"result": token, "targetUrl": null, "success": true, "error": null, "unAuthorizedRequest": false, "__abp": true}));
        let who = world.who(token).await.expect(200);
        assert_eq!((&who["name"], &who["scopes"], &who["tenant"]), (&json!("admin"), &json!("all"), &json!(1)));
        let (_, claims) = parts(token);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1800);
        world.advance(1799);
        world.who(token).await.expect(200);
        world.advance(1);
        world.who(token).await.expect(401);

        for name in [json!(null), json!(""), json!("default"), json!(world.organization.key)] {
            let body = ask(json!({"tenancyName": name, "usernameOrEmailAddress": "admin", "password": PASSWORD})).await.expect(200);
            let who = world.who(body["result"].as_str().unwrap()).await.expect(200);
            assert_eq!(who["tenant"], json!(null));
        }
        let (other, _) = world.other_organization().await;
        let body = ask(json!({"tenancyName": "other", "usernameOrEmailAddress": "admin", "password": PASSWORD})).await.expect(200);
        let who = world.who(body["result"].as_str().unwrap()).await.expect(200);
        assert_eq!((&who["organization"], &who["host"]), (&json!(other.id), &json!(false)));
    }

    async fn wrong_ones_are_refused_in_the_old_envelope(world: &World) {
        let ask = async |body: Value| world.send(post("/api/Account/Authenticate").json(body)).await;
        let message = "Invalid username/email address or password.";
        for body in [
            json!({"usernameOrEmailAddress": "admin", "password": "wrong"}),
            json!({"usernameOrEmailAddress": "nobody", "password": PASSWORD}),
            json!({"tenancyName": "Nowhere", "usernameOrEmailAddress": "admin", "password": PASSWORD}),
        ] {
            let answer = ask(body).await.expect(400);
            assert_eq!((&answer["message"], &answer["errorCode"], &answer["success"]), (&json!(message), &json!(1000), &json!(false)));
            assert_eq!((&answer["error"]["code"], &answer["error"]["message"], &answer["__abp"]), (&json!(1000), &json!(message), &json!(true)));
            assert_eq!((&answer["result"], &answer["unAuthorizedRequest"]), (&json!(null), &json!(false)));
        }
        for body in [json!({}), json!({"usernameOrEmailAddress": "admin"}), json!({"usernameOrEmailAddress": "", "password": "x"}), json!([]), json!({"usernameOrEmailAddress": 7, "password": true})] {
            let answer = ask(body.clone()).await;
            assert_eq!(answer.status, 400, "{body}");
        }
        ask(json!({"usernameOrEmailAddress": "a\u{0}b", "password": "x"})).await.expect(400);
    }
}
