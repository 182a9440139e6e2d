//! A bare axum program that adds, claims and completes items: a token checked by its hash, one table, group commit,
//! `synchronous=FULL`. Runs as a process of its own, as the product does.

use crate::prefill;
use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// Most requests in one commit, as many as the product takes.
const GROUP: usize = 256;

/// An item that was claimed: its id and its content.
type Claimed = Option<(i64, String)>;

enum Ask {
    Claim(oneshot::Sender<Claimed>),
    Complete(i64, String, oneshot::Sender<bool>),
    Add(Vec<String>, oneshot::Sender<i64>),
}

/// An answer that leaves once the group is durable.
enum Answer {
    Claim(oneshot::Sender<Claimed>, Claimed),
    Complete(oneshot::Sender<bool>, bool),
    Add(oneshot::Sender<i64>, i64),
}

impl Answer {
    fn send(self) {
        // Who asked may be gone.
        match self {
            Answer::Claim(to, what) => drop(to.send(what)),
            Answer::Complete(to, what) => drop(to.send(what)),
            Answer::Add(to, what) => drop(to.send(what)),
        }
    }
}

struct Shared {
    tokens: HashSet<[u8; 32]>,
    writer: Sender<Ask>,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Fills the file, then serves until it is killed. The first line of the standard output is `{"address", "token"}`.
pub async fn serve(folder: &Path, items: u64) -> Result<()> {
    let conn = open(folder, items)?;
    let (writer, asked) = channel();
    std::thread::spawn(move || {
        if let Err(error) = write(&conn, &asked) {
            eprintln!("the yardstick's writer failed: {error:#}");
            std::process::exit(1);
        }
    });
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let shared = Arc::new(Shared { tokens: HashSet::from([Sha256::digest(&token).into()]), writer });
    let routes = Router::new()
        .route("/claim", post(claim))
        .route("/complete/{id}", post(complete))
        .route("/add", post(add))
        .with_state(shared);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"address": listener.local_addr()?.to_string(), "token": token}));
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, routes).await?;
    Ok(())
}

fn open(folder: &Path, items: u64) -> Result<Connection> {
    let mut conn = Connection::open(folder.join("yardstick.db"))?;
    conn.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
         CREATE TABLE item (id INTEGER PRIMARY KEY, status INTEGER NOT NULL, content TEXT NOT NULL, output TEXT,
           started_at INTEGER, ended_at INTEGER);
         CREATE INDEX item_waiting ON item (id) WHERE status = 0;",
    )?;
    let unit = conn.transaction()?;
    {
        let mut insert = unit.prepare("INSERT INTO item (status, content) VALUES (0, ?1)")?;
        for number in 0..items {
            insert.execute([prefill::content(number)])?;
        }
    }
    unit.commit()?;
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous=FULL;")?;
    Ok(conn)
}

/// Takes what waits, does it in one transaction, answers after the commit.
fn write(conn: &Connection, asked: &Receiver<Ask>) -> Result<()> {
    let mut begin = conn.prepare("BEGIN IMMEDIATE")?;
    let mut commit = conn.prepare("COMMIT")?;
    let mut claim = conn.prepare(
        "UPDATE item SET status = 1, started_at = ?1 \
         WHERE id = (SELECT id FROM item WHERE status = 0 ORDER BY id LIMIT 1) RETURNING id, content",
    )?;
    let mut complete =
        conn.prepare("UPDATE item SET status = 3, output = ?1, ended_at = ?2 WHERE id = ?3 AND status = 1")?;
    let mut add = conn.prepare("INSERT INTO item (status, content) VALUES (0, ?1)")?;
    let mut answers = Vec::with_capacity(GROUP);
    while let Ok(first) = asked.recv() {
        begin.raw_execute()?;
        let mut next = Some(first);
        while let Some(ask) = next {
            answers.push(match ask {
                Ask::Claim(to) => {
                    let row = claim.query_row([now()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                    Answer::Claim(to, row)
                }
                Ask::Complete(id, output, to) => {
                    Answer::Complete(to, complete.execute(params![output, now(), id])? == 1)
                }
                Ask::Add(contents, to) => {
                    for content in contents {
                        add.execute([content])?;
                    }
                    Answer::Add(to, conn.last_insert_rowid())
                }
            });
            next = if answers.len() < GROUP { asked.try_recv().ok() } else { None };
        }
        commit.raw_execute()?;
        answers.drain(..).for_each(Answer::send);
    }
    Ok(())
}

fn known(shared: &Shared, headers: &HeaderMap) -> bool {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    token.is_some_and(|token| shared.tokens.contains(&<[u8; 32]>::from(Sha256::digest(token))))
}

async fn claim(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    if !known(&shared, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if serde_json::from_str::<Value>(&body).is_err() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let (to, answer) = oneshot::channel();
    if shared.writer.send(Ask::Claim(to)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answer.await {
        Ok(Some((id, content))) => {
            let text = format!("{{\"Id\":{id},\"SpecificContent\":{content}}}");
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn complete(
    State(shared): State<Arc<Shared>>,
    UrlPath(id): UrlPath<i64>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if !known(&shared, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(result) = serde_json::from_str::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (to, answer) = oneshot::channel();
    if shared.writer.send(Ask::Complete(id, result["Output"].to_string(), to)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answer.await {
        Ok(true) => StatusCode::OK.into_response(),
        Ok(false) => StatusCode::CONFLICT.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Adds a list of contents; the id of the last.
async fn add(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    if !known(&shared, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(Value::Array(contents)) = serde_json::from_str::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (to, answer) = oneshot::channel();
    let contents = contents.iter().map(Value::to_string).collect();
    if shared.writer.send(Ask::Add(contents, to)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answer.await {
        Ok(id) => (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], format!("{{\"Id\":{id}}}"))
            .into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
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
    /// Starts the program with this many waiting items.
    pub async fn start(folder: &Path, items: u64) -> Result<Program> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["yardstick", "--items", &items.to_string(), "--data"])
            .arg(folder)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_claimed_and_completed_once() {
        let folder = tempfile::tempdir().unwrap();
        let conn = open(folder.path(), 2).unwrap();
        let (writer, asked) = channel();
        let thread = std::thread::spawn(move || write(&conn, &asked).unwrap());
        let claim = || {
            let (to, answer) = oneshot::channel();
            writer.send(Ask::Claim(to)).unwrap();
            answer.blocking_recv().unwrap().map(|(id, _)| id)
        };
        let complete = |id| {
            let (to, answer) = oneshot::channel();
            writer.send(Ask::Complete(id, "{}".into(), to)).unwrap();
            answer.blocking_recv().unwrap()
        };
        assert_eq!([claim(), claim(), claim()], [Some(1), Some(2), None]);
        let (to, answer) = oneshot::channel();
        writer.send(Ask::Add(vec!["{}".into(), "{}".into()], to)).unwrap();
        assert_eq!(answer.blocking_recv().unwrap(), 4);
        assert_eq!([claim(), claim(), claim()], [Some(3), Some(4), None]);
        assert_eq!([complete(1), complete(1), complete(9)], [true, false, false]);
        drop(writer);
        thread.join().unwrap();
    }
}
