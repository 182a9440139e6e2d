//! The agent's main loop: StartService, heartbeats, the commands they bring, and the tasks of all
//! jobs. What happens within a job is in `job.rs`.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cleanup;
use crate::client::{Backoff, CallError};
use crate::context::Context;
use crate::failure::Failure;
use crate::folders::blocking;
use crate::job::Job;
use crate::journal::{Entry, Stage, StopReason};
use crate::ship;
use crate::spool::Spool;
use crate::wake;
use crate::wire::{
    Command, CommandState, Heartbeat, HeartbeatPayload, RobotInfo, RobotState, StartProcess, StopKind, parse_command,
};

/// Between two cleanings of the caches.
const CLEANUP_PERIOD: Duration = Duration::from_secs(60 * 60);
/// How long a shutdown waits for the server's word.
const GOODBYE: Duration = Duration::from_secs(5);
/// Commands remembered after their job is gone, in case an old answer brings them again.
const REMEMBERED: usize = 4096;

/// Code of a defect in the agent itself.
const INTERNAL: &str = "Robot.Internal";

/// A job as the main loop sees it.
struct Held {
    robot_key: String,
    reservation: Option<String>,
    task: Id,
    stop: watch::Sender<Option<StopKind>>,
    held: Arc<AtomicBool>,
}

pub(crate) struct Agent {
    context: Arc<Context>,
    jobs: HashMap<String, Held>,
    tasks: JoinSet<()>,
    background: JoinSet<()>,
    wake: Arc<Notify>,
    /// Robots of this machine by key, with their names.
    robots: BTreeMap<String, String>,
    started: bool,
    /// The first heartbeat, and the first after a silence, asks for everything.
    ask_all: bool,
    settings: Option<String>,
    done: VecDeque<(String, Option<String>)>,
    trouble: Option<Backoff>,
}

impl Agent {
    /// Goes on with what the journal tells, without asking the server first.
    pub async fn start(context: Context, spools: mpsc::UnboundedReceiver<Arc<Spool>>) -> Result<Self> {
        let context = Arc::new(context);
        let mut agent = Self {
            jobs: HashMap::new(),
            tasks: JoinSet::new(),
            background: JoinSet::new(),
            wake: Arc::new(Notify::new()),
            robots: BTreeMap::new(),
            started: false,
            ask_all: true,
            settings: None,
            done: VecDeque::new(),
            trouble: None,
            context: context.clone(),
        };
        let grown = context.spools_grown.clone();
        agent.background.spawn(ship::run(context.client.clone(), spools, grown));
        agent.background.spawn(wake::run(context.client.clone(), agent.wake.clone()));

        let journal = context.journal.clone();
        let entries = blocking(move || journal.load()).await.context("reading the journal")?;
        let known: HashSet<String> = entries.iter().map(|entry| entry.key().to_owned()).collect();
        agent.clear_leftovers(known).await;
        for entry in entries {
            agent.spawn(entry);
        }
        Ok(agent)
    }

    /// Runs until the token is cancelled. The processes of running jobs go on; the next start
    /// adopts them.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut next_beat = Instant::now();
        let mut next_cleanup = Instant::now();
        loop {
            let beat = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.ended(ended);
                    true
                }
                () = self.wake.notified() => true,
                () = tokio::time::sleep_until(next_beat) => true,
                () = tokio::time::sleep_until(next_cleanup) => {
                    next_cleanup = Instant::now() + CLEANUP_PERIOD;
                    self.clean();
                    false
                }
                Some(_) = self.background.join_next() => false,
            };
            if beat {
                let wait = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    wait = self.beat() => wait,
                };
                next_beat = Instant::now() + wait;
            }
        }
        let mut payload = self.payload();
        for beat in &mut payload.heartbeats {
            beat.robot_state = RobotState::Disconnected;
        }
        let goodbye = self.context.client.stop_service(&payload);
        match tokio::time::timeout(GOODBYE, goodbye).await {
            Ok(Ok(())) => tracing::info!("robot agent stopped"),
            Ok(Err(error)) => tracing::warn!(%error, "stopped without the server's answer"),
            Err(_) => tracing::warn!("stopped without the server's answer"),
        }
    }

    /// One heartbeat and everything it brings; gives the time until the next one.
    async fn beat(&mut self) -> Duration {
        match self.exchange().await {
            Ok(()) => {
                if self.trouble.take().is_some() {
                    tracing::info!("the server answers again");
                }
                self.context.config.heartbeat()
            }
            Err(error) => {
                // What was missed meanwhile is asked for again.
                self.ask_all = true;
                if self.trouble.is_none() {
                    let hint = match error {
                        CallError::Refused { status: 401, .. } => "; the server does not know this machine key",
                        _ => "",
                    };
                    tracing::warn!(%error, "no heartbeat with the server{hint}");
                }
                let backoff = self.trouble.get_or_insert_with(|| self.context.client.backoff());
                match error {
                    CallError::Away { retry_after, .. } => backoff.next(retry_after),
                    CallError::Refused { .. } => backoff.next(None),
                }
            }
        }
    }

    async fn exchange(&mut self) -> Result<(), CallError> {
        if !self.started {
            let robots = self.context.client.start_service().await?;
            self.started = true;
            self.robots.clear();
            for robot in robots {
                self.meet(&robot);
            }
            tracing::info!(robots = self.robots.len(), "connected");
        }
        let answer = self.context.client.heartbeat(&self.payload()).await?;
        self.ask_all = false;
        for command in answer.commands {
            let robot = RobotInfo { robot_key: command.robot_key, robot_name: command.robot_name };
            self.meet(&robot);
            let Some(data) = command.data else { continue };
            match parse_command(&data) {
                Ok(Command::Start(start)) => self.begin(robot, *start).await,
                Ok(Command::Stop { job_key, kind }) => self.stop(&job_key, kind),
                Err(reason) => tracing::warn!(reason, "a command cannot be understood"),
            }
        }
        if answer.service_settings_stamp != self.settings {
            // The machine's robots may have changed; the next heartbeat learns them first.
            if self.settings.is_some() {
                self.started = false;
                self.wake.notify_one();
            }
            self.settings = answer.service_settings_stamp;
        }
        Ok(())
    }

    fn meet(&mut self, robot: &RobotInfo) {
        if let Some(key) = &robot.robot_key {
            let name = robot.robot_name.clone().unwrap_or_default();
            self.robots.insert(key.clone(), name);
        }
    }

    async fn begin(&mut self, robot: RobotInfo, command: StartProcess) {
        let Some(robot_key) = robot.robot_key else {
            tracing::warn!(job = command.job_key, "a job without a robot cannot be run");
            return;
        };
        if let Some(held) = self.jobs.get(&command.job_key) {
            if held.reservation != command.reservation_id {
                tracing::debug!(job = command.job_key, "reserved anew while still held");
            }
            return;
        }
        let same = |done: &(String, Option<String>)| done.0 == command.job_key && done.1 == command.reservation_id;
        if self.done.iter().any(same) {
            return;
        }
        let entry = Entry {
            stage: Stage::Received,
            robot_key,
            robot_name: robot.robot_name.unwrap_or_default(),
            command,
            received: self.context.config.clock.now(),
            kind: None,
            environment: None,
            process: None,
            stop: None,
            outcome: None,
        };
        let (journal, note) = (self.context.journal.clone(), entry.clone());
        match blocking(move || journal.save(&note)).await {
            Ok(()) => self.spawn(entry),
            // The command comes again with the next heartbeat.
            Err(error) => tracing::error!(%error, "a job cannot be noted and is not taken"),
        }
    }

    fn stop(&mut self, job_key: &str, kind: StopKind) {
        match self.jobs.get(job_key) {
            Some(held) => {
                held.stop.send_if_modified(|now| {
                    let stronger = *now < Some(kind);
                    if stronger {
                        *now = Some(kind);
                    }
                    stronger
                });
            }
            None => tracing::debug!(job = job_key, "a stop for a job that is not here"),
        }
    }

    fn spawn(&mut self, entry: Entry) {
        let key = entry.key().to_owned();
        let (robot_key, reservation) = (entry.robot_key.clone(), entry.command.reservation_id.clone());
        // The time limit is applied anew by itself.
        let commanded = entry.stop.filter(|stop| stop.1 == StopReason::Command).map(|stop| stop.0);
        let (stop, commanded) = watch::channel(commanded);
        let held = Arc::new(AtomicBool::new(entry.stage != Stage::Received));
        let job = Job::new(self.context.clone(), entry, commanded, held.clone());
        let task = self.tasks.spawn(job.live()).id();
        self.jobs.insert(key, Held { robot_key, reservation, task, stop, held });
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let Some(key) = self.jobs.iter().find(|(_, held)| held.task == id).map(|(key, _)| key.clone()) else {
            return;
        };
        let Some(held) = self.jobs.remove(&key) else { return };
        if let Some(error) = error {
            tracing::error!(job = key, %error, "a job's watching failed");
            self.give_up(&key, &error);
            return;
        }
        self.done.push_back((key, held.reservation));
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
    }

    /// After a defect in the agent itself the job is ended as well as it can be.
    fn give_up(&mut self, key: &str, error: &JoinError) {
        let entries = self.context.journal.load().unwrap_or_default();
        let Some(mut entry) = entries.into_iter().find(|entry| entry.key() == key) else { return };
        let before = entry.outcome.as_ref().and_then(|outcome| outcome.error.as_ref());
        if entry.stage == Stage::Received || before.is_some_and(|error| error.code == INTERNAL) {
            return;
        }
        if let Some(process) = &entry.process
            && let Some(process) = crate::process::Process::adopt(process.clone())
            && let Err(error) = process.kill()
        {
            tracing::error!(job = key, %error, "the job's process could not be ended");
        }
        crate::process::sweep(crate::environ::JOB_KEY, key);
        entry.stage = Stage::Ended;
        let failure = Failure::system(INTERNAL, "The robot failed", error.to_string());
        entry.outcome = Some(failure.outcome());
        self.spawn(entry);
    }

    fn payload(&self) -> HeartbeatPayload {
        let busy = |key: &str| self.jobs.values().any(|held| held.robot_key == key);
        let heartbeats = self.robots.keys().map(|key| {
            let state = if busy(key) { RobotState::Busy } else { RobotState::Available };
            Heartbeat::of_robot(key, state)
        });
        let mut running: Vec<String> = self
            .jobs
            .iter()
            .filter(|(_, held)| held.held.load(Ordering::Acquire))
            .map(|(key, _)| key.clone())
            .collect();
        running.sort();
        HeartbeatPayload {
            heartbeats: heartbeats.collect(),
            command_state: if self.ask_all { CommandState::All } else { CommandState::Pending },
            service_user_name: None,
            running_job_keys: running,
        }
    }

    /// Folders of jobs that are over, and log lines of theirs that were not delivered.
    async fn clear_leftovers(&mut self, known: HashSet<String>) {
        let context = self.context.clone();
        let left = blocking(move || {
            cleanup::job_folders(&context, &known)?;
            let folder = context.folders.spool();
            let mut spools = Vec::new();
            for key in Spool::keys(&folder)? {
                if !known.contains(&key) {
                    let limit = context.config.log_spool_max_bytes;
                    let grown = context.spools_grown.clone();
                    let who = Default::default();
                    spools.push(Spool::open(&folder, &key, &who, limit, grown)?);
                }
            }
            Ok(spools)
        })
        .await;
        match left {
            Ok(spools) => {
                for spool in spools {
                    spool.finish();
                    let _ = self.context.spools.send(Arc::new(spool));
                }
            }
            Err(error) => tracing::error!(%error, "what former jobs left could not be cleared"),
        }
    }

    fn clean(&mut self) {
        let context = self.context.clone();
        self.background.spawn(async move {
            if let Err(error) = blocking(move || cleanup::caches(&context)).await {
                tracing::error!(%error, "cleaning the caches failed");
            }
        });
    }
}
