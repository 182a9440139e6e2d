//! PUT of an item. A new item takes priority, dates, content and progress; one in progress its progress; an ended one
//! may lose its content. Everything else stays as it is, whatever the body says.

use super::add::progress;
use super::content::{self, Part};
use super::{PRIORITY, row_version};
use crate::attempt::{self, Attempt};
use crate::definitions::Definition;
use crate::history::{Action, Step, edited, record};
use crate::schemas;
use bandmaster_api::{Call, Change, Fields, Output, Unit};
use bandmaster_core::{Error, KeyRing, Result, codes, time};
use bandmaster_store::params;
use serde_json::{Value, json};

/// What the body wants.
struct Wish {
    priority: Option<i64>,
    due_at: Option<i64>,
    defer_at: Option<i64>,
    given_due: bool,
    given_defer: bool,
    given_content: bool,
    content: Option<String>,
    given_progress: bool,
    progress: Option<String>,
}

fn wish(f: Fields<'_>) -> Result<Wish> {
    let (defer_at, due_at) = (f.time("DeferDate"), f.time("DueDate"));
    if let (Some(defer), Some(due)) = (defer_at, due_at)
        && defer > due
    {
        return Err(Error::argument("DeferDate must not be after DueDate."));
    }
    Ok(Wish {
        priority: f.choice("Priority", &PRIORITY)?,
        due_at,
        defer_at,
        given_due: f.has("DueDate"),
        given_defer: f.has("DeferDate"),
        given_content: f.has("SpecificContent"),
        content: content::text(f.get("SpecificContent"), Part::Specific)?,
        given_progress: f.has("Progress"),
        progress: progress(f.text("Progress"))?,
    })
}

/// Refuses a change of what the item's state holds fixed. Repeating a value is no change.
fn fixed(wish: &Wish, item: &Attempt, content: Option<&str>) -> Result<()> {
    let ended = item.status >= 2;
    let empty = wish.content.as_deref().is_none_or(|c| c == "{}");
    let same_content = !wish.given_content || (ended && empty) || wish.content.as_deref() == content;
    let same = wish.priority.is_none_or(|p| p == item.item.priority)
        && (!wish.given_due || wish.due_at == item.item.due_at)
        && (!wish.given_defer || wish.defer_at == item.item.defer_at)
        && same_content;
    if same {
        Ok(())
    } else {
        Err(Error::conflict(codes::FIELD_NOT_EDITABLE, "The item is not new any more; this cannot be changed."))
    }
}

/// PUT.
pub async fn put(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let wish = wish(call.body())?;
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let (item, queue) = attempt::seen(&mut unit, tenant, folder, id).await?;
    let data = match item.status {
        0 => renew(&mut unit, &keys, &queue, &item, wish).await?,
        _ => trim(&mut unit, &keys, &queue, &item, wish).await?,
    };
    let step = Step {
        kind: "queueItem.updated",
        action: Action::Edit,
        item: id,
        unique_key: &item.unique_key,
        queue: queue.id,
        was: Some(item.status),
        status: item.status,
        review: item.review_status,
        reviewer: item.reviewer,
        data: edited(data.clone()),
        ..Step::default()
    };
    record(&mut unit, step).await?;
    let change = Change {
        component: "Queues",
        action: "Update",
        id: Some(id),
        key: Some(&item.unique_key),
        name: item.item.reference.as_deref().unwrap_or("queue item"),
        after: Some(data),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

fn clash(changed: u64) -> Result<()> {
    match changed {
        1 => Ok(()),
        _ => Err(Error::conflict(codes::OPTIMISTIC_CONCURRENCY, "The item was changed meanwhile.")),
    }
}

/// A new item takes everything that may be edited.
async fn renew(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: &Attempt, wish: Wish) -> Result<Value> {
    let (now, version) = (unit.now(), row_version(unit));
    let priority = wish.priority.unwrap_or(item.item.priority);
    let ready = wish.defer_at.is_none_or(|d| d <= now);
    let data = json!({
        "Priority": PRIORITY.label(priority),
        "DueDate": wish.due_at.map(time::iso),
        "DeferDate": wish.defer_at.map(time::iso),
        "SpecificContentChanged": wish.given_content,
    });
    if let Some(schema) = &queue.schema_version
        && wish.given_content
    {
        schemas::of(unit, queue.id, schema).await?.hold(Part::Specific, wish.content.as_deref())?;
    }
    let stored = content::stored(keys, wish.content, queue.encrypted, Part::Specific, &item.unique_key)?;
    let changed = unit
        .execute(
            "UPDATE queue_items SET priority = $1, due_at = $2, no_due = $3, defer_at = $4, ready = $5, content = $6, \
             progress = $7, changed_at = $8, row_version = $9 WHERE id = $10 AND status = 0 AND row_version = $11",
            params![
                priority,
                wish.due_at,
                wish.due_at.is_none(),
                wish.defer_at,
                ready,
                stored,
                wish.progress,
                now,
                version,
                item.id,
                item.row_version.as_str()
            ],
        )
        .await?;
    clash(changed)?;
    unit.nudge(format!("queue:{}", queue.id));
    Ok(data)
}

/// A started item takes a progress text while it is in progress; an ended one may lose its content.
async fn trim(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: &Attempt, wish: Wish) -> Result<Value> {
    let content = match &item.content {
        Some(text) => Some(content::clear(keys, text, queue.encrypted, Part::Specific, &item.unique_key)?),
        None => None,
    };
    fixed(&wish, item, content.as_deref())?;
    let erases = item.status >= 2 && wish.given_content && wish.content.as_deref().is_none_or(|c| c == "{}");
    let tells = item.status == 1 && wish.given_progress;
    let (now, version) = (unit.now(), row_version(unit));
    let changed = unit
        .execute(
            "UPDATE queue_items SET content = CASE WHEN CAST($1 AS BIGINT) = 1 THEN NULL ELSE content END, \
             progress = CASE WHEN CAST($2 AS BIGINT) = 1 THEN $3 ELSE progress END, changed_at = $4, row_version = $5 \
             WHERE id = $6 AND status = $7 AND row_version = $8",
            params![
                erases,
                tells,
                wish.progress.as_deref(),
                now,
                version,
                item.id,
                item.status,
                item.row_version.as_str()
            ],
        )
        .await?;
    clash(changed)?;
    let told = if tells { json!(wish.progress) } else { Value::Null };
    Ok(json!({"Progress": told, "SpecificContentErased": erases}))
}

/// What is changed about a new item when many are changed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Its priority becomes this.
    Priority(i64),
    /// It is no longer deferred.
    Now,
}

/// Changes a new item; whether it was still new and in the version that was read.
pub async fn turn(unit: &mut Unit, queue: &Definition, item: &Attempt, turn: Turn) -> Result<bool> {
    let (now, version) = (unit.now(), row_version(unit));
    let (priority, defer_at) = match turn {
        Turn::Priority(priority) => (priority, item.item.defer_at),
        Turn::Now => (item.item.priority, None),
    };
    let ready = defer_at.is_none_or(|d| d <= now);
    let changed = unit
        .execute(
            "UPDATE queue_items SET priority = $1, defer_at = $2, ready = $3, changed_at = $4, row_version = $5 \
             WHERE id = $6 AND status = 0 AND row_version = $7",
            params![priority, defer_at, ready, now, version, item.id, item.row_version.as_str()],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    let data = match turn {
        Turn::Priority(priority) => json!({"Priority": PRIORITY.label(priority)}),
        Turn::Now => json!({"DeferDate": null}),
    };
    let step = Step {
        kind: "queueItem.updated",
        action: Action::Edit,
        item: item.id,
        unique_key: &item.unique_key,
        queue: queue.id,
        was: Some(0),
        status: 0,
        review: item.review_status,
        reviewer: item.reviewer,
        data: edited(data),
        ..Step::default()
    };
    record(unit, step).await?;
    unit.nudge(format!("queue:{}", queue.id));
    Ok(true)
}
