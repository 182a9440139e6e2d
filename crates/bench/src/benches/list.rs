//! What people and robots ask of a large queue besides pages: exact totals, an item by its reference, a deep page, the
//! figures of the queue. Each against the same SQL by hand; the figures against those of a small queue.

use crate::benches::page::{SMALL, beside, quotient};
use crate::context::Context;
use crate::http::escape;
use crate::measure::{Line, ms};
use crate::stage::Stage;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::time::Duration;

/// Goal of what an index answers.
const LONGEST: Duration = Duration::from_millis(10);
/// Where the figures of all queues are.
const FIGURES: &str = "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";

/// The small and the large queue on the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &database in &context.databases {
        let few = Stage::prefilled(context, database, SMALL).await?;
        let small = figures(context, &few).await?;
        few.discard(context).await?;
        let stage = Stage::prefilled(context, database, context.items).await?;
        lines.extend(on(context, &stage, small).await?);
        stage.discard(context).await?;
    }
    Ok(lines)
}

/// A question, and what is right.
struct Case {
    what: &'static str,
    /// Behind `SELECT`, by hand.
    sql: String,
    filter: String,
    options: String,
    /// Rows by hand and in the answer.
    rows: usize,
    /// The total in the answer, where one is asked for.
    total: Option<u64>,
    /// Whether it is to take 10 ms at most, since an index leads to it.
    quick: bool,
}

fn cases(stage: &Stage) -> Vec<Case> {
    let (queue, items) = (stage.queue, stage.items);
    let rows = "i.*, q.* FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_id";
    // A sign before it, so that no planner takes the index of the tenant, who has nothing but this queue.
    let here = format!("+i.tenant_id = 1 AND i.queue_id = {queue}");
    let referred = format!("{here} AND i.reference IS NOT NULL AND fold(i.reference)");
    let asked = format!("QueueDefinitionId eq {queue}");
    let page = |top: u64| format!("&$expand=QueueDefinition&$orderby=Id&$top={top}&$count=false");
    let (middle, high) = (items / 2, items.div_ceil(10));
    // The prefix leaves out the last digit, so that there are ten.
    let (stem, ten) = (middle / 10, if items >= 20 { 10 } else { 0 });
    vec![
        Case {
            what: "exact total of the waiting items",
            sql: format!("count(*) FROM queue_items i WHERE {here} AND i.status = 0"),
            filter: format!("{asked} and Status eq 'New'"),
            options: "&$top=1&$count=true".into(),
            rows: 1,
            total: Some(items),
            quick: false,
        },
        Case {
            what: "exact total of those with priority High",
            sql: format!("count(*) FROM queue_items i WHERE {here} AND i.status = 0 AND i.priority = 0"),
            filter: format!("{asked} and Status eq 'New' and Priority eq 'High'"),
            options: "&$top=1&$count=true".into(),
            rows: 1,
            total: Some(high),
            quick: false,
        },
        Case {
            what: "item by its reference",
            sql: format!("{rows} WHERE {referred} = fold('R-{middle:08}') ORDER BY i.id LIMIT 100"),
            filter: format!("{asked} and Reference eq 'R-{middle:08}'"),
            options: page(100),
            rows: 1,
            total: None,
            quick: true,
        },
        Case {
            what: "ten items by the beginning of their reference",
            sql: format!(
                "{rows} WHERE {referred} >= fold('R-{stem:07}') AND \
                 fold(i.reference) < fold('R-{:07}') ORDER BY i.id LIMIT 100",
                stem + 1
            ),
            filter: format!("{asked} and startswith(Reference,'R-{stem:07}')"),
            options: page(100),
            rows: ten,
            total: None,
            quick: true,
        },
        Case {
            what: "page of 100 behind half of the items",
            sql: format!(
                "i.*, q.* FROM (SELECT i.id FROM queue_items i WHERE {here} AND i.status = 0 ORDER BY i.id LIMIT 100 \
                 OFFSET {middle}) AS p JOIN queue_items i ON i.id = p.id JOIN queue_definitions q ON q.id = i.queue_id ORDER BY i.id"
            ),
            filter: format!("{asked} and Status eq 'New'"),
            options: format!("{}&$skip={middle}", page(100)),
            rows: 100,
            total: None,
            quick: false,
        },
    ]
}

/// Everything over a stage that is there already and still full; `small`: what the figures of the small queue took.
pub async fn on(context: &Context, stage: &Stage, small: Duration) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for case in cases(stage) {
        let path = format!("/odata/QueueItems?$filter={}{}", escape(&case.filter), case.options);
        let sql = format!("SELECT {}", case.sql);
        let check = |rows, answer: &Value| case.check(rows, answer);
        let (hand, product) = beside(context, stage, &sql, &path, check).await?;
        let ratio = quotient(product, hand);
        lines.push(Line {
            what: format!("{}, of {}", case.what, stage.items),
            database: stage.database.name().into(),
            yardstick: ms(hand),
            product: ms(product),
            ratio: format!("{ratio:.1}"),
            goal: if case.quick { "≤ 5 × SQL by hand, ≤ 10 ms" } else { "≤ 5 × SQL by hand" }.into(),
            reached: Some(ratio <= 5.0 && (!case.quick || product <= LONGEST)),
        });
    }
    let product = figures(context, stage).await?;
    let growth = quotient(product, small);
    lines.push(Line {
        what: format!("figures of a queue of {}", stage.items),
        database: stage.database.name().into(),
        yardstick: format!("{} with {SMALL} items", ms(small)),
        product: ms(product),
        ratio: format!("{growth:.2}"),
        goal: "≤ 1.5 × the small".into(),
        reached: Some(growth <= 1.5),
    });
    Ok(lines)
}

impl Case {
    fn check(&self, rows: usize, answer: &Value) -> Result<()> {
        let shown = answer["value"].as_array().context("no list")?.len();
        if rows != self.rows || shown != self.rows {
            bail!("{rows} rows by hand, {shown} from the product, {} there are", self.rows);
        }
        let told = answer["@odata.count"].as_u64();
        if self.total.is_some() && told != self.total {
            bail!("a total of {told:?} instead of {:?}", self.total);
        }
        Ok(())
    }
}

/// The median of the figures of all queues, of which there is one.
pub async fn figures(context: &Context, stage: &Stage) -> Result<Duration> {
    let check = |_, answer: &Value| {
        let told = answer["value"][0]["ItemsToProcess"].as_u64();
        if told != Some(stage.items) {
            bail!("{told:?} items to process instead of {}", stage.items);
        }
        Ok(())
    };
    Ok(beside(context, stage, "SELECT 1", FIGURES, check).await?.1)
}
