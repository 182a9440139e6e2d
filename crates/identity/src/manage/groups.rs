//! `/api/Group`: groups and their members.

use super::answer::Stop;
use super::directory::member_json;
use super::users::stored_id;
use super::{administered, at_home, belonging, form};
use crate::groups::{self as memberships, Group};
use crate::{administrators, directory};
use bandmaster_api::{Call, Output, Registry, Unit};
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_store::Conn;
use serde_json::{Value, json};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Group_GetGroups", list).also(&[403]);
    r.serve("Group_GetGroup", get).also(&[403, 404]);
    r.serve("Group_CreateGroup", create).also(&[400, 403, 409]);
    r.serve("Group_UpdateGroup", update).also(&[400, 403, 404, 409]);
    r.serve("Group_Delete", remove).also(&[403, 404, 409]);
    r.serve("Group_BulkDelete", remove_several).streams().also(&[400, 403, 409]);
}

async fn shown(conn: &mut Conn, group: &Group, with_members: bool) -> Result<Value> {
    let members = match with_members {
        true => Some(directory::members(conn, group).await?.iter().map(member_json).collect::<Vec<_>>()),
        false => None,
    };
    Ok(json!({
        "id": group.key,
        "name": group.name,
        "displayName": group.name,
        "type": if group.is_built_in { "builtIn" } else { "custom" },
        "creationTime": time::iso(group.created_at),
        "lastModificationTime": (group.updated_at != group.created_at).then(|| time::iso(group.updated_at)),
        "members": members,
    }))
}

async fn list(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let mut conn = call.read().await?;
    let mut out = Vec::new();
    for group in memberships::all(&mut conn, organization).await? {
        out.push(shown(&mut conn, &group, false).await?);
    }
    Ok(Output::json(out))
}

async fn found(conn: &mut Conn, organization: i64, id: &str) -> Result<Group> {
    let group = memberships::by_key(conn, organization, &stored_id(id)).await?;
    group.ok_or_else(|| Error::not_found("Group"))
}

/// Clients that work for a person look up a group by its id, which therefore everybody of the organization may.
/// Members are told to administrators only.
async fn get(call: &mut Call) -> Result<Output> {
    let organization = belonging(call, call.need_argument("partitionGlobalId")?).await?;
    let administers = super::administers(call).await?;
    let mut conn = call.read().await?;
    let group = found(&mut conn, organization, call.need_argument("groupId")?).await?;
    Ok(Output::json(shown(&mut conn, &group, administers).await?))
}

async fn create(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let organization = administered(call, body.need_text("partitionGlobalId")?).await?;
    // The empty GUID is how some clients write none.
    let key = body.filled("id").filter(|id| id.bytes().any(|b| !matches!(b, b'0' | b'-'))).map(str::to_owned);
    let name = body.need_text("name")?;
    let mut unit = call.begin().await?;
    let group = memberships::create(&mut unit, organization, name, key).await?;
    add(&mut unit, &group, body.list("directoryUserMemberIDs")).await?;
    let group = found(&mut unit, organization, &group.key).await?;
    let answer = shown(&mut unit, &group, true).await?;
    unit.commit().await?;
    Ok(Output::json(answer).status(201))
}

async fn add(unit: &mut Unit, group: &Group, ids: &[Value]) -> Result<()> {
    for id in ids.iter().filter_map(Value::as_str) {
        let entry = directory::by_key(unit, group.organization_id, &stored_id(id)).await?;
        let Some(entry) = entry.filter(|e| e.what != directory::What::Group) else {
            return Err(Error::argument("Members are accounts or applications of the organization."));
        };
        if group.holds_everybody() {
            return Err(Error::argument("Everybody is in this group; its members cannot be changed."));
        }
        memberships::add_member(unit, group, &entry.key).await?;
    }
    Ok(())
}

async fn update(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let organization = match body.filled("partitionGlobalId") {
        Some(partition) => administered(call, partition).await?,
        None => at_home(call).await?,
    };
    let (to_add, to_remove) = (body.list("directoryUserIDsToAdd"), body.list("directoryUserIDsToRemove"));
    let id = call.need_argument("groupId")?;
    let mut unit = call.begin().await?;
    let guard = match to_remove.is_empty() {
        true => None,
        false => Some(administrators::guard(&mut unit, organization).await?),
    };
    let group = found(&mut unit, organization, id).await?;
    if let Some(name) = body.filled("name") {
        memberships::rename(&mut unit, &group, name).await?;
    }
    add(&mut unit, &group, to_add).await?;
    if group.holds_everybody() && !to_remove.is_empty() {
        return Err(Error::argument("Everybody is in this group; its members cannot be changed."));
    }
    // Whoever is no member stays none.
    for member in to_remove.iter().filter_map(Value::as_str) {
        memberships::remove_member(&mut unit, &group, &stored_id(member)).await?;
    }
    if let Some(guard) = guard
        && !guard.remain(&mut unit).await?
    {
        return Err(Error::conflict(codes::ERROR_DELETING, administrators::LAST));
    }
    let group = found(&mut unit, organization, &group.key).await?;
    let answer = shown(&mut unit, &group, true).await?;
    unit.commit().await?;
    Ok(Output::json(answer))
}

async fn remove(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let id = call.need_argument("groupId")?;
    let mut unit = call.begin().await?;
    let group = found(&mut unit, organization, id).await?;
    memberships::remove(&mut unit, &call.app, &group).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// Unknown ids and those of other organizations are passed over; a built-in group among them refuses the whole.
async fn remove_several(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
        let ids = form::ids(call, "groupIDs").await?;
        let mut unit = call.begin().await?;
        for id in &ids {
            if let Some(group) = memberships::by_key(&mut unit, organization, &stored_id(id)).await? {
                memberships::remove(&mut unit, &call.app, &group).await?;
            }
        }
        unit.commit().await?;
        Ok(Output::empty().status(204))
    })
    .await
}
