//! The way to addresses that users have chosen (mail servers, identity providers, webhooks): guarded, so that nobody
//! makes the server talk to what only the server can reach.
//!
//! A name is resolved here, *every* address it has must be permitted ([`Allowed`]), and the connection goes to one of
//! exactly those addresses: a second answer of the name server plays no part. Redirects are answers like others and
//! are not followed, proxies of the environment are not used, time and sizes are bounded. What the server's own
//! configuration names (database, mail server) is trusted and does not come by here.

mod addresses;
mod connect;
mod http;
mod names;
mod trouble;

#[cfg(test)]
mod tests;

pub use addresses::Allowed;
pub use connect::address_of;
pub use http::{Answer, Sent};
pub use names::{Names, SystemNames};
pub use reqwest::{Method, Url};
pub use rustls::pki_types::CertificateDer;
pub use trouble::Trouble;

use crate::app::App;
use bandmaster_core::{Error, Result};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The guarded client of a server, a part of the app. Cheap to clone.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    allowed: Arc<Allowed>,
    names: Arc<dyn Names>,
    authorities: Vec<CertificateDer<'static>>,
    patience: Duration,
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, Trouble>>,
    checked: OnceLock<Result<reqwest::Client, Trouble>>,
    unchecked: OnceLock<Result<reqwest::Client, Trouble>>,
}

impl Outgoing {
    /// A client. `authorities` are trusted besides those of the machine; `patience` bounds each connection or exchange as a
    /// whole, from the name to the last byte.
    pub fn new(allowed: Allowed, authorities: Vec<CertificateDer<'static>>, patience: Duration) -> Outgoing {
        Outgoing::with_names(allowed, authorities, patience, Arc::new(SystemNames::default()))
    }

    /// The same with another way to resolve names.
    pub fn with_names(
        allowed: Allowed,
        authorities: Vec<CertificateDer<'static>>,
        patience: Duration,
        names: Arc<dyn Names>,
    ) -> Outgoing {
        Outgoing(Arc::new(Inner {
            allowed: Arc::new(allowed),
            names,
            authorities,
            patience,
            tls: OnceLock::new(),
            checked: OnceLock::new(),
            unchecked: OnceLock::new(),
        }))
    }

    /// The client of the server. Fails when the server was put together without one.
    pub fn of(app: &App) -> Result<&Outgoing> {
        app.parts.get::<Outgoing>().ok_or_else(|| Error::internal("the server has no outgoing client"))
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outgoing")
    }
}
