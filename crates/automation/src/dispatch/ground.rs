//! Reads what placing a job needs: the folder's accounts, machines and sessions (fleet's), and what jobs have taken
//! (ours).

use super::choose::{Ground, Taken};
use bandmaster_core::Result;
use bandmaster_fleet::{machines, robots, sessions};
use bandmaster_store::{Conn, params};

/// The ground of a folder at a moment. Without such a folder everything is empty.
pub async fn load(conn: &mut Conn, tenant_id: i64, folder_id: i64, now: i64) -> Result<Ground> {
    let path = bandmaster_fleet::folder_path(conn, tenant_id, folder_id).await?;
    Ok(Ground {
        accounts: robots::of_folder(conn, tenant_id, folder_id).await?,
        machines: machines::of_folder(conn, &path).await?.into_iter().map(|m| m.machine).collect(),
        seats: sessions::eligible(conn, tenant_id, folder_id).await?,
        limits: machines::account_limits(conn, tenant_id, &path).await?,
        now,
    })
}

/// The same for placing only: without a session that could take any job at present, nothing else is read.
pub async fn load_open(conn: &mut Conn, tenant_id: i64, folder_id: i64, now: i64) -> Result<Ground> {
    let seats = sessions::eligible(conn, tenant_id, folder_id).await?;
    if seats.iter().any(|s| s.connected && s.slots > 0 && !s.maintenance && !s.is_unresponsive(now)) {
        return load(conn, tenant_id, folder_id, now).await;
    }
    Ok(Ground { now, ..Ground::default() })
}

/// What jobs have taken in a tenant.
pub async fn taken(conn: &mut Conn, tenant_id: i64) -> Result<Taken> {
    let mut taken = Taken::default();
    let rows = conn
        .query(
            "SELECT robot_id, session_id, slot, foreground, host FROM job_slots WHERE tenant_id = $1",
            params![tenant_id],
        )
        .await?;
    for row in &rows {
        let host: String = row.get(4)?;
        let desktop = row.get::<bool>(3)?.then_some(host.as_str());
        taken.add(row.get(0)?, row.get(1)?, row.get(2)?, desktop);
    }
    let rows = conn.query("SELECT kind, item_id, at FROM idle_since WHERE tenant_id = $1", params![tenant_id]).await?;
    for row in &rows {
        let idle = if row.get::<i64>(0)? == 0 { &mut taken.robots_idle } else { &mut taken.sessions_idle };
        idle.insert(row.get(1)?, row.get(2)?);
    }
    Ok(taken)
}
