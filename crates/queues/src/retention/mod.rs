//! What happens to the ended items of a queue once they are old: they are deleted, or kept. Archiving to a bucket is
//! refused, since there are no buckets yet. Items that have not ended are always kept.

mod duty;

pub use duty::Retention;

use crate::definitions::{linked, seen};
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
        Property::absent("BucketId", Kind::Int64),
        Property::computed("Type", Kind::Enum(&KIND), "0"),
    ],
    navigations: &[],
};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&RETENTION);
    r.serve("QueueRetention_Get", list);
    r.serve("QueueRetention_GetById", one).also(&[404]);
    r.serve("QueueRetention_PutById", put).also(&[404]);
    r.serve("QueueRetention_DeleteById", reset).also(&[404]);
}

/// A policy: an action and a number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Number of the action.
    pub action: i64,
    /// Days after the day on which an item ended.
    pub period: i64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { action: DELETE, period: DEFAULT }
    }
}

impl Policy {
    fn checked(action: i64, period: Option<i64>) -> Result<Policy> {
        match action {
            KEEP => Ok(Policy { action, period: DEFAULT }),
            ARCHIVE => Err(Error::new(
                400,
                codes::FEATURE_DISABLED,
                "Items cannot be archived, since this server has no storage buckets. Choose Delete or None.",
            )),
            _ => match period {
                Some(period) if (1..=LONGEST).contains(&period) => Ok(Policy { action, period }),
                _ => Err(Error::argument(format!("Invalid argument 'Period': it lies between 1 and {LONGEST} days."))),
            },
        }
    }

    /// The policy that a queue's own body carries, if it does.
    pub fn inline(f: Fields<'_>) -> Result<Option<Policy>> {
        let Some(action) = f.choice("RetentionAction", &ACTION)? else { return Ok(None) };
        Policy::checked(action, Some(f.int("RetentionPeriod").unwrap_or(DEFAULT))).map(Some)
    }

    /// Stores it.
    pub async fn store(self, unit: &mut Unit, queue: i64) -> Result<()> {
        unit.execute(
            "UPDATE queue_definitions SET retention_action = $1, retention_period = $2 WHERE id = $3",
            params![self.action, self.period, queue],
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
        json!({"Action": self.label(), "Period": self.shown_period()})
    }
}

/// The policy of a queue.
pub async fn of(conn: &mut Conn, queue: i64) -> Result<Policy> {
    let sql = "SELECT retention_action, retention_period FROM queue_definitions WHERE id = $1";
    let row = conn.query_opt(sql, params![queue]).await?.ok_or_else(|| Error::not_found("Queue"))?;
    Ok(Policy { action: row.get(0)?, period: row.get(1)? })
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
    let policy = Policy::checked(action, body.int("Period"))?;
    change(call, policy).await
}

async fn reset(call: &mut Call) -> Result<Output> {
    change(call, Policy::default()).await
}

async fn change(call: &mut Call, policy: Policy) -> Result<Output> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let (key, queue, _) = seen(&mut unit, id, tenant, folder).await?;
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
