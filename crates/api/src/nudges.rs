//! Wake-ups inside one node: a topic is nudged after a commit, whoever waits for it looks again. A nudge
//! carries no data and may be lost between nodes; every waiter also looks by itself from time to time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Topics and those who wait for them.
#[derive(Clone, Default)]
pub struct Nudges(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl Nudges {
    fn topic(&self, topic: &str) -> Arc<Notify> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Topics name machines and queues; the idle ones go when the map has grown.
        if topics.len() > 10_000 {
            topics.retain(|_, n| Arc::strong_count(n) > 1);
        }
        topics.entry(topic.to_owned()).or_default().clone()
    }

    /// Wakes everyone who waits for the topic now.
    pub fn nudge(&self, topic: &str) {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(topic).cloned();
        if let Some(notify) = found {
            notify.notify_waiters();
        }
    }

    /// How many wait for the topic at this moment.
    pub fn waiting(&self, topic: &str) -> usize {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.get(topic).map_or(0, |n| Arc::strong_count(n) - 1)
    }

    /// A waiter for the topic. Take it before looking at the database, await it after, so that no nudge
    /// falls between.
    pub fn waiter(&self, topic: &str) -> Waiter {
        let notify = self.topic(topic);
        let mut notified = Box::pin(notify.notified_owned());
        notified.as_mut().enable();
        Waiter(notified)
    }
}

/// Waits for one nudge.
pub struct Waiter(std::pin::Pin<Box<tokio::sync::futures::OwnedNotified>>);

impl Waiter {
    /// Returns at the nudge, or after `limit`. Tells whether it was the nudge.
    pub async fn wait(self, limit: std::time::Duration) -> bool {
        tokio::time::timeout(limit, self.0).await.is_ok()
    }
}

impl std::fmt::Debug for Nudges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nudges")
    }
}
