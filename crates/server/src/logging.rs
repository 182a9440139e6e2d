//! The server's own log: text on a terminal, JSON lines otherwise, always on standard error. Robot logs are data and
//! go elsewhere.
//!
//! A thread of its own writes, many lines at once: with a system call per line the log cost a request as much as its
//! row in the database. What waits there is written when the process ends in order ([`finish`]); a killed process
//! loses the last milliseconds.

use crate::config::Config;
use anyhow::{Context, Result};
use std::io::{BufWriter, IsTerminal};
use std::sync::{Mutex, PoisonError};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that may wait for the writing thread. Beyond that whoever logs waits: nothing is dropped.
const WAITING: usize = 8_192;
/// Bytes written at once.
const AT_ONCE: usize = 64 * 1024;

/// Keeps the writing thread until [`finish`].
static WRITING: Mutex<Option<WorkerGuard>> = Mutex::new(None);

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
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .buffered_lines_limit(WAITING)
        .thread_name("log")
        .finish(BufWriter::with_capacity(AT_ONCE, std::io::stderr()));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false).with_writer(writer);
    // A second start in the same process (tests) keeps the first one's log.
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    if started.is_ok() {
        *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    }
    Ok(())
}

/// Writes what is still waiting. Nothing that is logged later is written.
pub fn finish() {
    drop(WRITING.lock().unwrap_or_else(PoisonError::into_inner).take());
}
