//! Benchmarks of the server against yardsticks, and the fault harness that kills it under load.
//!
//! Everything here sees the server from outside: the real binary, started as a process, over HTTP. Only prefilling and
//! the checks after faults touch its database. `docs/benchmarks.md` tells how to repeat a run.
//!
//! - `benches`: what is measured; `yardsticks`: what it is held against. A yardstick is not changed to look better.
//! - `faults`: load, kills, the journal of what was acknowledged, and the verdict.
//! - `product`, `cluster`, `http`, `api`, `robot`, `stage`, `prefill`: the server, PostgreSQL, and their callers.

pub mod api;
pub mod benches;
pub mod cli;
pub mod cluster;
pub mod context;
pub mod crowd;
pub mod faults;
pub mod http;
pub mod measure;
pub mod prefill;
pub mod product;
pub mod robot;
pub mod stage;
pub mod yardsticks;
