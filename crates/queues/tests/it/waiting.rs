//! StartTransaction that waits for an item.

use crate::items::{add, queue};
use crate::{finish, item, start};
use bandmaster_testkit::{Client, TestServer, Value, json, suite, wait};
use std::time::Duration;
use tokio::task::JoinHandle;

const START: &str = "/odata/Queues/UiPathODataSvc.StartTransaction";

fn waiter(client: &Client, seconds: u32, data: Value) -> JoinHandle<Value> {
    let client = client.clone();
    tokio::spawn(async move {
        let path = format!("{START}?waitSeconds={seconds}");
        let reply = client.post(&path, json!({ "transactionData": data })).await;
        if reply.status == 204 { Value::Null } else { reply.expect(200) }
    })
}

async fn in_flight(server: &TestServer, wanted: usize) {
    let line = format!("bandmaster_http_requests_in_flight {wanted}");
    wait::until(&line, async || server.app().metrics.text(&server.app().store.metrics()).contains(&line)).await;
}

/// Somebody waits for an item of the queue; not only is a request on its way.
async fn waits(server: &TestServer, queue: i64) {
    let topic = format!("queue:{queue}");
    wait::until("a waiter", async || server.app().nudges.waiting(&topic) == 1).await;
}

suite! {
    async fn an_item_that_comes_ends_the_wait(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "q"})).await;
        let waiting = waiter(&admin, 60, json!({"Name": "Q"}));
        waits(server, id).await;
        let made = add(&admin, json!({"Name": "q"})).await;
        let taken = waiting.await.unwrap();
        assert_eq!((&taken["Id"], &taken["Status"]), (&made["Id"], &json!("InProgress")));
        // What is there already is answered at once, a reference chooses, and contents begin without waiting.
        add(&admin, json!({"Name": "q", "Reference": "b"})).await;
        let waiting = waiter(&admin, 60, json!({"Name": "q", "Reference": "a"}));
        waits(server, id).await;
        add(&admin, json!({"Name": "q", "Reference": "a"})).await;
        assert_eq!(waiting.await.unwrap()["Reference"], "a");
        assert_eq!(waiter(&admin, 60, json!({"Name": "q"})).await.unwrap()["Reference"], "b");
        assert_eq!(waiter(&admin, 60, json!({"Name": "q", "SpecificContent": {"x": 1}})).await.unwrap()["SpecificContent"]["x"], 1);
    }

    async fn every_way_of_becoming_new_ends_the_wait(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1})).await;
        let first = waiter(&admin, 60, json!({"Name": "q"}));
        waits(server, id).await;
        let many = json!({"queueName": "q", "commitType": "AllOrNothing", "queueItems": [{"Reference": "r"}]});
        admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200);
        let taken = first.await.unwrap();
        // A retry.
        let second = waiter(&admin, 60, json!({"Name": "q"}));
        waits(server, id).await;
        finish(&admin, &taken["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}})).await.expect(200);
        let again = second.await.unwrap();
        assert_eq!(again["AncestorId"], taken["Id"]);
        // A return.
        let third = waiter(&admin, 60, json!({"Name": "q"}));
        waits(server, id).await;
        admin.post(&format!("/odata/QueueItems({})/Bandmaster.Return", again["Id"]), json!({})).await.expect(200);
        let back = third.await.unwrap();
        assert_eq!(back["Id"], again["Id"]);
        // A retry by hand.
        finish(&admin, &back["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}})).await.expect(200);
        let failed = item(&admin, &back["Id"]).await;
        let fourth = waiter(&admin, 60, json!({"Name": "q"}));
        waits(server, id).await;
        let review = json!({"status": "Retried", "queueItems": [{"Id": failed["Id"], "RowVersion": failed["RowVersion"]}]});
        admin.post("/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus", review).await.expect(200);
        let last = fourth.await.unwrap();
        assert_eq!(last["ManualAncestorId"], failed["Id"]);
        // A deferral that is taken back by an edit.
        finish(&admin, &last["Id"], json!({"DeferDate": "2026-03-01T00:00:00Z"})).await.expect(200);
        let fifth = waiter(&admin, 60, json!({"Name": "q"}));
        waits(server, id).await;
        admin.put(&format!("/odata/QueueItems({})", last["Id"]), json!({"Name": "q", "Priority": "High"})).await.expect(200);
        assert_eq!(fifth.await.unwrap()["Id"], last["Id"]);
    }

    // The clock of tests makes waiters look all the time; here it is the nudge that counts.
    async fn every_way_of_becoming_new_nudges_the_queue(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 9, "RetryAbandonedItems": true})).await;
        let heard = async |action: &str, act: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let waiter = server.app().nudges.waiter(&format!("queue:{id}"));
            act.await;
            assert!(waiter.wait(Duration::from_secs(20)).await, "{action}");
        };
        let client = admin.clone();
        heard("add", Box::pin(async move { add(&client, json!({"Name": "q"})).await; })).await;
        let mut held = start(&admin, "q").await["Id"].clone();
        let failure = json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}});
        for (action, body) in [("retry", failure), ("deferral", json!({"DeferDate": "2026-01-01T00:00:00Z"}))] {
            let (client, id) = (admin.clone(), held.clone());
            heard(action, Box::pin(async move { finish(&client, &id, body).await.expect(200); })).await;
            held = start(&admin, "q").await["Id"].clone();
        }
        let (client, path) = (admin.clone(), format!("/odata/QueueItems({held})/Bandmaster.Return"));
        heard("return", Box::pin(async move { client.post(&path, json!({})).await.expect(200); })).await;
        held = start(&admin, "q").await["Id"].clone();
        let clock = server.clock.clone();
        heard("abandoning", Box::pin(async move { clock.advance(Duration::from_secs(86_401)) })).await;
        assert_eq!(start(&admin, "q").await["AncestorId"], held);
        let (client, items) = (admin.clone(), json!([{"Reference": "b"}]));
        let many = json!({"queueName": "q", "commitType": "AllOrNothing", "queueItems": items});
        heard("bulk", Box::pin(async move { client.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200); })).await;
    }

    async fn a_deferred_item_ends_the_wait_when_its_time_has_come(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "q"})).await;
        add(&admin, json!({"Name": "q", "Reference": "d", "DeferDate": "2026-01-05T08:00:30Z"})).await;
        let waiting = waiter(&admin, 60, json!({"Name": "q"}));
        waits(server, id).await;
        server.clock.advance(Duration::from_secs(29));
        assert!(!waiting.is_finished());
        server.clock.advance(Duration::from_secs(1));
        assert_eq!(waiting.await.unwrap()["Reference"], "d");
    }

    async fn a_wait_ends_without_an_item(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let (begun, waiting) = (server.now(), waiter(&admin, 7, json!({"Name": "q"})));
        wait::until("the wait is over", async || {
            let over = waiting.is_finished();
            if !over {
                server.clock.advance(Duration::from_millis(100));
            }
            over
        }).await;
        assert!(waiting.await.unwrap().is_null());
        assert!(server.now() - begun >= 7_000_000);
        for wrong in ["61", "-1", "x", "1.5"] {
            admin.post(&format!("{START}?waitSeconds={wrong}"), json!({"transactionData": {"Name": "q"}})).await.error(400, 1009);
        }
        admin.post(&format!("{START}?waitSeconds=5"), json!({"transactionData": {"Name": "none"}})).await.error(404, 1002);
        server.application("OR.Queues.Read", None).await
            .post(&format!("{START}?waitSeconds=5"), json!({"transactionData": {"Name": "q"}})).await.error(403, 0);
    }

    async fn a_caller_who_hangs_up_takes_nothing(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "q"})).await;
        for key in [None, Some("k1")] {
            let client = key.map_or(admin.clone(), |k| admin.with_header("Idempotency-Key", k));
            let waiting = waiter(&client, 60, json!({"Name": "q"}));
            waits(server, id).await;
            waiting.abort();
            in_flight(server, 0).await;
            let made = add(&admin, json!({"Name": "q"})).await;
            let events = |e: Vec<Value>| e.iter().filter(|e| e["kind"] == "queueItem.transactionStarted" && e["key"] == made["UniqueKey"]).count();
            assert_eq!((item(&admin, &made["Id"]).await["Status"].clone(), events(server.events().await)), (json!("New"), 0));
            // The same key is free again.
            let taken = wait::found("the item", async || {
                let reply = client.post(START, json!({"transactionData": {"Name": "q"}})).await;
                (reply.status == 200).then(|| reply.expect(200))
            }).await;
            assert_eq!(taken["Id"], made["Id"]);
        }
    }

    async fn a_queue_that_goes_ends_the_wait(server: &TestServer) {
        let admin = server.admin();
        let id = queue(&admin, json!({"Name": "q"})).await;
        let client = admin.clone();
        let waiting = tokio::spawn(async move {
            client.post(&format!("{START}?waitSeconds=60"), json!({"transactionData": {"Name": "q"}})).await.status
        });
        waits(server, id).await;
        admin.delete(&format!("/odata/QueueDefinitions({id})")).await.expect(204);
        assert_eq!(waiting.await.unwrap(), 404);
    }

    // Many more than there are connections to the database.
    async fn many_wait_and_each_gets_an_item_of_its_own(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let waiting: Vec<_> = (0..120).map(|_| waiter(&admin, 60, json!({"Name": "q"}))).collect();
        in_flight(server, 120).await;
        assert!(start(&admin, "q").await.is_null());
        for n in 0..60 {
            add(&admin, json!({"Name": "q", "Reference": n.to_string()})).await;
        }
        let items: Vec<Value> = (0..60).map(|n| json!({"Reference": format!("b{n}")})).collect();
        admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", json!({"queueName": "q", "commitType": "AllOrNothing", "queueItems": items})).await.expect(200);
        let mut all = Vec::new();
        for one in waiting {
            all.push(one.await.unwrap()["Id"].as_i64().unwrap());
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 120);
    }
}
