//! Removes log lines that are older than the operator keeps them. Nothing is removed unless that is set.

use crate::neighbours;
use bandmaster_api::{App, Duty, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::HOUR;
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::sync::Arc;

/// Lines removed in one unit; others write in between.
const AT_ONCE: i64 = 2_000;
/// How often it is looked.
const PAUSE: Micros = HOUR;

/// The duty `log-ageing`. Any number of nodes may run it.
#[derive(Debug, Clone, Copy)]
pub struct LogAgeing {
    /// How long lines are kept, in microseconds, by their own time; 0: for ever.
    pub keep: Micros,
}

impl Duty for LogAgeing {
    fn name(&self) -> &'static str {
        "log-ageing"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            if self.keep <= 0 {
                return Ok(now + PAUSE);
            }
            let folders = neighbours::all_folders(&mut app.store.read().await?).await?;
            for (tenant, folder) in folders {
                while !app.stopping.is_cancelled() && remove(app, tenant, folder, now - self.keep).await? == AT_ONCE {}
            }
            Ok(now + PAUSE)
        })
    }
}

/// Removes some of a folder's oldest lines; how many there were.
async fn remove(app: &App, tenant: i64, folder: i64, before: Micros) -> Result<i64> {
    Unit::run(app, UnitContext::duty("log-ageing"), async |unit| {
        let removed = unit
            .execute(
                "DELETE FROM robot_logs WHERE id IN (SELECT id FROM robot_logs \
                 WHERE tenant_id = $1 AND folder_id = $2 AND at < $3 ORDER BY at LIMIT $4)",
                params![tenant, folder, before, AT_ONCE],
            )
            .await?;
        Ok(i64::try_from(removed).unwrap_or(0))
    })
    .await
}
