//! The agent against a small server that speaks the protocol, with real processes. One file per
//! subject; `server.rs` is the server, `rig.rs` what the tests have in common.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod files;
mod python;
mod restart;
mod rig;
mod run;
mod server;
mod stop;
