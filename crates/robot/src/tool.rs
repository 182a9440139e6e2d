//! Running the programs that prepare an environment (the Python interpreter, pip, uv) as the
//! jobs' user, with the settings of package indexes and nothing else of the agent's environment.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{RobotConfig, Secret};
use crate::environ::PATH;
use crate::outcome::tail;
use crate::process::{self, Process, Spec};
use crate::sys::User;

/// Marks the processes of one preparation, so that those of a dead agent are found.
pub(crate) const MARK: &str = "BANDMASTER_PREPARES";

/// How a tool ended.
#[derive(Debug)]
pub(crate) struct ToolEnd {
    pub ok: bool,
    /// The end of what it wrote, without passwords.
    pub text: String,
}

/// One program to run to its end.
pub(crate) struct Tool<'a> {
    pub program: &'a Path,
    pub args: Vec<std::ffi::OsString>,
    pub env: Vec<(String, String)>,
    pub user: Option<User>,
    pub folder: PathBuf,
    /// File that its output goes to; replaced.
    pub log: &'a Path,
    pub limit: Duration,
}

impl Tool<'_> {
    /// Runs it. Dropping the future kills it and everything it has started.
    pub async fn run(self) -> io::Result<ToolEnd> {
        drop(File::create(self.log)?);
        let open = || OpenOptions::new().append(true).open(self.log);
        let mut tries = 0;
        let process = loop {
            let spec = Spec {
                program: self.program.into(),
                args: self.args.clone(),
                folder: self.folder.clone(),
                env: self.env.clone(),
                stdout: open()?,
                stderr: open()?,
                user: self.user.clone(),
            };
            match Process::start(spec) {
                // A file just written can still be open in a child forked by another thread.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 50 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                started => break started?,
            }
        };
        let mut guard = KillOnDrop(process);
        let ended = tokio::time::timeout(self.limit, guard.0.wait()).await;
        let text = redact(&tail(self.log)?);
        match ended {
            Ok(code) => Ok(ToolEnd { ok: code? == Some(0), text }),
            Err(_) => {
                let seconds = self.limit.as_secs();
                Ok(ToolEnd { ok: false, text: format!("{text}\nNot done after {seconds} s.") })
            }
        }
    }
}

struct KillOnDrop(Process);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        process::kill_group(&self.0.id);
    }
}

/// The environment of the preparation: package indexes, proxies and certificates as the agent has
/// them or as it was configured, homes and caches of its own.
pub(crate) fn environment(
    config: &RobotConfig,
    ambient: impl Iterator<Item = (String, String)>,
    cache: &Path,
    mark: &str,
) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = ambient.filter(|(name, _)| is_index_setting(name)).collect();
    let get =
        |env: &[(String, String)], name: &str| env.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    if let Some(index) = &config.index_url {
        env.retain(|(name, _)| !matches!(name.as_str(), "PIP_INDEX_URL" | "UV_INDEX_URL" | "UV_DEFAULT_INDEX"));
        env.push(("PIP_INDEX_URL".into(), index.expose().into()));
    }
    if !config.extra_index_urls.is_empty() {
        env.retain(|(name, _)| !matches!(name.as_str(), "PIP_EXTRA_INDEX_URL" | "UV_EXTRA_INDEX_URL" | "UV_INDEX"));
        let urls: Vec<_> = config.extra_index_urls.iter().map(Secret::expose).collect();
        env.push(("PIP_EXTRA_INDEX_URL".into(), urls.join(" ")));
    }
    // uv does not read pip's settings; whoever set only those means them for both.
    for (pip, uv, others) in [
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
        ("PIP_FIND_LINKS", "UV_FIND_LINKS", "UV_FIND_LINKS"),
    ] {
        if let Some(value) = get(&env, pip)
            && get(&env, uv).is_none()
            && get(&env, others).is_none()
        {
            env.push((uv.into(), value));
        }
    }
    let cache = cache.display();
    for (name, value) in [
        ("PATH", PATH.to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("HOME", cache.to_string()),
        ("TMPDIR", format!("{cache}/tmp")),
        ("PIP_CACHE_DIR", format!("{cache}/pip")),
        ("PIP_NO_INPUT", "1".to_owned()),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1".to_owned()),
        ("PIP_PROGRESS_BAR", "off".to_owned()),
        ("UV_CACHE_DIR", format!("{cache}/uv")),
        // Links into the cache would make every environment as writable as the cache is.
        ("UV_LINK_MODE", "copy".to_owned()),
        ("UV_PYTHON_DOWNLOADS", "never".to_owned()),
        ("UV_NO_PROGRESS", "1".to_owned()),
        // Jobs cannot write into the finished environment, so this is the time to compile.
        ("UV_COMPILE_BYTECODE", "1".to_owned()),
        (MARK, mark.to_owned()),
    ] {
        env.retain(|(n, _)| n != name);
        env.push((name.into(), value));
    }
    env
}

/// The agent's own variables, without those that are no text.
pub(crate) fn own_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn is_index_setting(name: &str) -> bool {
    // These say where things are installed, which is not the operator's but our business.
    const OURS: [&str; 12] = [
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_USER",
        "PIP_PYTHON",
        "PIP_REQUIREMENT",
        "PIP_REQUIRE_VIRTUALENV",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT_ENVIRONMENT",
        "UV_TARGET",
        "UV_PREFIX",
    ];
    if OURS.contains(&name) {
        return false;
    }
    name.starts_with("PIP_")
        || name.starts_with("UV_")
        || name.to_ascii_uppercase().ends_with("_PROXY")
        || matches!(name, "SSL_CERT_FILE" | "SSL_CERT_DIR" | "REQUESTS_CA_BUNDLE" | "CURL_CA_BUNDLE")
}

/// Takes user and password out of every address in a text.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
            .unwrap_or(after.len());
        let (authority, later) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str("***@");
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = later;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn env(config: &RobotConfig, ambient: &[(&str, &str)]) -> BTreeMap<String, String> {
        let ambient = ambient.iter().map(|(a, b)| (a.to_string(), b.to_string()));
        environment(config, ambient, Path::new("/c"), "m").into_iter().collect()
    }

    #[test]
    fn only_index_settings_are_passed_on() {
        let env = env(
            &RobotConfig::default(),
            &[
                ("BANDMASTER_MACHINE_KEY", "secret"),
                ("HOME", "/home/robot"),
                ("PIP_TARGET", "/evil"),
                ("PIP_CACHE_DIR", "/home/robot/.cache"),
                ("PIP_INDEX_URL", "https://i/simple"),
                ("https_proxy", "http://p"),
                ("NO_PROXY", "localhost"),
                ("SSL_CERT_FILE", "/c.pem"),
                ("UV_INDEX_STRATEGY", "first-index"),
            ],
        );
        for (name, value) in [
            ("BANDMASTER_MACHINE_KEY", None),
            ("PIP_TARGET", None),
            ("HOME", Some("/c")),
            ("PIP_CACHE_DIR", Some("/c/pip")),
            ("PIP_INDEX_URL", Some("https://i/simple")),
            ("UV_DEFAULT_INDEX", Some("https://i/simple")),
            ("https_proxy", Some("http://p")),
            ("NO_PROXY", Some("localhost")),
            ("SSL_CERT_FILE", Some("/c.pem")),
            ("UV_INDEX_STRATEGY", Some("first-index")),
        ] {
            assert_eq!(env.get(name).map(String::as_str), value, "{name}");
        }
    }

    #[test]
    fn configured_indexes_win() {
        let config = RobotConfig {
            index_url: Some(Secret::new("https://mine/simple")),
            extra_index_urls: vec![Secret::new("https://a"), Secret::new("https://b")],
            ..RobotConfig::default()
        };
        let ambient = [("PIP_INDEX_URL", "x"), ("UV_INDEX_URL", "y"), ("PIP_EXTRA_INDEX_URL", "z")];
        let env = env(&config, &ambient);
        for name in ["PIP_INDEX_URL", "UV_DEFAULT_INDEX"] {
            assert_eq!(env.get(name).map(String::as_str), Some("https://mine/simple"), "{name}");
        }
        for name in ["PIP_EXTRA_INDEX_URL", "UV_INDEX"] {
            assert_eq!(env.get(name).map(String::as_str), Some("https://a https://b"), "{name}");
        }
        assert!(!env.contains_key("UV_INDEX_URL"));
    }

    #[test]
    fn passwords_are_taken_out() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("https://u:p@host/x", "https://***@host/x"),
            ("a https://u:p@w@host:8 b http://t@h", "a https://***@host:8 b http://***@h"),
            ("https://host/a@b", "https://host/a@b"),
            ("url='https://u:p@host'", "url='https://***@host'"),
            ("://", "://"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[tokio::test]
    async fn a_tool_that_takes_too_long_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let run = |script: &str, limit| {
            Tool {
                program: Path::new("/bin/sh"),
                args: vec!["-c".into(), script.into()],
                env: Vec::new(),
                user: None,
                folder: dir.path().into(),
                log: &log,
                limit,
            }
            .run()
        };
        let long = Duration::from_secs(60);
        assert!(run("exit 0", long).await.unwrap().ok);
        let end = run("echo http://u:p@h >&2; exit 3", long).await.unwrap();
        assert!(!end.ok && end.text == "http://***@h");
        let end = run("sleep 60 & sleep 60", Duration::from_millis(1)).await.unwrap();
        assert!(!end.ok && end.text.contains("Not done"));
    }
}
