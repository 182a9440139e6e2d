//! Adding items, one or many.

use super::content::{self, Part};
use super::entity::{ITEM, PRIORITY};
use super::record::{NewItem, insert};
use super::show::answer;
use crate::definitions::{Definition, by_name};
use crate::history::{Action, Step, record};
use crate::schemas;
use bandmaster_api::{Call, Fields, Output, Unit};
use bandmaster_core::{Error, KeyRing, Result, codes};
use serde_json::{Map, Value, json};

/// Most items in one call.
pub const MOST: usize = 15_000;
/// Longest progress text.
pub const PROGRESS: usize = 104_857;
/// Where items may say they come from.
const SOURCES: &[&str] = &["Manual", "Apps", "ProcessOrchestration"];

/// Reads what a body says about an item.
pub fn read(f: Fields<'_>, job: Option<&String>) -> Result<NewItem> {
    let (defer_at, due_at, risk_at) = (f.time("DeferDate"), f.time("DueDate"), f.time("RiskSlaDate"));
    if let (Some(defer), Some(due)) = (defer_at, due_at)
        && defer > due
    {
        return Err(Error::argument("DeferDate must not be after DueDate."));
    }
    if let (Some(risk), Some(due)) = (risk_at, due_at)
        && risk > due
    {
        return Err(Error::argument("RiskSlaDate must not be after DueDate."));
    }
    let source = f.filled("Source");
    if source.is_some_and(|s| !SOURCES.contains(&s)) {
        return Err(Error::argument(format!("Source is one of {}.", SOURCES.join(", "))));
    }
    Ok(NewItem {
        status: 0,
        priority: f.choice("Priority", &PRIORITY)?.unwrap_or(1),
        reference: f.filled("Reference").map(str::to_owned),
        content: content::text(f.get("SpecificContent"), Part::Specific)?,
        defer_at,
        due_at,
        risk_at,
        progress: progress(f.text("Progress"))?,
        source: source.map(str::to_owned),
        parent_operation_id: f.filled("ParentOperationId").map(str::to_owned),
        creator_job_key: job.cloned(),
        ..NewItem::default()
    })
}

/// A progress text within its limit.
pub fn progress(text: Option<&str>) -> Result<Option<String>> {
    match text {
        Some(text) if text.chars().count() > PROGRESS => Err(Error::new(
            400,
            codes::QUEUE_ITEM_PROGRESS_SIZE_EXCEEDED,
            format!("The progress text has more than {PROGRESS} characters."),
        )),
        text => Ok(text.map(str::to_owned)),
    }
}

/// Adds an item in a unit, with its event; its id and what is shown of it.
async fn add(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: NewItem) -> Result<Map<String, Value>> {
    fits(unit, queue, &item).await?;
    let (id, unique_key) = insert(unit, keys, queue, item).await?;
    let shown = answer(unit, keys, id).await?;
    added(unit, &unique_key, id, queue, 0).await?;
    unit.nudge(format!("queue:{}", queue.id));
    Ok(shown)
}

/// Refuses a content that does not fit the queue's schema.
pub async fn fits(unit: &mut Unit, queue: &Definition, item: &NewItem) -> Result<()> {
    match &queue.schema_version {
        Some(version) => {
            let schemas = schemas::of(unit, queue.id, version).await?;
            schemas.hold(Part::Specific, item.content.as_deref())
        }
        None => Ok(()),
    }
}

/// Writes down that an item was added.
pub async fn added(unit: &mut Unit, unique_key: &str, item: i64, queue: &Definition, status: i64) -> Result<()> {
    let step = Step {
        kind: "queueItem.added",
        action: Action::Create,
        item,
        unique_key,
        queue: queue.id,
        status,
        ..Step::default()
    };
    record(unit, step).await
}

/// AddQueueItem.
pub async fn one(call: &mut Call) -> Result<Output> {
    let Some(fields) = call.body().fields("itemData") else {
        return Err(Error::unbound("itemData"));
    };
    let name = fields.need_text("Name")?.to_owned();
    let item = read(fields, call.principal.job_key.as_ref())?;
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let queue = by_name(&mut unit, tenant, folder, &name).await?;
    let shown = add(&mut unit, &keys, &queue, item).await?;
    unit.commit().await?;
    Ok(Output::entity(ITEM.set, shown))
}

/// BulkAddQueueItems: all or nothing, until the first failure, or each for itself.
pub async fn many(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let name = body.need_text("queueName")?.to_owned();
    let list = body.list("queueItems");
    if list.len() > MOST {
        return Err(Error::argument(format!("At most {MOST} items may be added at once.")));
    }
    let mode = Mode::of(body.text("commitType"))?;
    let job = call.principal.job_key.clone();
    let items: Vec<Result<NewItem>> = list.iter().map(|v| read(Fields::of(v), job.as_ref())).collect();
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let queue = by_name(&mut unit, tenant, folder, &name).await?;
    all(unit, &keys, &queue, items, mode).await
}

/// Adds items in a unit, ends it as the mode wants, and answers which of them failed.
pub async fn all(
    mut unit: Unit,
    keys: &KeyRing,
    queue: &Definition,
    items: Vec<Result<NewItem>>,
    mode: Mode,
) -> Result<Output> {
    let mut failed = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let added = match item {
            Ok(item) => attempt(&mut unit, keys, queue, item).await?,
            Err(error) => Err(error),
        };
        if let Err(error) = added {
            failed.push(failure(index + 1, &error));
            if mode != Mode::Independently {
                break;
            }
        }
    }
    // Dropping the unit undoes everything in it.
    if failed.is_empty() || mode != Mode::AllOrNothing {
        unit.nudge(format!("queue:{}", queue.id));
        unit.commit().await?;
    }
    let message = if failed.is_empty() { Value::Null } else { json!("Some items were not added.") };
    let answer = json!({"Success": failed.is_empty(), "Message": message, "FailedItems": failed});
    let Value::Object(answer) = answer else { return Err(Error::internal("an object is an object")) };
    Ok(Output::complex("BulkOperationResponseDtoOfFailedQueueItemDto", answer))
}

/// What a failure of one item means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// None of them is added.
    AllOrNothing,
    /// Those before it stay.
    UntilFailure,
    /// All good ones are added.
    Independently,
}

impl Mode {
    /// The mode of that name.
    pub fn of(word: Option<&str>) -> Result<Mode> {
        match word {
            Some("AllOrNothing" | "0") | None => Ok(Mode::AllOrNothing),
            Some("StopOnFirstFailure" | "1") => Ok(Mode::UntilFailure),
            Some("ProcessAllIndependently" | "2") => Ok(Mode::Independently),
            Some(_) => Err(Error::argument("commitType is none of the allowed values.")),
        }
    }
}

/// Adds one of many. The outer error ends the whole call; the inner one is this item's own.
async fn attempt(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: NewItem) -> Result<Result<()>> {
    match fits(unit, queue, &item).await {
        Err(error) if error.code() == codes::QUEUE_ITEM_SCHEMA_VIOLATION => return Ok(Err(error)),
        fit => fit?,
    }
    // A taken reference is looked for first: on PostgreSQL a refused insert would spoil the unit.
    if queue.unique_reference
        && let Some(reference) = item.reference.as_deref()
    {
        let taken = unit
            .query_opt(
                "SELECT 1 FROM queue_items WHERE queue_id = $1 AND unique_reference = $2",
                bandmaster_store::params![queue.id, bandmaster_store::fold(reference)],
            )
            .await?;
        if taken.is_some() {
            return Ok(Err(super::record::duplicate_reference()));
        }
    }
    match insert(unit, keys, queue, item).await {
        Ok((id, unique_key)) => {
            added(unit, &unique_key, id, queue, 0).await?;
            Ok(Ok(()))
        }
        // The insert was never sent: the item alone is at fault.
        Err(error) if error.code() == codes::TRANSACTION_REFERENCE_REQUIRED => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

fn failure(ordinal: usize, error: &Error) -> Value {
    let name = match error.code() {
        codes::DUPLICATE_REFERENCE => "DuplicateReference",
        codes::TRANSACTION_REFERENCE_REQUIRED => "TransactionReferenceRequired",
        codes::QUEUE_ITEM_SCHEMA_VIOLATION => "QueueItemSchemaViolationException",
        codes::QUEUE_ITEM_CONTENT_SIZE_EXCEEDED => "QueueItemContentSizeExceeded",
        codes::QUEUE_ITEM_PROGRESS_SIZE_EXCEEDED => "QueueItemProgressDataSizeExceeded",
        codes::INVALID_ARGUMENT => "InvalidArgument",
        _ => "InvalidRequest",
    };
    json!({"Ordinal": ordinal, "ErrorCode": name, "ErrorMessage": error.message()})
}
