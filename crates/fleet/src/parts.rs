//! What the access crate asks about machines and robots, as parts of the app.

use crate::jobs::RunningJobs;
use crate::robots::provision::{self, Owner};
use crate::robots::record::{RobotAccount, of_user, of_users};
use crate::robots::{ATTENDED, RobotWish, UNATTENDED};
use crate::{enums, topics};
use bandmaster_access::kinds::DIRECTORY_ROBOT;
use bandmaster_access::parts::{
    AccountContents, FolderContents, Hindrance, MachineFolders, RobotBlocks, RobotOwner, RobotProvisioning, ShownRobots,
};
use bandmaster_api::{App, Fields, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// The fleet's answers to the access crate. Wire it as `Box<dyn MachineFolders>`, `Box<dyn RobotProvisioning>`, and
/// into the lists of `Box<dyn FolderContents>` and `Box<dyn AccountContents>`.
#[derive(Clone, Default)]
pub struct Fleet {
    jobs: Option<Arc<dyn RunningJobs>>,
}

impl Fleet {
    /// With the same part that `App::parts` has; without it no robot is ever busy.
    pub fn new(jobs: Option<Arc<dyn RunningJobs>>) -> Fleet {
        Fleet { jobs }
    }
}

impl MachineFolders for Fleet {
    fn folders<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, machine_id: i64) -> BoxFuture<'a, Result<Vec<i64>>> {
        Box::pin(machine_folders(conn, tenant_id, machine_id))
    }
}

/// Every folder that the machine is assigned to, inherited assignments included.
async fn machine_folders(conn: &mut Conn, tenant_id: i64, machine_id: i64) -> Result<Vec<i64>> {
    let rows = conn
        .query(
            "WITH RECURSIVE reached (id, passes_on) AS (\
             SELECT fm.folder_id, fm.propagate FROM folder_machines fm JOIN machines m ON m.id = fm.machine_id \
             WHERE fm.machine_id = $1 AND m.tenant_id = $2 UNION \
             SELECT f.id, 1 FROM folders f JOIN reached r ON f.parent_id = r.id WHERE r.passes_on = 1) \
             SELECT DISTINCT id FROM reached ORDER BY id",
            params![machine_id, tenant_id],
        )
        .await?;
    rows.iter().map(|r| Ok(r.get(0)?)).collect()
}

impl RobotProvisioning for Fleet {
    fn arrange<'a>(
        &'a self,
        app: &'a App,
        unit: &'a mut Unit,
        owner: &'a RobotOwner,
        blocks: &'a RobotBlocks,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            // Robot accounts are there to run unattended jobs; nobody has to switch that on.
            let unattended = owner.unattended || owner.user_type == DIRECTORY_ROBOT;
            let wish = match given(&blocks.unattended) {
                Some(block) => Some(RobotWish::unattended(&Fields::of(block))?),
                None => None,
            };
            self.settle(app, unit, owner, UNATTENDED, unattended, &blocks.unattended, wish).await?;
            let wish = match given(&blocks.attended) {
                Some(block) => Some(RobotWish::attended(&Fields::of(block))?),
                None => None,
            };
            self.settle(app, unit, owner, ATTENDED, owner.attended, &blocks.attended, wish).await
        })
    }

    fn show<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        users: &'a [i64],
    ) -> BoxFuture<'a, Result<HashMap<i64, ShownRobots>>> {
        Box::pin(async move {
            let robots = of_users(conn, tenant_id, users).await?;
            let mappings = mappings(conn, tenant_id).await?;
            let mut shown: HashMap<i64, ShownRobots> = HashMap::new();
            for robot in robots {
                let entry = shown.entry(robot.user_id).or_default();
                let settings: Value = serde_json::from_str(&robot.execution_settings).unwrap_or_else(|_| json!({}));
                if robot.kind == ATTENDED {
                    entry.attended = json!({
                        "UserName": robot.os_user_name,
                        "ExecutionSettings": settings,
                        "RobotId": robot.id,
                        "RobotType": enums::ROBOT_TYPE.label(robot.robot_type),
                    });
                } else {
                    entry.unattended = json!({
                        "UserName": robot.os_user_name,
                        "Password": null,
                        "CredentialStoreId": robot.credential_store_id,
                        "CredentialType": enums::CREDENTIAL_TYPE.label(robot.credential_type),
                        "CredentialExternalName": robot.credential_external_name,
                        "ExecutionSettings": settings,
                        "LimitConcurrentExecution": robot.limit_concurrent,
                        "RobotId": robot.id,
                        "MachineMappingsCount": mappings.get(&robot.id).copied().unwrap_or(0),
                    });
                }
            }
            Ok(shown)
        })
    }

    fn busy<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, users: &'a [i64]) -> BoxFuture<'a, Result<Vec<i64>>> {
        Box::pin(async move {
            let Some(jobs) = &self.jobs else { return Ok(Vec::new()) };
            let usage = jobs.usage(conn, tenant_id).await?;
            if usage.robots.is_empty() {
                return Ok(Vec::new());
            }
            let robots = of_users(conn, tenant_id, users).await?;
            let mut busy: Vec<i64> =
                robots.into_iter().filter(|r| usage.of_robot(r.id) > 0).map(|r| r.user_id).collect();
            busy.sort_unstable();
            busy.dedup();
            Ok(busy)
        })
    }
}

/// A block that is there and not null.
fn given(block: &Option<Value>) -> Option<&Value> {
    block.as_ref().filter(|v| !v.is_null())
}

impl Fleet {
    /// Brings one kind of robot of an account to what it may and is to be.
    #[allow(clippy::too_many_arguments)]
    async fn settle(
        &self,
        app: &App,
        unit: &mut Unit,
        owner: &RobotOwner,
        kind: i64,
        may: bool,
        block: &Option<Value>,
        wish: Option<RobotWish>,
    ) -> Result<()> {
        let of = Owner { tenant_id: owner.tenant_id, user_id: owner.user_id, name: &owner.user_name };
        let taken_away = block.as_ref().is_some_and(Value::is_null);
        let before = of_user(unit, owner.user_id, kind).await?;
        if !may || (taken_away && kind == ATTENDED) {
            return match before {
                Some(robot) => self.take_away(unit, robot).await,
                None => Ok(()),
            };
        }
        match (before, wish) {
            // Attended robots come when they are described or when their person signs in on a host.
            (None, None) if kind == ATTENDED => Ok(()),
            (Some(robot), None) if robot.name == owner.user_name => Ok(()),
            (_, wish) => {
                provision::arrange(unit, &app.keys, of, kind, &wish.unwrap_or_default()).await?;
                Ok(())
            }
        }
    }

    async fn take_away(&self, unit: &mut Unit, robot: RobotAccount) -> Result<()> {
        if let Some(jobs) = &self.jobs
            && jobs.usage(unit, robot.tenant_id).await?.of_robot(robot.id) > 0
        {
            return Err(Error::conflict(
                codes::CANNOT_DELETE_BUSY_ROBOT,
                format!("The robot of {} runs a job.", robot.name),
            ));
        }
        provision::delete(unit, &[robot]).await
    }
}

/// How many machines name a robot in a list, by robot id.
async fn mappings(conn: &mut Conn, tenant_id: i64) -> Result<HashMap<i64, i64>> {
    let rows = conn
        .query(
            "SELECT l.robot_id, COUNT(DISTINCT l.machine_id) FROM machine_robots l \
             JOIN machines m ON m.id = l.machine_id WHERE m.tenant_id = $1 GROUP BY l.robot_id",
            params![tenant_id],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect()
}

impl FolderContents for Fleet {
    fn hindrance<'a>(&'a self, _: &'a mut Unit, _: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        // Assignments of machines go with their folder.
        Box::pin(async { Ok(None) })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for folder in folders {
                unit.execute("DELETE FROM machine_limits WHERE folder_id = $1", params![*folder]).await?;
                unit.execute("DELETE FROM folder_machines WHERE folder_id = $1", params![*folder]).await?;
            }
            unit.nudge(topics::CAPACITY);
            Ok(())
        })
    }
}

impl AccountContents for Fleet {
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let Some(jobs) = &self.jobs else { return Ok(None) };
            let tenant = unit.tenant_id();
            let robots = of_users(unit, tenant, &[user_id]).await?;
            if robots.is_empty() {
                return Ok(None);
            }
            let usage = jobs.usage(unit, tenant).await?;
            if robots.iter().any(|r| usage.of_robot(r.id) > 0) {
                return Ok(Some("its robot runs a job".into()));
            }
            let targets = jobs.trigger_targets(unit, tenant).await?;
            let used = robots.iter().any(|r| targets.robot(r.id));
            Ok(used.then(|| "triggers use its robot".into()))
        })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let tenant = unit.tenant_id();
            let robots = of_users(unit, tenant, &[user_id]).await?;
            provision::delete(unit, &robots).await
        })
    }
}
