//! Tests of the whole way from option text to rows, on a small made-up model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod binding;
mod equivalence;
mod fixture;
mod lists;
mod metadata;
mod options;
mod random;
mod routes;
mod rows;
mod statements;
mod syntax;
