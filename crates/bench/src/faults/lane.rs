//! A connection to a server that dies and comes back. It tells apart what was never sent from what was never answered.

use super::journal::Shared;
use super::pulse::Pulse;
use crate::http::{Client, Reply};
use bytes::Bytes;
use hyper::Method;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What came of a request.
#[derive(Debug)]
pub enum Said {
    /// An answer.
    Answer(Reply),
    /// It was sent (perhaps not wholly); nobody knows whether the server acted.
    Silence,
    /// The load is over; it was not sent.
    Over,
}

/// The server's whereabouts and the end of the load, as all clients see them.
#[derive(Clone)]
pub struct World {
    /// Where the server is, while it is.
    pub address: watch::Receiver<Option<SocketAddr>>,
    /// Whether clients are to stop.
    pub over: watch::Receiver<bool>,
    /// The journal.
    pub journal: Shared,
    /// Where acknowledged writes are told.
    pub pulse: Pulse,
}

/// A client in that world.
pub struct Lane {
    /// The world.
    pub world: World,
    /// Its own randomness.
    pub random: StdRng,
    client: Client,
}

impl Lane {
    /// A client with credentials. The seed is its own.
    pub fn new(world: World, client: Client, seed: u64) -> Lane {
        Lane { world, client, random: StdRng::seed_from_u64(seed) }
    }

    /// Whether to stop.
    pub fn over(&self) -> bool {
        *self.world.over.borrow()
    }

    /// Sends a request as soon as there is a server to connect to.
    pub async fn send(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> Said {
        loop {
            if self.over() {
                return Said::Over;
            }
            let address = *self.world.address.borrow();
            if let Some(address) = address {
                self.client.redirect(address);
                if self.client.connect().await.is_ok() {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (sent, writes) = (Instant::now(), method == Method::POST);
        match self.client.send(method, path, body).await {
            // A server that cannot say whether it wrote has answered nothing.
            Ok(reply) if reply.status == 503 => {
                // It refuses at once, and asking again at once would only keep it busy.
                tokio::time::sleep(Duration::from_millis(2)).await;
                self.silence()
            }
            Ok(reply) => {
                // 204 tells of an empty queue, where nothing was written.
                if writes && matches!(reply.status, 200 | 201) {
                    self.world.pulse.acknowledged(sent);
                }
                Said::Answer(reply)
            }
            Err(_) => self.silence(),
        }
    }

    fn silence(&self) -> Said {
        self.world.journal.lock().silences += 1;
        Said::Silence
    }

    /// Posts JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Said {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// Waits a random while of at most this.
    pub async fn pause(&mut self, most: Duration) {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX).max(1);
        tokio::time::sleep(Duration::from_micros(self.random.random_range(0..micros))).await;
    }

    /// Whether something happens that happens in this share (0 to 1) of all cases.
    pub fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }
}
