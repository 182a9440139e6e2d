//! What others are told about robots: `robot.created`, `robot.updated`, `robot.deleted`.

use super::record::RobotAccount;
use crate::enums::ROBOT_TYPE;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use serde_json::{Value, json};

/// Records one event for these robots, without secrets: `{"Robots": [{Id, Key, Name, …}]}`.
pub(super) async fn changed(unit: &mut Unit, kind: &str, robots: &[RobotAccount]) -> Result<()> {
    let key = match robots {
        [one] => Some(one.key.as_str()),
        _ => None,
    };
    let told: Vec<Value> = robots.iter().map(shown).collect();
    unit.event(kind, None, key, &json!({ "Robots": told })).await
}

fn shown(robot: &RobotAccount) -> Value {
    let settings: Value = serde_json::from_str(&robot.execution_settings).unwrap_or_else(|_| json!({}));
    json!({
        "Id": robot.id,
        "Key": robot.key,
        "Name": robot.short_name(),
        "MachineId": null,
        "MachineKey": null,
        "MachineName": null,
        "Description": null,
        "UserName": robot.os_user_name,
        "Type": ROBOT_TYPE.label(robot.robot_type),
        "HostingType": "Floating",
        "Environments": [],
        "ExecutionSettings": settings,
    })
}
