//! Reading large queues: which index a page walks, that pages are in order, and that totals are those of a recount.

use crate::items::{add, queue};
use crate::world::sql;
use crate::{finish, start};
use bandmaster_api::query::{bound, visibility};
use bandmaster_api::{Duty, Folders};
use bandmaster_odata::options::query_pairs;
use bandmaster_odata::sql::{page, total};
use bandmaster_odata::{Allowed, Limits, QueryOptions, bind};
use bandmaster_queues::figures::{TOTALS, fold};
use bandmaster_queues::items::ITEM;
use bandmaster_queues::retention::Retention;
use bandmaster_store::{Dialect, params};
use bandmaster_testkit::{Client, TestServer, Value, json, suite};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

const ADD_MANY: &str = "/odata/Queues/UiPathODataSvc.BulkAddQueueItems";

/// Rows of a queue, as many as PostgreSQL's planner needs to take a page seriously: every state, priority and some
/// references, the times not in the order of the ids, and none so old that it would be cleared away.
async fn fill(server: &TestServer, queue: i64, rows: i64) {
    let text = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
         INSERT INTO queue_items (tenant_id, queue_id, key, unique_key, status, priority, reference, created_at, row_version) \
         SELECT q.tenant_id, q.id, 'k' || i, 'u' || q.id || '-' || i, i % 7, i % 3, \
         CASE WHEN i % 5 = 0 THEN NULL ELSE 'Ref-' || (100000 + i * 7 % $2) END, CAST($3 AS BIGINT) + i * 7919 % 100003, 'v' \
         FROM n, queue_definitions q WHERE q.id = $1";
    sql(server, text, params![queue, rows, server.now()]).await;
    if server.app().store.dialect() == Dialect::Postgres {
        sql(server, "ANALYZE queue_items", &[]).await;
    }
}

/// How the database goes about a page.
async fn plan(server: &TestServer, raw: &str) -> String {
    let options = QueryOptions::from_pairs(&query_pairs(raw).unwrap(), Allowed::default()).unwrap();
    let query = bind(&options, &ITEM, &Limits::default()).unwrap();
    let statement = page(&query, &visibility(1, 1, &Folders::These(vec![server.shared])), 100);
    explained(server, &statement.text, &bound(&statement)).await
}

async fn explained(server: &TestServer, text: &str, values: &[bandmaster_store::Value]) -> String {
    let mut conn = server.app().store.read().await.unwrap();
    let (word, column) = match conn.dialect() {
        Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Dialect::Postgres => ("EXPLAIN", 0),
    };
    let rows = conn.query_dynamic(&format!("{word} {text}"), values).await.unwrap();
    rows.iter().map(|r| r.get::<String>(column).unwrap()).collect::<Vec<_>>().join("\n")
}

async fn ids(client: &Client, options: &str) -> Vec<i64> {
    let path = format!("/odata/QueueItems?$select=Id&{options}");
    let list = client.get(&path).await.expect(200);
    list["value"].as_array().unwrap().iter().map(|i| i["Id"].as_i64().unwrap()).collect()
}

/// The exact total of a filter, as a client asks for it.
async fn told(client: &Client, filter: &str) -> i64 {
    let filter = if filter.is_empty() { String::new() } else { format!("&$filter={filter}") };
    let path = format!("/odata/QueueItems?$top=0&$count=true{filter}");
    client.get(&path).await.expect(200)["@odata.count"].as_i64().unwrap()
}

suite! {
    async fn pages_walk_indexes(server: &TestServer) {
        let admin = server.admin();
        let (q, small) = (queue(&admin, json!({"Name": "q"})).await, queue(&admin, json!({"Name": "small"})).await);
        fill(server, q, 20_000).await;
        fill(server, small, 50).await;
        let of = format!("$filter=QueueDefinitionId eq {q}");
        let cases = [
            ("$orderby=Id desc".to_owned(), "queue_items_tenant", false),
            ("$orderby=CreationTime desc".to_owned(), "queue_items_tenant_created", true),
            (of.clone(), "queue_items_queue", false),
            (format!("{of}&$orderby=Id desc"), "queue_items_queue", false),
            (format!("{of}&$orderby=CreationTime"), "queue_items_created", true),
            (format!("{of}&$orderby=CreationTime desc"), "queue_items_created", true),
            (format!("{of}&$orderby=Status"), "queue_items_status", true),
            (format!("{of}&$orderby=Reference"), "queue_items_reference", true),
            (format!("{of}&$orderby=Reference desc"), "queue_items_reference", true),
            (format!("{of} and Status eq 'Failed'&$orderby=Id desc"), "queue_items_status", false),
            (format!("{of} and Status eq 'Failed'&$orderby=CreationTime desc"), "queue_items_status_created", true),
            (format!("{of} and Status eq 'Failed'&$skip=500"), "queue_items_status", true),
            (format!("{of} and Reference eq 'ref-100777'"), "queue_items_reference", false),
            (format!("{of} and startswith(Reference,'REF-10077')"), "queue_items_reference", false),
            (format!("$filter=QueueDefinitionId eq {small}&$orderby=Id"), "queue_items_queue", false),
        ];
        for (options, index, keys_first) in cases {
            let plan = plan(server, &options).await;
            match server.app().store.dialect() {
                // The plan of a prepared statement does not depend on what is in the tables. What is sorted is the page alone.
                Dialect::Sqlite => {
                    assert!(plan.contains(&format!("INDEX {index} (")), "{options}: {plan}");
                    let few = options.contains("startswith");
                    let sorts = usize::from(keys_first) + usize::from(few);
                    assert_eq!(plan.matches("USE TEMP B-TREE").count(), sorts, "{options}: {plan}");
                }
                // It knows how many rows there are, and may find another index as good; never may it look at all of them.
                Dialect::Postgres => {
                    assert!(!plan.contains("Seq Scan on queue_items"), "{options}: {plan}");
                    assert!(!index.ends_with("reference") || plan.contains(index), "{options}: {plan}");
                }
            }
        }
    }

    async fn a_claim_by_reference_walks_an_index(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        fill(server, q, 20_000).await;
        let text = "SELECT c.id FROM queue_items c WHERE c.queue_id = $1 AND c.status = 0 AND c.ready = 1 AND fold(c.reference) = $2 \
             ORDER BY c.no_due, c.priority, c.due_at, c.id LIMIT 1";
        let plan = explained(server, text, params![q, "ref-100049"]).await;
        assert!(plan.contains("queue_items_next_reference") && !plan.contains("TEMP B-TREE"), "{plan}");
        // Of two with one reference the one of higher priority is first, in the other case too.
        for priority in ["Low", "High", "Normal"] {
            add(&admin, json!({"Name": "q", "Reference": "Twice", "Priority": priority})).await;
        }
        let wanted = json!({"transactionData": {"Name": "q", "Reference": "tWICE", "ReferenceFilterOption": "Equals"}});
        let path = "/odata/Queues/UiPathODataSvc.StartTransaction";
        for priority in ["High", "Normal", "Low"] {
            assert_eq!(admin.post(path, wanted.clone()).await.expect(200)["Priority"], priority);
        }
        admin.post(path, wanted).await.expect(204);
    }

    async fn pages_are_in_order_with_and_without_filters(server: &TestServer) {
        let admin = server.admin();
        let (q, other) = (queue(&admin, json!({"Name": "q"})).await, queue(&admin, json!({"Name": "other"})).await);
        fill(server, q, 120).await;
        fill(server, other, 40).await;
        let all = admin.get("/odata/QueueItems?$top=1000").await.expect(200)["value"].as_array().unwrap().clone();
        assert_eq!(all.len(), 160);
        // Nulls are least; texts are compared folded, states and priorities by their numbers.
        let states = ["New", "InProgress", "Failed", "Successful", "Abandoned", "Retried", "Deleted"];
        let rank = |item: &Value, member: &str| -> (i64, String) {
            match (&item[member], member) {
                (Value::Null, _) => (-1, String::new()),
                (Value::Number(n), _) => (n.as_i64().unwrap(), String::new()),
                (Value::String(s), "Status") => (states.iter().position(|w| w == s).unwrap() as i64, String::new()),
                (Value::String(s), "Priority") => (["High", "Normal", "Low"].iter().position(|w| w == s).unwrap() as i64, String::new()),
                (Value::String(s), "CreationTime") => (bandmaster_core::time::parse(s).unwrap(), String::new()),
                (Value::String(s), _) => (0, s.to_lowercase()),
                (other, _) => panic!("{other}"),
            }
        };
        let filters = [("", None, None), ("QueueDefinitionId eq {q}", Some(q), None), ("QueueDefinitionId eq {q} and Status eq 'Failed'", Some(q), Some("Failed")),
            ("Status eq 'New'", None, Some("New"))];
        for member in ["Id", "CreationTime", "Status", "QueueDefinitionId", "Reference", "Priority"] {
            for descending in [false, true] {
                for (filter, of, status) in filters {
                    let mut wanted: Vec<&Value> = all.iter()
                        .filter(|i| of.is_none_or(|q| i["QueueDefinitionId"] == q) && status.is_none_or(|s| i["Status"] == s)).collect();
                    wanted.sort_by_key(|i| (rank(i, member), i["Id"].as_i64()));
                    if descending {
                        wanted.reverse();
                    }
                    let wanted: Vec<i64> = wanted.iter().map(|i| i["Id"].as_i64().unwrap()).collect();
                    let filter = if filter.is_empty() { String::new() } else { format!("$filter={}&", filter.replace("{q}", &q.to_string())) };
                    let order = format!("{filter}$orderby={member}{}", if descending { " desc" } else { "" });
                    let expand = if descending { "&$expand=QueueDefinition" } else { "" };
                    for skip in [0, 7, 500] {
                        let found = ids(&admin, &format!("{order}&$top=9&$skip={skip}{expand}")).await;
                        let part: Vec<i64> = wanted.iter().skip(skip).take(9).copied().collect();
                        assert_eq!(found, part, "{order}, {skip} skipped");
                    }
                }
            }
        }
        let mut found = ids(&admin, &format!("$filter=QueueDefinitionId eq {q} and startswith(Reference,'rEF-1000')")).await;
        let mut wanted: Vec<i64> = all.iter()
            .filter(|i| i["QueueDefinitionId"] == q && i["Reference"].as_str().is_some_and(|r| r.starts_with("Ref-1000")))
            .map(|i| i["Id"].as_i64().unwrap()).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert!(!found.is_empty());
        assert_eq!(found, wanted);
        let elsewhere = server.other_tenant().await;
        assert_eq!(ids(&elsewhere, "$orderby=Reference&$skip=1").await, [0_i64; 0]);
    }

    /// Everything that changes how many items have a state, in any order, with the duty that adds up running now and then.
    async fn totals_equal_a_recount_through_a_random_walk(server: &TestServer) {
        let admin = server.admin();
        let folder = admin.without_folder().post("/odata/Folders", json!({"DisplayName": "Second"})).await.expect(201)["Id"].as_i64().unwrap();
        let second = admin.in_folder(folder);
        let both = queue(&admin, json!({"Name": "both", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1})).await;
        let one = queue(&admin, json!({"Name": "one"})).await;
        let share = json!({"QueueIds": [both], "ToAddFolderIds": [folder], "ToRemoveFolderIds": []});
        admin.post("/odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders", share).await.expect(204);
        admin.put(&format!("/odata/QueueRetention({both})"), json!({"Action": "Delete", "Period": 1})).await.expect(200);
        admin.put(&format!("/odata/QueueRetention({one})"), json!({"Action": "Delete", "Period": 2})).await.expect(200);
        let mut chance = StdRng::seed_from_u64(17);
        for step in 0..90 {
            let name = if chance.random_bool(0.5) { "both" } else { "one" };
            match chance.random_range(0..12) {
                0..3 => {
                    let items: Vec<Value> = (0..chance.random_range(1..6)).map(|n| json!({"Reference": format!("{step}-{n}")})).collect();
                    let body = json!({"queueName": name, "commitType": "AllOrNothing", "queueItems": items});
                    admin.post(ADD_MANY, body).await.expect(200);
                }
                3..7 => {
                    let item = start(&admin, name).await;
                    let failure = |kind: &str| json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x", "Type": kind}});
                    let result = match chance.random_range(0..4) {
                        0 => json!({"IsSuccessful": true}),
                        1 => failure("ApplicationException"),
                        2 => failure("BusinessException"),
                        // It stays in progress, and is abandoned after a day.
                        _ => Value::Null,
                    };
                    if !item.is_null() && !result.is_null() {
                        finish(&admin, &item["Id"], result).await.expect(200);
                    }
                }
                7 => {
                    let data = json!({"transactionData": {"Name": name, "SpecificContent": {}}});
                    admin.post("/odata/Queues/UiPathODataSvc.StartTransaction", data).await.expect(200);
                }
                8 | 9 => {
                    let path = "/odata/QueueItems?$filter=Status in ('New','Failed','Successful')&$top=50";
                    let list = admin.get(path).await.expect(200)["value"].as_array().unwrap().clone();
                    if !list.is_empty() {
                        let item = &list[chance.random_range(0..list.len())];
                        if item["Status"] == "Failed" {
                            let review = json!({"status": "Retried", "queueItems": [{"Id": item["Id"], "RowVersion": item["RowVersion"]}]});
                            admin.post("/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus", review).await.expect(200);
                        } else {
                            admin.delete(&format!("/odata/QueueItems({})", item["Id"])).await.expect(204);
                        }
                    }
                }
                10 => while fold(server.app()).await.unwrap() {},
                _ => {
                    server.clock.advance(Duration::from_secs(40_000));
                    for _ in 0..4 {
                        Retention.tick(server.app(), server.now()).await.unwrap();
                    }
                }
            }
            // Duties go on meanwhile, so both are read until they meet; they always do, at once mostly.
            for (client, filter, condition) in [
                (&admin, String::new(), "TRUE".to_owned()),
                (&second, String::new(), format!("queue_id = {both}")),
                (&second, format!("QueueDefinitionId eq {one}"), "FALSE".to_owned()),
                (&admin, format!("QueueDefinitionId eq {both} and Status eq 'New'"), format!("queue_id = {both} AND status = 0")),
                (&admin, "Status in ('InProgress','Retried')".to_owned(), "status IN (1, 5)".to_owned()),
                (&admin, "QueueDefinition/Name eq 'ONE' and Status ne 'Successful'".to_owned(), format!("queue_id = {one} AND status <> 3")),
                (&admin, "QueueDefinitionName eq 'both' and (Status eq 'Failed' or Status eq 'Abandoned' or Status eq 'Deleted')".to_owned(), format!("queue_id = {both} AND status IN (2, 4, 6)")),
            ] {
                bandmaster_testkit::wait::until(&format!("step {step}: the total of {filter:?} is right"), async || {
                    let sql = format!("SELECT count(*) FROM queue_items WHERE {condition}");
                    let count: i64 = server.app().store.read().await.unwrap().query_one(&sql, &[]).await.unwrap().get(0).unwrap();
                    told(client, &filter).await == count
                }).await;
            }
        }
        let sql = "SELECT max(id) - count(*) FROM queue_items";
        let gone: i64 = server.app().store.read().await.unwrap().query_one(sql, &[]).await.unwrap().get(0).unwrap();
        assert!(gone > 0, "retention deleted something on the way");
        // With everything added up the rows of the counters alone say it, and none is below zero.
        while fold(server.app()).await.unwrap() {}
        let differs = "SELECT count(*) FROM queue_totals c WHERE c.items <> (SELECT count(*) FROM queue_items i \
             WHERE i.queue_id = c.queue_id AND i.status = c.status)";
        bandmaster_testkit::wait::until("the counters are right", async || {
            let count: i64 = server.app().store.read().await.unwrap().query_one(differs, &[]).await.unwrap().get(0).unwrap();
            count == 0
        }).await;
        admin.delete(&format!("/odata/QueueDefinitions({one})")).await.expect(204);
        assert_eq!(told(&admin, &format!("QueueDefinitionId eq {one}")).await, 0);
        assert_eq!(server.other_tenant().await.get("/odata/QueueItems?$top=0&$count=true").await.expect(200)["@odata.count"], 0);
    }

    async fn totals_of_queues_and_states_are_not_counted(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        // Rows behind the server's back are in no counter: what is told comes from there.
        fill(server, q, 30).await;
        assert_eq!(told(&admin, &format!("QueueDefinitionId eq {q}")).await, 0);
        assert_eq!(told(&admin, &format!("QueueDefinitionId eq {q} and Priority eq 'High'")).await, 10);
        let options = QueryOptions::from_pairs(&query_pairs("$filter=Status eq 'New'").unwrap(), Allowed::default()).unwrap();
        let query = bind(&options, &ITEM, &Limits::default()).unwrap();
        let statement = total(&query, &visibility(1, 1, &Folders::All), &TOTALS).unwrap();
        let plan = explained(server, &statement.text, &bound(&statement)).await;
        assert!(!plan.contains("queue_items"), "{plan}");
    }
}
