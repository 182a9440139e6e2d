//! Black-box tests of the identity service: whole requests through the dispatcher, on SQLite and on PostgreSQL, with
//! stand-ins for the crates that identity asks about tenants, machines and jobs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod world;
mod browser;

mod accounts;
mod applications;
mod authorize;
mod device;
mod discovery;
mod guessing;
mod hostile;
mod keys;
mod legacy;
mod machines;
mod mail;
mod managing;
mod outside;
mod personal;
mod refresh;
mod token;
