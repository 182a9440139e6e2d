//! The identity service: organizations, accounts, external applications, sign-in, OAuth 2.0 and OpenID Connect,
//! personal access tokens, and the answer to the question who is calling.
//!
//! What a caller may do in a tenant does not live here; that is the access crate's business. Tenants, machines and
//! jobs belong to others too: they are asked through [`TenantDirectory`] and the api crate's `FleetCredentials`.

pub mod account;
mod administrators;
pub mod applications;
pub mod authenticate;
pub mod bootstrap;
pub mod builtin;
pub mod claims;
mod directory;
pub mod duty;
pub mod groups;
pub mod identity;
mod invitations;
pub mod jobtoken;
mod jwt;
pub mod keys;
mod links;
mod lockout;
pub mod mail;
mod manage;
mod neighbours;
mod oauth;
pub mod organizations;
mod outside;
mod pages;
pub mod password;
pub mod pats;
pub mod portal;
mod principal;
mod reset;
pub mod scopes;
mod sessions;
mod settings;
mod signin;
mod templates;
mod throttle;
pub mod users;
mod watch;

pub use bootstrap::{BootstrapPlan, Bootstrapped, bootstrap, is_bootstrapped};
pub use duty::Upkeep;
pub use identity::{Identity, Options};
pub use jobtoken::{JobTokenRequest, issue_job_token};
pub use mail::{MailServer, Mailer, ServerMail};
pub use neighbours::TenantAccounts;
pub use portal::{TenantDirectory, TenantEntry};
pub use reset::ResetRequests;

use bandmaster_api::Registry;

/// Registers the operations of the identity service.
pub fn register(r: &mut Registry) {
    account::register(r);
    oauth::register(r);
    portal::register(r);
    manage::register(r);
    mail::register(r);
    invitations::register(r);
    reset::register(r);
    outside::register(r);
}

/// A boxed future, as the traits for other crates return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
