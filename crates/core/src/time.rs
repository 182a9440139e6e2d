//! Moments as integers (microseconds since 1970 in UTC) and their text forms.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// Writes a moment as ISO 8601 in UTC: `2026-01-05T08:00:03.4Z`. The fraction has up to six digits, without
/// trailing zeros. A moment beyond what a calendar can hold is written as the nearest it can.
pub fn iso(micros: Micros) -> String {
    let bound = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let stamp = Timestamp::from_microsecond(micros).unwrap_or(bound);
    let civil = TimeZone::UTC.to_datetime(stamp);
    let mut text = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = stamp.subsec_nanosecond() / 1_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Reads a moment: ISO 8601 with `Z`, an offset, or none (then UTC); `T` or a blank between date and time; a
/// bare date is its midnight.
pub fn parse(text: &str) -> Option<Micros> {
    let text = text.trim();
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_microsecond());
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return civil.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp().as_microsecond());
    }
    let date = text.parse::<Date>().ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_read_and_write() {
        let cases = [
            ("2026-01-05T08:00:03.4Z", "2026-01-05T08:00:03.4Z"),
            ("2026-01-05T09:00:03+01:00", "2026-01-05T08:00:03Z"),
            ("2026-01-05 08:00:03.832173+00:00", "2026-01-05T08:00:03.832173Z"),
            ("2026-01-05T08:00:03.8321731Z", "2026-01-05T08:00:03.832173Z"),
            ("2026-01-05T08:00:03", "2026-01-05T08:00:03Z"),
            ("2026-01-05", "2026-01-05T00:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map(iso).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "today", "2026-13-01", "2026-01-05T25:00:00Z", "12"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(iso(i64::MAX), "9999-12-30T22:00:00.999999Z");
    }
}
