//! Priorities of jobs: a value from 1 to 100, higher is sooner, and the three bands that are derived from it.

use super::enums::JOB_PRIORITY;
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result};

/// What counts when nobody says anything.
pub const NORMAL: i64 = 45;

/// SQL for the band of a value.
pub const BAND_SQL: &str = "CASE WHEN {t}.priority <= 30 THEN 0 WHEN {t}.priority <= 60 THEN 1 ELSE 2 END";

/// The value that a band stands for when only the band is given.
pub fn of_band(band: i64) -> i64 {
    match band {
        0 => 25,
        2 => 65,
        _ => NORMAL,
    }
}

/// The priority that a body asks for with `JobPriority` or `SpecificPriorityValue`; `None`: inherit. Giving both is
/// an error.
pub fn asked(body: &Fields<'_>) -> Result<Option<i64>> {
    let band = body.choice("JobPriority", &JOB_PRIORITY)?;
    let value = body.int("SpecificPriorityValue");
    match (band, value) {
        (Some(_), Some(_)) => {
            Err(Error::argument("JobPriority and SpecificPriorityValue cannot be set at the same time."))
        }
        (Some(band), None) => Ok(Some(of_band(band))),
        (None, Some(value)) if !(1..=100).contains(&value) => {
            Err(Error::argument("SpecificPriorityValue must be between 1 and 100."))
        }
        (None, value) => Ok(value),
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
            (json!({"JobPriority": "Low"}), Ok(Some(25))),
            (json!({"JobPriority": "Normal"}), Ok(Some(45))),
            (json!({"JobPriority": "High"}), Ok(Some(65))),
            (json!({"SpecificPriorityValue": 1}), Ok(Some(1))),
            (json!({"SpecificPriorityValue": 100, "JobPriority": null}), Ok(Some(100))),
            (json!({"SpecificPriorityValue": 0}), Err(1009)),
            (json!({"SpecificPriorityValue": 101}), Err(1009)),
            (json!({"SpecificPriorityValue": 5, "JobPriority": "Low"}), Err(1009)),
        ];
        for (body, want) in cases {
            assert_eq!(asked(&Fields::of(&body)).map_err(|e| e.code()), want, "{body}");
        }
    }
}
