//! The rows of actions: written by requests, moved on by the duty.

use super::entity::{CANCELLED, COMPLETED, FAILED};
use super::rule::Action;
use super::selection::{Place, Tally};
use bandmaster_api::{Unit, UnitContext};
use bandmaster_core::clock::{DAY, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, PrincipalKind, Result};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A node that works on an action and gives no sign of life for that long has lost it.
pub const STALE: Micros = MINUTE;
/// What failed is tried again after that.
pub const RETRY: Micros = MINUTE;
/// How often it is tried.
pub const ATTEMPTS: i64 = 3;
/// How long an action can be read after its end.
pub const KEPT_FOR: Micros = 30 * DAY;
/// Most failures that are told one by one.
const MOST_FAILURES: usize = 20;
/// Most characters of a message.
const MESSAGE: usize = 500;

/// An action that waits or is being worked on.
#[derive(Debug, Clone)]
pub struct Task {
    /// Id.
    pub id: i64,
    /// Where.
    pub place: Place,
    /// What; none for one of a newer version.
    pub action: Option<Action>,
    /// Which items.
    pub filter: Option<String>,
    /// When it was asked for.
    pub requested_at: Micros,
    /// The greatest id that it touches.
    pub ceiling: i64,
    /// Items up to this id are behind it.
    pub reached: i64,
    /// How often the present place failed.
    pub attempts: i64,
    total: Option<i64>,
    handled: i64,
    reasons: BTreeMap<String, i64>,
    failures: Vec<Value>,
    user_id: Option<i64>,
    user_name: String,
    client_id: Option<String>,
}

/// What one unit did.
#[derive(Debug, Default)]
pub struct Progress {
    /// Changed items, and others by reason.
    pub tally: Tally,
    /// The item that failed, and why.
    pub failure: Option<(i64, String)>,
    /// Items up to this id are done.
    pub up_to: i64,
}

/// Writes a request down; its id.
pub async fn insert(
    unit: &mut Unit,
    place: Place,
    action: Action,
    filter: Option<&str>,
    total: Option<i64>,
    ceiling: i64,
) -> Result<i64> {
    let (user, client) = crate::history::actor(unit);
    let (now, name) = (unit.now(), unit.context().principal.name.clone());
    let priority = match action {
        Action::SetPriority(priority) => Some(priority),
        _ => None,
    };
    let row = unit
        .query_one(
            "INSERT INTO queue_item_actions (organization_id, tenant_id, folder_id, queue_id, action, priority, filter, \
             total, user_id, user_name, client_id, requested_at, ceiling) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
            params![
                place.organization,
                place.tenant,
                place.folder,
                place.queue,
                action.number(),
                priority,
                filter,
                total,
                user,
                name,
                client,
                now,
                ceiling
            ],
        )
        .await?;
    Ok(row.get(0)?)
}

/// How many unfinished ones a tenant has.
pub async fn unfinished(conn: &mut Conn, tenant: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM queue_item_actions WHERE tenant_id = $1 AND state < 2";
    Ok(conn.query_one(sql, params![tenant]).await?.get(0)?)
}

/// The one that was worked on least lately, among those that nobody else works on.
pub async fn waiting(conn: &mut Conn, node: &str, now: Micros) -> Result<Option<Task>> {
    let row = conn
        .query_opt(
            "SELECT id, organization_id, tenant_id, folder_id, queue_id, action, priority, filter, requested_at, ceiling, \
             reached, attempts, total, done + skipped + failed, reasons, failures, user_id, user_name, client_id \
             FROM queue_item_actions WHERE state < 2 AND not_before <= $1 AND (run IS NULL OR run = $2 OR beat_at <= $3) \
             ORDER BY coalesce(beat_at, 0), id LIMIT 1",
            params![now, node, now - STALE],
        )
        .await?;
    row.as_ref().map(task).transpose()
}

fn task(row: &Row) -> Result<Task> {
    let wrong = |e: serde_json::Error| Error::internal(format!("the figures of an action: {e}"));
    let reasons: Vec<Value> = serde_json::from_str(&row.get::<String>(14)?).map_err(wrong)?;
    let reasons =
        reasons.iter().filter_map(|r| Some((r["Reason"].as_str()?.to_owned(), r["Count"].as_i64()?))).collect();
    Ok(Task {
        id: row.get(0)?,
        place: Place { organization: row.get(1)?, tenant: row.get(2)?, folder: row.get(3)?, queue: row.get(4)? },
        action: Action::of(row.get(5)?, row.get(6)?),
        filter: row.get(7)?,
        requested_at: row.get(8)?,
        ceiling: row.get(9)?,
        reached: row.get(10)?,
        attempts: row.get(11)?,
        total: row.get(12)?,
        handled: row.get(13)?,
        reasons,
        failures: serde_json::from_str(&row.get::<String>(15)?).map_err(wrong)?,
        user_id: row.get(16)?,
        user_name: row.get(17)?,
        client_id: row.get(18)?,
    })
}

/// How reasons are shown and stored.
pub fn listed(reasons: &BTreeMap<String, i64>) -> Value {
    reasons.iter().map(|(reason, count)| json!({"Reason": reason, "Count": count})).collect()
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE).collect()
}

impl Task {
    /// Changes of items are made in the name of whoever asked for them.
    pub fn context(&self, duty: &str) -> UnitContext {
        let mut context = UnitContext::duty(duty).within(self.place.organization, self.place.tenant);
        context.folder_id = Some(self.place.folder);
        context.user_id = self.user_id;
        context.principal.name.clone_from(&self.user_name);
        if self.client_id.is_some() {
            context.principal.kind = PrincipalKind::Application;
            context.principal.client_id.clone_from(&self.client_id);
        }
        context
    }

    /// Begins a unit's work: takes or keeps the action for this node. False: it was cancelled, or moved on, or is
    /// somebody else's. On PostgreSQL the row stays locked until the unit ends, so that a cancellation waits for it.
    pub async fn hold(&self, unit: &mut Unit, node: &str) -> Result<bool> {
        let now = unit.now();
        let held = unit
            .execute(
                "UPDATE queue_item_actions SET run = $1, beat_at = $2, state = 1, started_at = coalesce(started_at, $2) \
                 WHERE id = $3 AND reached = $4 AND state < 2 AND (run IS NULL OR run = $1 OR beat_at <= $5)",
                params![node, now, self.id, self.reached, now - STALE],
            )
            .await?;
        Ok(held == 1)
    }

    /// Ends a unit's work: what was done is counted in the unit that did it.
    pub async fn advance(&self, unit: &mut Unit, progress: Progress) -> Result<()> {
        let now = unit.now();
        let Progress { tally, failure, up_to } = progress;
        let mut reasons = self.reasons.clone();
        let mut skipped = tally.passed_over();
        for (reason, count) in &tally.skipped {
            *reasons.entry(reason.clone()).or_default() += count;
        }
        let failed = i64::from(failure.is_some());
        let mut failures = self.failures.clone();
        if let Some((id, message)) = failure
            && failures.len() < MOST_FAILURES
        {
            failures.push(json!({"Id": id, "Message": shortened(&message)}));
        }
        let ends = up_to >= self.ceiling;
        let mut total = self.total;
        if ends {
            // Whatever was selected at the beginning and is not any more was never come by.
            let handled = self.handled + tally.changed + skipped + failed;
            let missing = total.map_or(0, |total| (total - handled).max(0));
            if missing > 0 {
                *reasons.entry(UNSELECTED.to_owned()).or_default() += missing;
                skipped += missing;
            }
            total = Some(handled + missing);
        }
        unit.execute(
            "UPDATE queue_item_actions SET reached = $1, done = done + $2, skipped = skipped + $3, failed = failed + $4, \
             reasons = $5, failures = $6, attempts = 0, total = $7, state = $8, ended_at = $9 WHERE id = $10",
            params![
                up_to,
                tally.changed,
                skipped,
                failed,
                listed(&reasons).to_string(),
                Value::Array(failures).to_string(),
                total,
                if ends { COMPLETED } else { 1 },
                ends.then_some(now),
                self.id
            ],
        )
        .await?;
        Ok(())
    }

    /// Puts the next try off.
    pub async fn postpone(&self, unit: &mut Unit) -> Result<()> {
        let now = unit.now();
        unit.execute(
            "UPDATE queue_item_actions SET attempts = attempts + 1, not_before = $1 \
             WHERE id = $2 AND reached = $3 AND state < 2",
            params![now + RETRY, self.id, self.reached],
        )
        .await?;
        Ok(())
    }

    /// Ends it without having come to its end.
    pub async fn fail(&self, unit: &mut Unit, message: &str) -> Result<()> {
        let now = unit.now();
        unit.execute(
            "UPDATE queue_item_actions SET state = $1, message = $2, ended_at = $3 \
             WHERE id = $4 AND reached = $5 AND state < 2",
            params![FAILED, shortened(message), now, self.id, self.reached],
        )
        .await?;
        Ok(())
    }
}

/// Reason: it does not fulfil the filter any more, or is not there.
pub const UNSELECTED: &str = "NoLongerSelected";

/// Cancels an unfinished one; whether it was unfinished.
pub async fn cancel(unit: &mut Unit, id: i64) -> Result<bool> {
    let now = unit.now();
    let sql = "UPDATE queue_item_actions SET state = $1, ended_at = $2 WHERE id = $3 AND state < 2";
    Ok(unit.execute(sql, params![CANCELLED, now, id]).await? == 1)
}

/// Whether there are any whose time is over.
pub async fn any_old(conn: &mut Conn, now: Micros) -> Result<bool> {
    let sql = "SELECT 1 FROM queue_item_actions WHERE ended_at <= $1 LIMIT 1";
    Ok(conn.query_opt(sql, params![now - KEPT_FOR]).await?.is_some())
}

/// Removes those whose time is over.
pub async fn remove_old(unit: &mut Unit) -> Result<()> {
    let now = unit.now();
    unit.execute("DELETE FROM queue_item_actions WHERE ended_at <= $1", params![now - KEPT_FOR]).await?;
    Ok(())
}
