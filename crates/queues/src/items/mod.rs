//! Queue items: adding them and reading them. Their processing is in `transactions`.

pub mod add;
mod bulk;
pub(crate) mod chain;
pub mod content;
pub(crate) mod delete;
pub(crate) mod edit;
mod entity;
mod record;
pub(crate) mod review;
mod reviewers;
pub(crate) mod row;
mod show;

pub use entity::{EXCEPTION_TYPE, ITEM, PRIORITY, REVIEW, STATUS};
pub(crate) use record::{Lineage, NewItem, insert, row_version};
pub(crate) use show::answer;
pub use show::open;

use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&ITEM);
    r.serve("QueueItems_Get", show::list);
    r.serve("QueueItems_GetById", one).also(&[404]);
    r.serve("QueueItems_PutById", edit::put).events(&["queueItem.updated"]);
    r.serve("QueueItems_DeleteById", delete::one).also(&[404, 409]).events(&["queueItem.deleted"]);
    r.serve("QueueItems_DeleteBulk", delete::many).events(&["queueItem.deleted"]);
    r.serve("QueueItems_SetItemReviewStatus", review::status).events(&[
        "queueItem.reviewStatusChanged",
        "queueItem.retried",
        "queueItem.added",
    ]);
    r.serve("QueueItems_SetItemReviewer", review::reviewer).events(&["queueItem.reviewStatusChanged"]);
    r.serve("QueueItems_UnsetItemReviewer", review::no_reviewer).events(&["queueItem.reviewStatusChanged"]);
    r.serve("QueueItems_GetReviewers", reviewers::list);
    r.serve("QueueItems_GetItemProcessingHistoryById", chain::history).also(&[404]);
    r.serve("QueueItems_GetItemLastRetryById", chain::last);
    r.serve("QueueItems_GetItemLastRetryByKey", chain::last_by_key);
    r.serve("Queues_AddQueueItem", add::one).evented().also(&[404, 409]).events(&["queueItem.added"]);
    r.serve("Queues_BulkAddQueueItems", add::many).evented().also(&[404]).events(&["queueItem.added"]);
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    show::one(call, id).await
}
