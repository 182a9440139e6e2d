//! `bandmaster quickstart`: server, robot, sample package, process, job, result, in one command.
//!
//! Everything goes through the same HTTP calls that any client would make; only the first credentials come from inside.

mod client;
mod sample;

use crate::admin;
use crate::config::Config;
use crate::start::{self, Ambient, Running};
use anyhow::{Context, Result, bail};
use client::Api;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The sample may take this long, most of which is the preparation of its Python environment.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is shown of a failed job's error; what to do comes first in it.
const LINES_OF_AN_ERROR: usize = 8;

/// The robot has this long to end.
const FAREWELL: Duration = Duration::from_secs(10);

type Agent = tokio::task::JoinHandle<Result<()>>;

/// What the quickstart prints at the end.
pub struct Outcome {
    /// Whether the job was Successful.
    pub successful: bool,
}

/// Runs the main job once; then goes on serving until interrupted, unless `once`.
pub async fn run(config: &Config, once: bool) -> Result<Outcome> {
    let prepared = start::prepare(config, Ambient::default()).await?;
    let running = start::run(config, prepared).await?;
    say(&format!("server     {}", running.url));
    let stop_robot = CancellationToken::new();
    let mut agent = None;
    let result = main_job(config, &running, &stop_robot, &mut agent).await;
    if result.is_ok() && !once {
        say("serving    press Ctrl-C to stop");
        crate::signals::stop_asked().await;
    }
    stop_robot.cancel();
    if let Some(agent) = agent {
        // The robot says goodbye while the server still listens.
        let _ = tokio::time::timeout(FAREWELL, agent).await;
    }
    running.stop().await;
    result
}

async fn main_job(
    config: &Config,
    running: &Running,
    stop_robot: &CancellationToken,
    agent: &mut Option<Agent>,
) -> Result<Outcome> {
    let ask = |request: Value| async move {
        admin::execute(&running.app, &request).await.map_err(|e| anyhow::anyhow!("{e:?}"))
    };
    if let Some(password) = running.first.as_ref().and_then(|f| f.password.as_ref()) {
        say(&format!("sign in    admin / {}   (shown once)", password.reveal()));
    }
    let robot = ask(json!({"command": "robot create", "name": "quickstart-robot"})).await?;
    let scopes = "OR.Execution OR.Folders OR.Jobs OR.Machines OR.Monitoring OR.Robots";
    let run = &running.app.ids.guid()[..8];
    let made = json!({"command": "application create", "name": format!("quickstart-{run}"), "scopes": scopes});
    let client = ask(made).await?;
    let api = Api::sign_in(&running.url, &client, scopes, robot["folder_id"].as_i64().unwrap_or_default()).await?;
    say(&format!("client     id {}  secret {}", shown(&client["client_id"]), shown(&client["client_secret"])));
    let machine_key = api.machine("quickstart").await?;
    let (data_dir, run_as) = robot_folder(&config.data());
    let robot = bandmaster_robot::RobotConfig {
        server_url: running.url.clone(),
        machine_key: bandmaster_robot::Secret::new(machine_key),
        data_dir,
        run_as,
        ..bandmaster_robot::RobotConfig::default()
    };
    let agent = agent.insert(tokio::spawn(bandmaster_robot::run(robot, stop_robot.clone())));
    let package = sample::package().await?;
    say(&format!("package    {} {} ({})", package.id, package.version, package.made_by));
    let release = api.publish(&package).await?;
    say(&format!("process    {}", release["Name"].as_str().unwrap_or_default()));
    let job = api.start(&release, &json!({"name": "Bandmaster"})).await?;
    let key = job["Key"].as_str().context("the job has no key")?.to_owned();
    say(&format!("job        {key}"));
    let ended = follow(&api, &key, agent).await?;
    for line in api.logs(&key).await? {
        say(&format!("log        {line}"));
    }
    let state = ended["State"].as_str().unwrap_or_default();
    say(&format!("state      {state}"));
    say(&format!("output     {}", ended["OutputArguments"].as_str().unwrap_or("none")));
    if let Some(info) = ended["Info"].as_str().filter(|_| state != "Successful") {
        say(&format!("info       {info}"));
        for line in ended["JobError"]["detail"].as_str().unwrap_or_default().lines().take(LINES_OF_AN_ERROR) {
            say(&format!("           {line}"));
        }
    }
    Ok(Outcome { successful: state == "Successful" })
}

/// The robot's own folder, and as whom jobs run. As root, jobs run as a user without rights, who must be able to
/// enter every folder above; where that cannot be, a trial runs them as the caller.
fn robot_folder(data: &Path) -> (PathBuf, Option<String>) {
    let beside = data.with_file_name(format!("{}-robot", data.file_name().unwrap_or_default().to_string_lossy()));
    let enterable = |folder: &Path| folder.metadata().is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
    let above = beside.parent().and_then(|p| p.canonicalize().ok());
    if above.is_some_and(|p| p.ancestors().all(enterable)) {
        (beside, None)
    } else {
        (data.join("robot"), Some("same".to_owned()))
    }
}

/// Waits for the end of a job and tells what happens on the way.
async fn follow(api: &Api, key: &str, agent: &mut Agent) -> Result<Value> {
    let begun = Instant::now();
    let mut told = String::new();
    loop {
        let job = api.job(key).await?;
        let state = job["State"].as_str().unwrap_or_default();
        let line = format!("{state} {}", job["Info"].as_str().unwrap_or_default());
        if line != told {
            say(&format!("           {}", line.trim()));
            told = line;
        }
        if matches!(state, "Successful" | "Faulted" | "Stopped") {
            return Ok(job);
        }
        if agent.is_finished() {
            return match (&mut *agent).await {
                Ok(Err(error)) => Err(error.context("the robot ended before the job did")),
                _ => bail!("the robot ended before the job did"),
            };
        }
        if begun.elapsed() > PATIENCE {
            bail!("the job did not end within {} s: {}", PATIENCE.as_secs(), api.why(&job).await?);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn shown(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn say(line: &str) {
    println!("{line}");
}
