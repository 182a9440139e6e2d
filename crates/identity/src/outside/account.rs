//! Whose account a person outside has: by the provider's name for the person (`sub`), and the first time by an address
//! that the provider has verified. Else it is made, if the administrator wants that.

use super::provider::Provider;
use super::token::Person;
use crate::groups;
use crate::users::{self, Kind, NewUser, User};
use crate::{builtin, principal};
use bandmaster_api::{Call, Unit};
use bandmaster_core::{Result, Scopes};
use bandmaster_store::{Conn, params};

/// Why somebody does not get in.
pub(super) enum Refused {
    /// There is no account that is this person's, and none may be made.
    Unknown,
    /// The account is switched off.
    Inactive(Box<User>),
}

/// The person's account.
pub(super) async fn of(call: &mut Call, provider: &Provider, person: &Person) -> Result<Result<User, Refused>> {
    // Twice: somebody may link the same person at the same moment.
    for _ in 0..2 {
        if let Some(user) = linked(&mut call.read().await?, provider, &person.subject).await? {
            return Ok(allowed(user));
        }
        let known = match &person.email {
            Some(email) => users::by_email(&mut call.read().await?, provider.organization_id, email).await?,
            None => None,
        };
        match known {
            Some(user) => {
                if let Err(refused) = allowed(user.clone()) {
                    return Ok(Err(refused));
                }
                call.principal = principal::of_user(&user, Scopes::All);
                let mut unit = call.begin().await?;
                if link(&mut unit, provider, &person.subject, &user).await? {
                    unit.commit().await?;
                    return Ok(Ok(user));
                }
                drop(unit);
                // Unless somebody was quicker, the account is somebody else's with this provider: the address has changed
                // hands.
            }
            None if provider.creates_accounts => {
                let mut unit = call.begin().await?;
                if let Some(user) = made(&mut unit, provider, person).await?
                    && link(&mut unit, provider, &person.subject, &user).await?
                {
                    unit.commit().await?;
                    return Ok(Ok(user));
                }
            }
            None => return Ok(Err(Refused::Unknown)),
        }
    }
    Ok(Err(Refused::Unknown))
}

/// Administrators of the installation and robots never come from outside.
fn allowed(user: User) -> Result<User, Refused> {
    match user {
        user if user.is_host || user.kind != Kind::Person => Err(Refused::Unknown),
        user if !user.is_active => Err(Refused::Inactive(Box::new(user))),
        user => Ok(user),
    }
}

async fn linked(conn: &mut Conn, provider: &Provider, subject: &str) -> Result<Option<User>> {
    let sql = "SELECT user_id FROM outside_links WHERE provider_id = $1 AND subject = $2";
    let Some(row) = conn.query_opt(sql, params![provider.id, subject]).await? else { return Ok(None) };
    let user = users::by_id(conn, row.get(0)?).await?;
    Ok(user.filter(|u| u.organization_id == provider.organization_id))
}

/// Links the account; false when person or account are linked already.
async fn link(unit: &mut Unit, provider: &Provider, subject: &str, user: &User) -> Result<bool> {
    let now = unit.now();
    let made = unit
        .execute(
            "INSERT INTO outside_links (provider_id, subject, user_id, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            params![provider.id, subject, user.id, now],
        )
        .await?;
    if made == 0 {
        return Ok(false);
    }
    users::note(unit, user, "LinkExternalLogin").await?;
    Ok(true)
}

/// A name to sign in with that cannot be mistaken for somebody else's address: the verified one, else what the provider
/// calls the person, if that is none.
fn user_name(person: &Person) -> String {
    let unlike = |name: &&String| !name.contains('@');
    let name = person.email.as_ref().or(person.user_name.as_ref().filter(unlike)).unwrap_or(&person.subject);
    match &person.email {
        Some(email) => email.clone(),
        None => name.replace('@', "."),
    }
}

/// A new account in the provider's groups; none when its name is taken.
async fn made(unit: &mut Unit, provider: &Provider, person: &Person) -> Result<Option<User>> {
    let name = user_name(person);
    let new = NewUser {
        user_name: &name,
        email: person.email.as_deref(),
        name: person.given_name.as_deref(),
        surname: person.family_name.as_deref(),
        display_name: person.name.as_deref(),
        invitation_accepted: true,
        ..NewUser::default()
    };
    let Ok(user) = users::try_create(unit, provider.organization_id, &new).await? else { return Ok(None) };
    if person.email.is_some() {
        users::confirm_email(unit, &user).await?;
    }
    for key in &provider.groups {
        // A group may be gone by now. Administrators are never made so.
        if let Some(group) = groups::by_key(unit, provider.organization_id, key).await?
            && group.name != builtin::ADMINISTRATORS
            && !group.holds_everybody()
        {
            groups::add_member(unit, &group, &user.key).await?;
        }
    }
    Ok(Some(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nobodys_address() {
        let person = |email: Option<&str>, name: Option<&str>| Person {
            subject: "a@b|7".into(),
            email: email.map(Into::into),
            user_name: name.map(Into::into),
            given_name: None,
            family_name: None,
            name: None,
        };
        assert_eq!(user_name(&person(Some("ana@x.test"), Some("boss"))), "ana@x.test");
        assert_eq!(user_name(&person(None, Some("ana"))), "ana");
        assert_eq!(user_name(&person(None, Some("boss@x.test"))), "a.b|7");
        assert_eq!(user_name(&person(None, None)), "a.b|7");
    }
}
