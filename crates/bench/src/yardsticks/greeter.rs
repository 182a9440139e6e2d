//! A bare axum program that answers a `GET` with a few bytes of JSON after it has found the token's hash in a set. Runs
//! as a process of its own, as the product does.

use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

type Tokens = Arc<HashSet<[u8; 32]>>;

/// Serves until it is killed. The first line of the standard output is `{"address", "token"}`.
pub async fn serve() -> Result<()> {
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let tokens: Tokens = Arc::new(HashSet::from([Sha256::digest(&token).into()]));
    let routes = Router::new().route("/", get(greet)).with_state(tokens);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"address": listener.local_addr()?.to_string(), "token": token}));
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, routes).await?;
    Ok(())
}

async fn greet(State(tokens): State<Tokens>, headers: HeaderMap) -> Response {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    if !token.is_some_and(|token| tokens.contains(&<[u8; 32]>::from(Sha256::digest(token)))) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    ([(header::CONTENT_TYPE, "application/json")], json!({"ApiVersion": "20.0"}).to_string()).into_response()
}

/// The program as a process. Dropping it kills it.
pub struct Program {
    /// Where it serves.
    pub address: SocketAddr,
    /// What it takes as a token.
    pub token: String,
    child: Child,
}

impl Program {
    /// Starts it.
    pub async fn start() -> Result<Program> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("greeter")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await?;
        let ready: Value = serde_json::from_str(&line).map_err(|_| anyhow!("the yardstick did not start"))?;
        Ok(Program {
            address: ready["address"].as_str().unwrap_or_default().parse()?,
            token: ready["token"].as_str().unwrap_or_default().to_owned(),
            child,
        })
    }

    /// Ends it, and waits until it is gone.
    pub async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("the yardstick cannot be ended")
    }
}
