//! Enumerations of jobs: published names, stored numbers. Where no number is published, the position in the
//! published list is used.

use bandmaster_model::EnumType;
pub use bandmaster_packages::enums::{
    JOB_PRIORITY, PROCESS_TEST, PROCESS_TYPE, REMOTE_CONTROL, TARGET_FRAMEWORK as FRAMEWORK,
};

/// State of a job. What leads from one to the other is in [`super::state`].
pub static JOB_STATE: EnumType = EnumType {
    name: "JobState",
    members: &[
        ("Pending", 0),
        ("Running", 1),
        ("Stopping", 2),
        ("Terminating", 3),
        ("Faulted", 4),
        ("Successful", 5),
        ("Stopped", 6),
        ("Suspended", 7),
        ("Resumed", 8),
    ],
};

/// Who made the job run.
pub static JOB_TYPE: EnumType = EnumType {
    name: "JobType",
    members: &[("Unattended", UNATTENDED), ("Attended", ATTENDED), ("ServerlessGeneric", 2)],
};

/// Started by the server.
pub const UNATTENDED: i64 = 0;
/// Started by a robot on its own account.
pub const ATTENDED: i64 = 1;

/// Where a job came from.
pub static SOURCE_TYPE: EnumType = EnumType {
    name: "JobSourceType",
    members: &[
        ("Manual", SOURCE_MANUAL),
        ("Schedule", 1),
        ("Agent", SOURCE_AGENT),
        ("Queue", 3),
        ("StudioWeb", 4),
        ("IntegrationTrigger", 5),
        ("StudioDesktop", 6),
        ("AutomationOpsPipelines", 7),
        ("Apps", 8),
        ("SAP", 9),
        ("HttpTrigger", 10),
        ("HttpTriggerCallback", 11),
        ("RobotAPI", 12),
        ("CommandLine", 13),
        ("RobotNetAPI", 14),
        ("Autopilot", 15),
        ("TestManager", 16),
        ("AgentService", 17),
        ("ProcessOrchestration", 18),
        ("PluginEcosystem", 19),
        ("PerformanceTesting", 20),
        ("AgentHub", 21),
        ("ApiWorkflow", 22),
    ],
};

/// Started by a person or a program.
pub const SOURCE_MANUAL: i64 = 0;
/// Started at the robot.
pub const SOURCE_AGENT: i64 = 2;

/// The source type for a word of the request's `Source`, whose list differs in two names.
pub fn source_of(word: &str) -> Option<i64> {
    match word {
        "HttpTriggerWithCallback" => SOURCE_TYPE.number("HttpTriggerCallback"),
        "Assistant" => Some(SOURCE_AGENT),
        other => SOURCE_TYPE.number(other),
    }
}

/// Runs on Windows only, like everything below it.
pub const FRAMEWORK_WINDOWS: i64 = 1;

/// How a job is stopped.
pub static STOP_STRATEGY: EnumType =
    EnumType { name: "StopStrategy", members: &[("SoftStop", SOFT_STOP), ("Kill", KILL)] };

/// The workflow is asked to end.
pub const SOFT_STOP: i64 = 1;
/// The process is ended.
pub const KILL: i64 = 2;

/// Kinds of jobs without a robot, which only the cloud product has.
pub static SERVERLESS_JOB_TYPE: EnumType = EnumType {
    name: "ServerlessJobType",
    members: &[
        ("RobotJob", 0),
        ("WebApp", 1),
        ("LoadTest", 2),
        ("StudioWebDesigner", 3),
        ("PublishStudioProject", 4),
        ("JsApi", 5),
        ("PythonCodedAgent", 6),
        ("MCPServer", 7),
    ],
};

/// How a start request says for whom the jobs are. In modern folders, and there are no others, the classic
/// ones mean what comes nearest.
pub static STRATEGY: EnumType = EnumType {
    name: "StartProcessDtoStrategy",
    members: &[("All", 0), ("Specific", 1), ("RobotCount", 2), ("JobsCount", 3), ("ModernJobsCount", 4)],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_sources_have_a_type() {
        for (word, name) in
            [("Manual", "Manual"), ("HttpTriggerWithCallback", "HttpTriggerCallback"), ("Assistant", "Agent")]
        {
            assert_eq!(source_of(word).and_then(|n| SOURCE_TYPE.label(n)), Some(name));
        }
        assert_eq!(source_of("Nobody"), None);
    }

    #[test]
    fn enums_follow_the_contract() {
        let job = bandmaster_model::contract().type_def("JobDto").unwrap();
        let cases = [
            ("State", &JOB_STATE),
            ("JobPriority", &JOB_PRIORITY),
            ("Type", &JOB_TYPE),
            ("SourceType", &SOURCE_TYPE),
            ("ProcessType", &PROCESS_TYPE),
            ("StopStrategy", &STOP_STRATEGY),
            ("RemoteControlAccess", &REMOTE_CONTROL),
            ("ServerlessJobType", &SERVERLESS_JOB_TYPE),
        ];
        for (property, of) in cases {
            let bandmaster_model::TypeRef::Enum(words) = &job.property(property).unwrap().ty else {
                panic!("{property} is no enumeration");
            };
            let names: Vec<&str> = of.members.iter().map(|(n, _)| *n).collect();
            assert_eq!(words.iter().map(String::as_str).collect::<Vec<_>>(), names, "{property}");
        }
    }
}
