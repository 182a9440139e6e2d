//! A sound run is found sound; each planted wrong is found.

use super::*;
use crate::faults::journal::{Batch, Result};
use crate::faults::seen::Job;

fn event(seen: &mut Seen, kind: &str, key: &str) {
    seen.events.insert((format!("queueItem.{kind}"), key.to_owned()), 1);
}

/// Three items (waiting, successful, retried with its second attempt waiting), a queue, a job.
fn sound() -> (Journal, Seen) {
    let (mut journal, mut seen) = (Journal::default(), Seen::default());
    let rows =
        [(1, NEW, "a", 0, None), (2, SUCCESSFUL, "b", 0, None), (3, RETRIED, "c", 0, None), (4, NEW, "c", 1, Some(3))];
    for (id, status, reference, retry_number, ancestor) in rows {
        let unique_key = format!("key-{id}");
        let said = match status {
            SUCCESSFUL => r#"{"Mark":"x/2/0"}"#.to_owned(),
            RETRIED => r#"{"Reason":"x/3/0","Type":"ApplicationException"}"#.to_owned(),
            _ => String::new(),
        };
        event(&mut seen, "added", &unique_key);
        if status != NEW {
            event(&mut seen, "transactionStarted", &unique_key);
            event(
                &mut seen,
                if status == SUCCESSFUL { "transactionCompleted" } else { "transactionFailed" },
                &unique_key,
            );
            journal.claims.push((id, "x".into()));
            let result = Result { mark: format!("x/{id}/0"), success: status == SUCCESSFUL, acknowledged: true };
            journal.results.insert(id, vec![result]);
        }
        let item = Item { status, reference: reference.into(), retry_number, ancestor, said, unique_key };
        seen.items.insert(id, item);
    }
    for reference in ["a", "b", "c"] {
        journal.batches.push(Batch { references: vec![reference.into()], acknowledged: true });
    }
    journal.items.insert(1, "a".into());
    let queue = (Kind::Queue, "q".to_owned());
    journal.made.insert(queue.clone());
    seen.listed.insert(queue.clone());
    seen.audit.insert(queue, 1);
    journal.starts.insert("s".into());
    journal.jobs.insert("job".into(), "s".into());
    journal.runs.push(("job".into(), "r".into()));
    journal.ends.insert("job".into(), "r".into());
    let job =
        Job { state: JOB_SUCCESSFUL, reference: "s".into(), output: r#"{"Mark":"r"}"#.into(), begun: 1, audited: 1 };
    seen.jobs.insert("job".into(), job);
    seen.counted = BTreeMap::from([(NEW, 2), (SUCCESSFUL, 1), (RETRIED, 1)]);
    (journal, seen)
}

#[test]
fn a_sound_run_is_found_sound() {
    let (journal, seen) = sound();
    assert_eq!(judge(&journal, &seen), Vec::<String>::new());
}

#[test]
fn an_unanswered_request_may_have_happened_or_not() {
    let (mut journal, mut seen) = sound();
    journal.batches.push(Batch { references: vec!["d".into()], acknowledged: false });
    journal.batches.push(Batch { references: vec!["e".into()], acknowledged: false });
    seen.items.insert(9, Item { reference: "e".into(), unique_key: "key-9".into(), ..Item::default() });
    event(&mut seen, "added", "key-9");
    seen.counted.insert(NEW, 3);
    journal.unsure.insert((Kind::Asset, "lost".into()));
    assert_eq!(judge(&journal, &seen), Vec::<String>::new());
}

#[test]
fn every_planted_wrong_is_found() {
    type Plant = fn(&mut Journal, &mut Seen);
    let plants: &[(&str, Plant)] = &[
        ("acknowledged items are missing", |_, s| drop(s.items.remove(&1))),
        ("half of a request", |j, _| {
            j.batches[0] = Batch { references: vec!["a".into(), "z".into()], acknowledged: false };
        }),
        ("is there 2 times", |_, s| {
            let twin = s.items[&1].clone();
            s.items.insert(7, twin);
        }),
        ("was never sent", |_, s| s.items.get_mut(&1).unwrap().reference = "other".into()),
        ("is not the acknowledged", |j, _| drop(j.items.insert(2, "a".into()))),
        ("was given to x and to y", |j, _| j.claims.push((2, "y".into()))),
        ("is waiting again", |_, s| s.items.get_mut(&2).unwrap().status = NEW),
        ("was completed 2 times", |j, _| {
            let twice = j.results[&2][0].clone();
            j.results.get_mut(&2).unwrap().push(twice);
        }),
        ("does not stand", |_, s| s.items.get_mut(&2).unwrap().said = r#"{"Mark":"x/2/01"}"#.into()),
        ("a result that nobody sent", |j, _| j.results.get_mut(&2).unwrap()[0].mark = "y/2/0".into()),
        ("nobody ended it", |j, _| drop(j.results.remove(&2))),
        ("has 0 attempts after it", |_, s| drop(s.items.remove(&4))),
        ("item 4 follows", |_, s| s.items.get_mut(&4).unwrap().retry_number = 2),
        ("0 events queueItem.transactionCompleted", |_, s| {
            s.events.remove(&("queueItem.transactionCompleted".into(), "key-2".into()));
        }),
        ("2 events queueItem.added", |_, s| {
            s.events.insert(("queueItem.added".into(), "key-1".into()), 2);
        }),
        ("the API counts 7", |_, s| {
            s.counted.insert(NEW, 7);
        }),
        ("acknowledged and is missing", |_, s| s.listed.clear()),
        ("has 0 audit entries", |_, s| s.audit.clear()),
        ("the acknowledged job", |_, s| drop(s.jobs.remove("job"))),
        ("began to run 2 times", |_, s| s.jobs.get_mut("job").unwrap().begun = 2),
        ("was started under r and under t", |j, _| j.runs.push(("job".into(), "t".into()))),
        ("the server does not know it", |_, s| s.jobs.get_mut("job").unwrap().begun = 0),
        ("did not end well", |_, s| s.jobs.get_mut("job").unwrap().state = 0),
        ("made 2 jobs", |_, s| {
            let twin = s.jobs["job"].clone();
            s.jobs.insert("twin".into(), twin);
        }),
        ("never started by anybody", |j, _| j.starts.clear()),
        ("the acknowledged end of job", |_, s| s.jobs.get_mut("job").unwrap().output.clear()),
        ("1 runtime slots", |_, s| s.slots = 1),
        ("panicked", |_, s| s.damage.push("thread panicked at x".into())),
        ("500", |j, _| {
            j.problems.insert("add: 500".into(), 1);
        }),
    ];
    for (expected, plant) in plants {
        let (mut journal, mut seen) = sound();
        plant(&mut journal, &mut seen);
        let wrong = judge(&journal, &seen);
        assert!(wrong.iter().any(|w| w.contains(expected)), "{expected}: {wrong:?}");
    }
}
