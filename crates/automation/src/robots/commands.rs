//! What the server has to tell a host: jobs to start, jobs to stop, robots to know. Told in every heartbeat until
//! the effect is seen.

use super::caller::Host;
use crate::jobs::enums::{FRAMEWORK, STOP_STRATEGY};
use crate::jobs::state::State;
use crate::jobs::timers::Limits;
use crate::{neighbours, parts};
use bandmaster_api::Call;
use bandmaster_core::Result;
use bandmaster_core::clock::{HOUR, SECOND};
use bandmaster_fleet::enums::{CREDENTIAL_TYPE, PLATFORM_WINDOWS, UNATTENDED};
use bandmaster_fleet::robots::{self, RobotAccount};
use bandmaster_identity::{JobTokenRequest, issue_job_token};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A job that a host has, or is to have.
pub(super) struct Bound {
    pub job_id: i64,
    pub job_key: String,
    pub session_id: i64,
    pub accepted: bool,
    state: State,
    robot_id: i64,
    reservation: String,
    reserved_until: i64,
    stop: Option<(String, i64)>,
}

impl Bound {
    /// The id of the command that waits for the host, if one does.
    fn command(&self, now: i64) -> Option<&str> {
        match &self.stop {
            _ if !self.accepted => (self.reserved_until > now).then_some(self.reservation.as_str()),
            Some((id, _)) if matches!(self.state, State::Stopping | State::Terminating) => Some(id),
            _ => None,
        }
    }
}

const BOUND: &str = "SELECT s.job_id, j.key, s.session_id, s.accepted, j.state, s.robot_id, s.reservation_id, \
     s.reserved_until, s.stop_id, s.stop_strategy FROM job_slots s JOIN jobs j ON j.id = s.job_id \
     WHERE s.machine_id = $1 AND s.host = $2 ORDER BY s.job_id";

/// The jobs of all agents on a host with the key of one machine.
pub(super) async fn bound(conn: &mut Conn, host: &Host) -> Result<Vec<Bound>> {
    let rows = conn.query(BOUND, params![host.machine.id, host.folded()]).await?;
    let read = |row: &Row| -> Result<Bound> {
        let stop = match (row.get::<Option<String>>(8)?, row.get::<Option<i64>>(9)?) {
            (Some(id), Some(strategy)) => Some((id, strategy)),
            _ => None,
        };
        Ok(Bound {
            job_id: row.get(0)?,
            job_key: row.get(1)?,
            session_id: row.get(2)?,
            accepted: row.get(3)?,
            state: State::of(row.get(4)?).unwrap_or(State::Pending),
            robot_id: row.get(5)?,
            reservation: row.get(6)?,
            reserved_until: row.get(7)?,
            stop,
        })
    };
    rows.iter().map(read).collect()
}

/// Commands named in a stamp at most; agents carry it in an address.
const NAMED: usize = 100;

/// A stamp that names the waiting commands. Two stamps can be compared without any order among commands: there is
/// something new when the later one names what the earlier one does not.
pub(super) fn stamp(bound: &[Bound], now: i64) -> String {
    let mut ids: Vec<&str> = bound.iter().filter_map(|b| b.command(now)?.get(..8)).collect();
    ids.sort_unstable();
    // Too many to name: the newest are not known, so the first ones stand for all, and heartbeats bring the rest.
    ids.truncate(NAMED);
    if ids.is_empty() { "0".to_owned() } else { ids.join(".") }
}

/// Whether a stamp names something that an earlier one does not.
pub(super) fn is_news(stamp: &str, earlier: &str) -> bool {
    stamp != "0" && stamp.split('.').any(|id| !earlier.split('.').any(|e| e == id))
}

/// A robot as commands and StartService name it.
pub(super) fn robot_info(robot: &RobotAccount, host: &Host) -> Map<String, Value> {
    let settings: Value = serde_json::from_str(&robot.execution_settings).unwrap_or_else(|_| json!({}));
    let value = json!({
        "robotKey": robot.key,
        "robotName": robot.short_name(),
        "robotType": robot.robot_type,
        "machineId": host.machine.id,
        "hasLicense": true,
        "isExternalLicensed": false,
        "executionSettings": settings,
        "authSettings": {},
    });
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A command; without `data` it only announces the robot.
pub(super) fn command(robot: &RobotAccount, host: &Host, data: Value) -> Value {
    let mut members = robot_info(robot, host);
    members.insert("username".into(), json!(robot.os_user_name));
    members.insert("userDetails".into(), Value::Null);
    members.insert("data".into(), data);
    Value::Object(members)
}

/// The commands that wait for these sessions of a host.
pub(super) async fn waiting(
    call: &Call,
    conn: &mut Conn,
    host: &Host,
    bound: &[Bound],
    session_ids: &[i64],
) -> Result<Vec<Value>> {
    let now = call.now();
    let mut commands = Vec::new();
    let mut known: HashMap<i64, Option<RobotAccount>> = HashMap::new();
    for one in bound.iter().filter(|b| session_ids.contains(&b.session_id)) {
        let Some(id) = one.command(now) else { continue };
        if let std::collections::hash_map::Entry::Vacant(gap) = known.entry(one.robot_id) {
            gap.insert(robots::by_id(conn, host.machine.tenant_id, one.robot_id).await?);
        }
        let Some(robot) = known.get(&one.robot_id).and_then(Option::as_ref) else { continue };
        let data = match &one.stop {
            Some((_, strategy)) if one.accepted => json!({
                "id": id,
                "type": "StopProcess",
                "jobKey": one.job_key,
                "strategy": STOP_STRATEGY.label(*strategy),
            }),
            _ => match start(call, conn, host, one, robot).await? {
                Some(data) => data,
                None => continue,
            },
        };
        commands.push(command(robot, host, data));
    }
    Ok(commands)
}

/// The content of a command to start a job; `None` when the job is gone.
async fn start(
    call: &Call,
    conn: &mut Conn,
    host: &Host,
    bound: &Bound,
    robot: &RobotAccount,
) -> Result<Option<Value>> {
    let tenant_id = host.machine.tenant_id;
    let row = conn
        .query_opt(
            "SELECT s.launch, j.folder_id, j.input_arguments, j.input_file, j.environment_variables, j.source, \
             j.trace_id, j.parent_span_id, j.root_span_id, j.fps_context, j.fps_properties, j.profiling_options, \
             j.created_at, j.timer_strategy, j.stop_after_seconds, j.kill_after_seconds, j.persistence_id, \
             j.resume_version, j.video_recording FROM jobs j JOIN job_slots s ON s.job_id = j.id \
             WHERE j.id = $1 AND s.reservation_id = $2",
            params![bound.job_id, bound.reservation.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(place) = neighbours::place(conn, tenant_id, row.get(1)?).await? else { return Ok(None) };
    let launch: Value = serde_json::from_str(&row.get::<String>(0)?).unwrap_or_default();
    let text = |i: usize| -> Result<Option<String>> { Ok(row.get::<Option<String>>(i)?) };
    let video: Value = text(18)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    let limits = Limits {
        created_at: row.get(12)?,
        strategy: row.get(13)?,
        stop_after: row.get(14)?,
        kill_after: row.get(15)?,
        ..Limits::default()
    };
    let (left, grace) = limits.for_agent(call.now());
    let framework = launch.get("targetFramework").and_then(Value::as_i64).and_then(|n| FRAMEWORK.label(n));
    let feed = launch.get("feedId").and_then(Value::as_str);
    let mut data = json!({
        "id": bound.reservation,
        "type": "StartProcess",
        "jobKey": bound.job_key,
        "jobId": bound.job_id,
        "targetFramework": framework,
        "feedUrl": feed.map(|f| bandmaster_packages::feeds::url(&call.base, f)),
        "inputArguments": text(2)?.unwrap_or_else(|| "{}".to_owned()),
        "defaultInputArguments": null,
        "inputFile": text(3)?,
        "environmentVariables": text(4)?,
        "internalArguments": null,
        "source": text(5)?,
        "jobSource": text(5)?,
        "videoRecordingSettings": video,
        "profilingOptions": text(11)?,
        "folderId": row.get::<i64>(1)?,
        "folderKey": place.folder_key,
        "folderPath": place.folder_path,
        "folderName": place.folder_name,
        "fullyQualifiedFolderName": place.folder_path,
        "traceId": text(6)?,
        "parentSpanId": text(7)?,
        "rootSpanId": text(8)?,
        "fpsContext": text(9)?,
        "fpsProperties": text(10)?,
        "persistenceId": text(16)?,
        "resumeVersion": row.get::<Option<i64>>(17)?,
        "resumeSource": null,
        "suspendBlobType": null,
        "reservationId": bound.reservation,
        "organizationId": place.organization_key,
        "organizationName": place.organization_name,
        "tenantId": place.tenant_key,
        "tenantName": place.tenant_name,
        "timeLimitSeconds": left,
        "stopGraceSeconds": grace,
    });
    for name in [
        "processKey",
        "processName",
        "packageId",
        "packageVersion",
        "feedId",
        "packageSha256",
        "entryPointPath",
        "requiresUserInteraction",
        "processSettings",
        "targetRuntime",
    ] {
        data[name] = launch.get(name).cloned().unwrap_or_default();
    }
    credentials(call, conn, host, robot, &mut data).await?;
    token(call, conn, robot, bound, limits.stop_after, &mut data).await?;
    Ok(Some(data))
}

/// As whom the job runs on its host. This answer is the only place where the password leaves the server, and it
/// leaves only for hosts that can use it.
async fn credentials(call: &Call, conn: &mut Conn, host: &Host, robot: &RobotAccount, data: &mut Value) -> Result<()> {
    let run_as = robots::run_as(conn, &call.app.keys, host.machine.tenant_id, robot.id).await?;
    let own_agent_elsewhere = host.report.knows_fencing && host.report.platform != PLATFORM_WINDOWS;
    let Some(run_as) = run_as.filter(|_| !own_agent_elsewhere) else {
        data["username"] = Value::Null;
        data["password"] = Value::Null;
        data["credentialType"] = json!("NoCredential");
        return Ok(());
    };
    data["username"] = json!(run_as.user_name);
    // Revealed for the host that logs on with it.
    data["password"] = json!(run_as.password.as_ref().map(bandmaster_core::Secret::reveal));
    data["credentialType"] = json!(CREDENTIAL_TYPE.label(run_as.credential_type));
    Ok(())
}

/// The token that the job's program calls the server with. An account that may not sign in gets none.
async fn token(
    call: &Call,
    conn: &mut Conn,
    robot: &RobotAccount,
    bound: &Bound,
    stop_after: Option<i64>,
    data: &mut Value,
) -> Result<()> {
    data["jobAccessToken"] = Value::Null;
    let Some((account_key, _)) = neighbours::account(conn, robot.user_id).await? else { return Ok(()) };
    let usual = parts::settings(&call.app).token_life;
    let lifetime = stop_after.map_or(usual, |s| s.saturating_mul(SECOND).saturating_add(HOUR));
    let request = JobTokenRequest {
        account_key: &account_key,
        tenant_id: robot.tenant_id,
        job_key: &bound.job_key,
        lifetime,
        origin: Some(&call.origin),
    };
    match issue_job_token(&call.app, &request).await {
        // Revealed for the agent that gives it to the job.
        Ok(token) => data["jobAccessToken"] = json!(token.reveal()),
        Err(error) if error.status() == 404 => {
            tracing::warn!(job = bound.job_key, "the account of a job may not sign in; the job gets no token");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The unattended robots of the folders in which a machine works, announced to its hosts.
pub(super) async fn robots_of_machine(call: &Call, conn: &mut Conn, host: &Host) -> Result<Vec<RobotAccount>> {
    /// More would fill every heartbeat; commands announce their robots anyway.
    const MOST: usize = 200;
    let tenant_id = host.machine.tenant_id;
    let Some(part) = call.app.parts.get::<Box<dyn bandmaster_access::parts::MachineFolders>>() else {
        return Ok(Vec::new());
    };
    let mut found: Vec<RobotAccount> = Vec::new();
    for folder in part.folders(conn, tenant_id, host.machine.id).await? {
        for robot in robots::of_folder(conn, tenant_id, folder).await? {
            if robot.enabled && robot.robot_type == UNATTENDED && !found.iter().any(|r| r.id == robot.id) {
                found.push(robot);
            }
        }
        if found.len() >= MOST {
            break;
        }
    }
    found.truncate(MOST);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(reservation: &str, accepted: bool, state: State, stop: Option<&str>) -> Bound {
        Bound {
            job_id: 1,
            job_key: String::new(),
            session_id: 1,
            accepted,
            state,
            robot_id: 1,
            reservation: reservation.into(),
            reserved_until: 100,
            stop: stop.map(|id| (id.to_owned(), 1)),
        }
    }

    #[test]
    fn stamps_name_what_waits() {
        let none: [Bound; 0] = [];
        assert_eq!(stamp(&none, 5), "0");
        let reserved =
            [bound("bbbbbbbb-1", false, State::Pending, None), bound("aaaaaaaa-1", false, State::Pending, None)];
        assert_eq!(stamp(&reserved, 5), "aaaaaaaa.bbbbbbbb");
        assert_eq!(stamp(&reserved, 100), "0", "the reservations are over");
        let running = [bound("aaaaaaaa-1", true, State::Running, None)];
        assert_eq!(stamp(&running, 5), "0");
        let stopping = [bound("aaaaaaaa-1", true, State::Stopping, Some("cccccccc-1"))];
        assert_eq!(stamp(&stopping, 5), "cccccccc");
        let many: Vec<Bound> = (0..300).map(|i| bound(&format!("{i:08}-"), false, State::Pending, None)).collect();
        assert!(stamp(&many, 5).len() < 1_000);
    }

    #[test]
    fn only_more_commands_are_news() {
        for (stamp, earlier, news) in [
            ("0", "0", false),
            ("0", "a", false),
            ("a", "0", true),
            ("a", "a.b", false),
            ("a.c", "a.b", true),
            ("a", "", true),
        ] {
            assert_eq!(is_news(stamp, earlier), news, "{stamp} after {earlier}");
        }
    }
}
