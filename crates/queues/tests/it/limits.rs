//! Every limit of queues and items: what lies exactly at it is taken, one more is refused with its code.

use crate::items::{add, queue};
use bandmaster_testkit::{Client, Reply, Value, json, suite};

const QUEUES: &str = "/odata/QueueDefinitions";
const ADD: &str = "/odata/Queues/UiPathODataSvc.AddQueueItem";
const START: &str = "/odata/Queues/UiPathODataSvc.StartTransaction";
const BULK: &str = "/odata/Queues/UiPathODataSvc.BulkAddQueueItems";

/// Characters count, not bytes.
fn text(n: usize) -> String {
    "ä".repeat(n)
}

/// An object that is `n` characters of JSON.
fn data(n: usize) -> Value {
    json!({"a": text(n - r#"{"a":""}"#.len())})
}

/// A schema of `n` characters.
fn schema(n: usize) -> String {
    json!({"title": text(n - r#"{"title":""}"#.len())}).to_string()
}

type Body = Box<dyn Fn(usize) -> Value>;

/// A limit: where it holds, the body that is at `n`, the greatest `n`, the code beyond it.
struct Limit(&'static str, &'static str, Body, usize, i64);

fn limit(
    what: &'static str,
    path: &'static str,
    most: usize,
    code: i64,
    body: impl Fn(usize) -> Value + 'static,
) -> Limit {
    Limit(what, path, Box::new(body), most, code)
}

/// `{running}`, `{new}`, `{queue}` and `{comment}` in a path stand for the id of such a thing.
fn limits() -> Vec<Limit> {
    let create = |member: &'static str| move |n: usize| json!({"Name": format!("{member}{n}"), member: n});
    let item = |member: &'static str| move |n: usize| json!({"itemData": {"Name": "q", member: text(n)}});
    let begun = |member: &'static str| move |n: usize| json!({"transactionData": {"Name": "q", member: text(n), "SpecificContent": {}}});
    let fault = |member: &'static str| {
        move |n: usize| {
            let exception = json!({"Type": "BusinessException", "Reason": "x", member: text(n)});
            json!({"transactionResult": {"IsSuccessful": false, "ProcessingException": exception}})
        }
    };
    let good = |member: &'static str, value: fn(usize) -> Value| move |n: usize| json!({"transactionResult": {"IsSuccessful": true, member: value(n)}});
    let bulk = |n: usize| {
        // The first one is wrong, so that the call is taken but nothing has to be stored.
        let mut items = vec![json!({}); n];
        items[0] = json!({"Source": "Elsewhere"});
        json!({"queueName": "q", "commitType": "StopOnFirstFailure", "queueItems": items})
    };
    let source = |n: usize| if n == 20 { "ProcessOrchestration".to_owned() } else { "x".repeat(n) };
    const RESULT: &str = "/odata/Queues({running})/UiPathODataSvc.SetTransactionResult";
    vec![
        limit("name of a queue", QUEUES, 50, 1009, |n| json!({"Name": text(n)})),
        limit(
            "name, by alias",
            "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.CreateQueue",
            50,
            1009,
            |n| json!({"Name": "x".repeat(n)}),
        ),
        limit("name, edited", "PUT /odata/QueueDefinitions({queue})", 50, 1009, |n| json!({"Name": "y".repeat(n)})),
        limit("description", QUEUES, 250, 1009, |n| json!({"Name": n.to_string(), "Description": text(n)})),
        limit(
            "description, edited",
            "PUT /odata/QueueDefinitions({queue})",
            250,
            1009,
            |n| json!({"Name": "edited", "Description": text(n)}),
        ),
        limit("retries", QUEUES, 50, 1009, create("MaxNumberOfRetries")),
        limit("deadline", QUEUES, 129_600, 1009, create("SlaInMinutes")),
        limit(
            "time of risk",
            QUEUES,
            129_599,
            1009,
            |n| json!({"Name": format!("risk{n}"), "SlaInMinutes": 129_600, "RiskSlaInMinutes": n}),
        ),
        limit(
            "schema of contents",
            QUEUES,
            100_000,
            1857,
            |n| json!({"Name": "s1", "SpecificDataJsonSchema": schema(n)}),
        ),
        limit("schema of outputs", QUEUES, 100_000, 1857, |n| json!({"Name": "s2", "OutputDataJsonSchema": schema(n)})),
        limit(
            "schema of analytics",
            QUEUES,
            100_000,
            1857,
            |n| json!({"Name": "s3", "AnalyticsDataJsonSchema": schema(n)}),
        ),
        limit("reference", ADD, 128, 1009, item("Reference")),
        limit("parent operation", ADD, 128, 1009, item("ParentOperationId")),
        limit("progress of a new item", ADD, 104_857, 1870, item("Progress")),
        limit("source", ADD, 20, 1009, move |n| json!({"itemData": {"Name": "q", "Source": source(n)}})),
        limit("content", ADD, 1 << 20, 1864, |n| json!({"itemData": {"Name": "q", "SpecificContent": data(n)}})),
        limit(
            "sealed content",
            ADD,
            1 << 20,
            1864,
            |n| json!({"itemData": {"Name": "sealed", "SpecificContent": data(n)}}),
        ),
        limit(
            "name in a content",
            ADD,
            1_000,
            1009,
            |n| json!({"itemData": {"Name": "q", "SpecificContent": {"x".repeat(n): 1}}}),
        ),
        limit("progress, edited", "PUT /odata/QueueItems({new})", 104_857, 1870, |n| json!({"Progress": text(n)})),
        limit(
            "content, edited",
            "PUT /odata/QueueItems({new})",
            1 << 20,
            1864,
            |n| json!({"SpecificContent": data(n)}),
        ),
        limit("reference of a transaction", START, 128, 1009, begun("Reference")),
        limit("parent operation of a transaction", START, 128, 1009, begun("ParentOperationId")),
        limit(
            "content of a transaction",
            START,
            1 << 20,
            1864,
            |n| json!({"transactionData": {"Name": "q", "SpecificContent": data(n)}}),
        ),
        limit(
            "progress",
            "/odata/QueueItems({running})/UiPathODataSvc.SetTransactionProgress",
            104_857,
            1870,
            |n| json!({"progress": text(n)}),
        ),
        limit("output", RESULT, 51_200, 1867, good("Output", data)),
        limit("analytics", RESULT, 5_120, 1868, good("Analytics", data)),
        limit("progress at the end", RESULT, 104_857, 1870, good("Progress", |n| json!(text(n)))),
        limit("operation", RESULT, 128, 1009, good("OperationId", |n| json!(text(n)))),
        limit("reason", RESULT, 102_400, 1869, fault("Reason")),
        limit("details", RESULT, 102_400, 1869, fault("Details")),
        limit("comment", "/odata/QueueItemComments", 512, 1009, |n| json!({"Text": text(n), "QueueItemId": 0})),
        limit("comment, edited", "PUT /odata/QueueItemComments({comment})", 512, 1009, |n| json!({"Text": text(n)})),
        limit("items of a call", BULK, 15_000, 1009, bulk),
        limit("named items", "/odata/QueueItems/UiPathODataSvc.DeleteBulk", 15_000, 1009, |n| {
            let named: Vec<Value> = (0..n).map(|id| json!({"Id": 1_000_000 + id, "RowVersion": ""})).collect();
            json!({"queueItems": named})
        }),
        limit(
            "filter of an action",
            "/odata/QueueItemActions/UiPathODataSvc.DryRun",
            8_000,
            1009,
            |n| json!({"Action": "Delete", "Filter": format!("Reference eq '{}'", text(n - "Reference eq ''".len()))}),
        ),
    ]
}

/// The things that paths may name, as ids.
struct Things {
    queue: i64,
    new: Value,
    running: Value,
    comment: Value,
}

async fn send(client: &Client, things: &Things, path: &str, mut body: Value) -> Reply {
    if body.get("QueueItemId").is_some() {
        body["QueueItemId"] = things.new.clone();
    }
    let path = path
        .replace("{queue}", &things.queue.to_string())
        .replace("{new}", &things.new.to_string())
        .replace("{running}", &things.running.to_string())
        .replace("{comment}", &things.comment.to_string());
    match path.strip_prefix("PUT ") {
        Some(path) => client.put(path, body).await,
        None => client.post(&path, body).await,
    }
}

suite! {
    async fn what_is_at_the_limit_passes_and_one_more_does_not(server: &TestServer) {
        let admin = server.admin();
        let edited = queue(&admin, json!({"Name": "edited"})).await;
        queue(&admin, json!({"Name": "q"})).await;
        queue(&admin, json!({"Name": "sealed", "Encrypted": true})).await;
        let new = add(&admin, json!({"Name": "edited"})).await["Id"].clone();
        let comment = admin.post("/odata/QueueItemComments", json!({"Text": "x", "QueueItemId": new})).await.expect(201);
        let mut things = Things { queue: edited, new, running: Value::Null, comment: comment["Id"].clone() };
        for Limit(what, path, body, most, code) in limits() {
            if path.contains("{running}") {
                let begun = json!({"transactionData": {"Name": "q", "SpecificContent": {}}});
                things.running = admin.post(START, begun).await.expect(200)["Id"].clone();
            }
            let beyond = send(&admin, &things, path, body(most + 1)).await;
            let told = (beyond.status, beyond.json()["errorCode"].as_i64());
            assert_eq!(told, (400, Some(code)), "{what} beyond {most}: {}", beyond.text());
            let at = send(&admin, &things, path, body(most)).await;
            assert!(at.status < 300, "{what} at {most}: {} {}", at.status, &at.text()[..at.text().len().min(300)]);
        }
    }

    async fn least_values_hold(server: &TestServer) {
        let admin = server.admin();
        for member in ["MaxNumberOfRetries", "SlaInMinutes", "RiskSlaInMinutes"] {
            admin.post(QUEUES, json!({"Name": member, member: -1})).await.error(400, 1009);
            admin.post(QUEUES, json!({"Name": member, member: 0})).await.expect(201);
        }
        for name in ["", " "] {
            admin.post(QUEUES, json!({"Name": name})).await.error(400, 1009);
        }
        let item = add(&admin, json!({"Name": "SlaInMinutes"})).await["Id"].clone();
        admin.post("/odata/QueueItemComments", json!({"Text": "", "QueueItemId": item})).await.error(400, 1009);
    }

    async fn one_item_of_many_is_refused_for_itself(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        let items = json!([
            {"SpecificContent": data(1 << 20)},
            {"SpecificContent": data((1 << 20) + 1)},
            {"Progress": text(104_857)},
            {"Progress": text(104_858)},
            {"Source": "ProcessOrchestration"},
            {"Source": "Elsewhere"},
        ]);
        let body = json!({"queueName": "q", "commitType": "ProcessAllIndependently", "queueItems": items});
        let reply = admin.post(BULK, body).await.expect(200);
        let failed: Vec<_> = reply["FailedItems"].as_array().unwrap().iter()
            .map(|f| (f["Ordinal"].as_i64().unwrap(), f["ErrorCode"].as_str().unwrap())).collect();
        assert_eq!(failed, [(2, "QueueItemContentSizeExceeded"), (4, "QueueItemProgressDataSizeExceeded"), (6, "InvalidArgument")]);
    }

    async fn limits_of_sheets_hold(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q"})).await;
        let path = format!("{QUEUES}({q})/UiPathODataSvc.UploadItems?commitType=StopOnFirstFailure");
        // The first record is wrong, so that nothing has to be stored.
        let rows = |n: usize| format!("Reference,Priority\n,9\n{}", "x,\n".repeat(n - 1)).into_bytes();
        admin.upload(&path, "rows.csv", rows(15_001)).await.error(400, 1009);
        assert_eq!(admin.upload(&path, "rows.csv", rows(15_000)).await.expect(200)["FailedItems"][0]["Ordinal"], 1);
        let columns = |n: usize| {
            let names: Vec<String> = (0..n).map(|i| format!("c{i}")).collect();
            format!("{}\n{}\n", names.join(","), ",".repeat(n - 1)).into_bytes()
        };
        admin.upload(&path, "columns.csv", columns(501)).await.error(400, 1009);
        assert_eq!(admin.upload(&path, "columns.csv", columns(500)).await.expect(200)["Success"], true);
        let reference = |n: usize| format!("Reference\n{}\n", text(n)).into_bytes();
        let refused = admin.upload(&path, "reference.csv", reference(129)).await.expect(200);
        assert_eq!(refused["FailedItems"][0]["ErrorCode"], "InvalidArgument");
        assert_eq!(admin.upload(&path, "reference.csv", reference(128)).await.expect(200)["Success"], true);
        let content = |n: usize| format!("a\n{}\n", text(n - r#"{"a":""}"#.len())).into_bytes();
        let refused = admin.upload(&path, "content.csv", content((1 << 20) + 1)).await.expect(200);
        assert_eq!(refused["FailedItems"][0]["ErrorCode"], "QueueItemContentSizeExceeded");
        assert_eq!(admin.upload(&path, "content.csv", content(1 << 20)).await.expect(200)["Success"], true);
    }
}
