//! Changing a password by whoever knows the old one: the identity service's operation, and Orchestrator's two older
//! ones. An old password is tried here like at sign-in: failures count, are written down, and lock.

use super::answer::{Stop, failures, succeeded};
use super::login_attempts::account_key;
use super::users::{hashed, named};
use crate::organizations;
use crate::signin::{self, Attempt, Place, Refused, WRONG};
use crate::users::{self, Kind, User};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result, Secret, codes};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("User_ChangePassword", of_account).also(&[403, 404, 429]);
    r.serve("Users_ChangePasswordById", in_tenant).refuses_more().also(&[400, 403, 404, 429]);
    r.serve("Users_UpdatePassword", by_name).also(&[403, 429]);
}

/// `POST /api/User/{userId}/changepassword`.
async fn of_account(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let (user, _) = named(call).await?;
        let body = call.body();
        replace(call, &user, body.text("oldPassword"), body.text("newPassword")).await?;
        Ok(Output::json(succeeded()))
    })
    .await
}

/// `POST /odata/Users({key})/…ChangePassword`: the own one, or with the permission to edit accounts another person's.
/// The present password is asked for either way.
async fn in_tenant(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let key = account_key(call, call.int_argument("key")?, "Users.Edit").await?;
        let found = users::by_key(&mut call.read().await?, &key).await?;
        // Groups, robot accounts and applications have no password.
        let user = found.filter(|u| u.kind == Kind::Person).ok_or_else(|| Error::not_found("User"))?;
        let body = call.body();
        replace(call, &user, body.text("CurrentPassword"), body.text("NewPassword")).await?;
        Ok(Output::empty())
    })
    .await
}

/// `POST /odata/Users/…UpdatePassword`: the account is named, and proven with its password. Accounts of other
/// organizations answer like a wrong password.
async fn by_name(call: &mut Call) -> Result<Output> {
    Stop::caught(async move {
        let body = call.body();
        let (name, tenancy) = (body.need_text("Username")?, body.text("TenancyName"));
        let organization = call.principal.organization_id;
        let place = signin::place(call, tenancy).await?;
        let named_here = place.organization.as_ref().is_some_and(|o| o.id == organization);
        let user = match named_here {
            true => users::find(&mut call.read().await?, organization, name).await?,
            false => None,
        };
        let Some(user) = user else { return Err(Error::argument(WRONG).into()) };
        replace(call, &user, body.text("CurrentPassword"), body.text("NewPassword")).await?;
        Ok(Output::empty())
    })
    .await
}

/// Sets the new password when the old one fits.
async fn replace(call: &Call, user: &User, old: Option<&str>, new: Option<&str>) -> Result<(), Stop> {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let organization = organizations::by_id(&mut call.read().await?, user.organization_id).await?;
    let place = Place { organization, tenant_id: None };
    let secret = Secret::new(old);
    let attempt = Attempt { place: &place, user_name: &user.user_name, password: &secret };
    match signin::with_password(call, attempt).await? {
        Ok(proven) => same(&proven, user)?,
        Err(Refused::MustChange(proven)) => same(&proven, user)?,
        Err(Refused::Wrong) => return Err(mismatch()),
        Err(Refused::Slow(seconds)) => {
            let error = Error::new(429, codes::INVALID_REQUEST, "Too many failed attempts. Try again later.");
            return Err(error.retry_after(seconds).into());
        }
    }
    let hash = hashed(call, new, true).await?;
    let mut unit = call.begin().await?;
    users::set_password(&mut unit, user, &hash, false).await?;
    unit.commit().await?;
    Ok(())
}

/// The account whose password was tried must be the one whose password changes: names can be e-mail addresses of
/// others.
fn same(proven: &User, user: &User) -> Result<(), Stop> {
    if proven.id == user.id { Ok(()) } else { Err(mismatch()) }
}

fn mismatch() -> Stop {
    failures(&[("PasswordMismatch", "The old password is not right.".to_owned())])
}
