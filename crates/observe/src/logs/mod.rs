//! Robot logs: taken in from robots, listed, counted, and removed when they are old.

mod ageing;
mod contents;
mod entity;
mod ingest;
mod line;

pub use ageing::LogAgeing;
pub use contents::LogContents;
pub use entity::LOG;

use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;
use bandmaster_model::FolderRule;
use bandmaster_odata::{Class, OrderTerm, Query, Scalar};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&LOG);
    // A line whose job nobody knows goes to the folder of the header, if there is one.
    r.serve("Logs_SubmitLogs", ingest::submit).telemetry().checks_itself().folder(FolderRule::Optional);
    r.serve("Logs_Post", ingest::submit_one).telemetry().checks_itself().folder(FolderRule::Optional);
    r.serve("RobotLogs_Get", list);
    r.serve("RobotLogs_GetTotalCount", total);
}

async fn list(call: &mut Call) -> Result<Output> {
    let mut query = call.bound_query(&LOG)?;
    newest_first(&mut query);
    call.list_query(query, &call.visible()).await
}

async fn total(call: &mut Call) -> Result<Output> {
    let mut query = call.bound_query(&LOG)?;
    query.top = Some(0);
    query.skip = 0;
    query.count = Some(true);
    let (_, total) = call.rows(query, &call.visible()).await?;
    Ok(Output::scalar("Edm.Int64", total.unwrap_or(0)))
}

/// Without an order of its own a list of lines begins with the newest.
fn newest_first(query: &mut Query) {
    if query.order.is_empty()
        && let Some(scalar) = Scalar::property(&LOG, "TimeStamp")
    {
        query.order.push(OrderTerm { scalar, class: Class::Integer, descending: true });
    }
}
