//! Counters of the store, read by the metrics page.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A snapshot of the counters since the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreMetrics {
    /// Units begun.
    pub units_begun: u64,
    /// Units whose work was handed to a commit.
    pub units_committed: u64,
    /// Units undone by their caller, by an error or by being dropped.
    pub units_undone: u64,
    /// Commits (SQLite: of groups; PostgreSQL: of units).
    pub groups: u64,
    /// Units in all groups; with `groups` gives the mean size.
    pub group_units: u64,
    /// Most units in one group.
    pub largest_group: u64,
    /// Groups or commits that were lost.
    pub groups_lost: u64,
    /// Time units held the writer (SQLite) or a transaction (PostgreSQL).
    pub busy: Duration,
    /// Longest a unit held it.
    pub longest_unit: Duration,
    /// Time spent in COMMIT.
    pub committing: Duration,
    /// SQLite: copies of the write-ahead log into the file.
    pub checkpoints: u64,
    /// Read sessions handed out.
    pub reads: u64,
    /// Statements ended by their time limit.
    pub interrupted: u64,
    /// Connections open now (SQLite: for reading; PostgreSQL: the pool).
    pub connections: u64,
    /// Connections in use now.
    pub connections_in_use: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub begun: AtomicU64,
    pub committed: AtomicU64,
    pub undone: AtomicU64,
    pub groups: AtomicU64,
    pub group_units: AtomicU64,
    pub largest_group: AtomicU64,
    pub groups_lost: AtomicU64,
    pub busy: AtomicU64,
    pub longest_unit: AtomicU64,
    pub committing: AtomicU64,
    pub checkpoints: AtomicU64,
    pub reads: AtomicU64,
    pub interrupted: AtomicU64,
}

pub(crate) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

impl Counters {
    pub(crate) fn unit_ended(&self, held: Duration, committed: bool) {
        let counter = if committed { &self.committed } else { &self.undone };
        counter.fetch_add(1, Relaxed);
        self.busy.fetch_add(nanos(held), Relaxed);
        self.longest_unit.fetch_max(nanos(held), Relaxed);
    }

    pub(crate) fn group_ended(&self, units: u64, took: Duration, kept: bool) {
        self.groups.fetch_add(1, Relaxed);
        self.group_units.fetch_add(units, Relaxed);
        self.largest_group.fetch_max(units, Relaxed);
        self.committing.fetch_add(nanos(took), Relaxed);
        if !kept {
            self.groups_lost.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> StoreMetrics {
        StoreMetrics {
            units_begun: self.begun.load(Relaxed),
            units_committed: self.committed.load(Relaxed),
            units_undone: self.undone.load(Relaxed),
            groups: self.groups.load(Relaxed),
            group_units: self.group_units.load(Relaxed),
            largest_group: self.largest_group.load(Relaxed),
            groups_lost: self.groups_lost.load(Relaxed),
            busy: Duration::from_nanos(self.busy.load(Relaxed)),
            longest_unit: Duration::from_nanos(self.longest_unit.load(Relaxed)),
            committing: Duration::from_nanos(self.committing.load(Relaxed)),
            checkpoints: self.checkpoints.load(Relaxed),
            reads: self.reads.load(Relaxed),
            interrupted: self.interrupted.load(Relaxed),
            connections: 0,
            connections_in_use: 0,
        }
    }
}
