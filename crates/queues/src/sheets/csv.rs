//! Reading comma-separated values (RFC 4180).

use bandmaster_core::{Error, Result};

/// Longest text of a file that is read, in bytes.
pub const LONGEST: usize = 64 << 20;
/// Most fields of a record.
const MOST_FIELDS: usize = 500;

/// The records of a text. Quoted fields may hold commas, line ends and doubled quotes; empty lines are passed over.
pub fn read(text: &str) -> Result<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let mut record: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    let (mut quoted, mut was_quoted) = (false, false);
    let fault = |line: usize, what: &str| Error::argument(format!("The file is no CSV: {what} in record {line}."));
    loop {
        let c = chars.next();
        match c {
            Some('"') if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            Some('"') if quoted => quoted = false,
            Some(c) if quoted => field.push(c),
            None if quoted => return Err(fault(records.len() + 1, "a quote is not closed")),
            Some('"') if field.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            Some('"') => return Err(fault(records.len() + 1, "a quote stands inside a field")),
            Some('\r') if chars.peek() == Some(&'\n') => {}
            Some(',' | '\n') | None => {
                record.push(std::mem::take(&mut field));
                if record.len() > MOST_FIELDS {
                    return Err(fault(records.len() + 1, "there are too many fields"));
                }
                if c != Some(',') {
                    let record = std::mem::take(&mut record);
                    if record.len() > 1 || was_quoted || record.iter().any(|f| !f.is_empty()) {
                        records.push(record);
                    }
                }
                was_quoted = false;
                if c.is_none() {
                    return Ok(records);
                }
            }
            Some(_) if was_quoted => return Err(fault(records.len() + 1, "something follows a closing quote")),
            Some(c) => field.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_are_read() {
        let text = "\u{feff}a,b\r\n\"x,\"\"y\"\"\nz\",2\n\n\"\"\n,\nlast,";
        let expected = [vec!["a", "b"], vec!["x,\"y\"\nz", "2"], vec![""], vec!["", ""], vec!["last", ""]];
        assert_eq!(read(text).unwrap(), expected);
        for bad in ["\"a", "a\"b", "\"a\"b", "\"a\" \"b\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&",".repeat(MOST_FIELDS - 1)).is_ok() && read(&",".repeat(MOST_FIELDS)).is_err());
    }

    proptest! {
        #[test]
        fn quoted_records_are_read(rows in prop::collection::vec(prop::collection::vec("[a-z,\"\n é]{0,8}", 2..5), 0..6)) {
            let quoted = |f: &String| format!("\"{}\"", f.replace('"', "\"\""));
            let lines: Vec<String> = rows.iter().map(|r| r.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
            prop_assert_eq!(read(&lines.join("\r\n")).unwrap(), rows);
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,60}|[\",\r\na]{0,40}") {
            let _ = read(&text);
        }
    }
}
