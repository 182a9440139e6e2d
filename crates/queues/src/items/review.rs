//! Review of items that failed or were abandoned: its state, its reviewer, and the retry by hand.

use super::bulk::{self, Outcome};
use super::{REVIEW, reviewers, row_version};
use crate::attempt::{self, Attempt, Wanted};
use crate::codes::REVIEWER_NOT_AVAILABLE;
use crate::definitions::Definition;
use crate::history::{Action, Step, edited, record};
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_store::params;
use serde_json::{Value, json};

const FAILED: i64 = 2;
const ABANDONED: i64 = 4;
const RETRIED: i64 = 5;
/// Review state of an attempt that was retried by hand; it is final.
const REVIEW_RETRIED: i64 = 3;

/// Whether an item may be reviewed.
fn reviewable(item: &Attempt) -> bool {
    matches!(item.status, FAILED | ABANDONED) && item.review_status != REVIEW_RETRIED
}

/// Stores review state and reviewer of an item in the state and version in which it was read.
async fn store(unit: &mut Unit, item: &Attempt, status: i64, review: i64, reviewer: Option<i64>) -> Result<bool> {
    let (now, version) = (unit.now(), row_version(unit));
    let changed = unit
        .execute(
            "UPDATE queue_items SET status = CAST($1 AS BIGINT), review_status = $2, reviewer_user_id = $3, changed_at = $4, \
             row_version = $5, unique_reference = CASE WHEN CAST($1 AS BIGINT) = 5 THEN NULL ELSE unique_reference END \
             WHERE id = $6 AND row_version = $7",
            params![status, review, reviewer, now, version, item.id, item.row_version.as_str()],
        )
        .await?;
    Ok(changed == 1)
}

/// Retries an item by hand: its row says Retried, and a new attempt is made that takes over what `item` says. Whether
/// the item was still in the version that was read, and may be retried.
pub async fn retry(unit: &mut Unit, keys: &KeyRing, queue: &Definition, item: Attempt) -> Result<bool> {
    let reviewer = item.reviewer;
    set(unit, keys, queue, item, REVIEW_RETRIED, reviewer).await
}

async fn set(
    unit: &mut Unit,
    keys: &KeyRing,
    queue: &Definition,
    mut item: Attempt,
    review: i64,
    reviewer: Option<i64>,
) -> Result<bool> {
    if !reviewable(&item) {
        return Ok(false);
    }
    let retry = review == REVIEW_RETRIED;
    let status = if retry { RETRIED } else { item.status };
    if !store(unit, &item, status, review, reviewer).await? {
        return Ok(false);
    }
    let data = (!retry).then(|| edited(json!({"ReviewStatus": REVIEW.label(review), "ReviewerUserId": reviewer})));
    let step = Step {
        kind: if retry { "queueItem.retried" } else { "queueItem.reviewStatusChanged" },
        action: if retry { Action::Retry } else { Action::Edit },
        item: item.id,
        unique_key: &item.unique_key,
        queue: queue.id,
        was: Some(item.status),
        status,
        review,
        reviewer,
        data: data.flatten(),
        ..Step::default()
    };
    record(unit, step).await?;
    if retry {
        // The end that counts for the next attempt is the one that was reported.
        item.ended_at = item.ended_at.or(item.started_at);
        attempt::next(unit, keys, queue, item, Wanted::ByHand).await?;
    }
    Ok(true)
}

/// SetItemReviewStatus; `Retried` makes a new attempt.
pub async fn status(call: &mut Call) -> Result<Output> {
    let word = call.body().need_text("status")?.to_owned();
    let review = REVIEW
        .number(&word)
        .ok_or_else(|| Error::argument("status is one of None, InReview, Verified and Retried."))?;
    let after = json!({"ReviewStatus": REVIEW.label(review)});
    each(call, "ChangeStatus", after, |item| (review, item.reviewer)).await
}

/// SetItemReviewer.
pub async fn reviewer(call: &mut Call) -> Result<Output> {
    let user = call.body().need_int("userId")?;
    let (tenant, folder) = bulk::place(call)?;
    if !reviewers::ids(&mut call.read().await?, tenant, folder).await?.contains(&user) {
        return Err(Error::new(400, REVIEWER_NOT_AVAILABLE, "This user cannot review items of the folder."));
    }
    change_reviewer(call, Some(user)).await
}

/// UnsetItemReviewer.
pub async fn no_reviewer(call: &mut Call) -> Result<Output> {
    change_reviewer(call, None).await
}

async fn change_reviewer(call: &mut Call, reviewer: Option<i64>) -> Result<Output> {
    let action = if reviewer.is_some() { "Assign" } else { "Unassign" };
    let after = reviewer.map_or(Value::Null, |id| json!({"ReviewerUserId": id}));
    each(call, action, after, |item| (item.review_status, reviewer)).await
}

/// Gives each chosen item the review state and the reviewer that `wanted` says.
async fn each(
    call: &mut Call,
    action: &'static str,
    after: Value,
    wanted: impl Fn(&Attempt) -> (i64, Option<i64>),
) -> Result<Output> {
    let chosen = bulk::chosen(call.body())?;
    let ((tenant, folder), keys) = (bulk::place(call)?, call.app.keys.clone());
    let mut unit = call.begin().await?;
    let mut outcome = Outcome::default();
    for wish in &chosen {
        let done = match bulk::current(&mut unit, tenant, folder, wish).await? {
            Some((item, queue)) => {
                let (review, reviewer) = wanted(&item);
                set(&mut unit, &keys, &queue, item, review, reviewer).await?
            }
            None => false,
        };
        outcome.note(wish.id, done);
    }
    outcome.finish(unit, action, after).await
}
