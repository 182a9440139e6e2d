//! How many items of a queue have which state: a row for each in `queue_totals`, brought up to date with the other
//! figures, and what the history says beyond that. Lists take their totals from here (`TOTALS`) as long as a filter asks for
//! nothing else; nobody counts ten million items, and no claim waits for a counter.

use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_odata::sql::Counter;
use bandmaster_store::{Value, params};
use std::collections::BTreeMap;

/// Counters of queue items. One statement reads what is counted and what is not yet, so that nothing is missed or told
/// twice in between.
pub static TOTALS: Counter = Counter {
    table: "(SELECT tenant_id, queue_id, status, items FROM queue_totals \
             UNION ALL SELECT tenant_id, queue_id, status, 1 FROM queue_item_events WHERE counted = 0 \
             UNION ALL SELECT tenant_id, queue_id, was, -1 FROM queue_item_events WHERE counted = 0 AND was IS NOT NULL)",
    items: "items",
    properties: &[
        "QueueDefinitionId",
        "Status",
        "QueueDefinitionName",
        "OrganizationUnitId",
        "OrganizationUnitFullyQualifiedName",
    ],
    navigations: &["QueueDefinition"],
};

/// What the numbers of items change by, by queue and state.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<(i64, i64), i64>);

impl Changes {
    /// Items went from a state (none: they are new) to another (none: they are gone).
    pub fn add(&mut self, queue: i64, was: Option<i64>, status: Option<i64>) {
        for (state, step) in [(was, -1), (status, 1)] {
            if let Some(state) = state {
                *self.0.entry((queue, state)).or_default() += step;
            }
        }
    }

    /// Writes them down, always in the same order, so that two who do so at once wait for each other and not in a ring.
    pub async fn store(self, unit: &mut Unit) -> Result<()> {
        let rows: Vec<Vec<Value>> = self
            .0
            .into_iter()
            .filter(|(_, items)| *items != 0)
            .map(|((queue, status), items)| params![queue, status, items].to_vec())
            .collect();
        if !rows.is_empty() {
            unit.execute_many(ADD, &rows).await?;
        }
        Ok(())
    }
}

/// A queue that was deleted meanwhile takes none.
const ADD: &str = "INSERT INTO queue_totals (tenant_id, queue_id, status, items) \
     SELECT q.tenant_id, q.id, $2, $3 FROM queue_definitions q WHERE q.id = $1 \
     ON CONFLICT (queue_id, status) DO UPDATE SET items = queue_totals.items + excluded.items";

/// Items were deleted: they, and what the history still had to tell of them, go out of the totals. `gone`: id and state. The
/// caller has deleted the items in this unit, so that nobody can add to their history any more.
pub async fn remove(unit: &mut Unit, queue: i64, gone: &[(i64, i64)]) -> Result<()> {
    let mut changes = Changes::default();
    for (_, status) in gone {
        changes.add(queue, Some(*status), None);
    }
    for part in gone.chunks(500) {
        let ids: Vec<String> = part.iter().map(|(id, _)| id.to_string()).collect();
        let sql = format!(
            "DELETE FROM queue_item_events WHERE item_id IN ({}) RETURNING counted, was, status",
            ids.join(", ")
        );
        for row in unit.query_dynamic(&sql, &[]).await? {
            if !row.get::<bool>(0)? {
                changes.add(queue, row.get(1)?, Some(row.get(2)?));
            }
        }
    }
    changes.store(unit).await
}
