//! The server's own log: text on a terminal, JSON lines otherwise, always on standard error. Robot logs are data and
//! go elsewhere.

use crate::config::Config;
use anyhow::{Context, Result};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging as configured.
pub fn start(config: &Config) -> Result<()> {
    let level = config.text("log-level").unwrap_or("info");
    let filter = EnvFilter::try_new(level).with_context(|| format!("the setting log-level cannot be {level:?}"))?;
    let json = match config.text("log-format") {
        Some("json") => true,
        Some("text") => false,
        _ => !std::io::stderr().is_terminal(),
    };
    // A log that cannot be written (its disk is full) must not fail requests: the subscriber would report the failure
    // with `eprintln!`, which panics on the same broken stream.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false).with_writer(std::io::stderr);
    // A second start in the same process (tests) keeps the first one's log.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    Ok(())
}
