//! Sending an invitation again, taking it back, and looking how far it came. For administrators of the organization.

use super::{invite, is_open};
use crate::links::{self, Purpose};
use crate::mail;
use crate::manage::at_home;
use crate::manage::users::person;
use crate::users::{self, User};
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_store::Conn;
use serde_json::{Value, json};

const PATH: &str = "/identity/api/User/{userId}/invitation";

/// Registers the operations.
pub(super) fn register(r: &mut Registry) {
    r.types(
        "type InvitationState\n  userId uuid\n  state string\n  createdOn datetime\n  mailedOn datetime\n  expiresOn datetime\n  attempts int64\n  error string\n",
    );
    let row =
        |id: &str, method: &str, scopes: &str| own(id, method, PATH).tag("User").scopes(scopes).path("userId", "uuid");
    r.add(row("Invitation_Get", "GET", "PM.User,PM.User.Read").returns(200, "InvitationState"), get).also(&[403, 404]);
    r.add(row("Invitation_Send", "POST", "PM.User,PM.User.Write").returns(200, "InvitationState"), send)
        .also(&[403, 404, 409]);
    r.add(row("Invitation_Cancel", "DELETE", "PM.User,PM.User.Write").returns(204, "-"), cancel).also(&[403, 404]);
}

async fn state(conn: &mut Conn, user: &User, now: i64) -> Result<Value> {
    let link = links::latest(conn, user, Purpose::Invitation).await?;
    let waits = match &link {
        Some(link) => mail::state_of(conn, link.id).await?,
        None => None,
    };
    let word = match (&link, &waits) {
        _ if user.invitation_accepted => "accepted",
        (None, _) => "none",
        (Some(l), _) if l.used => "accepted",
        (Some(l), _) if l.ended => "cancelled",
        (Some(l), _) if l.expires_at <= now => "expired",
        (_, Some(mail::State { given_up: true, .. })) => "failed",
        (_, Some(_)) => "waiting",
        _ => "sent",
    };
    let link = link.as_ref();
    Ok(json!({
        "userId": user.key,
        "state": word,
        "createdOn": link.map(|l| time::iso(l.created_at)),
        "mailedOn": link.and_then(|l| l.mailed_at).map(time::iso),
        "expiresOn": link.map(|l| time::iso(l.expires_at)),
        "attempts": waits.as_ref().map(|w| w.attempts),
        "error": waits.and_then(|w| w.error),
    }))
}

async fn get(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let mut conn = call.read().await?;
    let user = person(&mut conn, organization, call.need_argument("userId")?).await?;
    Ok(Output::json(state(&mut conn, &user, call.now()).await?))
}

async fn send(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let refuse = |text: &str| Err(Error::conflict(codes::FORBIDDEN_OPERATION, text));
    let mut unit = call.begin().await?;
    let user = person(&mut unit, organization, call.need_argument("userId")?).await?;
    if !is_open(&user) {
        return refuse("Only an account with an e-mail address and without a password can be invited.");
    }
    if !user.is_active {
        return refuse("The account is switched off.");
    }
    if let Some(lack) = mail::lack(&call.app, &mut unit, organization).await? {
        return refuse(lack);
    }
    invite(&mut unit, call, &user).await?;
    let answer = state(&mut unit, &user, call.now()).await?;
    unit.commit().await?;
    Ok(Output::json(answer))
}

/// Taking back what nobody can accept any more is no error.
async fn cancel(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let mut unit = call.begin().await?;
    let user = person(&mut unit, organization, call.need_argument("userId")?).await?;
    mail::withdraw(&mut unit, user.id, mail::INVITATION.name).await?;
    if links::end(&mut unit, user.id, Purpose::Invitation).await? > 0 {
        users::note(&mut unit, &user, "CancelInvitation").await?;
    }
    unit.commit().await?;
    Ok(Output::empty().status(204))
}
