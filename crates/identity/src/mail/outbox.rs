//! The outbox: mails that wait to be sent, in the same database as the changes they tell of.

use super::compose::{self, Letter, Written};
use super::{TOPIC, server};
use bandmaster_api::{App, Unit};
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};

/// An attempt has this long; afterwards another may begin. Longer than the patience of an attempt.
pub(super) const LEASE: Micros = 2 * MINUTE;
/// Between the first failure and the next attempt; doubled with every further one.
const FIRST_PAUSE: Micros = 15 * SECOND;
/// Longest pause.
const LONGEST_PAUSE: Micros = 30 * MINUTE;

/// Puts a mail into the outbox, in the place of one of its kind that still waits for the same account.
pub(crate) async fn put(unit: &mut Unit, app: &App, letter: &Letter<'_>) -> Result<()> {
    withdraw(unit, letter.to.id, letter.kind.name).await?;
    let written = compose::write(unit, letter).await?;
    let (key, now) = (unit.guid(), unit.now());
    let sealed = app.keys.seal(written.to_json().to_string().as_bytes(), &context(&key))?.0;
    unit.execute(
        "INSERT INTO mail_outbox (key, organization_id, user_id, link_id, kind, server_only, sealed, created_at, next_at, \
         gives_up_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
        params![
            key.as_str(),
            letter.to.organization_id,
            letter.to.id,
            letter.link_id,
            letter.kind.name,
            letter.to.is_host,
            sealed,
            now,
            letter.until
        ],
    )
    .await?;
    unit.nudge(TOPIC);
    Ok(())
}

/// Takes back what waits for an account, of one kind.
pub(crate) async fn withdraw(unit: &mut Unit, user_id: i64, kind: &str) -> Result<()> {
    let sql = "DELETE FROM mail_outbox WHERE user_id = $1 AND kind = $2";
    unit.execute(sql, params![user_id, kind]).await?;
    Ok(())
}

fn context(key: &str) -> String {
    format!("mail_outbox.sealed/{key}")
}

/// How far the mail of a link has come, when it was not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub attempts: i64,
    /// Why the last attempt failed.
    pub error: Option<String>,
    pub given_up: bool,
}

/// The state of the mail that carries a link; none when it was sent or withdrawn.
pub(crate) async fn state_of(conn: &mut Conn, link_id: i64) -> Result<Option<State>> {
    let sql = "SELECT attempts, error, given_up_at FROM mail_outbox WHERE link_id = $1";
    let Some(row) = conn.query_opt(sql, params![link_id]).await? else { return Ok(None) };
    let given_up = row.get::<Option<i64>>(2)?.is_some();
    Ok(Some(State { attempts: row.get(0)?, error: row.get(1)?, given_up }))
}

/// The mails whose time has come, at most `most`.
pub(super) async fn due(conn: &mut Conn, now: Micros, most: i64) -> Result<Vec<i64>> {
    let sql = "SELECT id FROM mail_outbox WHERE given_up_at IS NULL AND next_at <= $1 ORDER BY next_at LIMIT $2";
    conn.query(sql, params![now, most]).await?.iter().map(|r| Ok(r.get(0)?)).collect()
}

/// When the next mail's time comes.
pub(super) async fn next(conn: &mut Conn) -> Result<Option<Micros>> {
    let row = conn.query_one("SELECT MIN(next_at) FROM mail_outbox WHERE given_up_at IS NULL", params![]).await?;
    Ok(row.get(0)?)
}

/// A mail that one attempt holds.
pub(super) struct Held {
    pub attempt: Attempt,
    pub key: String,
    pub sent_by: Result<server::MailServer, server::Lack>,
    pub written: Written,
}

/// Takes hold of a mail for one attempt; none when another has it, or it is gone.
pub(super) async fn hold(unit: &mut Unit, app: &App, id: i64) -> Result<Option<Held>> {
    let (claim, now) = (unit.guid(), unit.now());
    let row = unit
        .query_opt(
            "UPDATE mail_outbox SET claim = $1, next_at = $2, attempts = attempts + 1 WHERE id = $3 AND next_at <= $4 \
             AND given_up_at IS NULL RETURNING key, organization_id, link_id, server_only, sealed, attempts, gives_up_at",
            params![claim.as_str(), now + LEASE, id, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let key: String = row.get(0)?;
    let sealed: String = row.get::<Option<String>>(4)?.ok_or_else(|| Error::internal("a waiting mail is empty"))?;
    let text = app.keys.open_text(&sealed, &context(&key))?;
    let sent_by = server::of_organization(app, unit, row.get(1)?, row.get(3)?).await?;
    Ok(Some(Held {
        attempt: Attempt { id, claim, link_id: row.get(2)?, attempts: row.get(5)?, gives_up_at: row.get(6)? },
        sent_by,
        written: Written::from_json(text.reveal())?,
        key,
    }))
}

/// What an attempt came to.
pub(super) enum Outcome {
    Sent,
    /// Try again; why.
    Later(String),
    /// Never try again; why.
    Never(String),
}

/// What becomes of a mail after an attempt. Nothing, when the attempt's lease ended and another took over.
pub(super) async fn settle(unit: &mut Unit, held: &Attempt, outcome: &Outcome) -> Result<()> {
    let now = unit.now();
    let pause = FIRST_PAUSE.saturating_mul(1 << (held.attempts - 1).clamp(0, 20)).min(LONGEST_PAUSE);
    match outcome {
        Outcome::Sent => {
            unit.execute("DELETE FROM mail_outbox WHERE id = $1", params![held.id]).await?;
            let sql = "UPDATE one_time_links SET mailed_at = $1 WHERE id = $2 AND mailed_at IS NULL";
            unit.execute(sql, params![now, held.link_id]).await?;
        }
        Outcome::Later(why) if now + pause < held.gives_up_at => {
            unit.execute(
                "UPDATE mail_outbox SET next_at = $1, claim = NULL, error = $2 WHERE id = $3 AND claim = $4",
                params![now + pause, why.as_str(), held.id, held.claim.as_str()],
            )
            .await?;
        }
        Outcome::Later(why) | Outcome::Never(why) => {
            unit.execute(
                "UPDATE mail_outbox SET given_up_at = $1, claim = NULL, sealed = NULL, error = $2 WHERE id = $3 AND claim = $4",
                params![now, why.as_str(), held.id, held.claim.as_str()],
            )
            .await?;
        }
    }
    Ok(())
}

/// What settling needs to know of an attempt.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub id: i64,
    pub claim: String,
    pub link_id: i64,
    pub attempts: i64,
    pub gives_up_at: Micros,
}
