//! The fleet over HTTP: machines, secrets, robots, sessions, machines in folders, licences.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folders;
mod licences;
mod machines;
mod robots;
mod sessions;
mod world;
