//! A private PostgreSQL cluster with everything on that makes a commit durable. The store's own test clusters run without
//! `fsync`, which would make every comparison worthless.

use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running cluster; ends, and its files go, when this is dropped or its process dies.
pub struct Cluster {
    folder: PathBuf,
    bin: PathBuf,
    watch: Child,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // What the shell returns is of no interest any more.
        let _ = self.watch.wait();
    }
}

impl Cluster {
    /// Makes and starts a cluster below a folder.
    pub fn start(below: &Path) -> Result<Cluster> {
        let bin = programs()?;
        let user = other_user()?;
        let folder = tempfile::Builder::new().prefix("bandmaster-bench-pg-").tempdir_in(below)?.keep();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid))?;
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
        let data = folder.join("data");
        let init = command(&bin.join("initdb"), user)
            .args(["--locale=C", "--encoding=UTF8", "--auth=trust", "--username=bandmaster", "-D"])
            .arg(&data)
            .output()?;
        if !init.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&init.stderr));
        }
        // `read` returns when the pipe closes, that is when this process is gone.
        let script = "\"$1/postgres\" -D \"$2\" -k \"$3\" -c listen_addresses= \
            -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
            -c max_connections=200 -c shared_buffers=512MB -c max_wal_size=4GB -c unix_socket_permissions=0777 \
            -c log_min_messages=fatal >\"$3/log\" 2>&1 </dev/null & \
            server=$!; read -r _; kill -QUIT $server; wait $server; rm -rf \"$3\"";
        let watch = command(Path::new("/bin/sh"), user)
            .args(["-c", script, "sh"])
            .args([&bin, &data, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Not ended by the terminal's interrupt before the pipe closes.
            .process_group(0)
            .spawn()?;
        let mut cluster = Cluster { folder, bin, watch };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !cluster.ready(&data) {
            if cluster.watch.try_wait()?.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(cluster.folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL did not start: {log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(cluster)
    }

    /// Whether it takes logins; the file is readable for its owner and root only.
    fn ready(&self, data: &Path) -> bool {
        let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|l| l.trim() == "ready")
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        let host = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://bandmaster@{host}/{name}?sslmode=disable")
    }

    /// A program of PostgreSQL that talks to a database of this cluster.
    pub fn program(&self, program: &str, database: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.bin.join(program));
        command.arg("-h").arg(&self.folder).args(["-U", "bandmaster"]).env("PGDATABASE", database).kill_on_drop(true);
        command
    }

    /// Makes an empty database; its address.
    pub async fn create(&self, name: &str) -> Result<String> {
        let client = connect(&self.url("postgres")).await?;
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
        Ok(self.url(name))
    }
}

/// A plain connection.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.context("PostgreSQL")?;
    // Ends with the client; errors come out there.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// The newest installed server's programs.
fn programs() -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_string_lossy().parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, bin)| bin);
    newest.context("the PostgreSQL server is missing: apt-get install postgresql")
}

/// The server refuses to run as root; then it runs as the package's user.
fn other_user() -> Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd")?;
    let line = passwd.lines().find(|l| l.starts_with("postgres:"));
    let line = line.context("as root there must be a user postgres, which the server's package makes")?;
    let mut ids = line.split(':').skip(2).map(str::parse::<u32>);
    match (ids.next(), ids.next()) {
        (Some(Ok(uid)), Some(Ok(gid))) => Ok(Some((uid, gid))),
        _ => bail!("the user postgres has no ids"),
    }
}

fn command(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/").env_remove("LC_ALL").env("LANG", "C");
    command
}
