//! The agent's data folder: what lies where, who may enter, the lock against a second agent, and
//! safe opening of files that a job has written. What the files hold is told by their own modules.
//!
//! ```text
//! lock, installation      one agent at a time; the id it made for itself
//! journal/  packages/  spool/     the agent's alone (0700)
//! environments/           prepared environments; jobs may read and run them
//! cache/                  download cache and home of the preparation
//! jobs/<job key>/         work/ home/ tmp/ io/ belong to the job's user, the rest to the agent
//! ```

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::ambient;
use crate::sys::User;

/// How long a start waits for the previous agent to let go of the folder.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The data folder, locked for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Folders {
    root: PathBuf,
    /// The user that jobs run as, when it is not the agent's own.
    user: Option<User>,
    _lock: File,
}

impl Folders {
    /// Makes what is missing and takes the lock.
    pub async fn open(root: &Path, user: Option<User>) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("making {}", root.display()))?;
        let root = root.canonicalize().with_context(|| format!("opening {}", root.display()))?;
        fs::set_permissions(&root, Permissions::from_mode(0o711))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(root.join("lock"))?;
        let deadline = tokio::time::Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    bail!("another robot agent uses the folder {}", root.display())
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        let folders = Self { root, user, _lock: lock };
        for (name, mode) in
            [("journal", 0o700), ("packages", 0o700), ("spool", 0o700), ("environments", 0o755), ("jobs", 0o711)]
        {
            make_folder(&folders.root.join(name), mode)?;
        }
        folders.make_jobs_own(&folders.cache())?;
        if let Some(user) = &folders.user
            && let Some(closed) = first_closed_folder(&folders.root, user)
        {
            bail!(
                "jobs run as the user {}, who cannot enter {}: put the robot's data folder \
                 elsewhere, or choose another user (run-as; `same` is the agent's own)",
                user.name,
                closed.display()
            );
        }
        Ok(folders)
    }

    /// The id by which two agents on one host are told apart; made once.
    pub fn installation_id(&self) -> Result<String> {
        let path = self.root.join("installation");
        if let Ok(text) = fs::read_to_string(&path)
            && let Ok(id) = uuid::Uuid::parse_str(text.trim())
        {
            return Ok(id.to_string());
        }
        let id = ambient::new_id();
        write_durably(&path, id.as_bytes())?;
        Ok(id)
    }

    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub fn packages(&self) -> PathBuf {
        self.root.join("packages")
    }

    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub fn environments(&self) -> PathBuf {
        self.root.join("environments")
    }

    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    pub fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    /// The folder of one job. `key` is a GUID in canonical form.
    pub fn job(&self, key: &str) -> JobFolder {
        JobFolder(self.jobs().join(key))
    }

    /// The user that jobs run as, when it is not the agent's own.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// Makes a folder that only the jobs' user may enter.
    pub fn make_jobs_own(&self, path: &Path) -> io::Result<()> {
        make_folder(path, 0o700)?;
        self.give_to_jobs(path)
    }

    /// Hands one file or folder to the jobs' user.
    pub fn give_to_jobs(&self, path: &Path) -> io::Result<()> {
        match &self.user {
            Some(user) => lchown(path, Some(user.uid), Some(user.gid)),
            None => Ok(()),
        }
    }

    /// Opens a file that a job wrote. A job must not make the agent read what the job itself
    /// could not: no links, no pipes, and when jobs have a user of their own, only its files.
    pub fn open_of_job(&self, path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
        let meta = file.metadata()?;
        let foreign = self.user.as_ref().is_some_and(|user| meta.uid() != user.uid);
        if !meta.is_file() || foreign {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a plain file of the job"));
        }
        Ok(file)
    }

    /// Reads a file that a job wrote, at most `limit` bytes; `None` when there is none.
    pub fn read_of_job(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match self.open_of_job(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
        }
        Ok(Some(bytes))
    }
}

/// The paths inside one job's folder.
#[derive(Clone, Debug)]
pub(crate) struct JobFolder(PathBuf);

impl JobFolder {
    #[cfg(test)]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The unpacked package; the job's current folder.
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    pub fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Input and, for executables, output.
    pub fn io(&self) -> PathBuf {
        self.0.join("io")
    }

    pub fn input(&self) -> PathBuf {
        self.io().join("input.json")
    }

    /// Where an executable writes its output arguments.
    pub fn output(&self) -> PathBuf {
        self.io().join("output.json")
    }

    /// Where the starter of an executable notes its exit code.
    pub fn exit_code(&self) -> PathBuf {
        self.io().join("exit-code")
    }

    pub fn stdout(&self) -> PathBuf {
        self.0.join("stdout.log")
    }

    pub fn stderr(&self) -> PathBuf {
        self.0.join("stderr.log")
    }

    /// Where output arguments too large for the journal wait for their upload.
    pub fn large_output(&self) -> PathBuf {
        self.0.join("output-arguments.json")
    }
}

/// Makes a folder with exactly this mode, whatever the umask says.
pub(crate) fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Replaces a file so that after a crash either the old or the new content is there.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Makes additions to and removals from a file's folder last.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Runs file work off the asynchronous threads.
pub(crate) async fn blocking<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The first folder from the root on that the user may not enter.
fn first_closed_folder(path: &Path, user: &User) -> Option<PathBuf> {
    let mut folders: Vec<&Path> = path.ancestors().collect();
    folders.reverse();
    folders
        .into_iter()
        .find(|folder| {
            fs::metadata(folder).is_ok_and(|meta| {
                let needed = if meta.uid() == user.uid {
                    0o100
                } else if meta.gid() == user.gid {
                    0o010
                } else {
                    0o001
                };
                meta.mode() & needed == 0
            })
        })
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn one_agent_at_a_time_and_one_installation_id() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folders::open(dir.path(), None).await.unwrap();
        let id = first.installation_id().unwrap();
        assert!(matches!(File::open(first.root.join("lock")).unwrap().try_lock(), Err(TryLockError::WouldBlock)));
        drop(first);
        let second = Folders::open(dir.path(), None).await.unwrap();
        assert_eq!(second.installation_id().unwrap(), id);
    }

    #[tokio::test]
    async fn a_job_cannot_make_the_agent_read_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::open(dir.path(), None).await.unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "key").unwrap();
        let link = dir.path().join("output.json");
        symlink(&secret, &link).unwrap();
        folders.read_of_job(&link, 100).unwrap_err();
        folders.read_of_job(dir.path(), 100).unwrap_err();
        folders.read_of_job(&secret, 2).unwrap_err();
        assert_eq!(folders.read_of_job(&secret, 3).unwrap().unwrap(), b"key");
        assert!(folders.read_of_job(&dir.path().join("none"), 3).unwrap().is_none());

        // The same for a file that belongs to somebody else than the jobs' user.
        let uid = fs::metadata(&secret).unwrap().uid() + 1;
        let user = Some(User { name: "other".into(), uid, gid: 1 });
        let folders = Folders { user, ..folders };
        folders.read_of_job(&secret, 100).unwrap_err();
    }

    #[test]
    fn closed_folders_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (closed, inner) = (dir.path().join("closed"), dir.path().join("closed/inner"));
        make_folder(&inner, 0o755).unwrap();
        let uid = fs::metadata(&inner).unwrap().uid();
        let gid = fs::metadata(&inner).unwrap().gid();
        let other = User { name: "other".into(), uid: uid + 1, gid: gid + 1 };
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
        assert_eq!(first_closed_folder(&inner, &other), None);
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(first_closed_folder(&inner, &other), Some(closed.clone()));
        let owner = User { name: "own".into(), uid, gid };
        assert_eq!(first_closed_folder(&closed, &owner), None);
    }
}
