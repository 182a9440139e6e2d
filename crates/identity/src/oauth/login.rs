//! The sign-in page, and the page for a new password when the old one must be changed. Both lead back to the
//! authorization request they came from, which they carry as its parameters and never as an address, or to the page for
//! devices.

use super::authorize::prefix;
use super::form::Form;
use super::request::{self, Authorization};
use super::{device, redirect};
use crate::identity::Identity;
use crate::organizations::Organization;
use crate::pages::{self, login as page, nonce};
use crate::password::{Match, Policy};
use crate::signin::{self, Attempt, Place, Refused, WRONG};
use crate::users::User;
use crate::{organizations, outside, principal, sessions, users};
use axum::http::StatusCode;
use bandmaster_api::{Call, Output};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::{Result, Scopes, Secret};

/// How long the page for a new password stays valid.
const TICKET_LIFE: i64 = 10 * MINUTE;
const TICKET: &str = "sign-in.password-change";

/// Where a page leads back to.
pub(crate) struct Return {
    /// The parameters of the authorization request, or those of the page for devices; empty when there is neither.
    pub query: String,
    request: Option<Authorization>,
    /// The address of the page for devices.
    device: Option<String>,
}

impl Return {
    /// Reads what a page carries; else the page that says what is wrong.
    pub async fn read(call: &Call, query: &str) -> Result<Result<Return, Output>> {
        if query.is_empty() {
            return Ok(Ok(Return { query: String::new(), request: None, device: None }));
        }
        let form = Form::parse(query);
        if let Some((query, address)) = form.as_ref().ok().and_then(|f| device::resumed(call, f)) {
            return Ok(Ok(Return { query, request: None, device: Some(address) }));
        }
        match request::read(call, form).await? {
            Ok(request) => Ok(Ok(Return { query: request.resumed(), request: Some(request), device: None })),
            Err(wrong) => Ok(Err(wrong.answer(call))),
        }
    }

    /// The organization that the request is about: the application's, or the one that it names.
    pub async fn organization(&self, call: &Call) -> Result<Option<Organization>> {
        let Some(request) = &self.request else { return Ok(None) };
        match (request.application.organization_id, request.organization.as_deref()) {
            (Some(own), _) => organizations::by_id(&mut call.read().await?, own).await,
            (None, Some(name)) => Ok(signin::place(call, Some(name)).await?.organization),
            (None, None) => Ok(None),
        }
    }

    /// Where the page's form may lead the browser in the end.
    fn leads_to(&self) -> Vec<String> {
        self.request.iter().map(|r| redirect::origin_of(&r.redirect_uri)).collect()
    }

    /// Back to the request, or a page that says that it is done.
    pub fn go(&self, call: &Call, cookie: String) -> Output {
        let output = if self.request.is_some() {
            let target = format!("{}/identity/connect/authorize?{}", prefix(call), self.query);
            pages::redirect(StatusCode::SEE_OTHER, &target)
        } else if let Some(address) = &self.device {
            pages::redirect(StatusCode::SEE_OTHER, address)
        } else {
            pages::message(200, "You are signed in", "You can close this window.")
        };
        output.header("set-cookie", cookie)
    }
}

/// `GET /identity/account/login`.
pub async fn show(call: &mut Call) -> Result<Output> {
    let back = match Return::read(call, call.query("return").unwrap_or_default()).await? {
        Ok(back) => back,
        Err(page) => return Ok(page),
    };
    let hint = back.request.as_ref().and_then(|r| r.login_hint.clone()).unwrap_or_default();
    let organization = back.request.as_ref().and_then(|r| r.organization.clone());
    let organization = organization.or_else(|| call.addressed_organization().map(str::to_owned)).unwrap_or_default();
    form(call, &back, 200, &organization, &hint, None).await
}

async fn form(
    call: &Call,
    back: &Return,
    status: u16,
    organization: &str,
    user_name: &str,
    problem: Option<&str>,
) -> Result<Output> {
    let mut conn = call.read().await?;
    let several = organizations::several(&mut conn).await?;
    drop(conn);
    let (field, cookie) = nonce::field(call)?;
    let mut body = page::form(&page::Form {
        action: &format!("{}/identity/account/login", prefix(call)),
        nonce: &field,
        back: &back.query,
        application: back.request.as_ref().map(|r| r.application.name.as_str()),
        organization,
        ask_organization: several,
        user_name,
        problem,
    });
    body.push_str(&crate::reset::offer(call, organization));
    let meant = match back.organization(call).await? {
        Some(meant) => Some(meant),
        None => signin::place(call, Some(organization)).await?.organization,
    };
    body.push_str(&outside::buttons(call, meant.as_ref(), &back.query).await?);
    let output = pages::page(status, "Sign in", &body, &back.leads_to());
    Ok(nonce::with_cookie(output, cookie))
}

/// A form that one of these pages sent, and where it leads back to; else the page that says why not.
async fn posted(call: &Call) -> Result<Result<(Form, Return), Output>> {
    let Ok(fields) = Form::body(call) else { return Ok(Err(nonce::stale())) };
    let back = match Return::read(call, fields.get("return").unwrap_or_default()).await? {
        Ok(back) => back,
        Err(page) => return Ok(Err(page)),
    };
    if !nonce::fits(call, fields.get("nonce"))? {
        return Ok(Err(nonce::stale()));
    }
    Ok(Ok((fields, back)))
}

/// `POST /identity/account/login`.
pub async fn submit(call: &mut Call) -> Result<Output> {
    let (fields, back) = match posted(call).await? {
        Ok(posted) => posted,
        Err(page) => return Ok(page),
    };
    let (organization, name) =
        (fields.get("organization").unwrap_or_default(), fields.get("username").unwrap_or_default());
    let password = Secret::new(fields.get("password").unwrap_or_default());
    let meant = back.organization(call).await?;
    let place = match &meant {
        Some(meant) if organization.is_empty() => Place { organization: Some(meant.clone()), tenant_id: None },
        _ => signin::place(call, Some(organization)).await?,
    };
    if meant.is_some() && place.organization != meant {
        let text = "This sign-in is for another organization.";
        return form(call, &back, 400, organization, name, Some(text)).await;
    }
    let attempt = Attempt { place: &place, user_name: name, password: &password };
    match signin::with_password(call, attempt).await? {
        Ok(user) => {
            let cookie = sessions::begin(call, &user).await?;
            Ok(back.go(call, cookie))
        }
        Err(Refused::Wrong) => form(call, &back, 400, organization, name, Some(WRONG)).await,
        Err(Refused::Slow(seconds)) => {
            let text = format!("Too many failed attempts. Try again in {seconds} seconds.");
            let output = form(call, &back, 429, organization, name, Some(&text)).await?;
            Ok(output.header("retry-after", seconds.to_string()))
        }
        Err(Refused::MustChange(user)) => {
            let ticket = ticket(call, &user)?;
            new_password(call, &back, 200, &ticket, None)
        }
    }
}

/// What proves, on the next page, that this person has just shown the old password.
fn ticket(call: &Call, user: &User) -> Result<String> {
    let text = format!("{} {} {}", user.id, user.security_stamp, call.now() + TICKET_LIFE);
    Ok(call.app.keys.seal(text.as_bytes(), TICKET)?.0)
}

async fn of_ticket(call: &Call, ticket: &str) -> Result<Option<User>> {
    let Ok(text) = call.app.keys.open_text(ticket, TICKET) else { return Ok(None) };
    let parts: Vec<&str> = text.reveal().split(' ').collect();
    let [id, stamp, until] = parts.as_slice() else { return Ok(None) };
    let (Ok(id), Ok(until)) = (id.parse::<i64>(), until.parse::<i64>()) else { return Ok(None) };
    if until <= call.now() {
        return Ok(None);
    }
    let mut conn = call.read().await?;
    // The stamp changes with the password: a ticket is good for one change.
    Ok(users::by_id(&mut conn, id).await?.filter(|u| u.is_active && u.security_stamp == *stamp))
}

fn new_password(call: &Call, back: &Return, status: u16, ticket: &str, problem: Option<&str>) -> Result<Output> {
    let (field, cookie) = nonce::field(call)?;
    let action = format!("{}/identity/account/password", prefix(call));
    let body = page::new_password(&action, &field, &back.query, ticket, problem);
    let output = pages::page(status, "Set a new password", &body, &back.leads_to());
    Ok(nonce::with_cookie(output, cookie))
}

/// `POST /identity/account/password`.
pub async fn change_password(call: &mut Call) -> Result<Output> {
    let (fields, back) = match posted(call).await? {
        Ok(posted) => posted,
        Err(page) => return Ok(page),
    };
    let ticket = fields.get("ticket").unwrap_or_default().to_owned();
    let Some(user) = of_ticket(call, &ticket).await? else { return Ok(nonce::stale()) };
    let password = Secret::new(fields.get("password").unwrap_or_default());
    let hasher = Identity::of(&call.app)?.hasher();
    let problem = if fields.get("again") != Some(password.reveal()) {
        Some("The two passwords differ.".to_owned())
    } else if let Some((_, text)) = Policy::default().lacks(password.reveal()).into_iter().next() {
        Some(text)
    } else if hasher.check(&password, user.password_hash.as_deref()).await? != Match::No {
        Some("The new password must differ from the old one.".to_owned())
    } else {
        None
    };
    if let Some(problem) = problem {
        return new_password(call, &back, 400, &ticket, Some(&problem));
    }
    let hash = hasher.hash(&password, call.app.ids.as_ref()).await?;
    // The person is known from here on; the audit shall say so.
    call.principal = principal::of_user(&user, Scopes::All);
    let mut unit = call.begin().await?;
    let unchanged = users::by_id(&mut unit, user.id).await?.is_some_and(|u| u.security_stamp == user.security_stamp);
    if !unchanged {
        return Ok(nonce::stale());
    }
    users::set_password(&mut unit, &user, &hash, false).await?;
    unit.commit().await?;
    let cookie = sessions::begin(call, &user).await?;
    Ok(back.go(call, cookie))
}
