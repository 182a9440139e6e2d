//! From StartJobs to the robot that has the command: a robot holds the long poll, is woken, and its heartbeat fetches the
//! job. Against the time that the same disk needs to make a write durable. On PostgreSQL also across two nodes.

use crate::api::{Api, caller, start_jobs, start_jobs_path};
use crate::context::{Context, Database};
use crate::http::Client;
use crate::measure::{Line, ms, percentile};
use crate::product::{Product, Settings};
use crate::robot::Robot;
use crate::yardsticks::disk::fsyncs;
use anyhow::{Context as _, Result, bail};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A job that has not reached the robot by then never will.
const PATIENCE: Duration = Duration::from_secs(30);
/// Writes whose time is taken before and after.
const PROBES: usize = 300;
/// Starts before anything counts.
const WARM_UP: usize = 10;
/// Between two starts, so that the robot waits again.
const PAUSE: Duration = Duration::from_millis(5);

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        let settings = context.fresh(database).await?;
        let product = Product::start(&settings).await?;
        let mut api = Api::sign_in(&product).await?;
        let process = api.process().await?;
        let machine_key = api.machine("bench-machine", 4).await?;
        // One host for both parts: a second one would leave the first's slots to nobody.
        let robot = Robot::new(product.address()?, &machine_key, "bench-host")?;
        let mut disk = fsyncs(&settings.data, PROBES)?;
        let told = latencies(context, &api.client, &process, robot.clone()).await?;
        disk.extend(fsyncs(&settings.data, PROBES)?);
        let sync = percentile(&mut disk, 0.99);
        let goal = 2 * sync + Duration::from_millis(10);
        lines.push(line("StartJobs to robot told", database, ms(sync), told, goal, "p99 ≤ 2 × fsync p99 + 10 ms"));
        if database == Database::Postgres {
            let second = Product::start(&beside(context, &settings)?).await?;
            let token = api.credentials.token(product.address()?).await?;
            let other = caller(second.address()?, &token, api.folder)?;
            let told = latencies(context, &other, &process, robot.clone()).await?;
            let what = "StartJobs on one node to robot told on another";
            lines.push(line(what, database, ms(sync), told, Duration::from_millis(50), "p99 ≤ 50 ms"));
            second.stop().await?;
        }
        product.stop().await?;
    }
    Ok(lines)
}

fn line(what: &str, database: Database, sync: String, mut told: Vec<Duration>, goal: Duration, words: &str) -> Line {
    let p99 = percentile(&mut told, 0.99);
    Line {
        what: format!("{what}, {} jobs", told.len()),
        database: database.name().into(),
        yardstick: format!("fsync p99 {sync}"),
        product: format!("p50 {}, p99 {}", ms(percentile(&mut told, 0.5)), ms(p99)),
        ratio: format!("p99 {} of {}", ms(p99), ms(goal)),
        goal: words.into(),
        reached: Some(p99 <= goal),
    }
}

/// Settings of a second node: the same database and the same keys.
fn beside(context: &Context, first: &Settings) -> Result<Settings> {
    let data = context.folder("node")?.join("server");
    std::fs::create_dir_all(&data)?;
    std::fs::copy(first.data.join("keys"), data.join("keys"))?;
    Ok(Settings { data, ..first.clone() })
}

/// Starts jobs one after another; from each request's sending to the robot's having the command.
async fn latencies(context: &Context, starter: &Client, process: &str, mut robot: Robot) -> Result<Vec<Duration>> {
    let (told, mut heard) = mpsc::unbounded_channel();
    robot.start().await?;
    let mut stamp = robot.wait(None, 0).await?;
    robot.heartbeat(&[]).await?;
    let robot = tokio::spawn(async move {
        // Ends with the receiver.
        while !told.is_closed() {
            if let Some(new) = robot.wait(stamp.as_deref(), 1).await? {
                stamp = Some(new);
            }
            for order in robot.heartbeat(&[]).await? {
                let at = Instant::now();
                for state in ["Running", "Successful"] {
                    if let Err(reason) = robot.submit(&order, state, None).await? {
                        bail!("{state} was refused: {reason}");
                    }
                }
                if told.send((order.job_key, at)).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    });
    let mut starter = starter.clone();
    let path = start_jobs_path();
    let ends = Instant::now() + Duration::from_secs(context.seconds * context.rounds as u64);
    let mut taken = Vec::new();
    let mut number = 0usize;
    while Instant::now() < ends {
        let begun = Instant::now();
        let reply = starter.post(&path, &start_jobs(process, "bench")).await?;
        if reply.status != 201 {
            bail!("StartJobs: {} {}", reply.status, reply.text());
        }
        let key = reply.json()["value"][0]["Key"].as_str().context("no job")?.to_owned();
        let (job, at) = match tokio::time::timeout(PATIENCE, heard.recv()).await {
            Ok(Some(told)) => told,
            Ok(None) => break,
            Err(_) => bail!("job {key} did not reach the robot within {} s", PATIENCE.as_secs()),
        };
        if job != key {
            bail!("job {job} reached the robot in place of {key}");
        }
        if number >= WARM_UP {
            // The robot may have the command before the starter has its answer.
            taken.push(at.saturating_duration_since(begun));
        }
        number += 1;
        tokio::time::sleep(PAUSE).await;
    }
    drop(heard);
    robot.await.context("the robot failed")??;
    if taken.is_empty() { bail!("no job reached the robot") } else { Ok(taken) }
}
