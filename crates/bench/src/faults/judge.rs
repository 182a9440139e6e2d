//! The verdict: what was acknowledged against what there is. Pure, so that it can be shown to find what it looks for.

use super::journal::{Journal, Kind};
use super::seen::{Item, Seen};
use std::collections::BTreeMap;

const NEW: i64 = 0;
const IN_PROGRESS: i64 = 1;
const FAILED: i64 = 2;
const SUCCESSFUL: i64 = 3;
const RETRIED: i64 = 5;
/// State Successful of a job.
const JOB_SUCCESSFUL: i64 = 5;

/// Everything that is wrong, in words. Empty when nothing is.
pub fn judge(journal: &Journal, seen: &Seen) -> Vec<String> {
    let mut wrong: Vec<String> = journal.problems.iter().map(|(text, n)| format!("{text} ({n} times)")).collect();
    wrong.extend(seen.damage.iter().cloned());
    added(journal, seen, &mut wrong);
    claimed(journal, seen, &mut wrong);
    ended(journal, seen, &mut wrong);
    retried(seen, &mut wrong);
    told(seen, &mut wrong);
    counted(seen, &mut wrong);
    made(journal, seen, &mut wrong);
    jobs(journal, seen, &mut wrong);
    wrong
}

/// Acknowledged items are there; of a request all items are, or none; nothing is there twice or unasked.
fn added(journal: &Journal, seen: &Seen, wrong: &mut Vec<String>) {
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for item in seen.items.values().filter(|i| i.retry_number == 0) {
        *first.entry(&item.reference).or_default() += 1;
    }
    for batch in &journal.batches {
        let present = batch.references.iter().filter(|r| first.contains_key(r.as_str())).count();
        if batch.acknowledged && present < batch.references.len() {
            wrong.push(format!("acknowledged items are missing: {} of {:?}", present, batch.references));
        } else if present > 0 && present < batch.references.len() {
            wrong.push(format!("half of a request was done: {} of {:?}", present, batch.references));
        }
        for reference in &batch.references {
            match first.remove(reference.as_str()) {
                Some(n) if n > 1 => wrong.push(format!("item {reference} is there {n} times")),
                _ => {}
            }
        }
    }
    wrong.extend(first.keys().map(|reference| format!("item {reference} was never sent")));
    for (id, reference) in &journal.items {
        if seen.items.get(id).is_none_or(|i| &i.reference != reference) {
            wrong.push(format!("item {id} is not the acknowledged {reference}"));
        }
    }
}

/// Nobody has the same item as somebody else, and a claimed one is not waiting.
fn claimed(journal: &Journal, seen: &Seen, wrong: &mut Vec<String>) {
    let mut holders: BTreeMap<i64, &str> = BTreeMap::new();
    for (id, claimer) in &journal.claims {
        if let Some(other) = holders.insert(*id, claimer) {
            wrong.push(format!("item {id} was given to {other} and to {claimer}"));
        }
        match seen.items.get(id) {
            None => wrong.push(format!("the claimed item {id} is missing")),
            Some(item) if item.status == NEW => wrong.push(format!("the claimed item {id} is waiting again")),
            Some(_) => {}
        }
    }
}

/// An acknowledged result stands; what stands was said by somebody.
fn ended(journal: &Journal, seen: &Seen, wrong: &mut Vec<String>) {
    for (id, results) in &journal.results {
        let Some(item) = seen.items.get(id) else { continue };
        let acknowledged: Vec<_> = results.iter().filter(|r| r.acknowledged).collect();
        if acknowledged.len() > 1 {
            wrong.push(format!("item {id} was completed {} times", acknowledged.len()));
        }
        if let Some(result) = acknowledged.first()
            && !stands(item, result.success, &result.mark)
        {
            wrong.push(format!("the acknowledged result {} of item {id} does not stand: {item:?}", result.mark));
        }
        if is_over(item) && !results.iter().any(|r| stands(item, r.success, &r.mark)) {
            wrong.push(format!("item {id} has a result that nobody sent: {item:?}"));
        }
    }
    for (id, item) in seen.items.iter().filter(|(_, i)| is_over(i)) {
        if !journal.results.contains_key(id) {
            wrong.push(format!("item {id} has ended, but nobody ended it: {item:?}"));
        }
    }
}

fn is_over(item: &Item) -> bool {
    matches!(item.status, FAILED | SUCCESSFUL | RETRIED)
}

fn stands(item: &Item, success: bool, mark: &str) -> bool {
    let status = if success { item.status == SUCCESSFUL } else { matches!(item.status, FAILED | RETRIED) };
    // Marks end with a quote in the JSON text, so that 1 is not found in 10.
    status && item.said.contains(&format!("{mark}\""))
}

/// Every retried item has exactly one attempt after it, and every attempt a retried one before it.
fn retried(seen: &Seen, wrong: &mut Vec<String>) {
    let mut after: BTreeMap<i64, u64> = BTreeMap::new();
    for (id, item) in &seen.items {
        let Some(ancestor) = item.ancestor else { continue };
        *after.entry(ancestor).or_default() += 1;
        match seen.items.get(&ancestor) {
            Some(before) if before.status == RETRIED && before.retry_number + 1 == item.retry_number => {}
            before => wrong.push(format!("item {id} follows {before:?}")),
        }
    }
    for (id, _) in seen.items.iter().filter(|(_, i)| i.status == RETRIED) {
        let n = after.get(id).copied().unwrap_or(0);
        if n != 1 {
            wrong.push(format!("the retried item {id} has {n} attempts after it"));
        }
    }
}

/// Each state was told by exactly its events.
fn told(seen: &Seen, wrong: &mut Vec<String>) {
    for (id, item) in &seen.items {
        let expected = [
            ("queueItem.added", 1),
            ("queueItem.transactionStarted", i64::from(item.status != NEW)),
            ("queueItem.transactionCompleted", i64::from(item.status == SUCCESSFUL)),
            ("queueItem.transactionFailed", i64::from(matches!(item.status, FAILED | RETRIED))),
        ];
        for (kind, wanted) in expected {
            let found = seen.events.get(&(kind.to_owned(), item.unique_key.clone())).copied().unwrap_or(0);
            if found != wanted {
                wrong.push(format!("item {id} in state {} has {found} events {kind}", item.status));
            }
        }
    }
}

/// The API counts what is there.
fn counted(seen: &Seen, wrong: &mut Vec<String>) {
    for (status, count) in &seen.counted {
        let there = seen.items.values().filter(|i| i.status == *status).count();
        if i64::try_from(there).ok() != Some(*count) {
            wrong.push(format!("the API counts {count} items in state {status}; there are {there}"));
        }
    }
}

/// Things that were made are listed and have one audit entry; the others have none.
fn made(journal: &Journal, seen: &Seen, wrong: &mut Vec<String>) {
    for key in &journal.made {
        if !seen.listed.contains(key) {
            wrong.push(format!("{key:?} was acknowledged and is missing"));
        }
    }
    for key in journal.made.iter().chain(&journal.unsure) {
        let entries = seen.audit.get(key).copied().unwrap_or(0);
        if entries != i64::from(seen.listed.contains(key)) {
            let (kind, name): &(Kind, String) = key;
            wrong.push(format!("{kind:?} {name} has {entries} audit entries"));
        }
    }
}

/// Jobs are there, ran at most once, ended as the robot said, and hold no slot.
fn jobs(journal: &Journal, seen: &Seen, wrong: &mut Vec<String>) {
    for (key, reference) in &journal.jobs {
        if seen.jobs.get(key).is_none_or(|j| &j.reference != reference) {
            wrong.push(format!("the acknowledged job {key} of {reference} is missing"));
        }
    }
    let mut of_start: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, job) in &seen.jobs {
        *of_start.entry(&job.reference).or_default() += 1;
        if job.begun > 1 {
            wrong.push(format!("job {key} began to run {} times", job.begun));
        }
        if job.audited != 1 {
            wrong.push(format!("job {key} has {} audit entries", job.audited));
        }
        if job.state != JOB_SUCCESSFUL {
            wrong.push(format!("job {key} did not end well: state {}", job.state));
        }
        if !journal.starts.contains(&job.reference) {
            wrong.push(format!("job {key} was never started by anybody"));
        }
    }
    wrong.extend(of_start.iter().filter(|(_, n)| **n > 1).map(|(r, n)| format!("start {r} made {n} jobs")));
    let mut runs: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, reservation) in &journal.runs {
        if let Some(earlier) = runs.insert(key, reservation) {
            wrong.push(format!("job {key} was started under {earlier} and under {reservation}"));
        }
        if seen.jobs.get(key).is_none_or(|j| j.begun != 1) {
            wrong.push(format!("job {key} ran on the robot, and the server does not know it"));
        }
    }
    for (key, mark) in &journal.ends {
        if seen.jobs.get(key).is_none_or(|j| !j.output.contains(mark.as_str())) {
            wrong.push(format!("the acknowledged end of job {key} does not stand"));
        }
    }
    if seen.slots != 0 {
        wrong.push(format!("{} runtime slots are taken by jobs that have ended", seen.slots));
    }
}

/// Items by state, for the summary.
pub fn states(seen: &Seen) -> String {
    let count = |status| seen.items.values().filter(|i| i.status == status).count();
    format!(
        "{} new, {} in progress, {} successful, {} failed, {} retried",
        count(NEW),
        count(IN_PROGRESS),
        count(SUCCESSFUL),
        count(FAILED),
        count(RETRIED)
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
