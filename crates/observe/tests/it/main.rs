//! Black-box tests of logs, settings, statistics and status, on SQLite and PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod chain;
mod exports;
mod for_clients;
mod ingest;
mod logs;
mod own_settings;
mod plans;
mod reachability;
mod secrets;
mod settings;
mod stats;
mod status;
mod world;
