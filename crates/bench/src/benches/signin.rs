//! Sign-ins with user name and password at `/identity/connect/token`, beside bare Argon2id of the same cost on as
//! many threads as the server has for it.

use crate::api::{TOKEN_PATH, form_client};
use crate::context::Context;
use crate::crowd;
use crate::http::escape;
use crate::measure::{Line, median, ms, percentile, rate};
use crate::product::Product;
use crate::yardsticks::argon;
use anyhow::{Context as _, Result, bail};
use bandmaster_identity::Options;
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use hyper::Method;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// On the databases of the run.
pub async fn run(context: &Context) -> Result<Vec<Line>> {
    let span = Duration::from_secs(context.seconds);
    let threads = Options::default().hashing_threads;
    let mut lines = Vec::new();
    for &database in &context.databases {
        let settings = context.fresh(database).await?;
        crowd::settle(&settings).await?;
        let product = Product::start(&settings).await?;
        let (mut bare, mut rates, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..context.rounds {
            bare.push(tokio::task::spawn_blocking(move || argon::checks_a_second(threads, span)).await??);
            let (signed_in, times) = round(product.address()?, context.clients, span).await?;
            rates.push(signed_in);
            taken.extend(times);
        }
        product.stop().await?;
        let ratios: Vec<f64> = rates.iter().zip(&bare).map(|(p, b)| p / b).collect();
        let ratio = median(&ratios);
        lines.push(Line {
            what: "sign-ins with a password".into(),
            database: database.name().into(),
            yardstick: format!("{} on {threads} threads", rate(median(&bare), "hashes")),
            product: format!("{}; p99 {}", rate(median(&rates), "sign-ins"), ms(percentile(&mut taken, 0.99))),
            ratio: format!("{ratio:.2}"),
            goal: "≥ 0.7 × bare Argon2".into(),
            reached: Some(ratio >= 0.7),
        });
    }
    Ok(lines)
}

async fn round(address: SocketAddr, clients: usize, span: Duration) -> Result<(f64, Vec<Duration>)> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|number| {
            tokio::spawn(async move {
                let mut client = form_client(address)?;
                let mut taken = Vec::new();
                // Everybody signs in as somebody else each time.
                for turn in 0.. {
                    if begun.elapsed() >= span {
                        break;
                    }
                    let form = form((number + turn * clients) % crowd::PEOPLE);
                    let sent = Instant::now();
                    let reply = client.send(Method::POST, TOKEN_PATH, form).await?;
                    if reply.status != 200 {
                        bail!("sign-in: {} {}", reply.status, reply.text());
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

fn form(person: usize) -> String {
    format!(
        "grant_type=password&client_id={PUBLIC_CLIENT}&username={}&password={}&scope=OR.Jobs",
        escape(&crowd::person(person)),
        escape(crowd::EVERYBODYS)
    )
}
