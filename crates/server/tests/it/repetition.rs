//! Idempotency-Key: a repeated call gets the first answer and changes nothing.

use bandmaster_testkit::{json, suite};
use std::time::Duration;

suite! {
    async fn a_repeated_call_changes_nothing(server: &TestServer) {
        let client = server.admin().with_header("Idempotency-Key", "once-1");
        let body = json!({"Name": "q"});
        let first = client.post("/odata/QueueDefinitions", body.clone()).await;
        first.expect(201);
        let again = client.post("/odata/QueueDefinitions", body.clone()).await;
        assert_eq!((again.status, again.bytes.clone()), (201, first.bytes.clone()));
        assert_eq!(again.header("idempotent-replay"), Some("true"));
        assert_eq!(server.admin().get("/odata/QueueDefinitions").await.expect(200)["@odata.count"], 1);
        client.post("/odata/QueueDefinitions", json!({"Name": "other"})).await.error(409, 1009);
        let elsewhere = json!({"itemData": {"Name": "q"}});
        client.post("/odata/Queues/UiPathODataSvc.AddQueueItem", elsewhere).await.expect(201);
        let stored = server.app().store.read().await.unwrap().query("SELECT reply_sealed FROM stored_replies", &[]).await.unwrap();
        assert!(stored.iter().all(|r| !r.get::<String>(0).unwrap().contains("Name")));
        server.clock.advance(Duration::from_secs(25 * 3600));
        client.post("/odata/QueueDefinitions", body).await.error(409, 1001);
    }

    async fn a_refused_call_gives_its_key_back(server: &TestServer) {
        let client = server.admin().with_header("Idempotency-Key", "k");
        client.post("/odata/QueueDefinitions", json!({"Name": "q", "SlaInMinutes": 999_999_999})).await.error(400, 1009);
        client.post("/odata/QueueDefinitions", json!({"Name": "q"})).await.expect(201);
        let long = server.admin().with_header("Idempotency-Key", &"k".repeat(256));
        long.post("/odata/QueueDefinitions", json!({"Name": "r"})).await.error(400, 1009);
    }

    async fn nobodys_replies_are_not_kept(server: &TestServer) {
        let made = server.command(json!({"command": "application create", "name": "a", "scopes": "OR.Jobs"})).await;
        let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
        let client = server.anonymous().with_header("Idempotency-Key", "1");
        let form = [("grant_type", "client_credentials"), ("scope", "OR.Jobs")];
        let request = client.request(reqwest::Method::POST, "/identity/connect/token").basic_auth(id, Some(secret)).form(&form);
        client.send(request).await.expect(200);
        let stranger = client.form("/identity/connect/token", &form).await;
        assert!(matches!(stranger.status, 400 | 401) && !stranger.text().contains("access_token"));
    }

    async fn only_one_of_many_at_once_does_the_work(server: &TestServer) {
        let client = server.admin().with_header("Idempotency-Key", "race");
        let calls = (0..8).map(|_| client.post("/odata/QueueDefinitions", json!({"Name": "q"})));
        let replies = futures::future::join_all(calls).await;
        assert!(replies.iter().all(|r| matches!(r.status, 201 | 409)));
        assert!(replies.iter().any(|r| r.status == 201));
        assert_eq!(server.admin().get("/odata/QueueDefinitions").await.expect(200)["@odata.count"], 1);
    }
}
