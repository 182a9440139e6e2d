//! The robot service: the calls of robots, as `docs/robot-protocol.md` tells them. Machines authenticate with their
//! key (or a token for it); who they are has been settled before a handler runs, and anybody else is refused here.
//!
//! `caller` reads who calls from which host, `service` starts and ends a host's service, `heartbeat` keeps it
//! alive and answers with `commands`, `wait` wakes agents, `submit` takes the states of jobs, `attended` serves
//! people's own robots. Robots' logs and files are other crates' business.

mod attended;
mod caller;
mod commands;
mod heartbeat;
mod report;
mod service;
mod submit;
mod wait;

use bandmaster_api::registry::OwnOperation;
use bandmaster_api::{Registry, own};

/// Shapes of the protocol. States may be names or numbers, so they are `any`; GUIDs of robots are texts, so that an
/// unreadable one spoils its own entry only.
const TYPES: &str = "\
type RobotHeartbeatDto
  robotKey string
  robotState any
  jobKey string
  jobState any
  processKey string
  info string
  outputArguments string
  outputFile string
  reservationId string
  error RobotErrorDto
  errorCode string
  hostIdentity string
  traceId string
  UserName string
  InputArguments string
  RobotJobSource string
type RobotErrorDto
  code string
  title string
  detail string
  category string
  status any
  timestamp string
type RobotHeartbeatPayloadDto
  heartbeats [RobotHeartbeatDto]
  commandState any
  serviceUserName string
  jobKey string
  runningJobKeys [string]
type RobotStartServiceDto
  ServiceUserName string
  JobKey string
type RobotIdentifierDto
  robotKey string
  userName string
type RobotInfoDto
  robotKey uuid
  user string
  machineName string
  machineId int64
  robotName string
  robotType int32
  hasLicense bool
  tenantId int64
  organizationUnitId int64
  isExternalLicensed bool
  executionSettings object
  authSettings object
  id int64
type RobotServiceDto
  robots [RobotInfoDto]
type RobotCommandDto
  robotKey uuid
  username string
  robotName string
  robotType int32
  machineId int64
  hasLicense bool
  isExternalLicensed bool
  executionSettings object
  authSettings object
  userDetails object
  data object
type RobotHeartbeatResponseDto
  commands [RobotCommandDto]
  serviceSettingsStamp string
  isUnattended bool
  isUnattendedLicensed bool
type RobotAcceptanceDto
  jobKey uuid
  accepted bool
  reason string
type RobotWaitDto
  stamp string
type PublishedProcessDto
  activationKey string
  processName string
  processDescription string
  processKey string
  packageId string
  packageVersion string
  inputArguments string
  folderId int64
  folderName string
  folderFullyQualifiedName string
  processSettings object
  feedUrl string
";

fn call(name: &str, method: &str) -> OwnOperation {
    own(&format!("RobotsService_{name}"), method, &format!("/api/RobotsService/{name}")).tag("RobotsService")
}

/// Registers the operations of the robot service.
pub fn register(r: &mut Registry) {
    r.types(TYPES);
    let start = call("StartService", "POST").body("RobotStartServiceDto").returns(200, "RobotServiceDto");
    r.add(start, service::start).telemetry().checks_itself().also(&[400, 409]);
    for name in ["HeartbeatV2", "Heartbeat"] {
        let beat = call(name, "POST").body("RobotHeartbeatPayloadDto").returns(200, "RobotHeartbeatResponseDto");
        r.add(beat, heartbeat::beat).evented().checks_itself().events(JOB_EVENTS).also(&[400]);
    }
    let stop = call("StopService", "POST").body("RobotHeartbeatPayloadDto").returns(204, "-");
    r.add(stop, service::stop).evented().checks_itself().also(&[400]);
    let submit = call("SubmitJobState", "POST").body("[RobotHeartbeatDto]").returns(200, "[RobotAcceptanceDto]");
    r.add(submit, submit::submit).evented().checks_itself().events(JOB_EVENTS).also(&[400]);
    let wait = call("Wait", "GET")
        .query("stamp", "string")
        .query("timeoutSeconds", "int32")
        .returns(200, "RobotWaitDto")
        .returns(204, "-");
    r.add(wait, wait::wait).checks_itself();
    let screenshot = call("UploadScreenshot", "POST").returns(204, "-");
    r.add(screenshot, service::screenshot).telemetry().checks_itself().streams().hidden();
    let begin = call("BeginSession", "POST").body("RobotIdentifierDto").returns(200, "RobotInfoDto");
    r.add(begin, attended::begin).evented().checks_itself().also(&[400, 404, 409]);
    let end = call("EndSession", "POST").body("RobotIdentifierDto").returns(204, "-");
    r.add(end, attended::end).evented().checks_itself().events(&["job.faulted"]).also(&[400, 404, 409]);
    let processes = call("GetProcesses", "POST").body("RobotIdentifierDto").returns(200, "[PublishedProcessDto]");
    r.add(processes, attended::processes_of).reads().checks_itself().also(&[400, 404]);
}

const JOB_EVENTS: &[&str] = &["job.started", "job.completed", "job.faulted", "job.stopped"];
