//! Asking for actions, looking at them, and ending them early. An action belongs to the folder in which it was asked
//! for; whoever sees the items there sees it.

use super::entity::{ITEM_ACTION, STATE};
use super::rule::{ACTION, Action};
use super::selection::{Place, Selection, ceiling};
use super::{TOPIC, task};
use crate::definitions;
use crate::items::PRIORITY;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Change, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use serde_json::{Map, Value, json};

/// Most unfinished actions of a tenant: it keeps a script in a loop from piling them up.
const MOST: i64 = 100;

/// What the body wants.
struct Wish {
    action: Action,
    filter: Option<String>,
    place: Place,
}

impl Wish {
    fn read(call: &Call) -> Result<Wish> {
        let body = call.body();
        let number = body.choice("Action", &ACTION)?.ok_or_else(|| Error::unbound("action"))?;
        let priority = body.choice("Priority", &PRIORITY)?;
        let action = Action::of(number, priority).ok_or_else(|| Error::argument("The field Priority is required."))?;
        if priority.is_some() && !matches!(action, Action::SetPriority(_)) {
            return Err(Error::argument("Priority goes with the action SetPriority only."));
        }
        let filter = body.text("Filter").map(str::trim).filter(|f| !f.is_empty()).map(str::to_owned);
        let queue = body.int("QueueDefinitionId");
        if filter.is_none() && queue.is_none() {
            return Err(Error::argument("Give a Filter, or a QueueDefinitionId, or both."));
        }
        let place = Place {
            organization: call.tenant()?.organization_id,
            tenant: call.tenant_id()?,
            folder: call.folder()?.id,
            queue,
        };
        call.require(action.permission(), Some(place.folder))?;
        Ok(Wish { action, filter, place })
    }

    async fn selection(&self, call: &Call) -> Result<Selection> {
        if let Some(queue) = self.place.queue {
            let Place { tenant, folder, .. } = self.place;
            definitions::linked(&mut call.read().await?, tenant, folder, queue).await?;
        }
        Selection::new(self.place, self.filter.as_deref(), call.now())
    }
}

/// DryRun: what would be done, without doing it.
pub async fn preview(call: &mut Call) -> Result<Output> {
    let wish = Wish::read(call)?;
    let selection = wish.selection(call).await?;
    let tally = selection.tally(&mut call.read().await?, wish.action, i64::MAX, call.now()).await?;
    let told = json!({
        "Action": ACTION.label(wish.action.number()),
        "Total": tally.total(),
        "Changed": tally.changed,
        "Skipped": tally.passed_over(),
        "SkippedReasons": task::listed(&tally.skipped),
    });
    let Value::Object(told) = told else { return Err(Error::internal("an object is an object")) };
    Ok(Output::complex("QueueItemActionPreviewDto", told))
}

/// POST: the action is written down and begins soon.
pub async fn start(call: &mut Call) -> Result<Output> {
    let wish = Wish::read(call)?;
    let selection = wish.selection(call).await?;
    let (now, place) = (call.now(), wish.place);
    let (ceiling, total) = {
        let mut conn = call.read().await?;
        let ceiling = ceiling(&mut conn, place.tenant).await?;
        match selection.tally(&mut conn, wish.action, ceiling, now).await {
            Ok(tally) => (ceiling, Some(tally.total())),
            // The filter was understood: there is just too much to count in one statement's time. The action itself
            // reads in small pieces.
            Err(error) if error.status() == 400 => (ceiling, None),
            Err(error) => return Err(error),
        }
    };
    let mut unit = call.begin().await?;
    if task::unfinished(&mut unit, place.tenant).await? >= MOST {
        let text = format!("{MOST} actions on queue items are not finished yet. Try again later.");
        return Err(Error::conflict(codes::FORBIDDEN_OPERATION, text));
    }
    let id = task::insert(&mut unit, place, wish.action, wish.filter.as_deref(), total, ceiling).await?;
    let word = ACTION.label(wish.action.number()).unwrap_or_default();
    let priority = match wish.action {
        Action::SetPriority(priority) => PRIORITY.label(priority),
        _ => None,
    };
    let change = Change {
        component: "Queues",
        action: wish.action.audited(),
        id: Some(id),
        name: &format!("{word} of queue items"),
        after: Some(json!({
            "QueueItemAction": id,
            "Action": word,
            "Priority": priority,
            "Filter": wish.filter,
            "QueueDefinitionId": place.queue,
            "Total": total,
        })),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.nudge(TOPIC);
    let made = entity_json(&mut unit, &ITEM_ACTION, id, place.tenant).await?;
    unit.commit().await?;
    Ok(Output::entity(ITEM_ACTION.set, made.ok_or_else(|| Error::internal("an action is gone"))?))
}

/// GET: those of the folder.
pub async fn list(call: &mut Call) -> Result<Output> {
    call.list(&ITEM_ACTION).await
}

/// GET: one, with its progress.
pub async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&ITEM_ACTION, id).await
}

/// Cancel: nothing more is changed once this was answered. What was done stays.
pub async fn cancel(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let row = unit
        .query_opt(
            "SELECT action, priority FROM queue_item_actions WHERE id = $1 AND tenant_id = $2 AND folder_id = $3",
            params![id, tenant, folder],
        )
        .await?
        .ok_or_else(|| Error::not_found("QueueItemAction"))?;
    if let Some(action) = Action::of(row.get(0)?, row.get(1)?) {
        call.require(action.permission(), Some(folder))?;
    }
    if !task::cancel(&mut unit, id).await? {
        return Err(Error::conflict(codes::INVALID_REQUEST, "The action has ended already."));
    }
    let ended = entity_json(&mut unit, &ITEM_ACTION, id, tenant).await?;
    let ended: Map<String, Value> = ended.ok_or_else(|| Error::internal("an action is gone"))?;
    let change = Change {
        component: "Queues",
        action: "End",
        id: Some(id),
        name: "action on queue items",
        after: Some(
            json!({"QueueItemAction": id, "State": STATE.label(super::entity::CANCELLED), "Done": ended["Done"]}),
        ),
        ..Change::default()
    };
    unit.audit(change).await?;
    unit.commit().await?;
    Ok(Output::entity(ITEM_ACTION.set, ended))
}
