//! Signing in with a provider outside (OpenID Connect Core 1.0, code flow with PKCE, RFC 7636 and 9700). An organization's
//! administrator names the provider; everything that comes from it is held to be hostile until its signature, issuer,
//! audience, time and nonce are checked, and is reached through the guard (`bandmaster_api::outgoing`).
//!
//! A person is who the provider's `sub` says, linked to an account once. The first time, an account is found by an e-mail
//! address that the provider says it has verified, and by nothing else; or it is made, where the administrator wants that.
//! Administrators of the installation never come this way: whoever administers an organization would choose who they are.

mod account;
mod callback;
mod discovery;
mod keys;
mod manage;
mod provider;
mod start;
mod token;

pub(crate) use discovery::Known;
pub(crate) use provider::forget_person;
pub(crate) use start::{buttons, farewell};

use bandmaster_api::{Registry, own};

/// Registers operations and pages.
pub fn register(r: &mut Registry) {
    manage::register(r);
    let page = |id: &str, path: &str| own(id, "GET", path).tag("SignIn").anonymous().returns(200, "html");
    r.add(page("SignIn_Outside", start::PATH), start::begin).hidden();
    r.add(page("SignIn_OutsideReturn", callback::PATH), callback::back).hidden();
}
