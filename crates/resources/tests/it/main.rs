//! Assets, credential stores, attachments and buckets through the HTTP API, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod assets;
mod attachments;
mod bucket_files;
mod buckets;
mod links;
mod robots;
mod secrecy;
mod stores;
mod uploads;
mod values;
mod world;
