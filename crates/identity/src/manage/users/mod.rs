//! `/api/User`: people's accounts. Making, changing and deleting them stands in the modules below.

mod create;
mod delete;
mod read;
mod update;

pub(super) use create::{hashed, joined};

use super::scoped;
use crate::users::{self, Kind, User};
use bandmaster_api::{Call, Registry, own};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, time};
use bandmaster_model::TypeRef;
use bandmaster_store::Conn;
use serde_json::{Value, json};

const READ: &str = "PM.User,PM.User.Read";
const WRITE: [&str; 2] = ["PM.User", "PM.User.Write"];

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(
        "type UserCreationAnswer\n  succeeded bool\n  errors [identity.IdentityError]\n  result identity.IdentityResult\n  users [identity.UserDto]\n",
    );
    r.serve("User_GetUsers", read::page).also(&[400, 403]);
    r.add(
        own("UserPartition_GetUsers", "GET", "/identity/api/UserPartition/users/{partitionGlobalId}")
            .tag("User")
            .scopes(READ)
            .path("partitionGlobalId", "uuid")
            .query("searchTerm", "string")
            .query("top", "int32")
            .query("skip", "int32")
            .query("sortBy", "string")
            .query("sortOrder", "identity.SortOrderDto")
            .returns(200, "identity.UserDtoPagedResultDto"),
        read::page,
    )
    .also(&[400, 403]);
    r.serve("User_GetUser", read::one).also(&[403, 404]);
    scoped(r.serve("User_CreateUser", create::one), &WRITE).also(&[403]);
    // The body that installations send and clients read has more than the published one.
    let bulk = scoped(r.serve("User_CreateUsers", create::several), &WRITE).also(&[403]);
    bulk.facts.responses = [200, 400].map(|s| (s, Some(TypeRef::parse("UserCreationAnswer")))).to_vec();
    scoped(r.serve("User_Update", update::update), &WRITE).streams().also(&[403, 404]);
    scoped(r.serve("User_Delete", delete::one), &WRITE).also(&[403, 404, 409]);
    scoped(r.serve("User_BulkDelete", delete::several), &WRITE).streams().also(&[400, 403, 409]);
}

/// An id as it was sent, in the form in which ids are stored.
pub(super) fn stored_id(text: &str) -> String {
    parse_guid(text).unwrap_or_else(|| text.trim().to_owned())
}

/// The person of that id in an organization. Others' and unknown ones are not found alike.
pub(crate) async fn person(conn: &mut Conn, organization_id: i64, id: &str) -> Result<User> {
    let found = users::by_text(conn, &stored_id(id)).await?;
    found
        .filter(|u| u.organization_id == organization_id && u.kind == Kind::Person)
        .ok_or_else(|| Error::not_found("User"))
}

/// The person whom the path names: everybody for administrators, oneself for others (403 otherwise, whether or not
/// the id exists). Also tells whether the caller administers.
pub(super) async fn named(call: &Call) -> Result<(User, bool)> {
    let id = call.need_argument("userId")?;
    let administers = super::administers(call).await?;
    if !administers && stored_id(id) != call.principal.key {
        return Err(Error::forbidden());
    }
    let user = person(&mut call.read().await?, call.principal.organization_id, id).await?;
    Ok((user, administers))
}

/// A person as the API shows it.
pub(super) fn shown(user: &User, groups: &[String]) -> Value {
    json!({
        "id": user.key,
        "userName": user.user_name,
        "email": user.email,
        "emailConfirmed": user.email_confirmed,
        "name": user.name,
        "surname": user.surname,
        "displayName": user.shown_name(),
        "creationTime": time::iso(user.created_at),
        "lastModificationTime": (user.updated_at != user.created_at).then(|| time::iso(user.updated_at)),
        "lastLoginTime": user.last_login_at.map(time::iso),
        "groupIDs": groups,
        "legacyId": user.id,
        "isActive": user.is_active,
        "bypassBasicAuthRestriction": user.bypass_basic_auth_restriction,
        "type": "user",
        "invitationAccepted": user.invitation_accepted,
    })
}
