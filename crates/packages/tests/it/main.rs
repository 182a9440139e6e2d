//! Black-box tests of packages, libraries, feeds, processes and the NuGet surface, through the dispatcher with the real
//! gate, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod described;
mod form;
mod world;

mod feeds;
mod files;
mod hostile;
mod jobs;
mod libraries;
mod nuget;
mod packages;
mod releases;
mod retention;
mod versions;
mod workspaces;
