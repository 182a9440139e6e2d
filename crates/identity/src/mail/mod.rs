//! Mail to people: what it says, the outbox it waits in, and sending it over SMTP.
//!
//! A mail is put into the outbox in the unit of the change it tells of ([`outbox::put`]) and sent by a duty
//! ([`Mailer`]) afterwards: at least once, never before the change is durable. It carries a one-time link, so its
//! contents are sealed as long as they wait, and gone afterwards.
//!
//! Which server sends it: the organization's own (settings `Email.Smtp.…`), else the one of the server's configuration
//! ([`MailServer`] as a part of the app). Mail to an administrator of the installation never goes by way of an
//! organization's server or text: whoever administers the organization could read it there.

mod compose;
mod duty;
mod outbox;
mod send;
mod server;
mod verify;

pub use duty::Mailer;
pub use server::{MailServer, ServerMail, Tls};

pub(crate) use compose::{INVITATION, Letter, NEW_PASSWORD};
pub(crate) use outbox::{State, put, state_of, withdraw};
pub(crate) use server::lack;

use bandmaster_api::Registry;

/// Nudged when a mail waits.
pub(crate) const TOPIC: &str = "mail";

/// Registers the operations.
pub fn register(r: &mut Registry) {
    verify::register(r);
}
