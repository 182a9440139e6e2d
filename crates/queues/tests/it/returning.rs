//! Returning items unchanged.

use crate::items::{add, queue};
use crate::world::{job, kinds};
use crate::{finish, item, start};
use bandmaster_testkit::{Client, Reply, Value, json, suite};
use std::time::Duration;

async fn give_back(client: &Client, id: &Value, body: Value) -> Reply {
    client.post(&format!("/odata/QueueItems({id})/Bandmaster.Return"), body).await
}

suite! {
    async fn an_item_goes_back_unchanged(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        let made = add(&admin, json!({"Name": "q", "Reference": "r", "Priority": "High", "DueDate": "2026-02-01T00:00:00Z",
            "SpecificContent": {"a": 1}})).await;
        start(&admin, "q").await;
        assert_eq!(give_back(&admin, &made["Id"], json!({})).await.expect(200), json!({}));
        let mut now = item(&admin, &made["Id"]).await;
        assert_ne!(now["RowVersion"], made["RowVersion"]);
        now["RowVersion"] = made["RowVersion"].clone();
        now["@odata.context"] = made["@odata.context"].clone();
        assert_eq!(now, made);
        assert_eq!(kinds(server).await, ["queueItem.added", "queueItem.transactionStarted", "queueItem.returned"]);
        let history = admin.get(&format!("/odata/QueueItemEvents?$filter=QueueItemId eq {}&$orderby=Id", made["Id"])).await.expect(200);
        let last = &history["value"][2];
        assert_eq!((&last["Action"], &last["Status"]), (&json!("Status"), &json!("New")));
        assert_eq!(start(&admin, "q").await["RetryNumber"], 0);
    }

    async fn a_delay_holds_it_back(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let made = add(&admin, json!({"Name": "q"})).await;
        for body in [json!({"delaySeconds": 60}), json!({"deferDate": "2026-01-05T08:02:00Z"})] {
            assert_eq!(start(&admin, "q").await["Id"], made["Id"]);
            give_back(&admin, &made["Id"], body).await.expect(200);
            assert!(start(&admin, "q").await.is_null());
            server.clock.advance(Duration::from_secs(60));
        }
        start(&admin, "q").await;
        for wrong in [json!({"delaySeconds": -1}), json!({"delaySeconds": 2_592_001}),
            json!({"delaySeconds": 5, "deferDate": "2026-01-05T08:02:00Z"})] {
            give_back(&admin, &made["Id"], wrong).await.error(400, 1009);
        }
        give_back(&admin, &made["Id"], json!({"delaySeconds": "soon"})).await.error(400, 1000);
        finish(&admin, &made["Id"], json!({"IsSuccessful": true})).await.expect(200);
        give_back(&admin, &made["Id"], json!({})).await.error(409, 1865);
        give_back(&admin, &json!(4711), json!({})).await.error(404, 1002);
        give_back(&server.other_tenant().await, &made["Id"], json!({})).await.error(404, 1002);
        give_back(&server.application("OR.Queues.Read", None).await, &made["Id"], json!({})).await.error(403, 0);
        let looker = server.application("OR.Queues", Some("Automation User")).await;
        assert_ne!(give_back(&looker, &made["Id"], json!({})).await.status, 200);
    }

    async fn a_holder_of_before_comes_too_late(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 3})).await;
        let (first, second) = (job(server, 1, server.now()).await, job(server, 2, server.now()).await);
        let made = add(&admin, json!({"Name": "q"})).await;
        let id = &made["Id"];
        assert_eq!(start(&first, "q").await["ExecutorJobKey"], "8066c309-cef8-4b47-9163-000000000001");
        give_back(&second, id, json!({})).await.error(409, 1865);
        give_back(&admin, id, json!({})).await.expect(200);
        finish(&first, id, json!({"IsSuccessful": true})).await.error(409, 1852);
        assert_eq!(start(&second, "q").await["Id"], *id);
        let progress = format!("/odata/QueueItems({id})/UiPathODataSvc.SetTransactionProgress");
        for body in [json!({"IsSuccessful": true}), json!({"DeferDate": "2026-03-01T00:00:00Z"}),
            json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}})] {
            finish(&first, id, body).await.error(409, 1865);
        }
        first.post(&progress, json!({"progress": "late"})).await.error(409, 1851);
        give_back(&first, id, json!({})).await.error(409, 1865);
        first.post(&format!("/odata/QueueItems({id})/Bandmaster.RenewLease"), json!({})).await.error(409, 1865);
        second.post(&progress, json!({"progress": "mine"})).await.expect(200);
        finish(&second, id, json!({"IsSuccessful": true})).await.expect(200);
        let done = item(&admin, id).await;
        assert_eq!((&done["Status"], &done["Progress"]), (&json!("Successful"), &json!("mine")));
        // Without a return in between, jobs may end what others began, as they always could.
        let other = add(&admin, json!({"Name": "q"})).await;
        start(&first, "q").await;
        finish(&second, &other["Id"], json!({"IsSuccessful": true})).await.expect(200);
    }
}
