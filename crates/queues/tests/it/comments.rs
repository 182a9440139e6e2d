//! Comments on items.

use crate::items::queue;
use crate::{failed, item};
use bandmaster_testkit::{json, suite};

suite! {
    async fn comments_live_and_belong_to_their_author(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1})).await;
        let old = failed(&admin, "q").await;
        let body = json!({"Text": "checked", "QueueItemId": old["Id"], "CreationTime": "2001-01-01T00:00:00Z", "UserName": "x"});
        let made = admin.post("/odata/QueueItemComments", body).await.expect(201);
        assert_eq!((&made["Text"], &made["UserName"], &made["CreationTime"]), (&json!("checked"), &json!("admin"), &json!("2026-01-05T08:00:00Z")));
        assert!(made["UserId"].is_i64());
        let path = format!("/odata/QueueItemComments({})", made["Id"]);
        admin.put(&path, json!({"Text": "checked twice", "QueueItemId": 4711})).await.expect(200);
        assert_eq!(admin.get(&path).await.expect(200)["Text"], "checked twice");
        let writer = server.application("OR.Queues", Some("Automation User")).await;
        writer.put(&path, json!({"Text": "mine"})).await.error(403, 0);
        writer.delete(&path).await.error(403, 0);
        let next = admin.get(&format!("/odata/QueueItems({})/UiPath.Server.Configuration.OData.GetItemLastRetry", old["Id"])).await.expect(200);
        assert_eq!(next["AncestorId"], item(&admin, &old["Id"]).await["Id"]);
        let theirs = writer.post("/odata/QueueItemComments", json!({"Text": "x".repeat(512), "QueueItemId": next["Id"]})).await.expect(201);
        let all = format!("/odata/QueueItemComments/UiPath.Server.Configuration.OData.GetQueueItemCommentsHistory(queueItemId={})", old["Id"]);
        assert_eq!(admin.get(&all).await.expect(200)["@odata.count"], 2);
        let list = admin.get(&format!("/odata/QueueItemComments?$filter=QueueItemId eq {}", old["Id"])).await.expect(200);
        assert_eq!(list["@odata.count"], 1);
        assert_ne!(theirs["UserName"], "admin");
        for body in [json!({"QueueItemId": old["Id"]}), json!({"Text": "", "QueueItemId": old["Id"]}), json!({"Text": "x"}),
            json!({"Text": "x".repeat(513), "QueueItemId": old["Id"]})] {
            admin.post("/odata/QueueItemComments", body).await.error(400, 1009);
        }
        admin.post("/odata/QueueItemComments", json!({"Text": "x", "QueueItemId": 4711})).await.error(404, 1002);
        let other = server.other_tenant().await;
        other.get(&path).await.error(404, 1002);
        other.put(&path, json!({"Text": "x"})).await.error(404, 1002);
        other.delete(&path).await.error(404, 1002);
        other.get(&all).await.error(404, 1002);
        other.post("/odata/QueueItemComments", json!({"Text": "x", "QueueItemId": old["Id"]})).await.error(404, 1002);
        admin.delete(&path).await.expect(204);
        admin.get(&path).await.error(404, 1002);
        let audit: Vec<_> = server.audit().await.into_iter().filter(|a| a["component"] == "Comments").map(|a| a["action"].clone()).collect();
        assert_eq!(audit, [json!("Create"), json!("Update"), json!("Create"), json!("Delete")]);
    }
}
