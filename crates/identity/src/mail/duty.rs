//! The duty that sends what waits, and forgets what is over.

use super::outbox::{self, Held, Outcome};
use super::{TOPIC, send};
use crate::BoxFuture;
use bandmaster_api::{App, Duty, Fates, Outgoing, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, HOUR, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::task::JoinSet;

/// Mails sent at the same time, so that one dead server holds up no others.
const AT_ONCE: i64 = 16;
/// What was given up, and links that are over, are told for so long.
const KEPT: Micros = 30 * DAY;
/// Rows removed at once.
const REMOVED: i64 = 1_000;

/// The duty. It may run on every node at once.
#[derive(Debug, Default)]
pub struct Mailer {
    cleaned_at: AtomicI64,
}

impl Duty for Mailer {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TOPIC]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let cleaned_at = self.cleaned_at.load(Ordering::Acquire);
            if cleaned_at > now || now - cleaned_at >= HOUR {
                clean(app, now).await?;
                self.cleaned_at.store(now, Ordering::Release);
            }
            let due = outbox::due(&mut app.store.read().await?, now, AT_ONCE).await?;
            let more = due.len() >= usize::try_from(AT_ONCE).unwrap_or_default();
            let mut under_way = JoinSet::new();
            for id in due {
                let app = app.clone();
                under_way.spawn(async move { attempt(&app, id).await });
            }
            while let Some(done) = under_way.join_next().await {
                match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::warn!(%error, cause = error.internal_text(), "a mail could not be dealt with");
                    }
                    Err(error) => tracing::warn!(%error, "sending a mail ended abnormally"),
                }
            }
            if more {
                return Ok(now);
            }
            let next = outbox::next(&mut app.store.read().await?).await?;
            Ok(next.unwrap_or(now + MINUTE).min(now + MINUTE))
        })
    }
}

async fn begin(app: &App) -> Result<Unit> {
    Unit::begin(app, UnitContext::duty("mail"), Fates::default()).await
}

/// One attempt: hold the mail, send it outside of any unit, settle what became of it. If the server dies between
/// sending and settling, the mail is sent once more when the lease is over.
async fn attempt(app: &App, id: i64) -> Result<()> {
    let mut unit = begin(app).await?;
    let Some(held) = outbox::hold(&mut unit, app, id).await? else { return Ok(()) };
    unit.commit().await?;
    let Held { attempt, key, sent_by, written } = held;
    let outcome = match sent_by {
        Err(lack) => Outcome::Later(lack.to_owned()),
        Ok(server) => match written.message(&server, &key, app.clock.now()) {
            Ok(message) => send::send(Outgoing::of(app)?, &server, message).await,
            Err(why) => Outcome::Never(why.to_owned()),
        },
    };
    if let Outcome::Later(why) | Outcome::Never(why) = &outcome {
        tracing::warn!(mail = key, attempts = attempt.attempts, why, "a mail was not sent");
    }
    let mut unit = begin(app).await?;
    outbox::settle(&mut unit, &attempt, &outcome).await?;
    unit.commit().await
}

async fn clean(app: &App, now: Micros) -> Result<()> {
    for sql in [
        "DELETE FROM mail_outbox WHERE id IN (SELECT id FROM mail_outbox WHERE given_up_at IS NOT NULL AND given_up_at < $1 LIMIT $2)",
        "DELETE FROM one_time_links WHERE id IN (SELECT id FROM one_time_links WHERE expires_at < $1 LIMIT $2)",
    ] {
        loop {
            let mut unit = begin(app).await?;
            let gone = unit.execute(sql, params![now - KEPT, REMOVED]).await?;
            unit.commit().await?;
            if gone < REMOVED.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}
