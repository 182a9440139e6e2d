//! The duty that deletes old items, once a calendar day a queue. With a period of X days an item that ended on day D
//! goes on day D + X + 1. Items under review are kept until the review has ended.
//!
//! With an archive, a batch of items is first written to the bucket; only when its file is durable are they deleted, and
//! of them only those that are still what was written. Whatever dies in between is done again: the file gets the same
//! name and content. A bucket that cannot be written keeps the items where they are until the next day.

use super::archive::{self, Archived, Batch, old};
use super::{ARCHIVE, DELETE};
use crate::figures;
use crate::parts::ArchiveBuckets;
use bandmaster_access::tenants::organization_of;
use bandmaster_api::{App, Change, Duty, Unit, UnitContext};
use bandmaster_core::clock::{DAY, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Row, Value, params};
use futures::future::BoxFuture;
use serde_json::json;
use std::sync::Arc;

/// Items deleted in one unit, so that others never wait long.
const AT_ONCE: i64 = 500;
/// Items of an archive deleted by one statement.
const AT_ONCE_ARCHIVED: usize = 500;
/// How often it is looked whether a day is over.
const PAUSE: Micros = 5 * MINUTE;

/// The duty. It may run on every node.
#[derive(Debug, Default, Clone, Copy)]
pub struct Retention;

/// A queue whose day has come.
struct Due {
    id: i64,
    key: String,
    name: String,
    tenant_id: i64,
    action: i64,
    bucket: Option<i64>,
    /// Items that ended before that moment go.
    before: Micros,
    today: Micros,
}

impl Duty for Retention {
    fn name(&self) -> &'static str {
        "queue-retention"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let today = now - now.rem_euclid(DAY);
            let sql = "SELECT id, key, name, tenant_id, retention_action, retention_bucket_id, retention_period \
                       FROM queue_definitions WHERE retention_action IN ($1, $2) AND retention_done_at < $3 \
                       ORDER BY id LIMIT 1";
            let found = app.store.read().await?.query_opt(sql, params![DELETE, ARCHIVE, today]).await?;
            let Some(found) = found else { return Ok(now + PAUSE) };
            let due = Due::of(&found, today)?;
            let more = if due.action == ARCHIVE { archived(app, &due).await? } else { deleted(app, &due).await? };
            if !more {
                done(app, &due).await?;
            }
            Ok(now)
        })
    }
}

impl Due {
    fn of(row: &Row, today: Micros) -> Result<Due> {
        let period: i64 = row.get(6)?;
        Ok(Due {
            id: row.get(0)?,
            key: row.get(1)?,
            name: row.get(2)?,
            tenant_id: row.get(3)?,
            action: row.get(4)?,
            bucket: row.get(5)?,
            before: today - period * DAY,
            today,
        })
    }
}

/// Notes the day of a queue that has nothing left for it.
async fn done(app: &App, due: &Due) -> Result<()> {
    Unit::run(app, UnitContext::duty("queue-retention"), async |unit| {
        let sql = "UPDATE queue_definitions SET retention_done_at = $1 WHERE id = $2";
        unit.execute(sql, params![due.today, due.id]).await?;
        Ok(())
    })
    .await
}

/// What the history adds up to stays when the history goes.
async fn counted(app: &App) -> Result<()> {
    while figures::fold(app).await? {}
    Ok(())
}

/// Deletes a batch of old items; whether there were any.
async fn deleted(app: &App, due: &Due) -> Result<bool> {
    let sql = concat!("SELECT id FROM queue_items WHERE queue_id = $1 AND ", old!(), " ORDER BY id LIMIT $3");
    let rows = app.store.read().await?.query_long(sql, params![due.id, due.before, AT_ONCE]).await?;
    let ids: Vec<i64> = rows.iter().map(|r| r.get(0)).collect::<std::result::Result<_, _>>()?;
    if ids.is_empty() {
        return Ok(false);
    }
    counted(app).await?;
    Unit::run(app, UnitContext::duty("queue-retention"), async |unit| {
        let sql = format!("DELETE FROM queue_items WHERE id IN ({}) AND status >= 2 RETURNING id, status", list(&ids));
        gone(unit, due.id, &sql, &[]).await?;
        Ok(())
    })
    .await?;
    Ok(true)
}

fn list(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

/// Deletes items by a statement that returns id and state, and what belongs to them; how many. Comments go with their items.
async fn gone(unit: &mut Unit, queue: i64, sql: &str, values: &[Value]) -> Result<u64> {
    let rows = unit.query_dynamic(sql, values).await?;
    let items: Vec<(i64, i64)> = rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect::<Result<_>>()?;
    figures::remove(unit, queue, &items).await?;
    Ok(u64::try_from(items.len()).unwrap_or(0))
}

/// Archives a batch of old items and deletes it; whether there is more to do today.
async fn archived(app: &App, due: &Due) -> Result<bool> {
    let of = Archived { queue: due.id, key: &due.key, before: due.before, today: due.today };
    let Some(batch) = archive::next(app, &of).await? else { return Ok(false) };
    counted(app).await?;
    let organization = organization_of(&mut app.store.read().await?, due.tenant_id).await?;
    let context = UnitContext::duty("queue-retention").within(organization, due.tenant_id);
    if let Err(error) = stored(app, due, &batch, context.clone()).await {
        if app.stopping.is_cancelled() {
            return Err(error);
        }
        let cause = error.internal_text();
        tracing::warn!(queue = due.id, bucket = due.bucket, %error, cause, "old items could not be archived; they stay");
        return Ok(false);
    }
    let gone = Unit::run(app, context, async |unit| remove(unit, due, &batch).await).await?;
    // Items that changed since they were read are looked at anew; when nothing else is left, on another day.
    Ok(gone > 0)
}

async fn stored(app: &App, due: &Due, batch: &Batch, context: UnitContext) -> Result<()> {
    let buckets = app.parts.get::<Box<dyn ArchiveBuckets>>();
    let buckets = buckets.ok_or_else(|| Error::unavailable("there are no storage buckets"))?;
    let bucket = due.bucket.ok_or_else(|| Error::not_found("Bucket"))?;
    buckets.store(app, context, due.tenant_id, bucket, batch.file.clone()).await
}

/// Deletes the items of a stored batch that are still what was stored; how many.
async fn remove(unit: &mut Unit, due: &Due, batch: &Batch) -> Result<u64> {
    // Whoever changed the policy meanwhile wants it so.
    let held = unit
        .execute(
            "UPDATE queue_definitions SET retention_action = retention_action \
             WHERE id = $1 AND retention_action = $2 AND retention_bucket_id = $3",
            params![due.id, ARCHIVE, due.bucket],
        )
        .await?;
    if held == 0 {
        return Ok(0);
    }
    let mut gone = 0;
    for part in batch.items.chunks(AT_ONCE_ARCHIVED) {
        let ids: Vec<i64> = part.iter().map(|(id, _)| *id).collect();
        let pairs: Vec<String> = ids.iter().enumerate().map(|(at, id)| format!("({id}, ${})", at + 1)).collect();
        let versions: Vec<Value> = part.iter().map(|(_, version)| Value::Text(version.clone())).collect();
        let sql = format!(
            "DELETE FROM queue_items WHERE id IN ({}) AND (id, row_version) IN (VALUES {}) AND status >= 2 \
             AND review_status <> 1 RETURNING id, status",
            list(&ids),
            pairs.join(", ")
        );
        gone += self::gone(unit, due.id, &sql, &versions).await?;
    }
    if gone > 0 {
        unit.audit(Change {
            component: "Queues",
            action: "Archive",
            id: Some(due.id),
            key: Some(&due.key),
            name: &due.name,
            after: Some(json!({"BucketId": due.bucket, "FullPath": format!("/{}", batch.file.path), "Items": gone})),
            ..Change::default()
        })
        .await?;
    }
    Ok(gone)
}
