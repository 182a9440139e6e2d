//! Nudges between the nodes that share a PostgreSQL database.
//!
//! One connection of its own listens and notifies: NOTIFY takes a lock across
//! the database at commit, so it has no place in business transactions. Topics
//! that gather while one is being sent go together, each once. A nudge can be
//! lost (with the connection); whoever waits for one polls too.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

const CHANNEL: &str = "bandmaster_nudge";
/// Waits between attempts to connect, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Nudger {
    local: broadcast::Sender<String>,
    waiting: Arc<Waiting>,
    stop: watch::Sender<bool>,
}

#[derive(Default)]
struct Waiting {
    topics: Mutex<BTreeSet<String>>,
    added: Notify,
}

impl Waiting {
    fn take(&self) -> Vec<String> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *topics).into_iter().collect()
    }

    fn add(&self, topics: impl IntoIterator<Item = String>) {
        let mut set = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        set.extend(topics);
    }
}

impl Nudger {
    /// Starts the background task; it ends with `stop` or with the nudger.
    pub(crate) fn start(config: Config, tls: MakeRustlsConnect) -> Self {
        let local = broadcast::channel(256).0;
        let waiting = Arc::new(Waiting::default());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(serve(config, tls, local.clone(), Arc::clone(&waiting), stopped));
        Nudger { local, waiting, stop }
    }

    /// Tells this node at once and the others soon.
    pub(crate) fn nudge(&self, topic: &str) {
        let _ = self.local.send(topic.to_owned());
        self.waiting.add([topic.to_owned()]);
        self.waiting.added.notify_one();
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<String> {
        self.local.subscribe()
    }

    pub(crate) fn stop(&self) {
        let _ = self.stop.send(true);
    }
}

async fn serve(
    config: Config,
    tls: MakeRustlsConnect,
    local: broadcast::Sender<String>,
    waiting: Arc<Waiting>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut wait = FIRST_WAIT;
    loop {
        tokio::select! {
            // An error means that the nudger is gone, which is the same.
            _ = stopped.changed() => return,
            result = connected(&config, &tls, &local, &waiting, &mut wait) => {
                if let Err(error) = result {
                    tracing::warn!(%error, "the connection for nudges was lost");
                }
            }
        }
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Serves one connection until it fails.
async fn connected(
    config: &Config,
    tls: &MakeRustlsConnect,
    local: &broadcast::Sender<String>,
    waiting: &Waiting,
    wait: &mut Duration,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(tls.clone()).await?;
    let (own, pid) = watch::channel(0);
    let receive = async {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(note) = message? {
                // This node told its own subscribers already.
                if note.process_id() != *pid.borrow() {
                    let _ = local.send(note.payload().to_owned());
                }
            }
        }
        Ok(())
    };
    let send = async {
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await?;
        let _ = own.send(row.try_get(0)?);
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        *wait = FIRST_WAIT;
        loop {
            waiting.added.notified().await;
            flush(&client, waiting).await?;
        }
    };
    tokio::select! {
        result = receive => result,
        result = send => result,
    }
}

async fn flush(client: &Client, waiting: &Waiting) -> Result<(), tokio_postgres::Error> {
    let topics = waiting.take();
    if topics.is_empty() {
        return Ok(());
    }
    let sent =
        client.execute("SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic", &[&CHANNEL, &topics]).await;
    if let Err(error) = sent {
        waiting.add(topics);
        waiting.added.notify_one();
        return Err(error);
    }
    Ok(())
}
