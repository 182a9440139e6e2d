//! Queue items: adding them and reading them. Their processing is in `transactions`.

pub mod add;
pub mod content;
mod entity;
mod record;
mod show;

pub use entity::{EXCEPTION_TYPE, ITEM, PRIORITY, STATUS};
pub(crate) use record::{Attempt, NewItem, insert, row_version};
pub(crate) use show::answer;

use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&ITEM);
    r.serve("QueueItems_Get", show::list);
    r.serve("QueueItems_GetById", one).also(&[404]);
    r.serve("Queues_AddQueueItem", add::one).evented().also(&[404, 409]).events(&["queueItem.added"]);
    r.serve("Queues_BulkAddQueueItems", add::many).evented().also(&[404]).events(&["queueItem.added"]);
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    show::one(call, id).await
}
