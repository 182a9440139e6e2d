//! Sessions as the API shows them.

use super::record::{HostId, HostSession};
use crate::enums::{MACHINE_SCOPE, MACHINE_TYPE, MAINTENANCE_MODE, PLATFORM, ROBOT_TYPE, SESSION_STATE};
use crate::jobs::Usage;
use crate::machines::entity::UPDATE_INFO;
use bandmaster_core::time::{self, Micros};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The folder a list is of.
#[derive(Clone, Copy)]
pub(super) struct InFolder<'a> {
    pub id: i64,
    pub name: &'a str,
}

/// Everything that the objects are made from.
pub(super) struct View<'a> {
    pub now: Micros,
    pub usage: &'a Usage,
    /// Robots of persons' sessions as they are shown, by id.
    pub robots: &'a HashMap<i64, Map<String, Value>>,
    pub folder: Option<InFolder<'a>>,
}

/// A host with all its rows: its first row, and the jobs on all of them.
struct Host<'s> {
    first: &'s HostSession,
    jobs: i64,
    switched_off: bool,
}

/// Groups rows by host, in the order of their first rows. Rows whose type has lost its slots count only while jobs
/// run on them.
fn hosts<'s>(sessions: &'s [HostSession], usage: &Usage) -> Vec<Host<'s>> {
    let mut order: Vec<Host<'s>> = Vec::new();
    let mut places: HashMap<HostId, usize> = HashMap::new();
    for session in sessions {
        let jobs = usage.of_session(session.id);
        if session.slots == 0 && jobs == 0 {
            continue;
        }
        match places.get(&session.host()).and_then(|at| order.get_mut(*at)) {
            Some(host) => {
                host.jobs += jobs;
                host.switched_off &= session.switched_off;
            }
            None => {
                places.insert(session.host(), order.len());
                order.push(Host { first: session, jobs, switched_off: session.switched_off });
            }
        }
    }
    order
}

fn text_or_null(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

impl View<'_> {
    /// `SessionDto`: one a host or person. With `service`, `MachineSessionDto`.
    pub fn sessions(&self, sessions: &[HostSession], service: bool) -> Vec<Value> {
        hosts(sessions, self.usage).iter().map(|host| self.session(host, service)).collect()
    }

    fn session(&self, host: &Host<'_>, service: bool) -> Value {
        let s = host.first;
        let mut out = Map::new();
        if service {
            out.insert("ServiceUserName".into(), json!(s.service_user_name));
        }
        let robot = self.robots.get(&s.robot_id).cloned().map_or(Value::Null, Value::Object);
        let update: Value = serde_json::from_str(UPDATE_INFO).unwrap_or_default();
        let rest = json!({
            "Robot": robot,
            "HostMachineName": s.host_name,
            "MachineId": s.machine_id,
            "MachineName": s.machine_name,
            "State": SESSION_STATE.label(s.state(host.jobs)),
            "Job": null,
            "ReportingTime": s.reported_at.map(time::iso),
            "Info": null,
            "IsUnresponsive": s.is_unresponsive(self.now),
            "LicenseErrorCode": host.switched_off.then_some("RuntimeDisabled"),
            "OrganizationUnitId": self.folder.map(|f| f.id),
            "FolderName": self.folder.map(|f| f.name),
            "RobotSessionType": "LongLived",
            "Version": s.version,
            "Source": (s.robot_id != 0).then_some("Assistant"),
            "DebugModeExpirationDate": s.debugged_until(self.now).map(time::iso),
            "UpdateInfo": update,
            "InstallationId": text_or_null(&s.installation_id),
            "Platform": PLATFORM.label(s.platform),
            "EndpointDetection": "NotAvailable",
            "Id": s.id,
        });
        if let Value::Object(rest) = rest {
            out.extend(rest);
        }
        Value::Object(out)
    }

    /// `MachineSessionRuntimeDto`: one a host and runtime type.
    pub fn runtimes(&self, sessions: &[HostSession]) -> Vec<Value> {
        let live = |s: &&HostSession| s.robot_id == 0 && (s.slots > 0 || self.usage.of_session(s.id) > 0);
        sessions.iter().filter(live).map(|s| self.runtime(s)).collect()
    }

    fn runtime(&self, s: &HostSession) -> Value {
        let jobs = self.usage.of_session(s.id);
        json!({
            "SessionId": s.id,
            "MachineId": s.machine_id,
            "MachineName": s.machine_name,
            "MaintenanceMode": MAINTENANCE_MODE.label(i64::from(s.maintenance)),
            "HostMachineName": s.host_name,
            "RuntimeType": ROBOT_TYPE.label(s.runtime_type),
            "MachineType": MACHINE_TYPE.label(s.machine_type),
            "MachineScope": MACHINE_SCOPE.label(s.machine_scope),
            "Status": SESSION_STATE.label(s.state(jobs)),
            "IsUnresponsive": s.is_unresponsive(self.now),
            "Runtimes": s.slots,
            "UsedRuntimes": jobs,
            "ServiceUserName": s.service_user_name,
            "ReportingTime": s.reported_at.map(time::iso),
            "Version": s.version,
            "DebugModeExpirationDate": s.debugged_until(self.now).map(time::iso),
            "Platform": PLATFORM.label(s.platform),
            "EndpointDetection": "NotAvailable",
            "TriggersCount": 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{NOW, session};
    use super::*;
    use crate::enums::NON_PRODUCTION;

    #[test]
    fn rows_of_a_host_become_one() {
        let rows = vec![
            session(),
            HostSession { id: 6, runtime_type: NON_PRODUCTION, host_name: "PC-1".into(), ..session() },
            HostSession { id: 7, host_name: "pc-2".into(), slots: 0, ..session() },
        ];
        let usage = Usage { sessions: [(6, 1)].into(), ..Usage::default() };
        let robots = HashMap::new();
        let view = View { now: NOW, usage: &usage, robots: &robots, folder: None };
        let shown = view.sessions(&rows, true);
        assert_eq!(shown.len(), 1);
        assert_eq!((&shown[0]["Id"], &shown[0]["State"]), (&json!(5), &json!("Busy")));
        let runtimes = view.runtimes(&rows);
        assert_eq!(runtimes.len(), 2);
        assert_eq!((&runtimes[1]["UsedRuntimes"], &runtimes[0]["Status"]), (&json!(1), &json!("Available")));
    }

    #[test]
    fn all_published_properties_are_there() {
        let (usage, robots) = (Usage::default(), HashMap::new());
        let view = View { now: NOW, usage: &usage, robots: &robots, folder: None };
        let rows = [session()];
        for (ty, shown) in [
            ("SessionDto", view.sessions(&rows, false)),
            ("MachineSessionDto", view.sessions(&rows, true)),
            ("MachineSessionRuntimeDto", view.runtimes(&rows)),
        ] {
            let members = shown[0].as_object().unwrap();
            for property in bandmaster_model::contract().type_def(ty).unwrap().properties() {
                assert!(members.contains_key(&property.name), "{} of {ty}", property.name);
            }
        }
    }
}
