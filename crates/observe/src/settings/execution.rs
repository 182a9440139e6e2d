//! Definitions of the robots' execution settings. Scope 0 tells the built-in defaults; scope 1 the values that are set
//! for all robots of the tenant.

use super::{as_map, values};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

struct Definition {
    key: &'static str,
    display: &'static str,
    kind: &'static str,
    default: &'static str,
    possible: &'static [&'static str],
}

static LEVELS: &[&str] = &["Verbose", "Trace", "Information", "Warning", "Error", "Critical", "Off"];

static DEFINITIONS: &[Definition] = &[
    Definition {
        key: "TracingLevel",
        display: "Log level",
        kind: "MultipleChoice",
        default: "Information",
        possible: LEVELS,
    },
    Definition {
        key: "StudioNotifyServer",
        display: "Allow development logging",
        kind: "Boolean",
        default: "true",
        possible: &[],
    },
    Definition {
        key: "LoginToConsole",
        display: "Log on to the console",
        kind: "Boolean",
        default: "true",
        possible: &[],
    },
    Definition { key: "ResolutionWidth", display: "Screen width", kind: "Integer", default: "0", possible: &[] },
    Definition { key: "ResolutionHeight", display: "Screen height", kind: "Integer", default: "0", possible: &[] },
    Definition { key: "ResolutionDepth", display: "Colour depth", kind: "Integer", default: "0", possible: &[] },
    Definition { key: "FontSmoothing", display: "Font smoothing", kind: "Boolean", default: "false", possible: &[] },
    Definition {
        key: "AutoDownloadProcess",
        display: "Fetch packages ahead",
        kind: "Boolean",
        default: "false",
        possible: &[],
    },
];

/// The definitions.
pub async fn configuration(call: &mut Call) -> Result<Output> {
    let scope = match call.int_argument("scope")? {
        0 => "Global",
        1 => "Robot",
        _ => return Err(Error::argument("scope is neither 0 nor 1.")),
    };
    let mut global = Value::Null;
    if scope == "Robot" {
        let tenant = call.tenant_id()?;
        let values = values::effective(&mut call.read().await?, tenant, None).await?;
        let text =
            values.into_iter().find(|v| v.name == "GlobalExecutionSettings").map(|v| v.value).unwrap_or_default();
        global = serde_json::from_str(&text).unwrap_or_default();
    }
    let entries: Vec<Value> = DEFINITIONS
        .iter()
        .map(|d| {
            let set = match &global[d.key] {
                Value::String(s) => Some(s.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            };
            json!({
                "Key": d.key,
                "DisplayName": d.display,
                "ValueType": d.kind,
                "DefaultValue": set.unwrap_or_else(|| d.default.to_owned()),
                "PossibleValues": if d.possible.is_empty() { Value::Null } else { json!(d.possible) },
            })
        })
        .collect();
    Ok(Output::complex("ExecutionSettingsConfiguration", as_map(json!({"Scope": scope, "Configuration": entries}))))
}
