//! The duty that places waiting jobs.

use super::round::{Round, enter};
use crate::topics;
use bandmaster_access::tenants::organization_of;
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::time::Micros;
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;
use std::sync::Arc;

/// Jobs placed in one unit: long ones hold up other writers.
const AT_ONCE: usize = 50;
/// Units that may be undone by others before the duty gives up until its next turn.
const CLASHES: usize = 5;
/// It looks by itself after this long, in case a nudge got lost.
const PERIOD: Micros = 30 * SECOND;

/// The duty `dispatch`. Any number of nodes may run it.
pub struct Dispatcher;

impl Duty for Dispatcher {
    fn name(&self) -> &'static str {
        "dispatch"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[topics::DISPATCH, bandmaster_fleet::topics::CAPACITY]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let mut conn = app.store.read().await?;
            let tenants = waiting_tenants(&mut conn).await?;
            drop(conn);
            for tenant in tenants {
                dispatch(app, tenant).await?;
            }
            Ok(now + PERIOD)
        })
    }
}

/// Tenants with a waiting job, found along the index.
async fn waiting_tenants(conn: &mut Conn) -> Result<Vec<i64>> {
    let rows = conn
        .query(
            "WITH RECURSIVE waits (tenant_id) AS (\
             SELECT (SELECT MIN(tenant_id) FROM jobs WHERE waiting = 1) UNION ALL \
             SELECT (SELECT MIN(j.tenant_id) FROM jobs j WHERE j.waiting = 1 AND j.tenant_id > w.tenant_id) \
             FROM waits w WHERE w.tenant_id IS NOT NULL) SELECT tenant_id FROM waits WHERE tenant_id IS NOT NULL",
            params![],
        )
        .await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Places the waiting jobs of a tenant that can be placed; how many. Nothing is written when none can.
pub async fn dispatch(app: &App, tenant_id: i64) -> Result<usize> {
    let (mut placed, mut clashes) = (0, 0);
    loop {
        let mut conn = app.store.read().await?;
        if Round::new(app, tenant_id).find(&mut conn).await?.is_none() {
            return Ok(placed);
        }
        let organization = organization_of(&mut conn, tenant_id).await?;
        drop(conn);
        let context = UnitContext::duty("dispatch").within(organization, tenant_id);
        match some(app, context, tenant_id).await {
            Ok(some) => {
                placed += some;
                if some < AT_ONCE {
                    return Ok(placed);
                }
            }
            Err(error) if error.is_repeatable() && clashes < CLASHES => clashes += 1,
            Err(error) => return Err(error),
        }
    }
}

/// One unit's worth of placing.
async fn some(app: &App, context: UnitContext, tenant_id: i64) -> Result<usize> {
    let mut unit = Unit::begin(app, context, Fates::default()).await?;
    enter(&mut unit, tenant_id, true).await?;
    let placed = Round::new(app, tenant_id).run(&mut unit, AT_ONCE).await?;
    unit.commit().await?;
    Ok(placed)
}
