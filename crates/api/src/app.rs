//! What a running server consists of, as seen by operations and duties.

use crate::gate::{Authenticator, Gate};
use crate::gather::Gathered;
use crate::metrics::Metrics;
use crate::nudges::Nudges;
use bandmaster_core::{Clock, Ids, KeyRing};
use bandmaster_store::Store;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Settings that operations ask for. How they are read from files and flags is the server crate's business.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address under which clients reach the server, without a trailing slash; `None`: take the request's.
    pub public_url: Option<String>,
    /// Believe `Forwarded`/`X-Forwarded-*` headers of the peer.
    pub trust_proxy: bool,
    /// The API version reported to clients, for example `20.0`.
    pub api_version: String,
    /// Refuse unknown members of bodies.
    pub strict_bodies: bool,
    /// Largest JSON body in bytes.
    pub max_json_bytes: usize,
    /// Largest uploaded file in bytes.
    pub max_upload_bytes: u64,
    /// Folder for files (packages, attachments) when they are stored locally.
    pub files: PathBuf,
    /// Version of the product for `/api/Status/Version`.
    pub product_version: String,
    /// Origins allowed to call from a browser, besides the command line's own sign-in pages.
    pub cors_origins: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            public_url: None,
            trust_proxy: false,
            api_version: "20.0".into(),
            strict_bodies: false,
            max_json_bytes: 32 << 20,
            max_upload_bytes: 1 << 30,
            files: PathBuf::from("files"),
            product_version: env!("CARGO_PKG_VERSION").into(),
            cors_origins: Vec::new(),
        }
    }
}

/// The server's parts. Shared by all requests and duties.
pub struct App {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness and ids.
    pub ids: Arc<dyn Ids>,
    /// Keys for secrets at rest.
    pub keys: KeyRing,
    /// Settings.
    pub settings: Settings,
    /// Wakes duties and waiting callers.
    pub nudges: Nudges,
    /// Numbers about what happens.
    pub metrics: Metrics,
    /// Fires when the server is asked to stop.
    pub stopping: CancellationToken,
    /// Who a caller is.
    pub authenticator: Box<dyn Authenticator>,
    /// What a caller may do.
    pub gate: Box<dyn Gate>,
    /// Parts that features bring along, by their type.
    pub parts: Parts,
    /// Work of many callers that is done together.
    pub gathered: Gathered,
}

/// Parts of features: at most one of each type.
#[derive(Default)]
pub struct Parts(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Parts {
    /// Adds a part, replacing one of the same type.
    pub fn insert<T: Any + Send + Sync>(&mut self, part: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(part));
    }

    /// The part of a type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>()).and_then(|p| p.downcast_ref())
    }
}
