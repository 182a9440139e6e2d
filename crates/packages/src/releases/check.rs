//! Rules for what a process carries into its jobs: argument values and environment variables.

use crate::nupkg::Argument;
use crate::versions::record::EntryRecord;
use bandmaster_core::{Error, Result};
use bandmaster_store::fold;
use serde_json::Value;

/// Checks argument values: a JSON object whose names the entry point knows. Where nothing is known of its arguments
/// any name will do. Types are the robot's business. An empty text, and the text `null`, count as none.
pub(super) fn arguments(text: Option<&str>, entry: Option<&EntryRecord>) -> Result<Option<String>> {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else { return Ok(None) };
    let members = match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members,
        Ok(Value::Null) => return Ok(None),
        Ok(_) => return Err(Error::argument("InputArguments must be a JSON object.")),
        Err(_) => return Err(Error::argument("InputArguments is no valid JSON.")),
    };
    let known = entry.and_then(|e| e.input_arguments.as_deref()).and_then(Argument::parse_list).unwrap_or_default();
    if !known.is_empty() {
        let names: Vec<String> = known.iter().map(|a| fold(&a.name)).collect();
        if let Some(stranger) = members.keys().find(|name| !names.contains(&fold(name))) {
            let shown: String = stranger.chars().take(100).collect();
            return Err(Error::argument(format!("The entry point has no argument '{shown}'.")));
        }
    }
    Ok(Some(text.to_owned()))
}

/// Checks environment variables: lines of `NAME=value`.
pub(super) fn environment(text: &str) -> Result<()> {
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let name = line.split_once('=').map(|(name, _)| name.trim()).unwrap_or_default();
        let fits = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        if !fits {
            return Err(Error::argument("EnvironmentVariables must be lines of the form NAME=value."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(input: Option<&str>) -> EntryRecord {
        EntryRecord {
            id: 1,
            version_id: 1,
            unique_id: String::new(),
            path: "main".into(),
            input_arguments: input.map(str::to_owned),
            output_arguments: None,
            data_variation: None,
        }
    }

    #[test]
    fn arguments_fit_their_entry_point() {
        let month = entry(Some(r#"[{"name":"month","type":"System.Int32","required":false,"hasDefault":false}]"#));
        let open = entry(Some("[]"));
        let cases = [
            (None, Some(&month), Ok(None)),
            (Some("  "), Some(&month), Ok(None)),
            (Some("null"), Some(&month), Ok(None)),
            (Some("{}"), Some(&month), Ok(Some("{}"))),
            (Some(r#"{"month": 3}"#), Some(&month), Ok(Some(r#"{"month": 3}"#))),
            (Some(r#"{"Month": 3}"#), Some(&month), Ok(Some(r#"{"Month": 3}"#))),
            (Some(r#"{"year": 3}"#), Some(&month), Err(1009)),
            (Some(r#"{"year": 3}"#), Some(&open), Ok(Some(r#"{"year": 3}"#))),
            (Some(r#"{"year": 3}"#), None, Ok(Some(r#"{"year": 3}"#))),
            (Some("[1]"), None, Err(1009)),
            (Some("7"), None, Err(1009)),
            (Some("{"), None, Err(1009)),
        ];
        for (text, entry, want) in cases {
            let got = arguments(text, entry).map_err(|e| e.code());
            assert_eq!(got.as_ref().map(Option::as_deref).map_err(|c| *c), want, "{text:?}");
        }
    }

    #[test]
    fn environment_lines() {
        for good in ["", "A=1", "A=1\r\nB=\n\nC=x=y", " A =1"] {
            assert!(environment(good).is_ok(), "{good:?}");
        }
        for bad in ["A", "=1", "A B=1", "ok=1\nbad"] {
            assert_eq!(environment(bad).unwrap_err().code(), 1009, "{bad:?}");
        }
    }
}
