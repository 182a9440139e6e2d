//! Sign-in on devices without a browser (RFC 8628): the device is given two codes, polls the token endpoint with the long
//! one (`poll`), and a person enters the short one on the page of `verify`, in a browser where they sign in as usual.
//!
//! Clients that act in a person's name may use it: the first-party ones and every application with scopes of users. The
//! person is always asked, also for first-party clients: whoever began the request may be anybody.

mod codes;
mod guesses;
mod poll;
mod start;
mod verify;

pub(crate) use poll::{GRANT, redeem};
pub(crate) use verify::resumed;

use bandmaster_api::{Registry, own};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;

/// Life of both codes: long enough to sign in, short enough that a guess is hopeless.
const LIFE: Micros = 10 * MINUTE;
/// Seconds between two polls, and by how much they grow when a device does not keep to them (RFC 8628, section 3.5).
const PAUSE: i64 = 5;

/// Where people enter the code.
const PATH: &str = "/identity/device";
const CONFIRM: &str = "/identity/device/confirm";

/// Registers the endpoint and the pages.
pub(super) fn register(r: &mut Registry) {
    r.types(
        "type DeviceAuthorizationAnswer\n  device_code string\n  user_code string\n  verification_uri string\n  verification_uri_complete string\n  expires_in int32\n  interval int32\n",
    );
    r.add(
        own("OAuth_DeviceAuthorization", "POST", "/identity/connect/deviceauthorization")
            .tag("OAuth")
            .anonymous()
            .body("form")
            .returns(200, "DeviceAuthorizationAnswer"),
        start::start,
    )
    .telemetry()
    .also(&[400, 401, 429]);
    let page =
        |id: &str, method: &str, path: &str| own(id, method, path).tag("SignIn").anonymous().returns(200, "html");
    r.add(page("SignIn_Device", "GET", PATH), verify::show).hidden();
    r.add(page("SignIn_PostDevice", "POST", PATH).body("form"), verify::enter).telemetry().hidden();
    r.add(page("SignIn_ConfirmDevice", "POST", CONFIRM).body("form"), verify::decide).hidden();
}
