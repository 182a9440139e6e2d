//! Reading people's accounts.

use super::super::administered;
use super::super::paging::{self, Page};
use super::{named, shown};
use crate::groups;
use crate::users::{self, Kind};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

/// What people can be sorted by.
const SORTABLE: [(&str, &str); 10] = [
    ("userName", "fold(u.user_name)"),
    ("email", "COALESCE(fold(u.email), '')"),
    ("name", "COALESCE(fold(u.name), '')"),
    ("surname", "COALESCE(fold(u.surname), '')"),
    ("displayName", "COALESCE(fold(u.display_name), '')"),
    ("creationTime", "u.created_at"),
    ("lastModificationTime", "u.updated_at"),
    ("lastLoginTime", "COALESCE(u.last_login_at, 0)"),
    ("isActive", "u.is_active"),
    ("id", "u.key"),
];

/// `GET /api/User/users/{partitionGlobalId}` and its older twin.
pub(super) async fn page(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let page = Page::of(call, &SORTABLE, "u.id", false)?;
    let mut conn = call.read().await?;
    let wanted = users::Wanted {
        kind: Kind::Person,
        search: page.search.as_deref(),
        order: &page.order,
        top: page.top,
        skip: page.skip,
    };
    let (found, total) = users::page(&mut conn, organization, &wanted).await?;
    let keys: Vec<&str> = found.iter().map(|u| u.key.as_str()).collect();
    let groups = groups::keys_of_accounts(&mut conn, organization, &keys).await?;
    let none = Vec::new();
    let rows = found.iter().map(|u| shown(u, groups.get(&u.key).unwrap_or(&none))).collect();
    Ok(paging::answer(total, rows))
}

/// `GET /api/User/{userId}`.
pub(super) async fn one(call: &mut Call) -> Result<Output> {
    let (user, _) = named(call).await?;
    let groups = groups::keys_of(&mut call.read().await?, user.organization_id, &user.key).await?;
    Ok(Output::json(shown(&user, &groups)))
}
