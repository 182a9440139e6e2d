//! The caller: account, workspace, permissions.

use super::entity::{EXTENDED_USER, USER, extended_type};
use super::shown;
use crate::roles::shown_permission;
use bandmaster_api::{Call, Output, PermissionSet, Registry, own};
use bandmaster_core::{PrincipalKind, Result};
use bandmaster_model::FolderRule;
use bandmaster_odata::{Expand, Query};
use serde_json::json;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(&extended_type());
    r.serve("Users_GetCurrentUser", current);
    r.serve("Users_GetCurrentPermissions", permissions).folder(FolderRule::Optional);
    let row = own(
        "Users_GetCurrentUserExtended",
        "GET",
        "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUserExtended",
    )
    .scopes("OR.Users,OR.Users.Read")
    .options("$expand $select")
    .returns(200, "ExtendedUserDto")
    .returns(204, "-");
    r.add(row, extended);
}

/// The account behind the call; none for machines and for applications that act for themselves.
fn account(call: &Call) -> Option<i64> {
    call.user_id().filter(|_| call.principal.kind != PrincipalKind::Application)
}

async fn current(call: &mut Call) -> Result<Output> {
    let Some(id) = account(call) else { return Ok(Output::empty().status(204)) };
    let query = call.bound_query(&USER)?;
    Ok(Output::entity(USER.set, shown::one(call, query, id).await?))
}

async fn extended(call: &mut Call) -> Result<Output> {
    let Some(id) = account(call) else { return Ok(Output::empty().status(204)) };
    let mut query = call.bound_query(&EXTENDED_USER)?;
    // Clients read the workspace without always asking for it.
    if query.select.is_none()
        && let Some(navigation) = EXTENDED_USER.navigation("PersonalWorkspace")
        && !query.expand.iter().any(|e| e.navigation.name == navigation.name)
    {
        query.expand.push(Expand { navigation, query: Query::all((navigation.target)()) });
    }
    Ok(Output::entity(USER.set, shown::one(call, query, id).await?))
}

/// Names of what the caller may do in the tenant and in the folder of the headers (without one: in any folder). A bare
/// resource means View.
async fn permissions(call: &mut Call) -> Result<Output> {
    let held: Vec<String> = if call.rights.everything {
        bandmaster_api::rights::all_permissions().collect()
    } else {
        let mut set = call.rights.tenant;
        match call.folder_if_any() {
            Some(folder) => set.extend(call.rights.folders.get(&folder.id).unwrap_or(&PermissionSet::EMPTY)),
            None => call.rights.folders.values().for_each(|s| set.extend(s)),
        }
        set.names().collect()
    };
    let names: Vec<&str> = held.iter().map(|n| shown_permission(n)).collect();
    let row = json!({ "UserId": call.user_id(), "Permissions": names });
    Ok(Output::complex("UserPermissionsCollection", crate::shape::selected(call, row)?))
}
