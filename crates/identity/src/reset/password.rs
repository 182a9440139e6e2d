//! The page that the link for a new password leads to.

use crate::identity::Identity;
use crate::invitations::accept::problem;
use crate::links::{self, Open, Purpose, Void};
use crate::pages::{self, link as page, nonce};
use crate::{principal, users};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Result, Scopes, Secret};

const NEXT: &str = "Ask for a new link on the sign-in page.";

/// `GET /identity/account/reset?token=…`.
pub(super) async fn show(call: &mut Call) -> Result<Output> {
    let token = call.query("token").unwrap_or_default().to_owned();
    match look(call, &token).await? {
        Ok(link) => form(call, 200, &link, &token, None),
        Err(why) => Ok(page::void(why, NEXT)),
    }
}

async fn look(call: &Call, token: &str) -> Result<Result<Open, Void>> {
    links::look(&mut call.read().await?, &call.app, token, Purpose::NewPassword, call.now()).await
}

fn form(call: &Call, status: u16, link: &Open, token: &str, problem: Option<&str>) -> Result<Output> {
    let (field, cookie) = nonce::field(call)?;
    let body = page::new_password(&page::Form {
        action: "/identity/account/reset",
        nonce: &field,
        token,
        user_name: &link.user.user_name,
        problem,
    });
    let output = pages::page(status, "Choose a new password", &body, &[]);
    Ok(nonce::with_cookie(output, cookie))
}

/// `POST /identity/account/reset`. Every session and refresh token of the account ends.
pub(super) async fn submit(call: &mut Call) -> Result<Output> {
    let fields = match nonce::posted(call)? {
        Ok(fields) => fields,
        Err(page) => return Ok(page),
    };
    let token = fields.get("token").unwrap_or_default();
    let link = match look(call, token).await? {
        Ok(link) => link,
        Err(why) => return Ok(page::void(why, NEXT)),
    };
    let password = Secret::new(fields.get("password").unwrap_or_default());
    if let Some(problem) = problem(&password, fields.get("again")) {
        return form(call, 400, &link, token, Some(&problem));
    }
    let hash = Identity::of(&call.app)?.hasher().hash(&password, call.app.ids.as_ref()).await?;
    // The person is known from here on; the audit shall say so.
    call.principal = principal::of_user(&link.user, Scopes::All);
    let mut unit = call.begin().await?;
    if !links::take(&mut unit, &link).await? {
        drop(unit);
        let why = look(call, token).await?.err().unwrap_or(Void::Ended);
        return Ok(page::void(why, NEXT));
    }
    users::confirm_email(&mut unit, &link.user).await?;
    users::set_password(&mut unit, &link.user, &hash, false).await?;
    users::note(&mut unit, &link.user, "ResetPassword").await?;
    unit.commit().await?;
    let text = "Everything that was signed in with the old one has been signed out. Sign in again where you came from.";
    Ok(pages::message(200, "Your password is changed", text))
}
