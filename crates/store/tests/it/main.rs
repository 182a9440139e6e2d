//! Tests of the store on both engines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod both;
mod cancel;
mod crash;
mod disk;
mod faults;
mod groups;
mod migrations;
mod postgres;
mod readers;
mod support;
