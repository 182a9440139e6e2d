//! The test kit: a whole server in process with a fresh database and a clock moved by hand, and clients that hold
//! every answer against the description of its operation. For tests only; it panics freely.
//!
//! ```ignore
//! bandmaster_testkit::suite! {
//!     async fn creates_an_asset(server: &TestServer) {
//!         let admin = server.admin();
//!         admin.post("/odata/Assets", json!({"Name": "a", "ValueScope": "Global"})).await.expect(201);
//!     }
//! }
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod client;
mod server;
mod tested;
pub mod wait;

pub use client::{Client, Reply};
pub use server::{ADMIN_PASSWORD, Backend, TestServer, all_scopes};

pub use serde_json::{Value, json};

/// Declares tests that run on SQLite and on PostgreSQL. Each is a module `name` with the tests `sqlite` and
/// `postgres`.
#[macro_export]
macro_rules! suite {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident: &TestServer) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($server: &$crate::TestServer) $body

            #[test]
            fn sqlite() {
                $crate::TestServer::run($crate::Backend::Sqlite, |server| Box::pin(async move { test(&server).await }));
            }

            #[test]
            fn postgres() {
                $crate::TestServer::run($crate::Backend::Postgres, |server| Box::pin(async move { test(&server).await }));
            }
        }
    )* };
}
