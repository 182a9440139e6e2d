//! Editing, deleting, reviewing and retrying by hand.

use crate::items::{add, queue};
use crate::{failed, finish, item, start};
use bandmaster_testkit::{Value, json, suite};

const STATUS: &str = "/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus";

fn pair(item: &Value) -> Value {
    json!({"Id": item["Id"], "RowVersion": item["RowVersion"]})
}

suite! {
    async fn new_items_are_edited(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let made = add(&admin, json!({"Name": "q", "Reference": "r", "SpecificContent": {"a": 1}})).await;
        let path = format!("/odata/QueueItems({})", made["Id"]);
        let body = json!({"Name": "other", "Reference": "other", "Priority": "High", "DueDate": "2026-02-02T00:00:00Z",
            "DeferDate": "2026-02-01T00:00:00Z", "SpecificContent": {"b": 2}, "Progress": "p"});
        admin.put(&path, body).await.expect(200);
        let now = item(&admin, &made["Id"]).await;
        assert_eq!((&now["Reference"], &now["Priority"], &now["Progress"]), (&json!("r"), &json!("High"), &json!("p")));
        assert_eq!((&now["DueDate"], &now["SpecificContent"]), (&json!("2026-02-02T00:00:00Z"), &json!({"b": 2})));
        assert_ne!(now["RowVersion"], made["RowVersion"]);
        assert!(start(&admin, "q").await.is_null(), "it is deferred now");
        admin.put(&path, json!({"Priority": "Normal", "SpecificContent": {"b": 2}})).await.expect(200);
        assert_eq!(start(&admin, "q").await["Id"], made["Id"]);
        admin.put(&path, json!({"DeferDate": "2026-02-02", "DueDate": "2026-02-01"})).await.error(400, 1009);
        admin.put(&path, json!({"Priority": "Urgent"})).await.error(400, 1000);
        admin.put("/odata/QueueItems(9007199254740990)", json!({"Progress": "x"})).await.error(404, 1002);
        server.other_tenant().await.put(&path, json!({"Progress": "x"})).await.error(404, 1002);
        let reader = server.application("OR.Queues", Some("Automation User")).await;
        reader.put(&path, json!({"Progress": "x"})).await.error(403, 0);
        let audit = server.audit().await;
        assert_eq!(audit.iter().filter(|a| a["component"] == "Queues" && a["action"] == "Update").count(), 2);
    }

    async fn started_and_ended_items_are_nearly_fixed(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let made = add(&admin, json!({"Name": "q", "SpecificContent": {"a": 1}})).await;
        let path = format!("/odata/QueueItems({})", made["Id"]);
        start(&admin, "q").await;
        admin.put(&path, json!({"Priority": "Normal", "SpecificContent": {"a": 1}, "Progress": "half"})).await.expect(200);
        assert_eq!(item(&admin, &made["Id"]).await["Progress"], "half");
        admin.put(&path, json!({"Priority": "High"})).await.error(409, 1023);
        admin.put(&path, json!({"SpecificContent": {}})).await.error(409, 1023);
        finish(&admin, &made["Id"], json!({"IsSuccessful": true})).await.expect(200);
        admin.put(&path, json!({"SpecificContent": {"a": 2}})).await.error(409, 1023);
        admin.put(&path, json!({"Priority": "Normal", "SpecificContent": {}})).await.expect(200);
        let now = item(&admin, &made["Id"]).await;
        assert_eq!((&now["SpecificContent"], &now["Status"]), (&Value::Null, &json!("Successful")));
    }

    async fn items_are_deleted_softly(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        let made = add(&admin, json!({"Name": "q", "Reference": "a"})).await;
        let path = format!("/odata/QueueItems({})", made["Id"]);
        let reader = server.application("OR.Queues", Some("Automation User")).await;
        reader.delete(&path).await.error(403, 0);
        server.other_tenant().await.delete(&path).await.error(404, 1002);
        admin.delete(&path).await.expect(204);
        assert_eq!(item(&admin, &made["Id"]).await["Status"], "Deleted");
        admin.delete(&path).await.error(409, 1865);
        assert!(start(&admin, "q").await.is_null());
        let again = add(&admin, json!({"Name": "q", "Reference": "a"})).await;
        assert_eq!(start(&admin, "q").await["Id"], again["Id"]);
        admin.delete(&format!("/odata/QueueItems({})", again["Id"])).await.error(409, 1865);
        let kinds: Vec<_> = server.events().await.into_iter().map(|e| e["kind"].clone()).collect();
        assert!(kinds.contains(&json!("queueItem.deleted")));
    }

    async fn many_are_deleted_by_their_version(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let (a, b) = (add(&admin, json!({"Name": "q"})).await, add(&admin, json!({"Name": "q"})).await);
        let path = "/odata/QueueItems/UiPathODataSvc.DeleteBulk";
        let stale = json!({"Id": b["Id"], "RowVersion": "AAAAAAAAAAA="});
        let unknown = json!({"Id": 4711, "RowVersion": b["RowVersion"]});
        let reply = admin.post(path, json!({"queueItems": [pair(&a), stale, unknown]})).await.expect(200);
        assert_eq!((&reply["Success"], &reply["FailedItems"]), (&json!(false), &json!([b["Id"], 4711])));
        let reply = admin.post(path, json!({"queueItems": [pair(&b)]})).await.expect(200);
        assert_eq!((&reply["Success"], &reply["Message"], &reply["FailedItems"]), (&json!(true), &Value::Null, &json!([])));
        admin.post(path, json!({"queueItems": [pair(&b), pair(&b)]})).await.error(400, 1009);
        admin.post(path, json!({})).await.error(400, 0);
        let list = admin.get("/odata/QueueItems?$filter=Status eq 'Deleted'").await.expect(200);
        assert_eq!(list["@odata.count"], 2);
        let other = server.other_tenant().await;
        let reply = other.post(path, json!({"queueItems": [pair(&a)]})).await.expect(200);
        assert_eq!(reply["FailedItems"], json!([a["Id"]]));
        assert_eq!(server.audit().await.iter().filter(|e| e["component"] == "Queues" && e["action"] == "Delete").count(), 2);
    }

    async fn failed_items_are_reviewed_and_retried_by_hand(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        let old = failed(&admin, "q").await;
        let id = &old["Id"];
        let set = async |status: &str, item: &Value| admin.post(STATUS, json!({"status": status, "queueItems": [pair(item)]})).await;
        assert_eq!(set("InReview", &old).await.expect(200)["Success"], true);
        assert_eq!(set("Verified", &old).await.expect(200)["FailedItems"], json!([id]), "the version is stale");
        let now = item(&admin, id).await;
        assert_eq!(now["ReviewStatus"], "InReview");
        set("Sideways", &now).await.error(400, 1009);
        admin.post(STATUS, json!({"queueItems": [pair(&now)]})).await.error(400, 0);
        assert_eq!(set("Verified", &now).await.expect(200)["Success"], true);
        let now = item(&admin, id).await;
        assert_eq!(set("Retried", &now).await.expect(200)["Success"], true);
        let now = item(&admin, id).await;
        assert_eq!((&now["Status"], &now["ReviewStatus"]), (&json!("Retried"), &json!("Retried")));
        assert_eq!(set("None", &now).await.expect(200)["Success"], false);
        let again = start(&admin, "q").await;
        assert_eq!((&again["Key"], &again["ManualAncestorId"], &again["ManualRetryNumber"]), (&old["Key"], id, &json!(1)));
        assert_eq!((&again["ManualAncestorUniqueKey"], &again["AncestorId"], &again["RetryNumber"]), (&old["UniqueKey"], &Value::Null, &json!(0)));
        assert_eq!((&again["SpecificContent"], &again["Reference"], &again["ReviewStatus"]), (&json!({"a": 1}), &json!("r"), &json!("None")));
        assert_eq!(set("Retried", &again).await.expect(200)["Success"], false, "it is in progress");
        let chain = admin.get(&format!("/odata/QueueItems({id})/UiPathODataSvc.GetItemProcessingHistory")).await.expect(200);
        let ids: Vec<_> = chain["value"].as_array().unwrap().iter().map(|i| i["Id"].clone()).collect();
        assert_eq!(ids, [id.clone(), again["Id"].clone()]);
        let last = admin.get(&format!("/odata/QueueItems({id})/UiPath.Server.Configuration.OData.GetItemLastRetry")).await.expect(200);
        assert_eq!((&last["Id"], &last["SpecificContent"]), (&again["Id"], &json!({"a": 1})));
        for key in [&old["UniqueKey"], &old["Key"]] {
            let path = format!("/odata/QueueItems/UiPathODataSvc.GetItemLastRetryByKey(key={})", key.as_str().unwrap());
            assert_eq!(admin.get(&path).await.expect(200)["Id"], again["Id"]);
        }
        let path = "/odata/QueueItems/UiPathODataSvc.GetItemLastRetryByKey(key=00000000-0000-4000-8000-000000000001)";
        admin.get(path).await.error(404, 1002);
        admin.get("/odata/QueueItems(4711)/UiPathODataSvc.GetItemProcessingHistory").await.error(404, 1002);
        server.other_tenant().await.get(&format!("/odata/QueueItems({id})/UiPath.Server.Configuration.OData.GetItemLastRetry")).await.error(404, 1002);
        let path = format!("/odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={id})?$orderby=Id");
        let history = admin.get(&path).await.expect(200);
        let steps: Vec<String> = history["value"].as_array().unwrap().iter().map(|e| format!("{}/{}/{}",
            e["Action"].as_str().unwrap(), e["Status"].as_str().unwrap(), e["ReviewStatus"].as_str().unwrap())).collect();
        assert_eq!(steps, ["Create/New/None", "Status/InProgress/None", "Status/Failed/None", "Edit/Failed/InReview",
            "Edit/Failed/Verified", "Retry/Retried/Retried", "Create/New/None", "Status/InProgress/None"]);
        assert_eq!(history["value"][0]["UserName"], "admin");
        let one = admin.get(&format!("/odata/QueueItemEvents({})", history["value"][3]["Id"])).await.expect(200);
        assert!(one["Data"].as_str().unwrap().contains("InReview"));
        let list = admin.get(&format!("/odata/QueueItemEvents?$filter=QueueItemId eq {id} and Action eq 'Edit'")).await.expect(200);
        assert_eq!(list["@odata.count"], 2);
        admin.get("/odata/QueueItemEvents(9007199254740990)").await.error(404, 1002);
        assert_eq!(server.other_tenant().await.get("/odata/QueueItemEvents").await.expect(200)["@odata.count"], 0);
        assert!(q > 0);
    }

    async fn reviewers_are_people_of_the_folder(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let old = failed(&admin, "q").await;
        let list = admin.get("/odata/QueueItems/UiPath.Server.Configuration.OData.GetReviewers").await.expect(200);
        let admins: Vec<_> = list["value"].as_array().unwrap().iter().filter(|u| u["UserName"] == "admin").collect();
        assert_eq!(admins.len(), 1, "{list}");
        let user = &admins[0]["Id"];
        let path = "/odata/QueueItems/UiPathODataSvc.SetItemReviewer";
        admin.post(path, json!({"userId": 4711, "queueItems": [pair(&old)]})).await.error(400, 1853);
        assert_eq!(admin.post(path, json!({"userId": user, "queueItems": [pair(&old)]})).await.expect(200)["Success"], true);
        let now = admin.get(&format!("/odata/QueueItems({})?$expand=ReviewerUser", old["Id"])).await.expect(200);
        assert_eq!((&now["ReviewerUserId"], &now["ReviewerUser"]["UserName"]), (user, &json!("admin")));
        let path = "/odata/QueueItems/UiPathODataSvc.UnsetItemReviewer";
        let reader = server.application("OR.Queues", Some("Automation User")).await;
        reader.post("/odata/QueueItems/UiPathODataSvc.DeleteBulk", json!({"queueItems": [pair(&now)]})).await.error(403, 0);
        assert_eq!(admin.post(path, json!({"queueItems": [pair(&now)]})).await.expect(200)["Success"], true);
        let now = item(&admin, &old["Id"]).await;
        assert_eq!(now["ReviewerUserId"], Value::Null);
        let actions: Vec<_> = server.audit().await.into_iter().map(|a| a["action"].clone()).collect();
        assert!(actions.contains(&json!("Assign")) && actions.contains(&json!("Unassign")));
    }

    async fn of_all_who_change_one_item_at_once_one_wins(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        let old = failed(&admin, "q").await;
        let deletion = json!({"queueItems": [pair(&old)]});
        let retry = json!({"status": "Retried", "queueItems": [pair(&old)]});
        let calls: Vec<_> = (0..8).map(|n| {
            let (client, deletion, retry) = (admin.clone(), deletion.clone(), retry.clone());
            tokio::spawn(async move {
                let reply = if n % 2 == 0 {
                    client.post(STATUS, retry).await
                } else {
                    client.post("/odata/QueueItems/UiPathODataSvc.DeleteBulk", deletion).await
                };
                reply.expect(200)["Success"] == json!(true)
            })
        }).collect();
        let mut won = 0;
        for call in calls {
            won += usize::from(call.await.unwrap());
        }
        assert_eq!(won, 1);
        let now = item(&admin, &old["Id"]).await;
        let clones = admin.get("/odata/QueueItems?$filter=Status eq 'New'").await.expect(200)["@odata.count"].as_i64().unwrap();
        assert_eq!(clones, i64::from(now["Status"] == "Retried"), "{now}");
    }

    async fn of_all_who_end_one_item_at_once_one_wins(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 5})).await;
        add(&admin, json!({"Name": "q"})).await;
        let started = start(&admin, "q").await;
        let calls: Vec<_> = (0..8).map(|n| {
            let (client, id) = (admin.clone(), started["Id"].clone());
            tokio::spawn(async move {
                let body = if n % 2 == 0 { json!({"IsSuccessful": true}) }
                    else { json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}}) };
                let reply = finish(&client, &id, body).await;
                assert!(matches!(reply.status, 200 | 409), "{}", reply.text());
                reply.status
            })
        }).collect();
        let mut won = 0;
        for call in calls {
            won += usize::from(call.await.unwrap() == 200);
        }
        assert_eq!(won, 1);
        let all = admin.get("/odata/QueueItems").await.expect(200)["@odata.count"].as_i64().unwrap();
        let retried = item(&admin, &started["Id"]).await["Status"] == "Retried";
        assert_eq!(all, 1 + i64::from(retried));
    }
}
