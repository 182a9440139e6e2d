//! The server as a whole: configuration, wiring of the features, listener, command line, quickstart. Rules of
//! resources do not live here.

mod admin;
mod backup;
pub mod cli;
pub mod config;
pub mod data;
mod documents;
mod listen;
pub mod logging;
mod quickstart;
mod routes;
mod signals;
pub mod start;
mod wiring;

pub use admin::execute;
pub use wiring::registry;
