//! The shapes of the robot protocol, as `docs/robot-protocol.md` tells them. Reading is lenient:
//! members that are missing or unknown never make a whole answer unreadable.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::config::Secret;

/// A robot that this machine may run, from StartService or from a command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RobotInfo {
    pub robot_key: Option<String>,
    pub robot_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StartServiceAnswer {
    pub robots: Vec<RobotInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HeartbeatAnswer {
    pub commands: Vec<RobotCommand>,
    pub service_settings_stamp: Option<String>,
}

/// One command; without `data` it only announces a robot.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RobotCommand {
    pub robot_key: Option<String>,
    pub robot_name: Option<String>,
    pub data: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WaitAnswer {
    pub stamp: Option<String>,
}

/// Which commands a heartbeat asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum CommandState {
    All,
    Pending,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeartbeatPayload {
    pub heartbeats: Vec<Heartbeat>,
    pub command_state: CommandState,
    pub service_user_name: Option<String>,
    pub running_job_keys: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum RobotState {
    Available,
    Busy,
    Disconnected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobState {
    Running,
    Faulted,
    Successful,
    Stopped,
}

/// Whose fault an error is; `System` is the agent and its host, `Deployment` the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobError {
    pub code: String,
    pub title: String,
    pub detail: String,
    pub category: String,
    pub status: i64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heartbeat {
    pub robot_key: String,
    pub robot_state: RobotState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_state: Option<JobState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_arguments: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_identity: Option<String>,
}

impl Heartbeat {
    /// The state of a robot alone.
    pub fn of_robot(robot_key: &str, robot_state: RobotState) -> Self {
        Self {
            robot_key: robot_key.to_owned(),
            robot_state,
            job_key: None,
            job_state: None,
            process_key: None,
            info: None,
            output_arguments: None,
            output_file: None,
            reservation_id: None,
            error: None,
            error_code: None,
            host_identity: None,
        }
    }
}

/// The server's word on one submitted state.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Acceptance {
    pub accepted: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

/// A command to start a job. It is kept in the journal, therefore it can also be written; the
/// Windows credentials that the wire may carry are not read at all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StartProcess {
    pub id: String,
    pub job_key: String,
    pub job_id: Option<i64>,
    pub process_key: Option<String>,
    pub process_name: Option<String>,
    pub package_id: String,
    pub package_version: String,
    pub feed_id: Option<String>,
    pub entry_point_path: Option<String>,
    pub input_arguments: Option<String>,
    pub input_file: Option<String>,
    pub environment_variables: Option<String>,
    pub folder_key: Option<String>,
    pub folder_path: Option<String>,
    pub fully_qualified_folder_name: Option<String>,
    pub trace_id: Option<String>,
    pub parent_span_id: Option<String>,
    pub reservation_id: Option<String>,
    #[serde(serialize_with = "expose")]
    pub job_access_token: Option<Secret>,
    pub organization_id: Option<String>,
    pub organization_name: Option<String>,
    pub tenant_id: Option<String>,
    pub tenant_name: Option<String>,
    pub package_sha256: Option<String>,
    pub time_limit_seconds: Option<u64>,
    pub stop_grace_seconds: Option<u64>,
}

fn expose<S: Serializer>(secret: &Option<Secret>, out: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(out)
}

/// How hard a job is to be stopped. Ordered: a later one is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum StopKind {
    SoftStop,
    Kill,
}

/// What a command's `data` asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Start(Box<StartProcess>),
    Stop { job_key: String, kind: StopKind },
}

/// Reads a command. The error is for the agent's own log.
pub(crate) fn parse_command(data: &Value) -> Result<Command, String> {
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let job_key = text("jobKey")
        .and_then(|key| Uuid::parse_str(key).ok())
        .ok_or("the command has no usable jobKey")?
        // Folder and file names are made of it, so only the one canonical form goes on.
        .to_string();
    match text("type") {
        Some("StartProcess") => {
            let mut start = StartProcess::deserialize(data).map_err(|error| error.to_string())?;
            if start.package_id.is_empty() || start.package_version.is_empty() {
                return Err("the command names no package".into());
            }
            start.job_key = job_key;
            Ok(Command::Start(Box::new(start)))
        }
        Some("StopProcess") => {
            let kind = match text("strategy") {
                Some("Kill") => StopKind::Kill,
                _ => StopKind::SoftStop,
            };
            Ok(Command::Stop { job_key, kind })
        }
        other => Err(format!("unknown kind of command: {other:?}")),
    }
}

/// Where the bytes of an attachment are read from or written to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Attachment {
    pub id: Option<String>,
    pub blob_file_access: Option<BlobAccess>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct BlobAccess {
    pub uri: Option<String>,
    pub requires_auth: bool,
    pub headers: Option<BlobHeaders>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct BlobHeaders {
    pub keys: Vec<String>,
    pub values: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "7B0E9D3E-0000-4000-8000-00000000000A";

    #[test]
    fn commands_are_read() {
        let start = parse_command(&json!({
            "type": "StartProcess", "id": "x", "jobKey": KEY, "packageId": "hello",
            "packageVersion": "1.0.0", "inputArguments": null, "timeLimitSeconds": 5,
            "jobAccessToken": "t", "somethingNew": [1],
        }));
        let Ok(Command::Start(start)) = start else { panic!("{start:?}") };
        assert_eq!(start.job_key, KEY.to_lowercase());
        assert_eq!(start.time_limit_seconds, Some(5));
        assert!(!format!("{start:?}").contains("\"t\""));
        let again: StartProcess = serde_json::from_value(serde_json::to_value(&start).unwrap()).unwrap();
        assert_eq!(again, *start);

        for (strategy, kind) in [(json!("Kill"), StopKind::Kill), (json!("SoftStop"), StopKind::SoftStop)] {
            let data = json!({"type": "StopProcess", "jobKey": KEY, "strategy": strategy});
            assert_eq!(parse_command(&data).unwrap(), Command::Stop { job_key: KEY.to_lowercase(), kind });
        }
    }

    #[test]
    fn unusable_commands_are_refused() {
        for data in [
            json!(null),
            json!({"type": "StartProcess", "packageId": "a", "packageVersion": "1"}),
            json!({"type": "StartProcess", "jobKey": "../../etc", "packageId": "a", "packageVersion": "1"}),
            json!({"type": "StartProcess", "jobKey": KEY}),
            json!({"type": "StartProcess", "jobKey": KEY, "packageId": 5, "packageVersion": "1"}),
            json!({"type": "Dance", "jobKey": KEY}),
        ] {
            parse_command(&data).unwrap_err();
        }
    }

    #[test]
    fn absent_members_are_not_written() {
        let beat = Heartbeat::of_robot("r", RobotState::Busy);
        assert_eq!(serde_json::to_value(&beat).unwrap(), json!({"robotKey": "r", "robotState": "Busy"}));
    }
}
