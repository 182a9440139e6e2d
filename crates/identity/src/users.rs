//! Accounts of people and robots. How a person proves to be one of them stands in `signin`.

use crate::groups::{self, Group};
use crate::{neighbours, outside, watch};
use bandmaster_api::{App, Change, Unit};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, DbError, Row, params};
use serde_json::{Value, json};

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    Person,
    /// A robot account: no password, no sign-in.
    Robot,
}

/// An account.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: i64,
    /// GUID: the token's `sub`, and the key of its record in every tenant.
    pub key: String,
    /// Organization.
    pub organization_id: i64,
    /// GUID of the organization.
    pub organization_key: String,
    /// What it is.
    pub kind: Kind,
    /// Name to sign in with; unique in the organization.
    pub user_name: String,
    /// Address; unique in the organization.
    pub email: Option<String>,
    /// First name.
    pub name: Option<String>,
    /// Family name.
    pub surname: Option<String>,
    /// Name to show.
    pub display_name: Option<String>,
    /// Whether it may sign in.
    pub is_active: bool,
    /// Administrator of the installation.
    pub is_host: bool,
    /// Must set a new password before anything else.
    pub must_change_password: bool,
    /// Whether the address is known to be the account's.
    pub email_confirmed: bool,
    /// May sign in with a password though the organization restricts it.
    pub bypass_basic_auth_restriction: bool,
    /// Whether an invitation was accepted.
    pub invitation_accepted: bool,
    /// Further attributes: a JSON object of texts.
    pub attributes: String,
    pub(crate) password_hash: Option<String>,
    pub(crate) security_stamp: String,
    /// When it last signed in.
    pub last_login_at: Option<Micros>,
    /// When it was made.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

const COLUMNS: &str = "SELECT u.id, u.key, u.organization_id, o.key, u.kind, u.user_name, u.email, u.name, u.surname, \
     u.display_name, u.is_active, u.is_host, u.must_change_password, u.password_hash, u.security_stamp, \
     u.last_login_at, u.created_at, u.updated_at, u.email_confirmed, u.bypass_basic_auth_restriction, \
     u.invitation_accepted, u.attributes FROM identity_users u JOIN organizations o ON o.id = u.organization_id";

impl User {
    fn from_row(row: &Row) -> Result<User> {
        Ok(User {
            id: row.get(0)?,
            key: row.get(1)?,
            organization_id: row.get(2)?,
            organization_key: row.get(3)?,
            kind: if row.get::<i64>(4)? == 1 { Kind::Robot } else { Kind::Person },
            user_name: row.get(5)?,
            email: row.get(6)?,
            name: row.get(7)?,
            surname: row.get(8)?,
            display_name: row.get(9)?,
            is_active: row.get(10)?,
            is_host: row.get(11)?,
            must_change_password: row.get(12)?,
            password_hash: row.get(13)?,
            security_stamp: row.get(14)?,
            last_login_at: row.get(15)?,
            created_at: row.get(16)?,
            updated_at: row.get(17)?,
            email_confirmed: row.get(18)?,
            bypass_basic_auth_restriction: row.get(19)?,
            invitation_accepted: row.get(20)?,
            attributes: row.get(21)?,
        })
    }

    /// The name to show: display name, else first and family name, else user name.
    pub fn shown_name(&self) -> String {
        let full = [&self.name, &self.surname].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let filled = |t: &String| !t.trim().is_empty();
        self.display_name.clone().filter(filled).or(Some(full).filter(filled)).unwrap_or_else(|| self.user_name.clone())
    }

    /// What the audit may know.
    fn snapshot(&self) -> Value {
        json!({
            "userName": self.user_name, "email": self.email, "name": self.name, "surname": self.surname,
            "displayName": self.display_name, "isActive": self.is_active,
            "bypassBasicAuthRestriction": self.bypass_basic_auth_restriction,
        })
    }
}

/// A new account.
#[derive(Debug, Clone, Default)]
pub struct NewUser<'a> {
    /// GUID that the caller chose. None: a fresh one.
    pub key: Option<&'a str>,
    /// Name to sign in with, 1 to 256 characters.
    pub user_name: &'a str,
    /// Address.
    pub email: Option<&'a str>,
    /// First name.
    pub name: Option<&'a str>,
    /// Family name.
    pub surname: Option<&'a str>,
    /// Name to show.
    pub display_name: Option<&'a str>,
    /// Hash of the password, made with `Identity::hasher` before the unit began. None: no sign-in with a password.
    pub password_hash: Option<&'a str>,
    /// Must set a new password at the first sign-in.
    pub must_change_password: bool,
    /// A robot account instead of a person.
    pub robot: bool,
    /// Administrator of the installation.
    pub host: bool,
    /// May sign in with a password though the organization restricts it.
    pub bypass_basic_auth_restriction: bool,
    /// Whether an invitation was accepted.
    pub invitation_accepted: bool,
}

/// Why an account cannot be made or changed so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The user name is empty, too long, or has characters that are not allowed.
    InvalidName,
    /// The e-mail address is none.
    InvalidEmail,
    /// Another account of the organization has the user name.
    TakenName(String),
    /// Another account of the organization has the address.
    TakenEmail(String),
    /// Another account has the GUID.
    TakenKey,
    /// A name to show is too long or has characters that are not allowed.
    InvalidText,
}

impl Fault {
    /// Code of the identity service.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::InvalidName => "InvalidUserName",
            Fault::InvalidEmail => "InvalidEmail",
            Fault::TakenName(_) => "DuplicateUserName",
            Fault::TakenEmail(_) => "DuplicateEmail",
            Fault::TakenKey => "DuplicateId",
            Fault::InvalidText => "InvalidName",
        }
    }

    /// What is wrong.
    pub fn text(&self) -> String {
        let cut = |t: &str| t.chars().take(100).collect::<String>();
        match self {
            Fault::InvalidName => "The user name has 1 to 256 characters.".into(),
            Fault::InvalidEmail => "The e-mail address is not valid.".into(),
            Fault::TakenName(name) => format!("The user name {} is already used.", cut(name)),
            Fault::TakenEmail(email) => format!("The e-mail address {} is already used.", cut(email)),
            Fault::TakenKey => "The id is already used.".into(),
            Fault::InvalidText => "Names have at most 256 characters, and no control characters.".into(),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match &fault {
            Fault::TakenName(name) | Fault::TakenEmail(name) => Error::name_taken(name),
            other => Error::argument(other.text()),
        }
    }
}

fn checked_email(email: Option<&str>) -> Result<Option<&str>, Fault> {
    let email = email.map(str::trim).filter(|e| !e.is_empty());
    let wrong =
        |e: &str| e.len() > 256 || !e.contains('@') || e.contains(|c: char| c.is_whitespace() || c.is_control());
    if email.is_some_and(wrong) { Err(Fault::InvalidEmail) } else { Ok(email) }
}

fn checked_texts(texts: &[Option<&str>]) -> Result<(), Fault> {
    let wrong = |t: &&str| t.chars().count() > 256 || t.chars().any(char::is_control);
    if texts.iter().flatten().any(wrong) { Err(Fault::InvalidText) } else { Ok(()) }
}

/// Makes an account. 409 when its name or address is taken in the organization.
pub async fn create(unit: &mut Unit, organization_id: i64, new: &NewUser<'_>) -> Result<User> {
    Ok(try_create(unit, organization_id, new).await??)
}

/// The same, telling what is wrong. After a fault the unit is of no use any more.
pub async fn try_create(unit: &mut Unit, organization_id: i64, new: &NewUser<'_>) -> Result<Result<User, Fault>> {
    let user_name = new.user_name.trim();
    if user_name.is_empty() || user_name.chars().count() > 256 || user_name.chars().any(char::is_control) {
        return Ok(Err(Fault::InvalidName));
    }
    let email = match checked_email(new.email) {
        Ok(email) => email,
        Err(fault) => return Ok(Err(fault)),
    };
    if let Err(fault) = checked_texts(&[new.name, new.surname, new.display_name]) {
        return Ok(Err(fault));
    }
    let (key, stamp, now) = (new.key.map_or_else(|| unit.guid(), str::to_owned), unit.guid(), unit.now());
    let made = unit
        .query_one(
            "INSERT INTO identity_users (key, organization_id, kind, user_name, email, name, surname, display_name, \
             password_hash, password_changed_at, must_change_password, is_host, security_stamp, created_at, \
             updated_at, bypass_basic_auth_restriction, invitation_accepted) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING id",
            params![
                key.as_str(),
                organization_id,
                new.robot,
                user_name,
                email,
                new.name,
                new.surname,
                new.display_name,
                new.password_hash,
                new.password_hash.map(|_| now),
                new.must_change_password,
                new.host,
                stamp,
                now,
                now,
                new.bypass_basic_auth_restriction,
                new.invitation_accepted
            ],
        )
        .await;
    if let Err(e) = made {
        return taken(e, user_name, email).map(Err);
    }
    let user = by_key(unit, &key).await?.ok_or_else(|| Error::internal("a new account is not there"))?;
    audit(unit, "Create", &user, None, Some(user.snapshot())).await?;
    Ok(Ok(user))
}

fn taken(error: DbError, user_name: &str, email: Option<&str>) -> Result<Fault> {
    match error {
        e if e.is_unique("identity_users_name") => Ok(Fault::TakenName(user_name.to_owned())),
        e if e.is_unique("identity_users_email") => Ok(Fault::TakenEmail(email.unwrap_or_default().to_owned())),
        e if e.is_unique("identity_users_key_key") => Ok(Fault::TakenKey),
        e => Err(e.into()),
    }
}

/// What is to be changed about an account; None leaves a member as it is, an empty text empties it.
#[derive(Debug, Clone, Default)]
pub struct Profile<'a> {
    /// First name.
    pub name: Option<&'a str>,
    /// Family name.
    pub surname: Option<&'a str>,
    /// Name to show.
    pub display_name: Option<&'a str>,
    /// Address.
    pub email: Option<&'a str>,
    /// May sign in with a password though the organization restricts it.
    pub bypass_basic_auth_restriction: Option<bool>,
    /// Whether an invitation was accepted.
    pub invitation_accepted: Option<bool>,
    /// The whole of the further attributes, a JSON object of texts.
    pub attributes: Option<&'a str>,
}

/// Changes names, address and flags of an account. After a fault the unit is of no use any more.
pub async fn change(unit: &mut Unit, user: &User, profile: &Profile<'_>) -> Result<Result<(), Fault>> {
    if let Err(fault) = checked_texts(&[profile.name, profile.surname, profile.display_name]) {
        return Ok(Err(fault));
    }
    let email = match profile.email.map(|e| checked_email(Some(e))).transpose() {
        Ok(email) => email,
        Err(fault) => return Ok(Err(fault)),
    };
    let now = unit.now();
    // The row is held from here on, so that two changes at once do not undo each other.
    let held = unit
        .execute("UPDATE identity_users SET updated_at = $1 WHERE id = $2 AND is_deleted = 0", params![now, user.id])
        .await?;
    let Some(before) = by_id(unit, user.id).await?.filter(|_| held > 0) else {
        return Err(Error::not_found("User"));
    };
    let text = |new: Option<&str>, old: &Option<String>| match new {
        Some(new) => Some(new.trim().to_owned()).filter(|t| !t.is_empty()),
        None => old.clone(),
    };
    let new_email = email.map_or_else(|| before.email.clone(), |e| e.map(str::to_owned));
    let email_kept = new_email == before.email;
    let changed = unit
        .execute(
            "UPDATE identity_users SET name = $1, surname = $2, display_name = $3, email = $4, email_confirmed = $5, \
             bypass_basic_auth_restriction = $6, invitation_accepted = $7, attributes = $8 WHERE id = $9",
            params![
                text(profile.name, &before.name),
                text(profile.surname, &before.surname),
                text(profile.display_name, &before.display_name),
                new_email.as_deref(),
                before.email_confirmed && email_kept,
                profile.bypass_basic_auth_restriction.unwrap_or(before.bypass_basic_auth_restriction),
                profile.invitation_accepted.unwrap_or(before.invitation_accepted),
                profile.attributes.unwrap_or(&before.attributes),
                user.id
            ],
        )
        .await;
    if let Err(error) = changed {
        return taken(error, &user.user_name, new_email.as_deref()).map(Err);
    }
    let after = by_id(unit, user.id).await?.ok_or_else(|| Error::not_found("User"))?;
    audit(unit, "Update", &after, Some(before.snapshot()), Some(after.snapshot())).await?;
    Ok(Ok(()))
}

async fn audit(unit: &mut Unit, action: &str, user: &User, before: Option<Value>, after: Option<Value>) -> Result<()> {
    let component = if user.kind == Kind::Robot { "RobotAccount" } else { "User" };
    unit.audit(Change {
        component,
        action,
        id: Some(user.id),
        key: Some(&user.key),
        name: &user.user_name,
        before,
        after,
    })
    .await
}

/// The account of that GUID. Removed ones are not found.
pub async fn by_key(conn: &mut Conn, key: &str) -> Result<Option<User>> {
    let row = conn.query_opt(&format!("{COLUMNS} WHERE u.key = $1 AND u.is_deleted = 0"), params![key]).await?;
    row.as_ref().map(User::from_row).transpose()
}

pub(crate) async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<User>> {
    let row = conn.query_opt(&format!("{COLUMNS} WHERE u.id = $1 AND u.is_deleted = 0"), params![id]).await?;
    row.as_ref().map(User::from_row).transpose()
}

/// The account with that user name or e-mail address; the name goes first.
pub async fn find(conn: &mut Conn, organization_id: i64, name_or_email: &str) -> Result<Option<User>> {
    // Two statements, each of which finds its row by an index.
    for column in ["user_name", "email"] {
        let sql =
            format!("{COLUMNS} WHERE u.organization_id = $1 AND u.is_deleted = 0 AND fold(u.{column}) = fold($2)");
        let row = conn
            .query_opt(&sql, params![organization_id, name_or_email.trim()])
            .await
            .or_else(crate::organizations::absent_if_bad_text)?;
        if let Some(row) = row {
            return Ok(Some(User::from_row(&row)?));
        }
    }
    Ok(None)
}

/// The account with that e-mail address.
pub(crate) async fn by_email(conn: &mut Conn, organization_id: i64, email: &str) -> Result<Option<User>> {
    let sql = format!("{COLUMNS} WHERE u.organization_id = $1 AND u.is_deleted = 0 AND fold(u.email) = fold($2)");
    let row = conn.query_opt(&sql, params![organization_id, email]).await?;
    row.as_ref().map(User::from_row).transpose()
}

/// Sets a password, given as a hash made before the unit began. Everything that was issued to the account ends:
/// sessions, refresh tokens, access tokens. Personal access tokens stay; they have their own life.
pub async fn set_password(unit: &mut Unit, user: &User, hash: &str, must_change: bool) -> Result<()> {
    let (stamp, now) = (unit.guid(), unit.now());
    unit.execute(
        "UPDATE identity_users SET password_hash = $1, password_changed_at = $2, must_change_password = $3, \
         security_stamp = $4, updated_at = $5 WHERE id = $6",
        params![hash, now, must_change, stamp, now, user.id],
    )
    .await?;
    end_sign_ins(unit, user.id).await?;
    audit(unit, "ChangePassword", user, None, None).await
}

/// Notes that the account's address reaches its owner, who has followed a link sent there.
pub(crate) async fn confirm_email(unit: &mut Unit, user: &User) -> Result<()> {
    unit.execute("UPDATE identity_users SET email_confirmed = 1 WHERE id = $1", params![user.id]).await?;
    Ok(())
}

/// Writes an audit entry about something that happened to an account.
pub(crate) async fn note(unit: &mut Unit, user: &User, action: &str) -> Result<()> {
    audit(unit, action, user, None, None).await
}

/// Allows or forbids the account to sign in. Forbidding it voids everything it holds at once.
pub async fn set_active(unit: &mut Unit, user: &User, active: bool) -> Result<()> {
    let now = unit.now();
    unit.execute(
        "UPDATE identity_users SET is_active = $1, updated_at = $2 WHERE id = $3",
        params![active, now, user.id],
    )
    .await?;
    if active {
        watch::raise(unit).await?;
    } else {
        end_sign_ins(unit, user.id).await?;
    }
    groups::rights_changed(unit, user.organization_id).await?;
    let after = json!({"isActive": active});
    audit(unit, "Update", user, Some(json!({"isActive": user.is_active})), Some(after)).await
}

/// Removes the account, from all tenants too. Its name and address become free; what it did stays attributed to it.
/// 409 when a tenant would lose its last administrator.
pub async fn remove(unit: &mut Unit, app: &App, user: &User) -> Result<()> {
    let now = unit.now();
    unit.execute(
        "UPDATE identity_users SET is_deleted = 1, is_active = 0, updated_at = $1 WHERE id = $2",
        params![now, user.id],
    )
    .await?;
    unit.execute(
        "UPDATE personal_access_tokens SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL",
        params![now, user.id],
    )
    .await?;
    unit.execute("DELETE FROM identity_group_members WHERE member_key = $1", params![user.key.as_str()]).await?;
    unit.execute("DELETE FROM identity_settings WHERE user_id = $1", params![user.id]).await?;
    unit.execute("DELETE FROM mail_outbox WHERE user_id = $1", params![user.id]).await?;
    outside::forget_person(unit, user.id).await?;
    end_sign_ins(unit, user.id).await?;
    neighbours::tell_removed(app, unit, user.organization_id, &user.key).await?;
    groups::rights_changed(unit, user.organization_id).await?;
    audit(unit, "Delete", user, Some(user.snapshot()), None).await
}

/// Ends the account's browser sessions and refresh tokens.
async fn end_sign_ins(unit: &mut Unit, user_id: i64) -> Result<()> {
    let now = unit.now();
    unit.execute("DELETE FROM browser_sessions WHERE user_id = $1", params![user_id]).await?;
    unit.execute("DELETE FROM authorization_codes WHERE user_id = $1", params![user_id]).await?;
    unit.execute("DELETE FROM device_authorizations WHERE user_id = $1", params![user_id]).await?;
    unit.execute(
        "UPDATE refresh_tokens SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL",
        params![now, user_id],
    )
    .await?;
    watch::raise(unit).await
}

/// Makes a person who is in the named groups.
pub async fn create_in_groups(
    unit: &mut Unit,
    organization_id: i64,
    new: &NewUser<'_>,
    groups: &[&Group],
) -> Result<User> {
    let user = create(unit, organization_id, new).await?;
    for group in groups {
        groups::add_member(unit, group, &user.key).await?;
    }
    Ok(user)
}

/// The account of an id as it was sent. A text that the database cannot hold names nobody.
pub async fn by_text(conn: &mut Conn, key: &str) -> Result<Option<User>> {
    let row = conn
        .query_opt(&format!("{COLUMNS} WHERE u.key = $1 AND u.is_deleted = 0"), params![key])
        .await
        .or_else(crate::organizations::absent_if_bad_text)?;
    row.as_ref().map(User::from_row).transpose()
}

/// What is wanted of a list of accounts.
pub struct Wanted<'a> {
    /// People or robot accounts.
    pub kind: Kind,
    /// Pattern that a name or the address must fit.
    pub search: Option<&'a str>,
    /// SQL to sort by, made by the server itself.
    pub order: &'a str,
    /// Most rows.
    pub top: i64,
    /// Rows passed over.
    pub skip: i64,
}

/// A part of an organization's accounts, and how many there are in all.
pub async fn page(conn: &mut Conn, organization_id: i64, wanted: &Wanted<'_>) -> Result<(Vec<User>, i64)> {
    let kind = i64::from(wanted.kind == Kind::Robot);
    let condition = "u.organization_id = $1 AND u.is_deleted = 0 AND u.kind = $2 AND (fold(u.user_name) LIKE $3 \
         ESCAPE '\\' OR fold(u.email) LIKE $3 ESCAPE '\\' OR fold(u.name) LIKE $3 ESCAPE '\\' OR \
         fold(u.surname) LIKE $3 ESCAPE '\\' OR fold(u.display_name) LIKE $3 ESCAPE '\\')";
    let pattern = wanted.search.unwrap_or("%");
    let total = conn
        .query_one(
            &format!("SELECT COUNT(*) FROM identity_users u WHERE {condition}"),
            params![organization_id, kind, pattern],
        )
        .await?;
    let sql = format!("{COLUMNS} WHERE {condition} ORDER BY {} LIMIT $4 OFFSET $5", wanted.order);
    let rows = conn.query(&sql, params![organization_id, kind, pattern, wanted.top, wanted.skip]).await?;
    Ok((rows.iter().map(User::from_row).collect::<Result<_>>()?, total.get(0)?))
}
