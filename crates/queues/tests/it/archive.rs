//! Old items are archived to a bucket before they are deleted, and never lost.

use crate::duties::day_is_done;
use crate::items::{add, queue};
use crate::{finish, start};
use bandmaster_testkit::{Client, TestServer, Value, json, suite};
use std::io::{Cursor, Read};
use std::time::Duration;

const DAY: u64 = 86_400;

async fn bucket(client: &Client, n: u32, options: &str) -> Value {
    let identifier = format!("6d9b1c70-2a3e-4b5d-9f10-{n:012}");
    let body = json!({"Name": format!("bucket-{n}"), "Identifier": identifier, "Options": options});
    client.post("/odata/Buckets", body).await.expect(201)
}

async fn policy(client: &Client, queue: i64, bucket: &Value) {
    let body = json!({"Action": "Archive", "Period": 1, "BucketId": bucket["Id"]});
    client.put(&format!("/odata/QueueRetention({queue})"), body).await.expect(200);
}

/// Paths of the files in a bucket.
async fn files(client: &Client, bucket: &Value) -> Vec<String> {
    let path = format!("/odata/Buckets({})/UiPath.Server.Configuration.OData.GetFiles?recursive=true", bucket["Id"]);
    let list = client.get(&path).await.expect(200);
    list["value"].as_array().unwrap().iter().map(|f| f["FullPath"].as_str().unwrap().to_owned()).collect()
}

/// A file of a bucket.
async fn content(client: &Client, bucket: &Value, path: &str) -> Vec<u8> {
    let uri = format!("/odata/Buckets({})/UiPath.Server.Configuration.OData.GetReadUri?path={path}", bucket["Id"]);
    let access = client.get(&uri).await.expect(200);
    client.get(access["Uri"].as_str().unwrap()).await.bytes
}

fn unpacked(archive: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// An ended item.
async fn ended(client: &Client, queue: &str, reference: &str) -> Value {
    add(client, json!({"Name": queue, "Reference": reference, "SpecificContent": {"Amount": 7, "Text": "=1+1"}})).await;
    let started = start(client, queue).await;
    finish(client, &started["Id"], json!({"IsSuccessful": true, "Output": {"done": true}})).await.expect(200);
    started
}

/// References of the items of a queue.
async fn left(client: &Client, queue: i64) -> Vec<String> {
    let list =
        client.get(&format!("/odata/QueueItems?$filter=QueueDefinitionId eq {queue}&$orderby=Id")).await.expect(200);
    list["value"].as_array().unwrap().iter().map(|i| i["Reference"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn sql(server: &TestServer, text: &str) {
    let context = bandmaster_api::UnitContext::duty("test");
    let mut unit = bandmaster_api::Unit::begin(server.app(), context, bandmaster_api::Fates::default()).await.unwrap();
    unit.execute(text, &[]).await.unwrap();
    unit.commit().await.unwrap();
}

async fn days(server: &TestServer, queue: i64, n: u64) {
    for _ in 0..n {
        server.clock.advance(Duration::from_secs(DAY));
        day_is_done(server, queue).await;
    }
}

suite! {
    async fn old_items_are_archived_and_then_deleted(server: &TestServer) {
        let admin = server.admin();
        let (q, b) = (queue(&admin, json!({"Name": "q"})).await, bucket(&admin, 1, "None").await);
        policy(&admin, q, &b).await;
        let mut shown = admin.get(&format!("/odata/QueueRetention({q})")).await.expect(200);
        shown.as_object_mut().unwrap().remove("@odata.context");
        assert_eq!(shown, json!({"QueueDefinitionId": q, "Action": "Archive", "Period": 1, "BucketId": b["Id"], "Type": "Final"}));
        let one = ended(&admin, "q", "one").await;
        ended(&admin, "q", "two, \"quoted\"").await;
        add(&admin, json!({"Name": "q", "Reference": "new"})).await;
        admin.post("/odata/QueueItemComments", json!({"QueueItemId": one["Id"], "Text": "-checked"})).await.expect(201);
        days(server, q, 1).await;
        assert_eq!(left(&admin, q).await.len(), 3);
        assert_eq!(files(&admin, &b).await, [] as [&str; 0]);
        days(server, q, 1).await;
        assert_eq!(left(&admin, q).await, ["new"]);
        let files_of = files(&admin, &b).await;
        let key = admin.get(&format!("/odata/QueueDefinitions({q})")).await.expect(200)["Key"].as_str().unwrap().to_owned();
        assert_eq!(files_of.len(), 1);
        let begins = format!("/Archive/Queues/Queue-{key}/2026-01-07-{}-", one["Id"]);
        assert!(files_of[0].starts_with(&begins) && files_of[0].ends_with(".zip"), "{}", files_of[0]);
        let archive = content(&admin, &b, &files_of[0]).await;
        let table = unpacked(&archive, "QueueItems.csv");
        let lines: Vec<&str> = table.split("\r\n").collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(lines[0].starts_with("QueueDefinitionId,ProcessingException,Encrypted,SpecificContent,Output,Analytics,Status,"));
        assert!(!lines[0].contains("SpecificData") && lines[0].contains(",Reference,") && lines[0].ends_with(",Id"));
        assert!(lines[1].contains(r#""{""Amount"":7,""Text"":""=1+1""}","{""done"":true}""#) && lines[1].contains(",Successful,"), "{}", lines[1]);
        assert!(lines[2].contains(r#""two, ""quoted""""#));
        let comments = unpacked(&archive, "Comments.csv");
        assert!(comments.contains(&format!("{},2026-01-05T08:00:00Z,", one["Id"])) && comments.contains("'-checked"), "{comments}");
        let told: Vec<Value> = server.audit().await.into_iter().filter(|e| e["action"] == "Archive").collect();
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["component"], &told[0]["name"], &told[0]["after"]), (&json!("Queues"), &json!("q"),
            &json!({"BucketId": b["Id"], "FullPath": files_of[0], "Items": 2})));
        // The history went with the items, the figures stay.
        let events = admin.get("/odata/QueueItemEvents?$filter=Action eq 'Create'").await.expect(200);
        assert_eq!(events["@odata.count"], 1);
        let status = admin.get("/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus").await.expect(200);
        assert_eq!(status["value"][0]["SuccessfulTransactionsNo"], 2);
        admin.delete(&format!("/odata/QueueRetention({q})")).await.expect(204);
        assert_eq!(admin.get(&format!("/odata/QueueRetention({q})")).await.expect(200)["BucketId"], Value::Null);
    }

    async fn a_crash_between_writing_and_deleting_loses_nothing_and_doubles_nothing(server: &TestServer) {
        let admin = server.admin();
        let (q, b) = (queue(&admin, json!({"Name": "q"})).await, bucket(&admin, 1, "None").await);
        policy(&admin, q, &b).await;
        for n in 0..5 {
            ended(&admin, "q", &n.to_string()).await;
        }
        sql(server, "CREATE TABLE saved AS SELECT * FROM queue_items").await;
        days(server, q, 2).await;
        let once = files(&admin, &b).await;
        assert_eq!((left(&admin, q).await.len(), once.len()), (0, 1));
        let first = content(&admin, &b, &once[0]).await;
        // As if the deletion had not come to pass.
        sql(server, "INSERT INTO queue_items SELECT * FROM saved").await;
        sql(server, "UPDATE queue_definitions SET retention_done_at = 0").await;
        day_is_done(server, q).await;
        assert_eq!(left(&admin, q).await.len(), 0);
        assert_eq!(files(&admin, &b).await, once);
        let second = content(&admin, &b, &once[0]).await;
        assert!(unpacked(&second, "QueueItems.csv") == unpacked(&first, "QueueItems.csv"));
        // With another set of items the first file stays as it is.
        sql(server, "INSERT INTO queue_items SELECT * FROM saved WHERE reference <> '2'").await;
        sql(server, "UPDATE queue_definitions SET retention_done_at = 0").await;
        day_is_done(server, q).await;
        assert_eq!((left(&admin, q).await.len(), files(&admin, &b).await.len()), (0, 2));
        assert!(content(&admin, &b, &once[0]).await == second);
    }

    async fn an_item_that_changed_after_it_was_written_is_not_deleted(server: &TestServer) {
        let admin = server.admin();
        let (q, b) = (queue(&admin, json!({"Name": "q"})).await, bucket(&admin, 1, "None").await);
        policy(&admin, q, &b).await;
        for reference in ["a", "b", "c"] {
            ended(&admin, "q", reference).await;
        }
        // The item changes in the moment in which the file is in the bucket and nothing is deleted yet.
        let change = "UPDATE queue_items SET row_version = 'later', changed_at = 4000000000000000 WHERE reference = 'b'";
        if server.app().store.dialect() == bandmaster_store::Dialect::Sqlite {
            sql(server, &format!("CREATE TRIGGER late AFTER INSERT ON bucket_files BEGIN {change}; END")).await;
        } else {
            sql(server, &format!("CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {change}; RETURN NEW; END $$")).await;
            sql(server, "CREATE TRIGGER late AFTER INSERT ON bucket_files FOR EACH ROW EXECUTE FUNCTION late()").await;
        }
        days(server, q, 2).await;
        assert_eq!(left(&admin, q).await, ["b"]);
        assert_eq!(files(&admin, &b).await.len(), 1);
        let events = admin.get("/odata/QueueItemEvents?$filter=Action eq 'Create'").await.expect(200);
        assert_eq!(events["@odata.count"], 1);
        let told: Vec<Value> = server.audit().await.into_iter().filter(|e| e["action"] == "Archive").collect();
        assert_eq!(told[0]["after"]["Items"], 2);
    }

    async fn many_items_make_several_files(server: &TestServer) {
        let admin = server.admin();
        let (q, b) = (queue(&admin, json!({"Name": "q"})).await, bucket(&admin, 1, "None").await);
        policy(&admin, q, &b).await;
        ended(&admin, "q", "a").await;
        sql(server, "CREATE TABLE saved AS SELECT * FROM queue_items").await;
        let columns = "tenant_id, queue_id, key, status, ready, no_due, priority, content, review_status, created_at, ended_at, row_version";
        for step in 0..12 {
            let from = if step == 0 { "saved" } else { "queue_items" };
            let copy = format!("INSERT INTO queue_items ({columns}, unique_key) SELECT {columns}, unique_key || '-{step}' FROM {from}");
            sql(server, &copy).await;
        }
        days(server, q, 2).await;
        assert_eq!(left(&admin, q).await.len(), 0);
        let files = files(&admin, &b).await;
        let mut items = 0;
        for file in &files {
            items += unpacked(&content(&admin, &b, file).await, "QueueItems.csv").lines().count() - 1;
        }
        assert_eq!((files.len(), items), (3, 4_096));
    }

    async fn items_stay_while_the_bucket_cannot_be_written(server: &TestServer) {
        let admin = server.admin();
        let (q, plain) = (queue(&admin, json!({"Name": "q"})).await, queue(&admin, json!({"Name": "plain"})).await);
        let b = bucket(&admin, 1, "None").await;
        policy(&admin, q, &b).await;
        admin.put(&format!("/odata/QueueRetention({plain})"), json!({"Action": "Delete", "Period": 1})).await.expect(200);
        ended(&admin, "q", "a").await;
        ended(&admin, "plain", "b").await;
        let mut wish = b.clone();
        wish["Options"] = json!("ReadOnly");
        admin.put(&format!("/odata/Buckets({})", b["Id"]), wish.clone()).await.expect(200);
        days(server, q, 3).await;
        // The other queue is not held up by it.
        day_is_done(server, plain).await;
        assert_eq!((left(&admin, q).await, left(&admin, plain).await.len()), (vec!["a".to_owned()], 0));
        wish["Options"] = json!("None");
        admin.put(&format!("/odata/Buckets({})", b["Id"]), wish).await.expect(200);
        days(server, q, 1).await;
        assert_eq!((left(&admin, q).await.len(), files(&admin, &b).await.len()), (0, 1));
        ended(&admin, "q", "c").await;
        admin.delete(&format!("/odata/Buckets({})", b["Id"])).await.expect(204);
        days(server, q, 3).await;
        assert_eq!(left(&admin, q).await, ["c"]);
        let other = bucket(&admin, 2, "None").await;
        policy(&admin, q, &other).await;
        days(server, q, 1).await;
        assert_eq!((left(&admin, q).await.len(), files(&admin, &other).await.len()), (0, 1));
    }

    async fn only_a_bucket_of_the_folder_that_can_be_written_is_taken(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        let (good, fixed) = (bucket(&admin, 1, "None").await, bucket(&admin, 2, "ReadOnly").await);
        let elsewhere = admin.without_folder().post("/odata/Folders", json!({"DisplayName": "Elsewhere"})).await.expect(201);
        let far = bucket(&admin.in_folder(elsewhere["Id"].as_i64().unwrap()), 3, "None").await;
        let theirs = bucket(&server.other_tenant().await, 4, "None").await;
        let path = format!("/odata/QueueRetention({q})");
        let body = |id: &Value| json!({"Action": "Archive", "Period": 5, "BucketId": id});
        for id in [&json!(4711), &far["Id"], &theirs["Id"]] {
            admin.put(&path, body(id)).await.error(404, 3105);
        }
        admin.put(&path, body(&fixed["Id"])).await.error(409, 3102);
        admin.put(&path, body(&Value::Null)).await.error(400, 1009);
        // Who does not see buckets cannot have one written.
        let role = json!({"Name": "queues only", "Type": "Folder", "Permissions": [
            {"Name": "Queues.View", "IsGranted": true}, {"Name": "Queues.Edit", "IsGranted": true}]});
        admin.without_folder().post("/odata/Roles", role).await.expect(201);
        let clerk = server.application("OR.Queues", Some("queues only")).await;
        clerk.put(&path, body(&good["Id"])).await.error(404, 3105);
        clerk.put(&path, json!({"Action": "Delete", "Period": 5})).await.expect(200);
        let sealed = queue(&admin, json!({"Name": "sealed", "Encrypted": true})).await;
        admin.put(&format!("/odata/QueueRetention({sealed})"), body(&good["Id"])).await.error(409, 1017);
        let op = |name: &str| format!("/odata/QueueDefinitions/UiPath.Server.Configuration.OData.{name}");
        let inline = |name: &str, id: &Value| json!({"Name": name, "RetentionAction": "Archive", "RetentionPeriod": 5, "RetentionBucketId": id});
        admin.post(&op("CreateQueue"), inline("x", &far["Id"])).await.error(404, 3105);
        admin.post(&op("CreateQueue"), inline("x", &fixed["Id"])).await.error(409, 3102);
        admin.post(&op("CreateQueue"), inline("x", &Value::Null)).await.error(400, 1009);
        let made = admin.post(&op("CreateQueue"), inline("x", &good["Id"])).await.expect(201);
        assert_eq!((&made["RetentionAction"], &made["RetentionBucketId"]), (&json!("Archive"), &good["Id"]));
        let mut edit = inline("x", &fixed["Id"]);
        edit["Id"] = made["Id"].clone();
        admin.post(&op("EditQueue"), edit.clone()).await.error(409, 3102);
        edit["RetentionBucketId"] = good["Id"].clone();
        admin.post(&op("EditQueue"), edit).await.expect(200);
        let of_made = format!("/odata/QueueRetention({})", made["Id"]);
        assert_eq!(admin.get(&of_made).await.expect(200)["BucketId"], good["Id"]);
        admin.delete(&of_made).await.expect(204);
        assert_eq!(admin.get(&path).await.expect(200)["Action"], "Delete");
        admin.put(&path, body(&good["Id"])).await.expect(200);
        // Editing the queue leaves its policy alone.
        admin.put(&format!("/odata/QueueDefinitions({q})"), json!({"Name": "q2"})).await.expect(200);
        assert_eq!(admin.get(&path).await.expect(200)["BucketId"], good["Id"]);
        let list = admin.get("/odata/QueueRetention?$filter=Action eq 'Archive'").await.expect(200);
        assert_eq!(list["@odata.count"], 1);
    }
}
