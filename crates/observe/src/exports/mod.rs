//! Exports: a list of jobs, log lines, queue items or audit entries, written as CSV in the background for the one who
//! asked, kept for 168 hours and then removed for good.
//!
//! A request is written down with everything that decides what comes out: the kind, the query options, the folders that
//! the caller saw, the moment that `now()` means. `duty` carries it out later, on any node and as often as needed, and
//! sees no more than the caller saw. `source` tells what can be exported, `plan` what of it, `pages` how it is read,
//! `core::csv` how it is written. Files and their signed addresses are the resources crate's. The older `Reports` give the
//! same at once.

mod duty;
mod entity;
mod operations;
pub mod pages;
pub mod plan;
pub mod record;
mod reports;
pub mod source;

pub use duty::ExportRuns;
pub use entity::EXPORT;
pub use operations::request;
pub use reports::report;
pub use source::Source;

use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::Result;
use bandmaster_core::clock::HOUR;
use bandmaster_core::time::Micros;

/// Topic: an export waits.
pub const TOPIC: &str = "exports";

/// How long an export is kept, from its request on.
pub const KEPT_FOR: Micros = 168 * HOUR;

/// Registers the operations of the tag Exports, and those of other tags that ask for an export.
pub fn register(r: &mut Registry) {
    r.entity(&EXPORT);
    r.types("type ODataValueOfIEnumerableOfExportModel\n  value [ExportModel]\n");
    let list = own("Exports_Get", "GET", "/odata/Exports")
        .options("$filter $select $orderby $top $skip $count")
        .returns(200, "ODataValueOfIEnumerableOfExportModel");
    r.add(list, operations::list);
    r.serve("Exports_GetById", operations::one).also(&[404]);
    r.serve("Exports_GetDownloadLinkById", operations::link).also(&[404, 409]);
    let content = own("Exports_ReadContent", "GET", "/blob/exports/{id}")
        .tag("Exports")
        .anonymous()
        .path("id", "uuid")
        .query("expires", "int64!")
        .query("signature", "string!")
        .returns(200, "file");
    r.add(content, operations::content).also(&[403, 404]);
    r.serve("RobotLogs_Export", logs).also(&[409]);
    r.serve("Jobs_Export", jobs).also(&[409]);
    r.serve("QueueDefinitions_ExportById", operations::items_of_queue).also(&[404, 409]);
    r.serve("AuditLogs_Export", operations::audit).also(&[409]);
    r.serve("RobotLogs_Reports", reports::logs);
    r.serve("QueueDefinitions_ReportsById", reports::items_of_queue).also(&[404]);
    r.serve("AuditLogs_Reports", reports::audit);
}

async fn logs(call: &mut Call) -> Result<Output> {
    request(call, &source::LOGS, None).await
}

async fn jobs(call: &mut Call) -> Result<Output> {
    request(call, &source::JOBS, None).await
}
