//! What the operations on many chosen items share: pairs of id and version in, a list of failed ids out.

use super::add::MOST;
use crate::attempt::{self, Attempt};
use crate::definitions::Definition;
use bandmaster_api::{Call, Change, Fields, Output, Unit};
use bandmaster_core::{Error, Result};
use serde_json::{Map, Value, json};

/// An item as the caller knows it.
pub struct Chosen {
    /// Id.
    pub id: i64,
    /// Version that the caller has seen.
    pub row_version: Option<String>,
}

/// The items that a body names. Each may be named once.
pub fn chosen(body: Fields<'_>) -> Result<Vec<Chosen>> {
    if body.get("queueItems").is_none() {
        return Err(Error::unbound("queueItems"));
    }
    let list = body.list("queueItems");
    if list.len() > MOST {
        return Err(Error::argument(format!("At most {MOST} items may be named at once.")));
    }
    let mut items: Vec<Chosen> = Vec::with_capacity(list.len());
    for value in list {
        let f = Fields::of(value);
        items.push(Chosen { id: f.need_int("Id")?, row_version: f.filled("RowVersion").map(str::to_owned) });
    }
    let mut ids: Vec<i64> = items.iter().map(|i| i.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < items.len() {
        return Err(Error::argument("An item is named twice."));
    }
    // One order for all callers, so that two of them do not wait for each other.
    items.sort_by_key(|i| i.id);
    Ok(items)
}

/// The item with its queue when it is seen from the folder and still has the version that the caller knows.
pub async fn current(
    unit: &mut Unit,
    tenant: i64,
    folder: i64,
    chosen: &Chosen,
) -> Result<Option<(Attempt, Definition)>> {
    let (attempt, queue) = match attempt::seen(unit, tenant, folder, chosen.id).await {
        Err(e) if e.status() == 404 => return Ok(None),
        found => found?,
    };
    let same = chosen.row_version.as_deref() == Some(attempt.row_version.as_str());
    Ok(same.then_some((attempt, queue)))
}

/// What became of the items.
#[derive(Default)]
pub struct Outcome {
    /// Changed ones.
    pub done: Vec<i64>,
    /// The others.
    pub failed: Vec<i64>,
}

impl Outcome {
    /// Notes one.
    pub fn note(&mut self, id: i64, done: bool) {
        if done { self.done.push(id) } else { self.failed.push(id) }
    }

    /// Commits what was done, with one audit entry for all of it, and answers.
    pub async fn finish(self, mut unit: Unit, action: &str, after: Value) -> Result<Output> {
        if !self.done.is_empty() {
            let name = format!("{} queue items", self.done.len());
            let mut told = json!({"QueueItems": self.done});
            if let (Value::Object(told), Value::Object(after)) = (&mut told, after) {
                told.extend(after);
            }
            let change = Change {
                component: "Queues",
                action,
                id: (self.done.len() == 1).then(|| self.done.first().copied()).flatten(),
                name: &name,
                after: Some(told),
                ..Change::default()
            };
            unit.audit(change).await?;
            unit.commit().await?;
        }
        let message = match self.failed.is_empty() {
            true => Value::Null,
            false => {
                json!("Some items were changed meanwhile, are not there, or are in a state that does not allow this.")
            }
        };
        let mut value = Map::new();
        value.insert("Success".into(), json!(self.failed.is_empty()));
        value.insert("Message".into(), message);
        value.insert("FailedItems".into(), json!(self.failed));
        Ok(Output::complex("BulkOperationResponseDtoOfInt64", value))
    }
}

/// Tenant and folder of a call.
pub fn place(call: &Call) -> Result<(i64, i64)> {
    Ok((call.tenant_id()?, call.folder()?.id))
}
