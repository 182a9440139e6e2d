//! What others are told about sessions: `robot.status`.

use super::record::HostSession;
use crate::enums::SESSION_STATE;
use bandmaster_api::Unit;
use bandmaster_core::{Result, time};
use serde_json::{Value, json};
use std::collections::HashSet;

/// What has happened to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is there (again).
    Available,
    /// It has fallen silent.
    Unresponsive,
    /// It has left.
    Disconnected,
}

/// Records one event: `{"Sessions": [{SessionId, RobotId, …}], "Change": "Available" | "Unresponsive" |
/// "Disconnected"}`. A host stands in it once, whatever the number of its rows.
pub(super) async fn status(unit: &mut Unit, turn: Turn, sessions: &[HostSession]) -> Result<()> {
    let mut hosts = HashSet::new();
    let told: Vec<Value> =
        sessions.iter().filter(|s| hosts.insert(s.host())).map(|session| shown(session, turn)).collect();
    let change = match turn {
        Turn::Available => "Available",
        Turn::Unresponsive => "Unresponsive",
        Turn::Disconnected => "Disconnected",
    };
    let key = sessions.first().filter(|_| told.len() == 1).map(|s| s.key.clone());
    unit.event("robot.status", None, key.as_deref(), &json!({"Sessions": told, "Change": change})).await
}

fn shown(session: &HostSession, turn: Turn) -> Value {
    json!({
        "SessionId": session.id,
        "RobotId": (session.robot_id != 0).then_some(session.robot_id),
        "MachineId": session.machine_id,
        "MachineKey": session.machine_key,
        "HostMachineName": session.host_name,
        "ServiceUsername": session.service_user_name,
        "State": SESSION_STATE.label(session.state(0)),
        "ReportingTime": session.reported_at.map(time::iso),
        "IsUnresponsive": turn == Turn::Unresponsive,
        "LicenseErrorCode": null,
    })
}
