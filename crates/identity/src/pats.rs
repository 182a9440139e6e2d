//! Personal access tokens: opaque secrets of a person, shown once and kept as a keyed hash.

use crate::users::User;
use crate::{scopes, watch};
use bandmaster_api::{App, Change, Unit};
use bandmaster_core::clock::{DAY, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, KeyRing, Result, Secret};
use bandmaster_store::{Conn, Row, params};
use serde_json::json;

/// What every token begins with, so that it is recognised where it does not belong.
pub const PREFIX: &str = "rt_";
/// Shortest life.
pub const LEAST_LIFE: Micros = DAY;
/// Longest life.
pub const LONGEST_LIFE: Micros = 1800 * DAY;
/// Valid tokens of one person.
pub const PER_USER: i64 = 50;

/// Whoever asks for a day from now means a day, though the request took its time.
const SLACK: Micros = MINUTE;

const PURPOSE: &str = "personal-access-token";

/// A token, without its value.
#[derive(Debug, Clone)]
pub struct Token {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// What it is for.
    pub description: String,
    /// Scopes; [`scopes::EVERYTHING`] alone means all that the person may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Micros,
    /// When it ends.
    pub expires_at: Micros,
    /// When it was last used, to within a minute or so.
    pub last_used_at: Option<Micros>,
}

impl Token {
    fn from_row(row: &Row) -> Result<Token> {
        Ok(Token {
            id: row.get(0)?,
            key: row.get(1)?,
            description: row.get(2)?,
            scopes: row.get::<String>(3)?.split(' ').map(str::to_owned).collect(),
            created_at: row.get(4)?,
            expires_at: row.get(5)?,
            last_used_at: row.get(6)?,
        })
    }
}

const COLUMNS: &str =
    "SELECT id, key, description, scopes, created_at, expires_at, last_used_at FROM personal_access_tokens";

/// A new token.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// What it is for, up to 256 characters.
    pub description: &'a str,
    /// Scopes; none means all that the person may do.
    pub scopes: Vec<String>,
    /// When it ends: a day to 1800 days from now.
    pub expires_at: Micros,
}

fn fresh(app: &App) -> Result<(Secret, String)> {
    let secret = Secret::new(format!("{PREFIX}{}", app.ids.secret()));
    // Only its hash goes anywhere.
    let hash = app.keys.hash(secret.reveal(), PURPOSE)?;
    Ok((secret, hash))
}

/// Makes a token. The value is told here and never again.
pub async fn create(unit: &mut Unit, app: &App, user: &User, new: &NewToken<'_>) -> Result<(Token, Secret)> {
    if new.description.chars().count() > 256 {
        return Err(Error::argument("The description of a token has at most 256 characters."));
    }
    if let Some(unknown) = new.scopes.iter().find(|s| !scopes::is_resource(s) || s.as_str() == scopes::BY_ROLES) {
        let shown: String = unknown.chars().take(100).collect();
        return Err(Error::argument(format!("The scope {shown} is not known, or not for people.")));
    }
    let now = unit.now();
    if new.expires_at < now + LEAST_LIFE - SLACK || new.expires_at > now + LONGEST_LIFE {
        return Err(Error::argument("A token lives from 1 to 1800 days."));
    }
    let valid: i64 = unit
        .query_one(
            "SELECT COUNT(*) FROM personal_access_tokens WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2",
            params![user.id, now],
        )
        .await?
        .get(0)?;
    if valid >= PER_USER {
        return Err(Error::argument(format!("An account has at most {PER_USER} tokens.")));
    }
    let (secret, hash) = fresh(app)?;
    let key = unit.guid();
    let scopes = if new.scopes.is_empty() { scopes::EVERYTHING.to_owned() } else { new.scopes.join(" ") };
    let row = unit
        .query_one(
            "INSERT INTO personal_access_tokens (key, user_id, description, token_hash, scopes, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             RETURNING id, key, description, scopes, created_at, expires_at, last_used_at",
            params![key.as_str(), user.id, new.description, hash, scopes, now, new.expires_at],
        )
        .await?;
    let token = Token::from_row(&row)?;
    audit(unit, "Create", user, &token).await?;
    Ok((token, secret))
}

async fn audit(unit: &mut Unit, action: &str, user: &User, token: &Token) -> Result<()> {
    unit.audit(Change {
        component: "PersonalAccessToken",
        action,
        id: Some(token.id),
        key: Some(&token.key),
        name: &token.description,
        after: Some(json!({"user": user.user_name, "scopes": token.scopes, "expires": token.expires_at})),
        ..Change::default()
    })
    .await
}

/// The valid tokens of a person, newest first.
pub async fn of(conn: &mut Conn, user: &User, now: Micros) -> Result<Vec<Token>> {
    let rows = conn
        .query(
            &format!("{COLUMNS} WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id DESC"),
            params![user.id, now],
        )
        .await?;
    rows.iter().map(Token::from_row).collect()
}

async fn valid(unit: &mut Unit, user: &User, key: &str) -> Result<Token> {
    let now = unit.now();
    let row = unit
        .query_opt(
            &format!("{COLUMNS} WHERE user_id = $1 AND key = $2 AND revoked_at IS NULL AND expires_at > $3"),
            params![user.id, key, now],
        )
        .await?;
    row.as_ref().map(Token::from_row).transpose()?.ok_or_else(|| Error::not_found("Token"))
}

/// Gives a valid token a new value; the old one is void at once. Scopes and end stay.
pub async fn regenerate(unit: &mut Unit, app: &App, user: &User, key: &str) -> Result<(Token, Secret)> {
    let token = valid(unit, user, key).await?;
    let (secret, hash) = fresh(app)?;
    unit.execute(
        "UPDATE personal_access_tokens SET token_hash = $1, last_used_at = NULL WHERE id = $2",
        params![hash, token.id],
    )
    .await?;
    watch::raise(unit).await?;
    audit(unit, "Update", user, &token).await?;
    Ok((token, secret))
}

/// Ends a token at once.
pub async fn revoke(unit: &mut Unit, user: &User, key: &str) -> Result<()> {
    let token = valid(unit, user, key).await?;
    let now = unit.now();
    unit.execute("UPDATE personal_access_tokens SET revoked_at = $1 WHERE id = $2", params![now, token.id]).await?;
    watch::raise(unit).await?;
    audit(unit, "Delete", user, &token).await
}

/// A token as its value finds it.
pub(crate) struct Shown {
    pub id: i64,
    pub user_id: i64,
    pub scopes: Vec<String>,
    pub expires_at: Micros,
}

/// The valid token of that value.
pub(crate) async fn shown(conn: &mut Conn, keys: &KeyRing, value: &str, now: Micros) -> Result<Option<Shown>> {
    let row = conn
        .query_opt(
            "SELECT id, user_id, scopes, expires_at FROM personal_access_tokens \
             WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
            params![keys.hash(value, PURPOSE)?, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let scopes = row.get::<String>(2)?.split(' ').map(str::to_owned).collect();
    Ok(Some(Shown { id: row.get(0)?, user_id: row.get(1)?, scopes, expires_at: row.get(3)? }))
}
