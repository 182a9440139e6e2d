//! What every test needs: the server, a data folder, agents over it, jobs, and waiting.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bandmaster_robot::{RobotConfig, Secret};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::server::{Job, MACHINE_KEY, Server};

/// Longest wait for anything; only a failing test needs it.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Rig {
    pub server: Server,
    pub config: RobotConfig,
    dir: tempfile::TempDir,
    port: u16,
}

/// A running agent.
pub struct Agent {
    task: JoinHandle<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

impl Agent {
    /// Gone at once, as after a crash: nothing of it runs on.
    pub async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// Stopped as by its user.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

impl Rig {
    pub async fn new() -> Self {
        let (server, address) = Server::start().await;
        let dir = tempfile::tempdir().unwrap();
        // When the tests are root, jobs run as another user, who has to come in.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let shared = dir.path().join("shared");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
        let config = RobotConfig {
            uv: "off".into(),
            host_name: Some("host".into()),
            log_poll_milliseconds: 10,
            log_flush_milliseconds: 10_000,
            retry_first_milliseconds: 10,
            retry_max_milliseconds: 50,
            ..RobotConfig::new(format!("http://{address}"), Secret::new(MACHINE_KEY), dir.path().join("data"))
        };
        Self { server, config, dir, port: address.port() }
    }

    pub fn agent(&self) -> Agent {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(bandmaster_robot::run(self.config.clone(), shutdown.clone()));
        Agent { task, shutdown }
    }

    /// A folder that test and jobs share; jobs know it as `$SHARED`.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.dir.path().join("shared").join(name)
    }

    pub fn data(&self, name: &str) -> PathBuf {
        self.dir.path().join("data").join(name)
    }

    /// Lets a job go on that waits for this file.
    pub fn touch(&self, name: &str) {
        fs::write(self.shared(name), "").unwrap();
    }

    pub async fn until_file(&self, name: &str) -> String {
        let path = self.shared(name);
        until(name, || path.exists()).await;
        fs::read_to_string(path).unwrap()
    }

    /// Publishes a shell script and gives a job of it to the agent.
    pub fn job(&self, number: u32, script: &str) -> String {
        self.job_with(number, script, json!({}))
    }

    /// The same with members of the command replaced.
    pub fn job_with(&self, number: u32, script: &str, members: Value) -> String {
        let manifest = json!({"command": ["./run.sh", "argument"], "env": {"PACKAGED": "yes"}});
        let package = package(&[
            ("operate.json", br#"{"targetRuntime":"executable","main":"run"}"#),
            ("bandmaster.json", manifest.to_string().as_bytes()),
            ("run.sh", format!("#!/bin/sh\n{script}\n").as_bytes()),
        ]);
        self.job_of(number, package, members)
    }

    pub fn job_of(&self, number: u32, package: Vec<u8>, members: Value) -> String {
        // Left-over processes are found by this key, so tests that run side by side must not share it.
        let key = format!("{:08x}-0000-4000-8000-{number:012}", self.port);
        let id = format!("package{number}");
        let mut command = json!({
            "id": format!("command{number}"), "type": "StartProcess", "jobKey": key, "jobId": number,
            "processKey": "release-key", "processName": "Hello", "packageId": id,
            "packageVersion": "1.0.0", "feedId": "feed", "entryPointPath": "main",
            "inputArguments": "{\"a\":1}", "inputFile": null,
            "environmentVariables": format!("SHARED={}", self.dir.path().join("shared").display()),
            "folderKey": "folder-key", "folderPath": "Shared", "fullyQualifiedFolderName": "Shared",
            "reservationId": format!("reservation{number}"), "jobAccessToken": "job-token",
            "organizationId": "oid", "organizationName": "Default", "tenantId": "tid",
            "tenantName": "Default", "timeLimitSeconds": null, "stopGraceSeconds": null,
        });
        for (name, value) in members.as_object().unwrap() {
            command[name] = value.clone();
        }
        let mut inner = self.server.lock();
        inner.packages.insert(format!("{id}:1.0.0"), package);
        inner.jobs.insert(key.clone(), Job { command, ..Job::default() });
        drop(inner);
        self.server.nudge();
        key
    }

    /// Asks for a stop, in every heartbeat until the job has ended.
    pub fn stop(&self, key: &str, strategy: &str) {
        let command = json!({"id": strategy, "type": "StopProcess", "jobKey": key, "strategy": strategy});
        self.server.lock().stops.push(command);
        self.server.nudge();
    }

    /// The state in which the job ended.
    pub async fn end(&self, key: &str) -> Value {
        until("the end of the job", || self.server.lock().jobs[key].end.is_some()).await;
        self.server.lock().jobs[key].end.clone().unwrap()
    }

    pub async fn end_state(&self, key: &str) -> String {
        self.end(key).await["jobState"].as_str().unwrap().to_owned()
    }

    /// Messages of the job's log that came on this level.
    pub fn log(&self, key: &str, level: &str) -> Vec<String> {
        let inner = self.server.lock();
        let of_job = inner.logs.iter().filter(|r| r["jobId"] == key && r["level"] == level);
        of_job.map(|record| record["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Nothing was wrong in any call, and the agent forgets what is over.
    pub async fn check(&self) {
        assert_eq!(self.server.lock().problems, Vec::<String>::new());
        for folder in ["journal", "jobs", "spool"] {
            let folder = self.data(folder);
            until("an empty folder", || fs::read_dir(&folder).unwrap().count() == 0).await;
        }
    }
}

/// A package with these files as its content.
pub fn package(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(format!("content/{name}"), SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Waits until the condition holds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// True while the process runs.
pub fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
