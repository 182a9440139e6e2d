//! Jobs and robots over HTTP in process, on both databases, with a clock moved by hand and robots that are scripted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dispatching;
mod operations;
mod protocol;
mod races;
mod starting;
mod whole;
mod world;
