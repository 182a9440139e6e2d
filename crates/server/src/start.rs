//! From configuration to a running server: open, migrate, first start, wire, listen.

use crate::config::Config;
use crate::data::DataFolder;
use crate::listen;
use crate::routes::Routes;
use crate::wiring;
use anyhow::{Context, Result, anyhow, bail};
use bandmaster_api::duties;
use bandmaster_api::{App, Duty, Served};
use bandmaster_core::{Clock, Ids, RandomIds, Secret, SystemClock};
use bandmaster_store::{Store, StoreConfig, schema};
use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server takes from its surroundings; tests replace it.
pub struct Ambient {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub ids: Arc<dyn Ids>,
    /// The database, when it is not the one the configuration names.
    pub store: Option<StoreConfig>,
    /// Hash passwords at the least cost. For tests only.
    pub cheap_hashes: bool,
}

impl Default for Ambient {
    fn default() -> Ambient {
        Ambient { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), store: None, cheap_hashes: false }
    }
}

/// What the first start made.
pub struct FirstStart {
    /// Name of the administrator.
    pub user: String,
    /// Its password, when it was made up here: shown once, stored nowhere.
    pub password: Option<Secret>,
}

/// A server that is ready to listen.
pub struct Prepared {
    /// Its parts.
    pub app: Arc<App>,
    /// What it serves.
    pub served: Arc<Served>,
    /// Set at the first start.
    pub first: Option<FirstStart>,
    /// Its data folder.
    pub data: DataFolder,
    duties: Vec<Arc<dyn Duty>>,
    lock: File,
}

/// Opens database and keys, migrates, makes what the first start makes, wires the features.
pub async fn prepare(config: &Config, ambient: Ambient) -> Result<Prepared> {
    let data = DataFolder::open(config.data())?;
    let Some(lock) = data.lock()? else {
        bail!("another process uses the data folder {}", data.root().display());
    };
    let keys = data.keys(&ambient.ids)?;
    let store_config = match ambient.store {
        Some(store) => store,
        None => store_config(config, &data)?,
    };
    let mail = wiring::mail(config)?;
    let outgoing = wiring::outgoing(config)?;
    let store = Store::open(store_config).await.context("the database cannot be opened")?;
    let applied = store.migrate(schema::MIGRATIONS).await.context("the database cannot be brought up to date")?;
    for name in applied {
        tracing::info!(migration = name, "the database was brought up to date");
    }
    let registry = wiring::registry();
    let served =
        registry.finish().map_err(|problems| anyhow!("the registry is inconsistent: {}", problems.join("; ")))?;
    let settings = wiring::settings(config, &data);
    let wired = wiring::app(
        config,
        settings,
        wiring::Ground {
            store,
            clock: ambient.clock,
            ids: ambient.ids,
            keys,
            mail,
            outgoing,
            cheap_hashes: ambient.cheap_hashes,
        },
    );
    let app = Arc::new(wired.app);
    let first = wiring::first_start(&app, config.text("admin-password")).await.map_err(|e| anyhow!("{e:?}"))?;
    Ok(Prepared { app, served: Arc::new(served), first, data, duties: wired.duties, lock })
}

fn store_config(config: &Config, data: &DataFolder) -> Result<StoreConfig> {
    let mut store = match config.text("database") {
        None => StoreConfig::sqlite(data.database()),
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => StoreConfig::postgres(url),
        Some(_) => bail!("the setting database takes a postgres:// address"),
    };
    store.read_connections = usize::try_from(config.number("read-connections"))?.max(1);
    store.pool_size = usize::try_from(config.number("pool-size"))?.max(2);
    Ok(store)
}

/// A running server.
pub struct Running {
    /// Its parts.
    pub app: Arc<App>,
    /// What it serves.
    pub served: Arc<Served>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Base address on this machine.
    pub url: String,
    /// Set at the first start.
    pub first: Option<FirstStart>,
    tasks: Vec<JoinHandle<()>>,
    listening: JoinHandle<()>,
    _lock: File,
}

/// Listens and starts the duties.
pub async fn run(config: &Config, prepared: Prepared) -> Result<Running> {
    let wish = config.text("listen").unwrap_or("127.0.0.1:8080");
    let tls = match (config.text("tls-certificate"), config.text("tls-key")) {
        (Some(certificate), Some(key)) => Some(listen::tls(certificate.as_ref(), key.as_ref())?),
        (None, None) => None,
        _ => bail!("tls-certificate and tls-key go together"),
    };
    let listener = TcpListener::bind(wish).await.with_context(|| format!("cannot listen on {wish}; try --listen"))?;
    let address = listener.local_addr()?;
    let open = !address.ip().is_loopback();
    if open && tls.is_none() && !config.is("trust-proxy") && !config.is("insecure-http") {
        bail!(
            "{address} can be reached by others: give a TLS certificate, or --trust-proxy behind one, or --insecure-http"
        );
    }
    let Prepared { app, served, first, data, duties, lock } = prepared;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    let routes = Arc::new(Routes::new(app.clone(), served.clone()));
    let mut tasks: Vec<JoinHandle<()>> =
        duties.into_iter().map(|duty| tokio::spawn(duties::run(app.clone(), duty))).collect();
    tasks.push(tokio::spawn(nudges_of_other_nodes(app.clone())));
    tasks.push(crate::admin::listen(app.clone(), &data)?);
    let listening = tokio::spawn(listen::serve(listener, tls, routes.clone(), app.stopping.clone()));
    routes.set_ready(true);
    if let Some(path) = config.text("ready-file") {
        let ready = serde_json::json!({"url": url, "pid": std::process::id(), "version": env!("CARGO_PKG_VERSION")});
        std::fs::write(path, ready.to_string()).with_context(|| format!("ready file {path}"))?;
    }
    Ok(Running { app, served, address, url, first, tasks, listening, _lock: lock })
}

impl Running {
    /// Stops accepting, lets requests end, ends the duties, closes the database.
    pub async fn stop(self) {
        self.app.stopping.cancel();
        // What ended abnormally has been logged where it happened.
        let _ = self.listening.await;
        for task in self.tasks {
            let _ = task.await;
        }
        self.app.store.close().await;
    }
}

/// Passes nudges of other nodes on to those who wait here.
async fn nudges_of_other_nodes(app: Arc<App>) {
    let mut received = app.store.subscribe();
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            topic = received.recv() => match topic {
                Ok(topic) => app.nudges.nudge(&topic),
                // Missed ones are made up for by everyone's own timer.
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}
