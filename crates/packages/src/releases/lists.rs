//! Reading processes.

use super::entity::{FULL_RELEASE, RELEASE};
use bandmaster_api::rights::level_of;
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_model::{EntityType, Permission};

/// Permissions of a repeated parameter; clients also separate them by commas.
fn permissions(call: &Call, name: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let words = call.query_all(name).flat_map(|v| v.split(',')).map(str::trim).filter(|w| !w.is_empty());
    for word in words {
        if level_of(word).is_none() {
            let shown: String = word.chars().take(100).collect();
            return Err(Error::new(
                400,
                codes::INVALID_PERMISSION_IN_CROSS_FOLDER_REQUEST,
                format!("There is no permission '{shown}'."),
            ));
        }
        found.push(word.to_owned());
    }
    Ok(found)
}

/// The folders to look into: those that the call may show, narrowed to where the caller has all mandatory permissions
/// and one of the others.
fn folders(call: &Call) -> Result<Folders> {
    let mandatory = permissions(call, "mandatoryPermissions")?;
    let any = permissions(call, "atLeastOnePermissions")?;
    let mut wanted = Permission(mandatory.into_iter().map(|name| vec![name]).collect());
    if !any.is_empty() {
        wanted.0.push(any);
    }
    Ok(match call.visible() {
        Folders::These(ids) => {
            Folders::These(ids.into_iter().filter(|id| call.rights.grants(&wanted, Some(*id))).collect())
        }
        all => all,
    })
}

async fn page(call: &Call, ty: &'static EntityType) -> Result<Output> {
    let folders = folders(call)?;
    call.list_query(call.bound_query(ty)?, &folders).await
}

/// `GET /odata/Releases`
pub(super) async fn list(call: &mut Call) -> Result<Output> {
    page(call, &RELEASE).await
}

/// `GET /odata/Releases/…ListReleases`
pub(super) async fn list_full(call: &mut Call) -> Result<Output> {
    page(call, &FULL_RELEASE).await
}

/// `GET /odata/Releases({key})`
pub(super) async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&RELEASE, id).await
}

/// `GET /odata/Releases({key})/…GetRelease`
pub(super) async fn get_full(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    absent_by_its_name(call.entity(&FULL_RELEASE, id).await)
}

/// `GET /odata/Releases/…GetByKey(identifier={guid})`
pub(super) async fn get_by_key(call: &mut Call) -> Result<Output> {
    let key = call.guid_argument("identifier")?;
    call.entity_where(&RELEASE, &call.visible(), "{t}.key = ?", vec![key.into()]).await
}

/// The longer type's name is nobody's word for a process.
fn absent_by_its_name(outcome: Result<Output>) -> Result<Output> {
    outcome.map_err(|e| if e.status() == 404 { Error::not_found("Release") } else { e })
}
