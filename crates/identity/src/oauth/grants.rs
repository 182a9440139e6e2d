//! Grants without a browser: an application's or a machine's own credentials, and user name with password for
//! first-party clients.

use super::client::{self, Shown};
use super::failure::{Failure, Outcome, invalid_client, refuse};
use super::form::Form;
use super::issue::{self, Issue};
use crate::applications::{Application, Proof};
use crate::claims::{ACCESS_LIFE, Claims, Subject};
use crate::organizations;
use crate::principal::fleet;
use crate::signin::{self, Attempt, Refused, WRONG};
use crate::{jwt, scopes};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Principal, Secret, codes};
use serde_json::{Map, json};

/// Scopes that a request asks for.
pub(crate) fn asked(form: &Form) -> Outcome<Vec<String>> {
    scopes::parse(form.get("scope").unwrap_or_default()).ok_or_else(too_much)
}

/// The client may not have what it asks for.
pub(crate) fn too_much() -> Failure {
    refuse("invalid_scope", "A requested scope is malformed, unknown, or not one of the client's.")
}

/// `client_credentials`.
pub(crate) async fn client_credentials(call: &Call, form: &Form) -> Outcome<Output> {
    let shown = client::shown(call, form)?;
    if let Some(proof) = client::proof(call, &shown).await? {
        return of_application(call, form, &proof).await;
    }
    if shown.secret.is_none() && client::proved(call, &shown).await?.is_some() {
        return Err(refuse("unauthorized_client", "This client cannot act as itself."));
    }
    if let Some(machine) = machine(call, &shown).await? {
        return of_machine(call, form, &shown, &machine).await;
    }
    Err(invalid_client(shown.by_header))
}

async fn machine(call: &Call, shown: &Shown) -> Outcome<Option<Principal>> {
    match (fleet(&call.app), &shown.secret) {
        (Some(fleet), Some(secret)) => Ok(fleet.machine_by_secret(&call.app, &shown.id, secret).await?),
        _ => Ok(None),
    }
}

async fn of_application(call: &Call, form: &Form, proof: &Proof) -> Outcome<Output> {
    let application = &proof.application;
    let Some(organization) = proof.organization_key.clone() else {
        return Err(refuse("unauthorized_client", "This client cannot act as itself."));
    };
    let granted = scopes::grant_application(&application.application_scopes, &asked(form)?).ok_or_else(too_much)?;
    let now = call.now();
    let claims = Claims {
        subject: Subject::Application,
        sub: application.key.clone(),
        client_id: application.key.clone(),
        scopes: granted,
        organization,
        tenant_id: None,
        job_key: None,
        stamp: None,
        sid: None,
        jti: call.app.ids.guid(),
        issued_at: now,
        expires_at: now + ACCESS_LIFE,
        auth_time: None,
    };
    let more = Map::from_iter([("client_name".to_owned(), json!(application.name))]);
    let token = jwt::access_token(&call.app, &issue::issuer(call), &claims, more).await?;
    Ok(Output::json(issue::answer(&token, ACCESS_LIFE, &claims.scopes, None, None)))
}

/// A machine gets what its key would give it too; the one scope it may name adds nothing.
async fn of_machine(call: &Call, form: &Form, shown: &Shown, machine: &Principal) -> Outcome<Output> {
    if asked(form)?.iter().any(|s| s != scopes::EVERYTHING) {
        return Err(too_much());
    }
    let mut conn = call.read().await?;
    let organization = organizations::by_id(&mut conn, machine.organization_id).await?;
    drop(conn);
    let organization = organization.ok_or_else(|| Error::internal("a machine's organization is missing"))?;
    let now = call.now();
    let claims = Claims {
        subject: Subject::Machine,
        sub: shown.id.clone(),
        client_id: shown.id.clone(),
        scopes: vec![scopes::EVERYTHING.to_owned()],
        organization: organization.key,
        tenant_id: machine.tenant_id,
        job_key: None,
        stamp: None,
        sid: None,
        jti: call.app.ids.guid(),
        issued_at: now,
        expires_at: now + ACCESS_LIFE,
        auth_time: None,
    };
    let token = jwt::access_token(&call.app, &issue::issuer(call), &claims, Map::new()).await?;
    Ok(Output::json(issue::answer(&token, ACCESS_LIFE, &claims.scopes, None, None)))
}

/// `password`. Other clients never see a password (RFC 9700, section 2.4).
pub(crate) async fn password(call: &Call, form: &Form, application: &Application) -> Outcome<Output> {
    if !application.is_first_party {
        return Err(refuse("unauthorized_client", "This client must send the user to the sign-in page."));
    }
    let (name, password) = (form.need("username")?, Secret::new(form.need("password")?));
    let named = form.get("tenancyName").or_else(|| form.get("acr_values").and_then(organization_of));
    let place = signin::place(call, named).await?;
    let attempt = Attempt { place: &place, user_name: name, password: &password };
    let user = match signin::with_password(call, attempt).await? {
        Ok(user) => user,
        Err(Refused::Wrong) => return Err(refuse("invalid_grant", WRONG)),
        Err(Refused::MustChange(_)) => {
            return Err(refuse("invalid_grant", "The password must be changed before it can be used here."));
        }
        Err(Refused::Slow(seconds)) => {
            let error = Error::new(429, codes::INVALID_REQUEST, "Too many failed attempts. Try again later.");
            return Err(error.retry_after(seconds).into());
        }
    };
    // Never a refresh token: whoever has the password needs none.
    let mut granted = scopes::grant_first_party(&asked(form)?);
    granted.retain(|s| s != scopes::OFFLINE);
    let issue = Issue {
        client_id: &application.key,
        user: &user,
        scopes: &granted,
        tenant_id: place.tenant_id,
        sid: None,
        auth_time: call.now(),
        life: ACCESS_LIFE,
    };
    let token = issue::access_token(call, &issue).await?;
    let identity = match granted.iter().any(|s| s == scopes::OPENID) {
        true => Some(issue::identity_token(call, &issue, None, &token).await?),
        false => None,
    };
    Ok(Output::json(issue::answer(&token, ACCESS_LIFE, &granted, None, identity.as_deref())))
}

/// The organization that `acr_values` names: `tenantName:<name>` or `tenant:<guid>`.
pub(crate) fn organization_of(acr_values: &str) -> Option<&str> {
    acr_values
        .split_whitespace()
        .find_map(|v| v.strip_prefix("tenantName:").or_else(|| v.strip_prefix("tenant:")))
        .filter(|v| !v.is_empty())
}
