//! Changing a person's account. What is absent or null stays as it is.

use super::super::answer::{Stop, succeeded};
use super::super::form;
use super::create::{hashed, joined};
use super::named;
use crate::users::{self, Profile, User};
use crate::{administrators, groups as memberships};
use bandmaster_api::{Call, Fields, Output};
use bandmaster_core::{Error, PrincipalKind, Result};
use serde_json::{Map, Value};

/// Longest text of all further attributes together, in bytes.
const LONGEST: usize = 64 << 10;

/// `PUT /api/User/{userId}`.
pub(super) async fn update(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let body = form::read(call).await?;
        let body = Fields::of(&body);
        let (user, administers) = named(call).await?;
        may(call, &body, &user, administers)?;
        let hash = match body.text("password") {
            Some(password) => Some(hashed(call, password, true).await?),
            None => None,
        };
        let attributes = attributes(&user, &body)?;
        let mut unit = call.begin().await?;
        let organization = user.organization_id;
        let (to_add, to_remove) = (body.list("groupIDsToAdd"), body.list("groupIDsToRemove"));
        // Whatever ends credentials begins alike, so that two changes at once never wait for each other.
        let withdraws = body.bool("isActive").is_some() || hash.is_some() || !to_remove.is_empty();
        let guard = match withdraws {
            true => Some(administrators::guard(&mut unit, organization).await?),
            false => None,
        };
        let profile = Profile {
            name: body.text("name"),
            surname: body.text("surname"),
            display_name: body.text("displayName"),
            email: body.text("email"),
            bypass_basic_auth_restriction: body.bool("bypassBasicAuthRestriction"),
            invitation_accepted: body.bool("invitationAccepted"),
            attributes: attributes.as_deref(),
        };
        if let Err(fault) = users::change(&mut unit, &user, &profile).await? {
            return Err(Stop::failed(fault.code(), fault.text()));
        }
        if let Some(active) = body.bool("isActive").filter(|a| *a != user.is_active) {
            users::set_active(&mut unit, &user, active).await?;
        }
        if let Some(hash) = hash {
            users::set_password(&mut unit, &user, &hash, false).await?;
        }
        for group in joined(&mut unit, organization, to_add).await? {
            memberships::add_member(&mut unit, &group, &user.key).await?;
        }
        for group in joined(&mut unit, organization, to_remove).await? {
            memberships::remove_member(&mut unit, &group, &user.key).await?;
        }
        if let Some(guard) = guard
            && !guard.remain(&mut unit).await?
        {
            return Err(Stop::failed("LastAdministrator", administrators::LAST));
        }
        unit.commit().await?;
        Ok(Output::json(succeeded()))
    })
    .await
}

/// Whether the caller may change these members. Others than administrators change only how they themselves are
/// called. Who administers an organization gets no hold on an administrator of the whole installation by it.
fn may(call: &Call, body: &Fields<'_>, user: &User, administers: bool) -> Result<()> {
    let given = |names: &[&str]| names.iter().any(|n| body.get(n).is_some());
    let flags = [
        "isActive",
        "groupIDsToAdd",
        "groupIDsToRemove",
        "bypassBasicAuthRestriction",
        "invitationAccepted",
        "extensionUserAttributesToAddOrUpdate",
        "extensionUserAttributesToRemove",
    ];
    let credentials = ["password", "email"];
    if !administers && (given(&flags) || given(&credentials)) {
        return Err(Error::forbidden());
    }
    let host = call.principal.host && call.principal.kind == PrincipalKind::User;
    if user.is_host && !host && given(&["password", "email", "isActive"]) {
        return Err(Error::forbidden());
    }
    Ok(())
}

/// The account's further attributes after the change; none when nothing of them changes.
fn attributes(user: &User, body: &Fields<'_>) -> Result<Option<String>, Stop> {
    let set = body.get("extensionUserAttributesToAddOrUpdate").and_then(Value::as_object);
    let unset = body.list("extensionUserAttributesToRemove");
    if set.is_none() && unset.is_empty() {
        return Ok(None);
    }
    let mut all: Map<String, Value> = serde_json::from_str(&user.attributes)
        .map_err(|_| Error::internal("an account's further attributes cannot be read"))?;
    for (name, value) in set.into_iter().flatten() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    for name in unset.iter().filter_map(Value::as_str) {
        all.remove(name);
    }
    let text = Value::Object(all).to_string();
    if text.len() > LONGEST {
        return Err(Stop::failed("InvalidAttributes", "The further attributes are too long."));
    }
    Ok(Some(text))
}
