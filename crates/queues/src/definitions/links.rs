//! Links of queues to folders.

use super::entity::QUEUE;
use bandmaster_access::links::{self, Links};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

static QUEUES: Links = Links {
    entity: &QUEUE,
    what: "Queue",
    resource: "Queues",
    ids: "QueueIds",
    table: "queue_definitions",
    links: "queue_folders",
    item: "queue_id",
    unique: "queue_folders_name",
    elsewhere: "NOT EXISTS (SELECT 1 FROM queue_folders x WHERE x.queue_id = {t}.id AND x.folder_id = ?)",
};

/// Adds and removes links.
pub async fn share(call: &mut Call) -> Result<Output> {
    links::share(call, &QUEUES).await
}

/// The folders of a queue.
pub async fn folders(call: &mut Call) -> Result<Output> {
    links::folders(call, &QUEUES).await
}

/// Queues of all folders but one.
pub async fn across(call: &mut Call) -> Result<Output> {
    links::across(call, &QUEUES).await
}
