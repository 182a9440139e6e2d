//! Actions on all items that a filter selects in a folder: retry, requeue, set the priority, delete.
//!
//! A request is checked, counted and written down; `duty` carries it out in the background, item by item, with what the
//! single operations do to an item, and counts what it did. `rule` says which items an action changes, `selection` which
//! are meant, `task` keeps the progress. Only items that were there when the action was asked for are touched; attempts
//! that it makes are not.

mod duty;
mod entity;
mod operations;
mod rule;
mod selection;
mod task;

pub use duty::{AT_ONCE, Actions};
pub use entity::ITEM_ACTION;

use bandmaster_api::{Registry, own};
use bandmaster_model::FolderRule;

/// Topic: an action waits.
pub const TOPIC: &str = "queue-actions";

/// What the operations take and answer.
const TYPES: &str = "\
type QueueItemActionRequest
  Action enum(Retry|Delete|SetPriority|Requeue) !
  Filter string len=0..8000
  Priority enum(High|Normal|Low)
  QueueDefinitionId int64
type QueueItemActionReasonDto
  Count int64
  Reason string
type QueueItemActionFailureDto
  Id int64
  Message string
type QueueItemActionPreviewDto
  Action enum(Retry|Delete|SetPriority|Requeue)
  Changed int64
  Skipped int64
  SkippedReasons [QueueItemActionReasonDto]
  Total int64
type QueueItemActionDto
  Action enum(Retry|Delete|SetPriority|Requeue)
  CreationTime datetime
  Done int64
  EndTime datetime
  Failed int64
  Failures [QueueItemActionFailureDto]
  Filter string
  Id int64
  Message string
  OrganizationUnitId int64
  Priority enum(High|Normal|Low)
  QueueDefinitionId int64
  Skipped int64
  SkippedReasons [QueueItemActionReasonDto]
  StartTime datetime
  State enum(New|InProgress|Completed|Cancelled|Failed)
  Total int64
  UserId int64
  UserName string
type ODataValueOfIEnumerableOfQueueItemActionDto
  value [QueueItemActionDto]
";

/// Registers the operations. What an action needs beyond seeing the items is checked when its body is known.
pub fn register(r: &mut Registry) {
    const SEES: &str = "Queues.View&Transactions.View";
    const SET: &str = "/odata/QueueItemActions";
    r.entity(&ITEM_ACTION);
    r.types(TYPES);
    let list = own("QueueItemActions_Get", "GET", SET)
        .scopes("OR.Queues,OR.Queues.Read")
        .permission(SEES)
        .folder(FolderRule::Required)
        .options("$filter $select $orderby $top $skip $count")
        .returns(200, "ODataValueOfIEnumerableOfQueueItemActionDto");
    r.add(list, operations::list);
    let one = own("QueueItemActions_GetById", "GET", &format!("{SET}({{key}})"))
        .scopes("OR.Queues,OR.Queues.Read")
        .permission(SEES)
        .folder(FolderRule::Required)
        .path("key", "int64")
        .options("$select")
        .returns(200, "QueueItemActionDto");
    r.add(one, operations::one).also(&[404]);
    let start = own("QueueItemActions_Post", "POST", SET)
        .scopes("OR.Queues,OR.Queues.Write")
        .permission(SEES)
        .folder(FolderRule::Required)
        .body("QueueItemActionRequest")
        .returns(201, "QueueItemActionDto");
    r.add(start, operations::start).also(&[404, 409]).events(&[
        "queueItem.retried",
        "queueItem.added",
        "queueItem.updated",
        "queueItem.deleted",
    ]);
    let preview = own("QueueItemActions_DryRun", "POST", &format!("{SET}/UiPathODataSvc.DryRun"))
        .scopes("OR.Queues,OR.Queues.Read")
        .permission(SEES)
        .folder(FolderRule::Required)
        .body("QueueItemActionRequest")
        .returns(200, "QueueItemActionPreviewDto");
    r.add(preview, operations::preview).reads().also(&[404]);
    let cancel = own("QueueItemActions_CancelById", "POST", &format!("{SET}({{key}})/UiPathODataSvc.Cancel"))
        .scopes("OR.Queues,OR.Queues.Write")
        .permission(SEES)
        .folder(FolderRule::Required)
        .path("key", "int64")
        .returns(200, "QueueItemActionDto");
    r.add(cancel, operations::cancel).also(&[404, 409]);
}
