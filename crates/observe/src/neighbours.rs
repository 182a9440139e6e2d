//! What logs and statistics read of jobs and sessions, which belong to the automation and fleet crates. All such
//! reading is in this file.

use bandmaster_core::Result;
use bandmaster_core::time::Micros;
use bandmaster_store::{Conn, Row, Value, params};
use std::collections::HashMap;

/// Where a job runs, as far as its log lines need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// Folder of the job.
    pub folder_id: i64,
    /// Machine that accepted it.
    pub machine_id: Option<i64>,
    /// Host that it runs on.
    pub host_name: Option<String>,
    /// Robot that runs it.
    pub robot_name: Option<String>,
    /// Process that it is an execution of.
    pub process_name: Option<String>,
}

const PLACES: &str = "SELECT j.key, j.folder_id, j.machine_id, j.host_name, r.name, j.release_name FROM jobs j \
     LEFT JOIN robots r ON r.id = j.robot_id AND r.tenant_id = j.tenant_id WHERE j.tenant_id = $1 AND j.key IN ";

/// Keys asked for in one statement.
const KEYS: usize = 16;

/// The places of those jobs of a tenant that exist. A batch of lines mostly tells of one job.
pub async fn job_places(conn: &mut Conn, tenant_id: i64, keys: &[String]) -> Result<HashMap<String, JobPlace>> {
    let mut places = HashMap::new();
    for chunk in keys.chunks(KEYS) {
        // One text for one key and one for more: the last key fills the list up.
        let width = if chunk.len() == 1 { 1 } else { KEYS };
        let holders: Vec<String> = (0..width).map(|n| format!("${}", n + 2)).collect();
        let mut values = vec![Value::from(tenant_id)];
        let fill = chunk.last().into_iter().cycle();
        values.extend(chunk.iter().chain(fill).take(width).map(Value::from));
        let sql = format!("{PLACES}({})", holders.join(", "));
        for row in conn.query(&sql, &values).await? {
            places.insert(row.get(0)?, place(&row)?);
        }
    }
    Ok(places)
}

fn place(row: &Row) -> Result<JobPlace> {
    Ok(JobPlace {
        folder_id: row.get(1)?,
        machine_id: row.get(2)?,
        host_name: row.get(3)?,
        robot_name: row.get(4)?,
        process_name: row.get(5)?,
    })
}

/// A host, or a person's session at a desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostState {
    /// Connected, as far as was reported.
    pub connected: bool,
    /// Last report.
    pub reported_at: Option<Micros>,
    /// A job runs there.
    pub busy: bool,
}

/// The hosts of a tenant: rows of `sessions` by machine, host and account, without those that offer nothing any more.
pub async fn hosts(conn: &mut Conn, tenant_id: i64) -> Result<Vec<HostState>> {
    let rows = conn
        .query(
            "SELECT MAX(s.connected), MAX(s.reported_at), MAX(s.busy) FROM (\
             SELECT machine_id, fold(host_name) AS host, fold(service_user_name) AS account, installation_id, robot_id, \
             connected, reported_at, slots, \
             CASE WHEN EXISTS (SELECT 1 FROM job_slots j WHERE j.session_id = sessions.id) THEN 1 ELSE 0 END AS busy \
             FROM sessions WHERE tenant_id = $1) AS s WHERE s.slots > 0 OR s.busy = 1 \
             GROUP BY s.machine_id, s.host, s.account, s.installation_id, s.robot_id",
            params![tenant_id],
        )
        .await?;
    rows.iter().map(|r| Ok(HostState { connected: r.get(0)?, reported_at: r.get(1)?, busy: r.get(2)? })).collect()
}

/// Tenant and id of every folder there is; for duties.
pub async fn all_folders(conn: &mut Conn) -> Result<Vec<(i64, i64)>> {
    let rows = conn.query("SELECT tenant_id, id FROM folders ORDER BY id", params![]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
