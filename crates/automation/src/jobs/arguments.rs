//! Input of jobs: arguments as JSON text, the process's defaults below the request's values.

use bandmaster_core::{Error, Result};
use serde_json::{Map, Value};

/// Reads an argument text: nothing, or a JSON object.
fn object(text: Option<&str>, what: &str) -> Result<Option<Map<String, Value>>> {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else { return Ok(None) };
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(Some(members)),
        // Clients that fill in every member send the text `null`.
        Ok(Value::Null) => Ok(None),
        Ok(_) => Err(Error::argument(format!("{what} must be a JSON object."))),
        Err(_) => Err(Error::argument(format!("{what} is no valid JSON."))),
    }
}

/// The arguments of a job: the process's own, replaced by name by those of the request. A text is kept as it was
/// written when there is nothing to merge. Defaults that are no object (an old version may have stored them) are
/// left out.
pub fn merged(defaults: Option<&str>, given: Option<&str>) -> Result<Option<String>> {
    let values = object(given, "InputArguments")?;
    let below = object(defaults, "InputArguments").unwrap_or_default().filter(|d| !d.is_empty());
    match (below, values) {
        (None, None) => Ok(None),
        (None, Some(_)) => Ok(given.map(str::to_owned)),
        (Some(_), None) => Ok(defaults.map(str::to_owned)),
        (Some(mut all), Some(values)) => {
            all.extend(values);
            Ok(Some(Value::Object(all).to_string()))
        }
    }
}

/// A number of seconds written as text, as the expressions for time limits are; `None` when absent or empty.
pub fn seconds(text: Option<&str>, what: &str) -> Result<Option<i64>> {
    /// Ten years; more is a mistake.
    const MOST: i64 = 10 * 366 * 86_400;
    let Some(text) = text.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(n) if (1..=MOST).contains(&n) => Ok(Some(n)),
        // "Never" in the forms of some clients.
        Ok(0) => Ok(None),
        _ => Err(Error::argument(format!("{what} must be a number of seconds."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_replace_defaults_by_name() {
        let cases = [
            (None, None, Ok(None)),
            (None, Some(r#"{"a": 1}"#), Ok(Some(r#"{"a": 1}"#))),
            (Some(r#"{"a":1}"#), None, Ok(Some(r#"{"a":1}"#))),
            (
                Some(r#"{"a":1,"b":{"x":1}}"#),
                Some(r#"{"b":{"y":2},"c":null}"#),
                Ok(Some(r#"{"a":1,"b":{"y":2},"c":null}"#)),
            ),
            (Some("{}"), Some("{}"), Ok(Some("{}"))),
            (Some("nonsense"), Some("{}"), Ok(Some("{}"))),
            (None, Some("  "), Ok(None)),
            (None, Some("null"), Ok(None)),
            (None, Some("[1]"), Err(1009)),
            (None, Some("7"), Err(1009)),
            (None, Some("{"), Err(1009)),
        ];
        for (defaults, given, want) in cases {
            let got = merged(defaults, given).map_err(|e| e.code());
            assert_eq!(got.as_ref().map(|v| v.as_deref()).map_err(|c| *c), want, "{defaults:?} {given:?}");
        }
    }

    #[test]
    fn expressions_are_seconds() {
        for (text, want) in [
            (None, Ok(None)),
            (Some(""), Ok(None)),
            (Some("0"), Ok(None)),
            (Some(" 90 "), Ok(Some(90))),
            (Some("-1"), Err(())),
            (Some("1.5"), Err(())),
            (Some("0 0/5 * * * ?"), Err(())),
            (Some("99999999999999999999"), Err(())),
        ] {
            assert_eq!(seconds(text, "X").map_err(|_| ()), want, "{text:?}");
        }
    }
}
