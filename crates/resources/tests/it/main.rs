//! Assets, credential stores and attachments through the HTTP API, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod assets;
mod attachments;
mod links;
mod robots;
mod secrecy;
mod stores;
mod uploads;
mod values;
mod world;
