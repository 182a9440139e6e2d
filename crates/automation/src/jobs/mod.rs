//! Jobs: starting, stopping, reading them.
//!
//! `state` is the table of states, `change` carries a change out, `timers` tells what is due when. `order` and
//! `start` make jobs, `restart` makes one again, `stop` ends them. `entity` describes them for queries, `row`
//! reads them for the program, `events` writes what others are told. `read`, `launch`, `halt`, `verdicts`,
//! `attachments` serve the operations.

pub mod arguments;
pub mod attachments;
pub mod change;
pub mod entity;
pub mod enums;
pub mod events;
mod halt;
mod launch;
pub mod order;
pub mod priority;
mod read;
mod restart;
pub mod row;
pub mod start;
pub mod state;
pub mod stop;
pub mod timers;
mod verdicts;

pub use entity::JOB;
pub use order::{Count, StartOrder};
pub use row::Job;
pub use start::{Started, Where};
pub use state::State;

use bandmaster_api::registry::OwnOperation;
use bandmaster_api::{Registry, own};
use bandmaster_model::FolderRule;

/// Descriptions of answers that the contract lacks.
const TYPES: &str = "\
type JobPendingReasonsDto
  Errors [string]
  ErrorCodes [string]
  State string
type JobHistoryEntryDto
  State string
  CreationTime datetime
  Reason string
type ODataValueOfIEnumerableOfJobHistoryEntryDto
  value [JobHistoryEntryDto]
type JobInfoDto
  id int64
  key uuid
  state string
  startTime datetime
  endTime datetime
  creationTime datetime
  hostMachineName string
  organizationUnitId int64
  startingTriggerId uuid
  outputArguments string
  info string
  parentOperationId string
  runtimeErrorCode string
  targetFramework string
  processName string
  processVersion string
  folderFullyQualifiedName string
  folderPath string
  folderKey uuid
  creatorUserKey uuid
";

fn reading(id: &str, path: &str) -> OwnOperation {
    own(id, "GET", path).scopes("OR.Jobs,OR.Jobs.Read").permission("Jobs.View")
}

/// Registers the operations of the tags Jobs and JobAttachments.
pub fn register(r: &mut Registry) {
    r.entity(&JOB);
    r.types(TYPES);
    r.serve("Jobs_Get", read::list).also(&[400]);
    r.serve("Jobs_GetById", read::get).also(&[404]);
    r.add(
        reading("Jobs_GetByKey", "/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
            .folder(FolderRule::Optional)
            .path("identifier", "uuid")
            .options("$expand $select")
            .returns(200, "JobDto"),
        read::by_key,
    )
    .also(&[404]);
    r.add(
        reading("Jobs_GetJobInfo", "/api/Jobs/GetJobInfo")
            .folder(FolderRule::Optional)
            .query("jobKey", "uuid!")
            .returns(200, "JobInfoDto"),
        read::info,
    )
    .also(&[404]);
    r.add(
        reading("Jobs_GetHistory", "/odata/Jobs({key})/UiPath.Server.Configuration.OData.GetHistory")
            .folder(FolderRule::Required)
            .path("key", "int64")
            .options("$filter $orderby $top $skip $count")
            .returns(200, "ODataValueOfIEnumerableOfJobHistoryEntryDto"),
        read::history,
    )
    .also(&[404]);
    r.serve("Jobs_StartJobs", launch::start).events(&["job.created"]).also(&[400, 404, 409]);
    r.serve("Jobs_RestartJob", restart::restart).events(&["job.created"]).also(&[404, 409]);
    r.serve("Jobs_ValidateDynamicJob", verdicts::dynamic).reads().also(&[400, 404]);
    r.serve("Jobs_ValidateExistingJobById", verdicts::existing).reads().also(&[404]);
    r.add(
        reading("Jobs_GetPendingReasons", "/odata/Jobs({key})/UiPath.Server.Configuration.OData.GetPendingReasons")
            .folder(FolderRule::Required)
            .path("key", "int64")
            .returns(200, "JobPendingReasonsDto"),
        verdicts::pending,
    )
    .also(&[404]);
    r.serve("Jobs_StopJobById", halt::one).events(&["job.stopped"]).also(&[404, 409]);
    r.serve("Jobs_StopJobs", halt::many).events(&["job.stopped"]).also(&[404]);
    attachments::register(r);
}
