//! The credentials that fleet knows: machine keys, machine secrets, robot keys.
//!
//! A machine key is a GUID of 122 random bits and is looked up by equality; a machine secret by its keyed hash. A
//! robot key alone proves nothing: it counts with a machine on which that robot may work.

use crate::machines::{self, MachineRecord, account_limits, secrets};
use crate::robots::{self, ATTENDED};
use crate::{jobs, neighbours, parts};
use bandmaster_api::App;
use bandmaster_api::gate::FleetCredentials;
use bandmaster_core::{Principal, PrincipalKind, Result, Scopes};
use bandmaster_store::Conn;
use futures::future::BoxFuture;
use std::collections::HashSet;

/// Wire it as `Box<dyn FleetCredentials>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials;

/// The machine as a caller; none when its tenant is switched off.
async fn machine_principal(conn: &mut Conn, machine: &MachineRecord) -> Result<Option<Principal>> {
    let organization = neighbours::organization_of(conn, machine.tenant_id).await?;
    Ok(organization.map(|organization_id| Principal {
        kind: PrincipalKind::Machine,
        organization_id,
        tenant_id: Some(machine.tenant_id),
        name: machine.name.clone(),
        scopes: Scopes::All,
        machine_id: Some(machine.id),
        ..Principal::anonymous()
    }))
}

impl FleetCredentials for Credentials {
    fn machine_by_key<'a>(&'a self, app: &'a App, key: &'a str) -> BoxFuture<'a, Result<Option<Principal>>> {
        Box::pin(async move {
            let mut conn = app.store.read().await?;
            match machines::by_license_key(&mut conn, key).await? {
                Some(machine) => machine_principal(&mut conn, &machine).await,
                None => Ok(None),
            }
        })
    }

    fn machine_by_secret<'a>(
        &'a self,
        app: &'a App,
        client_id: &'a str,
        secret: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        Box::pin(async move {
            let mut conn = app.store.read().await?;
            if secrets::machine_of(app, &mut conn, client_id, secret).await?.is_none() {
                return Ok(None);
            }
            match machines::by_license_key(&mut conn, client_id).await? {
                Some(machine) => machine_principal(&mut conn, &machine).await,
                None => Ok(None),
            }
        })
    }

    fn robot_on_machine<'a>(
        &'a self,
        app: &'a App,
        machine: &'a Principal,
        robot_key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        Box::pin(async move {
            let (Some(tenant), Some(machine_id)) = (machine.tenant_id, machine.machine_id) else { return Ok(None) };
            let mut conn = app.store.read().await?;
            let Some(robot) = robots::by_key(&mut conn, robot_key).await? else { return Ok(None) };
            if robot.tenant_id != tenant || !robot.enabled || !may_use(&mut conn, &robot, machine_id).await? {
                return Ok(None);
            }
            let account = neighbours::account(&mut conn, robot.user_id).await?.filter(|a| a.active);
            Ok(account.map(|account| Principal {
                kind: PrincipalKind::Robot,
                key: account.key,
                name: account.name,
                ..machine.clone()
            }))
        })
    }

    fn job_is_live<'a>(&'a self, app: &'a App, job_key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(jobs::is_live(app, job_key))
    }
}

/// Whether the robot may work on the machine at all. A person's robot may, unless the tenant limits the machine to
/// others; an unattended robot needs a folder besides where both are and no limit keeps them apart.
async fn may_use(conn: &mut Conn, robot: &robots::RobotAccount, machine_id: i64) -> Result<bool> {
    let tenant = robot.tenant_id;
    if !account_limits(conn, tenant, &[]).await?.allows(machine_id, robot.id) {
        return Ok(false);
    }
    if robot.kind == ATTENDED {
        return Ok(true);
    }
    let assigned: HashSet<i64> = neighbours::folders_of_account(conn, robot.user_id).await?.into_iter().collect();
    if assigned.is_empty() {
        return Ok(false);
    }
    for folder in parts::machine_folders(conn, tenant, machine_id).await? {
        let path = neighbours::folder_path(conn, tenant, folder).await?;
        if path.iter().any(|f| assigned.contains(f))
            && account_limits(conn, tenant, &path).await?.allows(machine_id, robot.id)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
