//! Tokens for client credentials, against bare RSA signing on all cores.

use crate::api::{Api, Credentials, TOKEN_PATH, form_client};
use crate::context::Context;
use crate::measure::{Line, median, ms, percentile, rate};
use crate::product::Product;
use crate::yardsticks::rsa;
use anyhow::{Context as _, Result, bail};
use hyper::Method;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let span = Duration::from_secs(context.seconds);
    let mut lines = Vec::new();
    for &database in &context.databases {
        let product = Product::start(&context.fresh(database).await?).await?;
        let api = Api::sign_in(&product).await?;
        let (mut bare, mut rates, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..context.rounds {
            bare.push(tokio::task::spawn_blocking(move || rsa::signatures_a_second(span)).await??);
            let (tokens, times) = round(product.address()?, &api.credentials, context.clients, span).await?;
            rates.push(tokens);
            taken.extend(times);
        }
        product.stop().await?;
        let ratios: Vec<f64> = rates.iter().zip(&bare).map(|(p, b)| p / b).collect();
        let ratio = median(&ratios);
        lines.push(Line {
            what: "client-credential tokens".into(),
            database: database.name().into(),
            yardstick: rate(median(&bare), "signatures"),
            product: format!("{}; p99 {}", rate(median(&rates), "tokens"), ms(percentile(&mut taken, 0.99))),
            ratio: format!("{ratio:.2}"),
            goal: "≥ 0.7 × bare RSA signing".into(),
            reached: Some(ratio >= 0.7),
        });
    }
    Ok(lines)
}

async fn round(
    address: SocketAddr,
    credentials: &Credentials,
    clients: usize,
    span: Duration,
) -> Result<(f64, Vec<Duration>)> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let form = credentials.form();
            tokio::spawn(async move {
                let mut client = form_client(address)?;
                let mut taken = Vec::new();
                while begun.elapsed() < span {
                    let sent = Instant::now();
                    let reply = client.send(Method::POST, TOKEN_PATH, form.clone()).await?;
                    if reply.status != 200 {
                        bail!("token: {} {}", reply.status, reply.text());
                    }
                    taken.push(sent.elapsed());
                }
                Ok(taken)
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.context("a client failed")??);
    }
    Ok((taken.len() as f64 / begun.elapsed().as_secs_f64(), taken))
}
