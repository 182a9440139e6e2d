//! StartTransaction: the next item of a queue, or a new one, in progress. Two callers never get the same item.
//!
//! Order of processing: items with a deadline before those without; then priority; then the earlier deadline; then
//! the order of arrival. Deferred items are out of it until their time has come.

use super::claim;
use super::filter::Choice;
use super::wait;
use crate::definitions::{Definition, ForClaim, for_claim};
use crate::history::{Action, Step, actor, record};
use crate::items::{ITEM, NewItem, add, answer, insert, row, row_version};
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::text::{Within, like};
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_store::{Dialect, fold, params};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Kind of the event.
const STARTED: &str = "queueItem.transactionStarted";

/// Which references are wanted.
pub(super) enum Wanted {
    Any,
    Equal(String),
    Prefix(String),
}

/// StartTransaction.
pub async fn start(call: &mut Call) -> Result<Output> {
    let Some(fields) = call.body().fields("transactionData") else {
        return Err(Error::unbound("transactionData"));
    };
    let name = fields.need_text("Name")?.to_owned();
    let robot_key = fields.filled("RobotIdentifier").and_then(parse_guid);
    let reference = fields.filled("Reference").map(str::to_owned);
    let prefix =
        matches!(fields.get("ReferenceFilterOption").map(|v| v.as_str().unwrap_or("1")), Some("StartsWith" | "1"));
    let new = match fields.get("SpecificContent") {
        Some(_) => Some(NewItem {
            status: 1,
            // A deferral makes no sense for an item that is begun at once.
            defer_at: None,
            executor_job_key: call.principal.job_key.clone(),
            ..add::read(fields, call.principal.job_key.as_ref())?
        }),
        None => None,
    };
    let wanted = match reference {
        None => Wanted::Any,
        Some(text) if prefix => Wanted::Prefix(like(&text, Within::Start)),
        Some(text) => Wanted::Equal(fold(&text)),
    };
    let choice = Choice::asked(call, &wanted)?;
    if let Some(choice) = &choice {
        if new.is_some() {
            return Err(Error::argument("A filter chooses among the items of the queue; a content makes a new one."));
        }
        if !choice.finds(call, &name).await? {
            return Ok(Output::empty().status(204));
        }
    }
    if let (None, None, Wanted::Any) = (&new, &choice, &wanted) {
        return Ok(match claim::next(call, &name, robot_key).await? {
            Some(item) => Output::entity(ITEM.set, item),
            None => Output::empty().status(204),
        });
    }
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let job = call.principal.job_key.clone();
    let mut unit = call.begin().await?;
    let now = unit.now();
    let ForClaim { queue, due, .. } = for_claim(&mut unit, tenant, folder, &name, now).await?;
    let robot = match robot_key {
        Some(key) => {
            bandmaster_fleet::robots::by_key(&mut unit, &key).await?.filter(|r| r.tenant_id == tenant).map(|r| r.id)
        }
        None => None,
    };
    let shown = match new {
        Some(item) => Some(begin(&mut unit, &keys, &queue, NewItem { robot_id: robot, ..item }).await?),
        None => {
            if due {
                claim::release(&mut unit, &queue).await?;
            }
            match &choice {
                Some(choice) => choice.take(&mut unit, &keys, &queue, robot, job.as_deref()).await?,
                None => take(&mut unit, &keys, &queue, &wanted, robot, job.as_deref()).await?,
            }
        }
    };
    wait::present(call)?;
    // Without an item there is nothing to be kept but what has joined the order.
    if shown.is_some() || due {
        unit.commit().await?;
    }
    Ok(match shown {
        Some(item) => Output::entity(ITEM.set, item),
        None => Output::empty().status(204),
    })
}

pub(super) fn started<'a>(queue: &Definition, item: i64, unique_key: &'a str, was: i64) -> Step<'a> {
    Step {
        kind: STARTED,
        action: Action::Status,
        item,
        unique_key,
        queue: queue.id,
        was: Some(was),
        status: 1,
        ..Step::default()
    }
}

/// Makes an item that is in progress from the beginning.
async fn begin(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: NewItem) -> Result<Map<String, Value>> {
    add::fits(unit, queue, &item).await?;
    let (id, unique_key) = insert(unit, keys, queue, item).await?;
    add::added(unit, &unique_key, id, queue, 1).await?;
    record(unit, started(queue, id, &unique_key, 1)).await?;
    answer(unit, keys, id).await
}

/// The statement that takes the next item with a wanted reference and returns it. On PostgreSQL it passes over rows
/// that another claim holds, and writes history and event as well, which saves round trips; SQLite has only one writer
/// and no trips.
fn by_reference(dialect: Dialect, condition: &str) -> String {
    let lock = if dialect == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let columns = &*row::COLUMNS;
    let take = format!(
        "UPDATE queue_items SET status = 1, started_at = $2, robot_id = $3, executor_job_key = $4, row_version = $5 \
         WHERE id = (SELECT c.id FROM queue_items c WHERE c.queue_id = $1 AND c.status = 0 AND c.ready = 1 AND {condition} \
         ORDER BY c.no_due, c.priority, c.due_at, c.id LIMIT 1{lock}) RETURNING {columns}"
    );
    if dialect == Dialect::Sqlite {
        return take;
    }
    let (id, key, review, reviewer) =
        (row::column("Id"), row::column("UniqueKey"), row::column("ReviewStatus"), row::column("ReviewerUserId"));
    format!(
        "WITH taken AS ({take}), history AS (INSERT INTO queue_item_events (tenant_id, queue_id, item_id, at, action, was, \
         status, review_status, reviewer_user_id, user_id, client_id) \
         SELECT CAST($7 AS BIGINT), CAST($1 AS BIGINT), {id}, CAST($2 AS BIGINT), 3, 0, 1, {review}, {reviewer}, \
         CAST($8 AS BIGINT), CAST($9 AS TEXT) FROM taken), \
         outbox AS (INSERT INTO events (tenant_id, folder_id, at, kind, entity_key, actor_id, payload) \
         SELECT CAST($7 AS BIGINT), CAST($10 AS BIGINT), CAST($2 AS BIGINT), '{STARTED}', {key}, CAST($8 AS BIGINT), \
         '{{\"ItemId\":' || {id} || ',\"QueueId\":' || CAST($1 AS BIGINT) || '}}' FROM taken) SELECT * FROM taken"
    )
}

/// Takes the next eligible item with a wanted reference. Those who want any are served together (`claim`).
async fn take(
    unit: &mut Unit,
    keys: &KeyRing,
    queue: &Definition,
    wanted: &Wanted,
    robot: Option<i64>,
    job: Option<&str>,
) -> Result<Option<Map<String, Value>>> {
    // A handful of texts, made once: each is kept prepared.
    static TEXTS: LazyLock<[[String; 2]; 2]> = LazyLock::new(|| {
        Dialect::each(|dialect| {
            ["fold(c.reference) = $6", "fold(c.reference) LIKE $6 ESCAPE '\\'"]
                .map(|condition| by_reference(dialect, condition))
        })
    });
    let postgresql = unit.dialect() == Dialect::Postgres;
    let [equal, prefix] = unit.dialect().pick(&TEXTS);
    let (sql, value) = match wanted {
        Wanted::Any => return Ok(None),
        Wanted::Equal(text) => (equal, text.clone()),
        Wanted::Prefix(text) => (prefix, text.clone()),
    };
    let (now, version) = (unit.now(), row_version(unit));
    let mut values = params![queue.id, now, robot, job, version, value].to_vec();
    if postgresql {
        let (user, client) = actor(unit);
        values.extend_from_slice(params![unit.tenant_id(), user, client, unit.context().folder_id]);
    }
    let Some(row) = unit.query_opt(sql, &values).await? else { return Ok(None) };
    let item = row::item(keys, row)?;
    if !postgresql {
        let id = item.get("Id").and_then(Value::as_i64).unwrap_or_default();
        let key = item.get("UniqueKey").and_then(Value::as_str).unwrap_or_default().to_owned();
        record(unit, started(queue, id, &key, 0)).await?;
    }
    Ok(Some(item))
}
