//! One reading for all who ask at the same time, where every request has to know what the database says *now*.
//!
//! Who asks gets the result of a reading that began after the call, so it sees everything that was committed before.
//! A reading that is under way is of no use to who comes meanwhile; all of those share the next one. With one caller
//! there is one reading a call, with many there are few.

use crate::error::DbError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;

type Outcome<T> = Option<Result<T, DbError>>;

/// Shares readings of one thing. All callers must read the same.
#[derive(Debug)]
pub struct Joint<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    under_way: bool,
    // Those who came while a reading was under way.
    waiting: Option<watch::Sender<Outcome<T>>>,
}

impl<T> Default for Joint<T> {
    fn default() -> Joint<T> {
        Joint(Arc::new(Mutex::new(State { under_way: false, waiting: None })))
    }
}

fn locked<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Clone + Send + Sync + 'static> Joint<T> {
    /// What a reading that begins from now on finds. `read` may run on a task of its own, for others.
    pub async fn read<F, R>(&self, read: F) -> Result<T, DbError>
    where
        F: Fn() -> R + Clone + Send + 'static,
        R: Future<Output = Result<T, DbError>> + Send + 'static,
    {
        let next = {
            let mut state = locked(&self.0);
            if state.under_way {
                Some(state.waiting.get_or_insert_with(|| watch::Sender::new(None)).subscribe())
            } else {
                state.under_way = true;
                None
            }
        };
        let Some(mut next) = next else {
            // Also when this future is dropped in the middle: others may wait.
            let _end = End { state: self.0.clone(), read: read.clone() };
            return read().await;
        };
        let found = next.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        match found {
            Some(found) => found,
            // Whoever was to read is gone.
            None => read().await,
        }
    }
}

/// The end of a reading: the next one begins if somebody waits for it.
struct End<T, F, R>
where
    T: Clone + Send + Sync + 'static,
    F: Fn() -> R + Clone + Send + 'static,
    R: Future<Output = Result<T, DbError>> + Send + 'static,
{
    state: Arc<Mutex<State<T>>>,
    read: F,
}

impl<T, F, R> Drop for End<T, F, R>
where
    T: Clone + Send + Sync + 'static,
    F: Fn() -> R + Clone + Send + 'static,
    R: Future<Output = Result<T, DbError>> + Send + 'static,
{
    fn drop(&mut self) {
        let waiting = {
            let mut state = locked(&self.state);
            let waiting = state.waiting.take();
            state.under_way = waiting.is_some();
            waiting
        };
        let Some(waiting) = waiting else { return };
        let end = End { state: self.state.clone(), read: self.read.clone() };
        let Ok(runtime) = Handle::try_current() else {
            // Those who wait read for themselves.
            drop(waiting);
            return;
        };
        runtime.spawn(async move {
            let end = end;
            let found = (end.read)().await;
            // They may all be gone.
            let _ = waiting.send(Some(found));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Semaphore;

    /// A number that readings take `gate` permits for.
    struct Source {
        value: AtomicU64,
        begun: AtomicU64,
        gate: Semaphore,
    }

    fn source() -> (Arc<Source>, Arc<Joint<u64>>) {
        let source = Source { value: AtomicU64::new(1), begun: AtomicU64::new(0), gate: Semaphore::new(0) };
        (Arc::new(source), Arc::default())
    }

    fn ask(source: &Arc<Source>, joint: &Arc<Joint<u64>>) -> tokio::task::JoinHandle<Result<u64, DbError>> {
        let (source, joint) = (source.clone(), joint.clone());
        tokio::spawn(async move {
            let read = move || {
                let source = source.clone();
                async move {
                    let found = source.value.load(Ordering::SeqCst);
                    source.begun.fetch_add(1, Ordering::SeqCst);
                    source.gate.acquire().await.unwrap().forget();
                    if found == 13 { Err(DbError::Conflict) } else { Ok(found) }
                }
            };
            joint.read(read).await
        })
    }

    async fn begun(source: &Source, count: u64) {
        while source.begun.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_comes_during_a_reading_shares_the_next_and_sees_what_happened_before() {
        let (source, joint) = source();
        let first = ask(&source, &joint);
        begun(&source, 1).await;
        // The reading under way has the old value already.
        source.value.store(2, Ordering::SeqCst);
        let later: Vec<_> = (0..10).map(|_| ask(&source, &joint)).collect();
        while locked(&joint.0).waiting.as_ref().is_none_or(|w| w.receiver_count() < 10) {
            tokio::task::yield_now().await;
        }
        source.gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(1));
        for one in later {
            assert_eq!(one.await.unwrap(), Ok(2));
        }
        assert_eq!(source.begun.load(Ordering::SeqCst), 2);
        source.value.store(13, Ordering::SeqCst);
        source.gate.add_permits(1);
        assert_eq!(ask(&source, &joint).await.unwrap(), Err(DbError::Conflict));
        assert!(!locked(&joint.0).under_way);
    }

    #[tokio::test]
    async fn a_reader_who_leaves_does_not_keep_the_others() {
        let (source, joint) = source();
        let first = ask(&source, &joint);
        begun(&source, 1).await;
        let second = ask(&source, &joint);
        while locked(&joint.0).waiting.is_none() {
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        source.gate.add_permits(1);
        assert_eq!(second.await.unwrap(), Ok(1));
        source.gate.add_permits(1);
        assert_eq!(ask(&source, &joint).await.unwrap(), Ok(1));
    }
}
