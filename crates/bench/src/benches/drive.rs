//! Keep-alive clients that send the same kind of request again and again, each as soon as it has its answer.

use crate::http::{Client, Reply};
use anyhow::{Context as _, Result, bail};
use hyper::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Before anything counts.
pub const WARM_UP: Duration = Duration::from_millis(700);

/// What a round showed.
pub struct Driven {
    /// Answers a second.
    pub a_second: f64,
    /// How long each took.
    pub taken: Vec<Duration>,
}

/// What is sent.
pub struct Ask<B> {
    /// Where to.
    pub path: &'static str,
    /// The body of the request of that number.
    pub body: B,
    /// Whether an answer is the right one.
    pub right: fn(&Reply) -> bool,
}

/// Posts for so long; anything but a right answer is an error. Numbers go on from those of the counter.
pub async fn drive<B>(
    client: &Client,
    clients: usize,
    span: Duration,
    ask: Ask<B>,
    numbers: &AtomicU64,
) -> Result<Driven>
where
    B: Fn(u64) -> String + Send + Sync + 'static,
{
    let ask = Arc::new(ask);
    let next = Arc::new(AtomicU64::new(numbers.load(Ordering::Relaxed)));
    let counts_from = Instant::now() + WARM_UP;
    let ends = counts_from + span;
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (mut client, ask, next) = (client.clone(), ask.clone(), next.clone());
            tokio::spawn(async move {
                let mut counted = Vec::new();
                while Instant::now() < ends {
                    let body = (ask.body)(next.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    let reply = client.send(Method::POST, ask.path, body).await?;
                    let now = Instant::now();
                    if !(ask.right)(&reply) {
                        bail!("{}: {} {}", ask.path, reply.status, reply.text());
                    }
                    if now >= counts_from && now < ends {
                        counted.push(now - sent);
                    }
                }
                Ok(counted)
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.context("a client failed")??);
    }
    numbers.store(next.load(Ordering::Relaxed), Ordering::Relaxed);
    Ok(Driven { a_second: taken.len() as f64 / span.as_secs_f64(), taken })
}
