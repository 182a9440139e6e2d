//! Forms come from our own pages: a random value in a cookie, and its keyed hash in the form. Another site can send a
//! form, but knows neither.

use super::message;
use crate::oauth::form::Form;
use crate::sessions::{cookie, set_cookie};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_core::seal::same;

const NAME: &str = "bandmaster-form";
const PURPOSE: &str = "form-cookie";
/// Seconds that a page may stand open.
const LIFE: i64 = 3600;

/// The form's field, and the `Set-Cookie` header when the browser has no cookie yet.
pub(crate) fn field(call: &Call) -> Result<(String, Option<String>)> {
    match cookie(call, NAME).filter(|v| v.len() == 43) {
        Some(value) => Ok((call.app.keys.hash(&value, PURPOSE)?, None)),
        None => {
            let value = call.app.ids.secret();
            Ok((call.app.keys.hash(&value, PURPOSE)?, Some(set_cookie(call, NAME, &value, LIFE))))
        }
    }
}

/// The page with the cookie that its form needs.
pub(crate) fn with_cookie(page: Output, cookie: Option<String>) -> Output {
    match cookie {
        Some(cookie) => page.header("set-cookie", cookie),
        None => page,
    }
}

/// The form that one of our pages sent; else the page that says that it is not valid.
pub(crate) fn posted(call: &Call) -> Result<Result<Form, Output>> {
    let Ok(fields) = Form::body(call) else { return Ok(Err(stale())) };
    Ok(if fits(call, fields.get("nonce"))? { Ok(fields) } else { Err(stale()) })
}

/// Whether the form's field belongs to the browser's cookie, and no other site sent it.
pub(crate) fn fits(call: &Call, field: Option<&str>) -> Result<bool> {
    if call.header("sec-fetch-site").is_some_and(|s| s == "cross-site") {
        return Ok(false);
    }
    let (Some(value), Some(field)) = (cookie(call, NAME), field) else { return Ok(false) };
    Ok(same(field, &call.app.keys.hash(&value, PURPOSE)?))
}

/// What a form gets that did not come from a page of ours, or too late.
pub(crate) fn stale() -> Output {
    message(400, "This page is no longer valid", "Go back to where you came from and try again.")
}
