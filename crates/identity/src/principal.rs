//! From a checked token to the caller: does the account still exist, may it sign in, does the application still have
//! its scopes, has the token been revoked.

use crate::applications::{self, Application};
use crate::claims::{Claims, Subject};
use crate::users::{self, Kind, User};
use crate::{builtin, scopes};
use bandmaster_api::App;
use bandmaster_api::gate::FleetCredentials;
use bandmaster_core::{Error, Principal, PrincipalKind, Result, Scopes};
use bandmaster_store::{Conn, params};

fn void(why: &'static str) -> Error {
    Error::unauthenticated().because(why)
}

/// The crate that knows machines, robots and jobs; without one there are none.
pub(crate) fn fleet(app: &App) -> Option<&dyn FleetCredentials> {
    app.parts.get::<Box<dyn FleetCredentials>>().map(|f| f.as_ref())
}

/// The caller of a checked token, as the database knows it now. 401 when the token no longer counts.
pub(crate) async fn of_claims(app: &App, claims: &Claims) -> Result<Principal> {
    let mut conn = app.store.read().await?;
    if revoked(&mut conn, claims).await? {
        return Err(void("the token was revoked"));
    }
    match claims.subject {
        Subject::Application => of_application(&mut conn, claims).await,
        Subject::Machine => {
            drop(conn);
            let Some(fleet) = fleet(app) else { return Err(void("there are no machines")) };
            let machine = fleet.machine_by_key(app, &claims.sub).await?;
            machine.ok_or_else(|| void("the machine is gone"))
        }
        Subject::User | Subject::Robot => of_account(&mut conn, claims).await,
    }
}

async fn revoked(conn: &mut Conn, claims: &Claims) -> Result<bool> {
    let sid = claims.sid.as_deref().unwrap_or(&claims.jti);
    let row =
        conn.query_opt("SELECT 1 FROM revoked_tokens WHERE id IN ($1, $2)", params![claims.jti.as_str(), sid]).await?;
    Ok(row.is_some())
}

async fn of_application(conn: &mut Conn, claims: &Claims) -> Result<Principal> {
    let application = applications::by_key(conn, &claims.client_id).await?;
    let Some(application) = application.filter(|a| a.key == claims.sub && a.is_confidential) else {
        return Err(void("the application is gone"));
    };
    let organization = application.organization_id.ok_or_else(|| void("the application has no organization"))?;
    if !organization_is(conn, organization, &claims.organization).await? {
        return Err(void("the token is of another organization"));
    }
    let mut held = claims.scopes.clone();
    held.retain(|s| s == scopes::BY_ROLES || scopes::contained(&application.application_scopes, s));
    Ok(Principal {
        kind: PrincipalKind::Application,
        organization_id: organization,
        tenant_id: claims.tenant_id,
        key: application.key.clone(),
        name: application.name,
        scopes: Scopes::These(held),
        client_id: Some(application.key),
        ..Principal::anonymous()
    })
}

async fn organization_is(conn: &mut Conn, id: i64, key: &str) -> Result<bool> {
    let row = conn.query_opt("SELECT key FROM organizations WHERE id = $1", params![id]).await?;
    Ok(row.map(|r| r.get::<String>(0)).transpose()?.is_some_and(|k| k == key))
}

async fn of_account(conn: &mut Conn, claims: &Claims) -> Result<Principal> {
    let user = users::by_key(conn, &claims.sub).await?.filter(|u| u.is_active);
    let user = user.ok_or_else(|| void("the account is gone or may not sign in"))?;
    if user.organization_key != claims.organization {
        return Err(void("the token is of another organization"));
    }
    if claims.stamp.as_ref().is_some_and(|s| *s != user.security_stamp) {
        return Err(void("the account's password was changed"));
    }
    let job = claims.job_key.is_some() && claims.client_id == builtin::JOB_CLIENT;
    let held = if job {
        Scopes::All
    } else {
        let application = applications::by_key(conn, &claims.client_id).await?;
        let application = application.ok_or_else(|| void("the application is gone"))?;
        of_application_for_user(&application, &user, &claims.scopes)?
    };
    let mut principal = of_user(&user, held);
    principal.client_id = Some(claims.client_id.clone());
    principal.tenant_id = claims.tenant_id;
    principal.job_key.clone_from(&claims.job_key);
    // A job runs what others wrote: it never administers the installation.
    principal.host &= !job;
    Ok(principal)
}

/// What an application may do in a person's name with these scopes of a token.
fn of_application_for_user(application: &Application, user: &User, granted: &[String]) -> Result<Scopes> {
    if application.organization_id.is_some_and(|o| o != user.organization_id) {
        return Err(void("the application is of another organization"));
    }
    if application.is_first_party {
        return Ok(scopes::effective(granted, true));
    }
    let mut held = granted.to_vec();
    held.retain(|s| scopes::PERSONAL.contains(&s.as_str()) || scopes::contained(&application.user_scopes, s));
    Ok(Scopes::These(held))
}

/// The caller of an account.
pub(crate) fn of_user(user: &User, scopes: Scopes) -> Principal {
    Principal {
        kind: match user.kind {
            Kind::Person => PrincipalKind::User,
            Kind::Robot => PrincipalKind::Robot,
        },
        organization_id: user.organization_id,
        key: user.key.clone(),
        name: user.user_name.clone(),
        scopes,
        host: user.is_host,
        ..Principal::anonymous()
    }
}
