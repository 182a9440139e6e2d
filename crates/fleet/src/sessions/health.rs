//! The duty that tells when a connected host has fallen silent. That it is unresponsive is worked out by whoever
//! looks; here it is only told, once.

use super::events::{self, Turn};
use super::record::{HostSession, SILENCE, newly_silent};
use crate::topics;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{MINUTE, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The duty `session-health`.
pub struct SessionHealth;

impl Duty for SessionHealth {
    fn name(&self) -> &'static str {
        "session-health"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let mut conn = app.store.read().await?;
            let silent = newly_silent(&mut conn, now - SILENCE).await?;
            drop(conn);
            let mut by_tenant: BTreeMap<i64, Vec<HostSession>> = BTreeMap::new();
            for session in silent {
                by_tenant.entry(session.tenant_id).or_default().push(session);
            }
            for (tenant, sessions) in by_tenant {
                tell(app, tenant, sessions, now).await?;
            }
            let mut conn = app.store.read().await?;
            let next: Option<Micros> = conn
                .query_one("SELECT MIN(reported_at) FROM sessions WHERE connected = 1 AND silence_told = 0", params![])
                .await?
                .get(0)?;
            // A host that connects meanwhile cannot fall silent before the minute is over.
            Ok(next.map_or(now + MINUTE, |at| (at + SILENCE + 1).clamp(now + SECOND, now + MINUTE)))
        })
    }
}

/// Marks the sessions that are still silent, and tells of those that it has marked: another node may have
/// been faster, or a heartbeat.
async fn tell(app: &App, tenant: i64, sessions: Vec<HostSession>, now: Micros) -> Result<()> {
    let organization = crate::neighbours::organization_of(&mut app.store.read().await?, tenant).await?;
    let context = UnitContext::duty("session-health").within(organization.map_or(0, |(id, _)| id), tenant);
    let mut unit = Unit::begin(app, context, Fates::default()).await?;
    let mut told = Vec::new();
    for session in sessions {
        let marked = unit
            .execute(
                "UPDATE sessions SET silence_told = 1 \
                 WHERE id = $1 AND connected = 1 AND silence_told = 0 AND reported_at < $2",
                params![session.id, now - SILENCE],
            )
            .await?;
        if marked == 1 {
            told.push(session);
        }
    }
    if told.is_empty() {
        return unit.commit().await;
    }
    events::status(&mut unit, Turn::Unresponsive, &told).await?;
    unit.nudge(topics::CAPACITY);
    unit.commit().await
}
