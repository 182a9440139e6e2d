//! How long the jobs of a process are kept: a policy stored with the process. Carrying it out is the business of
//! whoever owns the jobs, who asks [`policies`].

use super::entity::RELEASE_RETENTION;
use super::record::{Named, ReleaseRecord, lock};
use crate::enums::RETENTION_ACTION;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Fields, Output, Registry, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::Value;

/// Days that a policy may have.
const PERIODS: std::ops::RangeInclusive<i64> = 1..=540;
const ARCHIVE: i64 = 1;
const DAYS: i64 = 30;

/// A policy. Unless somebody says otherwise, jobs are deleted 30 days after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// 0 Delete, 1 Archive, 2 None.
    pub action: i64,
    /// Days after the end of a job.
    pub period: i64,
    /// Where archives go.
    pub bucket_id: Option<i64>,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { action: 0, period: DAYS, bucket_id: None }
    }
}

impl Retention {
    /// Whether a body says anything about the policy.
    pub(super) fn named(body: &Fields<'_>) -> bool {
        ["RetentionAction", "RetentionPeriod", "RetentionBucketId"].iter().any(|name| body.get(name).is_some())
    }

    /// Takes over what the body has under these names.
    pub(super) fn take(&mut self, body: &Fields<'_>, action_name: &str, period: &str) -> Result<()> {
        if let Some(action) = body.choice(action_name, &RETENTION_ACTION)? {
            self.action = action;
        }
        if let Some(days) = body.int(period) {
            if !PERIODS.contains(&days) {
                return Err(Error::argument(format!("Invalid argument '{period}'.")));
            }
            self.period = days;
        }
        if self.action == ARCHIVE {
            return Err(Error::argument(format!("'{action_name}' cannot be Archive: jobs are not archived.")));
        }
        self.bucket_id = None;
        Ok(())
    }
}

/// The policies of all processes of the installation: tenant, process, policy; in the order of processes. At most
/// `limit` of them, after the process of id `after`.
pub async fn policies(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<(i64, i64, Retention)>> {
    let rows = conn
        .query(
            "SELECT tenant_id, id, retention_action, retention_period, retention_bucket_id FROM releases \
             WHERE id > $1 ORDER BY id LIMIT $2",
            params![after, limit],
        )
        .await?;
    rows.iter()
        .map(|r| {
            let policy = Retention { action: r.get(2)?, period: r.get(3)?, bucket_id: r.get(4)? };
            Ok((r.get(0)?, r.get(1)?, policy))
        })
        .collect()
}

/// Registers the operations of the tag ReleaseRetention.
pub(super) fn register(r: &mut Registry) {
    r.entity(&RELEASE_RETENTION);
    r.serve("ReleaseRetention_Get", list);
    r.serve("ReleaseRetention_GetById", get).also(&[404]);
    r.serve("ReleaseRetention_PutById", put).also(&[400, 404]);
    r.serve("ReleaseRetention_DeleteById", reset).also(&[404]);
}

async fn list(call: &mut Call) -> Result<Output> {
    call.list(&RELEASE_RETENTION).await
}

async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    match call.query("retentionType") {
        None | Some("Final" | "0") => {}
        // Only what ended is kept or removed by a policy.
        Some("Stale" | "1") => return Err(Error::not_found("ReleaseRetentionSetting")),
        Some(_) => return Err(Error::argument("retentionType is neither Final nor Stale.")),
    }
    call.entity(&RELEASE_RETENTION, id).await
}

async fn put(call: &mut Call) -> Result<Output> {
    let mut wanted = Retention::default();
    wanted.take(&call.body(), "Action", "Period")?;
    store(call, wanted).await?;
    Ok(Output::empty())
}

async fn reset(call: &mut Call) -> Result<Output> {
    store(call, Retention::default()).await?;
    Ok(Output::empty())
}

async fn snapshot(unit: &mut Unit, record: &ReleaseRecord) -> Result<Option<Value>> {
    let tenant = unit.tenant_id();
    Ok(entity_json(unit, &RELEASE_RETENTION, record.id, tenant).await?.map(Value::Object))
}

async fn store(call: &Call, wanted: Retention) -> Result<()> {
    let (id, tenant, folder) = (call.int_argument("key")?, call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let record = lock(&mut unit, tenant, folder, Named::Id(id)).await?.ok_or_else(|| Error::not_found("Release"))?;
    let before = snapshot(&mut unit, &record).await?;
    unit.execute(
        "UPDATE releases SET retention_action = $1, retention_period = $2, retention_bucket_id = $3 WHERE id = $4",
        params![wanted.action, wanted.period, wanted.bucket_id, id],
    )
    .await?;
    let after = snapshot(&mut unit, &record).await?;
    unit.audit(Change {
        component: "Processes",
        action: "Update",
        id: Some(id),
        key: Some(&record.key),
        name: &record.name,
        before,
        after,
    })
    .await?;
    unit.commit().await
}
