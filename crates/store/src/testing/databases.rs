//! Fresh databases out of a cluster or a temporary folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::cluster::cluster_url;
use crate::{Database, Migration, Store, StoreConfig};

/// A database that exists until this is dropped.
pub struct TestDatabase {
    database: Database,
    /// The folder of the SQLite file.
    folder: Option<TempDir>,
    /// The name of the PostgreSQL database.
    name: Option<String>,
}

impl TestDatabase {
    /// Settings for opening it; few connections and short waits, as tests want.
    pub fn config(&self) -> StoreConfig {
        StoreConfig {
            database: self.database.clone(),
            pool_size: 8,
            acquire_timeout: Duration::from_secs(20),
            ..StoreConfig::default()
        }
    }

    /// Opens it. Several stores on one SQLite file stand for several processes.
    pub async fn store(&self) -> Store {
        Store::open(self.config()).await.expect("the store opens")
    }

    /// The SQLite file, or the PostgreSQL address.
    pub fn location(&self) -> String {
        match &self.database {
            Database::Sqlite { path } => path.to_string_lossy().into_owned(),
            Database::Postgres { url } => url.clone(),
        }
    }

    /// The folder of the SQLite file; free for other files of the test.
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|f| f.path().to_owned())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // Not waited for: a private cluster goes away as a whole anyway.
            std::thread::spawn(move || {
                administer(&[format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")]);
            });
        }
    }
}

/// An empty SQLite file (not even made yet) in a temporary folder.
pub async fn sqlite() -> TestDatabase {
    let folder = tempfile::Builder::new().prefix("bandmaster-").tempdir().expect("a temporary folder");
    TestDatabase {
        database: Database::Sqlite { path: folder.path().join("test.db") },
        folder: Some(folder),
        name: None,
    }
}

static SQLITE_TEMPLATES: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);

/// A SQLite file with these migrations applied (once per process, then copied).
pub async fn sqlite_migrated(migrations: &[Migration]) -> TestDatabase {
    let key = key_of(migrations);
    let known = SQLITE_TEMPLATES.lock().unwrap().get(&key).cloned();
    let database = sqlite().await;
    let path = PathBuf::from(database.location());
    if let Some(bytes) = known {
        std::fs::write(&path, bytes).expect("the template is copied");
        return database;
    }
    let store = database.store().await;
    store.migrate(migrations).await.expect("migrations apply");
    store.close().await;
    let bytes = std::fs::read(&path).expect("the template is read");
    SQLITE_TEMPLATES.lock().unwrap().insert(key, bytes);
    database
}

/// An empty PostgreSQL database.
pub async fn postgres() -> TestDatabase {
    create("template0").await
}

/// A PostgreSQL database with these migrations applied (once per cluster, then
/// copied).
pub async fn postgres_migrated(migrations: &[Migration]) -> TestDatabase {
    let template = format!("bandmaster_template_{}", key_of(migrations));
    let all = migrations.to_vec();
    let name = template.clone();
    on_thread(move |runtime| runtime.block_on(ensure_template(&name, &all)));
    create(&template).await
}

/// Makes the template unless another test, thread or process has.
async fn ensure_template(template: &str, migrations: &[Migration]) {
    let (client, connection) =
        tokio_postgres::connect(&plain_url("postgres"), NoTls).await.expect("the cluster answers");
    tokio::spawn(connection);
    let run = async |sql: &str| client.simple_query(sql).await.expect("administration");
    run("SELECT pg_advisory_lock(7001)").await;
    let exists = client
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&template])
        .await
        .expect("administration")
        .is_some();
    if !exists {
        // Named at the end only: a run that dies half-way leaves no false template.
        let making = format!("{template}_making");
        run(&format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)")).await;
        run(&format!("CREATE DATABASE {making} TEMPLATE template0")).await;
        let store = Store::open(StoreConfig::postgres(url_of(&making))).await.expect("the template opens");
        store.migrate(migrations).await.expect("migrations apply");
        store.close().await;
        drop(store);
        run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{making}'")).await;
        // The server may take a moment to notice that the sessions are gone.
        let rename = format!("ALTER DATABASE {making} RENAME TO {template}");
        for _ in 0..200 {
            if client.simple_query(&rename).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    run("SELECT pg_advisory_unlock(7001)").await;
}

async fn create(template: &str) -> TestDatabase {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("bandmaster_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
    let statements = vec![
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name} TEMPLATE {template}"),
    ];
    on_thread(move |_| administer(&statements));
    TestDatabase { database: Database::Postgres { url: url_of(&name) }, folder: None, name: Some(name) }
}

/// Runs the statements as the superuser, each outside a transaction.
fn administer(statements: &[String]) {
    on_own_runtime(|runtime| {
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&plain_url("postgres"), NoTls).await.expect("the cluster answers");
            tokio::spawn(connection);
            for sql in statements {
                // Copies of one template made at once get in each other's way.
                let mut result = client.simple_query(sql).await;
                for _ in 0..100 {
                    if result.is_ok() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    result = client.simple_query(sql).await;
                }
                if let Err(error) = result {
                    panic!("{sql}: {:?}", error.as_db_error());
                }
            }
        });
    });
}

fn on_own_runtime<T>(work: impl FnOnce(&tokio::runtime::Runtime) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    work(&runtime)
}

/// Runs the work on a thread and runtime of its own, whatever the caller's is.
fn on_thread(work: impl FnOnce(&tokio::runtime::Runtime) + Send + 'static) {
    std::thread::spawn(move || on_own_runtime(work)).join().expect("administration");
}

fn key_of(migrations: &[Migration]) -> String {
    let mut hash = Sha256::new();
    for m in migrations {
        hash.update(m.number.to_be_bytes());
        hash.update(m.name.as_bytes());
        hash.update(m.digest());
    }
    let mut key = bandmaster_core::text::hex(&hash.finalize());
    key.truncate(20);
    key
}

/// The cluster's address with another database.
fn url_of(name: &str) -> String {
    let url = cluster_url();
    let (base, query) = url.split_once('?').unwrap_or((&url, ""));
    let (server, _) = base.rsplit_once('/').expect("an address with a database");
    if query.is_empty() { format!("{server}/{name}") } else { format!("{server}/{name}?{query}") }
}

/// Without the options that only the store understands.
fn plain_url(name: &str) -> String {
    crate::pg::tls::split_options(&url_of(name)).0
}
