//! A private PostgreSQL cluster with everything on that makes a commit durable. The store's own test clusters run without
//! `fsync`, which would make every comparison worthless.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A start may take this long, also one that recovers.
const START: Duration = Duration::from_secs(60);

/// How a database is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are cut off, transactions rolled back, everything is written (SIGINT).
    Fast,
    /// Everything ends where it stands, as in a crash; the next start recovers (SIGQUIT).
    Immediate,
}

/// A running cluster; ends, and its files go, when this is dropped or its process dies.
pub struct Cluster {
    folder: PathBuf,
    bin: PathBuf,
    watch: Child,
    /// How the shell that holds the server is told to stop and start it, and where it tells that it has.
    orders: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.orders.get_mut().unwrap_or_else(PoisonError::into_inner).take());
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
        // `read` fails when the pipe closes, that is when this process is gone.
        let script = "run() { \"$1/postgres\" -D \"$2\" -k \"$3\" -c listen_addresses= \
            -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
            -c max_connections=200 -c shared_buffers=512MB -c max_wal_size=4GB -c unix_socket_permissions=0777 \
            -c log_min_messages=fatal >>\"$3/log\" 2>&1 </dev/null & server=$!; }
            run \"$@\"
            while read -r order; do
              case $order in
                INT|QUIT) kill \"-$order\" $server; wait $server;;
                run) run \"$@\";;
              esac
              echo done
            done
            kill -QUIT $server; wait $server; rm -rf \"$3\"";
        let mut watch = command(Path::new("/bin/sh"), user)
            .args(["-c", script, "sh"])
            .args([&bin, &data, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Not ended by the terminal's interrupt before the pipe closes.
            .process_group(0)
            .spawn()?;
        let orders = watch.stdin.take().zip(watch.stdout.take()).map(|(to, from)| (to, BufReader::new(from)));
        let mut cluster = Cluster { folder, bin, watch, orders: Mutex::new(orders) };
        let deadline = Instant::now() + START;
        while !cluster.ready() {
            if cluster.watch.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("PostgreSQL did not start: {}", cluster.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(cluster)
    }

    /// Stops the database, starts it again, and waits until it takes logins; when that was. Blocks the thread.
    pub fn restart(&self, how: Stop) -> Result<Instant> {
        self.order(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        })?;
        // It removes the file when it ends; what an end in disorder leaves must not be taken for the new one's.
        let _ = fs::remove_file(self.folder.join("data/postmaster.pid"));
        self.order("run")?;
        let deadline = Instant::now() + START;
        while !self.ready() {
            if Instant::now() > deadline {
                bail!("PostgreSQL did not come back: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Instant::now())
    }

    /// Ends every connection to a database from outside, and tells how many.
    pub async fn terminate(&self, url: &str) -> Result<usize> {
        let client = connect(&self.url("postgres")).await?;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        Ok(client.query(sql, &[&name_of(url)]).await?.len())
    }

    /// Removes a database.
    pub async fn remove(&self, url: &str) -> Result<()> {
        let client = connect(&self.url("postgres")).await?;
        Ok(client.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", name_of(url))).await?)
    }

    fn order(&self, word: &str) -> Result<()> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let (to, from) = orders.as_mut().context("the shell that holds PostgreSQL is gone")?;
        writeln!(to, "{word}")?;
        let mut answer = String::new();
        if from.read_line(&mut answer)? == 0 {
            bail!("the shell that holds PostgreSQL has ended");
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Whether it takes logins; the file is readable for its owner and root only.
    fn ready(&self) -> bool {
        let state = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|l| l.trim() == "ready")
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        let host = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://bandmaster@{host}/{name}?sslmode=disable")
    }

    /// The folder of its socket.
    pub fn host(&self) -> &Path {
        &self.folder
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

/// The name of the database of an address.
fn name_of(url: &str) -> &str {
    url.rsplit('/').next().and_then(|end| end.split('?').next()).unwrap_or_default()
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
