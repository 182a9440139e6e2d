//! The server as a process: started on a free port with a data folder, stopped, killed, asked for credentials.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// A start may take this long.
const START: Duration = Duration::from_secs(60);
/// An orderly end may take this long.
const END: Duration = Duration::from_secs(30);
/// The administrator's password of throwaway servers.
pub const PASSWORD: &str = "Throwaway 9 password";

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The binary.
    pub binary: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// Address of a PostgreSQL database; SQLite in the data folder without it.
    pub database: Option<String>,
    /// Further arguments of `serve`.
    pub arguments: Vec<String>,
}

impl Settings {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        // Settings of the surroundings must not change what is measured.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.data);
        command.env("BANDMASTER_ADMIN_PASSWORD", PASSWORD).env("BANDMASTER_DATA", &self.data);
        if let Some(url) = &self.database {
            command.env("BANDMASTER_DATABASE", url);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.data.clone().into_os_string();
        name.push(extension);
        PathBuf::from(name)
    }

    /// Where the server's output goes.
    pub fn log_file(&self) -> PathBuf {
        self.beside(".log")
    }

    /// What the server wrote to its log, the end of it.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }

    /// Runs `bandmaster admin` with these words; what it answers.
    pub async fn admin(&self, words: &[&str]) -> Result<Value> {
        let output = self.command().arg("admin").args(words).output().await.context("the binary does not run")?;
        if !output.status.success() {
            bail!("admin {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("the answer of the command is no JSON")
    }
}

/// A server process. Dropping it kills it.
pub struct Product {
    settings: Settings,
    child: Child,
    ready_file: PathBuf,
    address: Option<SocketAddr>,
}

impl Product {
    /// Starts the process without waiting for it.
    pub fn spawn(settings: &Settings) -> Result<Product> {
        std::fs::create_dir_all(&settings.data)?;
        let ready_file = settings.beside(".ready");
        if ready_file.exists() {
            std::fs::remove_file(&ready_file)?;
        }
        let log = File::options().create(true).append(true).open(settings.log_file())?;
        let child = settings
            .command()
            .args(["serve", "--listen", "127.0.0.1:0", "--ready-file"])
            .arg(&ready_file)
            .args(&settings.arguments)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not run", settings.binary.display()))?;
        Ok(Product { settings: settings.clone(), child, ready_file, address: None })
    }

    /// Starts the process and waits until it serves.
    pub async fn start(settings: &Settings) -> Result<Product> {
        let mut product = Product::spawn(settings)?;
        product.ready().await?;
        Ok(product)
    }

    /// Waits until it serves; where.
    pub async fn ready(&mut self) -> Result<SocketAddr> {
        let begun = Instant::now();
        loop {
            // The file may be seen before it is whole.
            let text = std::fs::read_to_string(&self.ready_file).unwrap_or_default();
            if let Ok(ready) = serde_json::from_str::<Value>(&text) {
                let url = ready["url"].as_str().unwrap_or_default();
                let address = url.rsplit('/').next().unwrap_or_default().parse().context("the server's address")?;
                self.address = Some(address);
                return Ok(address);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}: {}", self.settings.log_tail());
            }
            if begun.elapsed() > START {
                bail!("the server was not ready within {} s: {}", START.as_secs(), self.settings.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Where it serves. Only after [`Product::ready`].
    pub fn address(&self) -> Result<SocketAddr> {
        self.address.ok_or_else(|| anyhow!("the server is not ready"))
    }

    /// How it was started.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the process has ended by itself.
    pub fn ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills it without notice (SIGKILL) and waits until it is gone.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("the server cannot be killed")
    }

    /// Ends it in an orderly way.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            let sent = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid.to_string()]).status().await?;
            if !sent.success() {
                bail!("the server cannot be asked to stop");
            }
        }
        match tokio::time::timeout(END, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                if status.success() {
                    Ok(())
                } else {
                    bail!("the server ended with {status}: {}", self.settings.log_tail())
                }
            }
            Err(_) => bail!("the server did not end within {} s", END.as_secs()),
        }
    }

    /// Memory of the process that is in RAM, in KiB: (all of it, what no file stands behind).
    pub fn memory(&self) -> Result<(u64, u64)> {
        let pid = self.pid().context("the server does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
        };
        Ok((field("VmRSS:"), field("RssAnon:")))
    }
}

/// The server's binary: the given one, that of `BANDMASTER_BIN`, or the one of the same build, which is brought up to
/// date when this runs under cargo.
pub fn binary(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = given.map(Path::to_owned).or_else(|| std::env::var_os("BANDMASTER_BIN").map(PathBuf::from)) {
        return path.canonicalize().with_context(|| path.display().to_string());
    }
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = std::process::Command::new(cargo);
        build.args(["build", "--quiet", "--package", "bandmaster-server"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        if !build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success() {
            bail!("the server cannot be built");
        }
    }
    let own = std::env::current_exe()?;
    // Tests lie one folder deeper.
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("bandmaster")).find(|path| path.is_file());
    found.context("there is no server binary beside this one: build bandmaster-server, or name one with --binary")
}
