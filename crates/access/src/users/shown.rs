//! Showing accounts: the generic query of the type, with the robots filled in that the fleet keeps.

use crate::parts::RobotProvisioning;
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result};
use bandmaster_model::EntityType;
use bandmaster_odata::Query;
use serde_json::{Map, Value};

const ROBOTS: [&str; 2] = ["RobotProvision", "UnattendedRobot"];

/// Fills in the robots of rows that show them and have their `Id`.
async fn fill(call: &Call, rows: &mut [Map<String, Value>]) -> Result<()> {
    let Some(part) = call.app.parts.get::<Box<dyn RobotProvisioning>>() else { return Ok(()) };
    let shows = |row: &Map<String, Value>| ROBOTS.iter().any(|name| row.contains_key(*name));
    let ids: Vec<i64> = rows.iter().filter(|r| shows(r)).filter_map(|r| r.get("Id")?.as_i64()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut conn = call.read().await?;
    let mut robots = part.show(&mut conn, call.tenant_id()?, &ids).await?;
    for row in rows {
        let Some(shown) = row.get("Id").and_then(Value::as_i64).and_then(|id| robots.remove(&id)) else { continue };
        for (name, value) in ROBOTS.into_iter().zip([shown.attended, shown.unattended]) {
            if let Some(slot) = row.get_mut(name) {
                *slot = value;
            }
        }
    }
    Ok(())
}

/// Lets a query read the `Id` even when it is not asked for; tells whether it has to be taken out again.
fn with_id(query: &mut Query) -> bool {
    let Some(id) = query.ty.property("Id") else { return false };
    match &mut query.select {
        Some(selected)
            if selected.iter().any(|p| ROBOTS.contains(&p.name)) && !selected.iter().any(|p| p.name == id.name) =>
        {
            selected.push(id);
            true
        }
        _ => false,
    }
}

/// The rows of a query over accounts and their total.
pub async fn rows(call: &Call, mut query: Query) -> Result<(Vec<Map<String, Value>>, Option<u64>)> {
    let hidden = with_id(&mut query);
    let (mut rows, total) = call.rows(query, &Folders::All).await?;
    fill(call, &mut rows).await?;
    if hidden {
        rows.iter_mut().for_each(|row| _ = row.remove("Id"));
    }
    Ok((rows, total))
}

/// A page of accounts.
pub async fn page(call: &Call, query: Query) -> Result<Output> {
    let set = query.ty.set;
    let (rows, total) = rows(call, query).await?;
    Ok(Output::page(set, rows.into_iter().map(Value::Object).collect(), total))
}

/// All accounts, those that fulfil the condition first, as long as the request orders them in no other way.
pub async fn page_with_first(
    call: &Call,
    ty: &'static EntityType,
    first: &'static str,
    others: &'static str,
    id: i64,
) -> Result<Output> {
    let query = call.bound_query(ty)?;
    if !query.order.is_empty() {
        return page(call, query).await;
    }
    let top = query.top.unwrap_or(bandmaster_api::query::DEFAULT_TOP);
    let part = |condition, top, skip| {
        let mut part = query.clone();
        part.and_sql(condition, vec![id.into()]);
        (part.top, part.skip, part.count) = (Some(top), skip, Some(true));
        part
    };
    let (mut shown, in_front) = rows(call, part(first, top, query.skip)).await?;
    let in_front = in_front.unwrap_or(0);
    let left = top.saturating_sub(u32::try_from(shown.len()).unwrap_or(u32::MAX));
    let (more, behind) = rows(call, part(others, left, query.skip.saturating_sub(in_front))).await?;
    shown.extend(more);
    let total = (query.count != Some(false)).then(|| in_front + behind.unwrap_or(0));
    Ok(Output::page(ty.set, shown.into_iter().map(Value::Object).collect(), total))
}

/// One account with the request's options.
pub async fn one(call: &Call, mut query: Query, id: i64) -> Result<Map<String, Value>> {
    query.and_sql("{t}.id = ?", vec![id.into()]);
    (query.top, query.skip, query.count) = (Some(1), 0, Some(false));
    rows(call, query).await?.0.pop().ok_or_else(|| Error::not_found("User"))
}

/// One account with everything that it has, whatever the request's options are.
pub async fn whole(call: &Call, ty: &'static EntityType, id: i64) -> Result<Map<String, Value>> {
    one(call, Query::all(ty), id).await
}
