//! The duty that forgets hosts nobody has heard of for long: where agents come and go with ever new names (containers,
//! rented machines) their sessions would pile up.

use super::changes::forget;
use super::record::{HostSession, by_id, silent_since};
use crate::jobs;
use bandmaster_api::{App, Duty, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, HOUR};
use bandmaster_core::time::Micros;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a session is kept after its last report.
const KEPT: Micros = 90 * DAY;
/// How often it is looked.
const PAUSE: Micros = 6 * HOUR;

/// The duty `stale-sessions`. Any number of nodes may run it.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaleSessions;

impl Duty for StaleSessions {
    fn name(&self) -> &'static str {
        "stale-sessions"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let stale = silent_since(&mut app.store.read().await?, now - KEPT).await?;
            let mut by_tenant: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
            for session in stale {
                by_tenant.entry(session.tenant_id).or_default().push(session.id);
            }
            for (tenant, ids) in by_tenant {
                let organization = crate::neighbours::organization_of(&mut app.store.read().await?, tenant).await?;
                let context = UnitContext::duty(self.name()).within(organization.map_or(0, |(id, _)| id), tenant);
                Unit::run(app, context, async |unit| clear(app, unit, tenant, &ids, now - KEPT).await).await?;
            }
            Ok(now + PAUSE)
        })
    }
}

/// Deletes those that are still silent and have no job. Who set a host to maintenance wants it to stay so when it
/// comes back.
async fn clear(app: &App, unit: &mut Unit, tenant: i64, ids: &[i64], since: Micros) -> Result<()> {
    let usage = jobs::usage(app, unit, tenant).await?;
    let mut gone: Vec<HostSession> = Vec::new();
    for id in ids {
        let Some(session) = by_id(unit, tenant, *id).await? else { continue };
        if session.reported_at.is_some_and(|at| at < since) && !session.maintenance && usage.of_session(*id) == 0 {
            gone.push(session);
        }
    }
    forget(app, unit, &gone).await
}
