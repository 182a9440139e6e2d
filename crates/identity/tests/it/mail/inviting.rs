//! Invitations from the account to the first sign-in.

use super::{Administrator, Receiver, count, tick, told};
use crate::browser::Browser;
use crate::world::post;
use serde_json::json;

const CHOSEN: &str = "my own 1 password";

both! {
    async fn an_invitation_is_accepted_once(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        let ana = admin.invite(world, "ana").await;
        tick(world).await;
        let path = receiver.only().path();
        let mut browser = Browser::default();
        let page = browser.get(world, &path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(!page.body.contains("<script") && page.body.contains("<label for=\"password\">"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.body.contains("value=\"Ana\"") && page.body.contains("<strong>Default</strong>"));
        // Looking does not use it up.
        assert_eq!(browser.get(world, &path).await.status, 200);
        let long = format!("Ana{}", "a".repeat(300));
        for (name, password, again, problem) in [
            ("Ana", "short", "short", "at least 8 characters"),
            ("Ana", CHOSEN, "another 1 password", "The two passwords differ."),
            (long.as_str(), CHOSEN, CHOSEN, "Names have at most"),
        ] {
            let fields = [("name", name), ("surname", "Pop"), ("password", password), ("again", again)];
            let refused = browser.submit(world, &page, &fields).await;
            assert!(refused.status == 400 && refused.body.contains(problem), "{}", refused.body);
            assert!(refused.body.contains("role=\"alert\"") && !refused.body.contains(CHOSEN));
        }
        let fields = [("name", "Anna"), ("surname", "<b>"), ("password", CHOSEN), ("again", CHOSEN)];
        let done = browser.submit(world, &page, &fields).await;
        assert!(done.status == 200 && done.body.contains("you are signed in"), "{}", done.body);
        assert!(browser.cookies.contains_key("bandmaster-session"));
        let (_, shown) = admin.send(world, "GET", &format!("/identity/api/User/{ana}"), json!(null)).await;
        assert_eq!((&shown["name"], &shown["surname"]), (&json!("Anna"), &json!("<b>")));
        assert_eq!((&shown["invitationAccepted"], &shown["emailConfirmed"]), (&json!(true), &json!(true)));
        assert_eq!(admin.state(world, &ana).await["state"], "accepted");
        let body = json!({"usernameOrEmailAddress": "ana@example.test", "password": CHOSEN});
        world.send(post("/api/Account/Authenticate").json(body)).await.expect(200);
        for answer in [browser.get(world, &path).await, browser.submit(world, &page, &fields).await] {
            assert!(answer.status == 410 && answer.body.contains("This link was used already"), "{}", answer.body);
        }
        let told = told(world).await;
        let last: Vec<&str> = told.iter().rev().take(3).map(|(action, _)| action.as_str()).collect();
        assert_eq!(last, ["AcceptInvitation", "ChangePassword", "Update"]);
        assert_eq!(told.last().unwrap().1, "ana");
        assert!(told.iter().any(|(action, who)| action == "Invite" && who == "administration"));
        let (status, _) = admin.send(world, "POST", &format!("/identity/api/User/{ana}/invitation"), json!({})).await;
        assert_eq!(status, 409, "who has a password is not invited");
    }

    async fn links_end(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        let ana = admin.invite(world, "ana").await;
        tick(world).await;
        let first = receiver.only().path();
        let invitation = format!("/identity/api/User/{ana}/invitation");
        let mut browser = Browser::default();
        let ended = "This link is no longer valid";
        // A newer one takes its place.
        let (status, state) = admin.send(world, "POST", &invitation, json!({})).await;
        assert_eq!((status, &state["state"], &state["expiresOn"]), (200, &json!("waiting"), &json!("2026-01-12T08:00:00Z")));
        let answer = browser.get(world, &first).await;
        assert!(answer.status == 410 && answer.body.contains(ended), "{}", answer.body);
        receiver.forget();
        tick(world).await;
        let second = receiver.only().path();
        let page = browser.get(world, &second).await;
        assert_eq!(page.status, 200);
        // It is taken back.
        assert_eq!(admin.send(world, "DELETE", &invitation, json!({})).await.0, 204);
        assert_eq!(admin.send(world, "DELETE", &invitation, json!({})).await.0, 204);
        assert_eq!(admin.state(world, &ana).await["state"], "cancelled");
        let fields = [("name", "Ana"), ("password", CHOSEN), ("again", CHOSEN)];
        let answer = browser.submit(world, &page, &fields).await;
        assert!(answer.status == 410 && answer.body.contains(ended), "{}", answer.body);
        assert_eq!(told(world).await.iter().filter(|(action, _)| action == "CancelInvitation").count(), 1);
        // Taken back before it was sent, it is not sent.
        admin.send(world, "POST", &invitation, json!({})).await;
        admin.send(world, "DELETE", &invitation, json!({})).await;
        assert_eq!(count(world, "mail_outbox").await, 0);
        // It expires.
        receiver.forget();
        admin.send(world, "POST", &invitation, json!({})).await;
        tick(world).await;
        let third = receiver.only().path();
        world.advance(7 * 86_400);
        let answer = browser.get(world, &third).await;
        assert!(answer.status == 410 && answer.body.contains("has expired"), "{}", answer.body);
        assert_eq!(admin.state(world, &ana).await["state"], "expired");
        // The account gets another address.
        receiver.forget();
        admin.send(world, "POST", &invitation, json!({})).await;
        tick(world).await;
        let fourth = receiver.only().path();
        assert_eq!(browser.get(world, &fourth).await.status, 200);
        let change = json!({"email": "ana@elsewhere.test"});
        assert_eq!(admin.send(world, "PUT", &format!("/identity/api/User/{ana}"), change).await.0, 200);
        assert_eq!(browser.get(world, &fourth).await.status, 410);
        for path in ["/identity/account/invitation", "/identity/account/invitation?token=x", &fourth.replace("invitation?", "reset?")] {
            let answer = browser.get(world, path).await;
            assert!(answer.status == 404 && answer.body.contains("does not exist"), "{path}: {}", answer.body);
        }
        // The account is deleted while a mail waits.
        admin.send(world, "POST", &invitation, json!({})).await;
        assert_eq!(admin.send(world, "DELETE", &format!("/identity/api/User/{ana}"), json!({})).await.0, 204);
        assert_eq!(count(world, "mail_outbox").await, 0);
        assert_eq!(admin.send(world, "POST", &invitation, json!({})).await.0, 404);
    }

    async fn who_is_invited(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        let org = world.organization.key.as_str();
        let one = async |body: serde_json::Value| {
            let (status, made) = admin.send(world, "POST", "/identity/api/User", body).await;
            assert_eq!(status, 200, "{made}");
            let waiting = count(world, "mail_outbox").await;
            tick(world).await;
            waiting
        };
        assert_eq!(one(json!({"partitionGlobalId": org, "userName": "a", "email": "a@example.test"})).await, 1);
        assert_eq!(one(json!({"partitionGlobalId": org, "userName": "b"})).await, 0);
        assert_eq!(one(json!({"partitionGlobalId": org, "userName": "c", "email": "c@example.test", "password": "S3cret_123"})).await, 0);
        assert_eq!(one(json!({"partitionGlobalId": org, "userName": "d", "email": "d@example.test", "invitationAccepted": true})).await, 0);
        // Another's template, with its own subject and no place for the link.
        let (_, template) = admin.send(world, "GET", "/identity/api/MessageTemplate?name=UserInvitation", json!(null)).await;
        let path = format!("/identity/api/MessageTemplate/{}", template["id"]);
        admin.send(world, "PUT", &path, json!({"value": "<title>Come in</title><p>Hi {{name}}</p>"})).await;
        receiver.forget();
        admin.invite(world, "ana").await;
        tick(world).await;
        let mail = receiver.only();
        assert!(mail.text.contains("Subject: Come in\n") && mail.text.contains("<p>Hi Ana Pop</p><p><a href=\"http"), "{mail:?}");
        // Foreign callers.
        let (_, other) = world.other_organization().await;
        let (status, _) = admin.send(world, "POST", &format!("/identity/api/User/{}/invitation", other.key), json!({})).await;
        assert_eq!(status, 404);
        let path = format!("/identity/api/User/{}/invitation", world.admin.key);
        assert_eq!(world.send(crate::world::get(&path)).await.status, 401);
    }
}
