//! What a deleted tenant leaves behind of queues.

use crate::contents::QueueContents;
use bandmaster_access::parts::{Leaving, Removed, TenantContents, remove_rows};
use bandmaster_access::rows_of_tenant;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::{Value, params};
use futures::future::BoxFuture;

/// What is left once the items are gone. Queues take their links to folders with them.
const ROWS: &[&str] = &[
    rows_of_tenant!("queue_item_actions"),
    rows_of_tenant!("queue_item_comments"),
    "DELETE FROM queue_figures WHERE (queue_id, grain, begins_at) IN (SELECT f.queue_id, f.grain, f.begins_at \
     FROM queue_definitions q CROSS JOIN queue_figures f WHERE q.tenant_id = $1 AND f.queue_id = q.id LIMIT $2)",
    rows_of_tenant!("queue_definitions"),
];

impl TenantContents for QueueContents {
    fn name(&self) -> &'static str {
        "queues"
    }

    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>> {
        Box::pin(async move {
            let items = unit
                .query(
                    "DELETE FROM queue_items WHERE id IN (SELECT id FROM queue_items WHERE tenant_id = $1 \
                     ORDER BY id LIMIT $2) RETURNING id",
                    params![leaving.tenant_id, leaving.most],
                )
                .await?;
            if items.is_empty() {
                return remove_rows(unit, leaving, ROWS).await;
            }
            // The history is found by its items only. They go first: whoever changes one at this moment has its row, so
            // that his entry of the history is there now.
            let ids: Vec<Vec<Value>> =
                items.iter().map(|r| Ok(params![r.get::<i64>(0)?].to_vec())).collect::<Result<_>>()?;
            unit.execute_many("DELETE FROM queue_item_events WHERE item_id = $1", &ids).await?;
            Ok(Removed::found(ids.len() as u64))
        })
    }
}
