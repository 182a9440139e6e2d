//! Claiming and completing queue items over HTTP with keep-alive clients, against a bare axum program (SQLite) and
//! pgbench (PostgreSQL). That no item was given out twice is checked on the way.

use crate::benches::depth;
use crate::benches::drive::WARM_UP;
use crate::context::{Context, Database};
use crate::http::Client;
use crate::measure::{Line, median, ms, percentile, rate};
use crate::prefill::Size;
use crate::stage::{QUEUE, Stage};
use crate::yardsticks::claim::Program;
use crate::yardsticks::pgbench;
use anyhow::{Context as _, Result, bail};
use hyper::Method;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Waiting items of the small case, at least.
const FEW: u64 = 200_000;
/// Pairs a second that nobody is expected to pass; a longer round has that many more items.
const FASTEST: u64 = 40_000;

/// Whom the clients talk to.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The bare program.
    Yardstick,
    /// The server.
    Product,
}

/// An item that was claimed and completed.
pub struct Pair {
    /// Its id.
    pub id: i64,
    /// How long the claim took.
    pub claim: Duration,
    /// How long the completion took.
    pub complete: Duration,
}

/// The one member of the answer that the clients read.
#[derive(Deserialize)]
struct Claimed {
    #[serde(rename = "Id")]
    id: i64,
}

/// What a round showed.
struct Round {
    pairs_a_second: f64,
    claim: Vec<Duration>,
    complete: Vec<Duration>,
}

impl Target {
    /// The bodies of a claim and of a completion.
    pub fn bodies(self) -> (String, String) {
        let claim = format!("{{\"transactionData\":{{\"Name\":\"{QUEUE}\"}}}}");
        let result = match self {
            Target::Yardstick => r#"{"Output":{"Done":"yes"}}"#,
            Target::Product => r#"{"transactionResult":{"IsSuccessful":true,"Output":{"Done":"yes"}}}"#,
        };
        (claim, result.to_owned())
    }

    /// Claims and completes an item; none when the queue is empty.
    pub async fn pair(self, client: &mut Client, claim: &str, result: &str) -> Result<Option<Pair>> {
        let begun = Instant::now();
        let path = match self {
            Target::Yardstick => "/claim",
            Target::Product => "/odata/Queues/UiPathODataSvc.StartTransaction",
        };
        let reply = client.send(Method::POST, path, claim.to_owned()).await?;
        if reply.status == 204 {
            return Ok(None);
        }
        if reply.status != 200 {
            bail!("claim: {} {}", reply.status, reply.text());
        }
        let id = serde_json::from_slice::<Claimed>(&reply.body)?.id;
        let claimed = Instant::now();
        let path = match self {
            Target::Yardstick => format!("/complete/{id}"),
            Target::Product => format!("/odata/Queues({id})/UiPathODataSvc.SetTransactionResult"),
        };
        let reply = client.send(Method::POST, &path, result.to_owned()).await?;
        if reply.status != 200 {
            bail!("complete: {} {}", reply.status, reply.text());
        }
        Ok(Some(Pair { id, claim: claimed - begun, complete: claimed.elapsed() }))
    }

    async fn round(self, client: &Client, clients: usize, span: Duration, seen: &mut HashSet<i64>) -> Result<Round> {
        let (claim, result) = self.bodies();
        let (claim, result) = (Arc::new(claim), Arc::new(result));
        let counts_from = Instant::now() + WARM_UP;
        let ends = counts_from + span;
        let tasks: Vec<_> = (0..clients)
            .map(|_| {
                let (mut client, claim, result) = (client.clone(), claim.clone(), result.clone());
                tokio::spawn(async move {
                    let (mut ids, mut counted) = (Vec::new(), Vec::new());
                    while Instant::now() < ends {
                        let pair = self.pair(&mut client, &claim, &result).await?;
                        let Pair { id, claim: claimed, complete } =
                            pair.context("the queue ran empty; give it more items")?;
                        ids.push(id);
                        let now = Instant::now();
                        if now >= counts_from && now < ends {
                            counted.push((claimed, complete));
                        }
                    }
                    anyhow::Ok((ids, counted))
                })
            })
            .collect();
        let (mut claim, mut complete) = (Vec::new(), Vec::new());
        for task in tasks {
            let (ids, counted) = task.await.context("a client failed")??;
            for id in ids {
                if !seen.insert(id) {
                    bail!("item {id} was given out twice");
                }
            }
            for (a, b) in counted {
                claim.push(a);
                complete.push(b);
            }
        }
        Ok(Round { pairs_a_second: claim.len() as f64 / span.as_secs_f64(), claim, complete })
    }
}

/// The small and the large case, and what the number of waiting items costs, on the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        lines.push(few(context, database).await?);
        let stage = Stage::prefilled(context, database, context.items).await?;
        lines.push(on(context, &stage).await?);
        lines.push(depth::on(context, &stage, Size::Kilobyte).await?);
        stage.discard(context).await?;
        lines.extend(depth::ten_million(context, database).await?);
    }
    Ok(lines)
}

/// The small case.
pub async fn few(context: &Context, database: Database) -> Result<Line> {
    let stage = Stage::prefilled(context, database, enough(context)).await?;
    let line = on(context, &stage).await?;
    stage.discard(context).await?;
    Ok(line)
}

/// One round of the product alone on a stage that is there already: pairs a second. What was claimed goes into `seen`.
pub async fn alone(context: &Context, stage: &Stage, seen: &mut HashSet<i64>) -> Result<f64> {
    let span = Duration::from_secs(context.seconds);
    let round = Target::Product.round(&stage.api.client, context.clients, span, seen).await?;
    Ok(round.pairs_a_second)
}

/// Waiting items that a round of the bare program does not empty.
pub fn enough(context: &Context) -> u64 {
    FEW.max(FASTEST * (context.seconds + 1))
}

/// One case on a stage that is there already.
pub async fn on(context: &Context, stage: &Stage) -> Result<Line> {
    let span = Duration::from_secs(context.seconds);
    let client = &stage.api.client;
    let mut product = Vec::new();
    let mut yardstick = Vec::new();
    let mut seen = HashSet::new();
    match stage.database {
        Database::Sqlite => {
            for _ in 0..context.rounds {
                // Anew for each round: it is fast enough to empty a queue in two.
                let folder = context.folder("yardstick")?;
                let program = Program::start(&folder, stage.items).await?;
                let bare = Client::new(program.address).bearer(&program.token)?;
                let round = Target::Yardstick.round(&bare, context.clients, span, &mut HashSet::new()).await?;
                yardstick.push(round.pairs_a_second);
                program.stop().await?;
                context.clear(&folder)?;
                product.push(Target::Product.round(client, context.clients, span, &mut seen).await?);
            }
        }
        Database::Postgres => {
            let (name, scratch) = (context.database_name(), context.folder("pgbench")?);
            let cluster = context.cluster()?;
            pgbench::prepare(cluster, &name, stage.items).await?;
            for _ in 0..context.rounds {
                yardstick.push(
                    pgbench::run(cluster, &name, pgbench::CLAIMING, pgbench::CLIENTS, context.seconds, &scratch)
                        .await?,
                );
                product.push(Target::Product.round(client, context.clients, span, &mut seen).await?);
            }
            cluster.remove(&cluster.url(&name)).await?;
        }
    }
    Ok(line(stage, &yardstick, product))
}

fn line(stage: &Stage, yardstick: &[f64], rounds: Vec<Round>) -> Line {
    let ratios: Vec<f64> = rounds.iter().zip(yardstick).map(|(r, y)| r.pairs_a_second / y).collect();
    let ratio = median(&ratios);
    let rates: Vec<f64> = rounds.iter().map(|r| r.pairs_a_second).collect();
    let (mut claim, mut complete) = (Vec::new(), Vec::new());
    for round in rounds {
        claim.extend(round.claim);
        complete.extend(round.complete);
    }
    let (goal, least) = match stage.database {
        Database::Sqlite => ("≥ 0.5 × bare axum", 0.5),
        Database::Postgres => ("≥ 1.2 × pgbench", 1.2),
    };
    Line {
        what: format!("claim and complete, {} items waiting", stage.items),
        database: stage.database.name().into(),
        yardstick: rate(median(yardstick), "pairs"),
        product: format!(
            "{}; claim p50 {}, p99 {}; complete p50 {}, p99 {}",
            rate(median(&rates), "pairs"),
            ms(percentile(&mut claim, 0.5)),
            ms(percentile(&mut claim, 0.99)),
            ms(percentile(&mut complete, 0.5)),
            ms(percentile(&mut complete, 0.99))
        ),
        ratio: format!("{ratio:.2}"),
        goal: goal.into(),
        reached: Some(ratio >= least),
    }
}
