//! Black-box tests of what no feature owns: addresses, headers, envelopes, repetition, documents, probes, data folder.

mod addresses;
mod documents;
mod folder;
mod matrix;
mod process;
mod repetition;
mod requests;
