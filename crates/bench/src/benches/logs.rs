//! Robot log lines in batches of 100, against raw inserts.

use crate::api::Api;
use crate::context::{Context, Database};
use crate::measure::{Line, median, ms, percentile, rate};
use crate::product::Product;
use crate::yardsticks;
use anyhow::{Context as _, Result, bail};
use hyper::Method;
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Lines in a request.
pub const BATCH: usize = 100;
/// The job that the lines name. It does not exist, so they go to the folder of the header.
pub const JOB: &str = "5d3c1b1e-7c0a-4b8e-9d0e-2f6a5b4c3d2e";
/// Clients that send; robots send one batch at a time.
const CLIENTS: usize = 16;

/// A log line.
pub struct LogLine {
    /// Its text.
    pub message: String,
    /// As a robot sends it.
    pub raw: String,
}

/// A line as robots write them.
pub fn sample(fingerprint: &str) -> LogLine {
    let message = format!(
        "Invoice {} was read and booked, nothing remarkable happened",
        &fingerprint[..8.min(fingerprint.len())]
    );
    let raw = format!(
        "{{\"message\":\"{message}\",\"level\":\"Information\",\"logType\":\"User\",\"timeStamp\":\"2026-01-05T08:00:00.000Z\",\
         \"fingerprint\":\"{fingerprint}\",\"jobId\":\"{JOB}\",\"processName\":\"p\",\"processVersion\":\"1.0.0\",\
         \"robotName\":\"r\",\"machineName\":\"h\",\"windowsIdentity\":\"robot\"}}"
    );
    LogLine { message, raw }
}

fn body() -> String {
    let mut out = String::with_capacity(BATCH * 400);
    out.push('[');
    for index in 0..BATCH {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&Value::String(sample(&Uuid::new_v4().to_string()).raw).to_string());
    }
    out.push(']');
    out
}

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        lines.push(on(context, database).await?);
    }
    Ok(lines)
}

async fn on(context: &Context, database: Database) -> Result<Line> {
    let span = Duration::from_secs(context.seconds);
    let product = Product::start(&context.fresh(database).await?).await?;
    let api = Api::sign_in(&product).await?;
    let (mut raw, mut rates, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    let folder = context.folder("raw-logs")?;
    let url = match database {
        Database::Sqlite => None,
        Database::Postgres => Some(context.cluster()?.create(&context.database_name()).await?),
    };
    for _ in 0..context.rounds {
        raw.push(match &url {
            None => yardsticks::logs::sqlite(&folder, span).await?,
            Some(url) => yardsticks::logs::postgres(url, span).await?,
        });
        let (lines, times) = round(&api, span).await?;
        rates.push(lines);
        taken.extend(times);
    }
    let ratios: Vec<f64> = rates.iter().zip(&raw).map(|(p, r)| p / r).collect();
    let (ratio, lines) = (median(&ratios), median(&rates));
    product.stop().await?;
    Ok(Line {
        what: "log lines, 100 a batch".into(),
        database: database.name().into(),
        yardstick: rate(median(&raw), "lines"),
        product: format!("{}; batch p99 {}", rate(lines, "lines"), ms(percentile(&mut taken, 0.99))),
        ratio: format!("{ratio:.2}"),
        goal: "≥ 0.4 × raw inserts, ≥ 40000 lines/s".into(),
        reached: Some(ratio >= 0.4 && lines >= 40_000.0),
    })
}

async fn round(api: &Api, span: Duration) -> Result<(f64, Vec<Duration>)> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = api.client.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while begun.elapsed() < span {
                    let body = body();
                    let sent = Instant::now();
                    let reply = client.send(Method::POST, "/api/Logs/SubmitLogs", body).await?;
                    if reply.status != 200 {
                        bail!("logs: {} {}", reply.status, reply.text());
                    }
                    taken.push(sent.elapsed());
                }
                Ok(taken)
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.context("a client failed")??);
    }
    Ok(((taken.len() * BATCH) as f64 / begun.elapsed().as_secs_f64(), taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_json_texts_in_json() {
        let sent: Vec<String> = serde_json::from_str(&body()).unwrap();
        assert_eq!(sent.len(), BATCH);
        for text in sent {
            let line: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(line["jobId"], JOB);
        }
    }
}
