//! What the clients know: every write they sent, and what the server acknowledged. Kept by the harness, which is
//! not killed. Not here: what the database holds (`seen`) and the comparison (`judge`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A thing with a name that a client made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A text asset.
    Asset,
    /// A queue.
    Queue,
}

/// Items that were sent in one request: all of them exist, or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Their references.
    pub references: Vec<String>,
    /// Whether the server acknowledged it.
    pub acknowledged: bool,
}

/// How a claimer said that an item ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Result {
    /// Text that only this attempt to say it carries.
    pub mark: String,
    /// Success, or an application exception.
    pub success: bool,
    /// Whether the server acknowledged it.
    pub acknowledged: bool,
}

/// The journal.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// Added items, by request.
    pub batches: Vec<Batch>,
    /// Acknowledged items: reference by id.
    pub items: BTreeMap<i64, String>,
    /// Acknowledged claims: item id, claimer. A list, since an id that comes twice is what is looked for.
    pub claims: Vec<(i64, String)>,
    /// What was said about items, by id.
    pub results: BTreeMap<i64, Vec<Result>>,
    /// Things that exist for sure.
    pub made: BTreeSet<(Kind, String)>,
    /// Things whose making was never answered.
    pub unsure: BTreeSet<(Kind, String)>,
    /// References of all starts sent.
    pub starts: BTreeSet<String>,
    /// Acknowledged jobs: reference by key.
    pub jobs: BTreeMap<String, String>,
    /// Acceptances on which the robot started a process: job key, reservation. A list, since twice is what is looked for.
    pub runs: Vec<(String, String)>,
    /// Ends that the server accepted: job key, mark in its output.
    pub ends: BTreeMap<String, String>,
    /// Reservations that the server took back before the robot had its acceptance.
    pub refused: u64,
    /// Requests without an answer.
    pub silences: u64,
    /// Answers that must not be, and how often each came.
    pub problems: BTreeMap<String, u64>,
}

/// The journal, shared by the clients.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Journal>>);

impl Shared {
    /// Reads or writes it. Must not be held over an await.
    pub fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer that must not be.
    pub fn problem(&self, text: String) {
        *self.lock().problems.entry(text).or_default() += 1;
    }

    /// Notes a batch before it is sent; its number.
    pub fn sending(&self, references: Vec<String>) -> usize {
        let mut journal = self.lock();
        journal.batches.push(Batch { references, acknowledged: false });
        journal.batches.len() - 1
    }

    /// Notes that a batch was acknowledged.
    pub fn acknowledged(&self, batch: usize) {
        if let Some(batch) = self.lock().batches.get_mut(batch) {
            batch.acknowledged = true;
        }
    }

    /// Notes a result before it is sent; its number among those of the item.
    pub fn saying(&self, id: i64, mark: String, success: bool) -> usize {
        let mut journal = self.lock();
        let results = journal.results.entry(id).or_default();
        results.push(Result { mark, success, acknowledged: false });
        results.len() - 1
    }

    /// Notes that a result was acknowledged.
    pub fn said(&self, id: i64, number: usize) {
        if let Some(result) = self.lock().results.get_mut(&id).and_then(|r| r.get_mut(number)) {
            result.acknowledged = true;
        }
    }
}
