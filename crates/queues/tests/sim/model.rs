//! What a queue should hold: the rules once more, in as few words as they can be said.

use bandmaster_core::clock::{DAY, MINUTE};

pub const NEW: i64 = 0;
pub const RUNNING: i64 = 1;
pub const FAILED: i64 = 2;
pub const SUCCESSFUL: i64 = 3;
pub const ABANDONED: i64 = 4;
pub const RETRIED: i64 = 5;
pub const DELETED: i64 = 6;

/// An item without its id, which the database gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    pub status: i64,
    pub priority: i64,
    pub due: Option<i64>,
    pub defer: Option<i64>,
    pub reference: Option<String>,
    pub retries: i64,
    pub by_hand: i64,
    pub review: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    pub exception: Option<i64>,
    /// Position of the attempt it repeats: automatically or by hand.
    pub ancestor: Option<usize>,
    pub ancestor_by_hand: Option<usize>,
    /// Number of its chain of attempts.
    pub chain: usize,
}

#[derive(Debug, Clone)]
pub struct Queue {
    pub auto_retry: bool,
    pub most_retries: i64,
    pub retry_abandoned: bool,
    pub unique: bool,
    pub items: Vec<Item>,
    pub chains: usize,
    /// Results that were told, also of attempts that were retried or deleted since.
    pub successes: i64,
    pub application: i64,
    pub business: i64,
}

/// Why an item cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoReference,
    Taken,
}

impl Queue {
    pub fn add(&mut self, item: Item) -> Result<usize, Refusal> {
        if self.unique {
            let Some(reference) = &item.reference else { return Err(Refusal::NoReference) };
            let counts = |i: &&Item| !matches!(i.status, RETRIED | DELETED);
            let same = |i: &Item| i.reference.as_ref().is_some_and(|r| r.eq_ignore_ascii_case(reference));
            if self.items.iter().filter(counts).any(same) {
                return Err(Refusal::Taken);
            }
        }
        self.items.push(Item { chain: self.chains, ..item });
        self.chains += 1;
        Ok(self.items.len() - 1)
    }

    /// The item whose turn it is.
    pub fn next(&self, now: i64, reference: Option<&str>) -> Option<usize> {
        let fits = |i: &Item| reference.is_none_or(|r| i.reference.as_ref().is_some_and(|x| x.eq_ignore_ascii_case(r)));
        (0..self.items.len())
            .filter(|&n| {
                let i = &self.items[n];
                i.status == NEW && i.defer.is_none_or(|d| d <= now) && fits(i)
            })
            .min_by_key(|&n| {
                let i = &self.items[n];
                (i.due.is_none(), i.priority, i.due, n)
            })
    }

    pub fn start(&mut self, n: usize, now: i64) {
        self.items[n].status = RUNNING;
        self.items[n].started = Some(now);
    }

    pub fn succeed(&mut self, n: usize, now: i64) {
        self.items[n].status = SUCCESSFUL;
        self.items[n].ended = Some(now);
        self.successes += 1;
    }

    pub fn fail(&mut self, n: usize, now: i64, business: bool) {
        let again = !business && self.auto_retry && self.items[n].retries < self.most_retries;
        self.items[n].ended = Some(now);
        self.items[n].exception = Some(i64::from(business));
        self.items[n].status = if again { RETRIED } else { FAILED };
        *if business { &mut self.business } else { &mut self.application } += 1;
        if again {
            self.repeat(n);
        }
    }

    pub fn defer(&mut self, n: usize, until: i64) {
        self.items[n].status = NEW;
        self.items[n].started = None;
        self.items[n].defer = Some(until);
    }

    /// Items in progress for a day are lost.
    pub fn abandon(&mut self, now: i64) {
        for n in 0..self.items.len() {
            let item = &mut self.items[n];
            if item.status == RUNNING && item.started.is_some_and(|s| s <= now - DAY) {
                let again = self.retry_abandoned && item.retries < self.most_retries;
                item.status = if again { RETRIED } else { ABANDONED };
                item.ended = Some(now);
                if again {
                    self.repeat(n);
                }
            }
        }
    }

    fn repeat(&mut self, n: usize) {
        let old = &self.items[n];
        let next = Item { retries: old.retries + 1, ancestor: Some(n), ..Self::fresh(old) };
        self.items.push(next);
    }

    fn fresh(old: &Item) -> Item {
        let empty = Item { status: NEW, review: 0, started: None, ended: None, exception: None, ..old.clone() };
        Item { ancestor: None, ..empty }
    }

    /// Whether the item could be repeated by hand.
    pub fn repeat_by_hand(&mut self, n: usize) -> bool {
        if !self.reviewable(n) {
            return false;
        }
        self.items[n].status = RETRIED;
        self.items[n].review = 3;
        let old = &self.items[n];
        let next = Item { retries: 0, by_hand: old.by_hand + 1, ancestor_by_hand: Some(n), ..Self::fresh(old) };
        self.items.push(next);
        true
    }

    pub fn verify(&mut self, n: usize) -> bool {
        let may = self.reviewable(n);
        if may {
            self.items[n].review = 2;
        }
        may
    }

    fn reviewable(&self, n: usize) -> bool {
        matches!(self.items[n].status, FAILED | ABANDONED) && self.items[n].review != 3
    }

    pub fn delete(&mut self, n: usize) -> bool {
        let may = !matches!(self.items[n].status, RUNNING | DELETED);
        if may {
            self.items[n].status = DELETED;
        }
        may
    }

    pub fn count(&self, status: i64) -> i64 {
        i64::try_from(self.items.iter().filter(|i| i.status == status).count()).expect("few")
    }
}

#[test]
fn those_with_a_deadline_come_first() {
    let item = |priority, due| Item {
        status: NEW,
        priority,
        due,
        defer: None,
        reference: None,
        retries: 0,
        by_hand: 0,
        review: 0,
        started: None,
        ended: None,
        exception: None,
        ancestor: None,
        ancestor_by_hand: None,
        chain: 0,
    };
    let items = vec![item(0, None), item(2, Some(5 * MINUTE)), item(1, Some(9 * MINUTE)), item(1, Some(7 * MINUTE))];
    let mut queue = Queue {
        auto_retry: false,
        most_retries: 0,
        retry_abandoned: false,
        unique: false,
        items,
        chains: 4,
        successes: 0,
        application: 0,
        business: 0,
    };
    for expected in [3, 2, 1, 0] {
        let next = queue.next(0, None).expect("an item");
        assert_eq!(next, expected);
        queue.start(next, 0);
    }
    assert_eq!(queue.next(0, None), None);
}
