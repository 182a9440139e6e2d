//! What a start asks for, read from a `StartProcessDto` or filled in by a trigger. Only what can be said without the
//! database is checked here.

use super::enums::{FRAMEWORK, REMOTE_CONTROL, SOURCE_MANUAL, SOURCE_TYPE, STOP_STRATEGY, STRATEGY, source_of};
use super::{arguments, priority};
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result};
use bandmaster_fleet::enums::ROBOT_TYPE;
use serde_json::Value;

/// Jobs of one start at most.
pub const MOST_JOBS: i64 = 10_000;

/// How many jobs are made, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// So many, for whoever is free.
    Jobs(i64),
    /// One for each of these robots.
    PerRobot(Vec<i64>),
    /// One for every unattended robot of the folder.
    All,
}

/// A pair of machine and robot; either may be left open.
pub type Pair = (Option<i64>, Option<i64>);

/// A file that goes along as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputAttachment {
    /// GUID of the attachment.
    pub id: String,
    /// What it is for.
    pub category: String,
    /// Name under which the job sees it.
    pub name: Option<String>,
}

/// A start.
#[derive(Debug, Clone)]
pub struct StartOrder {
    /// Key of the process.
    pub release_key: Option<String>,
    /// Its name; counts when there is no key.
    pub release_name: Option<String>,
    /// How many jobs for whom.
    pub count: Count,
    /// The number of jobs was said, not assumed.
    pub counted: bool,
    /// The only robots; empty: any.
    pub robots: Vec<i64>,
    /// Pairs to run on, one job each.
    pub pairs: Vec<Pair>,
    /// The only sessions; empty: any.
    pub sessions: Vec<i64>,
    /// The only machine, by name.
    pub machine_name: Option<String>,
    /// The only host, by name.
    pub host_name: Option<String>,
    /// Text that tells where the jobs come from.
    pub source: String,
    /// Number of `SourceType`.
    pub source_type: i64,
    /// The trigger that fired.
    pub schedule_id: Option<i64>,
    /// The same, for triggers that are known by a GUID.
    pub trigger_key: Option<String>,
    /// Priority; `None`: the process's.
    pub priority: Option<i64>,
    /// Runtime type; `None`: what suits the process and the folder.
    pub runtime: Option<i64>,
    /// Arguments as JSON text.
    pub input_arguments: Option<String>,
    /// Attachment with the arguments.
    pub input_file: Option<String>,
    /// Attachments that go along.
    pub attachments: Vec<InputAttachment>,
    /// `NAME=value` lines instead of the process's.
    pub environment_variables: Option<String>,
    /// Free text of the caller.
    pub reference: String,
    /// Framework to run under.
    pub framework: Option<i64>,
    /// After a suspension the same pair goes on.
    pub resume_on_same_context: bool,
    /// Groups the jobs; a new one when absent.
    pub batch_key: Option<String>,
    /// Desktop or background, instead of what the process says.
    pub foreground: Option<bool>,
    /// Seconds after which the jobs are stopped, counted from now.
    pub stop_after: Option<i64>,
    /// How.
    pub stop_strategy: Option<i64>,
    /// Seconds between a soft stop and the kill.
    pub kill_after: Option<i64>,
    /// Seconds of waiting that are worth an alert.
    pub alert_pending: Option<i64>,
    /// Seconds of running that are worth an alert.
    pub alert_running: Option<i64>,
    /// The jobs run as the caller.
    pub run_as_me: bool,
    /// Number of `RemoteControlAccess`, instead of what the process says.
    pub remote_control: Option<i64>,
    /// The job that starts these.
    pub parent_job_key: Option<String>,
    /// The operation that starts these.
    pub parent_operation_id: Option<String>,
    /// Entry point instead of the process's.
    pub entry_point: Option<String>,
    /// Passed through.
    pub profiling_options: Option<String>,
    /// Passed through.
    pub fps_properties: Option<String>,
    /// Passed through.
    pub fps_context: Option<String>,
    /// Passed through.
    pub trace_id: Option<String>,
    /// Passed through.
    pub parent_span_id: Option<String>,
    /// Passed through.
    pub root_span_id: Option<String>,
    /// `AutopilotForRobotsSettingsDto` as JSON text.
    pub autopilot: Option<String>,
    /// `VideoRecordingSettingsDto` as JSON text.
    pub video_recording: Option<String>,
}

impl Default for StartOrder {
    fn default() -> StartOrder {
        StartOrder {
            release_key: None,
            release_name: None,
            count: Count::Jobs(1),
            counted: false,
            robots: Vec::new(),
            pairs: Vec::new(),
            sessions: Vec::new(),
            machine_name: None,
            host_name: None,
            source: "Manual".into(),
            source_type: SOURCE_MANUAL,
            schedule_id: None,
            trigger_key: None,
            priority: None,
            runtime: None,
            input_arguments: None,
            input_file: None,
            attachments: Vec::new(),
            environment_variables: None,
            reference: String::new(),
            framework: None,
            resume_on_same_context: false,
            batch_key: None,
            foreground: None,
            stop_after: None,
            stop_strategy: None,
            kill_after: None,
            alert_pending: None,
            alert_running: None,
            run_as_me: false,
            remote_control: None,
            parent_job_key: None,
            parent_operation_id: None,
            entry_point: None,
            profiling_options: None,
            fps_properties: None,
            fps_context: None,
            trace_id: None,
            parent_span_id: None,
            root_span_id: None,
            autopilot: None,
            video_recording: None,
        }
    }
}

impl StartOrder {
    /// Reads a `StartProcessDto`.
    pub fn read(info: &Fields<'_>) -> Result<StartOrder> {
        let owned = |name: &str| info.filled(name).map(str::to_owned);
        let json = |name: &str| info.get(name).filter(|v| v.is_object()).map(Value::to_string);
        let seconds = |name: &str| arguments::seconds(info.text(name), name);
        // What is no GUID names no process; that is found out where processes are looked up.
        let normal = |text: &str| bandmaster_core::ids::parse_guid(text).unwrap_or_else(|| text.to_owned());
        let release_key = info.filled("ReleaseKey").map(normal);
        let release_name = owned("ReleaseName");
        if release_key.is_none() && release_name.is_none() {
            return Err(Error::argument("Either ReleaseKey or ReleaseName is required."));
        }
        let source_type = match info.get("Source") {
            None => SOURCE_MANUAL,
            Some(Value::String(word)) => source_of(word).unwrap_or(SOURCE_MANUAL),
            Some(other) => other.as_i64().filter(|n| SOURCE_TYPE.label(*n).is_some()).unwrap_or(SOURCE_MANUAL),
        };
        let pairs = pairs(info);
        let (count, counted) = count(info)?;
        let target = info.fields("MachineInfraTarget");
        let of_target = |name: &str| target.and_then(|t| t.filled(name)).map(str::to_owned);
        let order = StartOrder {
            release_key,
            release_name,
            robots: if matches!(count, Count::Jobs(_)) { info.ints("RobotIds") } else { Vec::new() },
            count,
            counted,
            pairs,
            sessions: info.ints("MachineSessionIds"),
            machine_name: of_target("MachineTemplateName"),
            host_name: of_target("HostMachineName"),
            source: SOURCE_TYPE.label(source_type).unwrap_or("Manual").to_owned(),
            source_type,
            schedule_id: None,
            trigger_key: None,
            priority: priority::asked(info)?,
            runtime: info.choice("RuntimeType", &ROBOT_TYPE)?,
            input_arguments: owned("InputArguments"),
            input_file: owned("InputFile"),
            attachments: attachments(info),
            environment_variables: owned("EnvironmentVariables"),
            reference: info.text("Reference").unwrap_or_default().to_owned(),
            framework: info.choice("TargetFramework", &FRAMEWORK)?,
            resume_on_same_context: info.bool("ResumeOnSameContext").unwrap_or(false),
            batch_key: owned("BatchExecutionKey"),
            foreground: info.bool("RequiresUserInteraction"),
            stop_after: seconds("StopProcessExpression")?,
            stop_strategy: info.choice("StopStrategy", &STOP_STRATEGY)?,
            kill_after: seconds("KillProcessExpression")?,
            alert_pending: seconds("AlertPendingExpression")?,
            alert_running: seconds("AlertRunningExpression")?,
            run_as_me: info.bool("RunAsMe").unwrap_or(false),
            remote_control: info.choice("RemoteControlAccess", &REMOTE_CONTROL)?,
            parent_job_key: None,
            parent_operation_id: owned("ParentOperationId"),
            entry_point: owned("EntryPointPath"),
            profiling_options: owned("ProfilingOptions"),
            fps_properties: owned("FpsProperties"),
            fps_context: owned("FpsContext"),
            trace_id: owned("TraceId"),
            parent_span_id: owned("ParentSpanId"),
            root_span_id: owned("RootSpanId"),
            autopilot: json("AutopilotForRobots"),
            video_recording: json("VideoRecordingSettings"),
        };
        order.check()?;
        Ok(order)
    }

    fn check(&self) -> Result<()> {
        if self.input_arguments.is_some() && self.input_file.is_some() {
            return Err(Error::argument("InputArguments and InputFile cannot be set at the same time."));
        }
        if self.entry_point.as_ref().is_some_and(|e| e.chars().count() > 512) {
            return Err(Error::argument("EntryPointPath may have at most 512 characters."));
        }
        let wanted = match &self.count {
            Count::Jobs(n) => *n,
            Count::PerRobot(ids) => i64::try_from(ids.len()).unwrap_or(i64::MAX),
            Count::All => 0,
        };
        let wanted = wanted.max(i64::try_from(self.pairs.len()).unwrap_or(i64::MAX));
        if wanted > MOST_JOBS {
            return Err(Error::argument(format!("At most {MOST_JOBS} jobs can be started at once.")));
        }
        Ok(())
    }

    /// How many jobs a start for anybody makes: one for every pair, and more of them in turn when more were asked for.
    pub fn jobs_for_anybody(&self, asked: i64) -> i64 {
        let pairs = i64::try_from(self.pairs.len()).unwrap_or(i64::MAX);
        if self.counted { asked.max(pairs) } else { pairs.max(1) }
    }
}

fn count(info: &Fields<'_>) -> Result<(Count, bool)> {
    let strategy = info.choice("Strategy", &STRATEGY)?.and_then(|n| STRATEGY.label(n)).unwrap_or("ModernJobsCount");
    let (first, second) =
        if strategy == "RobotCount" { ("NoOfRobots", "JobsCount") } else { ("JobsCount", "NoOfRobots") };
    match strategy {
        "All" => Ok((Count::All, true)),
        "Specific" => {
            let mut robots = info.ints("RobotIds");
            robots.sort_unstable();
            robots.dedup();
            if robots.is_empty() {
                return Err(Error::argument("The strategy Specific needs RobotIds."));
            }
            Ok((Count::PerRobot(robots), true))
        }
        _ => {
            // Clients that fill in every member send 0 in the one that does not count.
            let asked = info.int(first).or_else(|| info.int(second).filter(|n| *n != 0));
            match asked {
                Some(n) if n <= 0 => Err(Error::argument(format!("{first} must be greater than 0."))),
                Some(n) => Ok((Count::Jobs(n), true)),
                None => Ok((Count::Jobs(1), false)),
            }
        }
    }
}

fn pairs(info: &Fields<'_>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    for element in info.list("MachineRobots") {
        let fields = Fields::of(element);
        let id = |name: &str| fields.int(name).filter(|n| *n > 0);
        let pair = (id("MachineId"), id("RobotId"));
        if pair != (None, None) && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

fn attachments(info: &Fields<'_>) -> Vec<InputAttachment> {
    let mut found: Vec<InputAttachment> = Vec::new();
    for element in info.list("Attachments") {
        let fields = Fields::of(element);
        if let Some(id) = fields.filled("attachmentId") {
            let category = fields.filled("category").unwrap_or("Input").to_owned();
            let one = InputAttachment {
                id: id.to_owned(),
                category,
                name: fields.filled("attachmentName").map(str::to_owned),
            };
            if !found.iter().any(|a| a.id == one.id && a.category == one.category) {
                found.push(one);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(mut body: Value) -> Result<StartOrder> {
        if body.get("ReleaseKey").is_none() && body.get("ReleaseName").is_none() {
            body["ReleaseName"] = json!("p");
        }
        StartOrder::read(&Fields::of(&body))
    }

    #[test]
    fn strategies_and_counts() {
        let jobs = |n| Ok(Count::Jobs(n));
        let cases = [
            (json!({}), jobs(1)),
            (json!({"Strategy": "ModernJobsCount", "JobsCount": 3}), jobs(3)),
            (json!({"Strategy": "ModernJobsCount", "JobsCount": 3, "NoOfRobots": 0}), jobs(3)),
            (json!({"Strategy": "JobsCount", "JobsCount": 2}), jobs(2)),
            (json!({"Strategy": "RobotCount", "NoOfRobots": 4}), jobs(4)),
            (json!({"Strategy": "RobotCount", "NoOfRobots": 4, "JobsCount": 0}), jobs(4)),
            (json!({"JobsCount": 0}), Err(1009)),
            (json!({"JobsCount": -1}), Err(1009)),
            (json!({"JobsCount": 10_001}), Err(1009)),
            (json!({"Strategy": "Specific"}), Err(1009)),
            (json!({"Strategy": "Specific", "RobotIds": [3, 2, 3]}), Ok(Count::PerRobot(vec![2, 3]))),
            (json!({"Strategy": "All"}), Ok(Count::All)),
            (json!({"InputArguments": "{}", "InputFile": "x"}), Err(1009)),
            (json!({"JobPriority": "Low", "SpecificPriorityValue": 3}), Err(1009)),
            (json!({"StopProcessExpression": "soon"}), Err(1009)),
            (json!({"ReleaseKey": "", "ReleaseName": ""}), Err(1009)),
        ];
        for (body, want) in cases {
            assert_eq!(read(body.clone()).map(|o| o.count).map_err(|e| e.code()), want, "{body}");
        }
    }

    #[test]
    fn pairs_make_one_job_each() {
        let order = |body| read(body).unwrap();
        let pairs = json!([{"MachineId": 1, "RobotId": 2}, {"MachineId": 1, "RobotId": 2}, {"RobotId": 3}, {}]);
        let open = order(json!({"MachineRobots": pairs}));
        assert_eq!(open.pairs, [(Some(1), Some(2)), (None, Some(3))]);
        assert_eq!(open.jobs_for_anybody(1), 2);
        let counted = order(json!({"MachineRobots": pairs, "JobsCount": 5}));
        assert_eq!(counted.jobs_for_anybody(5), 5);
        let fewer = order(json!({"MachineRobots": pairs, "JobsCount": 1}));
        assert_eq!(fewer.jobs_for_anybody(1), 2);
    }

    #[test]
    fn members_are_read() {
        let order = read(json!({
            "ReleaseKey": "C61F0B92-4E7A-43D5-9A08-7B2D1F5E6C30", "Source": "AgentService", "RunAsMe": true,
            "StopProcessExpression": "60", "StopStrategy": "Kill", "RuntimeType": "NonProduction",
            "Attachments": [{"attachmentId": "a"}, {"attachmentId": "a"}],
            "MachineInfraTarget": {"HostMachineName": "h"}, "AutopilotForRobots": {"Enabled": true},
        }))
        .unwrap();
        assert_eq!(order.release_key.as_deref(), Some("c61f0b92-4e7a-43d5-9a08-7b2d1f5e6c30"));
        assert_eq!(order.source, "AgentService");
        assert!(order.run_as_me);
        assert_eq!((order.stop_after, order.stop_strategy, order.runtime), (Some(60), Some(2), Some(0)));
        assert_eq!(order.attachments.len(), 1);
        assert_eq!(order.host_name.as_deref(), Some("h"));
        assert_eq!(order.autopilot.as_deref(), Some(r#"{"Enabled":true}"#));
    }
}
