//! From the start of the process to the first authenticated 200, and the memory of a server that has nothing to do.

use crate::api::{Api, caller};
use crate::context::{Context, Database};
use crate::http::Client;
use crate::measure::{Line, ms, percentile};
use crate::product::{Product, Settings};
use anyhow::{Context as _, Result, bail};
use std::time::{Duration, Instant};

/// Starts that are measured.
const STARTS: usize = 10;
/// A request that needs who, scope, permission and the database.
const REQUEST: &str = "/odata/Folders?$top=1";
/// Memory counts once it has been still for this long.
const STILL: Duration = Duration::from_secs(2);

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        lines.extend(on(context, database).await?);
    }
    Ok(lines)
}

async fn on(context: &Context, database: Database) -> Result<Vec<Line>> {
    let settings = context.fresh(database).await?;
    let begun = Instant::now();
    let product = Product::start(&settings).await?;
    let first = begun.elapsed();
    let api = Api::sign_in(&product).await?;
    let token = api.credentials.token(product.address()?).await?;
    product.stop().await?;
    let what = ("process start to first authenticated 200", "memory at rest");
    measured(&settings, database, what, (&token, Some(api.folder)), Some(first)).await
}

/// The same over the data of a server that does not run, with the token of somebody whom it knows.
pub async fn filled(settings: &Settings, database: Database, token: &str) -> Result<Vec<Line>> {
    let what = (
        "process start to first authenticated 200, 10,000 people, 1,000 folders",
        "memory at rest, 10,000 people, 1,000 folders",
    );
    measured(settings, database, what, (token, None), None).await
}

/// `first`: how long the very first start took.
async fn measured(
    settings: &Settings,
    database: Database,
    what: (&str, &str),
    caller: (&str, Option<i64>),
    first: Option<Duration>,
) -> Result<Vec<Line>> {
    let mut taken = Vec::new();
    for _ in 0..STARTS {
        let (product, time) = start(settings, caller).await?;
        taken.push(time);
        product.stop().await?;
    }
    let (product, _) = start(settings, caller).await?;
    let (all, own) = memory(&product).await?;
    product.stop().await?;
    let median = percentile(&mut taken, 0.5);
    let slowest = percentile(&mut taken, 1.0);
    let first = first.map(|time| format!("; first start of all {}", ms(time))).unwrap_or_default();
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    let time = Line {
        what: what.0.into(),
        database: database.name().into(),
        yardstick: "–".into(),
        product: format!("{} (slowest {}{first})", ms(median), ms(slowest)),
        ratio: "–".into(),
        goal: "≤ 150 ms".into(),
        reached: Some(median <= Duration::from_millis(150)),
    };
    let memory = Line {
        what: what.1.into(),
        database: database.name().into(),
        yardstick: "–".into(),
        product: format!("{} resident, {} of it anonymous", mib(all), mib(own)),
        ratio: "–".into(),
        goal: "≤ 40 MB".into(),
        reached: Some(all * 1024 <= 40_000_000),
    };
    Ok(vec![time, memory])
}

/// Starts the server and asks until it answers; how long that took.
async fn start(settings: &Settings, (token, folder): (&str, Option<i64>)) -> Result<(Product, Duration)> {
    let begun = Instant::now();
    let mut product = Product::spawn(settings)?;
    let address = product.ready().await?;
    let mut client = match folder {
        Some(folder) => caller(address, token, folder)?,
        None => Client::new(address).bearer(token)?,
    };
    let reply = client.get(REQUEST).await.context("the first request")?;
    if reply.status != 200 {
        bail!("the first request: {} {}", reply.status, reply.text());
    }
    Ok((product, begun.elapsed()))
}

/// Resident and anonymous KiB once they stand still.
async fn memory(product: &Product) -> Result<(u64, u64)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut last, mut since) = (product.memory()?, Instant::now());
    while since.elapsed() < STILL && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = product.memory()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}
