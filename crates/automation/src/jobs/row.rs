//! Jobs as the program reads them.

use super::state::State;
use super::timers::Limits;
use bandmaster_api::Unit;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Dialect, Row, params};

/// A job, as far as its rules need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Tenant.
    pub tenant_id: i64,
    /// Folder.
    pub folder_id: i64,
    /// Process; it may have been deleted meanwhile.
    pub release_id: Option<i64>,
    /// Name of the process when the job was made.
    pub release_name: String,
    /// State.
    pub state: State,
    /// Since when.
    pub state_at: i64,
    /// Waits for a robot and has no slot reserved.
    pub waiting: bool,
    /// What it wants ([`crate::dispatch::Demand`]).
    pub demand: String,
    /// Number of its `Type`.
    pub job_type: i64,
    /// The reservation that holds or held last.
    pub reservation: Option<String>,
    /// The robot that accepted it.
    pub robot_id: Option<i64>,
    /// The machine of the robot that accepted it.
    pub machine_id: Option<i64>,
    /// Limits of its time.
    pub limits: Limits,
    /// Output was told.
    pub output_arguments: Option<String>,
}

const COLUMNS: &str = "j.id, j.key, j.tenant_id, j.folder_id, j.release_id, j.release_name, j.state, j.state_at, \
     j.waiting, j.demand, j.job_type, j.reservation_id, j.robot_id, j.machine_id, j.created_at, j.started_at, \
     j.timer_strategy, j.stop_after_seconds, j.kill_after_seconds, j.alert_pending_seconds, j.alert_running_seconds, \
     j.alerted, j.output_arguments";

fn read(row: &Row) -> Result<Job> {
    let number: i64 = row.get(6)?;
    Ok(Job {
        id: row.get(0)?,
        key: row.get(1)?,
        tenant_id: row.get(2)?,
        folder_id: row.get(3)?,
        release_id: row.get(4)?,
        release_name: row.get(5)?,
        state: State::of(number).ok_or_else(|| Error::internal(format!("a job has the unknown state {number}")))?,
        state_at: row.get(7)?,
        waiting: row.get(8)?,
        demand: row.get(9)?,
        job_type: row.get(10)?,
        reservation: row.get(11)?,
        robot_id: row.get(12)?,
        machine_id: row.get(13)?,
        limits: Limits {
            created_at: row.get(14)?,
            started_at: row.get(15)?,
            strategy: row.get::<Option<i64>>(16)?,
            stop_after: row.get(17)?,
            kill_after: row.get(18)?,
            alert_pending: row.get(19)?,
            alert_running: row.get(20)?,
            alerted: row.get(21)?,
        },
        output_arguments: row.get(22)?,
    })
}

/// The job with that id in a tenant.
pub async fn by_id(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs j WHERE j.id = $1 AND j.tenant_id = $2");
    conn.query_opt(&sql, params![id, tenant_id]).await?.as_ref().map(read).transpose()
}

/// The job with that id, in whatever tenant; for duties.
pub async fn any_by_id(conn: &mut Conn, id: i64) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs j WHERE j.id = $1");
    conn.query_opt(&sql, params![id]).await?.as_ref().map(read).transpose()
}

/// The job with that key in a tenant.
pub async fn by_key(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs j WHERE j.key = $1 AND j.tenant_id = $2");
    conn.query_opt(&sql, params![key, tenant_id]).await?.as_ref().map(read).transpose()
}

/// The job with that id in a folder; 404 when it is not there.
pub async fn in_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64, id: i64) -> Result<Job> {
    by_id(conn, tenant_id, id).await?.filter(|j| j.folder_id == folder_id).ok_or_else(|| Error::not_found("Job"))
}

/// The same, held until the unit ends: what it says of the job stays true. Whoever holds several takes them by
/// ascending id.
pub async fn held_in_folder(unit: &mut Unit, tenant_id: i64, folder_id: i64, id: i64) -> Result<Job> {
    // SQLite has one writer anyway.
    if unit.dialect() == Dialect::Postgres {
        let hold = "SELECT 1 FROM jobs WHERE id = $1 AND tenant_id = $2 AND folder_id = $3 FOR UPDATE";
        unit.query_opt(hold, params![id, tenant_id, folder_id]).await?;
    }
    in_folder(unit, tenant_id, folder_id, id).await
}
