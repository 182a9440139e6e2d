//! What happens to the ended items of a queue once they are old: they are deleted, archived to a storage bucket and then
//! deleted, or kept. Items that have not ended are always kept. `duty` does it, `archive` makes the files.
//!
//! Contents of encrypted queues leave the server's database for nobody who was not asked, so such queues cannot be
//! archived: the file would hold them in the clear.

mod archive;
mod duty;

pub use duty::Retention;

use crate::definitions::{linked, seen};
use crate::parts::{ArchiveBuckets, Unusable};
use bandmaster_api::{Call, Change, Fields, Output, Registry, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_model::{EntityType, EnumType, Kind, Property, Scope};
use bandmaster_odata::KeyValue;
use bandmaster_store::{Conn, params};
use serde_json::{Map, Value, json};

/// What can be done with old items.
pub static ACTION: EnumType =
    EnumType { name: "RetentionAction", members: &[("Delete", 0), ("Archive", 1), ("None", 2)] };

static KIND: EnumType = EnumType { name: "RetentionType", members: &[("Final", 0), ("Stale", 1)] };

const DELETE: i64 = 0;
const ARCHIVE: i64 = 1;
const KEEP: i64 = 2;
/// Longest period in days.
const LONGEST: i64 = 540;
/// Days that new queues have.
const DEFAULT: i64 = 30;

/// The retention of a queue.
pub static RETENTION: EntityType = EntityType {
    name: "QueueRetentionSettingDto",
    set: "QueueRetention",
    table: "queue_definitions",
    key: "QueueDefinitionId",
    scope: Scope::Linked { local: "id", table: "queue_folders", item: "queue_id", folder: "folder_id" },
    properties: &[
        Property::new("QueueDefinitionId", Kind::Int64, "id"),
        Property::new("Action", Kind::Enum(&ACTION), "retention_action"),
        Property::computed(
            "Period",
            Kind::Int32,
            "CASE WHEN {t}.retention_action = 2 THEN NULL ELSE {t}.retention_period END",
        ),
        Property::computed(
            "BucketId",
            Kind::Int64,
            "CASE WHEN {t}.retention_action = 1 THEN {t}.retention_bucket_id ELSE NULL END",
        ),
        Property::computed("Type", Kind::Enum(&KIND), "0"),
    ],
    navigations: &[],
};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&RETENTION);
    r.serve("QueueRetention_Get", list);
    r.serve("QueueRetention_GetById", one).also(&[404]);
    r.serve("QueueRetention_PutById", put).also(&[404, 409]);
    r.serve("QueueRetention_DeleteById", reset).also(&[404]);
}

/// A policy: an action, a number of days, and where archives go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Number of the action.
    pub action: i64,
    /// Days after the day on which an item ended.
    pub period: i64,
    /// The bucket of archives; none with other actions.
    pub bucket: Option<i64>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { action: DELETE, period: DEFAULT, bucket: None }
    }
}

impl Policy {
    fn checked(action: i64, period: Option<i64>, bucket: Option<i64>) -> Result<Policy> {
        if action == KEEP {
            return Ok(Policy { action, period: DEFAULT, bucket: None });
        }
        let period = period.filter(|days| (1..=LONGEST).contains(days)).ok_or_else(|| {
            Error::argument(format!("Invalid argument 'Period': it lies between 1 and {LONGEST} days."))
        })?;
        let bucket = bucket.filter(|_| action == ARCHIVE);
        if action == ARCHIVE && bucket.is_none() {
            return Err(Error::argument("The field BucketId is required for the action Archive."));
        }
        Ok(Policy { action, period, bucket })
    }

    /// The policy that a queue's own body carries, if it does. Whoever stores it asks [`Policy::usable`] before.
    pub fn inline(f: Fields<'_>) -> Result<Option<Policy>> {
        let Some(action) = f.choice("RetentionAction", &ACTION)? else { return Ok(None) };
        Policy::checked(action, Some(f.int("RetentionPeriod").unwrap_or(DEFAULT)), f.int("RetentionBucketId")).map(Some)
    }

    /// Refuses an archive that could not be written: 404 for a bucket that the folder does not have or the caller does
    /// not see, 409 for a read-only one and for encrypted queues. `queue` is the queue as it is shown.
    pub async fn usable(self, call: &Call, unit: &mut Unit, queue: &Value) -> Result<()> {
        let Some(bucket) = self.bucket else { return Ok(()) };
        if queue["Encrypted"].as_bool() == Some(true) {
            let text = "Items of an encrypted queue are not archived, since the archive would hold them in the clear.";
            return Err(Error::conflict(codes::FORBIDDEN_OPERATION, text));
        }
        let disabled = || Error::new(400, codes::FEATURE_DISABLED, "This server has no storage buckets.");
        let buckets = call.app.parts.get::<Box<dyn ArchiveBuckets>>().ok_or_else(disabled)?;
        let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
        let hidden = !call.rights.has("Buckets.View", Some(folder));
        match buckets.check(unit, tenant, folder, bucket).await? {
            None if !hidden => Ok(()),
            Some(Unusable::ReadOnly) if !hidden => {
                Err(Error::conflict(codes::BUCKET_IS_READ_ONLY, "The bucket is read-only."))
            }
            _ => Err(Error::new(404, codes::BUCKET_DOES_NOT_EXIST, "The folder has no such bucket.")),
        }
    }

    /// Stores it.
    pub async fn store(self, unit: &mut Unit, queue: i64) -> Result<()> {
        unit.execute(
            "UPDATE queue_definitions SET retention_action = $1, retention_period = $2, retention_bucket_id = $3 \
             WHERE id = $4",
            params![self.action, self.period, self.bucket, queue],
        )
        .await?;
        Ok(())
    }

    /// The action's name.
    pub fn label(self) -> Value {
        json!(ACTION.label(self.action))
    }

    /// The period, where it means something.
    pub fn shown_period(self) -> Value {
        if self.action == KEEP { Value::Null } else { json!(self.period) }
    }

    fn shown(self) -> Value {
        json!({"Action": self.label(), "Period": self.shown_period(), "BucketId": self.bucket})
    }
}

/// The policy of a queue.
pub async fn of(conn: &mut Conn, queue: i64) -> Result<Policy> {
    let sql = "SELECT retention_action, retention_period, retention_bucket_id FROM queue_definitions WHERE id = $1";
    let row = conn.query_opt(sql, params![queue]).await?.ok_or_else(|| Error::not_found("Queue"))?;
    Ok(Policy { action: row.get(0)?, period: row.get(1)?, bucket: row.get(2)? })
}

async fn list(call: &mut Call) -> Result<Output> {
    call.list(&RETENTION).await
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    match call.query("retentionType") {
        None => {}
        Some(kind) if kind.eq_ignore_ascii_case("Final") => {}
        // Items that have not ended are kept; that is the whole policy.
        Some(kind) if kind.eq_ignore_ascii_case("Stale") => {
            let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
            linked(&mut call.read().await?, tenant, folder, id).await?;
            let mut value = Map::new();
            value.insert("QueueDefinitionId".into(), json!(id));
            value.insert("Action".into(), json!("None"));
            value.insert("Period".into(), Value::Null);
            value.insert("BucketId".into(), Value::Null);
            value.insert("Type".into(), json!("Stale"));
            return Ok(Output::entity(RETENTION.set, value));
        }
        Some(_) => return Err(Error::argument("retentionType is Final or Stale.")),
    }
    call.entity_by(&RETENTION, KeyValue::Int(id), &call.visible()).await
}

async fn put(call: &mut Call) -> Result<Output> {
    let body = call.body();
    if body.choice("Type", &KIND)?.unwrap_or(0) != 0 {
        return Err(Error::argument("Only the policy of ended items can be set; others are kept."));
    }
    let action = body.choice("Action", &ACTION)?.ok_or_else(|| Error::argument("The field Action is required."))?;
    let policy = Policy::checked(action, body.int("Period"), body.int("BucketId"))?;
    change(call, policy).await
}

async fn reset(call: &mut Call) -> Result<Output> {
    change(call, Policy::default()).await
}

async fn change(call: &mut Call, policy: Policy) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (key, queue, _) = seen(&mut unit, id, tenant, folder).await?;
    policy.usable(call, &mut unit, &queue).await?;
    let before = of(&mut unit, id).await?;
    policy.store(&mut unit, id).await?;
    let name = queue["Name"].as_str().unwrap_or_default().to_owned();
    let change = Change {
        component: "Queues",
        action: "Update",
        id: Some(id),
        key: Some(&key),
        name: &name,
        before: Some(json!({"Retention": before.shown()})),
        after: Some(json!({"Retention": policy.shown()})),
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
