//! The parts of a process that are stored as JSON: settings of runs, video settings, tags. They are stored with all
//! their members, so that what is shown does not depend on what a client left out.

use crate::enums::VIDEO_RECORDING;
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Tags a process may have.
const MOST_TAGS: usize = 50;
/// The longest video, a day.
const MOST_SECONDS: i64 = 86_400;

fn number(block: &Fields<'_>, name: &str, default: i64, range: std::ops::RangeInclusive<i64>) -> Result<i64> {
    let value = block.int(name).unwrap_or(default);
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Error::argument(format!("{name} must be between {} and {}.", range.start(), range.end())))
}

/// `ProcessSettingsDto`
pub(super) fn process_settings(block: &Fields<'_>) -> Result<String> {
    let flag = |name| block.bool(name).unwrap_or(false);
    let autopilot = block.fields("AutopilotForRobots").map(|a| {
        let flag = |name| a.bool(name).unwrap_or(false);
        json!({"Enabled": flag("Enabled"), "HealingEnabled": flag("HealingEnabled")})
    });
    let agent = block.fields("AgentSettings").map(|a| json!({"Memory": a.bool("Memory").unwrap_or(false)}));
    Ok(json!({
        "ErrorRecordingEnabled": flag("ErrorRecordingEnabled"),
        "Duration": number(block, "Duration", 40, 0..=3_600)?,
        "Frequency": number(block, "Frequency", 500, 0..=3_600_000)?,
        "Quality": number(block, "Quality", 100, 0..=100)?,
        "AutoStartProcess": flag("AutoStartProcess"),
        "AlwaysRunning": flag("AlwaysRunning"),
        "AutopilotForRobots": autopilot,
        "AgentSettings": agent,
    })
    .to_string())
}

/// `VideoRecordingSettingsDto`
pub(super) fn video_settings(block: &Fields<'_>) -> Result<String> {
    let kind = |name: &str| -> Result<&'static str> {
        let number = block.choice(name, &VIDEO_RECORDING)?.unwrap_or(0);
        Ok(VIDEO_RECORDING.label(number).unwrap_or("None"))
    };
    Ok(json!({
        "VideoRecordingType": kind("VideoRecordingType")?,
        "QueueItemVideoRecordingType": kind("QueueItemVideoRecordingType")?,
        "MaxDurationSeconds": number(block, "MaxDurationSeconds", 180, 0..=MOST_SECONDS)?,
    })
    .to_string())
}

/// A list of `TagDto`; the same tag counts once.
pub(super) fn tags(list: &[Value]) -> Result<String> {
    if list.len() > MOST_TAGS {
        return Err(Error::argument(format!("A process may have at most {MOST_TAGS} tags.")));
    }
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for tag in list.iter().map(Fields::of) {
        let name = tag.need_text("Name")?;
        let value = tag.filled("Value");
        if !seen.insert((bandmaster_store::fold(name), value)) {
            continue;
        }
        let mut row = Map::new();
        row.insert("Name".into(), name.into());
        row.insert("DisplayName".into(), tag.filled("DisplayName").unwrap_or(name).into());
        row.insert("Value".into(), value.into());
        row.insert("DisplayValue".into(), tag.filled("DisplayValue").or(value).into());
        kept.push(Value::Object(row));
    }
    Ok(Value::Array(kept).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_complete_and_bounded() {
        let text =
            process_settings(&Fields::of(&json!({"Quality": 50, "AutopilotForRobots": {"Enabled": true}}))).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"ErrorRecordingEnabled": false, "Duration": 40, "Frequency": 500, "Quality": 50,
                "AutoStartProcess": false, "AlwaysRunning": false,
                "AutopilotForRobots": {"Enabled": true, "HealingEnabled": false}, "AgentSettings": null})
        );
        let text = video_settings(&Fields::of(&json!({"VideoRecordingType": "all"}))).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"VideoRecordingType": "All", "QueueItemVideoRecordingType": "None", "MaxDurationSeconds": 180})
        );
        for bad in [json!({"Quality": 101}), json!({"Duration": -1}), json!({"Frequency": 4_000_000})] {
            assert_eq!(process_settings(&Fields::of(&bad)).unwrap_err().code(), 1009, "{bad}");
        }
        for bad in [json!({"MaxDurationSeconds": -1}), json!({"VideoRecordingType": 7})] {
            assert_eq!(video_settings(&Fields::of(&bad)).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn tags_are_listed_once() {
        let text = tags(&[json!({"Name": "A"}), json!({"Name": "a"}), json!({"Name": "k", "Value": "v"})]).unwrap();
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1], json!({"Name": "k", "DisplayName": "k", "Value": "v", "DisplayValue": "v"}));
        assert!(tags(&[json!({"Value": "x"})]).is_err());
        assert!(tags(&vec![json!({"Name": "x"}); MOST_TAGS + 1]).is_err());
    }
}
