//! Prepared Python environments: one per package content and interpreter, made once, used by many
//! jobs, at the same time too. What goes into one is told in `requirements.rs`, when they are
//! removed in `cleanup.rs`.
//!
//! Preparing runs foreign code (build scripts of packages), so it is done as the jobs' user. The
//! finished environment is taken away from that user, so that no job can change what others run.
//! The download cache stays writable for that user: jobs of one agent are not walled off from each
//! other, they are walled off from the agent.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::config::RobotConfig;
use crate::failure::Failure;
use crate::folders::{Folders, blocking, make_folder, write_durably};
use crate::interpreter::{self, Python};
use crate::package::{safe_name, touch};
use crate::process;
use crate::tool::{self, Tool, ToolEnd};

/// Written last: an environment without it is half-made.
pub(crate) const READY: &str = "ready.json";

/// Begins the name of what is being removed.
pub(crate) const TRASH: &str = "trash-";

/// The paths of one environment.
#[derive(Clone, Debug)]
pub(crate) struct EnvironmentFolder(pub PathBuf);

impl EnvironmentFolder {
    fn venv(&self) -> PathBuf {
        self.0.join("venv")
    }

    /// Where its programs are.
    pub fn programs(&self) -> PathBuf {
        self.venv().join("bin")
    }

    fn python(&self) -> PathBuf {
        self.programs().join("python")
    }

    /// True when it was made to its end and its interpreter is still there.
    fn is_ready(&self) -> bool {
        self.0.join(READY).is_file() && self.python().exists()
    }
}

/// What an environment is made for.
pub(crate) struct Wanted<'a> {
    pub package_id: &'a str,
    pub package_version: &'a str,
    /// Hash of the package, so that another content under the same version gets its own.
    pub content: &'a str,
    /// Program that the environment must have in the end.
    pub program: &'a str,
    pub requirements: Vec<String>,
    pub constraints: Vec<String>,
}

#[derive(Default)]
struct Use {
    users: usize,
    making: Arc<tokio::sync::Mutex<()>>,
}

/// All environments of this agent.
pub(crate) struct Environments {
    folders: Arc<Folders>,
    used: Mutex<HashMap<String, Use>>,
    python: tokio::sync::Mutex<Option<Python>>,
}

/// Keeps an environment from being removed.
pub(crate) struct Lease {
    owner: Arc<Environments>,
    name: String,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut used = self.owner.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = used.get_mut(&self.name) {
            entry.users -= 1;
            if entry.users == 0 {
                used.remove(&self.name);
            }
        }
    }
}

impl Environments {
    pub fn new(folders: Arc<Folders>) -> Self {
        Self { folders, used: Mutex::default(), python: tokio::sync::Mutex::default() }
    }

    /// The folder of an environment named in the journal.
    pub fn folder(&self, name: &str) -> EnvironmentFolder {
        EnvironmentFolder(self.folders.environments().join(name))
    }

    /// Marks an environment as in use.
    pub fn lease(self: &Arc<Self>, name: &str) -> Lease {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.entry(name.to_owned()).or_default().users += 1;
        Lease { owner: self.clone(), name: name.to_owned() }
    }

    /// Removes an environment unless a job uses or makes it; tells whether it is gone.
    pub fn discard(&self, name: &str) -> io::Result<bool> {
        let trash = self.folders.environments().join(format!("{TRASH}{name}"));
        {
            // Under the lock that a lease takes: who gets one later finds nothing and makes anew.
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.contains_key(name) {
                return Ok(false);
            }
            fs::rename(self.folder(name).0, &trash)?;
        }
        remove(&trash)?;
        Ok(true)
    }

    /// The environment, made now if it is not there. Dropping the future ends the making; the
    /// half-made environment is thrown away by the next call.
    pub async fn ensure(
        self: &Arc<Self>,
        config: &RobotConfig,
        wanted: &Wanted<'_>,
    ) -> Result<(String, Lease), Failure> {
        let python = self.python(config).await?;
        let title = format!("{}-{}", wanted.package_id, wanted.package_version);
        let interpreter = format!("{} {}", python.version, python.path.display());
        let id = wanted.package_id.to_lowercase();
        let name = safe_name(&title, &[&id, wanted.package_version, wanted.content, &interpreter]);
        let lease = self.lease(&name);
        let making = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.entry(name.clone()).or_default().making.clone()
        };
        let _only_one = making.lock().await;
        let folder = self.folder(&name);
        if !folder.is_ready() {
            self.make(config, wanted, &python, &folder).await?;
        }
        touch(&folder.0.join(READY), config.clock.now()).map_err(|error| disk(&error))?;
        Ok((name, lease))
    }

    async fn python(&self, config: &RobotConfig) -> Result<Python, Failure> {
        let mut known = self.python.lock().await;
        if let Some(python) = &*known
            && python.path.exists()
        {
            return Ok(python.clone());
        }
        let python = interpreter::find_python(config, &self.folders).await?;
        tracing::info!(path = %python.path.display(), version = python.version, "Python for jobs");
        *known = Some(python.clone());
        Ok(python)
    }

    async fn make(
        &self,
        config: &RobotConfig,
        wanted: &Wanted<'_>,
        python: &Python,
        folder: &EnvironmentFolder,
    ) -> Result<(), Failure> {
        let uv = interpreter::find_uv(config, &self.folders).await?;
        let requirements = lines(&wanted.requirements);
        let constraints = lines(&wanted.constraints);
        // The whole path: another agent on this host may prepare the same package in its own folder.
        let mark = folder.0.display().to_string();
        let (folders, target, swept) = (self.folders.clone(), folder.clone(), mark.clone());
        blocking(move || {
            // An agent that was killed can have left its preparation running.
            process::sweep(tool::MARK, &swept);
            remove(&target.0)?;
            make_folder(&target.0, 0o755)?;
            folders.make_jobs_own(&target.venv())?;
            for own in ["tmp", "pip", "uv"] {
                folders.make_jobs_own(&folders.cache().join(own))?;
            }
            for (file, text) in [("requirements.txt", requirements), ("constraints.txt", constraints)] {
                let path = target.0.join(file);
                fs::write(&path, text)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
            }
            Ok(())
        })
        .await
        .map_err(|error| disk(&error))?;

        let log = folder.0.join("prepare.log");
        let env = tool::environment(config, tool::own_variables(), &self.folders.cache(), &mark);
        let run = |program: PathBuf, args: Vec<OsString>| {
            let (env, log) = (env.clone(), log.clone());
            async move {
                let tool = Tool {
                    program: &program,
                    args,
                    env,
                    user: self.folders.user().cloned(),
                    folder: self.folders.cache(),
                    log: &log,
                    limit: Duration::from_secs(config.prepare_timeout_seconds),
                };
                tool.run().await.map_err(|error| {
                    let detail = format!("{}: {error}", program.display());
                    Failure::system("Robot.EnvironmentFailed", "A tool could not be started", detail)
                })
            }
        };
        let mut what: Vec<OsString> = vec!["-r".into(), folder.0.join("requirements.txt").into()];
        if !wanted.constraints.is_empty() {
            what.extend(["-c".into(), folder.0.join("constraints.txt").into()]);
        }
        match uv {
            Some(uv) => {
                // The folder is there already, empty, so that it belongs to the right user.
                let mut venv: Vec<OsString> = ["venv", "--allow-existing", "--python"].map(OsString::from).into();
                venv.extend([python.path.clone().into(), folder.venv().into_os_string()]);
                let made = run(uv.clone(), venv).await?;
                check(made, |text| venv_failure(python, text))?;
                let mut pip: Vec<OsString> = ["pip", "install", "--python"].map(OsString::from).into();
                pip.push(folder.python().into());
                pip.extend(what);
                let installed = run(uv, pip).await?;
                check(installed, install_failure)?;
            }
            None => {
                let venv = vec!["-m".into(), "venv".into(), folder.venv().into_os_string()];
                let made = run(python.path.clone(), venv).await?;
                check(made, |text| venv_failure(python, text))?;
                let pip = |verbosity: &[&str]| -> Vec<OsString> {
                    let command = ["-m", "pip", "install"].iter().chain(verbosity);
                    command.map(OsString::from).chain(what.iter().cloned()).collect()
                };
                let installed = run(folder.python(), pip(&[])).await?;
                if let Err(failure) = check(installed, install_failure) {
                    // pip keeps quiet about an index that refuses it; it takes one that has nothing for the cause.
                    let refused = failure.0.code == NOT_FOUND && {
                        run(folder.python(), pip(&["-vv"])).await?;
                        says_refused(&fs::read(&log).map_err(|error| disk(&error))?)
                    };
                    return Err(if refused { index_refused(&failure.0.detail) } else { failure });
                }
            }
        }
        if !folder.programs().join(wanted.program).is_file() {
            return Err(Failure::deployment(
                "Robot.EnvironmentFailed",
                format!("The environment has no program `{}`", wanted.program),
                "The package's dependencies replace the runtime by something else.",
            ));
        }
        let (folders, target) = (self.folders.clone(), folder.clone());
        let marker = json!({
            "package": wanted.package_id,
            "version": wanted.package_version,
            "python": python.version,
        });
        blocking(move || {
            if folders.user().is_some() {
                seal(&target)?;
            }
            write_durably(&target.0.join(READY), marker.to_string().as_bytes())
        })
        .await
        .map_err(|error| disk(&error))
    }
}

fn lines(list: &[String]) -> String {
    list.iter().map(|line| format!("{line}\n")).collect()
}

fn check(end: ToolEnd, failure: impl Fn(&str) -> Failure) -> Result<(), Failure> {
    if end.ok { Ok(()) } else { Err(failure(&end.text)) }
}

fn venv_failure(python: &Python, text: &str) -> Failure {
    if text.contains("ensurepip") || text.contains("No module named venv") {
        return Failure::system(
            "Robot.VenvMissing",
            "Python's venv module is missing on this host",
            format!(
                "{} {} cannot make virtual environments. Install its venv module (on Debian and \
                 Ubuntu the package python3-venv) or uv.\n{text}",
                python.path.display(),
                python.version
            ),
        );
    }
    Failure::system("Robot.EnvironmentFailed", "The Python environment could not be made", text)
}

/// Code of a dependency that no index has.
const NOT_FOUND: &str = "Robot.DependencyMissing";

/// Whether an installer tells that an index did not let it in.
fn says_refused(log: &[u8]) -> bool {
    const REFUSED: [&str; 6] = [
        "401 Client Error",
        "403 Client Error",
        "401 Error, Credentials not correct",
        "401 Unauthorized",
        "403 Forbidden",
        "407 Proxy Authentication Required",
    ];
    let text = String::from_utf8_lossy(log);
    REFUSED.iter().any(|part| text.contains(part))
}

fn index_refused(text: &str) -> Failure {
    Failure::system(
        "Robot.PackageIndexRefused",
        "The Python package index refused the robot",
        format!("Check user and password in the address of the index that the robot is given.\n{text}"),
    )
}

/// Tells an index that cannot be reached, or does not let the robot in, from a dependency that does not exist.
fn install_failure(text: &str) -> Failure {
    const UNREACHABLE: [&str; 14] = [
        "NewConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionError",
        "ProxyError",
        "SSLError",
        "Max retries exceeded",
        "Could not fetch URL",
        "Name or service not known",
        "name resolution",
        "error sending request",
        "Failed to fetch",
        "Could not connect",
        "client error (Connect)",
    ];
    const NOT_THERE: [&str; 4] =
        ["No matching distribution found", "Could not find a version", "No solution found", "ResolutionImpossible"];
    let has = |list: &[&str]| list.iter().any(|part| text.contains(part));
    if says_refused(text.as_bytes()) {
        index_refused(text)
    } else if has(&UNREACHABLE) {
        Failure::system(
            "Robot.PackageIndexUnreachable",
            "The Python package index could not be reached",
            format!("Check the index address, the proxy and the certificates of the robot.\n{text}"),
        )
    } else if has(&NOT_THERE) {
        Failure::deployment(NOT_FOUND, "A dependency of the package could not be found in the package index", text)
    } else {
        Failure::deployment("Robot.EnvironmentFailed", "The dependencies of the package could not be installed", text)
    }
}

fn disk(error: &io::Error) -> Failure {
    Failure::system("Robot.Disk", "The robot cannot use its folder for environments", error.to_string())
}

/// Removes an environment; the mark goes first, so that a half-removed one is never used.
fn remove(folder: &Path) -> io::Result<()> {
    for step in [fs::remove_file(folder.join(READY)), fs::remove_dir_all(folder)] {
        match step {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Takes an environment away from the jobs' user, who may read and run but no longer change it.
fn seal(folder: &EnvironmentFolder) -> io::Result<()> {
    let (uid, gid) = {
        let meta = fs::metadata(&folder.0)?;
        (meta.uid(), meta.gid())
    };
    // Nobody may reach in and swap a file for a link while it changes hands.
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700))?;
    take_over(&folder.venv(), uid, gid)?;
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755))
}

fn take_over(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    lchown(path, Some(uid), Some(gid))?;
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(());
    }
    // Read for all; write for the owner; run for all what the owner can run; no special bits.
    let mode = meta.mode();
    let run = if meta.is_dir() || mode & 0o100 != 0 { 0o111 } else { 0 };
    fs::set_permissions(path, fs::Permissions::from_mode(0o644 | run))?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            take_over(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installers_are_understood() {
        for (text, code) in [
            (
                "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n\
                 ERROR: Could not find a version that satisfies the requirement x",
                "Robot.PackageIndexUnreachable",
            ),
            ("error: Failed to fetch: `https://i/x/`", "Robot.PackageIndexUnreachable"),
            (
                "error: Failed to fetch: `https://i/x/`\n  Caused by: HTTP status client error (401 Unauthorized)",
                "Robot.PackageIndexRefused",
            ),
            (
                "WARNING: 401 Error, Credentials not correct for https://i/x/\nERROR: No matching distribution found",
                "Robot.PackageIndexRefused",
            ),
            ("ERROR: No matching distribution found for nope", "Robot.DependencyMissing"),
            ("  x No solution found when resolving dependencies:", "Robot.DependencyMissing"),
            ("error: subprocess-exited-with-error", "Robot.EnvironmentFailed"),
        ] {
            assert_eq!(install_failure(text).0.code, code, "{text}");
        }
        let python = Python { path: "/p".into(), version: "3.11.0".into() };
        for (text, code) in [
            ("The virtual environment was not created because ensurepip is not available", "Robot.VenvMissing"),
            ("/p: No module named venv", "Robot.VenvMissing"),
            ("No space left on device", "Robot.EnvironmentFailed"),
        ] {
            assert_eq!(venv_failure(&python, text).0.code, code, "{text}");
        }
    }

    #[tokio::test]
    async fn leases_count() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Arc::new(Folders::open(dir.path(), None).await.unwrap());
        let environments = Arc::new(Environments::new(folders));
        for name in ["a", "b"] {
            fs::create_dir_all(environments.folder(name).programs()).unwrap();
        }
        let (first, second) = (environments.lease("a"), environments.lease("a"));
        drop(first);
        assert!(!environments.discard("a").unwrap());
        assert!(environments.discard("b").unwrap());
        drop(second);
        assert!(environments.discard("a").unwrap());
        assert_eq!(fs::read_dir(environments.folders.environments()).unwrap().count(), 0);
    }

    #[test]
    fn a_sealed_environment_is_read_only_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let folder = EnvironmentFolder(dir.path().join("e"));
        let file = folder.venv().join("lib/x.py");
        make_folder(&folder.venv().join("lib"), 0o777).unwrap();
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4666)).unwrap();
        let outside = dir.path().join("outside");
        fs::write(&outside, "x").unwrap();
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&outside, folder.venv().join("link")).unwrap();
        seal(&folder).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&folder.venv().join("lib")), 0o755);
        assert_eq!(mode(&file), 0o644);
        assert_eq!(mode(&folder.0), 0o755);
        // What a link points to is none of ours.
        assert_eq!(mode(&outside), 0o600);
    }
}
