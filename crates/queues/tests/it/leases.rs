//! Leases: items of dead jobs come back.

use crate::items::{add, queue};
use crate::world::{end, job, kinds, sql};
use crate::{finish, item, start};
use bandmaster_store::params;
use bandmaster_testkit::{Client, Reply, TestServer, Value, json, suite, wait};
use std::time::Duration;

const FOREVER: i64 = i64::MAX / 4;

async fn set(client: &Client, queue: i64, minutes: i64) -> Reply {
    client
        .post(&format!("/odata/QueueDefinitions({queue})/Bandmaster.SetLease"), json!({"LeaseMinutes": minutes}))
        .await
}

async fn renew(client: &Client, id: &Value) -> Reply {
    client.post(&format!("/odata/QueueItems({id})/Bandmaster.RenewLease"), json!({})).await
}

/// Lets time pass in small steps, so that the duty never thinks it has slept, until the item has that state; the
/// seconds that passed.
async fn pass_until(server: &TestServer, client: &Client, id: &Value, status: &str) -> i64 {
    let begun = server.now();
    wait::until(status, async || {
        server.clock.advance(Duration::from_secs(5));
        item(client, id).await["Status"] == status
    })
    .await;
    (server.now() - begun) / 1_000_000
}

/// Lets that much time pass in small steps; between them the duties get to run.
async fn pass(server: &TestServer, client: &Client, seconds: i64) {
    let until = server.now() + seconds * 1_000_000;
    wait::until("time", async || {
        server.clock.advance(Duration::from_secs(5));
        client.get("/odata/QueueDefinitions?$top=1").await.expect(200);
        server.now() >= until
    })
    .await;
}

suite! {
    async fn the_lease_of_a_queue_is_set(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        let get = format!("/odata/QueueDefinitions({q})/Bandmaster.GetLease()");
        assert_eq!(admin.get(&get).await.expect(200), json!({"LeaseMinutes": 0}));
        assert_eq!(set(&admin, q, 5).await.expect(200), json!({"LeaseMinutes": 5}));
        assert_eq!(admin.get(&get).await.expect(200), json!({"LeaseMinutes": 5}));
        let entry = server.audit().await.pop().unwrap();
        assert_eq!((&entry["before"], &entry["after"], &entry["name"]), (&json!({"LeaseMinutes": 0}), &json!({"LeaseMinutes": 5}), &json!("q")));
        // What the published operation replaces does not touch it.
        admin.put(&format!("/odata/QueueDefinitions({q})"), json!({"Name": "q2"})).await.expect(200);
        assert_eq!(admin.get(&get).await.expect(200), json!({"LeaseMinutes": 5}));
        for wrong in [-1, 1441] {
            set(&admin, q, wrong).await.error(400, 1009);
        }
        set(&admin, 4711, 5).await.error(404, 1002);
        set(&server.other_tenant().await, q, 5).await.error(404, 1002);
        server.other_tenant().await.get(&get).await.error(404, 1002);
        set(&server.application("OR.Queues.Read", None).await, q, 5).await.error(403, 0);
        set(&server.application("OR.Queues", Some("Automation User")).await, q, 5).await.error(403, 0);
    }

    async fn the_item_of_a_dead_job_comes_back(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        set(&admin, q, 1).await.expect(200);
        add(&admin, json!({"Name": "q", "SpecificContent": {"a": 1}, "Progress": "p"})).await;
        let (dead, alive) = (job(server, 1, server.now()).await, job(server, 2, FOREVER).await);
        let held = start(&dead, "q").await;
        let id = &held["Id"];
        let took = pass_until(server, &admin, id, "New").await;
        assert!((60..180).contains(&took), "{took}");
        let back = item(&admin, id).await;
        assert_eq!((&back["RetryNumber"], &back["SpecificContent"], &back["Progress"]), (&json!(0), &json!({"a": 1}), &json!("p")));
        assert_eq!((&back["StartProcessing"], &back["ExecutorJobKey"], &back["RobotId"]), (&Value::Null, &Value::Null, &Value::Null));
        assert_eq!(kinds(server).await, ["queueItem.added", "queueItem.transactionStarted", "queueItem.leaseExpired"]);
        assert_eq!(start(&alive, "q").await["Id"], *id);
        // The first one was only slow.
        finish(&dead, id, json!({"IsSuccessful": true, "Output": {"by": "dead"}})).await.error(409, 1865);
        finish(&alive, id, json!({"IsSuccessful": true, "Output": {"by": "alive"}})).await.expect(200);
        assert_eq!(item(&admin, id).await["Output"], json!({"by": "alive"}));
        let events = admin.get(&format!("/odata/QueueItemEvents?$filter=QueueItemId eq {id} and Action eq 'Status'&$orderby=Id")).await.expect(200);
        let states: Vec<_> = events["value"].as_array().unwrap().iter().map(|e| e["Status"].clone()).collect();
        assert_eq!(states, ["InProgress", "New", "InProgress", "Successful"]);
    }

    async fn an_ended_job_holds_nothing(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        set(&admin, q, 2).await.expect(200);
        add(&admin, json!({"Name": "q"})).await;
        let held = start(&job(server, 1, FOREVER).await, "q").await;
        pass(server, &admin, 200).await;
        assert_eq!(item(&admin, &held["Id"]).await["Status"], "InProgress");
        end(server, 1).await;
        let took = pass_until(server, &admin, &held["Id"], "New").await;
        assert!(took < 120, "{took}");
    }

    async fn signs_of_life_keep_an_item(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        set(&admin, q, 2).await.expect(200);
        for name in ["heard", "progress", "renewed", "suspended", "nobody's"] {
            add(&admin, json!({"Name": "q", "Reference": name})).await;
        }
        // The watch over jobs would end a silent one after three minutes.
        let mut clients = vec![job(server, 1, FOREVER).await];
        for number in 2..5 {
            clients.push(job(server, number, server.now()).await);
        }
        let mut held = Vec::new();
        for client in &clients {
            held.push(start(client, "q").await["Id"].clone());
        }
        held.push(start(&admin, "q").await["Id"].clone());
        sql(server, "DELETE FROM job_slots WHERE session_id = $1", params![4]).await;
        for _ in 0..3 {
            sql(server, "UPDATE job_slots SET seen_at = seen_at + 60000000 WHERE session_id IN (2, 3)", params![]).await;
            pass(server, &admin, 60).await;
            let path = format!("/odata/QueueItems({})/UiPathODataSvc.SetTransactionProgress", held[1]);
            clients[1].post(&path, json!({"progress": "on"})).await.expect(200);
            let until = renew(&clients[2], &held[2]).await.expect(200)["LeaseUntil"].as_str().unwrap().to_owned();
            assert_eq!(bandmaster_core::time::parse(&until).unwrap(), server.now() + 120_000_000);
        }
        for id in &held {
            assert_eq!(item(&admin, id).await["Status"], "InProgress", "{id}");
        }
        assert_eq!(renew(&admin, &held[4]).await.expect(200), json!({"LeaseUntil": null}));
        renew(&clients[0], &held[1]).await.error(409, 1865);
        renew(&admin, &json!(4711)).await.error(404, 1002);
        renew(&server.other_tenant().await, &held[0]).await.error(404, 1002);
        renew(&server.application("OR.Queues.Read", None).await, &held[0]).await.error(403, 0);
        finish(&clients[0], &held[0], json!({"IsSuccessful": true})).await.expect(200);
        renew(&clients[0], &held[0]).await.error(409, 1865);
    }

    async fn an_item_that_kills_its_robots_is_abandoned(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        set(&admin, q, 1).await.expect(200);
        let made = add(&admin, json!({"Name": "q"})).await;
        for number in 1..=5 {
            let client = job(server, number, FOREVER).await;
            assert_eq!(start(&client, "q").await["Id"], made["Id"]);
            end(server, number).await;
            pass_until(server, &admin, &made["Id"], if number < 5 { "New" } else { "Abandoned" }).await;
        }
        assert_eq!(kinds(server).await.last().unwrap(), "queueItem.transactionAbandoned");
    }

    async fn a_server_that_slept_takes_nothing_away(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        set(&admin, q, 10).await.expect(200);
        add(&admin, json!({"Name": "q"})).await;
        let client = job(server, 1, FOREVER).await;
        let held = start(&client, "q").await;
        end(server, 1).await;
        server.clock.advance(Duration::from_secs(3600));
        pass(server, &admin, 120).await;
        assert_eq!(item(&admin, &held["Id"]).await["Status"], "InProgress");
        pass_until(server, &admin, &held["Id"], "New").await;
    }
}
