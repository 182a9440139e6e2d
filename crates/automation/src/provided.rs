//! What other features ask of jobs: what they use (fleet), whether they live (identity, by way of fleet), and what
//! they keep in folders and about accounts (access), whether a process is in use (packages).

use crate::jobs::change::Said;
use crate::jobs::enums::{KILL, SOFT_STOP};
use crate::jobs::row;
use crate::jobs::stop::stop;
use bandmaster_access::parts::{AccountContents, FolderContents, Hindrance};
use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_fleet::{LiveJobs, RunningJobs, Usage};
use bandmaster_packages::releases::{Dependent, ReleaseUse};
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;
use std::collections::HashMap;

/// The answers. Wire it as `Arc<dyn RunningJobs>` and `Box<dyn LiveJobs>` (parts that fleet asks) and into the
/// lists of `Box<dyn FolderContents>`, `Box<dyn AccountContents>` (access) and `Box<dyn ReleaseUse>` (packages).
#[derive(Debug, Clone, Copy, Default)]
pub struct Jobs;

impl RunningJobs for Jobs {
    fn usage<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(async move {
            let mut usage = Usage::default();
            let sql = "SELECT session_id, robot_id FROM job_slots WHERE tenant_id = $1";
            for row in conn.query(sql, params![tenant_id]).await? {
                *usage.sessions.entry(row.get(0)?).or_default() += 1;
                *usage.robots.entry(row.get(1)?).or_default() += 1;
            }
            Ok(usage)
        })
    }

    fn stop_on_sessions<'a>(
        &'a self,
        unit: &'a mut Unit,
        session_ids: &'a [i64],
        kill: bool,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for session in session_ids {
                let sql = "SELECT job_id FROM job_slots WHERE session_id = $1 AND accepted = 1 ORDER BY job_id";
                for found in unit.query(sql, params![*session]).await? {
                    if let Some(job) = row::any_by_id(unit, found.get(0)?).await? {
                        let reason = Some("The host goes into maintenance.".to_owned());
                        let strategy = if kill { KILL } else { SOFT_STOP };
                        stop(unit, &job, strategy, Said { reason, ..Said::default() }).await?;
                    }
                }
            }
            Ok(())
        })
    }

    fn sessions_deleted<'a>(&'a self, unit: &'a mut Unit, session_ids: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for session in session_ids {
                unit.execute("DELETE FROM idle_since WHERE kind = 1 AND item_id = $1", params![*session]).await?;
            }
            Ok(())
        })
    }
}

impl LiveJobs for Jobs {
    fn job_is_live<'a>(&'a self, app: &'a App, job_key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let mut conn = app.store.read().await?;
            let sql = "SELECT 1 FROM jobs WHERE key = $1 AND ended_at IS NULL";
            Ok(conn.query_opt(sql, params![job_key]).await?.is_some())
        })
    }

    fn heard<'a>(&'a self, app: &'a App, job_keys: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, i64>>> {
        Box::pin(async move {
            let (mut heard, now) = (HashMap::new(), app.clock.now());
            let mut conn = app.store.read().await?;
            // One question a job: each is two look-ups by key, and the text stays one that is kept prepared.
            let sql = "SELECT COALESCE(s.seen_at, a.seen_at) FROM jobs j LEFT JOIN job_slots s ON s.job_id = j.id \
                 LEFT JOIN attended_jobs a ON a.job_id = j.id WHERE j.key = $1 AND j.ended_at IS NULL";
            for key in job_keys {
                if let Some(row) = conn.query_opt(sql, params![key.as_str()]).await? {
                    heard.insert(key.clone(), row.get::<Option<i64>>(0)?.unwrap_or(now));
                }
            }
            Ok(heard)
        })
    }
}

impl FolderContents for Jobs {
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        Box::pin(async move {
            for folder in folders {
                let sql = "SELECT 1 FROM jobs WHERE folder_id = $1 AND ended_at IS NULL LIMIT 1";
                if unit.query_opt(sql, params![*folder]).await?.is_some() {
                    return Ok(Some(Hindrance::JobsNotFinal));
                }
            }
            Ok(None)
        })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for folder in folders {
                unit.execute("DELETE FROM jobs WHERE folder_id = $1", params![*folder]).await?;
            }
            Ok(())
        })
    }
}

impl ReleaseUse for Jobs {
    fn dependent<'a>(&'a self, unit: &'a mut Unit, release_id: i64) -> BoxFuture<'a, Result<Option<Dependent>>> {
        Box::pin(async move {
            let sql = "SELECT 1 FROM jobs WHERE release_id = $1 AND ended_at IS NULL LIMIT 1";
            Ok(unit.query_opt(sql, params![release_id]).await?.map(|_| Dependent::Jobs))
        })
    }
}

impl AccountContents for Jobs {
    /// An account whose robot has a job stays until the job has ended.
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            for kind in [bandmaster_fleet::robots::UNATTENDED, bandmaster_fleet::robots::ATTENDED] {
                let Some(robot) = bandmaster_fleet::robots::of_user(unit, user_id, kind).await? else { continue };
                let slots = "SELECT 1 FROM job_slots WHERE robot_id = $1 LIMIT 1";
                if unit.query_opt(slots, params![robot.id]).await?.is_some() {
                    return Ok(Some("jobs that its robot runs".to_owned()));
                }
            }
            Ok(None)
        })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for kind in [bandmaster_fleet::robots::UNATTENDED, bandmaster_fleet::robots::ATTENDED] {
                if let Some(robot) = bandmaster_fleet::robots::of_user(unit, user_id, kind).await? {
                    unit.execute("DELETE FROM idle_since WHERE kind = 0 AND item_id = $1", params![robot.id]).await?;
                }
            }
            Ok(())
        })
    }
}
