//! What jobs ask of other features, and how the server sets them up: parts of the app. A missing part means that
//! there is nothing to ask.

use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_store::Conn;
use futures::future::BoxFuture;

/// Settings of jobs; put into `App::parts` as it is, or the defaults count. Lengths in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// How long a slot stays reserved for a robot that has not accepted the job.
    pub reservation: i64,
    /// After how long a silence of its robot a running job counts as lost.
    pub lost_after: i64,
    /// Life of a job's access token, for jobs without a time limit.
    pub token_life: i64,
}

impl Default for JobSettings {
    fn default() -> JobSettings {
        JobSettings { reservation: 60 * SECOND, lost_after: 180 * SECOND, token_life: 7 * 86_400 * SECOND }
    }
}

/// The settings in force.
pub fn settings(app: &App) -> JobSettings {
    app.parts.get::<JobSettings>().copied().unwrap_or_default()
}

/// An attachment, as jobs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentFacts {
    /// GUID.
    pub id: String,
    /// Name of the file.
    pub name: String,
}

/// Attachments, which another crate keeps. Put into `App::parts` as `Box<dyn Attachments>`; without it no attachment
/// exists.
pub trait Attachments: Send + Sync + 'static {
    /// Those of the attachments that exist in the folder, in any order.
    fn find<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<AttachmentFacts>>>;
}

/// The attachments of these GUIDs that exist in the folder.
pub(crate) async fn attachments(
    app: &App,
    conn: &mut Conn,
    tenant_id: i64,
    folder_id: i64,
    ids: &[String],
) -> Result<Vec<AttachmentFacts>> {
    match app.parts.get::<Box<dyn Attachments>>() {
        Some(part) if !ids.is_empty() => part.find(conn, tenant_id, folder_id, ids).await,
        _ => Ok(Vec::new()),
    }
}

/// A job that waits or runs longer than its start allowed without an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueJob {
    /// Tenant.
    pub tenant_id: i64,
    /// Folder.
    pub folder_id: i64,
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Name of the process.
    pub process: String,
    /// It runs; otherwise it waits.
    pub running: bool,
    /// The limit that passed, in seconds.
    pub seconds: i64,
}

/// Raises alerts, which another crate keeps. Put into `App::parts` as `Box<dyn JobAlerts>`.
pub trait JobAlerts: Send + Sync + 'static {
    /// Told once for each limit of a job, in the unit that notes it.
    fn overdue<'a>(&'a self, unit: &'a mut Unit, job: &'a OverdueJob) -> BoxFuture<'a, Result<()>>;
}
