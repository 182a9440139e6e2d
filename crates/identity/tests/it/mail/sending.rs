//! The outbox and the conversation with the mail server.

use super::{Administrator, Receiver, count, tick};
use bandmaster_api::Duty;
use bandmaster_identity::Mailer;
use serde_json::json;

both! {
    async fn a_mail_is_sent_once_and_leaves_nothing(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        let ana = admin.invite(world, "ana").await;
        let rows = world.rows("SELECT sealed, kind FROM mail_outbox", &[]).await;
        let sealed: String = rows[0].get(0).unwrap();
        assert!(!sealed.contains("ana") && !sealed.contains("http"));
        assert_eq!(admin.state(world, &ana).await["state"], "waiting");
        let other = world.another_node();
        tokio::join!(tick(world), tick(&other));
        let mail = receiver.only();
        assert!(mail.from.contains("<bandmaster@example.test>") && mail.to.contains("<ana@example.test>"), "{mail:?}");
        // `post` and the password, as PLAIN has them.
        assert_eq!(mail.login.as_deref(), Some("AHBvc3QAcGxhbnRlZHNlY3JldA=="));
        assert!(mail.text.contains("Subject: Your Bandmaster account\n") && mail.text.contains("Hello Ana Pop,"), "{mail:?}");
        assert_eq!(mail.text.matches(&mail.link()).count(), 3, "plain text, address and text of the HTML link");
        assert_eq!(count(world, "mail_outbox").await, 0);
        let state = admin.state(world, &ana).await;
        assert_eq!((&state["state"], &state["error"]), (&json!("sent"), &json!(null)));
        assert_eq!(state["mailedOn"], "2026-01-05T08:00:00Z");
        tick(world).await;
        receiver.only();
        // Neither the link nor a password is anywhere in plain.
        let token = mail.link().split_once("token=").unwrap().1.to_owned();
        let sql = "SELECT token_hash FROM one_time_links UNION ALL SELECT COALESCE(after_json, '') FROM audit_entries UNION ALL SELECT COALESCE(value, '') FROM identity_settings";
        for row in world.rows(sql, &[]).await {
            let text: String = row.get(0).unwrap();
            assert!(!text.contains(&token) && !text.contains("plantedsecret"));
        }
    }

    async fn a_failing_server_is_tried_again_later(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        receiver.refuse(&["451 ana@example.test cannot be served now", "421 closing"]);
        let ana = admin.invite(world, "ana").await;
        tick(world).await;
        let state = admin.state(world, &ana).await;
        assert_eq!((&state["state"], &state["attempts"]), (&json!("waiting"), &json!(1)));
        assert_eq!(state["error"], "The mail server refused with code 451.");
        tick(world).await;
        assert_eq!(admin.state(world, &ana).await["attempts"], 1, "not before its time");
        world.advance(15);
        tick(world).await;
        world.advance(29);
        tick(world).await;
        assert!(receiver.taken().is_empty());
        world.advance(1);
        tick(world).await;
        receiver.only();
        assert_eq!(admin.state(world, &ana).await["state"], "sent");
    }

    async fn what_cannot_be_sent_is_given_up(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        receiver.refuse(&["550 ana@example.test is unknown"]);
        let (ana, bob) = (admin.invite(world, "ana").await, admin.invite(world, "bob").await);
        tick(world).await;
        // Two are on their way at once: one of them met the refusal.
        let states = [admin.state(world, &ana).await, admin.state(world, &bob).await];
        let failed: Vec<_> = states.iter().filter(|s| s["state"] == "failed").collect();
        assert_eq!((failed.len(), &failed[0]["error"]), (1, &json!("The mail server refused with code 550.")));
        let rows = world.rows("SELECT sealed, given_up_at FROM mail_outbox", &[]).await;
        assert_eq!((rows.len(), rows[0].get::<Option<String>>(0).unwrap()), (1, None), "nothing of it is kept");
        // A server that nobody answers at, until the link is of no use any more.
        let body = json!({"partitionGlobalId": world.organization.key, "settings": [{"key": "Email.Smtp.Port", "value": "1"}]});
        admin.send(world, "PUT", "/identity/api/Setting", body).await;
        let eve = admin.invite(world, "eve").await;
        tick(world).await;
        assert_eq!(admin.state(world, &eve).await["error"], "The mail server cannot be reached.");
        world.advance(7 * 86_400 - 20);
        tick(world).await;
        let state = admin.state(world, &eve).await;
        assert_eq!((&state["state"], &state["attempts"]), (&json!("failed"), &json!(2)));
        world.advance(31 * 86_400);
        tick(world).await;
        assert_eq!((count(world, "mail_outbox").await, count(world, "one_time_links").await), (0, 0));
    }

    async fn a_crash_loses_no_mail(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::start().await);
        admin.set_up(world, &receiver).await;
        receiver.be_silent(true);
        admin.invite(world, "ana").await;
        // Everything is sent, and before the server says that it has it, the node dies.
        let (app, now) = (world.app.clone(), world.now());
        let attempt = tokio::spawn(async move { Mailer::default().tick(&app, now).await });
        receiver.came_in.notified().await;
        attempt.abort();
        receiver.be_silent(false);
        let other = world.another_node();
        tick(&other).await;
        assert_eq!((receiver.taken().len(), count(world, "mail_outbox").await), (0, 1), "another may hold it");
        world.advance(120);
        tick(&other).await;
        receiver.only();
        assert_eq!(count(world, "mail_outbox").await, 0);
    }

    async fn without_a_server_nobody_is_invited(world: &World) {
        let admin = Administrator::of(world).await;
        let ana = admin.invite(world, "ana").await;
        assert_eq!((count(world, "mail_outbox").await, &admin.state(world, &ana).await["state"]), (0, &json!("none")));
        let path = format!("/identity/api/User/{ana}/invitation");
        let (status, body) = admin.send(world, "POST", &path, json!({})).await;
        assert_eq!((status, &body["errorCode"], &body["message"]), (409, &json!(1017), &json!("No mail server is set up.")));
        // Half a server is none either.
        let settings = json!([{"key": "Email.Smtp.Host", "value": "127.0.0.1"}]);
        let half = json!({"partitionGlobalId": world.organization.key, "settings": settings});
        admin.send(world, "PUT", "/identity/api/Setting", half).await;
        let (status, body) = admin.send(world, "POST", &path, json!({})).await;
        assert_eq!((status, &body["message"]), (409, &json!("Email.Smtp.FromEmail is missing.")));
        admin.invite(world, "bob").await;
        assert_eq!(count(world, "mail_outbox").await, 0);
    }

    async fn an_organizations_server_is_reached_only_where_that_is_allowed(world: &World) {
        let (admin, receiver) = (Administrator::of(world).await, Receiver::at("127.0.0.2").await);
        admin.set_up(world, &receiver).await;
        let words = "The server's configuration does not allow connections to this address.";
        for (n, host) in ["127.0.0.2", "0x7f.2", "::ffff:127.0.0.2", "169.254.169.254", "10.0.0.1"].into_iter().enumerate() {
            let settings = json!([{"key": "Email.Smtp.Host", "value": host}]);
            let body = json!({"partitionGlobalId": world.organization.key, "settings": settings});
            assert_eq!(admin.send(world, "PUT", "/identity/api/Setting", body).await.0, 200);
            let person = admin.invite(world, &format!("person{n}")).await;
            tick(world).await;
            let state = admin.state(world, &person).await;
            assert_eq!((&state["state"], &state["error"]), (&json!("waiting"), &json!(words)), "{host}");
        }
        assert!(receiver.taken().is_empty() && receiver.met() == 0);
    }
}
