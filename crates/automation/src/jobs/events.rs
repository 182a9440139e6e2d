//! What events tell of jobs: payloads in the published shapes, built from a job as queries read it. Members that
//! every event has (type, time, tenant, folder, actor) are added where events are delivered.

use super::entity::JOB;
use super::state::State;
use bandmaster_api::Folders;
use bandmaster_api::query::{complete, visibility};
use bandmaster_core::{Error, Result};
use bandmaster_odata::{Expand, KeyValue, Query, Run};
use bandmaster_store::Conn;
use serde_json::{Map, Value, json};

/// A job with its robot, process and machine, as a unit sees it.
pub async fn snapshot(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Map<String, Value>> {
    let mut query = Query::all(&JOB);
    query.expand = JOB.navigations.iter().map(|n| Expand { navigation: n, query: Query::all((n.target)()) }).collect();
    let run = Run::by_key(&query, &KeyValue::Int(id), &visibility(0, tenant_id, &Folders::All));
    complete(conn, run).await?.pop().ok_or_else(|| Error::internal("a job was changed and is not there"))
}

/// The event that a state is worth; none for those in between.
pub fn kind_of(state: State) -> Option<&'static str> {
    match state {
        State::Running => Some("job.started"),
        State::Successful => Some("job.completed"),
        State::Faulted => Some("job.faulted"),
        State::Stopped => Some("job.stopped"),
        State::Pending | State::Stopping | State::Terminating | State::Suspended | State::Resumed => None,
    }
}

/// Picks members, renaming `a>b`.
fn pick(from: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let mut out = Map::with_capacity(names.len());
    for name in names {
        let (source, target) = name.split_once('>').unwrap_or((name, name));
        out.insert(target.to_owned(), from.get(source).cloned().unwrap_or_default());
    }
    out
}

/// Argument texts become objects in events.
fn argument(job: &Map<String, Value>, name: &str) -> Value {
    job.get(name).and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn part<'a>(job: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    job.get(name).and_then(Value::as_object)
}

fn robot(job: &Map<String, Value>) -> Value {
    let Some(robot) = part(job, "Robot") else { return Value::Null };
    let mut out = pick(robot, &["Id", "Name", "Type"]);
    out.insert("MachineName".into(), part(job, "Machine").and_then(|m| m.get("Name")).cloned().unwrap_or_default());
    out.insert("LocalSystemAccount".into(), job.get("LocalSystemAccount").cloned().unwrap_or_default());
    Value::Object(out)
}

/// A `SimpleJobEventDto`.
pub fn simple(job: &Map<String, Value>) -> Value {
    let mut out = pick(
        job,
        &[
            "Id",
            "Key",
            "State",
            "StartTime",
            "ResumeTime",
            "EndTime",
            "CreationTime",
            "Info",
            "SpecificPriorityValue",
            "Type",
            "ErrorCode",
            "JobError>Error",
            "RuntimeType",
            "SourceType",
            "FpsContext",
            "FpsProperties",
            "TraceId",
            "ParentSpanId",
            "RootSpanId",
            "ParentJobKey",
            "EntryPointPath",
        ],
    );
    out.insert("OutputArguments".into(), argument(job, "OutputArguments"));
    out.insert("Robot".into(), robot(job));
    let machine = part(job, "Machine").map(|m| pick(m, &["Id", "Key", "Name", "Type", "Scope"]));
    out.insert("Machine".into(), machine.map_or(Value::Null, Value::Object));
    let release = part(job, "Release").map(|r| pick(r, &["Id", "Key", "ProcessKey", "Name", "ProcessType"]));
    out.insert("Release".into(), release.map_or(Value::Null, Value::Object));
    Value::Object(out)
}

/// A `WrappedJobDto`.
pub fn wrapped(job: &Map<String, Value>) -> Value {
    let mut out = pick(
        job,
        &[
            "Id",
            "Key",
            "CreationTime",
            "StartTime",
            "EndTime",
            "State",
            "Source",
            "SourceType",
            "BatchExecutionKey",
            "Info",
            "StartingScheduleId",
            "ReleaseName",
            "Type",
            "HostMachineName",
            "RuntimeType",
            "ProcessType",
            "SpecificPriorityValue",
            "FpsContext",
            "FpsProperties",
            "TraceId",
            "ParentSpanId",
            "RootSpanId",
            "ParentJobKey",
            "EntryPointPath",
        ],
    );
    out.insert("InputArguments".into(), argument(job, "InputArguments"));
    out.insert("OutputArguments".into(), argument(job, "OutputArguments"));
    out.insert("Robot".into(), Value::Null);
    let release = part(job, "Release").map(|r| {
        let mut release = pick(
            r,
            &[
                "Id",
                "Key",
                "ProcessKey",
                "ProcessVersion",
                "Name",
                "Description",
                "IsLatestVersion",
                "FeedId",
                "ProcessType",
            ],
        );
        release.insert("InputArguments".into(), argument(r, "InputArguments"));
        release
    });
    out.insert("Release".into(), release.map_or(Value::Null, Value::Object));
    Value::Object(out)
}

/// The payload for a job that entered a state.
pub fn entered(state: State, job: &Map<String, Value>) -> Value {
    if state == State::Stopped { json!({"Jobs": [simple(job)]}) } else { json!({"Job": simple(job)}) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    fn check(value: &Value, ty: &str) {
        let def = contract().type_def(ty).unwrap();
        for (name, member) in value.as_object().unwrap() {
            let property = def.property(name).unwrap_or_else(|| panic!("{ty} has no {name}"));
            if let (bandmaster_model::TypeRef::Named(inner), true) = (&property.ty, member.is_object()) {
                check(member, inner);
            }
        }
    }

    #[test]
    fn payloads_have_the_published_shape() {
        let mut job = Map::new();
        for property in JOB.properties {
            job.insert(property.name.to_owned(), Value::Null);
        }
        job.insert("OutputArguments".into(), json!("{\"a\":1}"));
        job.insert("InputArguments".into(), json!("broken"));
        job.insert("Robot".into(), json!({"Id": 1, "Name": "r", "Type": "Unattended"}));
        job.insert("Machine".into(), json!({"Id": 2, "Name": "m"}));
        job.insert("Release".into(), json!({"Id": 3, "Name": "p", "InputArguments": "{}"}));
        job.insert("JobError".into(), json!({"code": "X"}));
        check(&simple(&job), "SimpleJobEventDto");
        check(&wrapped(&job), "WrappedJobDto");
        assert_eq!(simple(&job)["OutputArguments"], json!({"a": 1}));
        assert_eq!(simple(&job)["Robot"]["MachineName"], "m");
        assert_eq!(simple(&job)["Error"]["code"], "X");
        assert_eq!(wrapped(&job)["InputArguments"], Value::Null);
        assert!(entered(State::Stopped, &job)["Jobs"].is_array());
        assert!(entered(State::Faulted, &job)["Job"].is_object());
    }
}
