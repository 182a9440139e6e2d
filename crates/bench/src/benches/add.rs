//! Adding items one by one and a hundred at once, against a bare axum program (SQLite) and pgbench (PostgreSQL). How
//! many there are afterwards is checked.

use crate::benches::drive::{Ask, Driven, drive};
use crate::context::{Context, Database};
use crate::http::{Client, Reply};
use crate::measure::{Line, median, ms, percentile, rate};
use crate::prefill::{Size, content, content_of, priority};
use crate::stage::{QUEUE, Stage};
use crate::yardsticks::claim::Program;
use crate::yardsticks::pgbench;
use anyhow::{Result, bail};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Items in a bulk request.
pub const BULK: u64 = 100;

/// One by one, and many at once, on the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        let stage = Stage::prefilled(context, database, 0).await?;
        let numbers = AtomicU64::new(0);
        lines.push(on(context, &stage, 1, &numbers).await?);
        let singles = numbers.load(Ordering::Relaxed);
        lines.push(on(context, &stage, BULK, &numbers).await?);
        let added = singles + (numbers.load(Ordering::Relaxed) - singles) * BULK;
        there_are(&stage, added).await?;
        stage.discard(context).await?;
    }
    Ok(lines)
}

async fn on(context: &Context, stage: &Stage, at_once: u64, numbers: &AtomicU64) -> Result<Line> {
    let span = Duration::from_secs(context.seconds);
    let (mut bare, mut rounds) = (Vec::new(), Vec::new());
    let (name, scratch) = (context.database_name(), context.folder("adds")?);
    if stage.database == Database::Postgres {
        pgbench::prepare(context.cluster()?, &name, 0).await?;
    }
    for _ in 0..context.rounds {
        bare.push(match stage.database {
            Database::Sqlite => {
                let folder = context.folder("yardstick")?;
                let program = Program::start(&folder, 0).await?;
                let client = Client::new(program.address).bearer(&program.token)?;
                let driven = yardstick(context, &client, at_once, span).await?;
                program.stop().await?;
                context.clear(&folder)?;
                driven.a_second
            }
            Database::Postgres => {
                let script = pgbench::adding(at_once);
                let clients = context.clients;
                pgbench::run(context.cluster()?, &name, &script, clients, context.seconds, &scratch).await?
            }
        });
        rounds.push(product(context, &stage.api.client, at_once, span, numbers).await?);
    }
    Ok(line(stage.database, at_once, &bare, rounds))
}

async fn yardstick(context: &Context, client: &Client, at_once: u64, span: Duration) -> Result<Driven> {
    let body = move |number: u64| {
        let items: Vec<String> = (0..at_once).map(|i| content(number * at_once + i)).collect();
        format!("[{}]", items.join(","))
    };
    let right = |reply: &Reply| reply.status == 201;
    drive(client, context.clients, span, Ask { path: "/add", body, right }, &AtomicU64::new(0)).await
}

async fn product(
    context: &Context,
    client: &Client,
    at_once: u64,
    span: Duration,
    numbers: &AtomicU64,
) -> Result<Driven> {
    if at_once == 1 {
        let body = |number| format!("{{\"itemData\":{}}}", item(number, Size::Kilobyte));
        let path = "/odata/Queues/UiPathODataSvc.AddQueueItem";
        let right = |reply: &Reply| reply.status == 201;
        return drive(client, context.clients, span, Ask { path, body, right }, numbers).await;
    }
    let ask = Ask { path: MANY_PATH, body: move |number| many(number, at_once, Size::Kilobyte), right: many_added };
    drive(client, context.clients, span, ask, numbers).await
}

/// Where many are added.
pub const MANY_PATH: &str = "/odata/Queues/UiPathODataSvc.BulkAddQueueItems";

/// Whether all of a bulk request were added.
pub fn many_added(reply: &Reply) -> bool {
    reply.status == 200 && reply.json()["Success"] == true
}

/// The body of a bulk request. Priorities are mixed as in filled queues.
pub fn many(number: u64, at_once: u64, size: Size) -> String {
    let mut out = format!("{{\"queueName\":\"{QUEUE}\",\"commitType\":\"AllOrNothing\",\"queueItems\":[");
    for i in 0..at_once {
        // Writing into a String does not fail.
        let _ = write!(out, "{}{}", if i > 0 { "," } else { "" }, item(number * at_once + i, size));
    }
    out.push_str("]}");
    out
}

fn item(number: u64, size: Size) -> String {
    let content = content_of(number, size);
    let word = ["High", "Normal", "Low"][priority(number)];
    format!(
        "{{\"Name\":\"{QUEUE}\",\"Priority\":\"{word}\",\"Reference\":\"A-{number}\",\"SpecificContent\":{content}}}"
    )
}

async fn there_are(stage: &Stage, added: u64) -> Result<()> {
    let filter = crate::http::escape(&format!("QueueDefinitionId eq {}", stage.queue));
    let mut client = stage.api.client.clone();
    let reply = client.get(&format!("/odata/QueueItems?$filter={filter}&$top=1&$count=true")).await?;
    let told = reply.json()["@odata.count"].as_u64();
    if told != Some(added) {
        bail!("{added} items were acknowledged, and there are {told:?}");
    }
    Ok(())
}

fn line(database: Database, at_once: u64, bare: &[f64], rounds: Vec<Driven>) -> Line {
    let ratios: Vec<f64> = rounds.iter().zip(bare).map(|(r, b)| r.a_second / b).collect();
    let items = |requests: &[f64]| rate(median(requests) * at_once as f64, "items");
    let rates: Vec<f64> = rounds.iter().map(|r| r.a_second).collect();
    let mut taken: Vec<Duration> = rounds.into_iter().flat_map(|r| r.taken).collect();
    Line {
        what: if at_once == 1 { "adds one by one".into() } else { format!("adds, {at_once} at once") },
        database: database.name().into(),
        yardstick: items(bare),
        product: format!(
            "{}; request p50 {}, p99 {}",
            items(&rates),
            ms(percentile(&mut taken, 0.5)),
            ms(percentile(&mut taken, 0.99))
        ),
        ratio: format!("{:.2}", median(&ratios)),
        goal: "–".into(),
        reached: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_bulk_request_is_json() {
        let body: Value = serde_json::from_str(&many(3, BULK, Size::Kilobyte)).unwrap();
        let items = body["queueItems"].as_array().unwrap();
        assert_eq!(items.len(), 100);
        assert_eq!(items[1]["Reference"], "A-301");
        assert_eq!(items[1]["SpecificContent"]["Number"], "301");
    }
}
