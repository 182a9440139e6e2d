//! Forgotten passwords: whoever asks is told the same whether or not there is such an account, and after the same work:
//! the request is only written down. A duty looks the account up afterwards and sends a one-time link.
//!
//! The link's address comes from the setting `public-url` alone. The host of a request is what the client says it is;
//! a mail built from it would carry a working link to anybody's server. Without the setting nothing is offered.

mod duty;
mod forgot;
mod password;

pub use duty::ResetRequests;
pub(crate) use forgot::offer;

use bandmaster_api::{Registry, own};

/// Nudged when somebody has asked.
const TOPIC: &str = "password-reset";

/// Registers the pages.
pub fn register(r: &mut Registry) {
    let page =
        |id: &str, method: &str, path: &str| own(id, method, path).tag("SignIn").anonymous().returns(200, "html");
    r.add(page("SignIn_Forgot", "GET", "/identity/account/forgot"), forgot::show).hidden();
    r.add(page("SignIn_PostForgot", "POST", "/identity/account/forgot").body("form"), forgot::submit)
        .telemetry()
        .hidden();
    r.add(page("SignIn_Reset", "GET", "/identity/account/reset"), password::show).hidden();
    r.add(page("SignIn_PostReset", "POST", "/identity/account/reset").body("form"), password::submit).hidden();
}

fn context(key: &str) -> String {
    format!("password_reset_requests.name_sealed/{key}")
}
