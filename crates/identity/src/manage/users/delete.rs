//! Deleting people's accounts: one, or many as one unit.

use super::super::answer::{Stop, invalid};
use super::super::{administered, at_home, form};
use super::{person, stored_id};
use crate::administrators;
use crate::users::{self, Kind, User};
use bandmaster_api::{Call, Fields, Output, Unit};
use bandmaster_core::{Error, PrincipalKind, Result, codes};
use serde_json::Value;

/// Most ids at once.
const MOST: usize = 10_000;

/// `DELETE /api/User/{userId}`.
pub(super) async fn one(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let user = person(&mut call.read().await?, organization, call.need_argument("userId")?).await?;
    spare_caller(call, std::slice::from_ref(&user))?;
    let mut unit = call.begin().await?;
    let guard = administrators::guard(&mut unit, organization).await?;
    // Somebody else may have deleted it meanwhile.
    let user = person(&mut unit, organization, &user.key).await?;
    users::remove(&mut unit, &call.app, &user).await?;
    keep(guard, &mut unit).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// `DELETE /api/User`. Ids are compared as texts with the stored ones; unknown ids and those of other organizations
/// are passed over. Nothing is deleted when the last administrator would be.
pub(super) async fn several(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let body = form::read(call).await?;
        let body = Fields::of(&body);
        let mut problems = Vec::new();
        let partition = body.filled("partitionGlobalId").or_else(|| call.query("partitionGlobalId"));
        if partition.is_none() {
            problems.push(("partitionGlobalId".to_owned(), "The organization's GUID is needed.".to_owned()));
        }
        if body.get("userIds").is_none() {
            problems.push(("userIds".to_owned(), "A list of ids is needed.".to_owned()));
        } else if body.list("userIds").len() > MOST {
            problems.push(("userIds".to_owned(), format!("The list has at most {MOST} ids.")));
        }
        let Some(partition) = partition.filter(|_| problems.is_empty()) else { return Err(invalid(call, problems)) };
        let organization = administered(call, partition).await?;
        let mut unit = call.begin().await?;
        let guard = administrators::guard(&mut unit, organization).await?;
        let mut doomed: Vec<User> = Vec::new();
        for id in body.list("userIds").iter().filter_map(Value::as_str) {
            let found = users::by_text(&mut unit, &stored_id(id)).await?;
            let found = found.filter(|u| u.organization_id == organization && u.kind == Kind::Person);
            if let Some(user) = found.filter(|u| doomed.iter().all(|d| d.id != u.id)) {
                doomed.push(user);
            }
        }
        if body.bool("deleteCurrentUser") != Some(true) {
            spare_caller(call, &doomed)?;
        }
        for user in &doomed {
            users::remove(&mut unit, &call.app, user).await?;
        }
        keep(guard, &mut unit).await?;
        unit.commit().await?;
        Ok(Output::empty().status(204))
    })
    .await
}

/// Refuses to delete the caller's own account.
fn spare_caller(call: &Call, doomed: &[User]) -> Result<()> {
    let p = &call.principal;
    if p.kind == PrincipalKind::User && doomed.iter().any(|u| u.key == p.key) {
        return Err(Error::conflict(codes::ERROR_DELETING, "The own account cannot be deleted."));
    }
    Ok(())
}

async fn keep(guard: administrators::Administrators, unit: &mut Unit) -> Result<()> {
    if guard.remain(unit).await? { Ok(()) } else { Err(Error::conflict(codes::ERROR_DELETING, administrators::LAST)) }
}
