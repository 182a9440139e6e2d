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
    start_with(&[], |_, _| {})
}

/// Starts a cluster with further options of the server, after `prepare` has been
/// at its data folder as the server's user.
fn start_with(options: &[String], prepare: impl FnOnce(&Path, Option<(u32, u32)>)) -> Cluster {
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
    prepare(&data, user);
    // `read` returns when the pipe closes, that is when this process is gone.
    let script = "bin=$1; data=$2; folder=$3; shift 3; \
        \"$bin/postgres\" -D \"$data\" -k \"$folder\" \
        -c listen_addresses= -c fsync=off -c synchronous_commit=on \
        -c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB \
        -c unix_socket_permissions=0777 -c log_min_messages=fatal \"$@\" \
        >\"$folder/log\" 2>&1 </dev/null & \
        server=$!; read -r _; kill -QUIT $server; wait $server; rm -rf \"$folder\"";
    let mut watch = command(Path::new("/bin/sh"), user)
        .args(["-c", script, "sh"])
        .args([&bin, &data, &folder])
        .args(options)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DbError, Store, StoreConfig};

    const CERTIFICATES: &str = "set -e; cd \"$1\"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj /CN=test-authority -keyout ca.key -out ca.crt
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj /CN=server -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > extensions
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile extensions -out server.crt
        chmod 600 server.key; cp ca.crt ../ca.crt";

    /// Another server, which listens on a port and offers TLS; its authority's file.
    fn with_tls() -> (Cluster, u16, PathBuf) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut authority = PathBuf::new();
        let options = ["listen_addresses=localhost".to_owned(), format!("port={port}"), "ssl=on".to_owned()];
        let options: Vec<String> = options.into_iter().flat_map(|o| ["-c".to_owned(), o]).collect();
        let cluster = start_with(&options, |data, user| {
            let made = command(Path::new("/bin/sh"), user).args(["-c", CERTIFICATES, "sh"]).arg(data).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            authority = data.with_file_name("ca.crt");
        });
        (cluster, port, authority)
    }

    async fn encrypted(url: String) -> Result<bool, DbError> {
        let store = Store::open(StoreConfig::postgres(url)).await?;
        let mut conn = store.read().await?;
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        conn.query_one(sql, &[]).await?.get(0)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tls_is_used_and_checked_as_asked() {
        let (_cluster, port, authority) = with_tls();
        let authority = authority.to_string_lossy().replace('/', "%2F");
        let url = |host: &str, query: &str| format!("postgres://bandmaster@{host}:{port}/postgres{query}");
        for (host, query, expected) in [
            ("localhost", String::new(), Some(true)),
            ("localhost", "?sslmode=disable".into(), Some(false)),
            ("localhost", "?sslmode=prefer".into(), Some(true)),
            ("localhost", "?sslmode=require".into(), Some(true)),
            ("localhost", format!("?sslmode=verify-full&sslrootcert={authority}"), Some(true)),
            ("localhost", format!("?sslmode=require&sslrootcert={authority}"), Some(true)),
            // Not in the certificate; not of a known authority; no such file.
            ("127.0.0.1", format!("?sslmode=verify-full&sslrootcert={authority}"), None),
            ("localhost", "?sslmode=verify-full".into(), None),
            ("localhost", "?sslmode=verify-full&sslrootcert=%2Fnowhere".into(), None),
        ] {
            let result = encrypted(url(host, &query)).await;
            match expected {
                Some(tls) => assert_eq!(result, Ok(tls), "{query}"),
                None => assert!(result.is_err(), "{query}"),
            }
        }
    }
}
