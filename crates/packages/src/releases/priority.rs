//! Priorities: a value from 1 to 100, higher is sooner, and the three bands that are derived from it.

use crate::enums::JOB_PRIORITY;
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result};

/// What counts when nobody says anything.
pub(super) const NORMAL: i64 = 45;

/// SQL for the band of a value.
pub(super) const BAND_SQL: &str = "CASE WHEN {t}.priority <= 30 THEN 0 WHEN {t}.priority <= 60 THEN 1 ELSE 2 END";

fn band(value: i64) -> i64 {
    match value {
        ..=30 => 0,
        31..=60 => 1,
        _ => 2,
    }
}

fn of_band(band: i64) -> i64 {
    match band {
        0 => 25,
        2 => 65,
        _ => NORMAL,
    }
}

/// The priority that a body asks for with `JobPriority`, `SpecificPriorityValue` or both; `None`: neither. Both are
/// accepted only where they agree, as they do in what clients have read and send back.
pub(super) fn asked(body: &Fields<'_>) -> Result<Option<i64>> {
    let wanted = body.choice("JobPriority", &JOB_PRIORITY)?;
    let value = body.int("SpecificPriorityValue");
    if value.is_some_and(|v| !(1..=100).contains(&v)) {
        return Err(Error::argument("SpecificPriorityValue must be between 1 and 100."));
    }
    match (wanted, value) {
        (Some(b), Some(v)) if band(v) != b => {
            Err(Error::argument("JobPriority and SpecificPriorityValue contradict each other; give one of them."))
        }
        (_, Some(v)) => Ok(Some(v)),
        (Some(b), None) => Ok(Some(of_band(b))),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bands_and_values() {
        let cases = [
            (json!({}), Ok(None)),
            (json!({"JobPriority": null}), Ok(None)),
            (json!({"JobPriority": "Low"}), Ok(Some(25))),
            (json!({"JobPriority": "Normal"}), Ok(Some(45))),
            (json!({"JobPriority": "high"}), Ok(Some(65))),
            (json!({"JobPriority": 2}), Ok(Some(65))),
            (json!({"SpecificPriorityValue": 1}), Ok(Some(1))),
            (json!({"SpecificPriorityValue": 30, "JobPriority": "Low"}), Ok(Some(30))),
            (json!({"SpecificPriorityValue": 31, "JobPriority": "Normal"}), Ok(Some(31))),
            (json!({"SpecificPriorityValue": 100, "JobPriority": "High"}), Ok(Some(100))),
            (json!({"SpecificPriorityValue": 45, "JobPriority": "High"}), Err(1009)),
            (json!({"SpecificPriorityValue": 0}), Err(1009)),
            (json!({"SpecificPriorityValue": 101}), Err(1009)),
        ];
        for (body, want) in cases {
            assert_eq!(asked(&Fields::of(&body)).map_err(|e| e.code()), want, "{body}");
        }
        for value in 1..=100 {
            let (b, read_back) = (band(value), of_band(band(value)));
            assert_eq!(band(read_back), b, "the value of a band lies in it");
        }
    }
}
