//! The life of one job, from the command to the answered report of its end, and the same picked up
//! in the middle after a restart. Each step is in the journal before it is taken; a process is
//! started only after the server has accepted this agent as the job's runner, and never twice.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::CallError;
use crate::context::Context;
use crate::environ;
use crate::environments::Lease;
use crate::failure::Failure;
use crate::folders::blocking;
use crate::follow::{Follower, Labels};
use crate::journal::{Entry, Outcome, Output, Stage};
use crate::outcome::{self, Exit};
use crate::plan::{self, Plan};
use crate::process::{self, Process};
use crate::spool::Spool;
use crate::stops::Stops;
use crate::wire::{Heartbeat, JobState, RobotState, StopKind};

/// One job of this agent.
pub(crate) struct Job {
    context: Arc<Context>,
    entry: Entry,
    stops: Stops,
    /// True from the acceptance until the end is reported; heartbeats name the job meanwhile.
    held: Arc<AtomicBool>,
    spool: Option<Arc<Spool>>,
    /// Progress reports, which nobody waits for.
    side: JoinSet<()>,
}

impl Job {
    pub fn new(
        context: Arc<Context>,
        entry: Entry,
        commanded: watch::Receiver<Option<StopKind>>,
        held: Arc<AtomicBool>,
    ) -> Self {
        let stops = Stops::new(&entry, commanded, context.config.clock.now());
        Self { context, entry, stops, held, spool: None, side: JoinSet::new() }
    }

    /// Lives to the end. Dropping the future leaves the process running and the journal telling
    /// how to go on.
    pub async fn live(mut self) {
        // One accepted by a former agent is asked for again: the server may have given it up.
        if matches!(self.entry.stage, Stage::Received | Stage::Accepted) && !self.be_accepted().await {
            return;
        }
        self.held.store(true, Ordering::Release);
        match self.entry.stage {
            Stage::Received | Stage::Accepted => match self.prepare_and_start().await {
                Ok(Some((process, lease))) => self.watch(process, lease).await,
                Ok(None) => return,
                Err(outcome) => self.end(outcome).await,
            },
            Stage::Starting | Stage::Running => self.pick_up().await,
            // Of a former agent; its log may not have been delivered to the end.
            Stage::Ended => {
                if self.follower().await.is_some()
                    && let Some(spool) = &self.spool
                {
                    spool.finish();
                }
            }
        }
        self.report().await;
        self.held.store(false, Ordering::Release);
    }

    /// Asks until the server has said whether this agent is the job's runner.
    async fn be_accepted(&mut self) -> bool {
        let state = self.state(JobState::Running, RobotState::Busy);
        let client = &self.context.client;
        let answer = client.until_answered("acceptance", || client.submit_state(&state)).await;
        let refusal = match answer {
            Ok(answer) if answer.accepted => {
                self.entry.stage = Stage::Accepted;
                self.save().await;
                return true;
            }
            Ok(answer) => answer.reason.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        tracing::info!(job = self.entry.key(), reason = refusal, "the job is not ours");
        self.forget().await;
        false
    }

    /// `None` when the job is not ours any more.
    async fn prepare_and_start(&mut self) -> Result<Option<(Process, Option<Lease>)>, Outcome> {
        let accepted = Instant::now();
        self.progress("Preparing the job");
        let (context, entry) = (self.context.clone(), self.entry.clone());
        let plan = tokio::select! {
            biased;
            stop = self.stops.next() => {
                self.entry.stop = Some(stop);
                return Err(outcome::stopped(stop.1));
            }
            plan = plan::make(&context, &entry) => plan.map_err(Failure::outcome)?,
        };
        // After a silence of that length the server may count the job as lost.
        if accepted.elapsed() >= self.context.config.heartbeat() && !self.be_accepted().await {
            return Ok(None);
        }
        self.start(plan).await.map(Some).map_err(|error| {
            Failure::system("Robot.StartFailed", "The job's process could not be started", error.to_string()).outcome()
        })
    }

    /// Notes, starts and notes again in one piece that nothing can interrupt but a crash; after
    /// that one the first note says that a process may be there.
    async fn start(&mut self, plan: Plan) -> io::Result<(Process, Option<Lease>)> {
        self.entry.stage = Stage::Starting;
        self.entry.kind = Some(plan.kind);
        self.entry.environment = plan.environment.clone();
        // The process has it now, and nothing will be started again.
        self.entry.command.job_access_token = None;
        let (context, mut entry) = (self.context.clone(), self.entry.clone());
        let (process, entry, lease) = blocking(move || {
            context.journal.save(&entry)?;
            let spec = plan.spec(&context, &context.folders.job(entry.key()))?;
            let process = Process::start(spec)?;
            entry.process = Some(process.id.clone());
            entry.stage = Stage::Running;
            if let Err(error) = context.journal.save(&entry) {
                tracing::error!(job = entry.key(), %error, "a started process could not be noted");
            }
            Ok((process, entry, plan.lease))
        })
        .await?;
        tracing::info!(job = entry.key(), pid = process.id.pid, "process started");
        self.entry = entry;
        self.progress("Running");
        Ok((process, lease))
    }

    /// After a restart: the process is still there, or its outcome is, or it is lost.
    async fn pick_up(&mut self) {
        let lease = self.entry.environment.as_deref().map(|name| self.context.environments.lease(name));
        if let Some(process) = self.entry.process.clone().and_then(Process::adopt) {
            tracing::info!(job = self.entry.key(), pid = process.id.pid, "process adopted");
            return self.watch(process, lease).await;
        }
        self.sweep().await;
        let ended = Notify::new();
        ended.notify_one();
        self.follow(&ended).await;
        self.finish(Exit::Unseen).await;
    }

    async fn watch(&mut self, process: Process, lease: Option<Lease>) {
        let ended = Arc::new(Notify::new());
        let following = self.follower().await;
        let follow = async {
            if let Some(follower) = following {
                follower.run(&self.context.clone().config, &ended).await;
            }
        };
        let context = self.context.clone();
        let (entry, stops) = (&mut self.entry, &mut self.stops);
        let watch = async {
            let exit = watch_process(&context, entry, stops, process).await;
            ended.notify_one();
            exit
        };
        let (exit, ()) = tokio::join!(watch, follow);
        self.finish(exit).await;
        drop(lease);
    }

    async fn follow(&mut self, ended: &Notify) {
        if let Some(follower) = self.follower().await {
            follower.run(&self.context.config, ended).await;
        }
    }

    /// Opens the job's log spool. Without one the job goes on, only its log does not.
    async fn follower(&mut self) -> Option<Follower> {
        let (context, entry) = (self.context.clone(), self.entry.clone());
        let opened = blocking(move || {
            Spool::open(
                &context.folders.spool(),
                entry.key(),
                &context.in_name_of(&entry),
                context.config.log_spool_max_bytes,
                context.spools_grown.clone(),
            )
        })
        .await;
        let spool = match opened {
            Ok(spool) => Arc::new(spool),
            Err(error) => {
                tracing::error!(job = self.entry.key(), %error, "the job's log cannot be kept");
                return None;
            }
        };
        let command = &self.entry.command;
        let labels = Labels {
            job_key: command.job_key.clone(),
            process_name: command.process_name.clone().unwrap_or_default(),
            process_version: command.package_version.clone(),
            robot_name: self.entry.robot_name.clone(),
            machine_name: self.context.host.clone(),
            identity: self.context.identity.clone(),
        };
        let log = self.context.folders.job(self.entry.key()).work().join("__uipath/execution.log");
        let clock = self.context.config.clock.clone();
        // The receiver lives as long as the agent does.
        let _ = self.context.spools.send(spool.clone());
        self.spool = Some(spool.clone());
        Some(Follower::new(self.context.folders.clone(), spool, labels, clock, log))
    }

    async fn finish(&mut self, exit: Exit) {
        if let Some(spool) = &self.spool {
            spool.finish();
        }
        let (context, entry) = (self.context.clone(), self.entry.clone());
        let read = blocking(move || Ok(outcome::read(&context.folders, &entry, exit))).await;
        let outcome = read
            .unwrap_or_else(|error| Failure::system("Robot.Internal", "The robot failed", error.to_string()).outcome());
        self.end(outcome).await;
    }

    async fn end(&mut self, outcome: Outcome) {
        tracing::info!(job = self.entry.key(), state = ?outcome.state, "job ended");
        self.entry.stage = Stage::Ended;
        self.entry.process = None;
        self.entry.command.job_access_token = None;
        self.entry.outcome = Some(outcome);
        self.save().await;
    }

    /// Tells the server until it has answered, whatever the answer is.
    async fn report(&mut self) {
        // A report of progress must not come after the one of the end.
        self.side.shutdown().await;
        if let Some(spool) = &self.spool {
            let limit = Duration::from_millis(self.context.config.log_flush_milliseconds);
            let _ = tokio::time::timeout(limit, spool.drained()).await;
        }
        self.store_large_output().await;
        let mut state = self.state(JobState::Faulted, RobotState::Available);
        if let Some(outcome) = &self.entry.outcome {
            state.job_state = Some(outcome.state);
            state.info = outcome.info.clone();
            state.error = outcome.error.clone();
            state.error_code = outcome.error.is_some().then(|| "Robot".to_owned());
            match &outcome.output {
                Some(Output::Text(text)) => state.output_arguments = Some(text.clone()),
                Some(Output::Attachment(id)) => state.output_file = Some(id.clone()),
                Some(Output::Large) | None => {}
            }
        }
        let client = &self.context.client;
        match client.until_answered("end of a job", || client.submit_state(&state)).await {
            Ok(answer) if !answer.accepted => {
                let reason = answer.reason.unwrap_or_default();
                tracing::warn!(job = self.entry.key(), reason, "the job's end was not accepted");
            }
            Err(error) => {
                tracing::warn!(job = self.entry.key(), %error, "the job's end was refused");
            }
            Ok(_) => {}
        }
        self.forget().await;
    }

    /// Turns a large output into an attachment; the journal then knows its id.
    async fn store_large_output(&mut self) {
        let Some(outcome) = &mut self.entry.outcome else { return };
        if outcome.output != Some(Output::Large) {
            return;
        }
        let path = self.context.folders.job(&self.entry.command.job_key).large_output();
        let who = self.context.in_name_of(&self.entry);
        let client = &self.context.client;
        let stored = match blocking(move || fs::read(path)).await {
            Ok(bytes) => {
                let write = || client.write_attachment(&who, "output.json", bytes.clone());
                client.until_answered("large output", write).await
            }
            Err(error) => Err(CallError::Refused { status: 0, message: error.to_string() }),
        };
        let outcome = match stored {
            Ok(id) => Outcome {
                state: JobState::Successful,
                output: Some(Output::Attachment(id)),
                error: None,
                info: Some("Job completed".into()),
            },
            Err(error) => Failure::system(
                "Robot.OutputNotStored",
                "The job was successful, but its output could not be stored",
                error.to_string(),
            )
            .outcome(),
        };
        self.entry.outcome = Some(outcome);
        self.save().await;
    }

    /// A state of this job with what every report of it says.
    fn state(&self, job_state: JobState, robot_state: RobotState) -> Heartbeat {
        let command = &self.entry.command;
        Heartbeat {
            job_key: Some(command.job_key.clone()),
            job_state: Some(job_state),
            process_key: command.process_key.clone(),
            reservation_id: command.reservation_id.clone(),
            host_identity: Some(self.context.identity.clone()),
            ..Heartbeat::of_robot(&self.entry.robot_key, robot_state)
        }
    }

    /// Tells where the job is, once and without waiting.
    fn progress(&mut self, info: &str) {
        let mut state = self.state(JobState::Running, RobotState::Busy);
        state.info = Some(info.to_owned());
        let client = self.context.client.clone();
        self.side.spawn(async move {
            if let Err(error) = client.submit_state(&state).await {
                tracing::debug!(%error, "a report of progress was not delivered");
            }
        });
    }

    async fn save(&self) {
        let (journal, entry) = (self.context.journal.clone(), self.entry.clone());
        if let Err(error) = blocking(move || journal.save(&entry)).await {
            tracing::error!(job = self.entry.key(), %error, "the journal cannot be written");
        }
    }

    async fn sweep(&self) {
        let key = self.entry.key().to_owned();
        let _ = blocking(move || {
            process::sweep(environ::JOB_KEY, &key);
            Ok(())
        })
        .await;
    }

    /// Nothing is left to be done: the journal entry goes, then the folder.
    async fn forget(&self) {
        let (context, key) = (self.context.clone(), self.entry.key().to_owned());
        let removed = blocking(move || {
            context.journal.remove(&key)?;
            match fs::remove_dir_all(context.folders.job(&key).root()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        });
        if let Err(error) = removed.await {
            tracing::error!(job = self.entry.key(), %error, "a job could not be cleared away");
        }
    }
}

/// Waits for the end of the process, applying stops meanwhile, and ends what it left behind.
async fn watch_process(context: &Arc<Context>, entry: &mut Entry, stops: &mut Stops, mut process: Process) -> Exit {
    let exit = loop {
        tokio::select! {
            ended = process.wait() => match ended {
                Ok(code) => break Exit::Seen(code),
                Err(error) => {
                    tracing::error!(job = entry.key(), %error, "a process could not be awaited");
                    break Exit::Seen(None);
                }
            },
            stop = stops.next() => {
                tracing::info!(job = entry.key(), kind = ?stop.0, reason = ?stop.1, "stopping");
                entry.stop = Some(stop);
                // Before the signal: after a crash the end must still count as a stop.
                let (journal, note) = (context.journal.clone(), entry.clone());
                if let Err(error) = blocking(move || journal.save(&note)).await {
                    tracing::error!(job = entry.key(), %error, "the journal cannot be written");
                }
                let signalled = match stop.0 {
                    StopKind::SoftStop => process.terminate(),
                    StopKind::Kill => process.kill(),
                };
                if let Err(error) = signalled {
                    tracing::error!(job = entry.key(), %error, "a process could not be signalled");
                }
            }
        }
    };
    process::kill_group(&process.id);
    let key = entry.key().to_owned();
    let _ = blocking(move || {
        process::sweep(environ::JOB_KEY, &key);
        Ok(())
    })
    .await;
    exit
}
