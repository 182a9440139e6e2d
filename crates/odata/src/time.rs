//! Moments as the API writes and reads them: ISO 8601 in UTC on the outside, microseconds since
//! 1970 on the inside. Years 1 to 9999.

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// Days since 1970-01-01 of a date of the Gregorian calendar. The date is not checked.
pub fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Counting years from March puts the leap day at the end, so month lengths follow one formula.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * m + 2) / 5 + 1)
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i64> {
    let mut n = 0;
    for b in bytes.get(at..at + count)? {
        n = n * 10 + i64::from(b.is_ascii_digit().then(|| b - b'0')?);
    }
    Some(n)
}

fn clock(bytes: &[u8], at: usize) -> Option<i64> {
    let (h, m) = (digits(bytes, at, 2)?, digits(bytes, at + 3, 2)?);
    (bytes.get(at + 2) == Some(&b':') && h < 24 && m < 60).then_some(h * 60 + m)
}

/// A moment at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// How many bytes it takes.
    pub length: usize,
    /// Microseconds since 1970 in UTC.
    pub micros: i64,
    /// Whether a time of day was given; a bare date means its first moment in UTC.
    pub timed: bool,
}

/// Reads `2026-01-05`, `2026-01-05T08:00`, `…:03`, `….4`, with `Z`, an offset or nothing (UTC) behind.
/// Digits beyond microseconds are dropped. A blank before an offset counts as `+`, since a `+` in a query is often
/// sent unescaped.
pub fn scan(text: &str) -> Option<Scanned> {
    let b = text.as_bytes();
    let (year, month, day) = (digits(b, 0, 4)?, digits(b, 5, 2)?, digits(b, 8, 2)?);
    if b.get(4) != Some(&b'-') || b.get(7) != Some(&b'-') || year < 1 || !(1..=12).contains(&month) {
        return None;
    }
    let days = days_of(year, month, day);
    if day < 1 || date_of(days) != (year, month, day) {
        return None;
    }
    let date = Scanned { length: 10, micros: days * DAY, timed: false };
    match b.get(10) {
        Some(b'T' | b't') => {}
        // A blank may also just end the literal.
        Some(b' ') if clock(b, 11).is_some() => {}
        _ => return Some(date),
    }
    let mut micros = date.micros + clock(b, 11)? * 60 * SECOND;
    let mut at = 16;
    if b.get(at) == Some(&b':') {
        let second = digits(b, at + 1, 2).filter(|s| *s < 60)?;
        micros += second * SECOND;
        at += 3;
        if b.get(at) == Some(&b'.') {
            let start = at + 1;
            at = start + b.get(start..)?.iter().take_while(|c| c.is_ascii_digit()).count();
            if at == start {
                return None;
            }
            let kept = (at - start).min(6);
            micros += digits(b, start, kept)? * 10_i64.pow(6 - kept as u32);
        }
    }
    match b.get(at) {
        Some(b'Z' | b'z') => at += 1,
        Some(sign @ (b'+' | b'-' | b' ')) => {
            if let Some(offset) = clock(b, at + 1) {
                let offset = offset * 60 * SECOND;
                micros += if *sign == b'-' { offset } else { -offset };
                at += 6;
            } else if *sign != b' ' {
                return None;
            }
        }
        _ => {}
    }
    Some(Scanned { length: at, micros, timed: true })
}

/// A whole text as a moment, as [`scan`] reads it.
pub fn parse(text: &str) -> Option<i64> {
    scan(text).filter(|s| s.length == text.len()).map(|s| s.micros)
}

/// The moment as the API writes it: `2026-01-05T08:00:03.4Z`, as many digits of the second as needed.
pub fn format(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = date_of(days);
    let (second, fraction) = (rest / SECOND, rest % SECOND);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    let mut out = format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}");
    if fraction > 0 {
        let six = format!(".{fraction:06}");
        out.push_str(six.trim_end_matches('0'));
    }
    out.push('Z');
    out
}

/// The date as the API writes it: `2026-01-05`.
pub fn format_date(micros: i64) -> String {
    let (year, month, day) = date_of(micros.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_clients_send() {
        for (text, wanted) in [
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00.0000019Z", Some(1)),
            ("1970-01-01T00:00:00.4Z", Some(400_000)),
            ("1970-01-01T01:30:00+01:30", Some(0)),
            ("1970-01-01T01:30:00 01:30", Some(0)),
            ("1969-12-31T19:00:00-05:00", Some(0)),
            ("1970-01-01T00:01", Some(60_000_000)),
            ("1970-01-01 00:01:00", Some(60_000_000)),
            ("2000-02-29", Some(951_782_400_000_000)),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000)),
            ("9999-12-31T23:59:59.9999999Z", Some(253_402_300_799_999_999)),
            ("1900-02-29", None),
            ("2026-13-01", None),
            ("2026-00-01", None),
            ("2026-01-32", None),
            ("2026-01-00", None),
            ("0000-01-01", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01T00:60:00Z", None),
            ("2026-01-01T00:00:60Z", None),
            ("2026-01-01T00:00:00.Z", None),
            ("2026-01-01T00:00:00+1", None),
            ("2026-01-01T", None),
            ("2026-1-1", None),
            ("2026-01-01x", None),
            ("", None),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }

    #[test]
    fn writes_no_needless_digits() {
        assert_eq!(format(0), "1970-01-01T00:00:00Z");
        assert_eq!(format(400_000), "1970-01-01T00:00:00.4Z");
        assert_eq!(format(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(format_date(-1), "1969-12-31");
    }

    proptest! {
        #[test]
        fn written_moments_read_back(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            prop_assert_eq!(parse(&format(micros)), Some(micros));
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
