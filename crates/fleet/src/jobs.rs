//! What fleet asks about jobs, which belong to another crate: two parts of the app. Without them nothing is busy,
//! no job is alive, and nothing is stopped.

use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_store::Conn;
use futures::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What the jobs of a tenant use at this moment.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Jobs by session id: those that occupy one of its runtimes (reserved for it, running, or being stopped).
    pub sessions: HashMap<i64, i64>,
    /// Jobs by robot id.
    pub robots: HashMap<i64, i64>,
}

impl Usage {
    /// Jobs on a session.
    pub fn of_session(&self, id: i64) -> i64 {
        self.sessions.get(&id).copied().unwrap_or(0)
    }

    /// Jobs of a robot.
    pub fn of_robot(&self, id: i64) -> i64 {
        self.robots.get(&id).copied().unwrap_or(0)
    }
}

/// The running jobs. Put into `App::parts` as `Arc<dyn RunningJobs>`, and into [`crate::Fleet::new`].
///
/// Reading functions get the connection of whoever asks, so that inside a unit they see what the unit sees.
pub trait RunningJobs: Send + Sync + 'static {
    /// What jobs use in a tenant.
    fn usage<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64) -> BoxFuture<'a, Result<Usage>>;

    /// Asks the jobs on these sessions to end, at once when `kill`.
    fn stop_on_sessions<'a>(
        &'a self,
        unit: &'a mut Unit,
        session_ids: &'a [i64],
        kill: bool,
    ) -> BoxFuture<'a, Result<()>>;

    /// Told when sessions are deleted for good: triggers that were bound to them lose a target.
    fn sessions_deleted<'a>(&'a self, unit: &'a mut Unit, session_ids: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        let _ = (unit, session_ids);
        Box::pin(async { Ok(()) })
    }

    /// The pairs of machine and robot that triggers of the tenant name.
    fn trigger_targets<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64) -> BoxFuture<'a, Result<TriggerTargets>> {
        let _ = (conn, tenant_id);
        Box::pin(async { Ok(TriggerTargets::default()) })
    }
}

/// What triggers point at: `(folder, machine, robot)` of each pair that a trigger names; a half that it leaves
/// open is `None`.
#[derive(Debug, Clone, Default)]
pub struct TriggerTargets {
    /// The pairs.
    pub pairs: HashSet<(i64, Option<i64>, Option<i64>)>,
}

impl TriggerTargets {
    /// Whether a trigger of whatever folder names the machine.
    pub fn machine(&self, id: i64) -> bool {
        self.pairs.iter().any(|(_, machine, _)| *machine == Some(id))
    }

    /// Whether a trigger of the folder names the machine.
    pub fn machine_in(&self, folder: i64, id: i64) -> bool {
        self.pairs.iter().any(|(f, machine, _)| *f == folder && *machine == Some(id))
    }

    /// Whether a trigger of whatever folder names the robot.
    pub fn robot(&self, id: i64) -> bool {
        self.pairs.iter().any(|(_, _, robot)| *robot == Some(id))
    }

    /// Whether a trigger of the folder names this very pair.
    pub fn pair_in(&self, folder: i64, machine: i64, robot: i64) -> bool {
        self.pairs.contains(&(folder, Some(machine), Some(robot)))
    }
}

/// Whether jobs live. Put into `App::parts` as `Box<dyn LiveJobs>`.
pub trait LiveJobs: Send + Sync + 'static {
    /// Whether a job with that key exists and has not ended.
    fn job_is_live<'a>(&'a self, app: &'a App, job_key: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// When those of these jobs that live were last heard of by their hosts (microseconds, UTC); for one that is on no
    /// host, being suspended, the present moment. Jobs that have ended, or do not exist, are missing.
    fn heard<'a>(&'a self, app: &'a App, job_keys: &'a [String]) -> BoxFuture<'a, Result<HashMap<String, i64>>>;
}

fn part(app: &App) -> Option<&dyn RunningJobs> {
    app.parts.get::<Arc<dyn RunningJobs>>().map(AsRef::as_ref)
}

/// What jobs use in a tenant; nothing without the part.
pub(crate) async fn usage(app: &App, conn: &mut Conn, tenant_id: i64) -> Result<Usage> {
    match part(app) {
        Some(jobs) => jobs.usage(conn, tenant_id).await,
        None => Ok(Usage::default()),
    }
}

/// What triggers point at; nothing without the part.
pub(crate) async fn trigger_targets(app: &App, conn: &mut Conn, tenant_id: i64) -> Result<TriggerTargets> {
    match part(app) {
        Some(jobs) => jobs.trigger_targets(conn, tenant_id).await,
        None => Ok(TriggerTargets::default()),
    }
}

/// Asks the jobs on sessions to end.
pub(crate) async fn stop_on_sessions(app: &App, unit: &mut Unit, session_ids: &[i64], kill: bool) -> Result<()> {
    match part(app) {
        Some(jobs) => jobs.stop_on_sessions(unit, session_ids, kill).await,
        None => Ok(()),
    }
}

/// Tells that sessions are gone.
pub(crate) async fn sessions_deleted(app: &App, unit: &mut Unit, session_ids: &[i64]) -> Result<()> {
    match part(app) {
        Some(jobs) => jobs.sessions_deleted(unit, session_ids).await,
        None => Ok(()),
    }
}

/// Whether a job is alive; none is without the part.
pub(crate) async fn is_live(app: &App, job_key: &str) -> Result<bool> {
    match app.parts.get::<Box<dyn LiveJobs>>() {
        Some(jobs) => jobs.job_is_live(app, job_key).await,
        None => Ok(false),
    }
}
