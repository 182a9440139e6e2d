//! The robot agent of Bandmaster: connects a host to a server, takes the jobs that the server gives
//! it, runs them as processes and reports how they ended. It speaks HTTP to the server and depends
//! on no other crate of the workspace; the protocol is told in `docs/robot-protocol.md`.
//!
//! What holds whatever crashes: a process is started only for a job that the server has accepted
//! under its reservation, at most once for each reservation, and every accepted job is reported as
//! ended in the end. Jobs are processes of their own that outlive the agent; a new agent over the
//! same data folder adopts them.

mod agent;
mod ambient;
mod cleanup;
mod client;
mod config;
mod context;
mod environ;
mod environments;
mod failure;
mod folders;
mod follow;
mod interpreter;
mod job;
mod journal;
mod logline;
mod outcome;
mod package;
mod plan;
mod process;
mod requirements;
mod ship;
mod spool;
mod stops;
mod sys;
mod tool;
mod unpack;
mod wake;
mod wire;

use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

pub use ambient::Clock;
pub use config::{RobotConfig, Secret};

use agent::Agent;
use client::Client;
use context::Context;
use environments::Environments;
use folders::Folders;
use journal::Journal;
use sys::User;

/// Runs a robot agent until `shutdown` is cancelled. A server that is away is waited for; errors
/// are only what cannot get better by waiting: an unusable configuration or data folder.
///
/// Running jobs are not stopped at the end; their processes go on and are adopted by the next
/// agent over the same data folder. The same holds when the future is dropped.
pub async fn run(config: RobotConfig, shutdown: CancellationToken) -> Result<()> {
    config.check()?;
    let user = jobs_user(&config, sys::effective_uid())?;
    let identity = match &user {
        Some(user) => user.name.clone(),
        None => {
            sys::user_by_id(sys::effective_uid()).map_or_else(|| sys::effective_uid().to_string(), |user| user.name)
        }
    };
    let folders = Arc::new(Folders::open(&config.data_dir, user).await?);
    let host = config.host_name.clone().unwrap_or_else(sys::host_name);
    let client = Arc::new(Client::new(&config, &host, &folders.installation_id()?)?);
    let (spools, new_spools) = mpsc::unbounded_channel();
    let context = Context {
        journal: Journal::new(folders.clone()),
        environments: Arc::new(Environments::new(folders.clone())),
        folders,
        client,
        host,
        identity,
        spools,
        spools_grown: Arc::new(Notify::new()),
        config,
    };
    Agent::start(context, new_spools).await?.run(shutdown).await;
    Ok(())
}

/// The user that jobs run as; `None` for the agent's own.
fn jobs_user(config: &RobotConfig, own_uid: u32) -> Result<Option<User>> {
    const DEFAULT: &str = "nobody";
    match config.run_as.as_deref() {
        Some("same") => Ok(None),
        None if own_uid != 0 => Ok(None),
        None => {
            let user = sys::user_by_name(DEFAULT);
            if user.is_none() {
                tracing::warn!("jobs run as root: there is no user {DEFAULT} on this host");
            }
            Ok(user)
        }
        Some(name) => {
            let Some(user) = sys::user_by_name(name) else {
                bail!("there is no user {name} on this host to run jobs as");
            };
            if user.uid == own_uid {
                return Ok(None);
            }
            if own_uid != 0 {
                bail!("only an agent that runs as root can run jobs as another user ({name})");
            }
            Ok(Some(user))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_the_jobs() {
        let config = |run_as: Option<&str>| RobotConfig { run_as: run_as.map(str::to_owned), ..RobotConfig::default() };
        let root = sys::user_by_id(0).unwrap().name;
        assert_eq!(jobs_user(&config(Some("same")), 0).unwrap(), None);
        assert_eq!(jobs_user(&config(None), 1000).unwrap(), None);
        assert_eq!(jobs_user(&config(None), 0).unwrap(), sys::user_by_name("nobody"));
        assert_eq!(jobs_user(&config(Some(&root)), 0).unwrap(), None);
        jobs_user(&config(Some(&root)), 1000).unwrap_err();
        jobs_user(&config(Some("no such user here")), 0).unwrap_err();
    }
}
