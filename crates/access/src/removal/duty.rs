//! The duty that removes what deleted tenants had, a bounded number of rows in each unit, so that nobody waits long for
//! the writer.
//!
//! It keeps nothing in mind that it could not do without: after a restart it asks the features again from the first one
//! on, which costs a look at what is gone already. What was under way when the tenant was deleted may still have written
//! something, so an empty tenant is looked through once more after a while ([`SETTLED`]); only then it is done.
//!
//! Several nodes: whoever holds the lease works. Its row is written in the same unit, so two never work at once.

use super::TOPIC;
use crate::parts::{self, Leaving, TenantContents};
use bandmaster_api::unit::Change;
use bandmaster_api::{App, Duty, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use serde_json::json;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Rows that one unit removes, about.
const AT_ONCE: i64 = 500;
/// How long an empty tenant is waited for. No unit of work lives as long.
const SETTLED: Micros = 10 * MINUTE;
/// How often it is looked without being asked.
const PAUSE: Micros = 5 * MINUTE;
/// How long the lease lasts without being renewed.
const LEASE: Micros = 15 * SECOND;

/// Where the work stands.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    tenant: i64,
    /// Place among the features.
    stage: usize,
    /// How far that feature has come.
    mark: i64,
    /// Rows removed since the first feature was asked.
    rows: u64,
}

struct Numbers {
    waiting: Gauge,
    rows: Counter,
}

/// The duty.
#[derive(Default)]
pub struct TenantRemoval {
    holder: OnceLock<String>,
    at: Mutex<At>,
    numbers: OnceLock<Numbers>,
}

impl Duty for TenantRemoval {
    fn name(&self) -> &'static str {
        "tenant-removal"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TOPIC]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(self.step(app, now))
    }
}

impl TenantRemoval {
    /// One unit of work; when to come again.
    async fn step(&self, app: &App, now: Micros) -> Result<Micros> {
        let sql = "SELECT id, organization_id, emptied_at FROM tenants WHERE deleted_at IS NOT NULL \
                   AND removed_at IS NULL ORDER BY deleted_at, id";
        let leaving = app.store.read().await?.query(sql, params![]).await?;
        self.numbers(app).waiting.set(i64::try_from(leaving.len()).unwrap_or(i64::MAX));
        let mut next = now + PAUSE;
        for row in &leaving {
            let (tenant, organization): (i64, i64) = (row.get(0)?, row.get(1)?);
            match row.get::<Option<i64>>(2)? {
                Some(emptied) if emptied + SETTLED > now => next = next.min(emptied + SETTLED),
                emptied => return self.go_on(app, tenant, organization, emptied, now).await,
            }
        }
        Ok(next)
    }

    /// Asks the feature whose turn it is.
    async fn go_on(
        &self,
        app: &App,
        tenant: i64,
        organization: i64,
        emptied: Option<Micros>,
        now: Micros,
    ) -> Result<Micros> {
        let features: &[Box<dyn TenantContents>] = parts::all(app);
        let at = self.at(tenant);
        let context = UnitContext::duty("tenant-removal").within(organization, tenant);
        let Some(feature) = features.get(at.stage) else {
            return self.at_the_end(app, context, at, emptied, now).await;
        };
        let mut leaving = Leaving { tenant_id: tenant, most: AT_ONCE, mark: at.mark };
        let removed = Unit::run(app, context, async |unit| {
            if !self.holds(app, unit, now).await? {
                return Ok(None);
            }
            let removed = feature.remove(unit, &mut leaving).await?;
            if removed.rows > 0 {
                let rows = i64::try_from(removed.rows).unwrap_or(i64::MAX);
                let sql = "UPDATE tenants SET removal_stage = $2, removed_rows = removed_rows + $3 WHERE id = $1";
                unit.execute(sql, params![tenant, feature.name(), rows]).await?;
            }
            Ok(Some(removed))
        })
        .await?;
        let Some(removed) = removed else { return Ok(now + LEASE) };
        self.numbers(app).rows.inc_by(removed.rows);
        let rows = at.rows + removed.rows;
        self.remember(match removed.more {
            true => At { mark: leaving.mark, rows, ..at },
            false => At { stage: at.stage + 1, mark: 0, rows, ..at },
        });
        Ok(now)
    }

    /// Every feature was asked. The first time the tenant counts as empty from now on; when nothing more turned up a
    /// while later, it is done.
    async fn at_the_end(
        &self,
        app: &App,
        context: UnitContext,
        at: At,
        emptied: Option<Micros>,
        now: Micros,
    ) -> Result<Micros> {
        let done = at.rows == 0 && emptied.is_some();
        if done {
            for feature in parts::all::<dyn TenantContents>(app) {
                feature.remove_files(app, at.tenant).await?;
            }
        }
        let mine = Unit::run(app, context, async |unit| {
            if !self.holds(app, unit, now).await? {
                return Ok(false);
            }
            if !done {
                let sql = "UPDATE tenants SET emptied_at = $2 WHERE id = $1";
                unit.execute(sql, params![at.tenant, now]).await?;
                return Ok(true);
            }
            let sql = "UPDATE tenants SET removed_at = $2, removal_stage = NULL \
                       WHERE id = $1 AND removed_at IS NULL RETURNING key, name, removed_rows";
            if let Some(row) = unit.query_opt(sql, params![at.tenant, now]).await? {
                let (key, name, rows): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                unit.audit(Change {
                    component: "Tenant",
                    action: "Delete",
                    id: Some(at.tenant),
                    key: Some(&key),
                    name: &name,
                    before: None,
                    after: Some(json!({ "RemovedRows": rows })),
                })
                .await?;
                tracing::info!(tenant = at.tenant, rows, "a deleted tenant is removed");
            }
            Ok(true)
        })
        .await?;
        if !mine {
            return Ok(now + LEASE);
        }
        self.remember(At { tenant: at.tenant, ..At::default() });
        Ok(now)
    }

    fn at(&self, tenant: i64) -> At {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if at.tenant == tenant { at } else { At { tenant, ..At::default() } }
    }

    fn remember(&self, at: At) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Takes or renews the lease; the row stays locked until the unit ends.
    async fn holds(&self, app: &App, unit: &mut Unit, now: Micros) -> Result<bool> {
        let holder = self.holder.get_or_init(|| app.ids.guid());
        let taken = unit
            .execute(
                "INSERT INTO leases (name, holder, until_at) VALUES ('tenant-removal', $1, $2) \
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at \
                 WHERE leases.holder = excluded.holder OR leases.until_at < $3",
                params![holder.as_str(), now + LEASE, now],
            )
            .await?;
        Ok(taken == 1)
    }

    fn numbers(&self, app: &App) -> &Numbers {
        self.numbers.get_or_init(|| {
            let numbers = Numbers { waiting: Gauge::default(), rows: Counter::default() };
            app.metrics.register(|r| {
                let help = "Deleted tenants whose rows are not all removed yet";
                r.register("tenants_leaving", help, numbers.waiting.clone());
                let help = "Rows of deleted tenants that this node removed";
                r.register("tenant_rows_removed", help, numbers.rows.clone());
            });
            numbers
        })
    }
}
