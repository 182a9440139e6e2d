//! Removes files that were given up, and those whose writing never ended.

use super::{Area, DOOMED, TOPIC, WRITING, place};
use bandmaster_api::{App, Duty, Fates, Unit, UnitContext};
use bandmaster_core::Result;
use bandmaster_core::clock::{DAY, MINUTE};
use bandmaster_core::time::Micros;
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::sync::Arc;

/// After that time nobody writes a file any more.
const GIVEN_UP: Micros = DAY;
/// How often it is looked without being asked.
const PAUSE: Micros = 10 * MINUTE;
/// How many files one tick removes.
const AT_ONCE: i64 = 200;

/// The duty.
#[derive(Debug, Default, Clone, Copy)]
pub struct FileRemoval;

impl Duty for FileRemoval {
    fn name(&self) -> &'static str {
        "file-removal"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TOPIC]
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let rows = app
                .store
                .read()
                .await?
                .query(
                    "SELECT id, area FROM stored_files WHERE state <> 1 AND (state = $1 OR (state = $2 AND created_at < $3)) \
                     ORDER BY created_at LIMIT $4",
                    params![DOOMED, WRITING, now - GIVEN_UP, AT_ONCE],
                )
                .await?;
            if rows.is_empty() {
                return Ok(now + PAUSE);
            }
            let files = place(app);
            let mut gone = Vec::new();
            for row in &rows {
                let (id, area): (String, String) = (row.get(0)?, row.get(1)?);
                match Area::of(&area) {
                    Some(area) => files.remove(area, &id).await?,
                    // Of a newer version; that one will remove it.
                    None => continue,
                }
                gone.push(params![id, WRITING, DOOMED].to_vec());
            }
            let fates = Fates::default();
            let mut unit = Unit::begin(app, UnitContext::duty(self.name()), fates.clone()).await?;
            unit.execute_many("DELETE FROM stored_files WHERE id = $1 AND state IN ($2, $3)", &gone).await?;
            unit.commit().await?;
            fates.settled().await?;
            let more = !gone.is_empty() && i64::try_from(rows.len()).unwrap_or(0) >= AT_ONCE;
            Ok(if more { now } else { now + PAUSE })
        })
    }
}
