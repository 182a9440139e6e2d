//! The page where somebody who was invited chooses a password, gives a name, and is signed in.

use crate::identity::Identity;
use crate::links::{self, Open, Purpose, Void};
use crate::pages::{self, link as page, nonce};
use crate::password::Policy;
use crate::users::{self, Profile};
use crate::{organizations, principal, sessions};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Result, Scopes, Secret};

const NEXT: &str = "Ask whoever invited you for a new invitation. If you have a password already, just sign in.";

/// `GET /identity/account/invitation?token=…`.
pub(super) async fn show(call: &mut Call) -> Result<Output> {
    let token = call.query("token").unwrap_or_default().to_owned();
    match look(call, &token).await? {
        Ok(link) => {
            let (name, surname) = (link.user.name.clone(), link.user.surname.clone());
            form(call, 200, &link, &token, (name.as_deref(), surname.as_deref()), None).await
        }
        Err(why) => Ok(page::void(why, NEXT)),
    }
}

async fn look(call: &Call, token: &str) -> Result<Result<Open, Void>> {
    links::look(&mut call.read().await?, &call.app, token, Purpose::Invitation, call.now()).await
}

async fn form(
    call: &Call,
    status: u16,
    link: &Open,
    token: &str,
    names: (Option<&str>, Option<&str>),
    problem: Option<&str>,
) -> Result<Output> {
    let organization = organizations::by_id(&mut call.read().await?, link.user.organization_id).await?;
    let (field, cookie) = nonce::field(call)?;
    let shown = page::Form {
        action: "/identity/account/invitation",
        nonce: &field,
        token,
        user_name: &link.user.user_name,
        problem,
    };
    let organization = organization.map(|o| o.name).unwrap_or_default();
    let body = page::invitation(&shown, &organization, names.0.unwrap_or_default(), names.1.unwrap_or_default());
    let output = pages::page(status, "Welcome", &body, &[]);
    Ok(nonce::with_cookie(output, cookie))
}

/// `POST /identity/account/invitation`.
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
    let names = (fields.get("name"), fields.get("surname"));
    let password = Secret::new(fields.get("password").unwrap_or_default());
    if let Some(problem) = problem(&password, fields.get("again")) {
        return form(call, 400, &link, token, names, Some(&problem)).await;
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
    let profile = Profile { name: names.0, surname: names.1, invitation_accepted: Some(true), ..Profile::default() };
    if let Err(fault) = users::change(&mut unit, &link.user, &profile).await? {
        drop(unit);
        return form(call, 400, &link, token, names, Some(&fault.text())).await;
    }
    users::confirm_email(&mut unit, &link.user).await?;
    users::set_password(&mut unit, &link.user, &hash, false).await?;
    users::note(&mut unit, &link.user, "AcceptInvitation").await?;
    unit.commit().await?;
    let cookie = sessions::begin(call, &link.user).await?;
    let text = "Your password is set and you are signed in. You can close this window.";
    Ok(pages::message(200, "Welcome", text).header("set-cookie", cookie))
}

/// What is wrong with a new password that was entered twice.
pub(crate) fn problem(password: &Secret, again: Option<&str>) -> Option<String> {
    if again != Some(password.reveal()) {
        return Some("The two passwords differ.".to_owned());
    }
    Policy::default().lacks(password.reveal()).into_iter().next().map(|(_, text)| text)
}
