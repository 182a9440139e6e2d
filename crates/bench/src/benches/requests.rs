//! The cheapest requests with a token: the product's whole way of a request with hardly anything at its end, beside a bare
//! axum program that finds a token's hash in a set. Then lists of somebody who sees half of a thousand folders.

use crate::context::{Context, Database};
use crate::crowd;
use crate::http::Client;
use crate::measure::{Line, median, ms, percentile, rate};
use crate::product::Product;
use crate::yardsticks::greeter;
use anyhow::{Context as _, Result, bail};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Reads nothing of the database but the version of the tenant's rights.
const NOTHING: &str = "/odata/Settings/UiPath.Server.Configuration.OData.GetActivitySettings";
/// Reads the settings of the tenant.
const SETTING: &str = "/odata/Settings('Abp.Timing.TimeZone')";
/// Lists that reach over all folders of the caller, and who asks for them.
const LISTS: [(&str, &str, usize); 4] = [
    ("100 jobs over 500 folders", "/odata/Jobs?$top=100&$orderby=Id%20desc", 0),
    (
        "100 jobs of a state over 500 folders",
        "/odata/Jobs?$top=100&$filter=State%20eq%20'Successful'&$orderby=CreationTime%20desc",
        0,
    ),
    ("100 of 500 folders", "/odata/Folders?$top=100", 0),
    ("100 of 10,000 people", "/odata/Users?$top=100", 2),
];
/// Whom the others are held against: somebody who sees fewer folders.
const NARROW: usize = 1;
/// A list over many folders takes at most so many times as long as over fewer.
const WIDTH: f64 = 3.0;

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        let settings = context.fresh(database).await?;
        crowd::settle(&settings).await?;
        let prepared = crowd::prepared(&settings).await?;
        crowd::contents(&prepared.app.store, prepared.app.clock.now()).await?;
        prepared.app.store.close().await;
        drop(prepared);
        let product = Product::start(&settings).await?;
        lines.extend(cheap(context, database, &product).await?);
        lines.extend(lists(context, database, &product).await?);
        product.stop().await?;
        lines.extend(super::boot::filled(&settings, database, &crowd::token(1)).await?);
    }
    Ok(lines)
}

async fn cheap(context: &Context, database: Database, product: &Product) -> Result<Vec<Line>> {
    let span = Duration::from_secs(context.seconds);
    let mut lines = Vec::new();
    for (what, path) in [("GET without reading anything", NOTHING), ("GET of one setting", SETTING)] {
        let program = greeter::Program::start().await?;
        let (mut bare, mut rates, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..context.rounds {
            let token = program.token.clone();
            bare.push(round(program.address, context.clients, span, "/", |_| token.clone()).await?.0);
            let (made, times) = round(product.address()?, context.clients, span, path, |n| crowd::token(n + 1)).await?;
            rates.push(made);
            taken.extend(times);
        }
        program.stop().await?;
        let ratios: Vec<f64> = rates.iter().zip(&bare).map(|(p, b)| p / b).collect();
        lines.push(Line {
            what: what.into(),
            database: database.name().into(),
            yardstick: rate(median(&bare), "requests"),
            product: format!("{}; p99 {}", rate(median(&rates), "requests"), ms(percentile(&mut taken, 0.99))),
            ratio: format!("{:.2}", median(&ratios)),
            goal: "–".into(),
            reached: None,
        });
    }
    Ok(lines)
}

async fn round(
    address: SocketAddr,
    clients: usize,
    span: Duration,
    path: &'static str,
    token: impl Fn(usize) -> String,
) -> Result<(f64, Vec<Duration>)> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..clients {
        let mut client = Client::new(address).bearer(&token(number))?;
        tasks.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            while begun.elapsed() < span {
                let sent = Instant::now();
                let reply = client.get(path).await?;
                if reply.status != 200 {
                    bail!("{path}: {} {}", reply.status, reply.text());
                }
                taken.push(sent.elapsed());
            }
            Ok(taken)
        }));
    }
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.context("a client failed")??);
    }
    Ok((taken.len() as f64 / begun.elapsed().as_secs_f64(), taken))
}

/// Lists over 500 folders, beside the same list of somebody who sees the few folders of groups.
async fn lists(context: &Context, database: Database, product: &Product) -> Result<Vec<Line>> {
    let span = Duration::from_secs(context.seconds).min(Duration::from_secs(2));
    let mut lines = Vec::new();
    for (what, path, person) in LISTS {
        let mut wide = Client::new(product.address()?).bearer(&crowd::token(person))?;
        let mut narrow = Client::new(product.address()?).bearer(&crowd::token(NARROW))?;
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for _ in 0..context.rounds {
            short.extend(asked(&mut narrow, path, span).await?);
            long.extend(asked(&mut wide, path, span).await?);
        }
        let (short, middle) = (percentile(&mut short, 0.5), percentile(&mut long, 0.5));
        let ratio = middle.as_secs_f64() / short.as_secs_f64().max(1e-9);
        lines.push(Line {
            what: what.into(),
            database: database.name().into(),
            yardstick: format!("{} for somebody with fewer", ms(short)),
            product: format!("p50 {}, p99 {}", ms(middle), ms(percentile(&mut long, 0.99))),
            ratio: format!("{ratio:.1}"),
            goal: "≤ 3 × the narrow one, ≤ 10 ms".into(),
            reached: Some(ratio <= WIDTH && middle <= Duration::from_millis(10)),
        });
    }
    Ok(lines)
}

async fn asked(client: &mut Client, path: &str, span: Duration) -> Result<Vec<Duration>> {
    let begun = Instant::now();
    let mut taken = Vec::new();
    while begun.elapsed() < span {
        let sent = Instant::now();
        let reply = client.get(path).await?;
        if reply.status != 200 {
            bail!("{path}: {} {}", reply.status, reply.text());
        }
        let rows = reply.json()["value"].as_array().map_or(0, Vec::len);
        if rows == 0 {
            bail!("{path}: nothing is listed");
        }
        taken.push(sent.elapsed());
    }
    Ok(taken)
}
