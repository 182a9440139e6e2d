//! Black-box tests of what no feature owns: addresses, headers, envelopes, repetition, documents, probes, data folder.

mod addresses;
mod documents;
mod folder;
mod repetition;
mod requests;
