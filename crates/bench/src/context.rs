//! What a run works with: the binary, a folder that goes away at the end, databases, how long to measure.

use crate::cluster::Cluster;
use crate::product::Settings;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file, `synchronous=FULL`.
    Sqlite,
    /// A private cluster, `fsync` on.
    Postgres,
}

impl Database {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Database::Sqlite => "SQLite",
            Database::Postgres => "PostgreSQL",
        }
    }
}

/// The surroundings of a run.
pub struct Context {
    /// The server's binary.
    pub binary: PathBuf,
    /// The databases to run on.
    pub databases: Vec<Database>,
    /// Seconds of one round.
    pub seconds: u64,
    /// Rounds of which the median counts. Yardstick and product take turns.
    pub rounds: usize,
    /// Keep-alive clients.
    pub clients: usize,
    /// Queue items of the large case.
    pub items: u64,
    /// Whether claims are also measured over ten million waiting items.
    pub ten_million: bool,
    /// Rows of history beside which claims are measured.
    pub history: u64,
    kept: bool,
    cluster: Option<Cluster>,
    root: TempDir,
    counter: AtomicU64,
}

impl Context {
    /// Makes the folder (below the given one) and, if PostgreSQL is asked for, the cluster.
    pub fn new(binary: PathBuf, below: Option<&Path>, databases: Vec<Database>) -> Result<Context> {
        let below = below.map_or_else(std::env::temp_dir, Path::to_owned);
        let root = tempfile::Builder::new().prefix("bandmaster-bench-").tempdir_in(&below)?;
        let cluster = if databases.contains(&Database::Postgres) { Some(Cluster::start(&below)?) } else { None };
        Ok(Context {
            binary,
            databases,
            seconds: 5,
            rounds: 3,
            clients: 64,
            items: 1_000_000,
            ten_million: false,
            history: 1_000_000,
            kept: false,
            cluster,
            root,
            counter: AtomicU64::new(0),
        })
    }

    /// Leaves the throwaway data where they are when the run ends; where that is.
    pub fn keep(&mut self) -> &Path {
        self.kept = true;
        self.root.disable_cleanup(true);
        self.root.path()
    }

    /// Whether the throwaway data stay.
    pub fn kept(&self) -> bool {
        self.kept
    }

    /// The cluster; an error when PostgreSQL was not asked for.
    pub fn cluster(&self) -> Result<&Cluster> {
        self.cluster.as_ref().context("there is no PostgreSQL in this run")
    }

    /// A fresh folder.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let path = self.root.path().join(format!("{number}-{name}"));
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Removes a folder that is needed no more, unless the data are to stay.
    pub fn clear(&self, folder: &Path) -> Result<()> {
        if !self.kept {
            std::fs::remove_dir_all(folder)?;
        }
        Ok(())
    }

    /// A name for a fresh database in the cluster.
    pub fn database_name(&self) -> String {
        format!("bench_{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Settings for a fresh server on a database.
    pub async fn fresh(&self, database: Database) -> Result<Settings> {
        let data = self.folder("data")?.join("server");
        let address = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(self.cluster()?.create(&self.database_name()).await?),
        };
        Ok(Settings { binary: self.binary.clone(), data, database: address, arguments: Vec::new() })
    }
}
