//! How soon the service works again after a fault: the first write that a client sent after the fault was over, and that
//! was acknowledged.

use crate::measure::{ms, percentile};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the clients tell, and what is asked of it. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Mutex<Watch>>);

#[derive(Debug, Default)]
struct Watch {
    since: Option<Instant>,
    took: Option<Duration>,
}

impl Pulse {
    /// A fault was over at this moment; from now on its first success is looked for.
    pub fn over(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Watch { since: Some(at), took: None };
    }

    /// A write that was sent at this moment has been acknowledged.
    pub fn acknowledged(&self, sent: Instant) {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = watch.since.filter(|since| sent >= *since)
            && watch.took.is_none()
        {
            watch.took = Some(since.elapsed());
        }
    }

    /// How long after the end of the last fault the first success was, once there is one.
    pub fn took(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).took
    }
}

/// How soon it worked again, by kind of fault.
#[derive(Debug, Clone, Default)]
pub struct Recoveries(BTreeMap<&'static str, Vec<Duration>>);

impl Recoveries {
    /// Notes one.
    pub fn note(&mut self, kind: &'static str, took: Duration) {
        self.0.entry(kind).or_default().push(took);
    }

    /// Those that took longer than this, in words.
    pub fn late(&self, most: Duration) -> Vec<String> {
        let all = self.0.iter().flat_map(|(kind, taken)| taken.iter().map(move |t| (kind, t)));
        all.filter(|(_, took)| **took > most)
            .map(|(kind, took)| format!("after {kind} nothing succeeded for {}, allowed are {}", ms(*took), ms(most)))
            .collect()
    }

    /// All of them in one line.
    pub fn told(&self) -> String {
        let told = self.0.iter().map(|(kind, taken)| {
            let mut taken = taken.clone();
            let (half, worst) = (percentile(&mut taken, 0.5), percentile(&mut taken, 1.0));
            format!("{kind} p50 {}, longest {} of {}", ms(half), ms(worst), taken.len())
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_after_the_fault_counts() {
        let pulse = Pulse::default();
        let before = Instant::now();
        pulse.acknowledged(before);
        assert_eq!(pulse.took(), None);
        let end = before + Duration::from_nanos(1);
        pulse.over(end);
        pulse.acknowledged(before);
        assert_eq!(pulse.took(), None);
        pulse.acknowledged(end);
        let first = pulse.took();
        assert!(first.is_some());
        pulse.acknowledged(Instant::now());
        assert_eq!(pulse.took(), first);
        pulse.over(Instant::now());
        assert_eq!(pulse.took(), None);
    }

    #[test]
    fn late_ones_are_told() {
        let mut recoveries = Recoveries::default();
        recoveries.note("a kill", Duration::from_millis(20));
        recoveries.note("a kill", Duration::from_millis(1_500));
        assert_eq!(recoveries.late(Duration::from_secs(2)), Vec::<String>::new());
        assert_eq!(recoveries.late(Duration::from_secs(1)).len(), 1);
        assert_eq!(recoveries.told(), "a kill p50 1500 ms, longest 1500 ms of 2");
    }
}
