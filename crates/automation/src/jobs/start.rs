//! Making jobs: the checks of a start that need the database, and the rows. Used by requests and by triggers, in
//! their unit of work.

use super::enums::PROCESS_TEST;
use super::events;
use super::order::{Count, Pair, StartOrder};
use super::timers::Limits;
use super::{arguments, state::State};
use crate::dispatch::{Demand, Ground, ground};
use crate::parts;
use crate::topics;
use bandmaster_api::{App, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_fleet::enums::{DEVELOPMENT, TEST_AUTOMATION, UNATTENDED};
use bandmaster_packages::releases::{self, ReleaseForStart, ReleaseWish};
use bandmaster_store::{Conn, Value as Cell, params};
use serde_json::{Map, Value, json};

/// Jobs named in one event at most.
const JOBS_AN_EVENT: usize = 100;

/// For whom and where jobs are started.
#[derive(Clone, Copy)]
pub struct Where<'a> {
    /// The server.
    pub app: &'a App,
    /// Tenant.
    pub tenant_id: i64,
    /// Folder.
    pub folder_id: i64,
    /// The caller's account in the tenant.
    pub user_id: Option<i64>,
}

/// A start whose process is known.
pub struct Resolved {
    /// The process.
    pub process: ReleaseForStart,
    /// Accounts, machines and sessions of the folder.
    pub ground: Ground,
    /// Runtime type.
    pub runtime: i64,
    /// Desktop or not.
    pub foreground: bool,
    /// The caller's own robot, when the jobs run as the caller.
    pub own_robot: Option<i64>,
    /// The machine that was named.
    pub machine: Option<i64>,
    /// Arguments, the process's own below.
    pub input_arguments: Option<String>,
}

/// Jobs that were made.
#[derive(Debug, Clone)]
pub struct Started {
    /// Their ids, in order.
    pub ids: Vec<i64>,
    /// Their GUIDs, in the same order.
    pub keys: Vec<String>,
    /// What groups them.
    pub batch_key: String,
    /// When they were made.
    pub created_at: i64,
    /// What they want, each once.
    pub demands: Vec<String>,
    /// The process's id, GUID and name.
    pub process: (i64, String, String),
}

/// Finds the process and what follows from it. Errors of the request itself (unknown process, attachment, entry
/// point) end here; whether anybody could run it is not asked yet.
pub async fn resolve(at: Where<'_>, conn: &mut Conn, order: &StartOrder) -> Result<Resolved> {
    let process = find_process(at, conn, order).await?;
    if let Some(wanted) = &order.entry_point
        && !process.entry_points.is_empty()
        && !process.entry_points.iter().any(|e| e.eq_ignore_ascii_case(wanted))
    {
        return Err(Error::argument("The package has no such entry point."));
    }
    let input_arguments = match &order.input_file {
        // The file replaces everything; merging it would mean reading it here.
        Some(_) => None,
        None => arguments::merged(process.input_arguments.as_deref(), order.input_arguments.as_deref())?,
    };
    check_attachments(at, conn, order).await?;
    let ground = ground::load(conn, at.tenant_id, at.folder_id, at.app.clock.now()).await?;
    let foreground = order.foreground.unwrap_or(process.requires_user_interaction);
    let runtime = order.runtime.unwrap_or_else(|| {
        let usual = if process.process_type == PROCESS_TEST { TEST_AUTOMATION } else { UNATTENDED };
        // A personal workspace has nothing but a runtime for development.
        [usual, UNATTENDED, DEVELOPMENT].into_iter().find(|r| ground.offers(*r)).unwrap_or(usual)
    });
    let own_robot = own_robot(at, conn, order, foreground).await?;
    let machine = match &order.machine_name {
        None => None,
        Some(name) => {
            let folded = bandmaster_store::fold(name);
            let found = ground.machines.iter().find(|m| bandmaster_store::fold(&m.name) == folded);
            Some(found.ok_or_else(|| Error::not_found("Machine"))?.id)
        }
    };
    Ok(Resolved { process, ground, runtime, foreground, own_robot, machine, input_arguments })
}

async fn find_process(at: Where<'_>, conn: &mut Conn, order: &StartOrder) -> Result<ReleaseForStart> {
    let wish = match (&order.release_key, &order.release_name) {
        (Some(key), _) => ReleaseWish::Key(key),
        (None, Some(name)) => ReleaseWish::Name(name),
        (None, None) => return Err(Error::argument("Either ReleaseKey or ReleaseName is required.")),
    };
    let process = releases::for_start(conn, at.tenant_id, at.folder_id, wish).await?;
    let process = process.ok_or_else(|| Error::not_found("Release"))?;
    if let (Some(_), Some(name)) = (&order.release_key, &order.release_name)
        && bandmaster_store::fold(name) != bandmaster_store::fold(&process.name)
    {
        let text = "ReleaseKey and ReleaseName name two different processes.";
        return Err(Error::conflict(codes::INVALID_RELEASE_KEY_AND_NAME, text));
    }
    Ok(process)
}

async fn check_attachments(at: Where<'_>, conn: &mut Conn, order: &StartOrder) -> Result<()> {
    let mut ids: Vec<String> = order.attachments.iter().map(|a| a.id.clone()).chain(order.input_file.clone()).collect();
    ids.sort();
    ids.dedup();
    let found = parts::attachments(at.app, conn, at.tenant_id, at.folder_id, &ids).await?;
    if ids.iter().all(|id| found.iter().any(|f| f.id == *id)) { Ok(()) } else { Err(Error::not_found("Attachment")) }
}

async fn own_robot(at: Where<'_>, conn: &mut Conn, order: &StartOrder, foreground: bool) -> Result<Option<i64>> {
    if !order.run_as_me {
        return Ok(None);
    }
    let robot = match at.user_id {
        Some(user) => bandmaster_fleet::robots::of_user(conn, user, bandmaster_fleet::robots::UNATTENDED).await?,
        None => None,
    };
    match robot {
        Some(robot) => Ok(Some(robot.id)),
        None if foreground => {
            Err(Error::conflict(codes::USER_DOES_NOT_HAVE_ROBOT, "The user has no unattended robot to run the job as."))
        }
        // Client programs ask for it always; a background job then runs as any account of the folder.
        None => Ok(None),
    }
}

/// Refuses a start that nobody could ever run: no account, no machine with such a runtime, targets outside of the
/// folder. Hosts that are away and robots that are busy are no reason.
pub fn check_targets(order: &StartOrder, resolved: &Resolved) -> Result<()> {
    let wrong = |text: &str| Err(Error::conflict(codes::INVALID_START_JOB_ROBOT_IDS, text));
    let ground = &resolved.ground;
    if ground.accounts.is_empty() {
        return wrong("No account with an unattended robot is assigned to the folder.");
    }
    let mut robots = order.robots.clone();
    if let Count::PerRobot(ids) = &order.count {
        robots.extend(ids);
    }
    robots.extend(order.pairs.iter().filter_map(|(_, robot)| *robot));
    robots.extend(resolved.own_robot);
    if robots.iter().any(|id| !ground.accounts.iter().any(|a| a.id == *id)) {
        return wrong("One of the robots is not assigned to the folder.");
    }
    if !ground.offers(resolved.runtime) {
        let text = "No machine of the folder has a runtime of the requested type.";
        return Err(Error::conflict(codes::NO_MACHINE_ASSOCIATED_WITH_FOLDER, text));
    }
    let machines = order.pairs.iter().filter_map(|(machine, _)| *machine);
    if machines.into_iter().any(|id| !ground.machines.iter().any(|m| m.id == id)) {
        return Err(Error::not_found("Machine"));
    }
    if order.sessions.iter().any(|id| !ground.seats.iter().any(|s| s.id == *id)) {
        return Err(Error::not_found("Session"));
    }
    Ok(())
}

/// What each job of a start wants.
pub fn demands(folder_id: i64, order: &StartOrder, resolved: &Resolved) -> Vec<Demand> {
    let base = Demand {
        folder: folder_id,
        release: resolved.process.id,
        runtime: resolved.runtime,
        foreground: order.foreground,
        framework: order.framework,
        robots: order.robots.clone(),
        machines: resolved.machine.into_iter().collect(),
        sessions: order.sessions.clone(),
        host: order.host_name.as_deref().map(bandmaster_store::fold),
    };
    let of_robot = |robot: i64| Demand { robots: vec![robot], ..base.clone() };
    let mut all: Vec<Demand> = match &order.count {
        Count::PerRobot(robots) => robots.iter().map(|r| of_robot(*r)).collect(),
        Count::All => resolved.ground.accounts.iter().map(|a| of_robot(a.id)).collect(),
        Count::Jobs(asked) => {
            let n = usize::try_from(order.jobs_for_anybody(*asked)).unwrap_or(0);
            (0..n).map(|i| with_pair(&base, order.pairs.get(i % order.pairs.len().max(1)))).collect()
        }
    };
    if let Some(own) = resolved.own_robot {
        all.iter_mut().for_each(|d| d.robots = vec![own]);
    }
    all
}

fn with_pair(base: &Demand, pair: Option<&Pair>) -> Demand {
    let Some((machine, robot)) = pair else { return base.clone() };
    Demand {
        robots: robot.map_or_else(|| base.robots.clone(), |r| vec![r]),
        machines: machine.map_or_else(|| base.machines.clone(), |m| vec![m]),
        ..base.clone()
    }
}

const INSERT: &str = "INSERT INTO jobs (key, tenant_id, folder_id, release_id, release_version_id, release_name, \
     process_type, state, state_at, waiting, demand, priority, job_type, source, source_type, batch_key, reference, \
     runtime_type, requires_user_interaction, interaction_fixed, entry_point_path, entry_point_fixed, target_framework, \
     input_arguments, input_file, environment_variables, created_at, creator_user_id, updated_at, timer_strategy, \
     stop_after_seconds, kill_after_seconds, alert_pending_seconds, alert_running_seconds, due_at, \
     starting_schedule_id, starting_trigger_id, parent_job_key, parent_operation_id, resume_on_same_context, \
     remote_control_access, profiling_options, fps_properties, fps_context, trace_id, parent_span_id, root_span_id, \
     autopilot, video_recording) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 1, $9, $10, 0, $11, $12, $13, $14, $15, \
     $16, $17, $18, $19, $20, $21, $22, $23, $8, $24, $8, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, \
     $36, $37, $38, $39, $40, $41, $42, $43, $44)";

/// Makes the jobs of a start, tells of them, and wakes dispatch. They are not placed yet.
pub async fn create(at: Where<'_>, unit: &mut Unit, order: &StartOrder, resolved: &Resolved) -> Result<Started> {
    check_targets(order, resolved)?;
    let now = unit.now();
    let process = &resolved.process;
    let batch_key = order.batch_key.clone().unwrap_or_else(|| unit.guid());
    let limits = Limits {
        created_at: now,
        started_at: None,
        strategy: order.stop_strategy,
        stop_after: order.stop_after,
        kill_after: order.kill_after,
        alert_pending: order.alert_pending,
        alert_running: order.alert_running,
        alerted: 0,
    };
    let due = limits.due_at(State::Pending, now);
    let entry_point = order.entry_point.as_ref().or(process.entry_point_path.as_ref());
    let environment = order.environment_variables.as_ref().or(process.environment_variables.as_ref());
    let priority = order.priority.unwrap_or(process.priority).clamp(1, 100);
    let demands: Vec<String> = demands(at.folder_id, order, resolved).iter().map(Demand::text).collect();
    let mut keys = Vec::with_capacity(demands.len());
    let mut rows: Vec<Vec<Cell>> = Vec::with_capacity(demands.len());
    for demand in &demands {
        let key = unit.guid();
        rows.push(
            params![
                key.as_str(),
                at.tenant_id,
                at.folder_id,
                process.id,
                process.version_id,
                process.name.as_str(),
                process.process_type,
                now,
                demand.as_str(),
                priority,
                order.source.as_str(),
                order.source_type,
                batch_key.as_str(),
                order.reference.as_str(),
                resolved.runtime,
                resolved.foreground,
                order.foreground.is_some(),
                entry_point,
                order.entry_point.is_some(),
                order.framework,
                resolved.input_arguments.as_deref(),
                order.input_file.as_deref(),
                environment,
                at.user_id,
                order.stop_strategy,
                order.stop_after,
                order.kill_after,
                order.alert_pending,
                order.alert_running,
                due,
                order.schedule_id,
                order.trigger_key.as_deref(),
                order.parent_job_key.as_deref(),
                order.parent_operation_id.as_deref(),
                order.resume_on_same_context,
                order.remote_control.unwrap_or(process.remote_control),
                order.profiling_options.as_deref(),
                order.fps_properties.as_deref(),
                order.fps_context.as_deref(),
                order.trace_id.as_deref(),
                order.parent_span_id.as_deref(),
                order.root_span_id.as_deref(),
                order.autopilot.as_deref(),
                order.video_recording.as_ref().or(process.video_settings.as_ref()),
            ]
            .to_vec(),
        );
        keys.push(key);
    }
    unit.execute_many(INSERT, &rows).await?;
    let ids = ids_of(unit, &keys).await?;
    let history: Vec<Vec<Cell>> = ids.iter().map(|id| params![*id, now].to_vec()).collect();
    unit.execute_many("INSERT INTO job_history (job_id, at, state) VALUES ($1, $2, 0)", &history).await?;
    link_attachments(at, unit, order, &ids).await?;
    let mut distinct = demands;
    distinct.sort();
    distinct.dedup();
    let started = Started {
        ids,
        keys,
        batch_key,
        created_at: now,
        demands: distinct,
        process: (process.id, process.key.clone(), process.name.clone()),
    };
    tell(at, unit, order, &started).await?;
    unit.nudge(topics::DISPATCH);
    if due.is_some() {
        unit.nudge(topics::TIMERS);
    }
    Ok(started)
}

/// The ids of jobs by their GUIDs, in the same order.
pub(crate) async fn ids_of(conn: &mut Conn, keys: &[String]) -> Result<Vec<i64>> {
    let mut by_key = std::collections::HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(500) {
        let places: Vec<String> = (1..=chunk.len()).map(|i| format!("${i}")).collect();
        let values: Vec<Cell> = chunk.iter().map(Cell::from).collect();
        let sql = format!("SELECT key, id FROM jobs WHERE key IN ({})", places.join(", "));
        for row in conn.query_dynamic(&sql, &values).await? {
            by_key.insert(row.get::<String>(0)?, row.get::<i64>(1)?);
        }
    }
    let id = |key: &String| by_key.get(key).copied().ok_or_else(|| Error::internal("a job just made is not there"));
    keys.iter().map(id).collect()
}

async fn link_attachments(at: Where<'_>, unit: &mut Unit, order: &StartOrder, ids: &[i64]) -> Result<()> {
    if order.attachments.is_empty() {
        return Ok(());
    }
    let now = unit.now();
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for id in ids {
        for attachment in &order.attachments {
            let (category, name) = (attachment.category.as_str(), attachment.name.as_deref());
            let key = unit.guid();
            rows.push(params![key, *id, attachment.id.as_str(), category, name, now, at.user_id].to_vec());
        }
    }
    unit.execute_many(super::attachments::INSERT, &rows).await?;
    Ok(())
}

/// Jobs of one start differ in nothing that an event tells but their ids, so one is read and the others are told
/// after it.
async fn tell(at: Where<'_>, unit: &mut Unit, order: &StartOrder, started: &Started) -> Result<()> {
    let Some(first) = started.ids.first() else { return Ok(()) };
    let snapshot = events::snapshot(unit, at.tenant_id, *first).await?;
    let info = start_info(order, &started.process.1);
    let pairs: Vec<(&i64, &String)> = started.ids.iter().zip(&started.keys).collect();
    for chunk in pairs.chunks(JOBS_AN_EVENT) {
        let jobs: Vec<Value> = chunk.iter().map(|(id, key)| named(&snapshot, **id, key)).collect();
        let key = chunk.first().map(|(_, key)| key.as_str());
        unit.event("job.created", Some(at.folder_id), key, &json!({"StartInfo": info, "Jobs": jobs})).await?;
    }
    Ok(())
}

fn named(snapshot: &Map<String, Value>, id: i64, key: &str) -> Value {
    let mut job = events::wrapped(snapshot);
    job["Id"] = json!(id);
    job["Key"] = json!(key);
    job
}

fn start_info(order: &StartOrder, release_key: &str) -> Value {
    let (strategy, count, robots) = match &order.count {
        Count::Jobs(n) => ("ModernJobsCount", *n, order.robots.clone()),
        Count::PerRobot(ids) => ("Specific", 0, ids.clone()),
        Count::All => ("All", 0, Vec::new()),
    };
    json!({"ReleaseKey": release_key, "Strategy": strategy, "RobotIds": robots, "JobsCount": count, "Source": order.source})
}
