//! CSV as of RFC 4180: UTF-8 without a mark at the beginning, commas, lines end with CR LF, the first line names the
//! columns. Nothing at all is null, an empty text stands between quotes. Moments are ISO 8601 in UTC, enumerations are
//! their words, contents are JSON.
//!
//! Spreadsheets take a text that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula, and what is
//! exported came from robots and from whoever fills queues. Such texts get an apostrophe before them, which
//! spreadsheets take as "this is text". Safety goes before fidelity here: whoever wants the bytes as they were reads
//! the list itself. Texts that are plain numbers stay as they are, and so does everything that is no text.

use serde_json::Value;

/// Writes a line.
pub fn line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a Value>) {
    let mut first = true;
    for value in cells {
        if !first {
            out.push(',');
        }
        first = false;
        cell(out, value);
    }
    out.push_str("\r\n");
}

fn cell(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => written(out, text),
        // Begins with a bracket or brace.
        Value::Array(_) | Value::Object(_) => quoted(out, "", &value.to_string()),
    }
}

fn written(out: &mut String, text: &str) {
    let mark = if is_formula(text) { "'" } else { "" };
    let bare = !text.is_empty()
        && !text.contains([',', '"', '\r', '\n', ';', '\t'])
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace);
    if bare {
        out.push_str(mark);
        out.push_str(text);
    } else {
        quoted(out, mark, text);
    }
}

fn quoted(out: &mut String, mark: &str, text: &str) {
    out.push('"');
    out.push_str(mark);
    for (n, part) in text.split('"').enumerate() {
        if n > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

/// Whether a spreadsheet would take the text for a formula. Blanks before the sign do not keep it from that everywhere.
fn is_formula(text: &str) -> bool {
    let begins = text.starts_with(['\t', '\r', '\n'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    begins && !is_number(text)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.matches('.').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(values: &[Value]) -> String {
        let mut out = String::new();
        line(&mut out, values);
        out
    }

    #[test]
    fn values_are_written() {
        let cases = [
            (json!(null), ""),
            (json!(""), "\"\""),
            (json!(true), "true"),
            (json!(-7), "-7"),
            (json!(1.5), "1.5"),
            (json!("plain text"), "plain text"),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"hi\""), "\"say \"\"hi\"\"\""),
            (json!("two\nlines"), "\"two\nlines\""),
            (json!(" blank"), "\" blank\""),
            (json!({"A": "x,\"y"}), "\"{\"\"A\"\":\"\"x,\\\"\"y\"\"}\""),
            (json!([]), "\"[]\""),
            (json!("=1+1"), "'=1+1"),
            (json!("+cmd|' /C calc'!A0"), "'+cmd|' /C calc'!A0"),
            (json!("-2+3"), "'-2+3"),
            (json!("@SUM(A1)"), "'@SUM(A1)"),
            (json!("\t=1"), "\"'\t=1\""),
            (json!(" =1"), "\"' =1\""),
            (json!("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            (json!("-5"), "-5"),
            (json!("+3.25"), "+3.25"),
            (json!("-1.2.3"), "'-1.2.3"),
            (json!("-"), "'-"),
            (json!("a=b"), "a=b"),
        ];
        for (value, expected) in cases {
            assert_eq!(of(std::slice::from_ref(&value)), format!("{expected}\r\n"), "{value}");
        }
        assert_eq!(of(&[json!(1), json!(null), json!("x")]), "1,,x\r\n");
    }

    /// Reads CSV back: cells of lines.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut lines, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut chars = text.chars().peekable();
        let mut inside = false;
        while let Some(c) = chars.next() {
            match c {
                '"' if inside && chars.peek() == Some(&'"') => {
                    chars.next();
                    cell.push('"');
                }
                '"' => inside = !inside,
                ',' if !inside => cells.push(std::mem::take(&mut cell)),
                '\r' if !inside && chars.peek() == Some(&'\n') => {
                    chars.next();
                    cells.push(std::mem::take(&mut cell));
                    lines.push(std::mem::take(&mut cells));
                }
                c => cell.push(c),
            }
        }
        assert!(!inside && cell.is_empty() && cells.is_empty());
        lines
    }

    proptest::proptest! {
        #[test]
        fn texts_come_back_and_are_never_formulas(rows in proptest::collection::vec(proptest::collection::vec("[=+@\\-\t\r\n\"', ;0-9a-z]{0,6}|\\PC{0,8}", 2), 1..4)) {
            let mut out = String::new();
            for row in &rows {
                let values: Vec<Value> = row.iter().map(|t| json!(t)).collect();
                line(&mut out, &values);
            }
            let back = read(&out);
            proptest::prop_assert_eq!(back.len(), rows.len());
            for (cell, text) in back.iter().flatten().zip(rows.iter().flatten()) {
                let marked = format!("'{text}");
                proptest::prop_assert!(cell == text || *cell == marked);
                proptest::prop_assert!(!is_formula(cell));
            }
        }
    }
}
