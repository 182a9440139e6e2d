//! Cutting a job's log files into records: `[YYYY-MM-DD HH:MM:SS,mmm][LEVEL] message` with
//! continuation lines, or plain lines. Pure; reading the files is in `follow.rs`.

use jiff::civil::DateTime;

/// Bytes of one line; what is longer is cut into several.
const LINE_MAX: usize = 16 * 1024;
/// Bytes of one record with its continuation lines; what comes beyond begins a new one.
const RECORD_MAX: usize = 64 * 1024;

/// Levels as the server stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Trace,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "Trace",
            Self::Info => "Info",
            Self::Warn => "Warn",
            Self::Error => "Error",
            Self::Fatal => "Fatal",
        }
    }

    /// Python's names, and the few others that loggers use.
    fn parse(name: &str) -> Self {
        match name {
            "DEBUG" | "TRACE" | "NOTSET" => Self::Trace,
            "WARNING" | "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            "CRITICAL" | "FATAL" => Self::Fatal,
            _ => Self::Info,
        }
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Where it begins in the file; stable, so a good base of its fingerprint.
    pub start: u64,
    /// Where reading may go on after it.
    pub end: u64,
    pub level: Level,
    /// Local time written in the record; `None` for plain lines.
    pub time: Option<DateTime>,
    pub message: String,
}

/// What kind of lines a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Records with a head.
    Headed,
    /// Every line is a record of this level.
    Plain(Level),
}

/// A parser that is fed as the file grows.
#[derive(Debug)]
pub(crate) struct Parser {
    lines: Lines,
    /// The beginning of a line whose end has not come yet, and where it starts.
    partial: Vec<u8>,
    partial_start: u64,
    open: Option<Record>,
    /// Level and time of the last headed record, for lines that belong to it but come late.
    last: (Level, Option<DateTime>),
}

impl Parser {
    /// A parser for the bytes from `position` on, which must be a record's beginning or end.
    pub fn new(lines: Lines, position: u64) -> Self {
        let level = match lines {
            Lines::Headed => Level::Info,
            Lines::Plain(level) => level,
        };
        Self { lines, partial: Vec::new(), partial_start: position, open: None, last: (level, None) }
    }

    /// Where the next bytes are expected.
    pub fn position(&self) -> u64 {
        self.partial_start + self.partial.len() as u64
    }

    /// True while a record waits for further lines.
    pub fn has_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the next bytes of the file; gives the records they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            // Cut by what the line has already, so that the pieces in which bytes come do not matter.
            let room = (LINE_MAX - self.partial.len()).min(rest.len());
            let (window, _) = rest.split_at(room);
            let size = window.iter().position(|byte| *byte == b'\n').map_or(room, |at| at + 1);
            let (piece, later) = rest.split_at(size);
            rest = later;
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() >= LINE_MAX {
                self.line(&mut records);
            }
        }
        records
    }

    /// Gives the open record although more lines may come.
    pub fn close_record(&mut self) -> Option<Record> {
        self.open.take()
    }

    /// Gives everything, also a last line without its end.
    pub fn finish(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        if !self.partial.is_empty() {
            self.line(&mut records);
        }
        records.extend(self.open.take());
        records
    }

    fn line(&mut self, records: &mut Vec<Record>) {
        let start = self.partial_start;
        let bytes = std::mem::take(&mut self.partial);
        self.partial_start = start + bytes.len() as u64;
        let end = self.partial_start;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        if self.lines == Lines::Headed
            && let Some((time, level, message)) = head(text)
        {
            records.extend(self.open.take());
            self.last = (level, Some(time));
            let message = message.to_owned();
            self.open = Some(Record { start, end, level, time: Some(time), message });
            return;
        }
        match &mut self.open {
            Some(open) if open.message.len() + text.len() <= RECORD_MAX => {
                open.message.push('\n');
                open.message.push_str(text);
                open.end = end;
            }
            _ => {
                records.extend(self.open.take());
                if text.trim().is_empty() {
                    return;
                }
                let (level, time) = self.last;
                let record = Record { start, end, level, time, message: text.to_owned() };
                match self.lines {
                    Lines::Headed => self.open = Some(record),
                    Lines::Plain(_) => records.push(record),
                }
            }
        }
    }
}

/// Splits the head off a line; `None` when it has none.
fn head(line: &str) -> Option<(DateTime, Level, &str)> {
    let (time, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (level, message) = rest.split_once(']')?;
    if level.is_empty() || !level.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let (seconds, millis) = time.split_once(',')?;
    if millis.len() != 3 || !millis.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time = DateTime::strptime("%Y-%m-%d %H:%M:%S", seconds).ok()?;
    let time = time.with().millisecond(millis.parse().ok()?).build().ok()?;
    Some((time, Level::parse(level), message.strip_prefix(' ').unwrap_or(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(lines: Lines, text: &str) -> Vec<Record> {
        let mut parser = Parser::new(lines, 0);
        let mut records = parser.push(text.as_bytes());
        records.extend(parser.finish());
        records
    }

    #[test]
    fn heads() {
        for (line, level, message) in [
            ("[2026-11-24 09:43:39,380][INFO] hi", Level::Info, "hi"),
            ("[2026-11-24 09:43:39,380][DEBUG] hi", Level::Trace, "hi"),
            ("[2026-11-24 09:43:39,380][WARNING] a]b", Level::Warn, "a]b"),
            ("[2026-11-24 09:43:39,380][ERROR] ", Level::Error, ""),
            ("[2026-11-24 09:43:39,380][CRITICAL]  two", Level::Fatal, " two"),
            ("[2026-11-24 09:43:39,380][CUSTOM] x", Level::Info, "x"),
        ] {
            let (time, found, text) = head(line).unwrap();
            assert_eq!(time.to_string(), "2026-11-24T09:43:39.38");
            assert_eq!((found, text), (level, message), "{line}");
        }
        for line in [
            "",
            "hi",
            "[2026-11-24 09:43:39][INFO] no milliseconds",
            "[2026-11-24 09:43:39,38][INFO] two digits",
            "[2026-13-24 09:43:39,380][INFO] no such month",
            "[2026-11-24 09:43:39,380] no level",
            "[2026-11-24 09:43:39,380][] empty level",
            "[2026-11-24 09:43:39,380][Info x] strange level",
            " [2026-11-24 09:43:39,380][INFO] indented",
        ] {
            assert!(head(line).is_none(), "{line}");
        }
    }

    #[test]
    fn further_lines_belong_to_the_record_before() {
        let text = "stray\n[2026-11-24 09:43:39,380][WARNING] one\r\n  two\n\n[2026-11-24 09:43:40,001][INFO] last";
        let records = all(Lines::Headed, text);
        let messages: Vec<_> = records.iter().map(|r| r.message.as_str()).collect();
        assert_eq!(messages, ["stray", "one\n  two\n", "last"]);
        assert_eq!(records[1].level, Level::Warn);
        assert_eq!(records[1].start, 6);
        assert_eq!(records[1].end, records[2].start);
        assert_eq!(records[2].end, text.len() as u64);
    }

    #[test]
    fn plain_lines_stand_alone() {
        let records = all(Lines::Plain(Level::Error), "a\n\n  b\nc");
        let messages: Vec<_> = records.iter().map(|r| (r.start, r.message.as_str())).collect();
        assert_eq!(messages, [(0, "a"), (3, "  b"), (7, "c")]);
        assert!(records.iter().all(|r| r.level == Level::Error && r.time.is_none()));
    }

    #[test]
    fn late_lines_keep_level_and_time() {
        let mut parser = Parser::new(Lines::Headed, 0);
        assert!(parser.push(b"[2026-11-24 09:43:39,380][ERROR] one\n").is_empty());
        let first = parser.close_record().unwrap();
        parser.push(b"  late\n");
        let late = parser.finish().remove(0);
        assert_eq!((late.level, late.time, late.start), (first.level, first.time, first.end));
    }

    #[test]
    fn endless_lines_and_records_are_cut() {
        let long = "x".repeat(LINE_MAX * 2 + 5);
        let plain = all(Lines::Plain(Level::Info), &long);
        assert_eq!(plain.iter().map(|r| r.message.len()).collect::<Vec<_>>(), [LINE_MAX, LINE_MAX, 5]);
        let many = format!("[2026-11-24 09:43:39,380][INFO] a\n{}", "y\n".repeat(RECORD_MAX));
        let headed = all(Lines::Headed, &many);
        assert!(headed.len() > 1 && headed.iter().all(|r| r.message.len() <= RECORD_MAX + 1));
    }

    proptest! {
        /// However the file grows, the records are the same, and reading again from the end of any
        /// record gives the ones after it.
        #[test]
        fn pieces_do_not_matter(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just("[2026-11-24 09:43:39,380][INFO] head\n".to_owned()),
                    "[a-zé \\[\\]]{0,12}\n",
                ],
                0..20,
            ),
            cuts in proptest::collection::vec(1usize..40, 1..20),
            headed in any::<bool>(),
        ) {
            let text: String = lines.concat();
            let kind = if headed { Lines::Headed } else { Lines::Plain(Level::Info) };
            let whole = all(kind, &text);
            let mut parser = Parser::new(kind, 0);
            let mut pieces = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                pieces.extend(parser.push(now));
                rest = later;
            }
            pieces.extend(parser.finish());
            prop_assert_eq!(&pieces, &whole);
            for (index, record) in whole.iter().enumerate() {
                let mut parser = Parser::new(kind, record.end);
                let mut again = parser.push(&text.as_bytes()[record.end as usize..]);
                again.extend(parser.finish());
                let starts = |records: &[Record]| records.iter().map(|r| r.start).collect::<Vec<_>>();
                prop_assert_eq!(starts(&again), starts(&whole[index + 1..]));
            }
        }
    }
}
