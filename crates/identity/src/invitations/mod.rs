//! Invitations: an account that was made for somebody without a password, and a mail with a one-time link where that
//! person chooses one.
//!
//! Making an account through the identity service's operations invites when the account has an address and no password,
//! is not said to have accepted already (`invitationAccepted`), and mail is set up for the organization. Sending
//! again, taking back and looking how far it came are operations of our own.

pub(crate) mod accept;
mod operations;

use crate::links::{self, Purpose};
use crate::mail::{self, Letter};
use crate::users::{self, Kind, User};
use bandmaster_api::{Call, Registry, Unit, own};
use bandmaster_core::Result;
use bandmaster_core::time::Micros;

/// Registers the operations and the page.
pub fn register(r: &mut Registry) {
    operations::register(r);
    let page = |id: &str, method: &str| {
        own(id, method, "/identity/account/invitation").tag("SignIn").anonymous().returns(200, "html")
    };
    r.add(page("Invitation_Show", "GET"), accept::show).hidden();
    r.add(page("Invitation_Accept", "POST").body("form"), accept::submit).hidden();
}

/// Whether the account waits for somebody to accept an invitation.
fn is_open(user: &User) -> bool {
    user.kind == Kind::Person && user.password_hash.is_none() && !user.invitation_accepted && user.email.is_some()
}

/// Whether people of the organization can be invited: mail is set up.
pub(crate) async fn are_possible(unit: &mut Unit, call: &Call, organization_id: i64) -> Result<bool> {
    Ok(mail::lack(&call.app, unit, organization_id).await?.is_none())
}

/// Invites the owner of an account that was just made, if that is due.
pub(crate) async fn invite_if_due(unit: &mut Unit, call: &Call, user: &User) -> Result<()> {
    if is_open(user) {
        invite(unit, call, user).await?;
    }
    Ok(())
}

/// Sends a fresh link; earlier ones end. Answers when it expires.
async fn invite(unit: &mut Unit, call: &Call, user: &User) -> Result<Micros> {
    let made = links::make(unit, &call.app, user, Purpose::Invitation).await?;
    let base = call.app.settings.public_url.as_deref().unwrap_or(&call.origin);
    let link = format!("{base}/identity/account/invitation?token={}", made.token.reveal());
    let letter = Letter { kind: mail::INVITATION, to: user, link: &link, link_id: made.id, until: made.expires_at };
    mail::put(unit, &call.app, &letter).await?;
    users::note(unit, user, "Invite").await?;
    Ok(made.expires_at)
}
