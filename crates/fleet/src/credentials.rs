//! The credentials that fleet knows: machine keys, machine secrets, robot keys.
//!
//! A machine key is a GUID of 122 random bits and is looked up by equality; a machine secret by its keyed hash. A
//! robot key alone proves nothing: it counts with a machine on which that robot may work.

use crate::machines::{self, MachineRecord, account_limits, accounts, secrets};
use crate::robots::{self, ATTENDED};
use crate::{jobs, neighbours};
use bandmaster_api::App;
use bandmaster_api::gate::FleetCredentials;
use bandmaster_core::{Principal, PrincipalKind, Result, Scopes};
use bandmaster_store::Conn;
use futures::future::BoxFuture;

/// Wire it as `Box<dyn FleetCredentials>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials;

/// The machine as a caller; none when its tenant is switched off.
async fn machine_principal(conn: &mut Conn, machine: &MachineRecord) -> Result<Option<Principal>> {
    let organization = neighbours::organization_of(conn, machine.tenant_id).await?.filter(|(_, active)| *active);
    Ok(organization.map(|(organization_id, _)| Principal {
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
    let standing = accounts::standing(conn, machine_id, robot.id).await?;
    if !standing.allowed_in_tenant || robot.kind == ATTENDED {
        return Ok(standing.allowed_in_tenant);
    }
    if !standing.folders_have_limits
        && !neighbours::meeting_folders(conn, robot.user_id, machine_id, true).await?.is_empty()
    {
        return Ok(true);
    }
    let meeting = neighbours::meeting_folders(conn, robot.user_id, machine_id, false).await?;
    if !standing.folders_have_limits {
        return Ok(!meeting.is_empty());
    }
    for folder in meeting {
        let path = neighbours::folder_path(conn, robot.tenant_id, folder).await?;
        if account_limits(conn, robot.tenant_id, &path).await?.allows(machine_id, robot.id) {
            return Ok(true);
        }
    }
    Ok(false)
}
