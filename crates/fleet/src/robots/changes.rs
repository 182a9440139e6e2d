//! Changing robots by themselves. Making and removing them is the business of their account; see `provision`.

use super::entity::ROBOT;
use super::record::RobotAccount;
use super::wish::RobotWish;
use super::{by_id, events, provision};
use crate::enums::{HOSTING_TYPE, ROBOT_TYPE};
use crate::{jobs, topics};
use bandmaster_api::query::entity_json;
use bandmaster_api::{App, Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use serde_json::Value;
use std::collections::HashSet;

/// Robots that one bulk call may name.
const MOST_AT_ONCE: usize = 1_000;

/// `POST /odata/Robots`: robots of the classic kind, bound to a machine by hand, are gone.
pub(super) async fn create_classic(_: &mut Call) -> Result<Output> {
    Err(Error::conflict(
        codes::CANNOT_CREATE_CLASSIC,
        "Robots are not created by hand: give an account an attended or unattended robot instead.",
    ))
}

/// `POST /odata/Robots/…ConvertToFloating`: all robots are floating already.
pub(super) async fn convert(call: &mut Call) -> Result<Output> {
    let id = call.body().int("robotId").ok_or_else(|| Error::unbound("robotId"))?;
    let mut conn = call.read().await?;
    match by_id(&mut conn, call.tenant_id()?, id).await? {
        None => Err(Error::not_found("Robot")),
        Some(_) => {
            Err(Error::conflict(codes::CANNOT_UPDATE_ROBOT_HOSTING_TYPE, "The robot is a floating robot already."))
        }
    }
}

async fn snapshot(unit: &mut Unit, id: i64) -> Result<Option<Value>> {
    let tenant = unit.tenant_id();
    Ok(entity_json(unit, &ROBOT, id, tenant).await?.map(Value::Object))
}

/// Refuses to change what a robot has from its account, or what floating robots do not have.
fn check_fixed(call: &Call, robot: &RobotAccount) -> Result<()> {
    let body = call.body();
    if body.choice("HostingType", &HOSTING_TYPE)?.is_some_and(|t| t != 1) {
        return Err(Error::conflict(
            codes::CANNOT_UPDATE_ROBOT_HOSTING_TYPE,
            "A floating robot cannot become a standard robot.",
        ));
    }
    if body.get("MachineId").is_some() || body.filled("MachineName").is_some() {
        return Err(Error::conflict(
            codes::CANNOT_ASSIGN_MACHINE_TO_FLOATING_ROBOT,
            "A floating robot is not bound to a machine.",
        ));
    }
    let renamed = body.filled("Name").is_some_and(|n| n != robot.short_name());
    let retyped = body.choice("Type", &ROBOT_TYPE)?.is_some_and(|t| t != robot.robot_type);
    let moved = body.int("UserId").is_some_and(|u| u != robot.user_id);
    if renamed || retyped || moved {
        return Err(Error::conflict(
            codes::FIELD_NOT_EDITABLE,
            "Name, type and account of a robot are those that its account gives it.",
        ));
    }
    Ok(())
}

/// `PUT` and `PATCH /odata/Robots({key})`
pub(super) async fn update(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let wish = RobotWish::robot(&call.body())?;
    let tenant = call.tenant_id()?;
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let robot = by_id(&mut unit, tenant, id).await?.ok_or_else(|| Error::not_found("Robot"))?;
    check_fixed(call, &robot)?;
    provision::check(Some(&robot), robot.kind, &wish)?;
    let other_user = wish.os_user_name.as_ref().is_some_and(|n| *n != robot.os_user_name);
    if other_user && jobs::usage(&app, &mut unit, tenant).await?.of_robot(id) > 0 {
        return Err(Error::conflict(
            codes::CANNOT_UPDATE_BUSY_ROBOT,
            "The robot runs a job; its user name cannot be changed meanwhile.",
        ));
    }
    let before = snapshot(&mut unit, id).await?;
    provision::change(&mut unit, &app.keys, &robot, &robot.name, &wish).await?;
    finish(&mut unit, &robot, "Update", before).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// Audit entry, event and nudge after a change of a robot.
async fn finish(unit: &mut Unit, robot: &RobotAccount, action: &str, before: Option<Value>) -> Result<()> {
    let after = snapshot(unit, robot.id).await?;
    unit.audit(Change {
        component: "Robots",
        action,
        id: Some(robot.id),
        key: Some(&robot.key),
        name: &robot.name,
        before,
        after,
    })
    .await?;
    let now = by_id(unit, robot.tenant_id, robot.id).await?;
    if let Some(now) = &now {
        events::changed(unit, "robot.updated", std::slice::from_ref(now)).await?;
    }
    unit.nudge(topics::CAPACITY);
    Ok(())
}

fn named(ids: Vec<i64>) -> Result<Vec<i64>> {
    if ids.is_empty() {
        return Err(Error::argument("robotIds must name at least one robot."));
    }
    if ids.len() > MOST_AT_ONCE {
        return Err(Error::argument(format!("At most {MOST_AT_ONCE} robots can be named at once.")));
    }
    let mut seen = HashSet::new();
    Ok(ids.into_iter().filter(|id| seen.insert(*id)).collect())
}

/// `POST /odata/Robots/…ToggleEnabledStatus`. All of them or, when one is unknown, none.
pub(super) async fn toggle(call: &mut Call) -> Result<Output> {
    let ids = named(call.body().ints("robotIds"))?;
    let enabled = call.body().bool("enabled").ok_or_else(|| Error::unbound("enabled"))?;
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let (now, by) = (unit.now(), unit.context().user_id);
    for id in ids {
        let robot = by_id(&mut unit, tenant, id).await?.ok_or_else(|| Error::not_found("Robot"))?;
        if robot.enabled == enabled {
            continue;
        }
        let before = snapshot(&mut unit, id).await?;
        unit.execute(
            "UPDATE robots SET enabled = $1, updated_at = $2, updater_user_id = $3 WHERE id = $4",
            params![enabled, now, by, id],
        )
        .await?;
        finish(&mut unit, &robot, "Toggle", before).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// `DELETE /odata/Robots({key})`
pub(super) async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    remove(&app, &mut unit, &[id]).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Robots/…DeleteBulk`. All of them or, when one cannot be deleted, none.
pub(super) async fn delete_bulk(call: &mut Call) -> Result<Output> {
    let ids = named(call.body().ints("robotIds"))?;
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    remove(&app, &mut unit, &ids).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn remove(app: &App, unit: &mut Unit, ids: &[i64]) -> Result<()> {
    let tenant = unit.tenant_id();
    let usage = jobs::usage(app, unit, tenant).await?;
    let targets = jobs::trigger_targets(app, unit, tenant).await?;
    let mut robots = Vec::with_capacity(ids.len());
    for id in ids {
        let robot = by_id(unit, tenant, *id).await?.ok_or_else(|| Error::not_found("Robot"))?;
        if usage.of_robot(*id) > 0 || targets.robot(*id) {
            return Err(Error::conflict(
                codes::CANNOT_DELETE_BUSY_ROBOT,
                format!("The robot of {} runs a job, or triggers use it.", robot.name),
            ));
        }
        let before = snapshot(unit, *id).await?;
        unit.audit(Change {
            component: "Robots",
            action: "Delete",
            id: Some(*id),
            key: Some(&robot.key),
            name: &robot.name,
            before,
            ..Change::default()
        })
        .await?;
        robots.push(robot);
    }
    provision::delete(unit, &robots).await
}
