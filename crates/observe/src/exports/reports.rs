//! The older way to get a list as CSV: at once, in the answer. Nothing of it is kept.

use super::operations::{audit_named, queue};
use super::plan::Plan;
use super::{Source, source};
use axum::body::Body;
use bandmaster_api::query::visibility;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

/// Most characters of a file name's subject.
const SUBJECT: usize = 100;

/// Answers what an export of the same source would hold, as a stream.
///
/// # Errors
/// 400 for options that do not fit the type. Later failures break the answer off.
pub async fn report(call: &mut Call, source: &'static Source, parent: Option<i64>) -> Result<Output> {
    let own: Vec<&str> = call.operation.facts.params.iter().map(|p| p.name.as_str()).collect();
    let sees = visibility(call.tenant()?.organization_id, call.tenant_id()?, &call.visible());
    let plan = Plan::new(source, call.query_pairs(), &own, sees, parent, call.now())?;
    let subject: String = call
        .query("fileNameSubject")
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .take(SUBJECT)
        .collect();
    let name = if subject.is_empty() { source.label.to_owned() } else { format!("{}_{subject}", source.label) };
    let body = Body::from_stream(plan.stream(call.app.clone()));
    Ok(Output::stream("text/csv; charset=utf-8", Some(&format!("{name}.csv")), body, None))
}

/// Lines of robots.
pub async fn logs(call: &mut Call) -> Result<Output> {
    report(call, &source::LOGS, None).await
}

/// The items of a queue. The published service gave a workbook; a CSV file opens in the same programs.
pub async fn items_of_queue(call: &mut Call) -> Result<Output> {
    let id = queue(call).await?;
    report(call, &source::ITEMS, Some(id)).await
}

/// Audit entries.
pub async fn audit(call: &mut Call) -> Result<Output> {
    let source = audit_named(call)?;
    report(call, source, None).await
}
