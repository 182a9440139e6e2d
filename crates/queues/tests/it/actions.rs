//! Actions on all items that a filter selects.

use crate::items::{add, queue};
use crate::{finish, item, start, until};
use bandmaster_store::{Dialect, Value as DbValue, params};
use bandmaster_testkit::{Client, TestServer, Value, json, suite};
use std::time::Duration;

const ACTIONS: &str = "/odata/QueueItemActions";
const DRY: &str = "/odata/QueueItemActions/UiPathODataSvc.DryRun";
/// Items of one unit.
const UNIT: i64 = bandmaster_queues::actions::AT_ONCE as i64;

/// Starts an action and waits for its end.
async fn whole(client: &Client, body: Value) -> Value {
    let made = client.post(ACTIONS, body).await.expect(201);
    ended(client, &made["Id"]).await
}

async fn ended(client: &Client, id: &Value) -> Value {
    until(client, &format!("{ACTIONS}({id})"), |a| !matches!(a["State"].as_str(), Some("New" | "InProgress"))).await
}

/// The figures of an action or a dry run: total, changed, skipped by reason.
fn figures(action: &Value) -> (i64, i64, Value) {
    let done = action.get("Done").unwrap_or(&action["Changed"]);
    let skipped: i64 = action["SkippedReasons"].as_array().unwrap().iter().map(|r| r["Count"].as_i64().unwrap()).sum();
    assert_eq!(action["Skipped"], skipped, "{action}");
    let reasons = action["SkippedReasons"].as_array().unwrap();
    let pairs: serde_json::Map<String, Value> =
        reasons.iter().map(|r| (r["Reason"].as_str().unwrap().to_owned(), r["Count"].clone())).collect();
    (action["Total"].as_i64().unwrap(), done.as_i64().unwrap(), Value::Object(pairs))
}

/// Dry run, then the action: both tell the same.
async fn both(client: &Client, body: Value) -> Value {
    let dry = client.post(DRY, body.clone()).await.expect(200);
    let done = whole(client, body).await;
    assert_eq!(figures(&dry), figures(&done));
    assert_eq!((&done["State"], &done["Failed"]), (&json!("Completed"), &json!(0)));
    done
}

async fn count(client: &Client, filter: &str) -> i64 {
    client.get(&format!("/odata/QueueItems?$top=1&$count=true&$filter={filter}")).await.expect(200)["@odata.count"]
        .as_i64()
        .unwrap()
}

/// Adds items with the references 0, 1, …; the id of the first.
async fn fill(client: &Client, queue: &str, many: i64) -> i64 {
    let items: Vec<Value> = (0..many).map(|n| json!({"Reference": n.to_string()})).collect();
    let body = json!({"queueName": queue, "commitType": "AllOrNothing", "queueItems": items});
    client.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", body).await.expect(200);
    let list = client.get("/odata/QueueItems?$orderby=Id&$top=1&$filter=Reference eq '0'").await.expect(200);
    list["value"][0]["Id"].as_i64().unwrap()
}

async fn sql(server: &TestServer, text: &str, params: &[DbValue]) {
    let mut unit = server.app().store.begin().await.unwrap();
    unit.execute_dynamic(text, params).await.unwrap();
    unit.commit().await.unwrap();
}

async fn number(server: &TestServer, text: &str) -> i64 {
    server.app().store.read().await.unwrap().query_one(text, &[]).await.unwrap().get(0).unwrap()
}

/// From now on no change of this item succeeds.
async fn breaks(server: &TestServer, item: i64) {
    if server.app().store.dialect() == Dialect::Sqlite {
        let text = format!(
            "CREATE TRIGGER broken BEFORE UPDATE ON queue_items WHEN NEW.id = {item} \
             BEGIN SELECT abs(-9223372036854775807 - 1); END"
        );
        return sql(server, &text, &[]).await;
    }
    let function = "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END'";
    sql(server, function, &[]).await;
    let text = format!(
        "CREATE TRIGGER broken BEFORE UPDATE ON queue_items FOR EACH ROW WHEN (NEW.id = {item}) EXECUTE FUNCTION broken()"
    );
    sql(server, &text, &[]).await;
}

async fn mends(server: &TestServer) {
    let on = if server.app().store.dialect() == Dialect::Sqlite { "" } else { " ON queue_items" };
    sql(server, &format!("DROP TRIGGER broken{on}"), &[]).await;
}

/// Waits until an action came to its broken item that often.
async fn stuck(server: &TestServer, attempts: i64) {
    let text = "SELECT max(attempts) FROM queue_item_actions";
    bandmaster_testkit::wait::until("the broken item", async || number(server, text).await == attempts).await;
}

/// One item in every state; their references say which.
async fn one_of_each(client: &Client, queue: &str) {
    let fault = json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x", "Type": "BusinessException"}});
    for (reference, result) in [
        ("failed", Some(fault.clone())),
        ("verified", Some(fault)),
        ("successful", Some(json!({"IsSuccessful": true}))),
        ("running", None),
    ] {
        add(client, json!({"Name": queue, "Reference": reference, "SpecificContent": {"Of": reference}})).await;
        let begun = start(client, queue).await;
        if let Some(result) = result {
            finish(client, &begun["Id"], result).await.expect(200);
        }
        if reference == "verified" {
            let now = item(client, &begun["Id"]).await;
            let pair = json!({"Id": now["Id"], "RowVersion": now["RowVersion"]});
            let body = json!({"status": "Verified", "queueItems": [pair]});
            client.post("/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus", body).await.expect(200);
        }
    }
    let gone = add(client, json!({"Name": queue, "Reference": "deleted"})).await;
    client.delete(&format!("/odata/QueueItems({})", gone["Id"])).await.expect(204);
    let later = json!({"Name": queue, "Reference": "deferred", "DeferDate": "2026-03-01T00:00:00Z"});
    add(client, later).await;
    add(client, json!({"Name": queue, "Reference": "new"})).await;
}

async fn by_reference(client: &Client, reference: &str) -> Vec<Value> {
    let path = format!("/odata/QueueItems?$orderby=Id&$filter=Reference eq '{reference}'");
    client.get(&path).await.expect(200)["value"].as_array().unwrap().clone()
}

fn states(items: &[Value]) -> Vec<&str> {
    items.iter().map(|i| i["Status"].as_str().unwrap()).collect()
}

suite! {
    async fn what_failed_is_retried(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        one_of_each(&admin, "q").await;
        let before = server.audit().await.len();
        let done = both(&admin, json!({"Action": "Retry", "QueueDefinitionId": q})).await;
        let reasons = json!({"New": 2, "InProgress": 1, "Successful": 1, "Deleted": 1, "Verified": 1});
        assert_eq!(figures(&done), (7, 1, reasons));
        assert_eq!((&done["UserName"], &done["QueueDefinitionId"]), (&json!("admin"), &json!(q)));
        assert!(["CreationTime", "StartTime", "EndTime"].iter().all(|m| done[m].is_string()), "{done}");
        let chain = by_reference(&admin, "failed").await;
        assert_eq!(states(&chain), ["Retried", "New"]);
        assert_eq!((&chain[1]["ManualAncestorId"], &chain[1]["ManualRetryNumber"]), (&chain[0]["Id"], &json!(1)));
        assert_eq!((&chain[1]["Key"], &chain[1]["SpecificContent"]), (&chain[0]["Key"], &json!({"Of": "failed"})));
        assert_eq!(chain[0]["ReviewStatus"], "Retried");
        assert_eq!(states(&by_reference(&admin, "verified").await), ["Failed"]);
        let path = format!("/odata/QueueItemEvents?$orderby=Id desc&$filter=QueueItemId eq {}", chain[0]["Id"]);
        let events = admin.get(&path).await.expect(200);
        assert_eq!((&events["value"][0]["Action"], &events["value"][0]["UserName"]), (&json!("Retry"), &json!("admin")));
        let kinds: Vec<Value> = server.events().await.into_iter().map(|e| e["kind"].clone()).collect();
        assert_eq!(kinds.iter().filter(|k| **k == "queueItem.retried").count(), 1);
        let audit = server.audit().await.split_off(before);
        assert_eq!(audit.len(), 1, "{audit:?}");
        let (entry, after) = (&audit[0], &audit[0]["after"]);
        assert_eq!((&entry["component"], &entry["action"], &entry["id"]), (&json!("Queues"), &json!("ChangeStatus"), &done["Id"]));
        assert_eq!((&after["Action"], &after["Total"], &after["QueueDefinitionId"]), (&json!("Retry"), &json!(7), &json!(q)));
    }

    async fn what_did_not_end_well_is_queued_again(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        one_of_each(&admin, "q").await;
        let late = json!({"Name": "q", "Reference": "late", "DeferDate": "2026-01-05T08:00:01Z", "Priority": "High"});
        let late = add(&admin, late).await;
        server.clock.advance(Duration::from_secs(2));
        assert_eq!(start(&admin, "q").await["Id"], late["Id"]);
        finish(&admin, &late["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}})).await.expect(200);
        sql(server, "UPDATE queue_items SET defer_at = $1 WHERE id = $2", params![i64::MAX, late["Id"].as_i64()]).await;
        let done = both(&admin, json!({"Action": "Requeue", "Filter": "Id gt 0"})).await;
        assert_eq!(figures(&done), (8, 4, json!({"New": 1, "InProgress": 1, "Successful": 1, "Deleted": 1})));
        for reference in ["failed", "verified"] {
            assert_eq!(states(&by_reference(&admin, reference).await), ["Retried", "New"]);
        }
        let chain = by_reference(&admin, "late").await;
        assert_eq!((states(&chain), &chain[1]["DeferDate"]), (vec!["Retried", "New"], &Value::Null));
        let deferred = by_reference(&admin, "deferred").await;
        assert_eq!((states(&deferred), &deferred[0]["DeferDate"]), (vec!["New"], &Value::Null));
        let mut served: Vec<String> = Vec::new();
        for _ in 0..5 {
            served.push(start(&admin, "q").await["Reference"].as_str().unwrap().to_owned());
        }
        assert_eq!(served, ["late", "deferred", "new", "failed", "verified"]);
    }

    async fn new_items_get_another_priority(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        one_of_each(&admin, "q").await;
        add(&admin, json!({"Name": "q", "Reference": "high", "Priority": "High"})).await;
        let body = json!({"Action": "SetPriority", "Priority": "High", "Filter": "QueueDefinitionName eq 'Q'"});
        let done = both(&admin, body).await;
        let reasons = json!({"SamePriority": 1, "InProgress": 1, "Failed": 2, "Successful": 1, "Deleted": 1});
        assert_eq!(figures(&done), (8, 2, reasons));
        assert_eq!(done["Priority"], "High");
        let (new, deferred) = (by_reference(&admin, "new").await, by_reference(&admin, "deferred").await);
        assert_eq!((&new[0]["Priority"], &deferred[0]["Priority"]), (&json!("High"), &json!("High")));
        assert_eq!(deferred[0]["DeferDate"], "2026-03-01T00:00:00Z");
        let first = start(&admin, "q").await;
        assert_eq!(first["Reference"], "new", "the deferred one is still deferred");
        let path = format!("/odata/QueueItemEvents?$filter=Action eq 'Edit' and QueueItemId eq {}", new[0]["Id"]);
        let events = admin.get(&path).await.expect(200);
        assert_eq!((&events["@odata.count"], &events["value"][0]["Data"]), (&json!(1), &json!("{\"Priority\":\"High\"}")));
        assert_eq!(server.audit().await.last().unwrap()["after"]["Filter"], "QueueDefinitionName eq 'Q'");
    }

    async fn selected_items_are_deleted(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        one_of_each(&admin, "q").await;
        let body = json!({"Action": "Delete", "Filter": "Status ne 'New' or Reference eq 'new'"});
        let done = both(&admin, body).await;
        assert_eq!(figures(&done), (6, 4, json!({"InProgress": 1, "Deleted": 1})));
        assert_eq!(states(&by_reference(&admin, "deferred").await), ["New"]);
        assert_eq!(count(&admin, "Status eq 'Deleted'").await, 5);
        add(&admin, json!({"Name": "q", "Reference": "new"})).await;
        let events = server.events().await.into_iter().filter(|e| e["kind"] == "queueItem.deleted").count();
        assert_eq!(events, 5);
        let audit = server.audit().await.into_iter().filter(|a| a["component"] == "Queues" && a["action"] == "Delete");
        assert_eq!(audit.count(), 2, "one for the single deletion, one for the action");
        let none = whole(&admin, json!({"Action": "Delete", "Filter": "Reference eq 'nowhere'"})).await;
        assert_eq!(figures(&none), (0, 0, json!({})));
    }

    async fn sealed_contents_are_retried(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "Encrypted": true})).await;
        one_of_each(&admin, "q").await;
        whole(&admin, json!({"Action": "Retry", "Filter": "Status eq 'Failed'"})).await;
        assert_eq!(by_reference(&admin, "failed").await[1]["SpecificContent"], json!({"Of": "failed"}));
    }

    async fn bad_requests_are_refused(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        add(&admin, json!({"Name": "q"})).await;
        let cases = [
            (json!({}), 400, 0),
            (json!({"Action": "Retry"}), 400, 1009),
            (json!({"Action": "Retry", "Filter": "  "}), 400, 1009),
            (json!({"Action": "Burn", "Filter": "Id gt 0"}), 400, 1000),
            (json!({"Action": 9, "Filter": "Id gt 0"}), 400, 1000),
            (json!({"Action": "Delete", "Filter": "Id gt"}), 400, 1000),
            (json!({"Action": "Delete", "Filter": "Nothing eq 1"}), 400, 1000),
            (json!({"Action": "Delete", "Filter": "SpecificData eq 'x'"}), 400, 1000),
            (json!({"Action": "Delete", "Filter": "Status eq 'Burnt'"}), 400, 1000),
            (json!({"Action": "Delete", "Filter": 5}), 400, 1000),
            (json!({"Action": "Delete", "Filter": "x".repeat(8_001)}), 400, 1009),
            (json!({"Action": "SetPriority", "Filter": "Id gt 0"}), 400, 1009),
            (json!({"Action": "SetPriority", "Priority": "Urgent", "Filter": "Id gt 0"}), 400, 1000),
            (json!({"Action": "Delete", "Priority": "High", "Filter": "Id gt 0"}), 400, 1009),
            (json!({"Action": "Delete", "QueueDefinitionId": 4711}), 404, 1002),
        ];
        for (body, status, code) in cases {
            for path in [ACTIONS, DRY] {
                admin.post(path, body.clone()).await.error(status, code);
            }
        }
        let all = json!({"Action": "Delete", "QueueDefinitionId": q});
        admin.without_folder().post(ACTIONS, all.clone()).await.error(400, 1101);
        admin.get(&format!("{ACTIONS}(4711)")).await.error(404, 1002);
        admin.post(&format!("{ACTIONS}(4711)/UiPathODataSvc.Cancel"), json!({})).await.error(404, 1002);
        let busy = "INSERT INTO queue_item_actions (organization_id, tenant_id, folder_id, action, total, user_name, \
            requested_at, ceiling, not_before) SELECT 0, q.tenant_id, 0, 1, 0, 'x', 0, 0, $1 FROM queue_definitions q";
        for _ in 0..100 {
            sql(server, busy, params![i64::MAX]).await;
        }
        admin.post(ACTIONS, all.clone()).await.error(409, 1017);
        assert_eq!(admin.post(DRY, all).await.expect(200)["Changed"], 1);
        assert_eq!(count(&admin, "Status eq 'New'").await, 1);
    }

    async fn permissions_are_those_of_single_operations(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        crate::failed(&admin, "q").await;
        let reader = server.application("OR.Queues", Some("Automation User")).await;
        for path in [ACTIONS, DRY] {
            for (action, priority) in [("Delete", None), ("SetPriority", Some("High")), ("Requeue", None)] {
                let body = json!({"Action": action, "Priority": priority, "Filter": "Id gt 0"});
                reader.post(path, body).await.error(403, 0);
            }
            let body = json!({"Action": "Retry", "Filter": "Id gt 0"});
            server.anonymous().post(path, body.clone()).await.error(401, 0);
            server.bare_application("OR.Queues").await.in_folder(server.shared).post(path, body.clone()).await.error(400, 1100);
            server.application("OR.Assets", None).await.post(path, body).await.error(403, 0);
        }
        let body = json!({"Action": "Delete", "Filter": "Reference eq 'nothing'"});
        server.application("OR.Queues.Read", None).await.post(ACTIONS, body.clone()).await.error(403, 0);
        server.application("OR.Queues.Read", None).await.post(DRY, body).await.expect(200);
        let done = whole(&reader, json!({"Action": "Retry", "Filter": "Status eq 'Failed'"})).await;
        assert_eq!(done["Done"], 1);
        let events = admin.get("/odata/QueueItemEvents?$filter=Action eq 'Retry'").await.expect(200);
        assert!(events["value"][0]["ExternalClientId"].is_string(), "{events}");
        breaks(server, by_reference(&admin, "r").await[1]["Id"].as_i64().unwrap()).await;
        let made = admin.post(ACTIONS, json!({"Action": "Delete", "Filter": "Status eq 'New'"})).await.expect(201);
        let path = format!("{ACTIONS}({})/UiPathODataSvc.Cancel", made["Id"]);
        reader.post(&path, json!({})).await.error(403, 0);
        admin.post(&path, json!({})).await.expect(200);
    }

    async fn other_folders_and_tenants_are_out_of_reach(server: &TestServer) {
        let admin = server.admin();
        let folder = admin.without_folder().post("/odata/Folders", json!({"DisplayName": "Second"})).await.expect(201)["Id"].as_i64().unwrap();
        let (second, other) = (admin.in_folder(folder), server.other_tenant().await);
        let mut queues = Vec::new();
        for client in [&admin, &second, &other] {
            queues.push(queue(client, json!({"Name": "q"})).await);
            add(client, json!({"Name": "q"})).await;
        }
        for wrong in [&queues[1], &queues[2]] {
            admin.post(ACTIONS, json!({"Action": "Delete", "QueueDefinitionId": wrong})).await.error(404, 1002);
            let body = json!({"Action": "Delete", "Filter": format!("QueueDefinitionId eq {wrong}")});
            assert_eq!(admin.post(DRY, body).await.expect(200)["Total"], 0);
        }
        let done = whole(&admin, json!({"Action": "Delete", "Filter": "Id gt 0"})).await;
        assert_eq!(done["Total"], 1);
        assert_eq!(count(&admin, "Status eq 'Deleted'").await, 1);
        for client in [&second, &other] {
            assert_eq!(count(client, "Status eq 'New'").await, 1);
            client.get(&format!("{ACTIONS}({})", done["Id"])).await.error(404, 1002);
            client.post(&format!("{ACTIONS}({})/UiPathODataSvc.Cancel", done["Id"]), json!({})).await.error(404, 1002);
            assert_eq!(client.get(ACTIONS).await.expect(200)["@odata.count"], 0);
        }
        let list = admin.get(&format!("{ACTIONS}?$filter=State eq 'Completed' and Action eq 'Delete'&$select=Id,Done")).await.expect(200);
        assert_eq!((&list["@odata.count"], &list["value"][0]["Done"]), (&json!(1), &json!(1)));
        let body = json!({"QueueIds": [queues[1]], "ToAddFolderIds": [server.shared], "ToRemoveFolderIds": []});
        second.post("/odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders", body).await.error(409, 1001);
    }

    async fn a_cancelled_action_stops(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let first = fill(&admin, "q", 2 * UNIT).await;
        breaks(server, first + UNIT + 10).await;
        let made = admin.post(ACTIONS, json!({"Action": "Delete", "Filter": "Id gt 0"})).await.expect(201);
        stuck(server, 1).await;
        let path = format!("{ACTIONS}({})", made["Id"]);
        let now = admin.get(&path).await.expect(200);
        assert_eq!((&now["State"], &now["Total"], &now["Done"]), (&json!("InProgress"), &json!(2 * UNIT), &json!(UNIT)));
        let ended = admin.post(&format!("{path}/UiPathODataSvc.Cancel"), json!({})).await.expect(200);
        assert_eq!((&ended["State"], &ended["Done"]), (&json!("Cancelled"), &json!(UNIT)));
        mends(server).await;
        admin.post(&format!("{path}/UiPathODataSvc.Cancel"), json!({})).await.error(409, 1000);
        server.clock.advance(Duration::from_secs(120));
        let next = whole(&admin, json!({"Action": "SetPriority", "Priority": "Low", "Filter": "Status eq 'New'"})).await;
        assert_eq!(next["Done"], UNIT, "the duty went on, but not with the cancelled action");
        assert_eq!(count(&admin, "Status eq 'Deleted'").await, UNIT);
        let entry = server.audit().await.into_iter().find(|a| a["action"] == "End").unwrap();
        assert_eq!((&entry["id"], &entry["after"]["State"]), (&made["Id"], &json!("Cancelled")));
    }

    async fn another_server_goes_on_where_one_ended(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q", "EnforceUniqueReference": true})).await;
        let many = 2 * UNIT + 7;
        let first = fill(&admin, "q", many).await;
        // Behind the server's back, hence also in the counters, once everything is in them.
        bandmaster_testkit::wait::until("the history is counted", async || {
            bandmaster_queues::figures::fold(server.app()).await.unwrap();
            number(server, "SELECT count(*) FROM queue_item_events WHERE counted = 0").await == 0
        }).await;
        sql(server, "UPDATE queue_totals SET status = 2", &[]).await;
        sql(server, "UPDATE queue_items SET status = 2, started_at = created_at, ended_at = created_at", &[]).await;
        breaks(server, first + UNIT + 100).await;
        let made = admin.post(ACTIONS, json!({"Action": "Retry", "Filter": "Status eq 'Failed'"})).await.expect(201);
        assert_eq!(made["Total"], many);
        stuck(server, 1).await;
        let now = admin.get(&format!("{ACTIONS}({})", made["Id"])).await.expect(200);
        assert_eq!((&now["State"], &now["Done"]), (&json!("InProgress"), &json!(UNIT)));
        assert_eq!(count(&admin, "Status eq 'New'").await, UNIT, "the unit that failed left nothing");
        // It adds an item and fails the first one that waits, which is an attempt that the action made.
        crate::failed(&admin, "q").await;
        let server = &server.successor().await;
        let admin = server.admin();
        mends(server).await;
        server.clock.advance(Duration::from_secs(61));
        let done = ended(&admin, &made["Id"]).await;
        assert_eq!(figures(&done), (many, many, json!({})));
        let (retried, new) = (count(&admin, "Status eq 'Retried'").await, count(&admin, "Status eq 'New'").await);
        assert_eq!((retried, new), (many, many), "one attempt was taken, one item was added");
        assert_eq!(count(&admin, "Status eq 'Failed'").await, 1, "what came after the beginning is not touched");
        let ancestors = "SELECT count(DISTINCT manual_ancestor_id) FROM queue_items WHERE manual_ancestor_id IS NOT NULL";
        assert_eq!(number(server, ancestors).await, many);
        let twice = "SELECT count(*) FROM (SELECT item_id FROM queue_item_events WHERE action = 4 GROUP BY item_id HAVING count(*) > 1) t";
        assert_eq!(number(server, twice).await, 0);
        let retries = server.events().await.into_iter().filter(|e| e["kind"] == "queueItem.retried").count();
        assert_eq!(i64::try_from(retries).unwrap(), many);
    }

    async fn an_item_that_cannot_be_changed_does_not_hold_up_the_others(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let first = fill(&admin, "q", UNIT + 20).await;
        breaks(server, first + 5).await;
        let made = admin.post(ACTIONS, json!({"Action": "SetPriority", "Priority": "Low", "Filter": "Id gt 0"})).await.expect(201);
        // As if there had been too many to count.
        sql(server, "UPDATE queue_item_actions SET total = NULL", &[]).await;
        for attempts in [1, 2] {
            stuck(server, attempts).await;
            server.clock.advance(Duration::from_secs(61));
        }
        let done = ended(&admin, &made["Id"]).await;
        assert_eq!((&done["State"], &done["Done"], &done["Failed"]), (&json!("Completed"), &json!(UNIT + 19), &json!(1)));
        assert_eq!(done["Total"], UNIT + 20);
        assert_eq!(done["Failures"][0]["Id"], first + 5);
        assert_eq!(done["Failures"][0]["Message"], "An error has occurred.");
        assert_eq!(count(&admin, "Priority eq 'Normal'").await, 1);
        server.clock.advance(Duration::from_secs(31 * 86_400));
        let path = format!("{ACTIONS}({})", made["Id"]);
        bandmaster_testkit::wait::until("the old action goes", async || admin.get(&path).await.status == 404).await;
    }

    async fn robots_and_an_action_share_the_items(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let many = UNIT + 50;
        fill(&admin, "q", many).await;
        let robots: Vec<_> = (0..3).map(|_| {
            let robot = admin.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let item = start(&robot, "q").await;
                    if item.is_null() {
                        // PostgreSQL passes over rows that the action holds: ask whether there are any left.
                        if count(&robot, "Status eq 'New'").await == 0 {
                            return taken;
                        }
                        continue;
                    }
                    finish(&robot, &item["Id"], json!({"IsSuccessful": true})).await.expect(200);
                    taken.push(item["Id"].as_i64().unwrap());
                }
            })
        }).collect();
        let raised = whole(&admin, json!({"Action": "SetPriority", "Priority": "Low", "Filter": "Status eq 'New'"})).await;
        let done = whole(&admin, json!({"Action": "Delete", "Filter": "Status eq 'New' or Status eq 'InProgress'"})).await;
        let mut taken = Vec::new();
        for robot in robots {
            taken.extend(robot.await.unwrap());
        }
        let all = taken.len();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), all, "no item was taken twice");
        let (total, deleted, _) = figures(&done);
        assert!(total <= many && deleted <= total);
        assert_eq!((&raised["State"], &done["State"]), (&json!("Completed"), &json!("Completed")));
        assert_eq!(count(&admin, "Status eq 'Deleted'").await, deleted);
        assert_eq!(count(&admin, "Status eq 'Successful'").await, i64::try_from(all).unwrap());
        assert_eq!(deleted + i64::try_from(all).unwrap(), many);
        let both = "SELECT count(*) FROM queue_item_events d JOIN queue_item_events s ON s.item_id = d.item_id \
            WHERE d.action = 2 AND s.action = 3";
        assert_eq!(number(server, both).await, 0, "nothing was taken and deleted");
    }

    async fn two_nodes_do_nothing_twice(server: &TestServer) {
        if server.app().store.dialect() == Dialect::Sqlite {
            return; // A file has one server.
        }
        let beside = server.beside().await;
        let nodes = [server.admin(), beside.admin()];
        let mut started = Vec::new();
        for n in 0..6 {
            let name = format!("q{n}");
            let q = queue(&nodes[n % 2], json!({"Name": name})).await;
            let items: Vec<Value> = (0..120).map(|_| json!({})).collect();
            let body = json!({"queueName": name, "commitType": "AllOrNothing", "queueItems": items});
            nodes[n % 2].post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", body).await.expect(200);
            let body = json!({"Action": "Delete", "QueueDefinitionId": q});
            started.push(nodes[n % 2].post(ACTIONS, body).await.expect(201)["Id"].clone());
        }
        for id in &started {
            assert_eq!(figures(&ended(&nodes[0], id).await), (120, 120, json!({})));
        }
        let deletions = "SELECT count(*) FROM queue_item_events WHERE action = 2";
        assert_eq!(number(server, deletions).await, 720);
        beside.app().stopping.cancel();
    }
}
