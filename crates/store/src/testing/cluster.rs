//! A private PostgreSQL cluster for the test process.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Keeps the cluster for the life of the process. The shell that watches it
/// ends it when this end of the pipe closes, also after a kill.
struct Cluster {
    url: String,
    _watch: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

/// The address of a superuser in the cluster for tests, which is started when
/// there is none. Give it to child processes as `BANDMASTER_TEST_PG_URL`.
pub fn cluster_url() -> String {
    if let Ok(url) = std::env::var("BANDMASTER_TEST_PG_URL")
        && !url.is_empty()
    {
        return url;
    }
    CLUSTER.get_or_init(start).url.clone()
}

/// The newest installed server's programs.
fn binaries() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| {
            let version = e.file_name().to_string_lossy().parse().ok()?;
            let bin = e.path().join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, bin)| bin);
    newest.expect("the PostgreSQL server is missing: apt-get install postgresql")
}

/// The server refuses to run as root; then it runs as the package's user.
fn other_user() -> Option<(u32, u32)> {
    let me = fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(0);
    if me != 0 {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let line = passwd
        .lines()
        .find(|l| l.starts_with("postgres:"))
        .expect("running as root needs the user postgres, which the server's package makes");
    let mut fields = line.split(':').skip(2);
    let mut id = || fields.next().and_then(|f| f.parse().ok()).expect("an id");
    Some((id(), id()))
}

fn command(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/").env_remove("LC_ALL").env("LANG", "C");
    command
}

fn start() -> Cluster {
    let bin = binaries();
    let user = other_user();
    let folder = tempfile::Builder::new().prefix("bandmaster-pg-").tempdir().expect("a temporary folder").keep();
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("chown");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("chmod");
    let data = folder.join("data");
    let init = command(&bin.join("initdb"), user)
        .args(["--no-sync", "--locale=C", "--encoding=UTF8", "--auth=trust"])
        .args(["--username=bandmaster", "-D"])
        .arg(&data)
        .output()
        .expect("initdb runs");
    assert!(init.status.success(), "initdb: {}", String::from_utf8_lossy(&init.stderr));
    // `read` returns when the pipe closes, that is when this process is gone.
    let script = "\"$1/postgres\" -D \"$2\" -k \"$3\" \
        -c listen_addresses= -c fsync=off -c synchronous_commit=on \
        -c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB \
        -c unix_socket_permissions=0777 -c log_min_messages=fatal \
        >\"$3/log\" 2>&1 </dev/null & \
        server=$!; read -r _; kill -QUIT $server; wait $server; rm -rf \"$3\"";
    let mut watch = command(Path::new("/bin/sh"), user)
        .args(["-c", script, "sh"])
        .args([&bin, &data, &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Not ended by the terminal's interrupt before the pipe closes.
        .process_group(0)
        .spawn()
        .expect("sh runs");
    // The socket answers earlier, but refuses logins until then.
    let ready = || {
        let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|l| l.trim() == "ready")
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ready() {
        let ended = watch.try_wait().expect("wait").is_some();
        if ended || Instant::now() > deadline {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("the PostgreSQL server did not start: {log}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // The folder is closed to others by its own mode; the socket lies inside, so
    // the test's user must be able to pass.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).expect("chmod");
    let host = folder.to_string_lossy().replace('/', "%2F");
    Cluster { url: format!("postgres://bandmaster@{host}/postgres?sslmode=disable"), _watch: watch }
}
