//! Whether claims mind what is kept: claim and complete beside a history of 29 days, and without any, in turns.

use crate::benches::claim::{alone, enough};
use crate::context::Context;
use crate::measure::{Line, median, rate};
use crate::prefill::Fill;
use crate::stage::Stage;
use anyhow::Result;
use std::collections::HashSet;

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let waiting = enough(context);
    for &database in &context.databases {
        let empty = Stage::prefilled(context, database, waiting).await?;
        let fill = Fill { history: context.history, ..Fill::waiting(waiting) };
        let full = Stage::filled(context, database, fill).await?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        let (mut seen, mut seen_full) = (HashSet::new(), HashSet::new());
        for _ in 0..context.rounds {
            without.push(alone(context, &empty, &mut seen).await?);
            with.push(alone(context, &full, &mut seen_full).await?);
        }
        empty.discard(context).await?;
        full.discard(context).await?;
        let ratios: Vec<f64> = with.iter().zip(&without).map(|(w, o)| w / o).collect();
        let ratio = median(&ratios);
        lines.push(Line {
            what: format!("claim and complete beside {} rows of history and as many events", context.history),
            database: database.name().into(),
            yardstick: format!("{} without", rate(median(&without), "pairs")),
            product: rate(median(&with), "pairs"),
            ratio: format!("{ratio:.2}"),
            goal: "≥ 0.9 × without".into(),
            reached: Some(ratio >= 0.9),
        });
    }
    Ok(lines)
}
