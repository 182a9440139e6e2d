//! A filtered, ordered, expanded page of 100 queue items, against the same SQL by hand; over the large queue and over one
//! of 100 thousand.

use crate::context::{Context, Database};
use crate::http::escape;
use crate::measure::{Line, ms, percentile};
use crate::stage::{Stage, database_file};
use crate::yardsticks::page::{Hand, Order};
use anyhow::{Context as _, Result, bail};
use std::time::{Duration, Instant};

/// The queue that the large one is compared with.
const SMALL: u64 = 100_000;
/// Goal of a page.
const LONGEST: Duration = Duration::from_millis(10);

/// Both sizes on the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        let small = times(context, &Stage::prefilled(context, database, SMALL).await?, Order::Id).await?.1;
        let stage = Stage::prefilled(context, database, context.items).await?;
        lines.extend(on(context, &stage, small).await?);
    }
    Ok(lines)
}

/// The page over a stage that is there already, against what the small one took.
pub async fn on(context: &Context, stage: &Stage, small: Duration) -> Result<Vec<Line>> {
    let (hand, product) = times(context, stage, Order::Id).await?;
    let (ratio, growth) = (quotient(product, hand), quotient(product, small));
    let by_id = Line {
        what: format!("page of 100, filter, order, expand, over {} items", stage.items),
        database: stage.database.name().into(),
        yardstick: ms(hand),
        product: format!("{} ({} over {SMALL})", ms(product), ms(small)),
        ratio: format!("{ratio:.1}; {growth:.2} of the small"),
        goal: "≤ 5 × SQL by hand, ≤ 10 ms, ≤ 1.5 × the small".into(),
        reached: Some(ratio <= 5.0 && product <= LONGEST && growth <= 1.5),
    };
    let (hand, product) = times(context, stage, Order::Created).await?;
    let ratio = quotient(product, hand);
    let by_time = Line {
        what: format!("the same, ordered by CreationTime, over {} items", stage.items),
        database: stage.database.name().into(),
        yardstick: ms(hand),
        product: ms(product),
        ratio: format!("{ratio:.1}"),
        goal: "≤ 5 × SQL by hand, ≤ 10 ms".into(),
        reached: Some(ratio <= 5.0 && product <= LONGEST),
    };
    Ok(vec![by_id, by_time])
}

/// The median over a queue of 100 thousand.
pub async fn small(context: &Context, database: Database) -> Result<Duration> {
    Ok(times(context, &Stage::prefilled(context, database, SMALL).await?, Order::Id).await?.1)
}

fn quotient(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(1e-9)
}

/// Medians of (by hand, product), taken in turns.
async fn times(context: &Context, stage: &Stage, order: Order) -> Result<(Duration, Duration)> {
    let hand = match &stage.product.settings().database {
        None => Hand::sqlite(&database_file(stage.product.settings()), stage.queue, order)?,
        Some(url) => Hand::postgres(url, stage.queue, order).await?,
    };
    let filter = format!("QueueDefinitionId eq {} and Status eq 'New' and Priority eq 'High'", stage.queue);
    let path = format!(
        "/odata/QueueItems?$filter={}&$orderby={}&$expand=QueueDefinition&$top=100",
        escape(&filter),
        escape(order.odata())
    );
    let mut client = stage.api.client.clone();
    let (mut by_hand, mut by_product) = (Vec::new(), Vec::new());
    let ends = Instant::now() + Duration::from_secs(context.seconds);
    let mut first = true;
    while first || Instant::now() < ends {
        let (rows, taken) = hand.read().await?;
        let begun = Instant::now();
        let reply = client.get(&path).await?;
        let answered = begun.elapsed();
        if first {
            let page = reply.json();
            let shown = page["value"].as_array().with_context(|| format!("{} {}", reply.status, reply.text()))?;
            let expanded =
                shown.iter().filter(|item| item["QueueDefinition"]["Id"].as_i64() == Some(stage.queue)).count();
            if rows != 100 || expanded != 100 {
                bail!("a page of {rows} rows by hand, {expanded} from the product");
            }
        } else {
            by_hand.push(taken);
            by_product.push(answered);
        }
        if reply.status != 200 {
            bail!("{} {}", reply.status, reply.text());
        }
        first = false;
    }
    if by_hand.is_empty() {
        bail!("the page takes longer than the time of a round");
    }
    Ok((percentile(&mut by_hand, 0.5), percentile(&mut by_product, 0.5)))
}
