//! What happens by itself: items are abandoned, old ones go.

use crate::items::{add, queue};
use crate::{finish, item, start, until};
use bandmaster_testkit::{TestServer, json, suite};
use std::time::Duration;

const DAY: u64 = 86_400;

/// Waits until the duty has been through the queue for the present day.
pub async fn day_is_done(server: &TestServer, queue: i64) {
    let (now, day) = (bandmaster_core::Clock::now(&*server.clock), bandmaster_core::clock::DAY);
    let sql = "SELECT retention_done_at FROM queue_definitions WHERE id = $1";
    bandmaster_testkit::wait::until("the duty of the day", async || {
        let mut conn = server.app().store.read().await.unwrap();
        let done: i64 = conn.query_one(sql, bandmaster_store::params![queue]).await.unwrap().get(0).unwrap();
        done == now - now % day
    })
    .await;
}

suite! {
    async fn items_without_a_result_are_abandoned_after_a_day(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        queue(&admin, json!({"Name": "r", "EnforceUniqueReference": true, "RetryAbandonedItems": true, "MaxNumberOfRetries": 1})).await;
        for name in ["q", "r"] {
            add(&admin, json!({"Name": name, "Reference": "a"})).await;
        }
        let (plain, retried) = (start(&admin, "q").await, start(&admin, "r").await);
        server.clock.advance(Duration::from_secs(DAY - 60));
        let path = format!("/odata/QueueItems({})/UiPathODataSvc.SetTransactionProgress", plain["Id"]);
        admin.post(&path, json!({"progress": "progress does not count"})).await.expect(200);
        server.clock.advance(Duration::from_secs(50));
        assert_eq!(item(&admin, &plain["Id"]).await["Status"], "InProgress");
        server.clock.advance(Duration::from_secs(11));
        let now = until(&admin, &format!("/odata/QueueItems({})", plain["Id"]), |i| i["Status"] != "InProgress").await;
        assert_eq!((&now["Status"], &now["ProcessingException"]), (&json!("Abandoned"), &json!(null)));
        finish(&admin, &plain["Id"], json!({"IsSuccessful": true})).await.error(409, 1865);
        let now = until(&admin, &format!("/odata/QueueItems({})", retried["Id"]), |i| i["Status"] != "InProgress").await;
        assert_eq!(now["Status"], "Retried");
        let next = start(&admin, "r").await;
        assert_eq!((&next["AncestorId"], &next["RetryNumber"], &next["Reference"]), (&retried["Id"], &json!(1), &json!("a")));
        server.clock.advance(Duration::from_secs(DAY + 60));
        let now = until(&admin, &format!("/odata/QueueItems({})", next["Id"]), |i| i["Status"] != "InProgress").await;
        assert_eq!(now["Status"], "Abandoned", "no retry is left");
        let kinds = server.events().await.into_iter().filter(|e| e["kind"] == "queueItem.transactionAbandoned").count();
        assert_eq!(kinds, 3);
        let review = json!({"status": "Retried", "queueItems": [{"Id": now["Id"], "RowVersion": now["RowVersion"]}]});
        assert_eq!(admin.post("/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus", review).await.expect(200)["Success"], true);
        assert_eq!(start(&admin, "r").await["ManualAncestorId"], now["Id"]);
    }

    async fn old_items_go_on_their_day(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        let kept = queue(&admin, json!({"Name": "kept"})).await;
        let path = format!("/odata/QueueRetention({q})");
        let expected = json!({"QueueDefinitionId": q, "Action": "Delete", "Period": 30, "BucketId": null, "Type": "Final"});
        let mut shown = admin.get(&path).await.expect(200);
        shown.as_object_mut().unwrap().remove("@odata.context");
        assert_eq!(shown, expected);
        assert_eq!(admin.get(&format!("{path}?retentionType=Stale")).await.expect(200)["Action"], "None");
        for (body, code) in [
            (json!({"Action": "Delete", "Period": 0}), 1009), (json!({"Action": "Delete", "Period": 541}), 1009),
            (json!({"Action": "Delete"}), 1009), (json!({"Period": 5}), 1009), (json!({"Action": "Archive", "Period": 5}), 1009), (json!({"Action": "Archive", "BucketId": 1}), 1009),
            (json!({"Action": "Delete", "Period": 5, "Type": "Stale"}), 1009),
        ] {
            admin.put(&path, body).await.error(400, code);
        }
        admin.put(&path, json!({"Action": "Delete", "Period": 540})).await.expect(200);
        admin.put(&path, json!({"Action": "Delete", "Period": 1})).await.expect(200);
        admin.put(&format!("/odata/QueueRetention({kept})"), json!({"Action": "None"})).await.expect(200);
        let list = admin.get("/odata/QueueRetention?$filter=Action eq 'None'").await.expect(200);
        assert_eq!((&list["@odata.count"], &list["value"][0]["Period"]), (&json!(1), &json!(null)));
        server.other_tenant().await.put(&path, json!({"Action": "None"})).await.error(404, 1002);
        admin.get("/odata/QueueRetention(4711)").await.error(404, 1002);
        for name in ["q", "kept"] {
            add(&admin, json!({"Name": name})).await;
            let done = start(&admin, name).await;
            finish(&admin, &done["Id"], json!({"IsSuccessful": true})).await.expect(200);
        }
        add(&admin, json!({"Name": "q", "Reference": "new"})).await;
        let all = format!("/odata/QueueItems?$filter=QueueDefinitionId eq {q}");
        // It ended on the 5th; with one day it goes on the 7th.
        server.clock.advance(Duration::from_secs(DAY));
        day_is_done(server, q).await;
        assert_eq!(admin.get(&all).await.expect(200)["@odata.count"], 2);
        server.clock.advance(Duration::from_secs(DAY));
        let left = until(&admin, &all, |l| l["@odata.count"] == 1).await;
        assert_eq!(left["value"][0]["Reference"], "new");
        let events = admin.get("/odata/QueueItemEvents?$filter=Action eq 'Create'").await.expect(200);
        assert_eq!(events["@odata.count"], 2);
        let status = admin.get("/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus").await.expect(200);
        assert_eq!((&status["value"][0]["SuccessfulTransactionsNo"], &status["value"][0]["ItemsToProcess"]), (&json!(1), &json!(1)));
        admin.delete(&path).await.expect(204);
        assert_eq!(admin.get(&path).await.expect(200)["Period"], 30);
    }
}
