//! The duty that links entries, within about a second of their writing.
//!
//! On PostgreSQL an entry becomes visible when its transaction ends, which may be after entries with greater ids. So
//! most runs look beyond the greatest id only, and every few runs look at everything since a bound that lies some
//! minutes back ([`CLOSED_AFTER`]): a transaction that began before the bound was watched has ended by then. What
//! appears below the bound later was not written by a server and is left unsealed, for the check to find.
//!
//! Several nodes: whoever holds the lease seals. The lease's row is written in the transaction that links, and the head
//! is read after it, so even two that both believe to hold it cannot link at once.

use super::{Head, content};
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use prometheus_client::metrics::gauge::Gauge;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Between two looks.
const EVERY: Micros = SECOND;
/// Every so many looks everything above the bound is looked at.
const WHOLE_EVERY: u32 = 5;
/// Links made in one transaction; on SQLite others wait for it.
const AT_ONCE: i64 = 500;
/// How long a bound is watched before what is below it counts as complete. No unit of work lives as long.
const CLOSED_AFTER: Micros = 10 * MINUTE;
/// How long the lease lasts without being renewed.
const LEASE: Micros = 15 * SECOND;

/// The duty.
#[derive(Default)]
pub struct Sealing {
    holder: OnceLock<String>,
    gauge: OnceLock<Gauge>,
    looks: AtomicU32,
    greatest: AtomicI64,
}

/// What became of an attempt to link a batch.
enum Outcome {
    Linked,
    /// Another link came first: look again.
    Overtaken,
    /// Another node holds the lease.
    NotMine,
}

impl Duty for Sealing {
    fn name(&self) -> &'static str {
        "audit-seal"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let whole = self.looks.fetch_add(1, Ordering::AcqRel).is_multiple_of(WHOLE_EVERY);
            if self.pass(app, whole, now).await? && whole {
                self.advance(app, now).await?;
            }
            Ok(now + EVERY)
        })
    }
}

impl Sealing {
    /// Links everything that is visible above where it begins; whether it came to the end.
    async fn pass(&self, app: &App, whole: bool, now: Micros) -> Result<bool> {
        let closed = super::closed(&mut app.store.read().await?).await?;
        let mut after = if whole { closed } else { closed.max(self.greatest.load(Ordering::Acquire)) };
        loop {
            if app.stopping.is_cancelled() {
                return Ok(false);
            }
            let sql = format!(
                "SELECT {} FROM audit_entries a WHERE a.id > $1 \
                 AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry_id = a.id) ORDER BY a.id LIMIT $2",
                content::COLUMNS
            );
            let mut conn = app.store.read().await?;
            // Before the entries: a link that somebody makes in between is then noticed by the head having moved.
            let head = super::head(&mut conn).await?;
            let rows = conn.query(&sql, params![after, AT_ONCE]).await?;
            drop(conn);
            if rows.is_empty() {
                return Ok(true);
            }
            let mut links = Vec::with_capacity(rows.len());
            let (mut sequence, mut before, mut last) = (head.sequence, head.hash.clone(), after);
            for row in &rows {
                let id: i64 = row.get(0)?;
                let hash = content::hash(row, 0)?;
                sequence += 1;
                before = content::link(&before, sequence, id, now, &hash);
                last = id;
                links.push(params![sequence, id, now, hash, before.as_str()].to_vec());
            }
            match self.link(app, &head, &links, now).await? {
                Outcome::NotMine => return Ok(false),
                Outcome::Overtaken => {}
                Outcome::Linked => {
                    after = last;
                    self.greatest.fetch_max(last, Ordering::AcqRel);
                    self.gauge(app).set(sequence);
                }
            }
        }
    }

    async fn link(
        &self,
        app: &App,
        head: &Head,
        links: &[Vec<bandmaster_store::Value>],
        now: Micros,
    ) -> Result<Outcome> {
        let mut unit = Unit::begin(app, UnitContext::duty("audit-seal"), Fates::default()).await?;
        if !self.holds(app, &mut unit, now).await? {
            return Ok(Outcome::NotMine);
        }
        if super::head(&mut unit).await? != *head {
            return Ok(Outcome::Overtaken);
        }
        let sql =
            "INSERT INTO audit_chain (sequence, entry_id, sealed_at, content_hash, hash) VALUES ($1, $2, $3, $4, $5)";
        unit.execute_many(sql, links).await?;
        unit.commit().await?;
        Ok(Outcome::Linked)
    }

    /// Takes or renews the lease; the row stays locked until the unit ends.
    async fn holds(&self, app: &App, unit: &mut Unit, now: Micros) -> Result<bool> {
        let holder = self.holder.get_or_init(|| app.ids.guid());
        let taken = unit
            .execute(
                "INSERT INTO leases (name, holder, until_at) VALUES ('audit-seal', $1, $2) \
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at \
                 WHERE leases.holder = excluded.holder OR leases.until_at < $3",
                params![holder.as_str(), now + LEASE, now],
            )
            .await?;
        Ok(taken == 1)
    }

    /// Moves the bound on, after a pass over everything above it.
    async fn advance(&self, app: &App, now: Micros) -> Result<()> {
        let mut conn = app.store.read().await?;
        let state = "SELECT closed_id, watched_id, watched_at FROM audit_chain_state WHERE id = 1";
        let Some(row) = conn.query_opt(state, params![]).await? else { return Ok(()) };
        let (closed, watched, since): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let greatest = conn.query_one("SELECT COALESCE(MAX(entry_id), 0) FROM audit_chain", params![]).await?;
        let greatest: i64 = greatest.get(0)?;
        drop(conn);
        if now - since < CLOSED_AFTER || (watched == closed && greatest <= watched) {
            return Ok(());
        }
        let mut unit = Unit::begin(app, UnitContext::duty("audit-seal"), Fates::default()).await?;
        if !self.holds(app, &mut unit, now).await? {
            return Ok(());
        }
        let sql = "UPDATE audit_chain_state SET closed_id = watched_id, watched_id = $1, watched_at = $2 \
                   WHERE id = 1 AND watched_at = $3 AND watched_id = $4";
        unit.execute(sql, params![greatest.max(watched), now, since, watched]).await?;
        unit.commit().await
    }

    fn gauge(&self, app: &App) -> &Gauge {
        self.gauge.get_or_init(|| {
            let gauge = Gauge::default();
            app.metrics.register(|r| {
                r.register(
                    "audit_chain_sequence",
                    "Number of the last link of the audit chain that this node made",
                    gauge.clone(),
                );
            });
            gauge
        })
    }
}
