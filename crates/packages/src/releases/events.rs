//! What events tell of processes: `WrappedReleaseDto`. Members that every event has are added where events are
//! delivered.

use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;
use serde_json::{Map, Value, json};

/// A process in the shape of events. `entry` is the GUID of its entry point, `runtime` what its package runs on.
fn wrapped(release: &Value, entry: Option<String>, runtime: Option<String>) -> Value {
    let member = |name: &str| release.get(name).cloned().unwrap_or_default();
    let mut out = Map::new();
    for name in [
        "Id",
        "Key",
        "ProcessKey",
        "ProcessVersion",
        "ProcessType",
        "FeedId",
        "Name",
        "Description",
        "IsLatestVersion",
        "Tags",
    ] {
        out.insert(name.into(), member(name));
    }
    let arguments = member("InputArguments").as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    out.insert("InputArguments".into(), arguments.unwrap_or_default());
    out.insert("EntryPointId".into(), entry.into());
    out.insert("TargetRuntime".into(), runtime.into());
    let text = |name: &str| member(name).as_str().unwrap_or_default().to_owned();
    out.insert("PackageKey".into(), format!("{}:{}", text("ProcessKey"), text("ProcessVersion")).into());
    for name in ["EnvironmentId", "Environment", "PackageDefinitionKey"] {
        out.insert(name.into(), Value::Null);
    }
    Value::Object(out)
}

/// Puts an event about a process into the outbox; `release` is the process as queries show it.
pub(super) async fn tell(unit: &mut Unit, kind: &str, folder_id: i64, id: i64, release: Option<&Value>) -> Result<()> {
    let Some(release) = release else { return Ok(()) };
    let row = unit
        .query_opt(
            "SELECT e.unique_id, v.target_runtime FROM releases r \
             LEFT JOIN package_entry_points e ON e.id = r.entry_point_id \
             LEFT JOIN package_versions v ON v.id = r.package_version_id WHERE r.id = $1",
            params![id],
        )
        .await?;
    let (entry, runtime) = match row {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (None, None),
    };
    let key = release.get("Key").and_then(Value::as_str);
    let payload = json!({"Releases": [wrapped(release, entry, runtime)]});
    unit.event(kind, Some(folder_id), key, &payload).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn shape_is_the_published_one() {
        let release = json!({"Id": 1, "ProcessKey": "Bot", "ProcessVersion": "1.0", "InputArguments": "{\"a\":1}"});
        let shown = wrapped(&release, Some("guid".into()), None);
        assert_eq!(shown["PackageKey"], "Bot:1.0");
        assert_eq!(shown["InputArguments"], json!({"a": 1}));
        let def = contract().type_def("WrappedReleaseDto").unwrap();
        for property in def.properties() {
            assert!(shown.get(&property.name).is_some(), "{}", property.name);
        }
        for name in shown.as_object().unwrap().keys() {
            assert!(def.property(name).is_some(), "{name}");
        }
    }
}
