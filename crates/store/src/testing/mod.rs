//! Fresh databases for tests, of this crate and of others (feature `testing`).
//!
//! [`sqlite`] and [`postgres`] give an empty database, the `_migrated` forms a
//! copy of one that was migrated once. Each lives as long as its
//! [`TestDatabase`]. [`for_each_database`] runs one suite on both.
//!
//! PostgreSQL is Debian's package: a private cluster per test process, or the
//! one that `BANDMASTER_TEST_PG_URL` names (a superuser's address, as printed by
//! [`cluster_url`] of a process that keeps running). A missing server fails the
//! test; it is not skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod databases;
pub mod faults;

use std::future::Future;

pub use cluster::cluster_url;
pub use databases::{TestDatabase, postgres, postgres_migrated, sqlite, sqlite_migrated};

use crate::{Dialect, Migration, Store};

/// Runs the suite on a fresh migrated SQLite file, then on a fresh migrated
/// PostgreSQL database. The store is closed afterwards.
pub async fn for_each_database<F, Fut>(migrations: &[Migration], suite: F)
where
    F: Fn(Store) -> Fut,
    Fut: Future<Output = ()>,
{
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let database = match dialect {
            Dialect::Sqlite => sqlite_migrated(migrations).await,
            Dialect::Postgres => postgres_migrated(migrations).await,
        };
        let store = database.store().await;
        suite(store.clone()).await;
        store.close().await;
    }
}
