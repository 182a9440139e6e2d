//! What the agent must still know after a crash: one file per job with its command, its
//! reservation and how far it has come. Every change is on the disk before the step that it
//! announces. Which step follows which is told in `job.rs`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::folders::{self, Folders};
use crate::process::ProcessId;
use crate::wire::{JobError, JobState, StartProcess, StopKind};

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The command is here; whether the server accepts us as its runner is not known.
    Received,
    /// The server counts the job as Running here. No process was started.
    Accepted,
    /// A process may have been started. Found after a crash, nothing may be started again.
    Starting,
    /// The process is known.
    Running,
    /// The outcome is known; the server may not know it yet.
    Ended,
}

/// How the job's process was started, which decides how its outcome is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Python,
    Executable,
}

/// Output arguments on their way to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Output {
    /// JSON text.
    Text(String),
    /// The text is in the job folder's file for large outputs.
    Large,
    /// Id of the attachment that holds the text.
    Attachment(String),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub state: JobState,
    pub output: Option<Output>,
    pub error: Option<JobError>,
    pub info: Option<String>,
}

/// Who asked for a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StopReason {
    Command,
    TimeLimit,
}

/// One job in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub stage: Stage,
    pub robot_key: String,
    pub robot_name: String,
    pub command: StartProcess,
    /// When the command came; the time limit counts from here.
    pub received: Timestamp,
    pub kind: Option<Kind>,
    /// Name of the environment in use, so that it is not cleaned up.
    pub environment: Option<String>,
    pub process: Option<ProcessId>,
    pub stop: Option<(StopKind, StopReason)>,
    pub outcome: Option<Outcome>,
}

impl Entry {
    pub fn key(&self) -> &str {
        &self.command.job_key
    }
}

/// The folder of entries.
#[derive(Clone)]
pub(crate) struct Journal {
    /// Held so that a write still under way keeps the folder locked.
    folders: Arc<Folders>,
}

impl Journal {
    pub fn new(folders: Arc<Folders>) -> Self {
        Self { folders }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folders.journal().join(format!("{key}.json"))
    }

    /// Writes an entry; when this returns it survives a power cut.
    pub fn save(&self, entry: &Entry) -> io::Result<()> {
        folders::write_durably(&self.path(entry.key()), &serde_json::to_vec(entry)?)
    }

    /// Removes an entry; one that is not there is no error.
    pub fn remove(&self, key: &str) -> io::Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => folders::sync_parent(&path),
        }
    }

    /// Every entry. One that cannot be read is moved aside and told in the log: it must not keep
    /// the other jobs from going on.
    pub fn load(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(self.folders.journal())? {
            let path = file?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => {}
                // Left by a crash in the middle of a write; the entry itself is the old one.
                Some("tmp") => {
                    fs::remove_file(&path)?;
                    continue;
                }
                _ => continue,
            }
            match read(&path) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "unreadable journal entry");
                    fs::rename(&path, path.with_extension("bad"))?;
                }
            }
        }
        entries.sort_by_key(|entry| entry.received);
        Ok(entries)
    }
}

fn read(path: &Path) -> io::Result<Entry> {
    let entry: Entry = serde_json::from_slice(&fs::read(path)?)?;
    // The key becomes a path again; it must still be what the file was named after.
    if path.file_stem().and_then(|stem| stem.to_str()) != Some(entry.key()) {
        return Err(io::Error::other("the entry is of another job"));
    }
    Ok(entry)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::Secret;

    pub(crate) const KEY: &str = "7b0e9d3e-0000-4000-8000-00000000000a";

    pub(crate) fn entry(stage: Stage) -> Entry {
        Entry {
            stage,
            robot_key: "robot".into(),
            robot_name: "Robot".into(),
            command: StartProcess {
                job_key: KEY.into(),
                reservation_id: Some("r1".into()),
                job_access_token: Some(Secret::new("token")),
                ..StartProcess::default()
            },
            received: "2026-01-02T03:04:05Z".parse().unwrap(),
            kind: Some(Kind::Python),
            environment: None,
            process: Some(ProcessId { pid: 7, start_time: 9, boot_id: "b".into() }),
            stop: Some((StopKind::Kill, StopReason::Command)),
            outcome: Some(Outcome {
                state: JobState::Stopped,
                output: Some(Output::Text("{}".into())),
                error: Some(JobError::default()),
                info: None,
            }),
        }
    }

    #[tokio::test]
    async fn entries_survive_and_broken_ones_step_aside() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::open(dir.path(), None).await.unwrap());
        let journal = Journal::new(folders.clone());
        journal.save(&entry(Stage::Received)).unwrap();
        let last = entry(Stage::Running);
        journal.save(&last).unwrap();
        fs::write(folders.journal().join("x.json"), "{").unwrap();
        fs::write(folders.journal().join("half.tmp"), "{").unwrap();
        // An entry that names another file than its own could lead out of the folder.
        let foreign = serde_json::to_vec(&last).unwrap();
        fs::write(folders.journal().join("y.json"), foreign).unwrap();

        assert_eq!(journal.load().unwrap(), std::slice::from_ref(&last));
        assert!(folders.journal().join("x.bad").exists());
        assert!(folders.journal().join("y.bad").exists());
        assert!(!folders.journal().join("half.tmp").exists());

        journal.remove(last.key()).unwrap();
        journal.remove(last.key()).unwrap();
        assert!(journal.load().unwrap().is_empty());
    }

    #[tokio::test]
    async fn entries_are_for_the_agent_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::open(dir.path(), None).await.unwrap());
        let journal = Journal::new(folders);
        journal.save(&entry(Stage::Received)).unwrap();
        let mode = fs::metadata(journal.path(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
