//! Black-box tests of queues, on SQLite and PostgreSQL.

mod definitions;
mod items;
mod transactions;
