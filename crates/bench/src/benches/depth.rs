//! Whether claims mind how many items wait: claim and complete at two depths of the queue, in turns. A short queue would
//! be empty at once, so feeders put in what was taken out, a hundred at once, and do so at every depth: the load is the
//! same, only the number of waiting items differs.

use crate::benches::add::{BULK, MANY_PATH, many, many_added};
use crate::benches::claim::{Pair, Target};
use crate::benches::drive::WARM_UP;
use crate::context::{Context, Database};
use crate::http::Client;
use crate::measure::{Line, median, rate};
use crate::prefill::{Fill, Size};
use crate::stage::Stage;
use anyhow::{Context as _, Result, bail};
use hyper::Method;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The depth with which the others are compared.
const SHALLOW: u64 = 1_000;
/// The depth that is measured when it is asked for, with small contents.
const TEN_MILLION: u64 = 10_000_000;
/// Clients that add. One alone may not keep up, and the short queue holds ten requests.
const FEEDERS: usize = 4;

/// What a round showed.
struct Round {
    pairs_a_second: f64,
    /// Claims that found nothing.
    empty: u64,
}

/// Ten million waiting items of small content, when asked for.
pub async fn ten_million(context: &Context, database: Database) -> Result<Option<Line>> {
    if !context.ten_million {
        return Ok(None);
    }
    let fill = Fill { size: Size::Small, ..Fill::waiting(TEN_MILLION) };
    let deep = Stage::filled(context, database, fill).await?;
    let line = on(context, &deep, Size::Small).await?;
    deep.discard(context).await?;
    Ok(Some(line))
}

/// A stage that is there already against a thousand items of the same size.
pub async fn on(context: &Context, deep: &Stage, size: Size) -> Result<Line> {
    let fill = Fill { size, ..Fill::waiting(SHALLOW) };
    let shallow = Stage::filled(context, deep.database, fill).await?;
    let (mut few, mut many) = (Stand::new(&shallow, size), Stand::new(deep, size));
    let (mut rates, mut deep_rates, mut ratios, mut empty) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..context.rounds {
        let (a, b) = (few.round(context).await?, many.round(context).await?);
        rates.push(a.pairs_a_second);
        deep_rates.push(b.pairs_a_second);
        ratios.push(b.pairs_a_second / a.pairs_a_second);
        empty += a.empty + b.empty;
    }
    shallow.discard(context).await?;
    let ratio = median(&ratios);
    // The short queue would look slower than it is.
    let caveat = if empty > 0 { format!("; {empty} claims found nothing") } else { String::new() };
    Ok(Line {
        what: format!("claim and complete, kept at {} waiting items ({})", deep.items, size.told()),
        database: deep.database.name().into(),
        yardstick: format!("{} at {SHALLOW}", rate(median(&rates), "pairs")),
        product: format!("{}{caveat}", rate(median(&deep_rates), "pairs")),
        ratio: format!("{ratio:.2}"),
        goal: format!("≥ 0.9 × at {SHALLOW}"),
        reached: Some(ratio >= 0.9),
    })
}

/// A stage, and what was claimed from it.
struct Stand<'a> {
    stage: &'a Stage,
    size: Size,
    seen: HashSet<i64>,
    /// Numbers of the bulk requests.
    sent: Arc<AtomicU64>,
}

impl<'a> Stand<'a> {
    fn new(stage: &'a Stage, size: Size) -> Stand<'a> {
        Stand { stage, size, seen: HashSet::new(), sent: Arc::default() }
    }

    async fn round(&mut self, context: &Context) -> Result<Round> {
        let client = &self.stage.api.client;
        let span = Duration::from_secs(context.seconds);
        let counts_from = Instant::now() + WARM_UP;
        let ends = counts_from + span;
        let over = Arc::new(AtomicBool::new(false));
        // Claimed and not yet replaced.
        let gone = Arc::new(AtomicU64::new(0));
        let feeders: Vec<_> = (0..FEEDERS)
            .map(|_| tokio::spawn(feed(client.clone(), self.size, gone.clone(), over.clone(), self.sent.clone())))
            .collect();
        let claimers: Vec<_> = (0..context.clients)
            .map(|_| tokio::spawn(claim(client.clone(), gone.clone(), counts_from, ends)))
            .collect();
        let (mut pairs, mut empty) = (0, 0);
        for claimer in claimers {
            let (ids, counted, nothing) = claimer.await.context("a client failed")??;
            for id in ids {
                if !self.seen.insert(id) {
                    bail!("item {id} was given out twice");
                }
            }
            pairs += counted;
            empty += nothing;
        }
        over.store(true, Ordering::Relaxed);
        for feeder in feeders {
            feeder.await.context("a feeder failed")??;
        }
        Ok(Round { pairs_a_second: pairs as f64 / span.as_secs_f64(), empty })
    }
}

/// Claims and completes until the end; the claimed ids, the pairs that count, the claims that found nothing.
async fn claim(
    mut client: Client,
    gone: Arc<AtomicU64>,
    counts_from: Instant,
    ends: Instant,
) -> Result<(Vec<i64>, u64, u64)> {
    let (claim, result) = Target::Product.bodies();
    let (mut ids, mut counted, mut empty) = (Vec::new(), 0, 0);
    while Instant::now() < ends {
        let Some(Pair { id, .. }) = Target::Product.pair(&mut client, &claim, &result).await? else {
            empty += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        gone.fetch_add(1, Ordering::Relaxed);
        ids.push(id);
        let now = Instant::now();
        if now >= counts_from && now < ends {
            counted += 1;
        }
    }
    Ok((ids, counted, empty))
}

/// Adds a hundred whenever as many are gone, and at the end those that are still missing by then.
async fn feed(
    mut client: Client,
    size: Size,
    gone: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
) -> Result<()> {
    loop {
        let take = |n: u64| n.checked_sub(BULK);
        if gone.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let body = many(sent.fetch_add(1, Ordering::Relaxed), BULK, size);
        let reply = client.send(Method::POST, MANY_PATH, body).await?;
        if !many_added(&reply) {
            bail!("bulk add: {} {}", reply.status, reply.text());
        }
    }
}
