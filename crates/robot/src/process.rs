//! Child processes: started in a group of their own with a given environment and user, recognised
//! again after a restart of the agent, signalled and reaped. What they run and what their end
//! means is decided by the callers.
//!
//! Output goes to files, never to pipes, so that a child outlives the agent. Recognising a process
//! needs `/proc`; where there is none, a child of a former agent counts as gone.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sys::{self, User};

/// Between two looks at a process that is not our child.
const ADOPTED_POLL: Duration = Duration::from_millis(200);

/// Names a process for good: process ids are used again, but not with the same start time within
/// one boot of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub pid: u32,
    /// Clock ticks after boot.
    pub start_time: u64,
    pub boot_id: String,
}

/// What to start.
#[derive(Debug)]
pub(crate) struct Spec {
    pub program: PathBuf,
    pub args: Vec<std::ffi::OsString>,
    pub folder: PathBuf,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    pub stdout: File,
    pub stderr: File,
    pub user: Option<User>,
}

/// A process that is watched.
#[derive(Debug)]
pub(crate) struct Process {
    pub id: ProcessId,
    /// `None` for a process adopted from a former agent.
    child: Option<tokio::process::Child>,
}

impl Process {
    /// Starts a process in a new group. Must be called inside a tokio runtime.
    pub fn start(spec: Spec) -> io::Result<Self> {
        let mut command = std::process::Command::new(&spec.program);
        command
            .args(spec.args)
            .current_dir(spec.folder)
            .env_clear()
            .envs(spec.env)
            .stdin(Stdio::null())
            .stdout(spec.stdout)
            .stderr(spec.stderr)
            .process_group(0);
        if let Some(user) = &spec.user {
            // The standard library drops the supplementary groups along with root's uid.
            command.uid(user.uid).gid(user.gid);
        }
        let child = tokio::process::Command::from(command).kill_on_drop(false).spawn()?;
        let pid = child.id().unwrap_or_default();
        let start_time = stat(pid).map(|stat| stat.start_time).unwrap_or_default();
        let id = ProcessId { pid, start_time, boot_id: boot_id() };
        Ok(Self { id, child: Some(child) })
    }

    /// Takes over a process that a former agent started; `None` when it is gone.
    pub fn adopt(id: ProcessId) -> Option<Self> {
        is_alive(&id).then_some(Self { id, child: None })
    }

    /// Waits for the end. The exit code is `None` after a signal and for adopted processes.
    /// Dropping the future and calling again is allowed.
    pub async fn wait(&mut self) -> io::Result<Option<i32>> {
        match &mut self.child {
            Some(child) => Ok(child.wait().await?.code()),
            None => {
                while is_alive(&self.id) {
                    tokio::time::sleep(ADOPTED_POLL).await;
                }
                Ok(None)
            }
        }
    }

    /// Asks the whole group to end.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(libc::SIGTERM)
    }

    /// Ends the whole group.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(libc::SIGKILL)
    }

    fn signal(&self, signal: i32) -> io::Result<()> {
        // An adopted process can have ended since the last look, and its id be somebody else's.
        if self.child.is_none() && !is_alive(&self.id) {
            return Ok(());
        }
        sys::signal_group(self.id.pid, signal)
    }
}

/// Kills what an ended leader left behind in its group. To be called right after its end, while
/// its id cannot have gone round.
pub(crate) fn kill_group(id: &ProcessId) {
    if let Err(error) = sys::signal_group(id.pid, libc::SIGKILL) {
        tracing::warn!(pid = id.pid, %error, "processes of an ended job could not be killed");
    }
}

/// Kills every process whose environment has `name=value`: those that left their group, and those
/// that were started by an agent that could not note it any more.
pub(crate) fn sweep(name: &str, value: &str) {
    let wanted = format!("{name}={value}");
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(environment) = fs::read(process.path().join("environ")) else { continue };
        if pid != std::process::id()
            && environment.split(|byte| *byte == 0).any(|pair| pair == wanted.as_bytes())
            && let Err(error) = sys::signal_process(pid, libc::SIGKILL)
        {
            tracing::warn!(pid, %error, "a left-over process could not be killed");
        }
    }
}

/// True while the process runs; one that has ended and waits to be reaped does not.
pub(crate) fn is_alive(id: &ProcessId) -> bool {
    stat(id.pid).is_some_and(|stat| stat.start_time == id.start_time && !matches!(stat.state, 'Z' | 'X' | 'x'))
        && id.boot_id == boot_id()
}

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[derive(Debug, PartialEq)]
struct Stat {
    state: char,
    start_time: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The program's name stands in brackets and may itself hold blanks and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn sleeper(dir: &std::path::Path, script: &str, env: &[(&str, &str)]) -> Process {
        let out = || File::create(dir.join("out")).unwrap();
        Process::start(Spec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            folder: dir.into(),
            env: env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            stdout: out(),
            stderr: out(),
            user: None,
        })
        .unwrap()
    }

    fn until(what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn stat_lines() {
        let line = |name: &str| format!("12 ({name}) S 1 12 12 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3");
        for name in ["sh", "a b", "a) R 1 (b", ""] {
            assert_eq!(parse_stat(&line(name)), Some(Stat { state: 'S', start_time: 4242 }));
        }
        for bad in ["", "12 (sh", "12 (sh) S 1 2", "12 (sh) S 1 12 12 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 x"] {
            assert_eq!(parse_stat(bad), None, "{bad}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_process_is_recognised_by_id_start_time_and_boot() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = sleeper(dir.path(), "sleep 60", &[]);
        let id = process.id.clone();
        assert!(is_alive(&id));
        for other in [
            ProcessId { start_time: id.start_time + 1, ..id.clone() },
            ProcessId { boot_id: "other".into(), ..id.clone() },
        ] {
            assert!(!is_alive(&other));
            assert!(Process::adopt(other).is_none());
        }
        let mut adopted = Process::adopt(id.clone()).unwrap();
        adopted.kill().unwrap();
        assert_eq!(process.wait().await.unwrap(), None);
        assert_eq!(adopted.wait().await.unwrap(), None);
        assert!(!is_alive(&id));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_sweep_finds_what_left_the_group() {
        let dir = tempfile::tempdir().unwrap();
        let mut stray = sleeper(dir.path(), "exec sleep 60", &[("SWEEP_TEST", "this-one")]);
        let mut other = sleeper(dir.path(), "exec sleep 60", &[("SWEEP_TEST", "this-one-not")]);
        // Between fork and exec the child still shows our own environment.
        let environ = format!("/proc/{}/environ", stray.id.pid);
        until("the child's environment", || fs::read(&environ).is_ok_and(|bytes| bytes.starts_with(b"SWEEP_TEST=")));
        sweep("SWEEP_TEST", "this-one");
        assert_eq!(stray.wait().await.unwrap(), None);
        assert!(is_alive(&other.id));
        other.kill().unwrap();
        other.wait().await.unwrap();
    }
}
