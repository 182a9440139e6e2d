//! The page where somebody tells that the password is forgotten.

use super::{TOPIC, context};
use crate::identity::Identity;
use crate::oauth::form::encode;
use crate::pages::{self, link as page, nonce};
use crate::{organizations, signin};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_store::params;

const PATH: &str = "/identity/account/forgot";

/// The link of the sign-in page; empty when links cannot be sent.
pub(crate) fn offer(call: &Call, organization: &str) -> String {
    match &call.app.settings.public_url {
        Some(_) if organization.is_empty() => page::forgot_link(PATH),
        Some(_) => page::forgot_link(&format!("{PATH}?organization={}", encode(organization))),
        None => String::new(),
    }
}

fn unavailable() -> Output {
    pages::message(404, "Not available", "This server does not send links for new passwords. Ask an administrator.")
}

/// `GET /identity/account/forgot`.
pub(super) async fn show(call: &mut Call) -> Result<Output> {
    let organization = call.query("organization").or_else(|| call.addressed_organization()).unwrap_or_default();
    form(call, 200, organization, None).await
}

async fn form(call: &Call, status: u16, organization: &str, problem: Option<&str>) -> Result<Output> {
    if call.app.settings.public_url.is_none() {
        return Ok(unavailable());
    }
    let several = organizations::several(&mut call.read().await?).await?;
    let (field, cookie) = nonce::field(call)?;
    let body = page::forgot(PATH, &field, organization, several, problem);
    let output = pages::page(status, "Forgot your password?", &body, &[]);
    Ok(nonce::with_cookie(output, cookie))
}

/// `POST /identity/account/forgot`.
pub(super) async fn submit(call: &mut Call) -> Result<Output> {
    if call.app.settings.public_url.is_none() {
        return Ok(unavailable());
    }
    let fields = match nonce::posted(call)? {
        Ok(fields) => fields,
        Err(page) => return Ok(page),
    };
    let organization = fields.get("organization").unwrap_or_default();
    let name = fields.get("username").unwrap_or_default().trim().to_owned();
    if name.is_empty() || name.chars().count() > 256 {
        return form(call, 400, organization, Some("Enter your user name or e-mail address.")).await;
    }
    let identity = Identity::of(&call.app)?;
    let address = signin::client_address(call);
    if let Some(seconds) = identity.throttle().wait(address, call.now()) {
        let text = format!("Too many attempts. Try again in {seconds} seconds.");
        let output = form(call, 429, organization, Some(&text)).await?;
        return Ok(output.header("retry-after", seconds.to_string()));
    }
    // Asking counts like a failed sign-in, whatever comes of it.
    identity.throttle().failed(address, call.now());
    if let Some(organization) = signin::place(call, Some(organization)).await?.organization {
        let key = call.app.ids.guid();
        let sealed = call.app.keys.seal(name.as_bytes(), &context(&key))?.0;
        let mut unit = call.begin().await?;
        let now = unit.now();
        unit.execute(
            "INSERT INTO password_reset_requests (key, organization_id, name_sealed, client_address, at) \
             VALUES ($1, $2, $3, $4, $5)",
            params![key, organization.id, sealed, address.map(|a| a.to_string()), now],
        )
        .await?;
        unit.nudge(TOPIC);
        unit.commit().await?;
    }
    let text = "If there is such an account with an e-mail address, a mail with a link is on its way there. The link is \
         good for one hour. Nothing arrived? Look into the folder for unwanted mail, or ask an administrator.";
    Ok(pages::message(200, "Look into your mail", text))
}
