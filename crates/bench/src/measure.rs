//! Figures: percentiles, medians over rounds, the table.

use std::fmt::Write;
use std::time::Duration;

/// The value below which the given share (0 to 1) of the values lies; zero when there are none. Sorts the values.
pub fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    // Shares are between 0 and 1 and lists short, so nothing is lost.
    let index = (last as f64 * share).ceil() as usize;
    values.get(index.min(last)).copied().unwrap_or_default()
}

/// The middle value; zero when there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |i: usize| sorted.get(i).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.saturating_sub(1)) + at(middle)) / 2.0 }
}

/// Milliseconds with a precision that fits the size.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// Microseconds below ten milliseconds, milliseconds from there on.
pub fn micros(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        _ if micros >= 10_000.0 => ms(time),
        _ if micros >= 10.0 => format!("{micros:.0} µs"),
        _ => format!("{micros:.1} µs"),
    }
}

/// A rate in words.
pub fn rate(per_second: f64, unit: &str) -> String {
    format!("{per_second:.0} {unit}/s")
}

/// One line of the table.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// On which database.
    pub database: String,
    /// The yardstick's figure.
    pub yardstick: String,
    /// The product's figure.
    pub product: String,
    /// Product against yardstick, or what stands in for it.
    pub ratio: String,
    /// The goal.
    pub goal: String,
    /// Whether it was reached; none where there is no goal.
    pub reached: Option<bool>,
}

/// The lines as a Markdown table.
pub fn table(lines: &[Line]) -> String {
    let mut out = String::from("| what | database | yardstick | product | ratio | goal | reached |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for l in lines {
        let reached = match l.reached {
            Some(true) => "yes",
            Some(false) => "no",
            None => "–",
        };
        // Writing into a String does not fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {reached} |",
            l.what, l.database, l.yardstick, l.product, l.ratio, l.goal
        );
    }
    out
}

/// What the figures were made on: processor, cores, kernel, file system time.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model =
        info.lines().find_map(|l| l.strip_prefix("model name")).map_or("", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = read("/proc/meminfo");
    let kib = memory
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    let gib = kib.unwrap_or_default() / (1 << 20);
    format!("{model}, {cores} cores, {gib} GiB, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_list() {
        let mut values: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut values, 0.5), Duration::from_millis(51));
        assert_eq!(percentile(&mut values, 0.99), Duration::from_millis(100));
        assert_eq!(percentile(&mut values, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&mut [], 0.5), Duration::ZERO);
        assert_eq!(percentile(&mut [Duration::from_secs(1)], 0.99), Duration::from_secs(1));
    }

    #[test]
    fn medians() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_table_is_markdown() {
        let line = Line { what: "x".into(), reached: Some(false), ..Line::default() };
        let text = table(&[line]);
        assert!(text.lines().all(|l| l.matches('|').count() == 8), "{text}");
        assert!(text.ends_with("| no |\n"));
    }
}
