//! `bandmaster admin`: first steps without an API, and rescue. The command talks to a running server over a socket in
//! the data folder; when none runs, it opens the database itself. Either way the same [`execute`] does the work.

mod accounts;
mod audit;
mod show;

use crate::config::Config;
use crate::data::DataFolder;
use crate::start::{self, Ambient};
use anyhow::{Context, Result, anyhow, bail};
use bandmaster_api::App;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// A request may not be longer than this.
const LONGEST: u64 = 1 << 20;
/// A caller has this long to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does what a command asks. The answer may hold a secret that is shown once.
pub async fn execute(app: &Arc<App>, request: &Value) -> bandmaster_core::Result<Value> {
    let text = |name: &str| request[name].as_str().filter(|t| !t.is_empty());
    match request["command"].as_str().unwrap_or_default() {
        "show" => show::show(app).await,
        "application create" => accounts::create_application(app, &text).await,
        "token create" => accounts::create_token(app, &text).await,
        "password reset" => accounts::reset_password(app, &text).await,
        "robot create" => accounts::create_robot(app, &text).await,
        "organization create" => accounts::create_organization(app, &text).await,
        "verify-audit" => audit::verify(app, text("expect")).await,
        "backup" => {
            let to = text("to").unwrap_or_default();
            app.store.backup(to.as_ref()).await?;
            Ok(json!({"database": to}))
        }
        other => Err(bandmaster_core::Error::argument(format!("There is no command {other}."))),
    }
}

/// Answers commands on the socket until the server stops.
pub fn listen(app: Arc<App>, data: &DataFolder) -> Result<JoinHandle<()>> {
    let path = data.socket();
    // A socket left by a server that was killed; the lock on the folder tells that nobody listens there.
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("socket {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "the administrator's socket failed");
                        continue;
                    }
                },
                () = app.stopping.cancelled() => break,
            };
            let app = app.clone();
            tokio::spawn(async move {
                if let Err(error) = converse(&app, stream).await {
                    tracing::debug!(%error, "an administrator's command was not served");
                }
            });
        }
        // Whether it is removed matters little: the next server replaces it.
        let _ = std::fs::remove_file(&path);
    }))
}

async fn converse(app: &Arc<App>, stream: UnixStream) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(tokio::io::AsyncReadExt::take(read, LONGEST));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let request: Value = serde_json::from_str(&line)?;
    let answer = match execute(app, &request).await {
        Ok(value) => json!({"ok": value}),
        Err(error) => json!({"error": error.message(), "detail": error.internal_text()}),
    };
    write.write_all(format!("{answer}\n").as_bytes()).await?;
    write.shutdown().await?;
    Ok(())
}

/// Runs a command against the data folder of the configuration.
pub async fn command(config: &Config, request: Value) -> Result<Value> {
    let data = DataFolder::open(config.data())?;
    let answer = match UnixStream::connect(data.socket()).await {
        Ok(stream) => ask(stream, &request).await?,
        Err(_) => {
            let prepared = start::prepare(config, Ambient::default()).await?;
            let answer = match execute(&prepared.app, &request).await {
                Ok(value) => json!({"ok": value}),
                Err(error) => json!({"error": error.message(), "detail": error.internal_text()}),
            };
            prepared.app.store.close().await;
            answer
        }
    };
    match answer.get("ok") {
        Some(value) => Ok(value.clone()),
        None => {
            let text = answer["error"].as_str().unwrap_or("the command failed");
            match answer["detail"].as_str() {
                Some(detail) => Err(anyhow!("{text} ({detail})")),
                None => bail!("{text}"),
            }
        }
    }
}

async fn ask(stream: UnixStream, request: &Value) -> Result<Value> {
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{request}\n").as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    serde_json::from_str(&line).context("the server's answer cannot be read")
}
