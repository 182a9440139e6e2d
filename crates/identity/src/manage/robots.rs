//! `/api/RobotAccount`: accounts for robots that run unattended. They have no password and do not sign in.

use super::answer::Stop;
use super::paging::{self, Page};
use super::users::{joined, stored_id};
use super::{administered, at_home, form};
use crate::groups as memberships;
use crate::users::{self, Kind, NewUser, Profile, User};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result, time};
use bandmaster_store::Conn;
use serde_json::{Value, json};

/// What robot accounts can be sorted by.
const SORTABLE: [(&str, &str); 5] = [
    ("name", "fold(u.user_name)"),
    ("displayName", "COALESCE(fold(u.display_name), '')"),
    ("creationTime", "u.created_at"),
    ("lastLoginTime", "COALESCE(u.last_login_at, 0)"),
    ("id", "u.key"),
];

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("RobotAccount_GetRobotAccounts", page).also(&[400, 403]);
    r.serve("RobotAccount_GetRobotAccount", get).also(&[403, 404]);
    r.serve("RobotAccount_CreateRobotAccount", create).also(&[400, 403, 409]);
    r.serve("RobotAccount_UpdateRobotAccount", update).also(&[400, 403, 404]);
    r.serve("RobotAccount_Delete", remove).also(&[403, 404, 409]);
    r.serve("RobotAccount_BulkDelete", remove_several).streams().also(&[400, 403, 409]);
}

fn shown(robot: &User, groups: &[String]) -> Value {
    json!({
        "id": robot.key,
        "name": robot.user_name,
        "displayName": robot.shown_name(),
        "creationTime": time::iso(robot.created_at),
        "lastLoginTime": robot.last_login_at.map(time::iso),
        "groupIds": groups,
    })
}

async fn lookup(conn: &mut Conn, organization: i64, id: &str) -> Result<Option<User>> {
    let found = users::by_text(conn, &stored_id(id)).await?;
    Ok(found.filter(|u| u.organization_id == organization && u.kind == Kind::Robot))
}

async fn found(conn: &mut Conn, organization: i64, id: &str) -> Result<User> {
    lookup(conn, organization, id).await?.ok_or_else(|| Error::not_found("RobotAccount"))
}

async fn page(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let page = Page::of(call, &SORTABLE, "u.id", false)?;
    let mut conn = call.read().await?;
    let wanted = users::Wanted {
        kind: Kind::Robot,
        search: page.search.as_deref(),
        order: &page.order,
        top: page.top,
        skip: page.skip,
    };
    let (robots, total) = users::page(&mut conn, organization, &wanted).await?;
    let keys: Vec<&str> = robots.iter().map(|u| u.key.as_str()).collect();
    let groups = memberships::keys_of_accounts(&mut conn, organization, &keys).await?;
    let none = Vec::new();
    Ok(paging::answer(total, robots.iter().map(|u| shown(u, groups.get(&u.key).unwrap_or(&none))).collect()))
}

async fn get(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let mut conn = call.read().await?;
    let robot = found(&mut conn, organization, call.need_argument("robotAccountId")?).await?;
    let groups = memberships::keys_of(&mut conn, organization, &robot.key).await?;
    Ok(Output::json(shown(&robot, &groups)))
}

async fn create(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let body = call.body();
        let organization = administered(call, body.need_text("partitionGlobalId")?).await?;
        let new = NewUser {
            user_name: body.need_text("name")?,
            display_name: body.filled("displayName"),
            robot: true,
            ..NewUser::default()
        };
        let mut unit = call.begin().await?;
        let groups = joined(&mut unit, organization, body.list("groupIDsToAdd")).await?;
        let robot = users::create(&mut unit, organization, &new).await?;
        for group in &groups {
            memberships::add_member(&mut unit, group, &robot.key).await?;
        }
        let groups = memberships::keys_of(&mut unit, organization, &robot.key).await?;
        unit.commit().await?;
        Ok(Output::json(shown(&robot, &groups)).status(201))
    })
    .await
}

/// Changes the name to show and the groups; the name itself stays.
async fn update(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let body = call.body();
        let organization = match body.filled("partitionGlobalId") {
            Some(partition) => administered(call, partition).await?,
            None => at_home(call).await?,
        };
        let id = call.need_argument("robotAccountId")?;
        let mut unit = call.begin().await?;
        let robot = found(&mut unit, organization, id).await?;
        let profile = Profile { display_name: body.text("displayName"), ..Profile::default() };
        users::change(&mut unit, &robot, &profile).await?.map_err(Error::from)?;
        for group in joined(&mut unit, organization, body.list("groupIDsToAdd")).await? {
            memberships::add_member(&mut unit, &group, &robot.key).await?;
        }
        for group in joined(&mut unit, organization, body.list("groupIDsToRemove")).await? {
            memberships::remove_member(&mut unit, &group, &robot.key).await?;
        }
        let robot = found(&mut unit, organization, &robot.key).await?;
        let groups = memberships::keys_of(&mut unit, organization, &robot.key).await?;
        unit.commit().await?;
        Ok(Output::json(shown(&robot, &groups)))
    })
    .await
}

async fn remove(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let id = call.need_argument("robotAccountId")?;
    let mut unit = call.begin().await?;
    let robot = found(&mut unit, organization, id).await?;
    users::remove(&mut unit, &call.app, &robot).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// Unknown ids and those of other organizations are passed over.
async fn remove_several(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
        let ids = form::ids(call, "robotAccountIDs").await?;
        let mut unit = call.begin().await?;
        for id in &ids {
            if let Some(robot) = lookup(&mut unit, organization, id).await? {
                users::remove(&mut unit, &call.app, &robot).await?;
            }
        }
        unit.commit().await?;
        Ok(Output::empty().status(204))
    })
    .await
}
