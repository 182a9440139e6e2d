//! Black-box tests of what no feature owns: addresses, headers, envelopes, repetition, documents, probes, data folder,
//! secrets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod addresses;
mod documents;
mod explain;
mod folder;
mod foreign;
mod leaving;
mod matrix;
mod nodes;
mod planted;
mod probe;
mod process;
mod repetition;
mod requests;
mod rush;
mod secrets;
mod tls;
mod upgrade;
