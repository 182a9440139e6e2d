//! Links that are good for one use and travel by mail: 256 random bits, stored as a keyed hash. A link ends when it is
//! used, when it expires, when a newer one for the same purpose is made, and when password or address of its account
//! change.

use crate::users::{self, User};
use bandmaster_api::{App, Unit};
use bandmaster_core::clock::{DAY, HOUR};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, Secret};
use bandmaster_store::{Conn, params};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Accepting an invitation.
    Invitation,
    /// Setting a new password in place of a forgotten one.
    NewPassword,
}

impl Purpose {
    fn number(self) -> i64 {
        match self {
            Purpose::Invitation => 0,
            Purpose::NewPassword => 1,
        }
    }

    fn life(self) -> Micros {
        match self {
            Purpose::Invitation => 7 * DAY,
            Purpose::NewPassword => HOUR,
        }
    }

    fn hashing(self) -> &'static str {
        match self {
            Purpose::Invitation => "invitation-link",
            Purpose::NewPassword => "new-password-link",
        }
    }
}

/// A link that was just made.
pub(crate) struct Made {
    pub id: i64,
    /// Its secret; told in the mail only.
    pub token: Secret,
    pub expires_at: Micros,
}

/// Makes a link for an account, whose earlier ones of that purpose end.
pub(crate) async fn make(unit: &mut Unit, app: &App, user: &User, purpose: Purpose) -> Result<Made> {
    let email = user.email.as_deref().ok_or_else(|| Error::argument("The account has no e-mail address."))?;
    end(unit, user.id, purpose).await?;
    let token = app.ids.secret();
    let hash = app.keys.hash(&token, purpose.hashing())?;
    let now = unit.now();
    let expires_at = now + purpose.life();
    let row = unit
        .query_one(
            "INSERT INTO one_time_links (purpose, user_id, token_hash, security_stamp, email, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            params![purpose.number(), user.id, hash, user.security_stamp.as_str(), email, now, expires_at],
        )
        .await?;
    Ok(Made { id: row.get(0)?, token: Secret::new(token), expires_at })
}

/// Ends an account's open links of one purpose. Answers how many there were.
pub(crate) async fn end(unit: &mut Unit, user_id: i64, purpose: Purpose) -> Result<u64> {
    let now = unit.now();
    let sql = "UPDATE one_time_links SET ended_at = $1 WHERE user_id = $2 AND purpose = $3 AND ended_at IS NULL \
         AND used_at IS NULL AND expires_at > $1";
    Ok(unit.execute(sql, params![now, user_id, purpose.number()]).await?)
}

/// How many links of one purpose an account was given since then.
pub(crate) async fn made_since(conn: &mut Conn, user_id: i64, purpose: Purpose, since: Micros) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM one_time_links WHERE user_id = $1 AND purpose = $2 AND created_at > $3";
    Ok(conn.query_one(sql, params![user_id, purpose.number(), since]).await?.get(0)?)
}

/// Why a link is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Void {
    /// There is no such link.
    Unknown,
    /// It was used.
    Used,
    /// Its time is over.
    Expired,
    /// A newer one took its place, it was taken back, or the account has changed.
    Ended,
}

/// An open link.
pub(crate) struct Open {
    id: i64,
    pub user: User,
}

/// The open link with that secret and its account. Looking at it does not use it: mail programs look too.
pub(crate) async fn look(
    conn: &mut Conn,
    app: &App,
    token: &str,
    purpose: Purpose,
    now: Micros,
) -> Result<Result<Open, Void>> {
    let row = conn
        .query_opt(
            "SELECT id, user_id, security_stamp, email, expires_at, used_at, ended_at FROM one_time_links \
             WHERE token_hash = $1 AND purpose = $2",
            params![app.keys.hash(token, purpose.hashing())?, purpose.number()],
        )
        .await?;
    let Some(row) = row else { return Ok(Err(Void::Unknown)) };
    if row.get::<Option<i64>>(5)?.is_some() {
        return Ok(Err(Void::Used));
    }
    if row.get::<Option<i64>>(6)?.is_some() {
        return Ok(Err(Void::Ended));
    }
    if row.get::<i64>(4)? <= now {
        return Ok(Err(Void::Expired));
    }
    let (stamp, email): (String, String) = (row.get(2)?, row.get(3)?);
    let user = users::by_id(conn, row.get(1)?).await?;
    let same = |u: &User| u.is_active && u.security_stamp == stamp && u.email.as_deref() == Some(email.as_str());
    Ok(match user.filter(same) {
        Some(user) => Ok(Open { id: row.get(0)?, user }),
        None => Err(Void::Ended),
    })
}

/// Uses a link up. False when it was used or ended meanwhile.
pub(crate) async fn take(unit: &mut Unit, link: &Open) -> Result<bool> {
    let now = unit.now();
    let taken = unit
        .execute(
            "UPDATE one_time_links SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND ended_at IS NULL AND expires_at > $1 \
             AND security_stamp = (SELECT u.security_stamp FROM identity_users u WHERE u.id = $3 AND u.is_active = 1 \
             AND u.is_deleted = 0)",
            params![now, link.id, link.user.id],
        )
        .await?;
    Ok(taken > 0)
}

/// The newest link of an account, as far as it may be told.
pub(crate) struct Latest {
    pub id: i64,
    pub created_at: Micros,
    pub expires_at: Micros,
    pub mailed_at: Option<Micros>,
    pub used: bool,
    pub ended: bool,
}

/// The newest link of one purpose that the account was given.
pub(crate) async fn latest(conn: &mut Conn, user: &User, purpose: Purpose) -> Result<Option<Latest>> {
    let row = conn
        .query_opt(
            "SELECT id, created_at, expires_at, mailed_at, used_at, ended_at, security_stamp, email FROM one_time_links \
             WHERE user_id = $1 AND purpose = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
            params![user.id, purpose.number()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let used = row.get::<Option<i64>>(4)?.is_some();
    let same = row.get::<String>(6)? == user.security_stamp && Some(row.get::<String>(7)?) == user.email;
    Ok(Some(Latest {
        id: row.get(0)?,
        created_at: row.get(1)?,
        expires_at: row.get(2)?,
        mailed_at: row.get(3)?,
        used,
        ended: !used && (row.get::<Option<i64>>(5)?.is_some() || !same),
    }))
}
