//! Making people's accounts, one or many at once. What cannot be made is told with the identity service's codes, and
//! then nothing is made.

use super::super::administered;
use super::super::answer::{Stop, failures, succeeded};
use super::shown;
use crate::groups::{self as memberships, Group};
use crate::identity::Identity;
use crate::invitations;
use crate::password::Policy;
use crate::users::{self, NewUser, User};
use bandmaster_api::{Call, Fields, Output, Unit};
use bandmaster_core::{Result, Secret};
use serde_json::{Value, json};

/// Most accounts made at once.
const MOST: usize = 1_000;
/// Hashing nothing longer than the policy allows.
const LONGEST: usize = 256;

/// `POST /api/User`.
pub(super) async fn one(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let body = call.body();
        let organization = administered(call, body.need_text("partitionGlobalId")?).await?;
        let hash = match body.filled("password") {
            Some(password) => Some(hashed(call, password, body.bool("validatePassword") != Some(false)).await?),
            None => None,
        };
        let mut new = wanted(&body)?;
        new.password_hash = hash.as_deref();
        let mut unit = call.begin().await?;
        let groups = joined(&mut unit, organization, body.list("groupIDs")).await?;
        let user = made(&mut unit, organization, &new, &groups).await?;
        if invitations::are_possible(&mut unit, call, organization).await? {
            invitations::invite_if_due(&mut unit, call, &user).await?;
        }
        unit.commit().await?;
        Ok(Output::json(succeeded()))
    })
    .await
}

/// `POST /api/User/BulkCreate`.
pub(super) async fn several(call: &mut Call) -> Result<Output> {
    let done = Stop::caught(async {
        let body = call.body();
        let organization = administered(call, body.need_text("partitionGlobalId")?).await?;
        let list = body.list("users");
        if list.is_empty() || list.len() > MOST {
            return Err(Stop::failed("InvalidUsers", format!("The list has 1 to {MOST} users.")));
        }
        let mut unit = call.begin().await?;
        let groups = joined(&mut unit, organization, body.list("groupIDs")).await?;
        let inviting = invitations::are_possible(&mut unit, call, organization).await?;
        let mut keys = Vec::with_capacity(list.len());
        for one in list {
            let user = made(&mut unit, organization, &wanted(&Fields::of(one))?, &groups).await?;
            if inviting {
                invitations::invite_if_due(&mut unit, call, &user).await?;
            }
            keys.push(user.key);
        }
        let mut rows = Vec::with_capacity(keys.len());
        for key in &keys {
            if let Some(user) = users::by_key(&mut unit, key).await? {
                rows.push(shown(&user, &memberships::keys_of(&mut unit, organization, key).await?));
            }
        }
        unit.commit().await?;
        let mut answer = succeeded();
        let result = answer.clone();
        if let Value::Object(members) = &mut answer {
            members.insert("result".into(), result);
            members.insert("users".into(), Value::Array(rows));
        }
        Ok(Output::json(answer))
    });
    let output = done.await?;
    // A failure has the same members.
    Ok(match output {
        Output { status: Some(400), content: bandmaster_api::output::Content::Json(mut failure), .. } => {
            let result = json!({"succeeded": false, "errors": failure["errors"]});
            if let Value::Object(members) = &mut failure {
                members.insert("result".into(), result);
                members.insert("users".into(), json!([]));
            }
            Output::json(failure).status(400)
        }
        other => other,
    })
}

/// The hash of a password that satisfies the policy; `strictly` false: that is not too long.
pub(in crate::manage) async fn hashed(call: &Call, password: &str, strictly: bool) -> Result<String, Stop> {
    let mut lacks = Policy::default().lacks(password);
    if !strictly && password.chars().count() <= LONGEST {
        lacks.clear();
    }
    if !lacks.is_empty() {
        return Err(failures(&lacks));
    }
    let identity = Identity::of(&call.app)?;
    Ok(identity.hasher().hash(&Secret::new(password), call.app.ids.as_ref()).await?)
}

fn wanted<'a>(body: &Fields<'a>) -> Result<NewUser<'a>, Stop> {
    let kind = match body.get("type") {
        None => true,
        Some(Value::String(word)) => word.eq_ignore_ascii_case("user") || word == "0",
        Some(other) => other.as_i64() == Some(0),
    };
    if !kind {
        return Err(Stop::failed("InvalidUserType", "Only accounts of the type user can be made here."));
    }
    Ok(NewUser {
        // The empty GUID is how some clients write none.
        key: body.filled("id").filter(|id| id.bytes().any(|b| !matches!(b, b'0' | b'-'))),
        user_name: body.text("userName").unwrap_or_default(),
        email: body.filled("email"),
        name: body.filled("name"),
        surname: body.filled("surname"),
        display_name: body.filled("displayName"),
        bypass_basic_auth_restriction: body.bool("bypassBasicAuthRestriction").unwrap_or(false),
        invitation_accepted: body.bool("invitationAccepted").unwrap_or(false),
        ..NewUser::default()
    })
}

/// The groups of those ids. Everyone needs no telling.
pub(in crate::manage) async fn joined(unit: &mut Unit, organization: i64, ids: &[Value]) -> Result<Vec<Group>, Stop> {
    let mut found: Vec<Group> = Vec::new();
    for id in ids.iter().filter_map(Value::as_str) {
        let Some(group) = memberships::by_key(unit, organization, &super::stored_id(id)).await? else {
            return Err(Stop::failed("GroupNotFound", "One of the groups does not exist."));
        };
        if !group.holds_everybody() && !found.iter().any(|g| g.id == group.id) {
            found.push(group);
        }
    }
    Ok(found)
}

async fn made(unit: &mut Unit, organization: i64, new: &NewUser<'_>, groups: &[Group]) -> Result<User, Stop> {
    match users::try_create(unit, organization, new).await? {
        Err(fault) => Err(Stop::failed(fault.code(), fault.text())),
        Ok(user) => {
            for group in groups {
                memberships::add_member(unit, group, &user.key).await?;
            }
            Ok(user)
        }
    }
}
