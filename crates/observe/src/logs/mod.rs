//! Robot logs: taken in from robots, listed, counted.

mod contents;
mod entity;
mod ingest;
mod line;

pub use contents::LogContents;
pub use entity::LOG;

use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;
use bandmaster_odata::Query;
use bandmaster_store::Conn;
use futures::future::BoxFuture;
use std::collections::HashMap;

/// Where a job runs, as far as its log lines need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// Folder of the job.
    pub folder_id: i64,
    /// Machine it runs on.
    pub machine_id: Option<i64>,
    /// Host it runs on.
    pub host_name: Option<String>,
    /// Robot that runs it.
    pub robot_name: Option<String>,
    /// Process it is an execution of.
    pub process_name: Option<String>,
}

/// Asked for the places of jobs by their keys; a part of the app (`Box<dyn JobPlaces>`), implemented by automation.
pub trait JobPlaces: Send + Sync + 'static {
    /// The places of those jobs of the tenant that exist.
    fn places<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<HashMap<String, JobPlace>>>;
}

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&LOG);
    r.serve("Logs_SubmitLogs", ingest::submit).telemetry().checks_itself();
    r.serve("Logs_Post", ingest::submit_one).telemetry().checks_itself();
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
        && let Some(scalar) = bandmaster_odata::Scalar::property(&LOG, "TimeStamp")
    {
        query.order.push(bandmaster_odata::OrderTerm {
            scalar,
            class: bandmaster_odata::Class::Integer,
            descending: true,
        });
    }
}
