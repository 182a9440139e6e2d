//! The clients: they add, claim, complete, create and start, journal what they are told, and never stop at silence.

use super::journal::Kind;
use super::lane::{Lane, Said};
use crate::api::{start_jobs, start_jobs_path};
use serde_json::{Value, json};
use std::time::Duration;

/// The queue of the load. It retries application exceptions twice.
pub const QUEUE: &str = "faults";
/// Items in a bulk request.
const BULK: usize = 10;

fn item(reference: &str) -> Value {
    json!({"Name": QUEUE, "Priority": "Normal", "Reference": reference, "SpecificContent": {"Reference": reference}})
}

/// Adds items one by one.
pub async fn add(mut lane: Lane, name: String) {
    for number in 0u64.. {
        let reference = format!("{name}-{number}");
        let batch = lane.world.journal.sending(vec![reference.clone()]);
        match lane.post("/odata/Queues/UiPathODataSvc.AddQueueItem", &json!({"itemData": item(&reference)})).await {
            Said::Answer(reply) if reply.status == 201 => match reply.json()["Id"].as_i64() {
                Some(id) => {
                    lane.world.journal.acknowledged(batch);
                    lane.world.journal.lock().items.insert(id, reference);
                }
                None => lane.world.journal.problem(format!("an added item without an id: {}", reply.text())),
            },
            Said::Answer(reply) => lane.world.journal.problem(format!("add: {} {}", reply.status, reply.text())),
            Said::Silence => {}
            Said::Over => return,
        }
        lane.pause(Duration::from_millis(8)).await;
    }
}

/// Adds items in bulk: all or nothing.
pub async fn add_many(mut lane: Lane, name: String) {
    for number in 0u64.. {
        let references: Vec<String> = (0..BULK).map(|i| format!("{name}-{number}-{i}")).collect();
        let items: Vec<Value> = references.iter().map(|r| item(r)).collect();
        let body = json!({"queueName": QUEUE, "commitType": "AllOrNothing", "queueItems": items});
        let batch = lane.world.journal.sending(references);
        match lane.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", &body).await {
            Said::Answer(reply) if reply.status == 200 && reply.json()["Success"] == true => {
                lane.world.journal.acknowledged(batch);
            }
            Said::Answer(reply) => lane.world.journal.problem(format!("bulk add: {} {}", reply.status, reply.text())),
            Said::Silence => {}
            Said::Over => return,
        }
        lane.pause(Duration::from_millis(60)).await;
    }
}

/// Claims items and says how they ended.
pub async fn process(mut lane: Lane, name: String) {
    let body = json!({"transactionData": {"Name": QUEUE}});
    loop {
        match lane.post("/odata/Queues/UiPathODataSvc.StartTransaction", &body).await {
            Said::Answer(reply) if reply.status == 200 => {
                let answer = reply.json();
                match answer["Id"].as_i64() {
                    Some(id) => {
                        lane.world.journal.lock().claims.push((id, name.clone()));
                        finish(&mut lane, id, &name).await;
                    }
                    None => lane.world.journal.problem(format!("a claimed item without an id: {}", reply.text())),
                }
            }
            Said::Answer(reply) if reply.status == 204 => lane.pause(Duration::from_millis(20)).await,
            Said::Answer(reply) => lane.world.journal.problem(format!("claim: {} {}", reply.status, reply.text())),
            Said::Silence => {}
            Said::Over => return,
        }
        lane.pause(Duration::from_millis(4)).await;
    }
}

/// Says how an item ended until the server has answered; now and then once more, which must be refused.
async fn finish(lane: &mut Lane, id: i64, name: &str) {
    let success = lane.chance(0.85);
    let mut unanswered = false;
    for attempt in 0u32.. {
        let mark = format!("{name}/{id}/{attempt}");
        let number = lane.world.journal.saying(id, mark.clone(), success);
        match lane.post(&result_path(id), &result(&mark, success)).await {
            Said::Answer(reply) if reply.status == 200 => {
                lane.world.journal.said(id, number);
                break;
            }
            // One that was not answered had been taken.
            Said::Answer(reply) if reply.status == 409 && unanswered => break,
            Said::Answer(reply) => {
                lane.world.journal.problem(format!("result of {id}: {} {}", reply.status, reply.text()));
                return;
            }
            Said::Silence => unanswered = true,
            Said::Over => return,
        }
    }
    if lane.chance(0.1) {
        let mark = format!("{name}/{id}/again");
        if let Said::Answer(reply) = lane.post(&result_path(id), &result(&mark, true)).await
            && reply.status != 409
        {
            lane.world.journal.problem(format!("item {id} was completed twice: {} {}", reply.status, reply.text()));
        }
    }
}

fn result_path(id: i64) -> String {
    format!("/odata/Queues({id})/UiPathODataSvc.SetTransactionResult")
}

fn result(mark: &str, success: bool) -> Value {
    if success {
        json!({"transactionResult": {"IsSuccessful": true, "Output": {"Mark": mark}}})
    } else {
        json!({"transactionResult": {"IsSuccessful": false,
            "ProcessingException": {"Reason": mark, "Type": "ApplicationException"}}})
    }
}

/// Makes assets and queues with names of their own, each until the server has answered.
pub async fn create(mut lane: Lane, name: String) {
    for number in 0u64.. {
        let (kind, path) =
            if number % 2 == 0 { (Kind::Asset, "/odata/Assets") } else { (Kind::Queue, "/odata/QueueDefinitions") };
        let named = format!("{name}-{number}");
        let body = match kind {
            Kind::Asset => json!({"Name": named, "ValueScope": "Global", "ValueType": "Text", "StringValue": named}),
            Kind::Queue => json!({"Name": named}),
        };
        let key = (kind, named.clone());
        let mut unanswered = false;
        loop {
            lane.world.journal.lock().unsure.insert(key.clone());
            match lane.post(path, &body).await {
                // Taken, now or by the request that was not answered.
                Said::Answer(reply) if reply.status == 201 || (reply.status == 409 && unanswered) => {
                    let mut journal = lane.world.journal.lock();
                    journal.unsure.remove(&key);
                    journal.made.insert(key);
                    break;
                }
                Said::Answer(reply) => {
                    lane.world.journal.problem(format!("create {named}: {} {}", reply.status, reply.text()));
                    break;
                }
                Said::Silence => unanswered = true,
                Said::Over => return,
            }
        }
        lane.pause(Duration::from_millis(60)).await;
    }
}

/// Starts jobs, one a request.
pub async fn start(mut lane: Lane, name: String, process: String) {
    let path = start_jobs_path();
    for number in 0u64.. {
        let reference = format!("{name}-{number}");
        lane.world.journal.lock().starts.insert(reference.clone());
        match lane.post(&path, &start_jobs(&process, &reference)).await {
            Said::Answer(reply) if reply.status == 201 => match reply.json()["value"][0]["Key"].as_str() {
                Some(key) => drop(lane.world.journal.lock().jobs.insert(key.to_owned(), reference)),
                None => lane.world.journal.problem(format!("a start without a job: {}", reply.text())),
            },
            Said::Answer(reply) => lane.world.journal.problem(format!("start: {} {}", reply.status, reply.text())),
            Said::Silence => {}
            Said::Over => return,
        }
        lane.pause(Duration::from_millis(160)).await;
    }
}
