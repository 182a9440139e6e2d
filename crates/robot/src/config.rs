//! What an agent is told from outside: addresses, key, folders, limits. Plain fields, so that the
//! binary can fill them from its command line or from a file. Nothing here does I/O.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::ambient::Clock;

/// A text that is never printed: the machine key, a job's token, an index address with a password.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

/// Everything an agent is told. `..Default::default()` gives every field but the first three.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobotConfig {
    /// Base address of the server, `http` or `https`; may end in a path prefix.
    pub server_url: String,
    /// The key of the machine that this host is an instance of.
    pub machine_key: Secret,
    /// The agent's own folder: journal, packages, environments, job folders. One agent at a time.
    /// Others may pass through it (mode 0711), so it must not be a folder with other secrets.
    /// When jobs run as another user, that user must be able to enter every folder above it.
    pub data_dir: PathBuf,
    /// Name under which the host appears; the system's own when `None`.
    pub host_name: Option<String>,
    /// The Python interpreter (3.11 or newer); searched on `PATH` when `None`.
    pub python: Option<PathBuf>,
    /// `auto` takes `uv` from `PATH` when it is there, `off` never does, anything else is its path.
    pub uv: String,
    /// Package index that replaces the public one. `None`: what the agent's environment says.
    pub index_url: Option<Secret>,
    /// Further package indexes, asked in addition.
    pub extra_index_urls: Vec<Secret>,
    /// User that jobs run as: a name, or `same` for the agent's own. `None`: `nobody` when the
    /// agent is root and that user exists, else the agent's own.
    pub run_as: Option<String>,
    /// Variables that every job gets. They cannot replace the agent's own ones.
    pub job_environment: BTreeMap<String, String>,
    /// Seconds between two heartbeats when nothing else causes one.
    pub heartbeat_seconds: u64,
    /// Prepared environments and packages unused for this many days are removed.
    pub environment_max_age_days: u64,
    /// The least recently used environments go when all together hold more bytes than this.
    pub environment_max_bytes: u64,
    /// Seconds that the preparation of one environment may take.
    pub prepare_timeout_seconds: u64,
    /// Bytes that a package file may have.
    pub package_max_bytes: u64,
    /// Bytes of unsent log lines kept for one job while the server is away.
    pub log_spool_max_bytes: u64,
    /// Milliseconds between two looks at a job's log files.
    pub log_poll_milliseconds: u64,
    /// Milliseconds that a finished job's report waits for its last log lines to be delivered.
    pub log_flush_milliseconds: u64,
    /// Milliseconds before the first repetition of a failed call; doubled each time.
    pub retry_first_milliseconds: u64,
    /// Milliseconds at most between two repetitions.
    pub retry_max_milliseconds: u64,
    /// Where the time comes from.
    #[serde(skip)]
    pub clock: Clock,
}

impl Default for RobotConfig {
    fn default() -> Self {
        Self {
            server_url: String::new(),
            machine_key: Secret::default(),
            data_dir: PathBuf::new(),
            host_name: None,
            python: None,
            uv: "auto".into(),
            index_url: None,
            extra_index_urls: Vec::new(),
            run_as: None,
            job_environment: BTreeMap::new(),
            heartbeat_seconds: 30,
            environment_max_age_days: 30,
            environment_max_bytes: 10 << 30,
            prepare_timeout_seconds: 30 * 60,
            package_max_bytes: 1 << 30,
            log_spool_max_bytes: 64 << 20,
            log_poll_milliseconds: 200,
            log_flush_milliseconds: 5_000,
            retry_first_milliseconds: 500,
            retry_max_milliseconds: 30_000,
            clock: Clock::default(),
        }
    }
}

impl RobotConfig {
    /// A configuration with every default.
    pub fn new(server_url: impl Into<String>, machine_key: Secret, data_dir: impl Into<PathBuf>) -> Self {
        Self { server_url: server_url.into(), machine_key, data_dir: data_dir.into(), ..Self::default() }
    }

    /// Refuses what cannot work, before anything is touched.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.server_url.starts_with("http://") && !self.server_url.starts_with("https://") {
            bail!("the server's address must begin with http:// or https://");
        }
        if self.machine_key.is_empty() {
            bail!("the machine key is missing");
        }
        if self.data_dir.as_os_str().is_empty() {
            bail!("the robot's data folder is missing");
        }
        if self.heartbeat_seconds == 0 {
            bail!("the heartbeat period must be at least one second");
        }
        Ok(())
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds)
    }

    pub(crate) fn log_poll(&self) -> Duration {
        Duration::from_millis(self.log_poll_milliseconds.max(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let config = RobotConfig {
            index_url: Some(Secret::new("https://u:hunter2@index/simple")),
            ..RobotConfig::new("http://h", Secret::new("hunter2"), "/tmp/x")
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn plain_fields_come_from_a_file() {
        let config: RobotConfig = toml::from_str(
            "server_url='http://h'\nmachine_key='k'\ndata_dir='/d'\nheartbeat_seconds=5\n[job_environment]\nA='1'",
        )
        .unwrap();
        config.check().unwrap();
        assert_eq!(config.heartbeat(), Duration::from_secs(5));
        assert!(toml::from_str::<RobotConfig>("hearbeat_seconds=5").is_err());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let good = RobotConfig::new("https://h/p", Secret::new("k"), "/d");
        good.check().unwrap();
        for bad in [
            RobotConfig { server_url: "h".into(), ..good.clone() },
            RobotConfig { machine_key: Secret::default(), ..good.clone() },
            RobotConfig { data_dir: PathBuf::new(), ..good.clone() },
            RobotConfig { heartbeat_seconds: 0, ..good },
        ] {
            bad.check().unwrap_err();
        }
    }
}
