//! One log line as robots send it: a JSON text with known members; unknown ones stay in the raw form.

use crate::logs::entity::LEVEL;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::time::{self, Micros};
use serde_json::{Map, Value};

/// Longest message that is kept as such; the raw form keeps the rest.
const MESSAGE: usize = 100_000;
/// Longest raw line, in bytes.
const RAW: usize = 1 << 20;
/// Longest name of a process, robot, host or account; longer ones are cut.
const NAME: usize = 512;
/// Longest fingerprint; a longer one is none.
const FINGERPRINT: usize = 128;

/// A line, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When it was written; none when the robot does not say.
    pub at: Option<Micros>,
    /// Number of its level.
    pub level: i64,
    /// Text.
    pub message: String,
    /// Key of the job.
    pub job_key: Option<String>,
    /// Process.
    pub process_name: Option<String>,
    /// Robot.
    pub robot_name: Option<String>,
    /// Host.
    pub host_name: Option<String>,
    /// Machine object.
    pub machine_id: Option<i64>,
    /// Account of the operating system.
    pub windows_identity: Option<String>,
    /// Folder that the line names.
    pub folder_id: Option<i64>,
    /// Tells repeated deliveries of one line.
    pub fingerprint: Option<String>,
    /// The line as sent.
    pub raw: String,
}

/// Why a line was not taken.
pub type Refused = &'static str;

/// Reads a line.
pub fn read(raw: &str) -> Result<Line, Refused> {
    if raw.len() > RAW {
        return Err("a log line is too long");
    }
    if raw.contains('\0') {
        return Err("a log line contains a character that is not allowed");
    }
    let Ok(Value::Object(members)) = serde_json::from_str(raw) else {
        return Err("a log line is no JSON object");
    };
    let text = |name: &str| get(&members, name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let name = |name: &str| text(name).map(|t| storable(t, NAME));
    let number = |name: &str| {
        let value = get(&members, name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    Ok(Line {
        at: text("timeStamp").and_then(time::parse),
        level: level(get(&members, "level")),
        message: storable(text("message").unwrap_or_default(), MESSAGE),
        job_key: text("jobId").or_else(|| text("jobKey")).and_then(parse_guid),
        process_name: name("processName"),
        robot_name: name("robotName"),
        host_name: name("machineName").or_else(|| name("hostMachineName")),
        machine_id: number("machineId"),
        windows_identity: name("windowsIdentity"),
        folder_id: number("organizationUnitId"),
        fingerprint: text("fingerprint").map(|f| storable(f, FINGERPRINT + 1)).filter(|f| f.len() <= FINGERPRINT),
        raw: raw.to_owned(),
    })
}

/// The text, at most that many characters of it, without the one that no database stores.
fn storable(text: &str, most: usize) -> String {
    let cut = text.char_indices().nth(most).map_or(text, |(at, _)| &text[..at]);
    cut.replace('\0', "\u{fffd}")
}

fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| members.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

/// Robots use other words for some levels. What is unknown counts as Info: a line is never lost for its level.
fn level(value: Option<&Value>) -> i64 {
    let text = match value {
        Some(Value::String(s)) => s.to_lowercase(),
        Some(Value::Number(n)) => n.to_string(),
        _ => String::new(),
    };
    match text.as_str() {
        "verbose" => 0,
        "information" => 2,
        "warning" => 3,
        "critical" => 5,
        other => LEVEL.number(other).unwrap_or(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_robots_send() {
        let line = read(
            r#"{"message":"Start","level":"Information","timeStamp":"2026-01-20T10:00:00.000+01:00","jobId":"8066C309-CEF8-4B47-9163-B273FC14CC43","machineId":"31","extra":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!(line.level, 2);
        assert_eq!(line.at, time::parse("2026-01-20T09:00:00Z"));
        assert_eq!(line.job_key.as_deref(), Some("8066c309-cef8-4b47-9163-b273fc14cc43"));
        assert_eq!(line.machine_id, Some(31));
        assert!(line.raw.contains("extra"));
    }

    #[test]
    fn levels_and_oddities() {
        for (word, number) in [("\"Trace\"", 0), ("\"WARNING\"", 3), ("5", 5), ("\"9\"", 2), ("null", 2), ("{}", 2)] {
            assert_eq!(read(&format!("{{\"level\":{word}}}")).unwrap().level, number, "{word}");
        }
        for bad in ["", "[]", "\"x\"", "{", "nope"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let long = format!("{{\"message\":\"{}\"}}", "é".repeat(MESSAGE + 5));
        assert_eq!(read(&long).unwrap().message.chars().count(), MESSAGE);
        let odd = r#"{"message":"a\u0000b","processName":"p\u0000","fingerprint":"f\u0000","jobId":"no GUID","timeStamp":"soon"}"#;
        let odd = read(odd).unwrap();
        assert_eq!((odd.message.as_str(), odd.process_name.as_deref()), ("a\u{fffd}b", Some("p\u{fffd}")));
        assert_eq!((odd.fingerprint.as_deref(), odd.job_key, odd.at), (Some("f\u{fffd}"), None, None));
        let long = format!(r#"{{"robotName":"{0}","fingerprint":"{0}"}}"#, "ü".repeat(NAME + 1));
        let long = read(&long).unwrap();
        assert_eq!((long.robot_name.unwrap().chars().count(), long.fingerprint), (NAME, None));
        assert!(read(&format!(r#"{{"message":"{}"}}"#, "x".repeat(RAW))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), level in any::<String>(), number in any::<i64>()) {
            let _ = read(&text);
            let sent = serde_json::json!({"message": text, "level": level, "machineId": number, "jobId": text,
                "timeStamp": text, "fingerprint": text, "windowsIdentity": text});
            let line = read(&sent.to_string()).unwrap();
            prop_assert_eq!(line.machine_id, Some(number));
            prop_assert!((0..=5).contains(&line.level));
            prop_assert_eq!(&line.message, &text.replace('\0', "\u{fffd}"));
            let stored = [Some(line.message), line.fingerprint, line.windows_identity, Some(line.raw)];
            prop_assert!(stored.iter().flatten().all(|t| !t.contains('\0')));
        }
    }
}
