//! The command line: `all`, one benchmark, or a fault harness. Exit code 0: done (also when a goal was missed); 1: something
//! is wrong; 2: wrong usage.

use crate::benches;
use crate::context::{Context, Database};
use crate::faults::{self, Plan};
use crate::measure::{Line, machine, ms, percentile, table};
use crate::prefill::Size;
use crate::product;
use crate::stage::Stage;
use crate::yardsticks;
use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Benchmarks of the server against yardsticks, and the fault harness.
#[derive(Parser)]
#[command(name = "bandmaster-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Sqlite,
    Postgres,
    Both,
}

impl Which {
    fn databases(self) -> Vec<Database> {
        match self {
            Which::Sqlite => vec![Database::Sqlite],
            Which::Postgres => vec![Database::Postgres],
            Which::Both => vec![Database::Sqlite, Database::Postgres],
        }
    }
}

#[derive(Args, Clone)]
struct Common {
    /// Database to run on
    #[arg(long, value_enum, default_value = "both")]
    database: Which,
    /// The server's binary; default: the one of the same build
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Folder for throwaway data; it should lie on the disk that is meant
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Leave the throwaway data, with the server's log, for looking into them
    #[arg(long)]
    keep: bool,
}

impl Common {
    fn context(&self) -> Result<Context> {
        let binary = product::binary(self.binary.as_deref())?;
        let mut context = Context::new(binary, self.folder.as_deref(), self.database.databases())?;
        if self.keep {
            eprintln!("the data stay in {}", context.keep().display());
        }
        Ok(context)
    }
}

#[derive(Args, Clone)]
struct Measuring {
    #[command(flatten)]
    common: Common,
    /// Seconds of one round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Keep-alive clients
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Queue items of the large case
    #[arg(long, default_value_t = 1_000_000)]
    items: u64,
    /// Claim also beside ten million waiting items of small content (6 GB of disk and some minutes a database)
    #[arg(long)]
    ten_million: bool,
    /// Rows of history beside which is claimed
    #[arg(long, default_value_t = 1_000_000)]
    history: u64,
}

#[derive(Args, Clone)]
struct Comparing {
    #[command(flatten)]
    measuring: Measuring,
    /// Jobs that the peer works off at its default settings; at its best ones ten times as many
    #[arg(long, default_value_t = 20_000)]
    jobs: u64,
}

#[derive(Args, Clone)]
struct Killing {
    #[command(flatten)]
    common: Common,
    /// How often the server is killed
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// How often PostgreSQL fails under the server: ends its connections, restarts in order or at once, in equal parts
    #[arg(long, default_value_t = 15)]
    database_faults: u32,
    /// Seconds after a fault within which a write must have been acknowledged
    #[arg(long, default_value_t = 1.0)]
    resume_within: f64,
    /// Mean seconds between two faults
    #[arg(long, default_value_t = 1.5)]
    seconds_between: f64,
    /// Where randomness starts; default: a random one, which is printed
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Subcommand)]
enum Command {
    /// Every benchmark
    All(Measuring),
    /// Claim and complete queue items
    Claim(Measuring),
    /// Add queue items, one by one and in bulk
    Add(Measuring),
    /// StartJobs to robot told
    Start(Measuring),
    /// A page of queue items
    Page(Measuring),
    /// Totals, references, deep pages and figures of a large queue
    List(Measuring),
    /// Claim and complete beside a long history
    History(Measuring),
    /// Claim and complete on PostgreSQL beside graphile-worker, which is installed with npm into a folder that goes away
    Peer(Comparing),
    /// Log lines
    Logs(Measuring),
    /// Sign-ins with a password
    Signin(Measuring),
    /// The checks of a request before it runs, with 10,000 people
    Access(Measuring),
    /// Cheap requests, lists over many folders, start and memory with 10,000 people
    Requests(Measuring),
    /// Tokens
    Tokens(Measuring),
    /// Start of the process, memory at rest
    Boot(Measuring),
    /// Kill the server under load and judge what is left
    Faults(Killing),
    /// Fill the disk under the server and judge what is left (root only)
    FullDisk {
        /// The server's binary
        #[arg(long)]
        binary: Option<PathBuf>,
        #[arg(long, hide = true)]
        inside: Option<PathBuf>,
    },
    #[command(hide = true)]
    Greeter,
    #[command(hide = true)]
    Yardstick {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        items: u64,
    },
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bandmaster-bench: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Whoever is told to end clears away what it made first.
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = dispatch(cli.command) => outcome,
            () = told_to_end() => Err(anyhow::anyhow!("told to end")),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bandmaster-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for SIGTERM or the terminal's interrupt.
async fn told_to_end() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn dispatch(command: Command) -> Result<bool> {
    match command {
        Command::Greeter => yardsticks::greeter::serve().await.map(|()| true),
        Command::Yardstick { data, items } => yardsticks::claim::serve(&data, items).await.map(|()| true),
        Command::Faults(killing) => kill(killing).await,
        Command::FullDisk { binary, inside: Some(folder) } => {
            faults::disk::inside(&folder, &product::binary(binary.as_deref())?).await.map(|()| true)
        }
        Command::FullDisk { binary, inside: None } => {
            let wrong = faults::disk::run(&product::binary(binary.as_deref())?).await?;
            wrong.iter().for_each(|w| println!("WRONG: {w}"));
            Ok(wrong.is_empty())
        }
        Command::All(m)
        | Command::Add(m)
        | Command::List(m)
        | Command::History(m)
        | Command::Peer(Comparing { measuring: m, .. })
        | Command::Claim(m)
        | Command::Start(m)
        | Command::Page(m)
        | Command::Logs(m)
        | Command::Tokens(m)
        | Command::Signin(m)
        | Command::Access(m)
        | Command::Requests(m)
        | Command::Boot(m)
            if m.rounds == 0 || m.seconds == 0 || m.clients == 0 =>
        {
            anyhow::bail!("rounds, seconds and clients are at least 1")
        }
        Command::All(m) => measure(m, Bench::All).await,
        Command::Claim(m) => measure(m, Bench::Claim).await,
        Command::Add(m) => measure(m, Bench::Add).await,
        Command::List(m) => measure(m, Bench::List).await,
        Command::History(m) => measure(m, Bench::History).await,
        Command::Peer(c) => measure(c.measuring, Bench::Peer(c.jobs)).await,
        Command::Start(m) => measure(m, Bench::Start).await,
        Command::Page(m) => measure(m, Bench::Page).await,
        Command::Logs(m) => measure(m, Bench::Logs).await,
        Command::Tokens(m) => measure(m, Bench::Tokens).await,
        Command::Signin(m) => measure(m, Bench::Signin).await,
        Command::Access(m) => measure(m, Bench::Access).await,
        Command::Requests(m) => measure(m, Bench::Requests).await,
        Command::Boot(m) => measure(m, Bench::Boot).await,
    }
}

#[derive(Clone, Copy)]
enum Bench {
    All,
    Claim,
    Add,
    Start,
    Page,
    List,
    History,
    /// With so many jobs for the peer.
    Peer(u64),
    Logs,
    Tokens,
    Signin,
    Access,
    Requests,
    Boot,
}

async fn measure(m: Measuring, bench: Bench) -> Result<bool> {
    let mut common = m.common;
    if matches!(bench, Bench::Peer(_)) {
        common.database = Which::Postgres;
    }
    let mut context = common.context()?;
    context.seconds = m.seconds;
    context.rounds = m.rounds;
    context.clients = m.clients;
    context.items = m.items;
    context.ten_million = m.ten_million;
    context.history = m.history;
    let mut disk = yardsticks::disk::fsyncs(&context.folder("probe")?, 300)?;
    let build = if cfg!(debug_assertions) { "; DEVELOPMENT BUILD, figures mean nothing" } else { "" };
    println!(
        "{}; fsync p50 {}, p99 {}{build}\n",
        machine(),
        ms(percentile(&mut disk, 0.5)),
        ms(percentile(&mut disk, 0.99))
    );
    let lines = match bench {
        Bench::All => {
            let (lines, sound) = all(&context).await;
            print!("{}", table(&lines));
            return Ok(sound);
        }
        Bench::Claim => benches::claim::run(&context).await?,
        Bench::Add => benches::add::run(&context).await?,
        Bench::List => benches::list::run(&context).await?,
        Bench::History => benches::history::run(&context).await?,
        Bench::Peer(jobs) => benches::peer::run(&context, jobs).await?,
        Bench::Start => benches::start::run(&context).await?,
        Bench::Page => benches::page::run(&context).await?,
        Bench::Logs => benches::logs::run(&context).await?,
        Bench::Tokens => benches::tokens::run(&context).await?,
        Bench::Signin => benches::signin::run(&context).await?,
        Bench::Access => benches::access::run(&context).await?,
        Bench::Requests => benches::requests::run(&context).await?,
        Bench::Boot => benches::boot::run(&context).await?,
    };
    print!("{}", table(&lines));
    Ok(true)
}

/// Every benchmark; the large queue is filled once a database and serves the page first, then the claims. One that
/// fails does not keep the others from being told; the second value says whether none did.
async fn all(context: &Context) -> (Vec<Line>, bool) {
    let mut lines = Vec::new();
    let mut sound = true;
    let mut take = |name: &str, result: Result<Vec<Line>>| match result {
        Ok(more) => lines.extend(more),
        Err(error) => {
            sound = false;
            let product = format!("failed: {error:#}").replace(['|', '\n'], " ");
            lines.push(Line { what: name.to_owned(), product, reached: Some(false), ..Line::default() });
        }
    };
    take("boot", benches::boot::run(context).await);
    take("tokens", benches::tokens::run(context).await);
    take("signin", benches::signin::run(context).await);
    take("access", benches::access::run(context).await);
    take("requests", benches::requests::run(context).await);
    take("start", benches::start::run(context).await);
    take("logs", benches::logs::run(context).await);
    take("add", benches::add::run(context).await);
    for &database in &context.databases {
        take("claim", benches::claim::few(context, database).await.map(|line| vec![line]));
        match large(context, database).await {
            Ok(parts) => parts.into_iter().for_each(|(name, result)| take(name, result)),
            Err(error) => take("prefill", Err(error)),
        }
        let most = benches::depth::ten_million(context, database).await;
        take("ten million", most.map(|line| line.into_iter().collect()));
    }
    take("history", benches::history::run(context).await);
    (lines, sound)
}

/// What is measured over the large queue: what reads it first, then what empties it.
async fn large(context: &Context, database: Database) -> Result<Vec<(&'static str, Result<Vec<Line>>)>> {
    let few = Stage::prefilled(context, database, benches::page::SMALL).await?;
    let small = (benches::page::small(context, &few).await, benches::list::figures(context, &few).await);
    few.discard(context).await?;
    let stage = Stage::prefilled(context, database, context.items).await?;
    let page = match small.0 {
        Ok(small) => benches::page::on(context, &stage, small).await,
        Err(error) => Err(error),
    };
    let list = match small.1 {
        Ok(small) => benches::list::on(context, &stage, small).await,
        Err(error) => Err(error),
    };
    let claim = benches::claim::on(context, &stage).await.map(|line| vec![line]);
    let depth = benches::depth::on(context, &stage, Size::Kilobyte).await.map(|line| vec![line]);
    stage.discard(context).await?;
    Ok(vec![("page", page), ("list", list), ("claim", claim), ("depth", depth)])
}

async fn kill(k: Killing) -> Result<bool> {
    let context = k.common.context()?;
    let seed = k.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let plan = Plan {
        kills: k.kills,
        database_faults: k.database_faults,
        resume_within: Duration::try_from_secs_f64(k.resume_within)?,
        between: Duration::try_from_secs_f64(k.seconds_between)?,
        seed,
    };
    let mut sound = true;
    for &database in &context.databases {
        let verdict = faults::run(&context, database, plan).await?;
        println!("{}", verdict.summary);
        println!("{}: first success after {}", database.name(), verdict.recoveries);
        verdict.wrong.iter().take(50).for_each(|w| println!("WRONG: {w}"));
        if verdict.wrong.len() > 50 {
            println!("and {} more", verdict.wrong.len() - 50);
        }
        sound &= verdict.wrong.is_empty();
    }
    Ok(sound)
}
