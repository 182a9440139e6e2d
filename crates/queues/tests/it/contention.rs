//! Many at once, for every transition of a transaction: each item is held once, and exactly one wins.

use crate::items::{add, queue};
use crate::world::{end, job, kinds};
use crate::{finish, item, start};
use bandmaster_testkit::{Client, TestServer, Value, json, suite, wait};
use futures::future::join_all;
use std::time::Duration;

/// Items that are fought over in a test.
const ROUNDS: usize = 12;

fn success() -> Value {
    json!({"IsSuccessful": true})
}

fn failure() -> Value {
    json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}})
}

async fn give_back(client: &Client, id: &Value) -> u16 {
    client.post(&format!("/odata/QueueItems({id})/Bandmaster.Return"), json!({})).await.status
}

async fn progress(client: &Client, id: &Value) -> u16 {
    client
        .post(&format!("/odata/QueueItems({id})/UiPathODataSvc.SetTransactionProgress"), json!({"progress": "p"}))
        .await
        .status
}

async fn renew(client: &Client, id: &Value) -> u16 {
    client.post(&format!("/odata/QueueItems({id})/Bandmaster.RenewLease"), json!({})).await.status
}

/// How many events of a kind an item has.
async fn events(server: &TestServer, item: &Value, kind: &str) -> usize {
    server.events().await.iter().filter(|e| e["key"] == item["UniqueKey"] && e["kind"] == kind).count()
}

/// Whether there is exactly one 200 among answers that are 200 or 409.
fn one_wins(answers: &[u16]) {
    assert!(answers.iter().all(|a| matches!(a, 200 | 409)), "{answers:?}");
    assert_eq!(answers.iter().filter(|a| **a == 200).count(), 1, "{answers:?}");
}

async fn filled(client: &Client, items: usize, queue_body: Value) -> i64 {
    let id = queue(client, queue_body).await;
    for n in 0..items {
        add(client, json!({"Name": "q", "Reference": format!("r{n}")})).await;
    }
    id
}

suite! {
    async fn filters_and_plain_callers_never_share_an_item(server: &TestServer) {
        let admin = server.admin();
        filled(&admin, 60, json!({"Name": "q"})).await;
        let takers: Vec<_> = (0..9).map(|n| {
            let client = admin.clone();
            tokio::spawn(async move {
                let (query, data) = match n % 3 {
                    0 => ("", json!({"Name": "q"})),
                    1 => ("?$filter=startswith(Reference,'r')", json!({"Name": "q"})),
                    _ => ("", json!({"Name": "q", "Reference": "r", "ReferenceFilterOption": "StartsWith"})),
                };
                let path = format!("/odata/Queues/UiPathODataSvc.StartTransaction{query}");
                let mut mine = Vec::new();
                loop {
                    let reply = client.post(&path, json!({"transactionData": data})).await;
                    if reply.status == 204 { return mine }
                    mine.push(reply.expect(200)["Id"].as_i64().unwrap());
                }
            })
        }).collect();
        let mut all: Vec<i64> = join_all(takers).await.into_iter().flat_map(Result::unwrap).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 60);
        assert_eq!(kinds(server).await.iter().filter(|k| *k == "queueItem.transactionStarted").count(), 60);
    }

    async fn one_item_has_one_taker(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        for _ in 0..ROUNDS {
            let made = add(&admin, json!({"Name": "q", "Reference": "only"})).await;
            let path = format!("/odata/Queues/UiPathODataSvc.StartTransaction?$filter=Id eq {}", made["Id"]);
            let filtered = (0..4).map(|_| admin.post(&path, json!({"transactionData": {"Name": "q"}})));
            let plain = (0..4).map(|_| admin.post("/odata/Queues/UiPathODataSvc.StartTransaction",
                json!({"transactionData": {"Name": "q", "Reference": "only"}})));
            let (a, b) = tokio::join!(join_all(filtered), join_all(plain));
            let won = a.iter().chain(&b).filter(|r| r.status == 200).count();
            assert!(a.iter().chain(&b).all(|r| matches!(r.status, 200 | 204)));
            assert_eq!((won, events(server, &made, "queueItem.transactionStarted").await), (1, 1));
            finish(&admin, &made["Id"], success()).await.expect(200);
        }
    }

    async fn one_end_wins(server: &TestServer) {
        let admin = server.admin();
        let q = json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 50});
        filled(&admin, ROUNDS, q).await;
        for _ in 0..ROUNDS {
            let held = start(&admin, "q").await;
            let id = &held["Id"];
            // An item that was given back is the next one again, with what it went through.
            let earlier = events(server, &held, "queueItem.returned").await;
            let ends = join_all([success(), failure(), success(), failure(), json!({"DeferDate": "2026-03-01T00:00:00Z"})]
                .map(|body| async { finish(&admin, id, body).await.status }));
            let returns = join_all((0..2).map(|_| give_back(&admin, id)));
            let told = join_all((0..3).map(|_| progress(&admin, id)));
            let renewed = join_all((0..3).map(|_| renew(&admin, id)));
            let (ends, returns, told, renewed) = tokio::join!(ends, returns, told, renewed);
            one_wins(&[ends, returns].concat());
            assert!(told.iter().chain(&renewed).all(|a| matches!(a, 200 | 409)));
            let now = item(&admin, id).await;
            let steps: usize = match now["Status"].as_str().unwrap() {
                "New" => events(server, &held, "queueItem.deferred").await + events(server, &held, "queueItem.returned").await - earlier,
                "Successful" => events(server, &held, "queueItem.transactionCompleted").await,
                _ => events(server, &held, "queueItem.transactionFailed").await,
            };
            assert_eq!(steps, 1, "{}", now["Status"]);
        }
        // Whatever happened: every item has at most one attempt that is not over.
        let open = admin.get("/odata/QueueItems?$filter=Status eq 'New' or Status eq 'InProgress'&$top=1000").await.expect(200);
        let mut chains: Vec<_> = open["value"].as_array().unwrap().iter().map(|i| i["Key"].as_str().unwrap().to_owned()).collect();
        let all = chains.len();
        chains.sort();
        chains.dedup();
        assert_eq!(chains.len(), all);
    }

    async fn deletion_and_start_exclude_each_other(server: &TestServer) {
        let admin = server.admin();
        filled(&admin, 0, json!({"Name": "q"})).await;
        for _ in 0..ROUNDS {
            let made = add(&admin, json!({"Name": "q"})).await;
            let path = format!("/odata/QueueItems({})", made["Id"]);
            let (deleted, taken) = tokio::join!(join_all((0..3).map(|_| admin.delete(&path))), join_all((0..3).map(|_| start(&admin, "q"))));
            let gone = deleted.iter().filter(|r| r.status == 204).count();
            let won = taken.iter().filter(|t| !t.is_null()).count();
            assert_eq!(gone + won, 1);
            let now = item(&admin, &made["Id"]).await["Status"].clone();
            assert_eq!(now, if won == 1 { "InProgress" } else { "Deleted" });
        }
    }

    async fn retry_by_hand_and_deletion_exclude_each_other(server: &TestServer) {
        let admin = server.admin();
        filled(&admin, 0, json!({"Name": "q"})).await;
        for _ in 0..ROUNDS {
            let old = crate::failed(&admin, "q").await;
            let chosen = json!([{"Id": old["Id"], "RowVersion": old["RowVersion"]}]);
            let review = json!({"status": "Retried", "queueItems": chosen});
            let path = format!("/odata/QueueItems({})", old["Id"]);
            let retries = join_all((0..4).map(|_| admin.post("/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus", review.clone())));
            let (retries, deletions) = tokio::join!(retries, join_all((0..4).map(|_| admin.delete(&path))));
            let retried = retries.into_iter().filter(|r| r.expect(200)["Success"] == true).count();
            let deleted = deletions.iter().filter(|r| r.status == 204).count();
            let chain = admin.get(&format!("/odata/QueueItems({})/UiPathODataSvc.GetItemProcessingHistory", old["Id"])).await.expect(200);
            // A retried attempt may be deleted afterwards; a deleted one is never retried.
            assert!(retried <= 1 && deleted <= 1 && retried + deleted >= 1, "{retried} {deleted}");
            assert_eq!(chain["value"].as_array().unwrap().len(), 1 + retried);
            if retried == 1 {
                let next = start(&admin, "q").await;
                finish(&admin, &next["Id"], success()).await.expect(200);
            }
        }
    }

    async fn the_end_of_a_lease_and_a_late_result_exclude_each_other(server: &TestServer) {
        let admin = server.admin();
        let q = filled(&admin, ROUNDS, json!({"Name": "q"})).await;
        admin.post(&format!("/odata/QueueDefinitions({q})/Bandmaster.SetLease"), json!({"LeaseMinutes": 1})).await.expect(200);
        let mut held = Vec::new();
        for number in 1..=ROUNDS {
            let client = job(server, i64::try_from(number).unwrap(), 0).await;
            held.push((client.clone(), start(&client, "q").await));
        }
        // The duty takes items back at the very time at which their holders report, renew and return.
        let late = join_all(held.iter().enumerate().map(async |(n, (client, taken))| {
            let id = &taken["Id"];
            wait::until("the lease is nearly over", async || server.now() >= 1_767_600_000_000_000 + 60_000_000).await;
            match n % 3 {
                0 => finish(client, id, success()).await.status,
                1 => finish(client, id, failure()).await.status,
                _ => give_back(client, id).await,
            }
        }));
        let time = wait::until("all are over", async || {
            server.clock.advance(Duration::from_secs(2));
            let open = admin.get("/odata/QueueItems?$filter=Status eq 'InProgress'").await.expect(200);
            open["@odata.count"] == 0
        });
        let (answers, ()) = tokio::join!(late, time);
        for ((_, taken), answer) in held.iter().zip(answers) {
            let expired = events(server, taken, "queueItem.leaseExpired").await;
            let ended = events(server, taken, "queueItem.transactionCompleted").await
                + events(server, taken, "queueItem.transactionFailed").await + events(server, taken, "queueItem.returned").await;
            assert_eq!((ended, expired), if answer == 200 { (1, 0) } else { (0, 1) }, "{answer}");
        }
    }

    async fn abandoning_and_a_late_result_exclude_each_other(server: &TestServer) {
        let admin = server.admin();
        filled(&admin, ROUNDS, json!({"Name": "q"})).await;
        let mut held = Vec::new();
        for _ in 0..ROUNDS {
            held.push(start(&admin, "q").await);
        }
        server.clock.advance(Duration::from_secs(86_400));
        let answers = join_all(held.iter().map(async |taken| finish(&admin, &taken["Id"], success()).await.status)).await;
        for (taken, answer) in held.iter().zip(answers) {
            let path = format!("/odata/QueueItems({})", taken["Id"]);
            let now = crate::until(&admin, &path, |i| i["Status"] != "InProgress").await;
            assert_eq!(now["Status"], if answer == 200 { "Successful" } else { "Abandoned" });
            let abandoned = events(server, taken, "queueItem.transactionAbandoned").await;
            assert_eq!(events(server, taken, "queueItem.transactionCompleted").await + abandoned, 1);
        }
    }

    async fn an_item_that_changes_hands_has_one_holder(server: &TestServer) {
        let admin = server.admin();
        filled(&admin, 1, json!({"Name": "q"})).await;
        let mut clients = Vec::new();
        for number in 1..=4 {
            clients.push(job(server, number, i64::MAX / 4).await);
        }
        // Everyone takes, tells and returns the one item; whoever has it may do all of that.
        let rounds = clients.iter().map(async |client| {
            let mut turns = 0;
            while turns < 5 {
                let path = "/odata/Queues/UiPathODataSvc.StartTransaction?waitSeconds=60";
                let reply = client.post(path, json!({"transactionData": {"Name": "q"}})).await;
                if reply.status == 204 { continue }
                let mine = reply.expect(200);
                assert_eq!(progress(client, &mine["Id"]).await, 200);
                assert_eq!(item(client, &mine["Id"]).await["ExecutorJobKey"], mine["ExecutorJobKey"]);
                assert_eq!(give_back(client, &mine["Id"]).await, 200);
                turns += 1;
            }
        });
        join_all(rounds).await;
        let kinds = kinds(server).await;
        let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
        assert_eq!((count("queueItem.transactionStarted"), count("queueItem.returned")), (20, 20));
        for number in 1..=4 {
            end(server, number).await;
        }
    }
}
