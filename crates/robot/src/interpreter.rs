//! Finding a Python that fits and that the jobs' user can run, and `uv` where there is one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::RobotConfig;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::sys::User;
use crate::tool::{Tool, own_variables};

/// The oldest version that the runtime package supports.
const OLDEST: (u32, u32) = (3, 11);
/// Names tried in each folder of `PATH`, the host's own choice first.
const NAMES: [&str; 6] = ["python3", "python3.13", "python3.12", "python3.11", "python3.14", "python"];
const PROBE: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3]); \
                     print(getattr(sys, '_base_executable', '') or sys.executable)";

/// A usable interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    pub path: PathBuf,
    /// `3.12.1`.
    pub version: String,
}

/// The configured interpreter, or the first that fits.
pub(crate) async fn find_python(config: &RobotConfig, folders: &Folders) -> Result<Python, Failure> {
    let candidates = match &config.python {
        Some(path) => vec![path.clone()],
        None => candidates(),
    };
    let mut tried = Vec::new();
    for path in &candidates {
        match probe(folders, path, &["-I", "-c", PROBE]).await {
            Ok(text) => match read_probe(&text) {
                Some((python, version)) if version >= OLDEST => return Ok(python),
                Some((python, _)) => {
                    tried.push(format!("{} is version {}", path.display(), python.version));
                }
                None => tried.push(format!("{} is no Python", path.display())),
            },
            Err(reason) => tried.push(format!("{}: {reason}", path.display())),
        }
    }
    let who = folders.user().map_or_else(String::new, |user: &User| {
        format!(" Jobs run as the user {}, who must be able to run it.", user.name)
    });
    let tried = if tried.is_empty() { "none was found".into() } else { tried.join("; ") };
    Err(Failure::system(
        "Robot.PythonMissing",
        "No usable Python was found",
        format!(
            "Python {}.{} or newer is needed on this host; install it, or tell the robot where it \
             is.{who} Tried: {tried}.",
            OLDEST.0, OLDEST.1
        ),
    ))
}

/// `uv` as configured. `auto` without a usable one is no error, a configured path is.
pub(crate) async fn find_uv(config: &RobotConfig, folders: &Folders) -> Result<Option<PathBuf>, Failure> {
    match config.uv.as_str() {
        "off" => Ok(None),
        "auto" => {
            for path in on_path(&["uv"]) {
                if probe(folders, &path, &["--version"]).await.is_ok() {
                    return Ok(Some(path));
                }
            }
            Ok(None)
        }
        path => match probe(folders, Path::new(path), &["--version"]).await {
            Ok(_) => Ok(Some(path.into())),
            Err(reason) => {
                Err(Failure::system("Robot.UvMissing", "The configured uv cannot be run", format!("{path}: {reason}")))
            }
        },
    }
}

async fn probe(folders: &Folders, program: &Path, args: &[&str]) -> Result<String, String> {
    let log = folders.packages().join(format!("probe-{}.log", crate::ambient::new_id()));
    // Shims of version managers need the agent's own variables; another user gets none of them.
    let env = match folders.user() {
        Some(_) => vec![("PATH".to_owned(), crate::environ::PATH.to_owned())],
        None => own_variables()
            .filter(|(name, _)| matches!(name.as_str(), "PATH" | "HOME") || name.starts_with("PYENV"))
            .collect(),
    };
    let ended = Tool {
        program,
        args: args.iter().map(Into::into).collect(),
        env,
        user: folders.user().cloned(),
        folder: "/".into(),
        log: &log,
        limit: Duration::from_secs(20),
    }
    .run()
    .await;
    let _ = std::fs::remove_file(&log);
    match ended {
        Ok(end) if end.ok => Ok(end.text),
        Ok(end) => Err(end.text.lines().last().unwrap_or("it failed").chars().take(200).collect()),
        Err(error) => Err(error.to_string()),
    }
}

fn read_probe(text: &str) -> Option<(Python, (u32, u32))> {
    let (version, path) = text.split_once('\n')?;
    let mut parts = version.trim().split('.').map(|part| part.parse::<u32>().ok());
    let number = (parts.next()??, parts.next()??);
    let path = path.trim();
    let python = Python { path: path.into(), version: version.trim().into() };
    path.starts_with('/').then_some((python, number))
}

fn candidates() -> Vec<PathBuf> {
    on_path(&NAMES)
}

/// Existing files of these names in the folders of `PATH` and the usual ones, name by name.
fn on_path(names: &[&str]) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(std::env::split_paths(crate::environ::PATH));
    let mut found: Vec<PathBuf> = Vec::new();
    for name in names {
        for folder in &folders {
            let file = folder.join(name);
            if folder.is_absolute() && file.is_file() && !found.contains(&file) {
                found.push(file);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn probes_are_read() {
        for (text, version) in [("3.12.1\n/usr/bin/python3", Some((3, 12))), ("3.9.0\n/x", Some((3, 9)))] {
            assert_eq!(read_probe(text).map(|found| found.1), version);
        }
        for bad in ["", "3.12.1", "x.y\n/x", "3.12.1\nrelative", "3\n/x"] {
            assert_eq!(read_probe(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::open(dir.path(), None).await.unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        for (path, part) in [
            (script("old", "echo 3.10.4; echo /usr/bin/old"), "is version 3.10.4"),
            (script("other", "echo hello"), "is no Python"),
            (script("broken", "echo command not found >&2; exit 127"), "command not found"),
            (dir.path().join("missing"), "No such file"),
        ] {
            let config = RobotConfig { python: Some(path), ..RobotConfig::default() };
            let failure = find_python(&config, &folders).await.unwrap_err();
            assert_eq!(failure.0.code, "Robot.PythonMissing");
            assert!(failure.0.detail.contains(part), "{}", failure.0.detail);
        }
        let good = script("good", "echo 3.11.0; echo /opt/python");
        let config = RobotConfig { python: Some(good), ..RobotConfig::default() };
        let python = find_python(&config, &folders).await.unwrap();
        assert_eq!(python, Python { path: "/opt/python".into(), version: "3.11.0".into() });

        let config = RobotConfig { uv: "/no/uv".into(), ..RobotConfig::default() };
        assert_eq!(find_uv(&config, &folders).await.unwrap_err().0.code, "Robot.UvMissing");
        let config = RobotConfig { uv: "off".into(), ..RobotConfig::default() };
        assert_eq!(find_uv(&config, &folders).await.unwrap(), None);
    }
}
