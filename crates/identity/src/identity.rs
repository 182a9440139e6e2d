//! The state of the identity service on one node: keys, caches, the threads that hash passwords. Everything here can
//! be lost and is made again from the database.

use crate::applications::Proof;
use crate::authenticate::Verified;
use crate::keys::Keys;
use crate::outside::Known;
use crate::password::{Cost, Hasher};
use crate::throttle::Throttle;
use crate::watch::Watch;
use bandmaster_api::App;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use moka::sync::Cache;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Verified credentials remembered at once.
const REMEMBERED: u64 = 20_000;

/// Applications with their secrets remembered at once.
const REMEMBERED_PROOFS: u64 = 5_000;

/// Settings of the service.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Passwords hashed at the same time; each needs the cost's memory.
    pub hashing_threads: usize,
    /// How dear a password's hash is. Stored hashes keep their own until the next sign-in.
    pub cost: Cost,
}

impl Default for Options {
    fn default() -> Options {
        Options { hashing_threads: 2, cost: Cost::default() }
    }
}

/// The identity service of a node. Cheap to clone; the server puts one clone into `App::parts` and another, boxed,
/// into `App::authenticator`.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    keys: Keys,
    hasher: Hasher,
    throttle: Throttle,
    devices: Throttle,
    watch: Watch,
    outside: Known,
    verified: Cache<[u8; 32], Arc<Verified>>,
    proofs: Cache<(String, String), (i64, Arc<Proof>)>,
    used_tokens: Mutex<HashMap<i64, Micros>>,
}

impl Identity {
    /// A service without anything in its caches.
    pub fn new(options: Options) -> Identity {
        Identity(Arc::new(Inner {
            keys: Keys::default(),
            hasher: Hasher::new(options.cost, options.hashing_threads),
            throttle: Throttle::default(),
            devices: Throttle::default(),
            watch: Watch::default(),
            outside: Known::default(),
            verified: Cache::new(REMEMBERED),
            proofs: Cache::new(REMEMBERED_PROOFS),
            used_tokens: Mutex::default(),
        }))
    }

    /// The service of the server. Fails when the server was put together without one.
    pub fn of(app: &App) -> Result<&Identity> {
        app.parts.get::<Identity>().ok_or_else(|| Error::internal("the server has no identity service"))
    }

    /// Keys that sign and verify tokens.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The threads that hash passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Counts what addresses ask for in the name of devices.
    pub(crate) fn devices(&self) -> &Throttle {
        &self.0.devices
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.0.watch
    }

    pub(crate) fn outside(&self) -> &Known {
        &self.0.outside
    }

    pub(crate) fn verified(&self) -> &Cache<[u8; 32], Arc<Verified>> {
        &self.0.verified
    }

    /// Applications that have shown a secret, by client id and the secret's keyed hash, with the version of all
    /// credentials at that time.
    pub(crate) fn proofs(&self) -> &Cache<(String, String), (i64, Arc<Proof>)> {
        &self.0.proofs
    }

    /// Notes that a personal access token was used; written down later, in one go.
    pub(crate) fn token_used(&self, id: i64, at: Micros) {
        self.0.used_tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(id, at);
    }

    pub(crate) fn take_used_tokens(&self) -> HashMap<i64, Micros> {
        std::mem::take(&mut *self.0.used_tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}
