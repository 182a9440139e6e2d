//! Black-box tests of queues, on SQLite and PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod archive;
mod choosing;
mod comments;
mod contention;
mod definitions;
mod duties;
mod figures;
mod items;
mod leases;
mod limits;
mod reads;
mod returning;
mod review;
mod schemas;
mod transactions;
mod waiting;
mod world;

use bandmaster_testkit::{Client, Reply, Value, json};

/// Takes the next item; null when there is none.
pub async fn start(client: &Client, queue: &str) -> Value {
    let body = json!({"transactionData": {"Name": queue}});
    let reply = client.post("/odata/Queues/UiPathODataSvc.StartTransaction", body).await;
    if reply.status == 204 { Value::Null } else { reply.expect(200) }
}

/// Reports a result.
pub async fn finish(client: &Client, id: &Value, body: Value) -> Reply {
    client
        .post(&format!("/odata/Queues({id})/UiPathODataSvc.SetTransactionResult"), json!({ "transactionResult": body }))
        .await
}

/// The item as it is.
pub async fn item(client: &Client, id: &Value) -> Value {
    client.get(&format!("/odata/QueueItems({id})")).await.expect(200)
}

/// An item that failed.
pub async fn failed(client: &Client, queue: &str) -> Value {
    crate::items::add(client, json!({"Name": queue, "Reference": "r", "SpecificContent": {"a": 1}})).await;
    let started = start(client, queue).await;
    finish(client, &started["Id"], json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}}))
        .await
        .expect(200);
    item(client, &started["Id"]).await
}

/// Asks until the answer is as wished.
pub async fn until(client: &Client, path: &str, wished: impl Fn(&Value) -> bool) -> Value {
    bandmaster_testkit::wait::found(path, async || Some(client.get(path).await.expect(200)).filter(&wished)).await
}
