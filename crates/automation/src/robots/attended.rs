//! People's own robots: their sessions, the processes they may run, and the jobs they start themselves.

use super::caller::{Host, host};
use super::commands::robot_info;
use super::report::{Report, Verdict};
use crate::jobs::change::{Runner, Said, enter};
use crate::jobs::enums::ATTENDED as ATTENDED_JOB;
use crate::jobs::row::{self, Job};
use crate::jobs::state::{Event, Outcome, State, after};
use crate::neighbours;
use crate::topics;
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::{Error, PrincipalKind, Result, codes};
use bandmaster_fleet::machines::{self, MachineRecord};
use bandmaster_fleet::robots::{self, ATTENDED, RobotAccount};
use bandmaster_fleet::sessions::{self, HostReport};
use bandmaster_packages::releases::{self, ReleaseForStart};
use bandmaster_store::{Conn, fold, params};
use serde_json::{Value, json};

/// The robot that a call names: by key, by its account's name, or as the caller's own.
async fn named(call: &Call, conn: &mut Conn) -> Result<RobotAccount> {
    let tenant_id = call.tenant_id()?;
    let body = call.body();
    let by_machine = call.principal.kind == PrincipalKind::Machine;
    let found = match (body.filled("robotKey"), body.filled("userName")) {
        (Some(key), _) => robots::by_key(conn, key).await?,
        (None, Some(name)) if by_machine => {
            let mut found = None;
            // Agents send `DOMAIN\user` or an address; accounts have either name.
            let plain = name.rsplit('\\').next().unwrap_or(name);
            for account in bandmaster_access::users::find_by_name(conn, tenant_id, plain, None).await? {
                found = found.or(robots::of_user(conn, account.id, ATTENDED).await?);
            }
            found
        }
        _ => None,
    };
    let found = match (found, call.user_id()) {
        (None, Some(user)) if !by_machine => robots::of_user(conn, user, ATTENDED).await?,
        (found, _) => found,
    };
    // Another's robot answers like none.
    let own = |r: &RobotAccount| by_machine || call.user_id() == Some(r.user_id);
    let robot = found.filter(|r| r.tenant_id == tenant_id && own(r)).ok_or_else(|| Error::not_found("Robot"))?;
    if !robot.enabled {
        return Err(Error::conflict(codes::ROBOT_DISABLED, "The robot is switched off."));
    }
    Ok(robot)
}

/// The host that calls: a machine's own, or one whose machine key a signed-in person shows along.
async fn host_of(call: &Call, conn: &mut Conn) -> Result<Host> {
    if call.principal.kind == PrincipalKind::Machine {
        return host(call, conn, None).await;
    }
    if call.user_id().is_none() {
        return Err(Error::forbidden());
    }
    let machine = match call.header("x-robot-license") {
        Some(key) => machines::by_license_key(conn, key).await?,
        None => None,
    };
    let tenant_id = call.tenant_id()?;
    let machine: MachineRecord = machine
        .filter(|m| m.tenant_id == tenant_id)
        .ok_or_else(|| Error::new(400, codes::INVALID_MACHINE_KEY, "The machine key is missing or not known."))?;
    let report = HostReport {
        host_name: super::caller::host_name(call)?,
        version: call.header("x-robot-version").map(str::to_owned),
        platform: bandmaster_fleet::enums::platform(call.header("x-robot-agent").unwrap_or_default()),
        ..HostReport::default()
    };
    Ok(Host { machine, report })
}

/// `POST /api/RobotsService/BeginSession`
pub(super) async fn begin(call: &mut Call) -> Result<Output> {
    let mut unit = call.begin().await?;
    let host = host_of(call, &mut unit).await?;
    let robot = named(call, &mut unit).await?;
    sessions::begin_user(&mut unit, &host.machine, &robot, &host.report).await?;
    unit.commit().await?;
    let mut info = robot_info(&robot, &host);
    info.insert("user".into(), json!(robot.os_user_name.clone().unwrap_or_else(|| robot.name.clone())));
    info.insert("machineName".into(), json!(host.machine.name));
    info.insert("tenantId".into(), json!(host.machine.tenant_id));
    info.insert("organizationUnitId".into(), Value::Null);
    info.insert("id".into(), json!(robot.id));
    Ok(Output::json(Value::Object(info)))
}

/// `POST /api/RobotsService/EndSession`
pub(super) async fn end(call: &mut Call) -> Result<Output> {
    let mut unit = call.begin().await?;
    let host = host_of(call, &mut unit).await?;
    let robot = named(call, &mut unit).await?;
    sessions::end_user(&mut unit, &host.machine, robot.id, &host.report).await?;
    abandon(&mut unit, &robot, host.machine.id).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// Nobody watches over the jobs that a robot has started itself: what it has not ended is over with its session.
async fn abandon(unit: &mut Unit, robot: &RobotAccount, machine_id: i64) -> Result<()> {
    let sql = "SELECT id FROM jobs WHERE robot_id = $1 AND machine_id = $2 AND job_type = 1 AND ended_at IS NULL";
    for found in unit.query(sql, params![robot.id, machine_id]).await? {
        let Some(job) = row::any_by_id(unit, found.get(0)?).await? else { continue };
        if let Outcome::Enters(to) = after(job.state, Event::Lost) {
            enter(unit, &job, to, Said::fault("SessionEnded", "The robot's session has ended before the job."), None)
                .await?;
        }
    }
    Ok(())
}

/// A host has given a sign of life, and with it of the jobs that its people's robots run; only of those that the agent
/// holds, when it says which these are.
pub(super) async fn seen(unit: &mut Unit, host: &Host, held: Option<&[String]>) -> Result<()> {
    let sql = "SELECT a.job_id, j.key FROM attended_jobs a JOIN jobs j ON j.id = a.job_id \
               WHERE a.machine_id = $1 AND a.host = $2";
    let now = unit.now();
    for row in unit.query(sql, params![host.machine.id, host.folded()]).await? {
        let (id, key): (i64, String) = (row.get(0)?, row.get(1)?);
        if held.is_none_or(|keys| keys.contains(&key)) {
            unit.execute("UPDATE attended_jobs SET seen_at = $1 WHERE job_id = $2", params![now, id]).await?;
        }
    }
    Ok(())
}

/// `POST /api/RobotsService/GetProcesses`: the processes of the folders that the robot's account is assigned to.
pub(super) async fn processes_of(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    if call.principal.kind != PrincipalKind::Machine && call.user_id().is_none() {
        return Err(Error::forbidden());
    }
    let robot = named(call, &mut conn).await?;
    let mut shown = Vec::new();
    for folder in neighbours::folders_of(&mut conn, robot.tenant_id, robot.user_id).await? {
        let Some(place) = neighbours::place(&mut conn, robot.tenant_id, folder).await? else { continue };
        for process in releases::of_folder(&mut conn, robot.tenant_id, folder).await? {
            if process.hidden_for_attended {
                continue;
            }
            shown.push(json!({
                "activationKey": process.key,
                "processName": process.name,
                "processDescription": process.description,
                "processKey": process.key,
                "packageId": process.package_id,
                "packageVersion": process.package_version,
                "inputArguments": process.input_arguments,
                "folderId": folder,
                "folderName": place.folder_name,
                "folderFullyQualifiedName": place.folder_path,
                "processSettings": process.process_settings.and_then(|t| serde_json::from_str::<Value>(&t).ok()),
                "feedUrl": process.feed_key.map(|f| bandmaster_packages::feeds::url(&call.base, &f)),
            }));
        }
    }
    Ok(Output::json(Value::Array(shown)))
}

/// A report about a job that a robot started itself; `None` when it is about another kind of job.
pub(super) async fn own_job(unit: &mut Unit, call: &Call, tenant_id: i64, report: &Report) -> Result<Option<Verdict>> {
    let (Some(key), Some(state)) = (&report.job_key, report.state) else { return Ok(None) };
    if report.reservation.is_some() {
        return Ok(None);
    }
    match row::by_key(unit, tenant_id, key).await? {
        Some(job) if job.job_type == ATTENDED_JOB => goes_on(unit, call, &job, state, report).await.map(Some),
        Some(_) => Ok(None),
        None => match (&report.process_key, &report.robot_key) {
            (Some(process), Some(robot)) if state == State::Running => {
                begun(unit, call, tenant_id, key, process, robot, report).await
            }
            _ => Ok(None),
        },
    }
}

async fn goes_on(unit: &mut Unit, call: &Call, job: &Job, state: State, report: &Report) -> Result<Verdict> {
    let robot = match &report.robot_key {
        Some(key) => robots::by_key(unit, key).await?,
        None => None,
    };
    if robot.map(|r| r.id) != job.robot_id || job.machine_id != call.principal.machine_id {
        return Ok(Verdict::Refused("The job is not with this robot."));
    }
    if !state.is_final() && !job.state.is_final() {
        let now = unit.now();
        unit.execute("UPDATE attended_jobs SET seen_at = $1 WHERE job_id = $2", params![now, job.id]).await?;
        return Ok(Verdict::Accepted);
    }
    match after(job.state, Event::Ended(state)) {
        Outcome::Enters(to) => {
            enter(unit, job, to, report.said.clone(), None).await?;
            Ok(Verdict::Accepted)
        }
        Outcome::Stays | Outcome::Refused => Ok(Verdict::Refused("The job has ended already.")),
    }
}

/// The process that the robot says it runs, if its account may run it.
async fn permitted(unit: &mut Unit, robot: &RobotAccount, key: &str) -> Result<Option<ReleaseForStart>> {
    let Some(process) = releases::by_key(unit, robot.tenant_id, key).await? else { return Ok(None) };
    let path = bandmaster_fleet::folder_path(unit, robot.tenant_id, process.folder_id).await?;
    let assigned = neighbours::is_assigned(unit, robot.user_id, &path).await?;
    Ok(Some(process).filter(|_| assigned))
}

async fn begun(
    unit: &mut Unit,
    call: &Call,
    tenant_id: i64,
    job_key: &str,
    process_key: &str,
    robot_key: &str,
    report: &Report,
) -> Result<Option<Verdict>> {
    let Some(job_key) = bandmaster_core::ids::parse_guid(job_key) else { return Ok(None) };
    let mine = |r: &RobotAccount| r.tenant_id == tenant_id && r.enabled && r.kind == ATTENDED;
    let Some(robot) = robots::by_key(unit, robot_key).await?.filter(mine) else { return Ok(None) };
    let machine_id = call.principal.machine_id.unwrap_or(0);
    if !machines::account_limits(unit, tenant_id, &[]).await?.allows(machine_id, robot.id) {
        return Ok(Some(Verdict::Refused("The machine is limited to other accounts.")));
    }
    let Some(process) = permitted(unit, &robot, process_key).await? else {
        return Ok(Some(Verdict::Refused("The process does not exist, or the robot may not run it.")));
    };
    let (now, batch) = (unit.now(), unit.guid());
    let made = unit
        .execute(
            "INSERT INTO jobs (key, tenant_id, folder_id, release_id, release_version_id, release_name, process_type, \
             state, state_at, waiting, demand, priority, job_type, source, source_type, batch_key, runtime_type, \
             requires_user_interaction, entry_point_path, input_arguments, robot_id, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 0, '', $9, 1, 'Agent', 2, $10, $11, $12, $13, $14, $15, $8, $8) \
             ON CONFLICT DO NOTHING",
            params![
                job_key.as_str(),
                tenant_id,
                process.folder_id,
                process.id,
                process.version_id,
                process.name.as_str(),
                process.process_type,
                now,
                process.priority,
                batch,
                robot.robot_type,
                process.requires_user_interaction,
                process.entry_point_path.as_deref(),
                report.input_arguments.as_deref(),
                robot.id
            ],
        )
        .await?;
    let job = row::by_key(unit, tenant_id, &job_key).await?.filter(|j| made == 1 && j.job_type == ATTENDED_JOB);
    let Some(job) = job else { return Ok(Some(Verdict::Refused("The key of the job is taken."))) };
    let account = neighbours::account(unit, robot.user_id).await?.map(|(_, name)| name);
    let host_name = super::caller::host_name(call)?;
    unit.execute(
        "INSERT INTO attended_jobs (job_id, machine_id, host, seen_at) VALUES ($1, $2, $3, $4)",
        params![job.id, machine_id, fold(&host_name), now],
    )
    .await?;
    let runner = Runner { robot_id: robot.id, machine_id, session_id: 0, host_name, account_name: account };
    enter(unit, &job, State::Running, report.said.clone(), Some(runner)).await?;
    unit.nudge(topics::JOBS);
    Ok(Some(Verdict::Accepted))
}
