//! Black-box tests of tenants, folders, roles and accounts, through the dispatcher, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod described;
mod harness;

mod folders;
mod gate;
mod gone;
mod roles;
mod tenants;
mod units;
mod users;
mod workspaces;
