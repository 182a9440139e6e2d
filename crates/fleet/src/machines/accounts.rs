//! Which robots may use which machines.
//!
//! Without a limit every robot may use a machine. A limit in the tenant names the only ones; a limit in a folder
//! narrows that further there and in the folders below, until one of them has a limit of its own. A limit stays
//! when its last robot is deleted: then nobody may use the machine, instead of everybody.

use crate::sql;
use bandmaster_api::Unit;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Value, params};
use std::collections::HashSet;

/// The folder of limits that hold in the whole tenant.
pub(crate) const TENANT_WIDE: i64 = 0;

/// The limits that matter in one folder.
#[derive(Debug, Clone, Default)]
pub struct AccountLimits {
    path: Vec<i64>,
    limited: HashSet<(i64, i64)>,
    robots: HashSet<(i64, i64, i64)>,
}

impl AccountLimits {
    /// Whether the robot may use the machine in the folder.
    pub fn allows(&self, machine_id: i64, robot_id: i64) -> bool {
        let permits = |folder: i64| self.robots.contains(&(machine_id, folder, robot_id));
        if self.limited.contains(&(machine_id, TENANT_WIDE)) && !permits(TENANT_WIDE) {
            return false;
        }
        let nearest = self.path.iter().find(|folder| self.limited.contains(&(machine_id, **folder)));
        nearest.is_none_or(|folder| permits(*folder))
    }

    /// Whether the folder itself has a limit for the machine.
    pub(crate) fn has_own(&self, machine_id: i64) -> bool {
        self.path.first().is_some_and(|folder| self.limited.contains(&(machine_id, *folder)))
    }
}

/// The limits for the machines of a tenant in a folder. `path` is the folder and those above it, nearest first; an
/// empty one asks for the tenant's own limits alone.
pub async fn account_limits(conn: &mut Conn, tenant_id: i64, path: &[i64]) -> Result<AccountLimits> {
    let text = format!(
        "SELECT l.machine_id, l.folder_id, r.robot_id FROM machine_limits l JOIN machines m ON m.id = l.machine_id \
         LEFT JOIN machine_robots r ON r.machine_id = l.machine_id AND r.folder_id = l.folder_id \
         WHERE m.tenant_id = $1 AND (l.folder_id = 0 OR l.folder_id IN ({}))",
        sql::PATH_PLACES
    );
    let rows = conn.query(&text, &sql::path_params(tenant_id, path)?).await?;
    let mut limits = AccountLimits { path: path.to_vec(), ..AccountLimits::default() };
    for row in &rows {
        let (machine, folder): (i64, i64) = (row.get(0)?, row.get(1)?);
        limits.limited.insert((machine, folder));
        if let Some(robot) = row.get::<Option<i64>>(2)? {
            limits.robots.insert((machine, folder, robot));
        }
    }
    Ok(limits)
}

/// How a robot stands to a machine, in one look.
pub(crate) struct Standing {
    /// No limit of the tenant keeps the robot off.
    pub allowed_in_tenant: bool,
    /// Some folder has a limit for the machine.
    pub folders_have_limits: bool,
}

/// How a robot stands to a machine.
pub(crate) async fn standing(conn: &mut Conn, machine_id: i64, robot_id: i64) -> Result<Standing> {
    let row = conn
        .query_one(
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM machine_limits WHERE machine_id = $1 AND folder_id = 0) \
             AND NOT EXISTS (SELECT 1 FROM machine_robots WHERE machine_id = $1 AND folder_id = 0 AND robot_id = $2) \
             THEN 0 ELSE 1 END, \
             CASE WHEN EXISTS (SELECT 1 FROM machine_limits WHERE machine_id = $1 AND folder_id <> 0) \
             THEN 1 ELSE 0 END",
            params![machine_id, robot_id],
        )
        .await?;
    Ok(Standing { allowed_in_tenant: row.get(0)?, folders_have_limits: row.get(1)? })
}

/// Robots named by the limit of a machine in a folder (or [`TENANT_WIDE`]), with their names.
pub(crate) async fn listed(conn: &mut Conn, machine_id: i64, folder_id: i64) -> Result<Vec<(i64, String)>> {
    let rows = conn
        .query(
            "SELECT r.id, r.name FROM machine_robots m JOIN robots r ON r.id = m.robot_id \
             WHERE m.machine_id = $1 AND m.folder_id = $2 ORDER BY r.id",
            params![machine_id, folder_id],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Refuses (404) when one of the robots is not the tenant's.
pub(crate) async fn check_robots(conn: &mut Conn, tenant_id: i64, robots: &[i64]) -> Result<()> {
    let wanted: HashSet<i64> = robots.iter().copied().collect();
    let wanted: Vec<i64> = wanted.into_iter().collect();
    let text = format!("SELECT COUNT(*) FROM robots WHERE tenant_id = $1 AND id IN ({})", sql::ids(&wanted));
    let found: usize = match conn.query_dynamic(&text, params![tenant_id]).await?.first() {
        Some(row) => row.get(0)?,
        None => 0,
    };
    if found == wanted.len() { Ok(()) } else { Err(Error::not_found("Robot")) }
}

/// Sets who may use the machine. No robots: anybody may.
pub(crate) async fn set(unit: &mut Unit, machine_id: i64, folder_id: i64, robots: &[i64]) -> Result<()> {
    unit.execute("DELETE FROM machine_robots WHERE machine_id = $1 AND folder_id = $2", params![machine_id, folder_id])
        .await?;
    if robots.is_empty() {
        unit.execute(
            "DELETE FROM machine_limits WHERE machine_id = $1 AND folder_id = $2",
            params![machine_id, folder_id],
        )
        .await?;
        return Ok(());
    }
    unit.execute(
        "INSERT INTO machine_limits (machine_id, folder_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        params![machine_id, folder_id],
    )
    .await?;
    let rows: Vec<Vec<Value>> = robots.iter().map(|r| params![machine_id, folder_id, *r].to_vec()).collect();
    unit.execute_many(
        "INSERT INTO machine_robots (machine_id, folder_id, robot_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &rows,
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_narrow_and_the_nearest_folder_decides() {
        let (machine, ana, bot, eve) = (7, 1, 2, 3);
        let limits = |limited: &[i64], robots: &[(i64, i64)]| AccountLimits {
            path: vec![30, 20, 10],
            limited: limited.iter().map(|f| (machine, *f)).collect(),
            robots: robots.iter().map(|(f, r)| (machine, *f, *r)).collect(),
        };
        /// Limits, robots by folder, who may.
        type Case<'a> = (&'a [i64], &'a [(i64, i64)], &'a [i64]);
        let cases: &[Case<'_>] = &[
            (&[], &[], &[ana, bot, eve]),
            (&[0], &[(0, ana)], &[ana]),
            (&[0], &[], &[]),
            (&[30], &[(30, bot)], &[bot]),
            (&[10], &[(10, bot)], &[bot]),
            (&[30, 10], &[(30, ana), (10, bot)], &[ana]),
            (&[0, 20], &[(0, ana), (0, bot), (20, bot), (20, eve)], &[bot]),
            (&[40], &[(40, ana)], &[ana, bot, eve]),
        ];
        for (limited, robots, may) in cases {
            let limits = limits(limited, robots);
            for robot in [ana, bot, eve] {
                assert_eq!(limits.allows(machine, robot), may.contains(&robot), "{limited:?} {robots:?} {robot}");
            }
            assert!(limits.allows(8, ana), "another machine is not concerned");
        }
    }
}
