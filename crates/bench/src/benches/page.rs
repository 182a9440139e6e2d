//! A filtered, ordered, expanded page of 100 queue items, against the same SQL by hand; over the large queue and over one
//! of 100 thousand.

use crate::context::Context;
use crate::http::escape;
use crate::measure::{Line, ms, percentile};
use crate::stage::Stage;
use crate::yardsticks::hand::Hand;
use crate::yardsticks::page::{Order, statement};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The queue that the large one is compared with.
pub const SMALL: u64 = 100_000;
/// Goal of a page.
const LONGEST: Duration = Duration::from_millis(10);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Ask {
    order: Order,
    /// Further options of the product's request.
    options: &'static str,
}

/// As a client asks that does not mind whether it is told the total.
const PLAIN: Ask = Ask { order: Order::Id, options: "" };
/// As a client asks that does not want the total.
const UNCOUNTED: Ask = Ask { order: Order::Id, options: "&$count=false" };
const BY_TIME: Ask = Ask { order: Order::Created, options: "&$count=false" };

/// Medians of the product over the small queue: (plain, uncounted).
pub type Small = (Duration, Duration);

/// Both sizes on the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        let few = Stage::prefilled(context, database, SMALL).await?;
        let small = small(context, &few).await?;
        few.discard(context).await?;
        let stage = Stage::prefilled(context, database, context.items).await?;
        lines.extend(on(context, &stage, small).await?);
        stage.discard(context).await?;
    }
    Ok(lines)
}

/// The pages over a stage that is there already, against what the small one took.
pub async fn on(context: &Context, stage: &Stage, small: Small) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let cases = [
        ("page of 100, filter, order, expand", PLAIN, Some(small.0)),
        ("the same, `$count=false`", UNCOUNTED, Some(small.1)),
        ("the same, `$count=false`, ordered by CreationTime", BY_TIME, None),
    ];
    for (what, ask, small) in cases {
        let (hand, product) = times(context, stage, ask).await?;
        let ratio = quotient(product, hand);
        let growth = small.map(|small| quotient(product, small));
        let told = small.map_or_else(String::new, |small| format!(" ({} over {SMALL})", ms(small)));
        lines.push(Line {
            what: format!("{what}, over {} items", stage.items),
            database: stage.database.name().into(),
            yardstick: ms(hand),
            product: format!("{}{told}", ms(product)),
            ratio: growth.map_or_else(|| format!("{ratio:.1}"), |g| format!("{ratio:.1}; {g:.2} of the small")),
            goal: "≤ 5 × SQL by hand, ≤ 10 ms, ≤ 1.5 × the small".into(),
            reached: Some(ratio <= 5.0 && product <= LONGEST && growth.is_none_or(|g| g <= 1.5)),
        });
    }
    Ok(lines)
}

/// The medians over a queue of 100 thousand.
pub async fn small(context: &Context, stage: &Stage) -> Result<Small> {
    Ok((times(context, stage, PLAIN).await?.1, times(context, stage, UNCOUNTED).await?.1))
}

/// How many times as long.
pub fn quotient(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(1e-9)
}

/// Medians of (by hand, product) for a page.
async fn times(context: &Context, stage: &Stage, ask: Ask) -> Result<(Duration, Duration)> {
    let filter = format!("QueueDefinitionId eq {} and Status eq 'New' and Priority eq 'High'", stage.queue);
    let path = format!(
        "/odata/QueueItems?$filter={}&$orderby={}&$expand=QueueDefinition&$top=100{}",
        escape(&filter),
        escape(ask.order.odata()),
        ask.options
    );
    beside(context, stage, &statement(stage.queue, ask.order), &path, |rows, answer| {
        let shown = answer["value"].as_array().context("no list")?;
        let expanded = shown.iter().filter(|i| i["QueueDefinition"]["Id"].as_i64() == Some(stage.queue)).count();
        if rows != 100 || expanded != 100 {
            bail!("a page of {rows} rows by hand, {expanded} from the product");
        }
        Ok(())
    })
    .await
}

/// Runs a statement by hand and asks the product, in turns, for the time of a round; the medians of (by hand, product). The
/// first answer is checked, with the number of rows there were by hand, and not counted.
pub async fn beside(
    context: &Context,
    stage: &Stage,
    sql: &str,
    path: &str,
    check: impl Fn(usize, &Value) -> Result<()>,
) -> Result<(Duration, Duration)> {
    let hand = Hand::open(stage.product.settings(), sql).await?;
    let mut client = stage.api.client.clone();
    let (mut by_hand, mut by_product) = (Vec::new(), Vec::new());
    let ends = Instant::now() + Duration::from_secs(context.seconds);
    let mut checked = false;
    while by_product.is_empty() || Instant::now() < ends {
        let (rows, taken) = hand.read().await?;
        let begun = Instant::now();
        let reply = client.get(path).await?;
        let answered = begun.elapsed();
        if reply.status != 200 {
            bail!("{path}: {} {}", reply.status, reply.text());
        }
        if checked {
            by_hand.push(taken);
            by_product.push(answered);
        } else {
            check(rows, &reply.json()).with_context(|| path.to_owned())?;
            checked = true;
        }
    }
    Ok((percentile(&mut by_hand, 0.5), percentile(&mut by_product, 0.5)))
}
