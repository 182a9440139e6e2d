//! The fault harness: mixed load on the real server, which is killed without notice at random moments, again and again,
//! also while it starts; PostgreSQL cuts its connections and is restarted. In the end everything that was acknowledged
//! must be there, nothing may have happened twice, and each time it must have worked again soon.
//!
//! `cause`: what is done; `journal`: what the clients know; `load`, `robot`: the clients; `lane`: their connections;
//! `pulse`: how soon it works again; `seen`: what the server holds; `judge`: the verdict. `disk` does the same with a disk
//! that fills up.

pub mod cause;
pub mod disk;
pub mod journal;
pub mod judge;
pub mod lane;
pub mod load;
pub mod pulse;
pub mod robot;
pub mod seen;

use crate::api::{Api, SCOPES, caller};
use crate::context::{Context, Database};
use crate::http::Client;
use crate::product::{Product, Settings};
use crate::robot::Robot;
use anyhow::{Context as _, Result, bail};
use cause::Cause;
use journal::{Journal, Kind, Shared};
use lane::{Lane, World};
use pulse::{Pulse, Recoveries};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use seen::Seen;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Jobs must have ended this long after the last kill. Longer than a reservation.
const DRAIN: Duration = Duration::from_secs(90);
/// After a fault of the database nothing more is waited for than this long.
const SURVIVED: Duration = Duration::from_secs(30);
/// How long a reservation holds here: whole seconds, few, so that it ends now and then.
const RESERVATION: Duration = Duration::from_secs(3);

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How often the server is killed.
    pub kills: u32,
    /// How often, on PostgreSQL, the database fails: its connections end, it restarts in order or not, in equal parts.
    pub database_faults: u32,
    /// A fault's end and the first write acknowledged after it may lie so far apart.
    pub resume_within: Duration,
    /// Mean time between two faults.
    pub between: Duration,
    /// Where the randomness of moments and choices starts.
    pub seed: u64,
}

/// What a run showed.
#[derive(Debug)]
pub struct Verdict {
    /// Everything that is wrong.
    pub wrong: Vec<String>,
    /// What happened, in one line.
    pub summary: String,
    /// How soon it worked again, in one line.
    pub recoveries: String,
}

/// The load: its clients, and the strings that move them.
struct Load {
    address: watch::Sender<Option<std::net::SocketAddr>>,
    over: watch::Sender<bool>,
    robot_over: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
    robot: JoinHandle<()>,
    pulse: Pulse,
    /// The world of those who go on until the robot is through.
    late: World,
}

/// What the clients work with.
struct Stage {
    client: Client,
    queue: i64,
    process: String,
    robot: Robot,
}

async fn stage(product: &Product) -> Result<Stage> {
    let mut api = Api::sign_in(product).await?;
    let settings = json!({"MaxNumberOfRetries": 2, "AcceptAutomaticallyRetry": true});
    let queue = api.queue(load::QUEUE, settings).await?;
    let process = api.process().await?;
    let machine_key = api.machine("faults-machine", 4).await?;
    // A token that holds however long the run is.
    let words = ["token", "create", "--user", "admin", "--name", "faults", "--scopes", SCOPES];
    let made = product.settings().admin(&words).await?;
    let token = made["token"].as_str().context("no token")?;
    let client = caller(product.address()?, token, api.folder)?;
    let robot = Robot::new(product.address()?, &machine_key, "faults-host")?;
    Ok(Stage { client, queue, process, robot })
}

fn begin(stage: &Stage, product: &Product, random: &mut StdRng) -> Result<Load> {
    let journal = Shared::default();
    let (address, address_seen) = watch::channel(Some(product.address()?));
    let (over, over_seen) = watch::channel(false);
    let (robot_over, robot_over_seen) = watch::channel(false);
    let pulse = Pulse::default();
    let world =
        World { address: address_seen.clone(), over: over_seen, journal: journal.clone(), pulse: pulse.clone() };
    let late = World { address: address_seen, over: robot_over_seen, journal, pulse: pulse.clone() };
    let mut lane = || Lane::new(world.clone(), stage.client.clone(), random.random());
    let mut clients = Vec::new();
    for n in 0..3 {
        clients.push(tokio::spawn(load::add(lane(), format!("add{n}"))));
    }
    clients.push(tokio::spawn(load::add_many(lane(), "bulk".into())));
    for n in 0..6 {
        clients.push(tokio::spawn(load::process(lane(), format!("worker{n}"))));
    }
    clients.push(tokio::spawn(load::create(lane(), "made".into())));
    clients.push(tokio::spawn(load::start(lane(), "start".into(), stage.process.clone())));
    let robot_lane = Lane::new(late.clone(), stage.client.clone(), random.random());
    let robot = tokio::spawn(robot::work(robot_lane, stage.robot.clone()));
    Ok(Load { address, over, robot_over, clients, robot, pulse, late })
}

/// Runs the load, kills, and judges.
pub async fn run(context: &Context, database: Database, plan: Plan) -> Result<Verdict> {
    let mut settings = context.fresh(database).await?;
    let reservation = RESERVATION.as_secs().to_string();
    settings.arguments = ["--log-level", "warn", "--reservation-seconds", &reservation].map(str::to_owned).to_vec();
    let mut random = StdRng::seed_from_u64(plan.seed);
    let begun = Instant::now();
    let mut product = Product::start(&settings).await?;
    let stage = stage(&product).await?;
    let load = begin(&stage, &product, &mut random)?;
    let causes = cause::sequence(database, plan.kills, plan.database_faults, &mut random);
    let (mut kills, mut recoveries, mut last) = (0, Recoveries::default(), None);
    let most = u64::try_from(plan.between.as_millis()).unwrap_or(u64::MAX).saturating_mul(2).max(2);
    for cause in causes {
        if cause == Cause::Kill && kills >= plan.kills {
            continue;
        }
        let pause = Duration::from_millis(random.random_range(1..most));
        tokio::time::sleep(pause).await;
        resumed(&load, last, plan.resume_within, &mut recoveries);
        if product.ended() {
            bail!("the server ended by itself: {}", settings.log_tail());
        }
        let over = match cause {
            Cause::Kill => {
                product.kill().await?;
                kills += 1;
                load.address.send_replace(None);
                // Now and then it dies while it recovers.
                while kills < plan.kills && random.random_bool(0.2) {
                    let early = Product::spawn(&settings)?;
                    tokio::time::sleep(Duration::from_millis(random.random_range(1..200))).await;
                    early.kill().await?;
                    kills += 1;
                }
                let begun = Instant::now();
                product = Product::start(&settings).await.with_context(|| format!("after kill {kills}"))?;
                load.address.send_replace(Some(product.address()?));
                begun
            }
            Cause::Terminate => {
                let url = settings.database.as_deref().context("no PostgreSQL")?;
                context.cluster()?.terminate(url).await?;
                Instant::now()
            }
            Cause::Restart(how) => tokio::task::block_in_place(|| context.cluster()?.restart(how))?,
        };
        load.pulse.over(over);
        last = Some((cause, over));
        // Kills may follow each other before anything succeeded; how a database's fault was survived is always measured.
        while cause != Cause::Kill && load.pulse.took().is_none() && over.elapsed() < SURVIVED {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    // What was not answered is asked again, so that everything after the last kill is settled as well.
    tokio::time::sleep(plan.between.max(plan.resume_within)).await;
    resumed(&load, last, plan.resume_within, &mut recoveries);
    let (journal, seen) = settle(load, &stage, product, &settings).await?;
    let mut wrong = judge::judge(&journal, &seen);
    wrong.extend(recoveries.late(plan.resume_within));
    let faults = if database == Database::Postgres { plan.database_faults } else { 0 };
    let summary = format!(
        "{}: {kills} kills and {faults} faults of the database in {:.0} s, seed {}; items: {}; {} jobs ({} reservations lost), {} things made; {} requests unanswered",
        database.name(),
        begun.elapsed().as_secs_f64(),
        plan.seed,
        judge::states(&seen),
        seen.jobs.len(),
        journal.refused,
        journal.made.len(),
        journal.silences
    );
    Ok(Verdict { wrong, summary, recoveries: recoveries.told() })
}

/// Notes how soon it worked again after the last fault. A pause that was too short to tell tells nothing.
fn resumed(load: &Load, last: Option<(Cause, Instant)>, most: Duration, recoveries: &mut Recoveries) {
    let Some((cause, over)) = last else { return };
    match load.pulse.took() {
        Some(took) => recoveries.note(cause.name(), took),
        None if over.elapsed() > most => recoveries.note(cause.name(), over.elapsed()),
        None => {}
    }
}

/// Ends the load, lets the jobs end, and reads what the server holds.
async fn settle(load: Load, stage: &Stage, product: Product, settings: &Settings) -> Result<(Journal, Seen)> {
    load.over.send_replace(true);
    for client in load.clients {
        client.await.context("a client failed")?;
    }
    let mut lane = Lane::new(load.late.clone(), stage.client.clone(), 0);
    let left = robot::drained(&mut lane, DRAIN).await;
    load.robot_over.send_replace(true);
    load.robot.await.context("the robot failed")?;
    let journal = load.late.journal.clone();
    if left > 0 {
        journal.problem(format!("{left} jobs had not ended {} s after the load", DRAIN.as_secs()));
    }
    let mut seen = Seen::default();
    let mut client = stage.client.clone();
    client.redirect(product.address()?);
    listed(&mut client, &mut seen.listed).await?;
    for (status, name) in [(0, "New"), (1, "InProgress"), (2, "Failed"), (3, "Successful"), (5, "Retried")] {
        let filter = format!("QueueDefinitionId eq {} and Status eq '{name}'", stage.queue);
        let path = format!("/odata/QueueItems?$filter={}&$top=1&$count=true", crate::http::escape(&filter));
        let answer = client.get(&path).await?.json();
        seen.counted.insert(status, answer["@odata.count"].as_i64().context("no count")?);
    }
    product.stop().await?;
    seen.read(settings, stage.queue).await?;
    let journal = journal.lock().clone();
    Ok((journal, seen))
}

/// All assets and queues by name, through the API.
async fn listed(client: &mut Client, into: &mut BTreeSet<(Kind, String)>) -> Result<()> {
    for (kind, set) in [(Kind::Asset, "Assets"), (Kind::Queue, "QueueDefinitions")] {
        let mut skip = 0;
        loop {
            let reply = client.get(&format!("/odata/{set}?$orderby=Id&$top=1000&$skip={skip}")).await?;
            let answer = reply.json();
            let page =
                answer["value"].as_array().with_context(|| format!("{set}: {} {}", reply.status, reply.text()))?;
            if page.is_empty() {
                break;
            }
            skip += page.len();
            into.extend(page.iter().filter_map(|row: &Value| Some((kind, row["Name"].as_str()?.to_owned()))));
        }
    }
    Ok(())
}
